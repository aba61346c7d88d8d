/* The public C interface: what a fill is. Plain C; knows nothing of Python. */
#ifndef FASTINIT_H
#define FASTINIT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Version of the stream contract (docs/stream.md). A changed bit is a new version. */
#define FASTINIT_STREAM_VERSION 1

typedef enum { FI_BITS, FI_UNIFORM, FI_NORMAL, FI_DRAWS } fi_draw;

typedef enum { FI_UINT32, FI_UINT64, FI_FLOAT32, FI_FLOAT64, FI_FLOAT16, FI_BFLOAT16, FI_DTYPES } fi_dtype;

/* One instruction set's kernels; see kernels.h. */
typedef struct fi_kernels fi_kernels;

/*
 * A fill: which values go into a tensor. FI_BITS goes with the integer dtypes, the other draws with the floating ones.
 *
 * FI_UNIFORM writes min(fma(u, scale, shift), limit), FI_NORMAL fma(z, scale, shift), in the compute type: double for
 * FI_FLOAT64, float for the rest. fi_set_uniform and fi_set_normal set scale, shift and limit, once dtype is set; FI_BITS
 * uses none of the three.
 */
typedef struct {
    fi_draw draw;
    fi_dtype dtype;
    int accumulate; /* add to what is there instead of replacing it; floating dtypes only */
    uint64_t seed;
    uint64_t stream;
    double scale, shift, limit;
} fi_fill;

/*
 * Writes elements first .. first + count - 1 of the fill's tensor to out, which holds count contiguous elements and is
 * aligned for its dtype. The caller's floating-point environment neither matters nor changes.
 */
void fi_fill_range(const fi_kernels *kernels, const fi_fill *fill, uint64_t first, size_t count, void *out);

/*
 * U[low, high) and N(mean, std^2), their constants computed in double and rounded once to the compute type. Return 0, or -1
 * without a change if the dtype cannot hold every possible draw: low <= high and std >= 0; low, high and mean finite in the
 * dtype, high - low in the compute type, and the normal's tail, fi_normal_reach standard deviations from the mean, too.
 */
int fi_set_uniform(fi_fill *fill, double low, double high);
int fi_set_normal(fi_fill *fill, double mean, double std);
double fi_normal_reach(fi_dtype dtype);

/* sqrt(2 / ((1 + negative_slope^2) fan)): He et al. 2015, equation 15. */
double fi_he_std(double fan, double negative_slope);

/* One block of Philox4x32-10: the generator itself, for known answers. */
void fi_philox_block(const fi_kernels *kernels, const uint32_t counter[4], const uint32_t key[2], uint32_t words[4]);

/*
 * The kernels that this build holds and this CPU can run, fastest first: i = 0, 1, ... until NULL. The last is always
 * "portable". All give the same bits.
 */
const fi_kernels *fi_kernels_at(size_t i);
const char *fi_kernels_name(const fi_kernels *kernels);

/* The CPU's instruction set extensions that the choice of kernels rests on: i = 0, 1, ... until NULL. */
const char *fi_cpu_feature_at(size_t i);

#ifdef __cplusplus
}
#endif
#endif
