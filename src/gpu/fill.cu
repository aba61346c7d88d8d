/*
 * Fills on a GPU: one kernel, of a form, a draw and a dtype that are defined when it is compiled, on first use. Values are
 * those of values.h, over the operations of lanes.h; the rest is where they go. It is C11 too, but for the kernel itself: the
 * tests run all of it on a host, thread by thread.
 */
#ifdef __CUDACC__
#define FI_ON_DEVICE
#define ALWAYS_INLINE __device__ __forceinline__
#define UNROLLED _Pragma("unroll")
#define ROLLED _Pragma("unroll 1")
#else
#define ROLLED
#endif

#include <assert.h>
#include <stdint.h>

#include "launch.h"
#include "lanes.h"

#define UNROLLED_TERMS UNROLLED
#include "../reals.h"

/* ---- Words --------------------------------------------------------------------------------------------------------- */

typedef struct {
    uint32_t word[4];
} block_words;

LANE uint32_t high_product(uint32_t a, uint32_t b) { return (uint32_t)((uint64_t)a * b >> 32); }

/* Every thread has a block's whole index of its own: half of the first round is done, and no more. */
LANE block_words philox(uint64_t block, const fi_gpu_stream *stream, const fi_gpu_keys *keys) {
    const uint64_t first = (uint64_t)FI_PHILOX_M0 * (uint32_t)block;
    uint32_t c0 = stream->product_high ^ (uint32_t)(block >> 32) ^ keys->k0[0], c1 = stream->product_low;
    uint32_t c2 = (uint32_t)(first >> 32) ^ stream->high ^ keys->k1[0], c3 = (uint32_t)first;
    UNROLLED for (int round = 1; round < FI_PHILOX_ROUNDS; round++) {
        const uint64_t p0 = (uint64_t)FI_PHILOX_M0 * c0, p1 = (uint64_t)FI_PHILOX_M1 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ keys->k0[round];
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ keys->k1[round];
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
    }
    const block_words words = {{c0, c1, c2, c3}};
    return words;
}

/* ---- Elements ------------------------------------------------------------------------------------------------------ */

LANE int element_size(fi_dtype dtype) {
    return dtype == FI_UINT64 || dtype == FI_FLOAT64 ? 8 : dtype == FI_FLOAT16 || dtype == FI_BFLOAT16 ? 2 : 4;
}
LANE int pack_elements(fi_dtype dtype) { return FI_GPU_PACK_BYTES / element_size(dtype); }

/* A pack at once, of memory that is aligned to it. */
LANE void store_pack(char *to, const fi_gpu_value *p) {
#ifdef FI_ON_DEVICE
    *(uint4 *)to = make_uint4(p->word[0], p->word[1], p->word[2], p->word[3]);
#else
    memcpy(to, p, sizeof *p);
#endif
}
LANE fi_gpu_value load_pack(const char *from) {
#ifdef FI_ON_DEVICE
    const uint4 v = *(const uint4 *)from;
    const fi_gpu_value p = {{v.x, v.y, v.z, v.w}};
#else
    fi_gpu_value p;
    memcpy(&p, from, sizeof p);
#endif
    return p;
}
LANE int is_aligned(const char *to) { return ((uint64_t)to & (FI_GPU_PACK_BYTES - 1)) == 0; }

/* ---- Rows of a region ---------------------------------------------------------------------------------------------- */

LANE uint32_t divide(uint32_t *n, const fi_gpu_divisor *d) { /* the quotient; leaves the rest */
    const uint32_t quotient = (high_product(*n, d->magic) + *n) >> d->shift;
    *n -= quotient * d->size;
    return quotient;
}

typedef struct {
    uint64_t first;
    char *data;
    uint32_t pack, number; /* the thread's pack of the row, and which of the axis `counted` the row is */
} row;

LANE row row_of(const fi_gpu_region *region, uint32_t thread, int counted) {
    row r = {region->first, region->data, 0, 0};
    ROLLED for (int i = 0; i <= region->axes; i++) {
        if (i == region->packs_at) {
            const uint32_t outer = divide(&thread, &region->packs);
            r.pack = thread;
            thread = outer;
        }
        if (i == region->axes) break;
        const uint32_t outer = divide(&thread, &region->axis[i].size);
        r.first += thread * region->axis[i].step;
        r.data += (int64_t)thread * region->axis[i].stride;
        if (i == counted) r.number = thread;
        thread = outer;
    }
    return r;
}

/* ---- Draws --------------------------------------------------------------------------------------------------------- */

/* The words of a Philox block, as pairs of those of each compute type. */
typedef struct {
    uint32_t even, odd;
} f32_pair;
typedef struct {
    uint64_t even, odd;
} f64_pair;
enum { f32_BLOCK_PAIRS = 2, f32_BLOCK_SHIFT = 2, f64_BLOCK_PAIRS = 1, f64_BLOCK_SHIFT = 1 }; /* 1 << shift elements */

LANE void f32_pairs_of(const block_words *w, f32_pair *pairs) {
    pairs[0].even = w->word[0];
    pairs[0].odd = w->word[1];
    pairs[1].even = w->word[2];
    pairs[1].odd = w->word[3];
}
LANE void f64_pairs_of(const block_words *w, f64_pair *pairs) {
    pairs[0].even = (uint64_t)w->word[1] << 32 | w->word[0];
    pairs[0].odd = (uint64_t)w->word[3] << 32 | w->word[2];
}

/* Random bits travel as those of floats, with which nothing is computed. */
LANE float f32_of_word(uint32_t w) { return fi_f32_of_bits(w); }
LANE double f64_of_word(uint64_t w) { return fi_f64_of_bits(w); }

/* Elements of a pack at most: of 16-bit floats. */
enum { f32_PACK_MAX = 8, f64_PACK_MAX = 2 };

LANE uint32_t half_pair(fi_dtype dtype, float a, float b) {
    return dtype == FI_FLOAT16 ? f16_pair(a, b) : bf16_pair(a, b);
}
LANE float value_of_half(fi_dtype dtype, uint32_t h) { return dtype == FI_FLOAT16 ? f32_of_f16(h) : f32_of_bf16(h); }

LANE fi_gpu_value f32_packed(fi_dtype dtype, const float *v) {
    fi_gpu_value p;
    UNROLLED for (int i = 0; i < 4; i++) {
        p.word[i] = element_size(dtype) == 4 ? fi_bits_of_f32(v[i]) : half_pair(dtype, v[2 * i], v[2 * i + 1]);
    }
    return p;
}
LANE fi_gpu_value f64_packed(fi_dtype dtype, const double *v) {
    fi_gpu_value p;
    (void)dtype;
    UNROLLED for (int i = 0; i < 2; i++) {
        p.word[2 * i] = (uint32_t)fi_bits_of_f64(v[i]);
        p.word[2 * i + 1] = (uint32_t)(fi_bits_of_f64(v[i]) >> 32);
    }
    return p;
}

/* Adds what is there. */
LANE void f32_add_pack(fi_dtype dtype, const fi_gpu_value *p, float *v) {
    UNROLLED for (int i = 0; i < 4; i++) {
        if (element_size(dtype) == 4) {
            v[i] = f32_add(fi_f32_of_bits(p->word[i]), v[i]);
        } else {
            v[2 * i] = f32_add(value_of_half(dtype, p->word[i] & 0xFFFF), v[2 * i]);
            v[2 * i + 1] = f32_add(value_of_half(dtype, p->word[i] >> 16), v[2 * i + 1]);
        }
    }
}
LANE void f64_add_pack(fi_dtype dtype, const fi_gpu_value *p, double *v) {
    (void)dtype;
    UNROLLED for (int i = 0; i < 2; i++) {
        v[i] = f64_add(fi_f64_of_bits((uint64_t)p->word[2 * i + 1] << 32 | p->word[2 * i]), v[i]);
    }
}

/* One element, stored or added. */
LANE void f32_put(fi_dtype dtype, int adds, char *to, float v) {
    if (element_size(dtype) == 4) {
        *(uint32_t *)to = fi_bits_of_f32(adds ? f32_add(fi_f32_of_bits(*(const uint32_t *)to), v) : v);
    } else {
        const float sum = adds ? f32_add(value_of_half(dtype, *(const uint16_t *)to), v) : v;
        *(uint16_t *)to = (uint16_t)(dtype == FI_FLOAT16 ? f16_of_f32(sum) : half_pair(dtype, sum, 0));
    }
}
LANE void f64_put(fi_dtype dtype, int adds, char *to, double v) {
    (void)dtype;
    *(uint64_t *)to = fi_bits_of_f64(adds ? f64_add(fi_f64_of_bits(*(const uint64_t *)to), v) : v);
}

#define OP(name) JOIN(f32_, name)
#define OP_(name) JOIN(F32_, name)
#include "forms.h"
#undef OP
#undef OP_

#define OP(name) JOIN(f64_, name)
#define OP_(name) JOIN(F64_, name)
#include "forms.h"
#undef OP
#undef OP_

/* ---- Constants ----------------------------------------------------------------------------------------------------- */

/* Rows of one value: packs begin at every 16 bytes of a row that itself begins `first` elements beyond such a place. */
LANE void constant(int size, const fi_gpu_region *region, const fi_gpu_value *value, uint32_t group, uint32_t thread) {
    const uint32_t number = group * FI_GPU_THREADS + thread;
    if (number >= region->threads) return;
    const row r = row_of(region, number, -1);
    const int elements = FI_GPU_PACK_BYTES / size;
    const int64_t first = (int64_t)(region->first & (unsigned)(elements - 1));
    const int64_t count = (int64_t)region->count, from = (int64_t)r.pack * elements - first;
    char *const to = r.data + from * region->stride;
    if (from >= 0 && from + elements <= count && region->stride == size && is_aligned(to)) {
        store_pack(to, value);
        return;
    }
    UNROLLED for (int i = 0; i < elements; i++) {
        if (from + i < 0 || from + i >= count) continue;
        char *const at = to + i * region->stride;
        if (size == 16) {
            *(uint64_t *)at = (uint64_t)value->word[1] << 32 | value->word[0];
            *(uint64_t *)(at + 8) = (uint64_t)value->word[3] << 32 | value->word[2];
        } else if (size == 8) {
            *(uint64_t *)at = (uint64_t)value->word[1] << 32 | value->word[0];
        } else if (size == 4) {
            *(uint32_t *)at = value->word[0];
        } else if (size == 2) {
            *(uint16_t *)at = (uint16_t)value->word[0];
        } else {
            *(uint8_t *)at = (uint8_t)value->word[0];
        }
    }
}

/* ---- The kernel ---------------------------------------------------------------------------------------------------- */

#ifdef FI_ON_DEVICE

#define REAL_OF_FI_UINT32 f32_
#define REAL_OF_FI_UINT64 f64_
#define REAL_OF_FI_FLOAT32 f32_
#define REAL_OF_FI_FLOAT64 f64_
#define REAL_OF_FI_FLOAT16 f32_
#define REAL_OF_FI_BFLOAT16 f32_
#define NOW(name) JOIN(JOIN(REAL_OF_, FI_KERNEL_DTYPE), name)
#define PLACED FI_KERNEL_DRAW, FI_KERNEL_DTYPE, FI_KERNEL_ADDS
#define KERNEL extern "C" __global__ void __launch_bounds__(FI_GPU_THREADS) FI_KERNEL
#define PARAMETER const __grid_constant__

#if defined(FI_FORM_RANGE)
KERNEL(PARAMETER fi_gpu_range range, PARAMETER NOW(constants) c) {
    NOW(range)(PLACED, &range, &c, blockIdx.x, threadIdx.x);
}
#elif defined(FI_FORM_RANGES)
KERNEL(PARAMETER fi_gpu_ranges ranges, PARAMETER NOW(constants_list) c) {
    NOW(ranges)(PLACED, &ranges, &c, blockIdx.x, threadIdx.x);
}
#elif defined(FI_FORM_REGION)
KERNEL(PARAMETER fi_gpu_region region, PARAMETER NOW(constants) c) {
    NOW(region)(PLACED, &region, &c, blockIdx.x, threadIdx.x);
}
#elif defined(FI_FORM_BLOCKS)
KERNEL(PARAMETER fi_gpu_region region, PARAMETER fi_gpu_streams streams, PARAMETER NOW(constants) c) {
    NOW(blocks)(PLACED, &region, &streams, &c, blockIdx.x, threadIdx.x);
}
#elif defined(FI_FORM_CONSTANT)
KERNEL(PARAMETER fi_gpu_region region, PARAMETER fi_gpu_value value) {
    constant(FI_KERNEL_BYTES, &region, &value, blockIdx.x, threadIdx.x);
}
#endif

#endif
