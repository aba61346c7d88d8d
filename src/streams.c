/* Blocks of several tensors, each of a stream of its own: shared out in chunks. */
#include "fill.h"
#include "fpenv.h"
#include "move.h"

enum {
    /* Elements of a chunk: fewer than in region.c, since short blocks take longer, and the last chunk is waited for. */
    CHUNK = 1 << 13,
    /* What a block costs at least, in elements: kernels draw whole groups. */
    LEAST_BLOCK = FI_GROUP_MAX,
};

static size_t block_work(const fi_region *region) {
    return region->count < LEAST_BLOCK && region->count ? LEAST_BLOCK : region->count;
}

size_t fi_region_work(const fi_region *region) {
    return region->streams.count == 1 ? region->count : region->streams.count * block_work(region);
}

void fi_set_streams(fi_region *region, fi_dtype dtype, fi_streams streams) {
    region->streams = streams;
    if (region->chunks == 0) return;
    if (fi_distance(streams.stride) % fi_formats[dtype].size) region->aligned_rows = 0;
    region->block_chunks = region->chunks;
    region->chunk_streams = region->chunks > 1 ? 1 : fi_parts(CHUNK, block_work(region));
    region->chunks =
        region->chunks > 1 ? streams.count * region->chunks : fi_parts(streams.count, region->chunk_streams);
}

/* Whether a block is one range of elements, in memory as in its tensor. */
static int is_range(const fi_region *region) { return region->rows == 1 && region->aligned_rows; }

static void fill_block(const fi_kernels *kernels, const fi_fill *fill, const fi_region *region, size_t i,
                       size_t chunk) {
    fi_fill of_stream = *fill;
    fi_region block = *region;
    of_stream.stream = fi_stream_number(fill, &region->streams, i);
    block.data += (ptrdiff_t)i * region->streams.stride;
    fi_fill_block_chunk(kernels, &of_stream, &block, chunk);
}

void fi_fill_chunk(const fi_kernels *kernels, const fi_fill *fill, const fi_region *region, size_t chunk) {
    const fi_streams *const streams = &region->streams;
    if (streams->count == 1 && !streams->number) {
        fi_fill_block_chunk(kernels, fill, region, chunk);
        return;
    }
    if (region->block_chunks > 1) {
        fill_block(kernels, fill, region, chunk / region->block_chunks, chunk % region->block_chunks);
        return;
    }
    const size_t begin = chunk * region->chunk_streams;
    const size_t end = begin + fi_smaller(streams->count - begin, region->chunk_streams);
    if (is_range(region)) {
        const fi_fpenv caller = fi_fpenv_enter();
        fi_fill_ranges_inside(kernels, fill, streams, begin, end, region->first, region->count, region->data);
        fi_fpenv_leave(caller);
        return;
    }
    for (size_t i = begin; i < end; i++) fill_block(kernels, fill, region, i, 0);
}
