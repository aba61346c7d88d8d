/* The vector operations of portable.h for NEON (AArch64): 4 blocks, 4 floats, 2 doubles. */
#ifndef FASTINIT_SIMD_NEON_H
#define FASTINIT_SIMD_NEON_H

#include <arm_neon.h>
#include <stdint.h>

#include "../philox.h"

#define SIMD_NAME neon
#define SIMD_FEATURES "neon"
enum { GROUP_BLOCKS = 4, PAIRS = 2, F32_LANES = 4, F64_LANES = 2 };
enum { UNROLL_UNIFORM = 3, UNROLL_NORMAL = 1, UNROLL_TAIL = 2, UNROLL_REST = 1 };
#if defined(__clang__) /* which copies a coefficient for each vector that it is added to, and spills more */
enum { UNROLL_TRUNCATED = 2, WORDS_BETWEEN_STEPS = 1, COPIED_KEYS = 0 };
#else
/* GCC takes NEON's arithmetic for calls, which might write to the keys unless these are the kernel's own. */
enum { UNROLL_TRUNCATED = 3, WORDS_BETWEEN_STEPS = 0, COPIED_KEYS = 1 };
#endif

typedef uint32x4_t lane_word;
typedef struct {
    uint64x2_t lower, upper; /* of words 0 and 1, 2 and 3 */
} lane_product;
typedef uint32x4_t f32_word;
typedef float32x4_t f32_vec;
typedef uint64x2_t f64_word;
typedef float64x2_t f64_vec;

/*
 * Clang makes a vector of constants anew wherever one is used, from a general register, at the cost of an operation on
 * vectors. One whose value it cannot know it keeps, at worst in memory, and loads are done beside such operations.
 */
#if defined(__clang__)
#define HIDE(vector) __asm__("" : "+w"(vector))
#else
#define HIDE(vector) (void)0
#endif

/* Philox */

static inline lane_product product(lane_word a, uint32_t m) {
    return (lane_product){vmull_n_u32(vget_low_u32(a), m), vmull_high_n_u32(a, m)};
}

static inline lane_product first_products(uint32_t block) {
    static const uint32_t order[4] = {0, 1, 2, 3};
    return product(vaddq_u32(vdupq_n_u32(block), vld1q_u32(order)), FI_PHILOX_M0);
}

static inline lane_product listed_products(const uint32_t *blocks) { return product(vld1q_u32(blocks), FI_PHILOX_M0); }

static inline lane_product product_add(lane_product p, uint64_t a) {
    const uint64x2_t added = vdupq_n_u64(a);
    return (lane_product){vaddq_u64(p.lower, added), vaddq_u64(p.upper, added)};
}

static inline lane_word low(lane_product p) {
    return vuzp1q_u32(vreinterpretq_u32_u64(p.lower), vreinterpretq_u32_u64(p.upper));
}

static inline lane_word high(lane_product p) {
    return vuzp2q_u32(vreinterpretq_u32_u64(p.lower), vreinterpretq_u32_u64(p.upper));
}

static inline lane_word xor_key(lane_word a, uint32_t k) { return veorq_u32(a, vdupq_n_u32(k)); }

static inline lane_word primed(lane_word w, uint32_t k) { return xor_key(w, k); }

static inline lane_word xor_primed(lane_word a, lane_word w, uint32_t k) {
    (void)k;
    return veorq_u32(a, w);
}

/* The words of each block after the last round. */
static inline void last_words(lane_product p1, lane_product p0, lane_word c1, lane_word c3, uint32_t k0, uint32_t k1,
                              uint32x4_t w[4]) {
    w[0] = xor_primed(high(p1), c1, k0);
    w[2] = xor_primed(high(p0), c3, k1);
    w[1] = low(p1);
    w[3] = low(p0);
}

static inline void f32_last_round(lane_product p1, lane_product p0, lane_word c1, lane_word c3, uint32_t k0,
                                  uint32_t k1, f32_word *even, f32_word *odd) {
    uint32x4_t w[4];
    last_words(p1, p0, c1, c3, k0, k1, w);
    even[0] = vzip1q_u32(w[0], w[2]);
    even[1] = vzip2q_u32(w[0], w[2]);
    odd[0] = vzip1q_u32(w[1], w[3]);
    odd[1] = vzip2q_u32(w[1], w[3]);
}

static inline void f64_last_round(lane_product p1, lane_product p0, lane_word c1, lane_word c3, uint32_t k0,
                                  uint32_t k1, f64_word *even, f64_word *odd) {
    uint32x4_t w[4];
    last_words(p1, p0, c1, c3, k0, k1, w);
    even[0] = vreinterpretq_u64_u32(vzip1q_u32(w[0], w[1]));
    even[1] = vreinterpretq_u64_u32(vzip2q_u32(w[0], w[1]));
    odd[0] = vreinterpretq_u64_u32(vzip1q_u32(w[2], w[3]));
    odd[1] = vreinterpretq_u64_u32(vzip2q_u32(w[2], w[3]));
}

/* float */

static inline f32_vec f32_set(float a) {
    f32_vec all = vdupq_n_f32(a);
    HIDE(all);
    return all;
}
static inline f32_vec f32_add(f32_vec a, f32_vec b) { return vaddq_f32(a, b); }
static inline f32_vec f32_mul(f32_vec a, f32_vec b) { return vmulq_f32(a, b); }
static inline f32_vec f32_fma(f32_vec a, f32_vec b, f32_vec c) { return vfmaq_f32(c, a, b); }
static inline f32_vec f32_fma_minus_twice(f32_vec a, f32_vec b, f32_vec x) {
    return vfmaq_f32(vmulq_n_f32(x, -2.0f), a, b);
}
static inline f32_vec f32_div(f32_vec a, f32_vec b) { return vdivq_f32(a, b); }
static inline f32_vec f32_sqrt(f32_vec a) { return vsqrtq_f32(a); }

/* Not vminq, which has its own order of +0 and -0. */
static inline f32_vec f32_at_most(f32_vec a, f32_vec limit) { return vbslq_f32(vcltq_f32(a, limit), a, limit); }
static inline f32_vec f32_at_least(f32_vec a, f32_vec limit) { return vbslq_f32(vcgtq_f32(a, limit), a, limit); }

static inline f32_vec f32_where_less(f32_vec a, f32_vec b, f32_vec x, f32_vec y) {
    return vbslq_f32(vcltq_f32(a, b), x, y);
}

static inline f32_vec f32_signed_as(f32_vec a, f32_vec s) {
    return vreinterpretq_f32_u32(
        veorq_u32(vreinterpretq_u32_f32(a), vandq_u32(vreinterpretq_u32_f32(s), vdupq_n_u32(UINT32_C(1) << 31))));
}

static inline f32_vec f32_steps(f32_word w) { return vcvtq_f32_u32(vshrq_n_u32(w, 8)); }

static inline f32_vec f32_centered(f32_word w) {
    return vaddq_f32(vcvtq_n_f32_s32(vreinterpretq_s32_u32(w), 32), vdupq_n_f32(0x1p-33f));
}

static inline f32_vec f32_from_middle(f32_word w) {
    return vcvtq_f32_s32(vreinterpretq_s32_u32(veorq_u32(w, vdupq_n_u32(UINT32_C(1) << 31))));
}

static inline f32_vec f32_distance(f32_word w, f32_vec high, f32_vec low) {
    float32x4_t upper = vsubq_f32(vcvtq_f32_u32(vshrq_n_u32(w, 16)), high);
    float32x4_t lower = vsubq_f32(vcvtq_f32_u32(vandq_u32(w, vdupq_n_u32(0xFFFF))), low);
    return vfmaq_n_f32(lower, upper, 0x1p16f);
}

static inline f32_vec f32_quarters(f32_word w) { return vcvtq_n_f32_s32(vreinterpretq_s32_u32(vshlq_n_u32(w, 2)), 32); }

static inline f32_word f32_eighth_on(f32_word w) { return vaddq_u32(w, vdupq_n_u32(UINT32_C(1) << 29)); }

static inline f32_vec f32_half_turned(f32_word turn, f32_vec a) {
    return vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(a), vandq_u32(turn, vdupq_n_u32(UINT32_C(1) << 31))));
}

static inline void f32_quarter_turned(f32_word turn, f32_vec a, f32_vec b, f32_vec *z0, f32_vec *z1) {
    uint32x4_t odd = vtstq_u32(turn, vdupq_n_u32(UINT32_C(1) << 30));
    *z0 = vbslq_f32(odd, vnegq_f32(b), a);
    *z1 = vbslq_f32(odd, a, b);
}

static inline void f32_split(f32_vec y, f32_vec *x, f32_vec *exponent) {
    uint32x4_t half = vdupq_n_u32(0x3F000000), bits = vreinterpretq_u32_f32(y);
    /* As unsigned numbers the bits of every negative y are above those of one half. */
    int32x4_t e = vshrq_n_s32(vreinterpretq_s32_u32(vsubq_u32(vminq_u32(bits, half), half)), 23);
    uint32x4_t mantissa = vorrq_u32(vandq_u32(bits, vdupq_n_u32(0x7FFFFF)), half);
    float32x4_t below_one = vsubq_f32(vreinterpretq_f32_u32(mantissa), vdupq_n_f32(1.0f));
    *x = vbslq_f32(vcltzq_f32(y), y, below_one);
    *exponent = vcvtq_f32_s32(e);
}

static inline f32_vec f32_load(const float *p) { return vld1q_f32(p); }
static inline void f32_store(float *p, f32_vec a) { vst1q_f32(p, a); }

static inline void f32_interleave(f32_vec even, f32_vec odd, f32_vec *lower, f32_vec *upper) {
    *lower = vzip1q_f32(even, odd);
    *upper = vzip2q_f32(even, odd);
}
static inline void f32_store_words(uint32_t *p, f32_word even, f32_word odd) {
    vst1q_u32(p, vzip1q_u32(even, odd));
    vst1q_u32(p + 4, vzip2q_u32(even, odd));
}

/* double */

static inline f64_vec f64_set(double a) {
    f64_vec all = vdupq_n_f64(a);
    HIDE(all);
    return all;
}
static inline f64_vec f64_add(f64_vec a, f64_vec b) { return vaddq_f64(a, b); }
static inline f64_vec f64_mul(f64_vec a, f64_vec b) { return vmulq_f64(a, b); }
static inline f64_vec f64_fma(f64_vec a, f64_vec b, f64_vec c) { return vfmaq_f64(c, a, b); }
static inline f64_vec f64_fma_minus_twice(f64_vec a, f64_vec b, f64_vec x) {
    return vfmaq_f64(vmulq_n_f64(x, -2.0), a, b);
}
static inline f64_vec f64_div(f64_vec a, f64_vec b) { return vdivq_f64(a, b); }
static inline f64_vec f64_sqrt(f64_vec a) { return vsqrtq_f64(a); }

static inline f64_vec f64_at_most(f64_vec a, f64_vec limit) { return vbslq_f64(vcltq_f64(a, limit), a, limit); }
static inline f64_vec f64_at_least(f64_vec a, f64_vec limit) { return vbslq_f64(vcgtq_f64(a, limit), a, limit); }

static inline f64_vec f64_where_less(f64_vec a, f64_vec b, f64_vec x, f64_vec y) {
    return vbslq_f64(vcltq_f64(a, b), x, y);
}

static inline f64_vec f64_signed_as(f64_vec a, f64_vec s) {
    return vreinterpretq_f64_u64(
        veorq_u64(vreinterpretq_u64_f64(a), vandq_u64(vreinterpretq_u64_f64(s), vdupq_n_u64(UINT64_C(1) << 63))));
}

static inline f64_vec f64_steps(f64_word w) { return vcvtq_f64_u64(vshrq_n_u64(w, 11)); }

static inline f64_vec f64_centered(f64_word w) {
    return vaddq_f64(vcvtq_n_f64_s64(vshrq_n_s64(vreinterpretq_s64_u64(w), 11), 53), vdupq_n_f64(0x1p-54));
}

static inline f64_vec f64_from_middle(f64_word w) {
    return vsubq_f64(vcvtq_f64_u64(vshrq_n_u64(w, 11)), vdupq_n_f64(0x1p52));
}

static inline f64_vec f64_distance(f64_word w, f64_vec high, f64_vec low) {
    (void)low;
    return vsubq_f64(vcvtq_f64_u64(vshrq_n_u64(w, 11)), high);
}

static inline f64_vec f64_quarters(f64_word w) {
    return vcvtq_n_f64_s64(vshrq_n_s64(vreinterpretq_s64_u64(vshlq_n_u64(w, 2)), 13), 51);
}

static inline f64_word f64_eighth_on(f64_word w) { return vaddq_u64(w, vdupq_n_u64(UINT64_C(1) << 61)); }

static inline f64_vec f64_half_turned(f64_word turn, f64_vec a) {
    return vreinterpretq_f64_u64(veorq_u64(vreinterpretq_u64_f64(a), vandq_u64(turn, vdupq_n_u64(UINT64_C(1) << 63))));
}

static inline void f64_quarter_turned(f64_word turn, f64_vec a, f64_vec b, f64_vec *z0, f64_vec *z1) {
    uint64x2_t odd = vtstq_u64(turn, vdupq_n_u64(UINT64_C(1) << 62));
    *z0 = vbslq_f64(odd, vnegq_f64(b), a);
    *z1 = vbslq_f64(odd, a, b);
}

static inline void f64_split(f64_vec y, f64_vec *x, f64_vec *exponent) {
    int64x2_t half = vreinterpretq_s64_f64(vdupq_n_f64(0.5)), bits = vreinterpretq_s64_f64(y);
    int64x2_t e = vshrq_n_s64(vsubq_s64(bits, half), 52);
    int64x2_t mantissa = vorrq_s64(vandq_s64(bits, vdupq_n_s64((INT64_C(1) << 52) - 1)), half);
    float64x2_t below_one = vsubq_f64(vreinterpretq_f64_s64(mantissa), vdupq_n_f64(1.0));
    uint64x2_t negative = vcltzq_f64(y);
    *x = vbslq_f64(negative, y, below_one);
    *exponent = vreinterpretq_f64_u64(vbicq_u64(vreinterpretq_u64_f64(vcvtq_f64_s64(e)), negative));
}

static inline f64_vec f64_load(const double *p) { return vld1q_f64(p); }
static inline void f64_store(double *p, f64_vec a) { vst1q_f64(p, a); }

static inline void f64_interleave(f64_vec even, f64_vec odd, f64_vec *lower, f64_vec *upper) {
    *lower = vzip1q_f64(even, odd);
    *upper = vzip2q_f64(even, odd);
}
static inline void f64_store_words(uint64_t *p, f64_word even, f64_word odd) {
    vst1q_u64(p, vzip1q_u64(even, odd));
    vst1q_u64(p + 2, vzip2q_u64(even, odd));
}

/* 16-bit floats */

static inline f32_vec f16_load(const uint16_t *p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))); }
static inline void f16_store(uint16_t *p, f32_vec a) { vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(a))); }
static inline f32_vec bf16_load(const uint16_t *p) { return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16)); }
static inline void bf16_store(uint16_t *p, f32_vec a) {
    uint32x4_t bits = vreinterpretq_u32_f32(a);
    uint32x4_t with_last = vsraq_n_u32(bits, vshlq_n_u32(bits, 15), 31); /* plus its bit 16 */
    vst1_u16(p, vaddhn_u32(with_last, vdupq_n_u32(0x7FFF)));
}

/* Moves */

#define MOVE_LANES 1

#endif
