/* Flat ranges of a tensor: which blocks they need, where they begin and end inside one, and where the values go. */
#include <string.h>

#include "compiler.h"
#include "fill.h"
#include "fpenv.h"

/*
 * The tile holds the values of a piece of the range that cannot be written in place. Half of a first-level cache: smaller
 * ones let the kernels' pipelines run dry more often.
 */
enum { TILE_BYTES = 16384, TILE_ROOM = TILE_BYTES + FI_GROUP_MAX * sizeof(double) };

/* From here on a second run of the kernels, for the ends of a range, begins before the first has ended. */
enum { MANY_GROUPS = 4 };

/* The kernel that writes the array's dtype itself, or NULL. */
static inline fi_kernel *kernel_in_place(const fi_kernels *kernels, const fi_fill *fill) {
    const fi_format *const format = &fi_formats[fill->dtype];
    if (format->size != fi_value_size(format->real)) return NULL;
    return kernels->draw[fill->draw][format->real][fi_adds(fill) ? FI_ADD : FI_STORE];
}

/* All that a kernel can do at a time. */
static void fill_run(const fi_kernels *kernels, const fi_fill *fill, fi_run *run, size_t skip, size_t count,
                     char *out) {
    const fi_real real = fi_formats[fill->dtype].real;
    const size_t size = fi_formats[fill->dtype].size, per_block = (size_t)1 << fi_formats[fill->dtype].block_shift;
    const size_t value_size = fi_value_size(real), group = kernels->group[real], within_group = group - 1;
    fi_kernel *const draw = kernels->draw[fill->draw][real][FI_STORE], *const in_place = kernel_in_place(kernels, fill);
    fi_sink *const sink = kernels->sink[fill->dtype][fi_adds(fill)];

    while (count) {
        const int has_ends = skip != 0 || (count & within_group) != 0;
        const int by_tile = !in_place || (has_ends && count < MANY_GROUPS * group);
        size_t done;
        if (!by_tile && skip == 0) { /* of whole groups, or of many */
            done = count & ~within_group;
            in_place(out, run, fi_groups(done, group));
        } else {
            _Alignas(64) char tile[TILE_ROOM];
            done = fi_smaller(count, (by_tile ? TILE_BYTES / value_size : group) - skip);
            /* In place, the tile only bridges the way to the next block. */
            if (!by_tile) done = fi_smaller(done, per_block - skip);
            draw(tile, run, fi_groups(skip + done + within_group, group));
            sink(out, tile + skip * value_size, done);
        }
        run->block += (uint32_t)((skip + done) >> fi_formats[fill->dtype].block_shift);
        skip = (skip + done) & (per_block - 1);
        out += done * size;
        count -= done;
    }
}

/* Begins a run of a stream; returns how many elements it has before the high word of its blocks' index changes. */
static inline size_t seek(fi_run *run, uint64_t stream, uint64_t first, size_t count) {
    const unsigned shift = fi_formats[run->fill->dtype].block_shift;
    const uint64_t block = first >> shift, within_block = first & ((1u << shift) - 1);
    const uint64_t left = (((UINT64_C(1) << 32) - (uint32_t)block) << shift) - within_block;
    run->block = (uint32_t)block;
    fi_philox_seek(&run->philox, (uint32_t)(block >> 32), stream);
    return left < count ? (size_t)left : count;
}

static OUT_OF_LINE void fill_runs(const fi_kernels *kernels, fi_run *run, uint64_t stream, uint64_t first, size_t count,
                                  char *out) {
    const fi_format *const format = &fi_formats[run->fill->dtype];
    for (size_t part; count; count -= part) {
        part = seek(run, stream, first, count);
        fill_run(kernels, run->fill, run, (size_t)(first & ((1u << format->block_shift) - 1)), part, out);
        first += part;
        out += part * format->size;
    }
}

/* A range of a stream; the run has the seed. Whole groups need no more than a kernel: most small arrays are that, and soon done. */
static inline void fill_range(const fi_kernels *kernels, fi_kernel *in_place, fi_run *run, uint64_t stream,
                              uint64_t first, size_t count, char *out) {
    const fi_format *const format = &fi_formats[run->fill->dtype];
    const size_t group = kernels->group[format->real], within_block = ((size_t)1 << format->block_shift) - 1;
    const int is_whole = ((first & within_block) | (count & (group - 1))) == 0 && count != 0;
    if (in_place && is_whole && seek(run, stream, first, count) == count) {
        in_place(out, run, fi_groups(count, group));
    } else {
        fill_runs(kernels, run, stream, first, count, out);
    }
}

void fi_fill_range_inside(const fi_kernels *kernels, const fi_fill *fill, uint64_t first, size_t count, void *out) {
    fi_run run;
    fi_start_run(&run, fill);
    fill_range(kernels, kernel_in_place(kernels, fill), &run, fill->stream, first, count, out);
}

void fi_fill_ranges_inside(const fi_kernels *kernels, const fi_fill *fill, const fi_streams *streams, size_t begin,
                           size_t end, uint64_t first, size_t count, char *out) {
    fi_kernel *const in_place = kernel_in_place(kernels, fill);
    fi_run run;
    fi_start_run(&run, fill);
    for (size_t i = begin; i < end; i++) {
        const uint64_t stream = fi_stream_number(fill, streams, i);
        fill_range(kernels, in_place, &run, stream, first, count, out + (ptrdiff_t)i * streams->stride);
    }
}

void fi_fill_range(const fi_kernels *kernels, const fi_fill *fill, uint64_t first, size_t count, void *out) {
    const fi_fpenv caller = fi_fpenv_enter();
    fi_fill_range_inside(kernels, fill, first, count, out);
    fi_fpenv_leave(caller);
}

void fi_philox_block(const fi_kernels *kernels, const uint32_t counter[4], const uint32_t key[2], uint32_t words[4]) {
    uint32_t group[FI_GROUP_MAX];
    fi_fill fill = {.dtype = FI_UINT32};
    fi_set_bits(&fill);
    fi_run run = {.block = counter[0], .fill = &fill};
    fi_philox_seed(&run.philox, (uint64_t)key[1] << 32 | key[0]);
    fi_philox_seek(&run.philox, counter[1], (uint64_t)counter[3] << 32 | counter[2]);
    kernels->draw[FI_BITS][FI_F32][FI_STORE](group, &run, 1);
    memcpy(words, group, 4 * sizeof *words);
}
