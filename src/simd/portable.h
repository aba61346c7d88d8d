/*
 * The vector operations in plain C, one block at a time: the readable statement of what each operation means. The other
 * headers of this folder hold the same operations in the same order, for their instruction set, and equal these bit for
 * bit.
 *
 * A group is GROUP_BLOCKS Philox blocks. Their words, as 32-bit words (f32) or as pairs of words (f64), lie in PAIRS pairs of
 * vectors, even and odd, each of which makes consecutive elements: element 2i of a pair's comes from lane i of even, element 2i + 1
 * from lane i of odd, in an order of lanes that first_products and the stores agree on. The UNROLL constants, tuned by
 * measurement, say how many groups draws.h works on side by side, WORDS_BETWEEN_STEPS in which form their state waits, and
 * COPIED_KEYS whether a kernel copies the keys first.
 */
#ifndef FASTINIT_SIMD_PORTABLE_H
#define FASTINIT_SIMD_PORTABLE_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "../philox.h"
#include "../softfloat.h"

#define SIMD_NAME portable
#define SIMD_FEATURES ""
enum { GROUP_BLOCKS = 1, PAIRS = 1, F32_LANES = 2, F64_LANES = 1 };
enum { UNROLL_UNIFORM = 1, UNROLL_NORMAL = 1, UNROLL_TRUNCATED = 1, UNROLL_TAIL = 1, UNROLL_REST = 1 };
enum { WORDS_BETWEEN_STEPS = 1, COPIED_KEYS = 0 };

typedef uint32_t lane_word;    /* a word of each block */
typedef uint64_t lane_product; /* the 64-bit product of a word of each block and a constant */
typedef struct {
    uint32_t lane[F32_LANES];
} f32_word;
typedef struct {
    float lane[F32_LANES];
} f32_vec;
typedef uint64_t f64_word;
typedef double f64_vec;

/* Philox */

static inline lane_product product(lane_word a, uint32_t m) { return (uint64_t)a * m; }

/* M0 times the index of each block of the group that begins at block. */
static inline lane_product first_products(uint32_t block) { return (uint64_t)FI_PHILOX_M0 * block; }

/* M0 times the index of each block of the group that stands in blocks. */
static inline lane_product listed_products(const uint32_t *blocks) { return (uint64_t)FI_PHILOX_M0 * *blocks; }

static inline lane_product product_add(lane_product p, uint64_t a) { return p + a; }

static inline lane_word low(lane_product p) { return (uint32_t)p; }

static inline lane_word high(lane_product p) { return (uint32_t)(p >> 32); }

static inline lane_word xor_key(lane_word a, uint32_t k) { return a ^ k; }

/* w made ready for xor_primed, which gives a ^ w ^ k: one of the two takes the key. */
static inline lane_word primed(lane_word w, uint32_t k) { return w ^ k; }

static inline lane_word xor_primed(lane_word a, lane_word w, uint32_t k) {
    (void)k;
    return a ^ w;
}

/* The last round, its words laid out as even and odd: word 2i and word 2i + 1 of the group. */
static inline void f32_last_round(lane_product p1, lane_product p0, lane_word c1, lane_word c3, uint32_t k0,
                                  uint32_t k1, f32_word *even, f32_word *odd) {
    even->lane[0] = xor_primed(high(p1), c1, k0);
    even->lane[1] = xor_primed(high(p0), c3, k1);
    odd->lane[0] = low(p1);
    odd->lane[1] = low(p0);
}

/* The same, for pairs of words: word 2i + 2^32 word 2i + 1. */
static inline void f64_last_round(lane_product p1, lane_product p0, lane_word c1, lane_word c3, uint32_t k0,
                                  uint32_t k1, f64_word *even, f64_word *odd) {
    *even = (uint64_t)low(p1) << 32 | xor_primed(high(p1), c1, k0);
    *odd = (uint64_t)low(p0) << 32 | xor_primed(high(p0), c3, k1);
}

/* float */

#define F32_EACH(expression)              \
    f32_vec v;                            \
    for (int i = 0; i < F32_LANES; i++) { \
        v.lane[i] = (expression);         \
    }                                     \
    return v

static inline f32_vec f32_set(float a) { F32_EACH(a); }
static inline f32_vec f32_add(f32_vec a, f32_vec b) { F32_EACH(a.lane[i] + b.lane[i]); }
static inline f32_vec f32_mul(f32_vec a, f32_vec b) { F32_EACH(a.lane[i] * b.lane[i]); }
static inline f32_vec f32_fma(f32_vec a, f32_vec b, f32_vec c) { F32_EACH(fi_fmaf(a.lane[i], b.lane[i], c.lane[i])); }
/* a b - 2 x */
static inline f32_vec f32_fma_minus_twice(f32_vec a, f32_vec b, f32_vec x) {
    F32_EACH(fi_fmaf(a.lane[i], b.lane[i], -2 * x.lane[i]));
}
static inline f32_vec f32_div(f32_vec a, f32_vec b) { F32_EACH(a.lane[i] / b.lane[i]); }
static inline f32_vec f32_sqrt(f32_vec a) { F32_EACH(sqrtf(a.lane[i])); }

/* a where a < limit, else limit; a where a > limit, else limit. */
static inline f32_vec f32_at_most(f32_vec a, f32_vec limit) {
    F32_EACH(a.lane[i] < limit.lane[i] ? a.lane[i] : limit.lane[i]);
}
static inline f32_vec f32_at_least(f32_vec a, f32_vec limit) {
    F32_EACH(a.lane[i] > limit.lane[i] ? a.lane[i] : limit.lane[i]);
}

/* x where a < b, else y. */
static inline f32_vec f32_where_less(f32_vec a, f32_vec b, f32_vec x, f32_vec y) {
    F32_EACH(a.lane[i] < b.lane[i] ? x.lane[i] : y.lane[i]);
}

/* a, or -a where the sign bit of s is set. */
static inline f32_vec f32_signed_as(f32_vec a, f32_vec s) {
    F32_EACH(fi_bits_of_f32(s.lane[i]) >> 31 ? -a.lane[i] : a.lane[i]);
}

/* w >> 8, exact. */
static inline f32_vec f32_steps(f32_word w) { F32_EACH((float)(w.lane[i] >> 8)); }

/* w as a signed integer, plus 1/2, times 2^-32: in (-1/2, 1/2]; the integer rounds to a float first. */
static inline f32_vec f32_centered(f32_word w) { F32_EACH(fi_fmaf((float)(int32_t)w.lane[i], 0x1p-32f, 0x1p-33f)); }

/* w - 2^31, rounded to a float. */
static inline f32_vec f32_from_middle(f32_word w) { F32_EACH((float)(int32_t)(w.lane[i] ^ UINT32_C(1) << 31)); }

/* w - (2^16 high + low), rounded to a float; high and low are integers below 2^16. */
static inline f32_vec f32_distance(f32_word w, f32_vec high, f32_vec low) {
    F32_EACH(fi_fmaf((float)(w.lane[i] >> 16) - high.lane[i], 0x1p16f, (float)(w.lane[i] & 0xFFFF) - low.lane[i]));
}

/* The distance of w 2^-32 turns to the nearest quarter turn, in quarter turns, rounded to a float: in [-1/2, 1/2]. */
static inline f32_vec f32_quarters(f32_word w) { F32_EACH((float)(int32_t)(w.lane[i] << 2) * 0x1p-32f); }

/* w plus an eighth of a turn: its upper two bits count the quarter turn that w is nearest to. */
static inline f32_word f32_eighth_on(f32_word w) {
    for (int i = 0; i < F32_LANES; i++) w.lane[i] += UINT32_C(1) << 29;
    return w;
}

/* The vector a along the first axis, turned by the half turn, if any, that turn counts: a, or -a where bit 31 is set. */
static inline f32_vec f32_half_turned(f32_word turn, f32_vec a) {
    F32_EACH(turn.lane[i] >> 31 ? -a.lane[i] : a.lane[i]);
}

/* The point (a, b), turned by the quarter turn that turn counts besides: itself, or (-b, a) where bit 30 is set. */
static inline void f32_quarter_turned(f32_word turn, f32_vec a, f32_vec b, f32_vec *z0, f32_vec *z1) {
    for (int i = 0; i < F32_LANES; i++) {
        const int odd = turn.lane[i] >> 30 & 1;
        z0->lane[i] = odd ? -b.lane[i] : a.lane[i];
        z1->lane[i] = odd ? a.lane[i] : b.lane[i];
    }
}

/* y > 0: y = (1 + x) 2^exponent, x in [-1/2, 0). y < 0: x = y, exponent 0. */
static inline void f32_split(f32_vec y, f32_vec *x, f32_vec *exponent) {
    for (int i = 0; i < F32_LANES; i++) {
        int e = 0;
        x->lane[i] = y.lane[i] < 0 ? y.lane[i] : frexpf(y.lane[i], &e) - 1;
        exponent->lane[i] = (float)e;
    }
}

static inline f32_vec f32_load(const float *p) { F32_EACH(p[i]); }
static inline void f32_store(float *p, f32_vec a) { memcpy(p, a.lane, sizeof a.lane); }

/* Two vectors' worth in the order of the elements. */
static inline void f32_interleave(f32_vec even, f32_vec odd, f32_vec *lower, f32_vec *upper) {
    lower->lane[0] = even.lane[0];
    lower->lane[1] = odd.lane[0];
    upper->lane[0] = even.lane[1];
    upper->lane[1] = odd.lane[1];
}
static inline void f32_store_words(uint32_t *p, f32_word even, f32_word odd) {
    for (int i = 0; i < F32_LANES; i++) {
        p[2 * i] = even.lane[i];
        p[2 * i + 1] = odd.lane[i];
    }
}

/* double */

static inline f64_vec f64_set(double a) { return a; }
static inline f64_vec f64_add(f64_vec a, f64_vec b) { return a + b; }
static inline f64_vec f64_mul(f64_vec a, f64_vec b) { return a * b; }
static inline f64_vec f64_fma(f64_vec a, f64_vec b, f64_vec c) { return fi_fma(a, b, c); }
static inline f64_vec f64_fma_minus_twice(f64_vec a, f64_vec b, f64_vec x) { return fi_fma(a, b, -2 * x); }
static inline f64_vec f64_div(f64_vec a, f64_vec b) { return a / b; }
static inline f64_vec f64_sqrt(f64_vec a) { return sqrt(a); }

static inline f64_vec f64_at_most(f64_vec a, f64_vec limit) { return a < limit ? a : limit; }
static inline f64_vec f64_at_least(f64_vec a, f64_vec limit) { return a > limit ? a : limit; }

static inline f64_vec f64_where_less(f64_vec a, f64_vec b, f64_vec x, f64_vec y) { return a < b ? x : y; }

static inline f64_vec f64_signed_as(f64_vec a, f64_vec s) { return fi_bits_of_f64(s) >> 63 ? -a : a; }

/* w >> 11, exact. */
static inline f64_vec f64_steps(f64_word w) { return (double)(w >> 11); }

/* w >> 11 as a signed integer of 53 bits, plus 1/2, times 2^-53: exact, in (-1/2, 1/2). */
static inline f64_vec f64_centered(f64_word w) {
    int64_t k = (int64_t)(w >> 11) - (int64_t)(w >> 63 << 53);
    return ((double)k + 0.5) * 0x1p-53;
}

/* (w >> 11) - 2^52 and (w >> 11) - high, exact; high is an integer, low zero. */
static inline f64_vec f64_from_middle(f64_word w) { return (double)(w >> 11) - 0x1p52; }
static inline f64_vec f64_distance(f64_word w, f64_vec high, f64_vec low) {
    (void)low;
    return (double)(w >> 11) - high;
}

/* The distance of (w >> 11) 2^-53 turns to the nearest quarter turn, in quarter turns: exact, in [-1/2, 1/2). */
static inline f64_vec f64_quarters(f64_word w) {
    uint64_t k = (w >> 11) & ((UINT64_C(1) << 51) - 1);
    return (double)((int64_t)k - (int64_t)(k >> 50 << 51)) * 0x1p-51;
}

/* The same, with the bits 62 and 63. */
static inline f64_word f64_eighth_on(f64_word w) { return w + (UINT64_C(1) << 61); }

static inline f64_vec f64_half_turned(f64_word turn, f64_vec a) { return turn >> 63 ? -a : a; }

static inline void f64_quarter_turned(f64_word turn, f64_vec a, f64_vec b, f64_vec *z0, f64_vec *z1) {
    const int odd = turn >> 62 & 1;
    *z0 = odd ? -b : a;
    *z1 = odd ? a : b;
}

static inline void f64_split(f64_vec y, f64_vec *x, f64_vec *exponent) {
    int e = 0;
    *x = y < 0 ? y : frexp(y, &e) - 1;
    *exponent = e;
}

static inline f64_vec f64_load(const double *p) { return *p; }
static inline void f64_store(double *p, f64_vec a) { *p = a; }

static inline void f64_interleave(f64_vec even, f64_vec odd, f64_vec *lower, f64_vec *upper) {
    *lower = even;
    *upper = odd;
}
static inline void f64_store_words(uint64_t *p, f64_word even, f64_word odd) {
    p[0] = even;
    p[1] = odd;
}

/* 16-bit floats: rounded to nearest even on the way out, exact on the way in; a NaN stays one. */

static inline f32_vec f16_load(const uint16_t *p) { F32_EACH(fi_f16_to_f32(p[i])); }
static inline void f16_store(uint16_t *p, f32_vec a) {
    for (int i = 0; i < F32_LANES; i++) p[i] = fi_f32_to_f16(a.lane[i]);
}
static inline f32_vec bf16_load(const uint16_t *p) { F32_EACH(fi_bf16_to_f32(p[i])); }
static inline void bf16_store(uint16_t *p, f32_vec a) {
    for (int i = 0; i < F32_LANES; i++) p[i] = fi_f32_to_bf16(a.lane[i]);
}

/* Moves, of scatter.h: a vector has MOVE_LANES lanes of 16 bytes; if these are several, load_lanes takes each from another row. */

#define MOVE_LANES 1

#undef F32_EACH
#endif
