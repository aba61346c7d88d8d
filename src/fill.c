/* Flat ranges of a tensor: which blocks they need, where they begin and end inside one, and where the values go. */
#include <string.h>

#include "fpenv.h"
#include "kernels.h"

/*
 * The tile holds the values of a piece of the range that cannot be written in place. Half of a first-level cache: smaller
 * ones let the kernels' pipelines run dry more often.
 */
enum { TILE_BYTES = 16384, TILE_ROOM = TILE_BYTES + FI_GROUP_MAX * sizeof(double) };

static const struct {
    fi_real real;       /* the compute type */
    size_t size;        /* bytes an element */
    unsigned per_block; /* elements a Philox block */
} layouts[FI_DTYPES] = {
    [FI_UINT32] = {FI_F32, 4, 4},  [FI_UINT64] = {FI_F64, 8, 2},  [FI_FLOAT32] = {FI_F32, 4, 4},
    [FI_FLOAT64] = {FI_F64, 8, 2}, [FI_FLOAT16] = {FI_F32, 2, 4}, [FI_BFLOAT16] = {FI_F32, 2, 4},
};

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* The part of a range whose blocks share their index's high word: all that a kernel can do at a time. */
static void fill_run(const fi_kernels *kernels, const fi_fill *fill, fi_run *run, size_t skip, size_t count,
                     char *out) {
    const fi_real real = layouts[fill->dtype].real;
    const size_t size = layouts[fill->dtype].size, per_block = layouts[fill->dtype].per_block;
    const size_t value_size = real == FI_F64 ? 8 : 4, group = kernels->group[real];
    const int accumulate = fill->accumulate && fill->draw != FI_BITS;
    const int in_place = size == value_size; /* the array holds the compute type: kernels write it themselves */
    fi_kernel *const *const draw = kernels->draw[fill->draw][real];
    fi_sink *const sink = kernels->sink[fill->dtype][accumulate];

    while (count) {
        size_t done;
        if (in_place && skip == 0 && count >= group) {
            done = count / group * group;
            draw[accumulate](out, run, count / group);
        } else {
            _Alignas(64) char tile[TILE_ROOM];
            done = smaller(count, (in_place ? group : TILE_BYTES / value_size) - skip);
            /* In place, the tile only bridges the way to the next block. */
            if (in_place && skip != 0) done = smaller(done, per_block - skip);
            draw[0](tile, run, (skip + done + group - 1) / group);
            sink(out, tile + skip * value_size, done);
        }
        run->block += (uint32_t)((skip + done) / per_block);
        skip = (skip + done) % per_block;
        out += done * size;
        count -= done;
    }
}

void fi_fill_range(const fi_kernels *kernels, const fi_fill *fill, uint64_t first, size_t count, void *out) {
    const unsigned per_block = layouts[fill->dtype].per_block;
    const size_t size = layouts[fill->dtype].size;
    const fi_fpenv caller = fi_fpenv_enter();
    fi_run run = {.fill = fill};
    char *to = out;

    fi_philox_seed(&run.philox, fill->seed);
    while (count) {
        uint64_t block = first / per_block;
        uint64_t left = ((UINT64_C(1) << 32) - (uint32_t)block) * per_block - first % per_block;
        size_t part = left < count ? (size_t)left : count;
        run.block = (uint32_t)block;
        fi_philox_seek(&run.philox, (uint32_t)(block >> 32), fill->stream);
        fill_run(kernels, fill, &run, (size_t)(first % per_block), part, to);
        first += part;
        to += part * size;
        count -= part;
    }
    fi_fpenv_leave(caller);
}

void fi_philox_block(const fi_kernels *kernels, const uint32_t counter[4], const uint32_t key[2], uint32_t words[4]) {
    uint32_t group[FI_GROUP_MAX];
    fi_fill fill = {.dtype = FI_UINT32};
    fi_set_bits(&fill);
    fi_run run = {.block = counter[0], .fill = &fill};
    fi_philox_seed(&run.philox, (uint64_t)key[1] << 32 | key[0]);
    fi_philox_seek(&run.philox, counter[1], (uint64_t)counter[3] << 32 | counter[2]);
    kernels->draw[FI_BITS][FI_F32][0](group, &run, 1);
    memcpy(words, group, 4 * sizeof *words);
}
