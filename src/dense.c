/* Blocks of a tensor whose short rows lie one behind the other in memory, as small blocks that are arrays of their own do. */
#include <string.h>

#include "compiler.h"
#include "fill.h"
#include "fpenv.h"

/* Philox blocks that are drawn in one go: few enough for a frame that is soon set up. */
enum { PIECE_BLOCKS = 256 };

/* Rows of a tensor, step apart in it, whose memory has no gaps. */
typedef struct {
    uint64_t first, step;
    size_t count, size;
} dense_rows;

/* Whether what is drawn, row after row, is what memory holds: whole blocks, all of which share their index's high word. */
static ALWAYS_INLINE int are_as_drawn(const dense_rows *rows, const fi_fill *fill) {
    const fi_format *const format = &fi_formats[fill->dtype];
    const uint64_t within_block = (1u << format->block_shift) - 1;
    const uint64_t last = rows->first + (rows->count - 1) * rows->step + (rows->size - 1);
    return format->size == fi_value_size(format->real) && !fi_adds(fill) &&
           ((rows->first | rows->step | rows->size) & within_block) == 0 &&
           (last ^ rows->first) >> format->block_shift >> 32 == 0;
}

/* The blocks of the rows, one after another. */
typedef struct {
    uint32_t next, skipped;         /* the low word of the next one's index, and what lies between two rows */
    size_t row_blocks, left_in_row; /* this row's that are still to come */
    size_t left;
} walk;

/* Lists as many blocks as there are or as a piece has; returns how many. */
static inline size_t list_piece(walk *w, uint32_t *list) {
    const size_t blocks = fi_smaller(w->left, PIECE_BLOCKS), row_blocks = w->row_blocks;
    const uint32_t skipped = w->skipped;
    size_t left_in_row = w->left_in_row;
    uint32_t next = w->next;
    for (size_t i = 0, part; i < blocks; i += part) {
        if (row_blocks >= 4) {
            part = fi_smaller(left_in_row, blocks - i);
            fi_list_blocks(list + i, next, part);
            next += (uint32_t)part;
            left_in_row -= part;
            if (left_in_row) continue;
            left_in_row = row_blocks;
            next += skipped;
            continue;
        }
        uint32_t four[4]; /* the last of which may go beyond the rows */
        part = 4;
        for (size_t j = 0; j < part; j++) {
            const int is_end = --left_in_row == 0;
            four[j] = next;
            next += is_end ? skipped + 1 : 1;
            left_in_row = is_end ? row_blocks : left_in_row;
        }
        const fi_four_words together = {four[0], four[1], four[2], four[3]};
        memcpy(list + i, &together, sizeof together);
    }
    w->next = next;
    w->left_in_row = left_in_row;
    w->left -= blocks;
    return blocks;
}

/* Such rows: the kernels write them. */
static ALWAYS_INLINE void fill_as_drawn(const fi_kernels *kernels, const fi_fill *fill, const dense_rows *rows,
                                        char *to) {
    const fi_format *const format = &fi_formats[fill->dtype];
    const unsigned shift = format->block_shift;
    const size_t block_size = format->size << shift, group_blocks = kernels->group_blocks;
    const size_t row_blocks = rows->size >> shift;
    const uint64_t block = rows->first >> shift;
    walk w = {(uint32_t)block, (uint32_t)((rows->step >> shift) - row_blocks), row_blocks, row_blocks,
              rows->count * row_blocks};
    uint32_t list[PIECE_BLOCKS + FI_GROUP_BLOCKS_MAX];
    char *places[PIECE_BLOCKS];
    _Alignas(64) char last[FI_GROUP_MAX * sizeof(double)]; /* the values of a group that goes beyond the rows */
    fi_run run;
    size_t blocks = list_piece(&w, list); /* first: a kernel waits until it is in the cache */
    fi_start_run(&run, fill);
    run.list = list;
    run.to = places;
    fi_philox_seek(&run.philox, (uint32_t)(block >> 32), fill->stream);
    for (; blocks; blocks = list_piece(&w, list)) {
        const size_t rest = blocks & (group_blocks - 1);
        size_t groups = fi_groups(blocks, group_blocks);
        for (size_t g = 0; g < groups; g++) places[g] = to + g * group_blocks * block_size;
        if (rest) {
            memset(list + blocks, 0, (group_blocks - rest) * sizeof *list);
            places[groups++] = last;
        }
        kernels->draw[fill->draw][format->real][FI_STORE_LISTED](NULL, &run, groups);
        to += blocks * block_size;
        if (rest) memcpy(to - rest * block_size, last, rest * block_size);
    }
}

int fi_fill_dense(const fi_kernels *kernels, const fi_fill *fill, const fi_region *region, size_t first, size_t end) {
    const fi_axis *const axis = region->axis;
    if (region->row_axes != 1 || region->whole_rows || !region->aligned_rows || region->tile_width != axis[1].size)
        return 0;
    if (axis->stride != (ptrdiff_t)(axis[1].size * fi_formats[fill->dtype].size)) return 0;
    const size_t begin = first * region->tile_rows, count = fi_smaller(end * region->tile_rows, region->rows) - begin;
    const dense_rows rows = {region->first + begin * axis->step, axis->step, count, axis[1].size};
    if (!are_as_drawn(&rows, fill)) return 0;
    fill_as_drawn(kernels, fill, &rows, region->data + (ptrdiff_t)begin * axis->stride);
    return 1;
}

int fi_fill_small_block(const fi_kernels *kernels, const fi_fill *fill, void *data, int axes, const ptrdiff_t *shape,
                        const uint64_t *offset, const uint64_t *global_shape) {
    dense_rows rows = {.count = 1, .size = 1};
    uint64_t step = 1;
    int is_row = 1; /* as long as all axes within are whole */
    for (int i = axes - 1; i >= 0; i--) {
        const size_t size = (size_t)shape[i];
        rows.first += offset[i] * step;
        if (is_row) {
            rows.size *= size;
            is_row = size == global_shape[i];
        } else if (size != 1) {
            if (rows.count != 1) return 0;
            rows.count = size;
            rows.step = step;
        }
        step *= global_shape[i];
    }
    if (rows.size == 0 || rows.count == 0 || (rows.count != 1 && !are_as_drawn(&rows, fill))) return 0;
    const fi_fpenv caller = fi_fpenv_enter();
    if (rows.count == 1) {
        fi_fill_range_inside(kernels, fill, rows.first, rows.size, data);
    } else {
        fill_as_drawn(kernels, fill, &rows, data);
    }
    fi_fpenv_leave(caller);
    return 1;
}
