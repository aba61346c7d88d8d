/*
 * Constants: one value of any dtype, written to memory of any layout. An element is bytes here, and which of them is which
 * makes no difference: so the axes of a region stand in the order of memory, whatever the order of the tensor.
 */
#include <stdint.h>
#include <string.h>

#include "compiler.h"
#include "fill.h"
#include "strides.h"

enum {
    /* Bytes that a thread takes at a time. */
    CHUNK_BYTES = 1 << 18,
    /* Bytes of a work that count as one element of draws: what many threads gain begins later where memory is the limit. */
    BYTES_AN_ELEMENT = 16,
    /* Copied from the beginning of a row: what was just written lies in the first-level cache. */
    COPIED_BYTES = 1 << 12,
    /* From here on a row of elements side by side is repeated, not written one by one. */
    LONG_ROW_BYTES = 256,
};

/* ---- The region of an array ---------------------------------------------------------------------------------------- */

void fi_set_constant_region(fi_region *region, size_t size, void *data, int axes, const ptrdiff_t *shape,
                            const ptrdiff_t *strides, const fi_marks *marks, fi_axis *axis) {
    fi_steps steps[FI_AXES_MAX];
    const fi_bytes bytes = fi_bytes_of(&(fi_extent){data, size, axes, shape, strides}, steps);
    size_t elements = bytes.run / size;
    *region = (fi_region){.data = (char *)data - ((uintptr_t)data - (uintptr_t)bytes.place),
                          .streams = {.count = 1},
                          .axis = axis,
                          .marks = marks};
    if (elements == 0) return;
    axes = 0;
    for (int i = bytes.axes - 1; i >= 0; i--) {
        axis[axes++] = (fi_axis){bytes.axis[i].count, 0, (ptrdiff_t)bytes.axis[i].stride};
    }
    /* Elements side by side are a row; where there are none, the axis with the smallest stride is. */
    if (axes == 0 || bytes.run > size) axis[axes++] = (fi_axis){bytes.run / size, 0, (ptrdiff_t)size};
    for (int i = 0; i < bytes.axes; i++) elements *= bytes.axis[i].count;
    const fi_axis *const row = &axis[axes - 1];
    const size_t most = CHUNK_BYTES / size;
    region->count = elements * size / BYTES_AN_ELEMENT + 1;
    region->row_axes = axes - 1;
    region->rows = elements / row->size;
    region->tile_rows = 1;
    region->tile_width = fi_smaller(row->size, most);
    region->chunk_tiles = most / region->tile_width;
    region->chunks = fi_parts(region->rows * fi_parts(row->size, region->tile_width), region->chunk_tiles);
    if (marks && !fi_is_nested(&bytes)) { /* the chunks interlace, so that none knows which marks lie in it */
        region->tile_width = row->size;
        region->chunk_tiles = region->rows;
        region->chunks = 1;
    }
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

/* Rows of elements that are apart. Four at a time: a loop around one store runs at half the speed of stores. */
static ALWAYS_INLINE void spread(char *to, const fi_value *value, size_t rows, ptrdiff_t row_stride, size_t width,
                                 ptrdiff_t stride, size_t size) {
    char element[FI_VALUE_BYTES];
    memcpy(element, value->bytes, size);
    for (size_t r = 0; r < rows; r++) {
        char *at = to + (ptrdiff_t)r * row_stride;
        size_t left = width;
        for (; left >= 4; left -= 4, at += 4 * stride) {
            memcpy(at, element, size);
            memcpy(at + stride, element, size);
            memcpy(at + 2 * stride, element, size);
            memcpy(at + 3 * stride, element, size);
        }
        for (; left; left--, at += stride) memcpy(at, element, size);
    }
}

/* Rows of the same width, row_stride apart, as far as they go along one axis. */
static void write_rows(char *to, const fi_value *value, size_t rows, ptrdiff_t row_stride, size_t width,
                       ptrdiff_t stride) {
    const size_t size = value->size;
    if (stride == (ptrdiff_t)size && width * size >= LONG_ROW_BYTES) {
        for (size_t r = 0; r < rows; r++) repeat(to + (ptrdiff_t)r * row_stride, value, width);
    } else if (size == 1) {
        spread(to, value, rows, row_stride, width, stride, 1);
    } else if (size == 2) {
        spread(to, value, rows, row_stride, width, stride, 2);
    } else if (size == 4) {
        spread(to, value, rows, row_stride, width, stride, 4);
    } else if (size == 8) {
        spread(to, value, rows, row_stride, width, stride, 8);
    } else if (size == 16) {
        spread(to, value, rows, row_stride, width, stride, 16);
    } else { /* long doubles of other sizes, and pairs of them */
        spread(to, value, rows, row_stride, width, stride, size);
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

/* Writes those of the marks on a line, count of them, whose addresses are from first on and before end. */
static void mark_line(const fi_value *value, char *data, size_t count, ptrdiff_t stride, const char *first,
                      const char *end) {
    if (stride < 0) {
        data += (ptrdiff_t)(count - 1) * stride;
        stride = -stride;
    }
    const uintptr_t begin = (uintptr_t)data, from = (uintptr_t)first, until = (uintptr_t)end;
    const size_t step = stride ? (size_t)stride : 1; /* of a single mark it may be 0 */
    const size_t before = from <= begin ? 0 : fi_smaller(count, fi_parts(from - begin, step));
    const size_t last = until <= begin ? 0 : fi_smaller(count, fi_parts(until - begin, step));
    if (before < last) write_rows(data + (ptrdiff_t)before * stride, value, 1, 0, last - before, stride);
}

/* The marks of a chunk, whose elements' addresses are from first on and before end. */
static void write_marks(const fi_marks *marks, const char *first, const char *end) {
    for (int s = 0; s < marks->sets; s++) {
        const fi_mark_set *const set = &marks->set[s];
        const int outer = set->size[0] > set->size[1]; /* so that there are few lines */
        if (set->size[!outer] == 0) continue;
        for (size_t i = 0; i < set->size[outer]; i++) {
            mark_line(&marks->value, set->data + (ptrdiff_t)i * set->stride[outer], set->size[!outer],
                      set->stride[!outer], first, end);
        }
    }
}

/* Where a chunk begins; the one before ends there, if the axes are nested. */
static char *chunk_at(const fi_region *region, size_t chunk) {
    const fi_axis *const row = &region->axis[region->row_axes];
    const size_t row_tiles = fi_parts(row->size, region->tile_width), tile = chunk * region->chunk_tiles;
    size_t unused;
    return row_at(region, tile / row_tiles, &unused) + (ptrdiff_t)(tile % row_tiles * region->tile_width) * row->stride;
}

static void fill_chunk(const fi_value *value, const fi_region *region, size_t chunk) {
    const fi_axis *const row = &region->axis[region->row_axes];
    const size_t row_tiles = fi_parts(row->size, region->tile_width), tiles = region->rows * row_tiles;
    size_t tile = chunk * region->chunk_tiles, at;
    const size_t end = tile + fi_smaller(tiles - tile, region->chunk_tiles);
    if (row_tiles > 1) { /* a chunk is a part of a row */
        const size_t left = row->size - tile % row_tiles * region->tile_width;
        write_rows(chunk_at(region, chunk), value, 1, 0, fi_smaller(left, region->tile_width), row->stride);
        return;
    }
    for (size_t rows; tile < end; tile += rows) {
        char *const to = row_at(region, tile, &at);
        const fi_axis none = {1, 0, 0}, *const outer = region->row_axes ? row - 1 : &none;
        rows = fi_smaller(outer->size - at, end - tile);
        write_rows(to, value, rows, outer->stride, row->size, row->stride);
    }
}

void fi_fill_constant_chunk(const fi_value *value, const fi_region *region, size_t chunk) {
    fill_chunk(value, region, chunk);
    if (!region->marks) return;
    const int is_last = chunk == region->chunks - 1;
    write_marks(region->marks, chunk_at(region, chunk),
                is_last ? (const char *)UINTPTR_MAX : chunk_at(region, chunk + 1));
}

fi_value fi_value_of(const void *bytes, size_t size) {
    fi_value value = {.size = size, .is_one_byte = 1};
    memcpy(value.bytes, bytes, size);
    for (size_t i = 1; i < size; i++) value.is_one_byte &= value.bytes[i] == value.bytes[0];
    return value;
}

void fi_set_value(fi_fill *fill, const void *bytes, size_t size) {
    fill->draw = FI_CONSTANT;
    fill->accumulate = 0;
    fill->value = fi_value_of(bytes, size);
}

void fi_fill_constant(const fi_value *value, size_t count, void *out) {
    if (count) repeat(out, value, count);
}
