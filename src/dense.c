/* Blocks of a tensor whose short rows lie one behind the other in memory, as small blocks that are arrays of their own do. */
#include <string.h>

#include "fill.h"

/* Philox blocks that are drawn in one go: few enough for a frame that is soon set up. */
enum { PIECE_BLOCKS = 64 };

/*
 * Whether what is drawn, row after row, is what memory holds: rows of whole Philox blocks, of the compute type, contiguous and
 * aligned, without gaps between them, none of them longer than a tile. All blocks share their index's high word.
 */
static int is_dense(const fi_region *region, const fi_fill *fill) {
    const fi_format *const format = &fi_formats[fill->dtype];
    const fi_axis *const rows = region->axis, *const row = rows + 1;
    const uint64_t within_block = (1u << format->block_shift) - 1;
    if (region->row_axes != 1 || region->whole_rows || !region->aligned_rows || region->tile_width != row->size) return 0;
    if (rows->stride != (ptrdiff_t)(row->size * format->size) || format->size != fi_value_size(format->real)) return 0;
    const uint64_t last = region->first + (rows->size - 1) * rows->step + (row->size - 1);
    return ((region->first | rows->step | row->size) & within_block) == 0 && !fi_adds(fill) &&
           (last ^ region->first) >> format->block_shift >> 32 == 0;
}

int fi_fill_dense(const fi_kernels *kernels, const fi_fill *fill, const fi_region *region, size_t first, size_t end) {
    if (!is_dense(region, fill)) return 0;
    const fi_format *const format = &fi_formats[fill->dtype];
    const unsigned shift = format->block_shift;
    const fi_axis *const rows = region->axis;
    const size_t block_size = format->size << shift, group_blocks = kernels->group_blocks;
    const size_t row_blocks = rows[1].size >> shift, begin = first * region->tile_rows;
    const uint32_t skipped = (uint32_t)((rows->step >> shift) - row_blocks); /* from the end of a row to the next */
    const uint64_t block = (region->first + begin * rows->step) >> shift;
    size_t left = (fi_smaller(end * region->tile_rows, region->rows) - begin) * row_blocks, left_in_row = row_blocks;
    uint32_t next = (uint32_t)block, list[PIECE_BLOCKS + FI_GROUP_BLOCKS_MAX];
    char *to = region->data + begin * (size_t)rows->stride, *places[PIECE_BLOCKS];
    _Alignas(64) char last[FI_GROUP_MAX * sizeof(double)]; /* the values of a group that goes beyond the rows */
    fi_run run;
    fi_start_run(&run, fill);
    run.list = list;
    run.to = places;
    fi_philox_seek(&run.philox, (uint32_t)(block >> 32), fill->stream);
    while (left) {
        const size_t blocks = fi_smaller(left, PIECE_BLOCKS), rest = blocks & (group_blocks - 1);
        size_t groups = fi_groups(blocks, group_blocks);
        for (size_t i = 0; i < blocks; i++) {
            list[i] = next++;
            if (--left_in_row) continue;
            left_in_row = row_blocks;
            next += skipped;
        }
        for (size_t g = 0; g < groups; g++) places[g] = to + g * group_blocks * block_size;
        if (rest) {
            memset(list + blocks, 0, (group_blocks - rest) * sizeof *list);
            places[groups++] = last;
        }
        kernels->draw[fill->draw][format->real][FI_STORE_LISTED](NULL, &run, groups);
        to += blocks * block_size;
        if (rest) memcpy(to - rest * block_size, last, rest * block_size);
        left -= blocks;
    }
    return 1;
}
