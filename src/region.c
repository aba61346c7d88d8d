/*
 * Blocks of a tensor in memory of any layout: rows of consecutive elements. Long rows that are contiguous in memory are
 * ranges. Others are drawn several at a time, from a list of the Philox blocks that they touch: in place, as far as a row
 * holds whole groups of them, and otherwise by way of a tile that stays in the caches.
 */
#include <stdint.h>
#include <string.h>

#include "fill.h"
#include "fpenv.h"
#include "move.h"

enum {
    /* Elements that a thread takes at a time: some ten microseconds with fast kernels. */
    CHUNK = 1 << 14,
    /* From here on a row that is a range of its own loses less to its ends than to the way through a tile. */
    LONG_ROW = 512,
    /* Blocks of a tile, whose values are in the frame: smaller ones let the kernels' pipelines run dry more often. */
    TILE_BLOCKS = 768,
    TILE_BYTES = TILE_BLOCKS * 16,
    TILE_ROWS = TILE_BLOCKS / 4,
    /* Where memory runs down columns that are longer, a tile is this narrow, and so high: long enough runs for the caches,
       which columns a power of two apart would otherwise fill up, in whole cache lines. */
    COLUMN_BLOCKS = 8,
    COLUMN = TILE_BLOCKS / (COLUMN_BLOCKS + 1),
    COLUMN_UNIT = 32,
    /* Of a long row that is not contiguous so many elements are drawn, then moved, or half of them if there are gaps: the
       pipelines run dry after each piece, but while one is drawn, memory fetches the cache lines that it goes to, as many at a
       time as CPUs can ask for. */
    PIECE = 512,
    LINE = 64,
    LINES_AHEAD = 12,
    /* Some blocks may be drawn twice; see fill_in_place. */
    LIST_BLOCKS = TILE_BLOCKS / 4 * 5,
    /* Groups that are drawn in one go: those of a row, and, where they are of four blocks or more, those of a tile. Smaller
       groups are the portable kernels', which have no pipeline to run dry. */
    LIST_GROUPS = LONG_ROW / 2,
    /* Ends of rows that are drawn in one go: all of a tile, likewise, since its rows are two groups wide. */
    ROW_ENDS = TILE_BLOCKS / 4,
};

_Static_assert((int)CHUNK >= TILE_BLOCKS * 4, "a chunk holds a tile of four elements a block");
_Static_assert((int)LIST_GROUPS > LIST_BLOCKS / 4, "a tile's groups of four blocks are drawn in one go");

/* ---- The region of an array ---------------------------------------------------------------------------------------- */

/* Drops the axes of one element and merges those that are one, in the tensor and in memory; returns how many are left. */
static int merge_axes(fi_axis *axis, int axes) {
    int kept = 0;
    for (int i = 0; i < axes; i++) {
        fi_axis inner = axis[i];
        if (inner.size == 1) continue;
        if (kept && axis[kept - 1].step == inner.step * inner.size &&
            (size_t)axis[kept - 1].stride == (size_t)inner.stride * inner.size) {
            inner.size *= axis[--kept].size;
        }
        axis[kept++] = inner;
    }
    return kept;
}

/* Puts the axis with the smallest strides last; equal ones keep their order. */
static void sort_by_stride(fi_axis *axis, int axes) {
    for (int i = 1; i < axes; i++) {
        const fi_axis moved = axis[i];
        int to = i;
        for (; to > 0 && fi_distance(axis[to - 1].stride) < fi_distance(moved.stride); to--) axis[to] = axis[to - 1];
        axis[to] = moved;
    }
}

static int is_aligned(const fi_region *region, size_t size) {
    size_t all = (size_t)(uintptr_t)region->data;
    for (int i = 0; i < region->row_axes; i++) all |= fi_distance(region->axis[i].stride);
    return (all & (size - 1)) == 0; /* sizes are powers of two */
}

/* The most blocks that a number of consecutive elements touch. */
static size_t blocks_touched(size_t elements, unsigned shift) { return (elements + (2u << shift) - 2) >> shift; }

/* Whether each row starts with a block. */
static int starts_blocks(const fi_region *region, unsigned shift) {
    uint64_t all = region->first;
    for (int i = 0; i < region->row_axes; i++) all |= region->axis[i].step;
    return (all & ((1u << shift) - 1)) == 0;
}

/* Whether memory runs down the columns. */
static int columns_first(const fi_region *region) {
    const fi_axis *const row = &region->axis[region->row_axes];
    return region->rows > 1 && fi_distance(row->stride) > fi_distance(row[-1].stride);
}

/*
 * The size of a tile. Where memory runs down the columns it holds whole ones, if they are short, or a part of a few. The first
 * parts are shorter if the others then begin with a cache line.
 */
static void set_tile(fi_region *region, unsigned shift, size_t size) {
    const fi_axis *const row = &region->axis[region->row_axes];
    const size_t height = columns_first(region) ? row[-1].size : 1;
    const size_t extra = starts_blocks(region, shift) ? 0 : 1; /* blocks that a row touches beyond its width */
    const size_t most_blocks = height == 1       ? TILE_BLOCKS - extra
                               : height < COLUMN ? TILE_BLOCKS / (unsigned)height - extra
                                                 : COLUMN_BLOCKS;
    region->tile_width = fi_smaller(row->size, most_blocks << shift);
    const size_t blocks = ((region->tile_width - 1) >> shift) + 1 + extra;
    region->tile_rows = region->rows;
    if (region->rows <= TILE_ROWS && region->rows * blocks <= TILE_BLOCKS) return;
    const size_t most_rows = fi_smaller(TILE_BLOCKS / (unsigned)blocks, TILE_ROWS);
    region->tile_rows = most_rows;
    if (height > 1) {
        const size_t unit = height <= most_rows ? height : most_rows < COLUMN_UNIT ? 1 : COLUMN_UNIT;
        region->tile_rows -= most_rows % (unsigned)unit;
        if (unit == COLUMN_UNIT && row[-1].stride == (ptrdiff_t)size) {
            region->rows_before = (uintptr_t)region->data % LINE / size;
        }
    }
}

/* The tiles that all rows are, one below the other. */
static size_t row_tiles(const fi_region *region) {
    return fi_parts(region->rows + region->rows_before, region->tile_rows);
}

static void set_tiles(fi_region *region, const fi_format *format) {
    const fi_axis *const row = &region->axis[region->row_axes];
    region->aligned_rows = row->stride == (ptrdiff_t)format->size && is_aligned(region, format->size);
    region->whole_rows = region->rows == 1 || (row->size >= LONG_ROW && !columns_first(region));
    region->rows_before = 0;
    if (region->whole_rows) {
        region->tile_width = fi_smaller(row->size, CHUNK);
        region->tile_rows = 1;
    } else {
        set_tile(region, format->block_shift, format->size);
    }
    const size_t tiles = row_tiles(region) * fi_parts(row->size, region->tile_width);
    region->chunk_tiles = tiles == 1 ? 1 : CHUNK / (region->tile_rows * region->tile_width);
    region->chunks = fi_parts(tiles, region->chunk_tiles);
}

fi_refusal fi_check_block(int axes, const ptrdiff_t *shape, const uint64_t *offset, const uint64_t *global_shape,
                          uint64_t elements_max) {
    uint64_t elements = 1;
    int is_empty = 0, too_many = 0;
    for (int axis = 0; axis < axes; axis++) {
        const uint64_t size = (uint64_t)shape[axis], whole = global_shape ? global_shape[axis] : size;
        if (shape[axis] < 0) return FI_REFUSED_SHAPE;
        if (size > whole || (offset && offset[axis] > whole - size)) return FI_REFUSED_OFFSET;
        is_empty |= whole == 0;
        too_many |= (elements | whole) >> 31 && whole != 0 && elements > elements_max / whole; /* few divisions */
        if (!is_empty && !too_many) elements *= whole;
    }
    return too_many && !is_empty ? FI_REFUSED_SIZE : FI_ACCEPTED;
}

void fi_set_region(fi_region *region, fi_dtype dtype, void *data, int axes, const ptrdiff_t *shape,
                   const ptrdiff_t *strides, const uint64_t *offset, const uint64_t *global_shape, fi_axis *axis) {
    const fi_format *const format = &fi_formats[dtype];
    uint64_t step = 1;
    region->data = data;
    region->first = 0;
    region->count = 1;
    region->chunks = 0;
    region->streams = (fi_streams){.count = 1};
    region->axis = axis;
    for (int i = 0; i < axes; i++) region->count *= (size_t)shape[i];
    if (region->count == 0) return;

    for (int i = axes - 1; i >= 0; i--) {
        axis[i] = (fi_axis){(size_t)shape[i], step, strides[i]};
        if (offset) region->first += offset[i] * step;
        step *= global_shape ? global_shape[i] : (uint64_t)shape[i];
    }
    axes = merge_axes(axis, axes);
    if (axes == 0 || axis[axes - 1].step != 1) axis[axes++] = (fi_axis){1, 1, (ptrdiff_t)format->size};
    region->row_axes = axes - 1;
    region->rows = 1;
    for (int i = 0; i < region->row_axes; i++) region->rows *= axis[i].size;
    sort_by_stride(axis, region->row_axes);
    set_tiles(region, format);
}

void fi_start_region_at(fi_region *region, fi_dtype dtype, uint64_t first) {
    region->first += first;
    if (region->count) set_tiles(region, &fi_formats[dtype]); /* rows may start inside blocks now */
}

/* ---- Rows ---------------------------------------------------------------------------------------------------------- */

/* A row of a region. */
typedef struct {
    uint64_t first; /* its first element, */
    char *data;     /* and where that lies */
    size_t at[FI_AXES_MAX];
} cursor;

static void seek_row(cursor *row, const fi_region *region, size_t number) {
    row->first = region->first;
    row->data = region->data;
    for (int i = region->row_axes - 1; i >= 0; i--) {
        const fi_axis *axis = &region->axis[i];
        row->at[i] = 0;
        if (number == 0) continue; /* nothing to divide: so it begins, and so it mostly ends */
        row->at[i] = number % axis->size;
        row->first += row->at[i] * axis->step;
        row->data += (ptrdiff_t)row->at[i] * axis->stride;
        number /= axis->size;
    }
}

/* Moves on by count rows, which do not go beyond the end of the last axis. */
static void skip_rows(cursor *row, const fi_region *region, size_t count) {
    for (int i = region->row_axes - 1; i >= 0; i--, count = 1) {
        const fi_axis *axis = &region->axis[i];
        row->first += count * axis->step;
        row->data += (ptrdiff_t)count * axis->stride;
        row->at[i] += count;
        if (row->at[i] < axis->size) return;
        row->first -= axis->size * axis->step;
        row->data -= (ptrdiff_t)axis->size * axis->stride;
        row->at[i] = 0;
    }
}

/* Width elements of some rows, side by side. */
typedef struct {
    size_t rows, width;
    uint64_t step;             /* from the first element of each row to that of the next; 0: they differ */
    uint64_t first[TILE_ROWS]; /* the first of each row's elements, */
    char *data[TILE_ROWS];     /* and where that lies */
} tile;

static void locate_rows(tile *t, const fi_region *region, size_t number, size_t column) {
    const int last = region->row_axes - 1;
    cursor row;
    seek_row(&row, region, number);
    row.first += column;
    row.data += (ptrdiff_t)column * region->axis[region->row_axes].stride;
    t->step = 0;
    t->first[0] = row.first;
    t->data[0] = row.data;
    for (size_t done = 0, part; last >= 0 && done < t->rows; done += part) {
        const fi_axis *const axis = &region->axis[last];
        part = fi_smaller(t->rows - done, axis->size - row.at[last]);
        if (part == t->rows) t->step = axis->step;
        for (size_t i = 0; i < part; i++) {
            t->first[done + i] = row.first + i * axis->step;
            t->data[done + i] = row.data + (ptrdiff_t)i * axis->stride;
        }
        skip_rows(&row, region, part);
    }
}

/* ---- Drawing ------------------------------------------------------------------------------------------------------- */

/*
 * The values of some rows: groups of blocks that lie within a row are drawn in place, other blocks into values. All that are
 * listed share their index's high word.
 */
typedef struct {
    fi_run run;
    fi_kernel *draw;
    size_t group_blocks, block_size;
    size_t most_inner; /* blocks that LIST_GROUPS groups have */
    int started;
    uint64_t high;        /* of the blocks listed */
    size_t values_done;   /* blocks */
    size_t inner, groups; /* blocks listed for a place in the array, and how many groups that are */
    size_t rest;          /* blocks listed for values: in the list, */
    uint32_t *rest_list;  /* or, if that holds blocks for a place in the array, where the values will be */
    int in_place;         /* which of the two */
    union {
        struct {
            /* Blocks are drawn in whole groups; the last may go beyond the list. */
            uint32_t list[LIST_BLOCKS + FI_GROUP_BLOCKS_MAX];
            char *to[LIST_GROUPS]; /* where each group goes */
        };
        _Alignas(64) char stored[TILE_BYTES / 2]; /* once all is drawn: values as the array holds them */
    };
    union {
        _Alignas(64) char values[TILE_BYTES + FI_GROUP_MAX * sizeof(double)];
        uint32_t words[TILE_BYTES / sizeof(uint32_t)];
    };
} drawing;

static void start_drawing(drawing *d, const fi_kernels *kernels, const fi_fill *fill) {
    const fi_format *const format = &fi_formats[fill->dtype];
    fi_philox_seed(&d->run.philox, fill->seed);
    d->run.fill = fill;
    d->draw = kernels->draw[fill->draw][format->real][FI_STORE_LISTED];
    d->group_blocks = kernels->group_blocks;
    d->block_size = fi_value_size(format->real) << format->block_shift;
    d->most_inner = LIST_GROUPS * d->group_blocks;
    d->started = 0;
    d->groups = d->inner = d->rest = 0;
}

/* Begins with other values; those drawn before are of no use any more. */
static void start_values(drawing *d, int in_place) {
    d->in_place = in_place;
    d->rest_list = in_place ? d->words : d->list;
    d->values_done = 0;
}

/* Draws all that is listed, in one go, if there is room: the kernels' pipelines run dry at its end only. */
static void draw_listed(drawing *d) {
    const uint32_t *list = d->list;
    const size_t blocks = d->inner + d->rest, beyond = (0 - blocks) & (d->group_blocks - 1);
    const size_t group_size = d->group_blocks * d->block_size;
    char *next = d->values + d->values_done * d->block_size;
    if (d->in_place) memcpy(d->list + d->inner, d->rest_list, d->rest * sizeof *d->list);
    /* The last group goes beyond the blocks that are listed, into room among the values; those that come next go over it. */
    if (beyond) memset(d->list + blocks, 0, beyond * sizeof *d->list);
    size_t placed = d->groups;
    for (size_t left = fi_groups(blocks + beyond, d->group_blocks), n; left; left -= n, placed = 0) {
        n = fi_smaller(left, LIST_GROUPS);
        for (; placed < n; placed++, next += group_size) d->to[placed] = next;
        d->run.list = list;
        d->run.to = d->to;
        d->draw(NULL, &d->run, n);
        list += n * d->group_blocks;
    }
    d->values_done += d->rest;
    d->groups = d->inner = d->rest = 0;
    if (d->in_place) d->rest_list = d->words + d->values_done * d->block_size / sizeof *d->words;
}

/* Draws what is listed, if the block's index has another high word. */
static void turn_to(drawing *d, uint64_t block) {
    if (d->started && d->high == block >> 32) return;
    draw_listed(d);
    d->started = 1;
    d->high = block >> 32;
    fi_philox_seek(&d->run.philox, (uint32_t)d->high, d->run.fill->stream);
}

/* Lists the blocks of elements first to end for values; returns the place of the first element among these. */
static inline size_t list_values(drawing *d, uint64_t first, uint64_t end, unsigned shift) {
    const uint64_t last = (end - 1) >> shift;
    const size_t place = ((d->values_done + d->rest) << shift) + (size_t)(first & ((1u << shift) - 1));
    if (first >> shift == last && d->started && d->high == last >> 32) { /* the ends of most rows */
        d->rest_list[d->rest++] = (uint32_t)last;
        return place;
    }
    for (uint64_t block = first >> shift, next; block <= last; block = next) {
        next = (last >> 32 == block >> 32 ? last : block | UINT32_MAX) + 1;
        turn_to(d, block);
        fi_list_blocks(d->rest_list + d->rest, block, (size_t)(next - block));
        d->rest += (size_t)(next - block);
    }
    return place;
}

/* Lists whole groups of blocks, which share their index's high word, for a place in the array. */
static void list_in_place(drawing *d, uint64_t first, size_t blocks, char *to) {
    turn_to(d, first);
    if (d->inner + blocks > d->most_inner) draw_listed(d);
    for (size_t done = 0; done < blocks; done += d->group_blocks) {
        d->to[d->groups++] = to + done * d->block_size;
    }
    fi_list_blocks(d->list + d->inner, first, blocks);
    d->inner += blocks;
}

/*
 * Draws the tile's values. Returns whether its rows lie side by side, from the first value on; otherwise places tells where each
 * begins.
 */
static int draw_rows(drawing *d, const tile *t, unsigned shift, uint16_t *places) {
    const uint64_t mask = (1u << shift) - 1, block = t->first[0] >> shift, reach = t->width - 1;
    uint64_t blocks_differ = (t->first[t->rows - 1] + reach) >> shift ^ block;
    uint64_t within_blocks = (t->first[0] | t->step) & mask, gaps = t->step && t->rows > 1 ? t->step ^ t->width : 0;
    for (size_t r = 0; r < t->rows && t->step == 0; r++) {
        blocks_differ |= (t->first[r] >> shift ^ block) | ((t->first[r] + reach) >> shift ^ block);
        within_blocks |= t->first[r] & mask;
        gaps |= t->first[r] ^ (t->first[0] + r * t->width);
    }
    int side_by_side = 0;
    if (blocks_differ >> 32) {
        for (size_t r = 0; r < t->rows; r++) {
            places[r] = (uint16_t)list_values(d, t->first[r], t->first[r] + t->width, shift);
        }
    } else if (!gaps) {
        const size_t place = list_values(d, t->first[0], t->first[0] + t->rows * t->width, shift);
        side_by_side = place == 0;
        for (size_t r = 0; r < t->rows && !side_by_side; r++) places[r] = (uint16_t)(place + r * t->width);
    } else { /* as many blocks for every row: rather one too many than to count */
        const size_t blocks = within_blocks ? blocks_touched(t->width, shift) : (t->width + mask) >> shift;
        turn_to(d, block);
        uint32_t *list = d->rest_list + d->rest;
        for (size_t r = 0; r < t->rows; r++, list += blocks) fi_list_blocks(list, t->first[r] >> shift, blocks);
        d->rest += t->rows * blocks;
        side_by_side = !within_blocks && blocks << shift == t->width;
        for (size_t r = 0; r < t->rows && !side_by_side; r++) {
            places[r] = (uint16_t)((r * blocks << shift) + (t->first[r] & mask));
        }
    }
    draw_listed(d);
    return side_by_side;
}

/* ---- Tiles --------------------------------------------------------------------------------------------------------- */

/* Has the caches ask for the first lines that count elements, stride apart, are written to. */
static void expect(const char *to, size_t count, ptrdiff_t stride) {
    const size_t distance = fi_distance(stride), apart = distance < LINE ? LINE : distance;
    const uintptr_t step = stride < 0 ? 0 - apart : apart;
    for (size_t i = 0; i < LINES_AHEAD && i * apart < count * distance; i++) {
        __builtin_prefetch((const void *)((uintptr_t)to + i * step), 1);
    }
}

/* Elements at an end of a row, or all of it, whose values have a place among the values. */
typedef struct {
    char *to;
    uint16_t place, count;
} row_end;

static row_end list_end(drawing *d, uint64_t first, uint64_t end, unsigned shift, char *to) {
    return (row_end){to, (uint16_t)list_values(d, first, end, shift), (uint16_t)(end - first)};
}

/* Draws what is listed, and moves the ends. */
static void draw_ends(drawing *d, const row_end *ends, size_t count, size_t size) {
    draw_listed(d);
    for (size_t i = 0; i < count; i++) fi_copy_row(ends[i].to, d->values + ends[i].place * size, ends[i].count * size);
    start_values(d, 1);
}

/*
 * Rows of the compute type, contiguous, aligned and two groups wide or more: the kernels write them, but for their ends. If
 * more than half of a group is left behind the last one, another that ends with the row's last block writes some of the same
 * values again.
 */
static void fill_in_place(drawing *d, const tile *t, const fi_format *format) {
    const unsigned shift = format->block_shift;
    const size_t group = d->group_blocks, size = format->size;
    row_end ends[ROW_ENDS];
    size_t n = 0;
    for (size_t r = 0; r < t->rows; r++) {
        const uint64_t first = t->first[r], end = first + t->width;
        const uint64_t inner = (first + (1u << shift) - 1) >> shift; /* the first block within the row */
        const size_t blocks = (size_t)((end >> shift) - inner);      /* and how many are, a group at least */
        const size_t in_groups = blocks & ~(group - 1);
        char *const data = t->data[r], *const inner_data = data + ((inner << shift) - first) * size;
        if (n + 2 > ROW_ENDS) {
            draw_ends(d, ends, n, size);
            n = 0;
        }
        if (inner >> 32 != (inner + blocks - 1) >> 32) {
            ends[n++] = list_end(d, first, end, shift, data);
            continue;
        }
        const size_t written = blocks - in_groups > group / 2 ? blocks : in_groups;
        const uint64_t rest = (inner + written) << shift;
        list_in_place(d, inner, in_groups, inner_data);
        if (written > in_groups) {
            list_in_place(d, inner + blocks - group, group, inner_data + (blocks - group) * d->block_size);
        }
        if (first != inner << shift) ends[n++] = list_end(d, first, inner << shift, shift, data);
        if (rest != end) ends[n++] = list_end(d, rest, end, shift, data + (rest - first) * size);
    }
    draw_ends(d, ends, n, size);
}

/* Any rows: their values are drawn, brought side by side, converted or added, and moved to where they belong. */
static void fill_by_tile(drawing *d, tile *t, const fi_kernels *kernels, const fi_format *format, fi_sink *sink,
                         int adds, ptrdiff_t stride) {
    const size_t value_size = fi_value_size(format->real), row_size = t->width * value_size;
    uint16_t places[TILE_ROWS];
    expect(t->data[0], t->width, stride);
    const int side_by_side = draw_rows(d, t, format->block_shift, places);
    if (!sink && stride == (ptrdiff_t)format->size) {
        for (size_t r = 0; r < t->rows; r++) {
            const size_t place = side_by_side ? r * t->width : places[r];
            fi_copy_row(t->data[r], d->values + place * value_size, row_size);
        }
        return;
    }
    for (size_t r = 0; !side_by_side && r < t->rows; r++) {
        fi_copy_row(d->values + r * row_size, d->values + places[r] * value_size, row_size);
    }
    fi_move move = {d->stored, t->data, stride, t->rows, t->width, format->size};
    if (!sink) {
        move.tile = d->values;
        kernels->scatter(&move);
        return;
    }
    /* As many rows at a time as there is room for, in equal parts, or a part of a row. */
    const size_t most = sizeof d->stored / format->size, slices = fi_parts(t->rows * t->width, most);
    const size_t most_rows = t->width < most ? fi_smaller(fi_parts(t->rows, slices), most / t->width) : 1;
    for (size_t r = 0, n; r < t->rows; r += n) {
        n = fi_smaller(t->rows - r, most_rows);
        for (size_t c = 0, w; c < t->width; c += w) {
            w = fi_smaller(t->width - c, most);
            move.rows = t->data + r;
            move.count = n;
            move.width = w;
            if (adds) kernels->gather(&move);
            sink(d->stored, d->values + (r * t->width + c) * value_size, n * w);
            kernels->scatter(&move);
            t->data[r] += (ptrdiff_t)w * stride;
        }
    }
}

/* ---- Chunks -------------------------------------------------------------------------------------------------------- */

static void fill_tiles(const fi_kernels *kernels, const fi_fill *fill, const fi_region *region, size_t first,
                       size_t end) {
    const size_t before = region->rows_before, column_tiles = row_tiles(region);
    const fi_format *const format = &fi_formats[fill->dtype];
    const int adds = fi_adds(fill), as_drawn = format->size == fi_value_size(format->real) && !adds;
    fi_sink *const sink = as_drawn ? NULL : kernels->sink[fill->dtype][adds];
    const fi_axis *const row = &region->axis[region->row_axes];
    drawing d;
    start_drawing(&d, kernels, fill);
    /* Down the rows first: what is side by side in memory is then written soon after. */
    for (size_t i = first; i < end; i++) {
        const size_t tile_column = column_tiles == 1 ? i : i / column_tiles;
        const size_t above = (i - tile_column * column_tiles) * region->tile_rows;
        const size_t column = tile_column * region->tile_width;
        const size_t top = above ? above - before : 0;
        tile t;
        t.rows = fi_smaller(region->rows, above + region->tile_rows - before) - top;
        t.width = fi_smaller(row->size - column, region->tile_width);
        locate_rows(&t, region, top, column);
        const int in_place = as_drawn && region->aligned_rows && t.width >= 2 * kernels->group[format->real];
        start_values(&d, in_place);
        if (in_place) {
            fill_in_place(&d, &t, format);
        } else {
            fill_by_tile(&d, &t, kernels, format, sink, adds, row->stride);
        }
    }
}

/* Elements stride apart, or not aligned: drawn side by side, and moved. */
static void fill_strided(const fi_kernels *kernels, const fi_fill *fill, uint64_t first, size_t count, char *to,
                         ptrdiff_t stride) {
    const size_t size = fi_formats[fill->dtype].size, piece = fi_distance(stride) > size ? PIECE / 2 : PIECE;
    _Alignas(LINE) char dense[PIECE * sizeof(double)];
    fi_move move = {dense, &to, stride, 1, 0, size};
    while (count) {
        move.width = fi_smaller(count, piece - first % piece);
        const ptrdiff_t reach = (ptrdiff_t)move.width * stride;
        if (fi_adds(fill)) {
            kernels->gather(&move); /* the lines of this piece are here now, those of the next are read soon */
            expect(to + reach, count - move.width, stride);
        } else {
            expect(to, move.width, stride);
        }
        fi_fill_range_inside(kernels, fill, first, move.width, dense);
        kernels->scatter(&move);
        first += move.width;
        count -= move.width;
        to += reach;
    }
}

static void fill_rows(const fi_kernels *kernels, const fi_fill *fill, const fi_region *region, size_t first,
                      size_t end) {
    const fi_axis *const axis = &region->axis[region->row_axes];
    const size_t parts = fi_parts(axis->size, region->tile_width);
    for (size_t t = first; t < end; t++) {
        const size_t column = t % parts * region->tile_width;
        const size_t count = fi_smaller(axis->size - column, region->tile_width);
        cursor row;
        seek_row(&row, region, t / parts);
        char *const to = row.data + (ptrdiff_t)column * axis->stride;
        if (region->aligned_rows) {
            fi_fill_range_inside(kernels, fill, row.first + column, count, to);
        } else {
            fill_strided(kernels, fill, row.first + column, count, to, axis->stride);
        }
    }
}

void fi_fill_block_chunk(const fi_kernels *kernels, const fi_fill *fill, const fi_region *region, size_t chunk) {
    if (fill->draw == FI_CONSTANT) {
        fi_fill_constant_chunk(&fill->value, region, chunk);
        return;
    }
    const size_t width = region->axis[region->row_axes].size;
    const size_t tiles = row_tiles(region) * fi_parts(width, region->tile_width);
    const size_t first = chunk * region->chunk_tiles, end = first + fi_smaller(tiles - first, region->chunk_tiles);
    const fi_fpenv caller = fi_fpenv_enter();
    if (!fi_fill_dense(kernels, fill, region, first, end)) {
        (region->whole_rows ? fill_rows : fill_tiles)(kernels, fill, region, first, end);
    }
    fi_fpenv_leave(caller);
}
