/*
 * Constants: one value of any dtype, written to memory of any layout. An element is bytes here, and which of them is which
 * makes no difference: so the axes of a region stand in the order of memory, whatever the order of the tensor.
 */
#include <string.h>

#include "compiler.h"
#include "fill.h"

enum {
    /* Bytes that a thread takes at a time. */
    CHUNK_BYTES = 1 << 18,
    /* Bytes of a work that count as one element of draws: what many threads gain begins later where memory is the limit. */
    BYTES_AN_ELEMENT = 16,
    /* Copied from the beginning of a row: what was just written lies in the first-level cache. */
    COPIED_BYTES = 1 << 12,
};

/* ---- The region of an array ---------------------------------------------------------------------------------------- */

/* Puts the axes with the smallest strides last, makes all strides positive, drops axes of one element, merges neighbours. */
static int order_axes(fi_axis *axis, int axes, char **data) {
    int kept = 0;
    for (int i = 0; i < axes; i++) {
        fi_axis moved = axis[i];
        int to = kept;
        if (moved.size == 1) continue;
        if (moved.stride < 0) {
            *data += (ptrdiff_t)(moved.size - 1) * moved.stride;
            moved.stride = -moved.stride;
        }
        for (; to > 0 && axis[to - 1].stride < moved.stride; to--) axis[to] = axis[to - 1];
        axis[to] = moved;
        kept++;
    }
    axes = kept;
    kept = 0;
    for (int i = 0; i < axes; i++) {
        fi_axis inner = axis[i];
        if (kept && (size_t)axis[kept - 1].stride == (size_t)inner.stride * inner.size) {
            inner.size *= axis[--kept].size;
        }
        axis[kept++] = inner;
    }
    return kept;
}

void fi_set_constant_region(fi_region *region, size_t size, void *data, int axes, const ptrdiff_t *shape,
                            const ptrdiff_t *strides, fi_axis *axis) {
    size_t elements = 1;
    *region = (fi_region){.data = data, .axis = axis};
    for (int i = 0; i < axes; i++) {
        elements *= (size_t)shape[i];
        axis[i] = (fi_axis){(size_t)shape[i], 0, strides[i]};
    }
    if (elements == 0) return;
    axes = order_axes(axis, axes, &region->data);
    if (axes == 0) axis[axes++] = (fi_axis){1, 0, (ptrdiff_t)size};
    const fi_axis *const row = &axis[axes - 1];
    const size_t most = CHUNK_BYTES / size;
    region->count = elements * size / BYTES_AN_ELEMENT + 1;
    region->row_axes = axes - 1;
    region->rows = elements / row->size;
    region->tile_rows = 1;
    region->tile_width = fi_smaller(row->size, most);
    region->chunk_tiles = most / region->tile_width;
    region->chunks = fi_parts(region->rows * fi_parts(row->size, region->tile_width), region->chunk_tiles);
}

/* ---- Writing ------------------------------------------------------------------------------------------------------- */

/* Elements that lie side by side: the value once, and then what is there, twice as much each time. */
static void repeat(char *to, const fi_value *value, size_t count) {
    const size_t size = value->size, bytes = count * size;
    if (value->is_one_byte) {
        memset(to, value->bytes[0], bytes);
        return;
    }
    memcpy(to, value->bytes, size);
    for (size_t done = size, part; done < bytes; done += part) {
        part = fi_smaller(fi_smaller(done, COPIED_BYTES / size * size), bytes - done);
        memcpy(to + done, to, part);
    }
}

/* Rows of elements that are apart. */
static ALWAYS_INLINE void spread(char *to, const fi_value *value, size_t rows, ptrdiff_t row_stride, size_t width,
                                 ptrdiff_t stride, size_t size) {
    char bytes[FI_VALUE_BYTES];
    memcpy(bytes, value->bytes, size);
    for (size_t r = 0; r < rows; r++) {
        char *at = to + (ptrdiff_t)r * row_stride;
        for (size_t i = 0; i < width; i++, at += stride) memcpy(at, bytes, size);
    }
}

/* Rows of the same width, row_stride apart, as far as they go along one axis. */
static void write_rows(char *to, const fi_value *value, size_t rows, ptrdiff_t row_stride, size_t width,
                       ptrdiff_t stride) {
    if (stride == (ptrdiff_t)value->size && width * value->size >= COPIED_BYTES / 16) {
        for (size_t r = 0; r < rows; r++) repeat(to + (ptrdiff_t)r * row_stride, value, width);
        return;
    }
    switch (value->size) {
    case 1:
        spread(to, value, rows, row_stride, width, stride, 1);
        break;
    case 2:
        spread(to, value, rows, row_stride, width, stride, 2);
        break;
    case 4:
        spread(to, value, rows, row_stride, width, stride, 4);
        break;
    case 8:
        spread(to, value, rows, row_stride, width, stride, 8);
        break;
    case 16:
        spread(to, value, rows, row_stride, width, stride, 16);
        break;
    default:
        spread(to, value, rows, row_stride, width, stride, value->size);
        break;
    }
}

/* The place of a row; at becomes its number along the last of the axes that count rows. */
static char *row_at(const fi_region *region, size_t number, size_t *at) {
    char *place = region->data;
    *at = 0;
    for (int i = region->row_axes - 1; i >= 0; i--) {
        const fi_axis *const axis = &region->axis[i];
        const size_t here = number % axis->size;
        if (i == region->row_axes - 1) *at = here;
        place += (ptrdiff_t)here * axis->stride;
        number /= axis->size;
    }
    return place;
}

void fi_fill_constant_chunk(const fi_value *value, const fi_region *region, size_t chunk) {
    const fi_axis *const row = &region->axis[region->row_axes];
    const size_t row_tiles = fi_parts(row->size, region->tile_width), tiles = region->rows * row_tiles;
    size_t tile = chunk * region->chunk_tiles, at;
    const size_t end = tile + fi_smaller(tiles - tile, region->chunk_tiles);
    if (row_tiles > 1) { /* a chunk is a part of a row */
        const size_t column = tile % row_tiles * region->tile_width;
        char *const to = row_at(region, tile / row_tiles, &at) + (ptrdiff_t)column * row->stride;
        write_rows(to, value, 1, 0, fi_smaller(row->size - column, region->tile_width), row->stride);
        return;
    }
    for (size_t rows; tile < end; tile += rows) {
        char *const to = row_at(region, tile, &at);
        const fi_axis none = {1, 0, 0}, *const outer = region->row_axes ? row - 1 : &none;
        rows = fi_smaller(outer->size - at, end - tile);
        write_rows(to, value, rows, outer->stride, row->size, row->stride);
    }
}

void fi_set_value(fi_fill *fill, const void *bytes, size_t size) {
    const char *const first = bytes;
    fill->draw = FI_CONSTANT;
    fill->accumulate = 0;
    memcpy(fill->value.bytes, bytes, size);
    fill->value.size = size;
    fill->value.is_one_byte = 1;
    for (size_t i = 1; i < size; i++) fill->value.is_one_byte &= first[i] == first[0];
}

void fi_fill_constant(const fi_value *value, size_t count, void *out) {
    if (count) repeat(out, value, count);
}
