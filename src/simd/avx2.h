/* The vector operations of portable.h for AVX2, FMA and F16C: 8 blocks, 8 floats, 4 doubles. */
#ifndef FASTINIT_SIMD_AVX2_H
#define FASTINIT_SIMD_AVX2_H

#include <immintrin.h>
#include <stdint.h>

#include "../philox.h"

#define SIMD_NAME avx2
#define SIMD_FEATURES "avx2 fma f16c"
enum { GROUP_BLOCKS = 8, PAIRS = 2, F32_LANES = 8, F64_LANES = 4 };
enum { UNROLL_UNIFORM = 3, UNROLL_NORMAL = 1, UNROLL_REST = 1 };
enum { WORDS_BETWEEN_STEPS = 1, COPIED_KEYS = 0 };
#if defined(__clang__) /* which loads each coefficient for each group, and spills more */
enum { UNROLL_TRUNCATED = 2, UNROLL_TAIL = 2 };
#else
enum { UNROLL_TRUNCATED = 3, UNROLL_TAIL = 3 };
#endif

/*
 * A word of each of 8 blocks, and their products in two vectors. A packed word is multiplied with its even and with its odd
 * elements; of products, the shuffle that packs high words takes two from either vector, in each half of 16 bytes. So the
 * elements 1 and 2 of a half change places in each round, and low words, which are needed a round later, are packed in the
 * order of the next one.
 */
typedef __m256i lane_word;
typedef struct {
    __m256i even, odd;
} lane_product;
typedef __m256i f32_word;
typedef __m256 f32_vec;
typedef __m256i f64_word;
typedef __m256d f64_vec;

/* Philox */

static inline lane_product product(lane_word a, uint32_t m) {
    const __m256i factor = _mm256_set1_epi64x(m);
    return (lane_product){_mm256_mul_epu32(a, factor),
                          _mm256_mul_epu32(_mm256_shuffle_epi32(a, _MM_SHUFFLE(3, 3, 1, 1)), factor)};
}

/* The order of blocks that the unpack instructions at the end, of words and of values, put right. */
static inline lane_product first_products(uint32_t block) {
    const __m256i first = _mm256_set1_epi64x(block), factor = _mm256_set1_epi64x(FI_PHILOX_M0);
    return (lane_product){
        _mm256_mul_epu32(_mm256_add_epi64(first, _mm256_setr_epi64x(0, 4, 1, 5)), factor),
        _mm256_mul_epu32(_mm256_add_epi64(first, _mm256_setr_epi64x(2, 6, 3, 7)), factor),
    };
}

static inline lane_product listed_products(const uint32_t *blocks) {
    /* By two loads: as they were stored, if just now. */
    const __m128i *const four = (const __m128i *)blocks;
    const __m256i lower = _mm256_castsi128_si256(_mm_loadu_si128(four)), factor = _mm256_set1_epi64x(FI_PHILOX_M0);
    const __m256i all = _mm256_inserti128_si256(lower, _mm_loadu_si128(four + 1), 1);
    return (lane_product){
        _mm256_mul_epu32(_mm256_permutevar8x32_epi32(all, _mm256_setr_epi32(0, 0, 4, 4, 1, 1, 5, 5)), factor),
        _mm256_mul_epu32(_mm256_permutevar8x32_epi32(all, _mm256_setr_epi32(2, 2, 6, 6, 3, 3, 7, 7)), factor),
    };
}

static inline lane_product product_add(lane_product p, uint64_t a) {
    const __m256i added = _mm256_set1_epi64x((int64_t)a);
    return (lane_product){_mm256_add_epi64(p.even, added), _mm256_add_epi64(p.odd, added)};
}

static inline __m256i packed(lane_product p, int is_high) {
    const __m256 even = _mm256_castsi256_ps(p.even), odd = _mm256_castsi256_ps(p.odd);
    return _mm256_castps_si256(is_high ? _mm256_shuffle_ps(even, odd, _MM_SHUFFLE(3, 1, 3, 1))
                                       : _mm256_shuffle_ps(even, odd, _MM_SHUFFLE(2, 0, 2, 0)));
}

static inline lane_word low(lane_product p) {
    const __m256i odd = _mm256_slli_epi64(p.odd, 32);
    return _mm256_castps_si256(_mm256_blend_ps(_mm256_castsi256_ps(p.even), _mm256_castsi256_ps(odd), 0xAA));
}

static inline lane_word high(lane_product p) { return packed(p, 1); }

static inline lane_word xor_key(lane_word a, uint32_t k) { return _mm256_xor_si256(a, _mm256_set1_epi32((int32_t)k)); }

static inline lane_word primed(lane_word w, uint32_t k) { return xor_key(w, k); }

static inline lane_word xor_primed(lane_word a, lane_word w, uint32_t k) {
    (void)k;
    return _mm256_xor_si256(a, w);
}

/* The words of each block after the last round. */
static inline void last_words(lane_product p1, lane_product p0, lane_word c1, lane_word c3, uint32_t k0, uint32_t k1,
                              __m256i w[4]) {
    w[0] = xor_primed(high(p1), c1, k0);
    w[2] = xor_primed(high(p0), c3, k1);
    w[1] = packed(p1, 0);
    w[3] = packed(p0, 0);
}

static inline void unpack(__m256i a, __m256i b, __m256i *pairs) {
    pairs[0] = _mm256_unpacklo_epi32(a, b);
    pairs[1] = _mm256_unpackhi_epi32(a, b);
}

static inline void f32_last_round(lane_product p1, lane_product p0, lane_word c1, lane_word c3, uint32_t k0,
                                  uint32_t k1, f32_word *even, f32_word *odd) {
    __m256i w[4];
    last_words(p1, p0, c1, c3, k0, k1, w);
    unpack(w[0], w[2], even);
    unpack(w[1], w[3], odd);
}

static inline void f64_last_round(lane_product p1, lane_product p0, lane_word c1, lane_word c3, uint32_t k0,
                                  uint32_t k1, f64_word *even, f64_word *odd) {
    __m256i w[4];
    last_words(p1, p0, c1, c3, k0, k1, w);
    unpack(w[0], w[1], even);
    unpack(w[2], w[3], odd);
}

/* float */

static inline f32_vec f32_set(float a) { return _mm256_set1_ps(a); }
static inline f32_vec f32_add(f32_vec a, f32_vec b) { return _mm256_add_ps(a, b); }
static inline f32_vec f32_mul(f32_vec a, f32_vec b) { return _mm256_mul_ps(a, b); }
static inline f32_vec f32_fma(f32_vec a, f32_vec b, f32_vec c) { return _mm256_fmadd_ps(a, b, c); }
static inline f32_vec f32_fma_minus_twice(f32_vec a, f32_vec b, f32_vec x) {
    return _mm256_fmsub_ps(a, b, _mm256_add_ps(x, x));
}
static inline f32_vec f32_div(f32_vec a, f32_vec b) { return _mm256_div_ps(a, b); }
static inline f32_vec f32_sqrt(f32_vec a) { return _mm256_sqrt_ps(a); }

static inline f32_vec f32_at_most(f32_vec a, f32_vec limit) { return _mm256_min_ps(a, limit); }
static inline f32_vec f32_at_least(f32_vec a, f32_vec limit) { return _mm256_max_ps(a, limit); }

static inline f32_vec f32_where_less(f32_vec a, f32_vec b, f32_vec x, f32_vec y) {
    return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
}

static inline f32_vec f32_signed_as(f32_vec a, f32_vec s) {
    return _mm256_xor_ps(a, _mm256_and_ps(s, _mm256_set1_ps(-0.0f)));
}

static inline f32_vec f32_steps(f32_word w) { return _mm256_cvtepi32_ps(_mm256_srli_epi32(w, 8)); }

static inline f32_vec f32_centered(f32_word w) {
    return _mm256_fmadd_ps(_mm256_cvtepi32_ps(w), _mm256_set1_ps(0x1p-32f), _mm256_set1_ps(0x1p-33f));
}

static inline f32_vec f32_from_middle(f32_word w) {
    return _mm256_cvtepi32_ps(_mm256_xor_si256(w, _mm256_set1_epi32(INT32_MIN)));
}

static inline f32_vec f32_distance(f32_word w, f32_vec high, f32_vec low) {
    __m256 upper = _mm256_sub_ps(_mm256_cvtepi32_ps(_mm256_srli_epi32(w, 16)), high);
    __m256 lower = _mm256_sub_ps(_mm256_cvtepi32_ps(_mm256_and_si256(w, _mm256_set1_epi32(0xFFFF))), low);
    return _mm256_fmadd_ps(upper, _mm256_set1_ps(0x1p16f), lower);
}

static inline f32_vec f32_quarters(f32_word w) {
    return _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_slli_epi32(w, 2)), _mm256_set1_ps(0x1p-32f));
}

static inline f32_word f32_eighth_on(f32_word w) { return _mm256_add_epi32(w, _mm256_set1_epi32(1 << 29)); }

static inline f32_vec f32_half_turned(f32_word turn, f32_vec a) {
    return _mm256_xor_ps(a, _mm256_and_ps(_mm256_castsi256_ps(turn), _mm256_set1_ps(-0.0f)));
}

static inline void f32_quarter_turned(f32_word turn, f32_vec a, f32_vec b, f32_vec *z0, f32_vec *z1) {
    f32_vec odd = _mm256_castsi256_ps(_mm256_slli_epi32(turn, 1));
    f32_vec sign = _mm256_and_ps(odd, _mm256_set1_ps(-0.0f));
    *z0 = _mm256_xor_ps(_mm256_blendv_ps(a, b, odd), sign);
    *z1 = _mm256_blendv_ps(b, a, odd);
}

static inline void f32_split(f32_vec y, f32_vec *x, f32_vec *exponent) {
    const __m256i half = _mm256_set1_epi32(0x3F000000);
    __m256i bits = _mm256_castps_si256(y);
    /* As unsigned numbers the bits of every negative y are above those of one half. */
    __m256i e = _mm256_srai_epi32(_mm256_sub_epi32(_mm256_min_epu32(bits, half), half), 23);
    __m256i mantissa = _mm256_or_si256(_mm256_and_si256(bits, _mm256_set1_epi32(0x7FFFFF)), half);
    *exponent = _mm256_cvtepi32_ps(e);
    *x = _mm256_blendv_ps(_mm256_sub_ps(_mm256_castsi256_ps(mantissa), _mm256_set1_ps(1.0f)), y, y);
}

static inline f32_vec f32_load(const float *p) { return _mm256_loadu_ps(p); }
static inline void f32_store(float *p, f32_vec a) { _mm256_storeu_ps(p, a); }

static inline void f32_interleave(f32_vec even, f32_vec odd, f32_vec *lower, f32_vec *upper) {
    *lower = _mm256_unpacklo_ps(even, odd);
    *upper = _mm256_unpackhi_ps(even, odd);
}
static inline void f32_store_words(uint32_t *p, f32_word even, f32_word odd) {
    _mm256_storeu_si256((__m256i *)p, _mm256_unpacklo_epi32(even, odd));
    _mm256_storeu_si256((__m256i *)(p + 8), _mm256_unpackhi_epi32(even, odd));
}

/* double */

static inline f64_vec f64_set(double a) { return _mm256_set1_pd(a); }
static inline f64_vec f64_add(f64_vec a, f64_vec b) { return _mm256_add_pd(a, b); }
static inline f64_vec f64_mul(f64_vec a, f64_vec b) { return _mm256_mul_pd(a, b); }
static inline f64_vec f64_fma(f64_vec a, f64_vec b, f64_vec c) { return _mm256_fmadd_pd(a, b, c); }
static inline f64_vec f64_fma_minus_twice(f64_vec a, f64_vec b, f64_vec x) {
    return _mm256_fmsub_pd(a, b, _mm256_add_pd(x, x));
}
static inline f64_vec f64_div(f64_vec a, f64_vec b) { return _mm256_div_pd(a, b); }
static inline f64_vec f64_sqrt(f64_vec a) { return _mm256_sqrt_pd(a); }

static inline f64_vec f64_at_most(f64_vec a, f64_vec limit) { return _mm256_min_pd(a, limit); }
static inline f64_vec f64_at_least(f64_vec a, f64_vec limit) { return _mm256_max_pd(a, limit); }

static inline f64_vec f64_where_less(f64_vec a, f64_vec b, f64_vec x, f64_vec y) {
    return _mm256_blendv_pd(y, x, _mm256_cmp_pd(a, b, _CMP_LT_OQ));
}

static inline f64_vec f64_signed_as(f64_vec a, f64_vec s) {
    return _mm256_xor_pd(a, _mm256_and_pd(s, _mm256_set1_pd(-0.0)));
}

/*
 * AVX2 cannot convert 64-bit integers. The lower 32 bits of w >> 11 become the last ones of a double from 2^52 on, the 21
 * above them the last but 32 of one from 2^84 on; every step is exact.
 */
static inline f64_vec f64_steps(f64_word w) {
    const __m256d low_zero = _mm256_set1_pd(0x1p52), high_zero = _mm256_set1_pd(0x1p84);
    __m256 low = _mm256_blend_ps(_mm256_castsi256_ps(_mm256_srli_epi64(w, 11)), _mm256_castpd_ps(low_zero), 0xAA);
    __m256i high = _mm256_or_si256(_mm256_srli_epi64(w, 43), _mm256_castpd_si256(high_zero));
    __m256d upper = _mm256_sub_pd(_mm256_castsi256_pd(high), _mm256_set1_pd(0x1p84 + 0x1p52));
    return _mm256_add_pd(upper, _mm256_castps_pd(low));
}

/* 52 bits as the mantissa of a double in [1, 2). */
static inline __m256d one_to_two(__m256i mantissa) {
    return _mm256_castsi256_pd(_mm256_xor_si256(mantissa, _mm256_set1_epi64x(INT64_C(0x3FF) << 52)));
}

/* Bits 11 to 62 of w as such a mantissa; the top bit picks the constant to subtract. */
static inline __m256d below_top_bit(f64_word w) { return one_to_two(_mm256_srli_epi64(_mm256_slli_epi64(w, 1), 12)); }

static inline f64_vec f64_centered(f64_word w) {
    __m256d shift = _mm256_blendv_pd(_mm256_set1_pd(1.0), _mm256_set1_pd(2.0), _mm256_castsi256_pd(w));
    return _mm256_fmadd_pd(_mm256_sub_pd(below_top_bit(w), shift), _mm256_set1_pd(0.5), _mm256_set1_pd(0x1p-54));
}

static inline f64_vec f64_from_middle(f64_word w) { return _mm256_sub_pd(f64_steps(w), _mm256_set1_pd(0x1p52)); }

static inline f64_vec f64_distance(f64_word w, f64_vec high, f64_vec low) {
    (void)low;
    return _mm256_sub_pd(f64_steps(w), high);
}

static inline f64_vec f64_quarters(f64_word w) {
    __m256i mantissa = _mm256_and_si256(_mm256_srli_epi64(w, 10), _mm256_set1_epi64x((INT64_C(1) << 52) - 2));
    __m256d flipped = one_to_two(_mm256_xor_si256(mantissa, _mm256_set1_epi64x(INT64_C(1) << 51)));
    return _mm256_sub_pd(flipped, _mm256_set1_pd(1.5));
}

static inline f64_word f64_eighth_on(f64_word w) { return _mm256_add_epi64(w, _mm256_set1_epi64x(INT64_C(1) << 61)); }

static inline f64_vec f64_half_turned(f64_word turn, f64_vec a) {
    return _mm256_xor_pd(a, _mm256_and_pd(_mm256_castsi256_pd(turn), _mm256_set1_pd(-0.0)));
}

static inline void f64_quarter_turned(f64_word turn, f64_vec a, f64_vec b, f64_vec *z0, f64_vec *z1) {
    f64_vec odd = _mm256_castsi256_pd(_mm256_slli_epi64(turn, 1));
    f64_vec sign = _mm256_and_pd(odd, _mm256_set1_pd(-0.0));
    *z0 = _mm256_xor_pd(_mm256_blendv_pd(a, b, odd), sign);
    *z1 = _mm256_blendv_pd(b, a, odd);
}

static inline void f64_split(f64_vec y, f64_vec *x, f64_vec *exponent) {
    const __m256d half = _mm256_set1_pd(0.5), magic = _mm256_set1_pd(0x1p52 + 1022);
    __m256i bits = _mm256_castpd_si256(y);
    __m256i mantissa =
        _mm256_or_si256(_mm256_and_si256(bits, _mm256_set1_epi64x((INT64_C(1) << 52) - 1)), _mm256_castpd_si256(half));
    __m256d biased = _mm256_or_pd(_mm256_castsi256_pd(_mm256_srli_epi64(bits, 52)), _mm256_set1_pd(0x1p52));
    *exponent = _mm256_blendv_pd(_mm256_sub_pd(biased, magic), _mm256_setzero_pd(), y);
    *x = _mm256_blendv_pd(_mm256_sub_pd(_mm256_castsi256_pd(mantissa), _mm256_set1_pd(1.0)), y, y);
}

static inline f64_vec f64_load(const double *p) { return _mm256_loadu_pd(p); }
static inline void f64_store(double *p, f64_vec a) { _mm256_storeu_pd(p, a); }

static inline void f64_interleave(f64_vec even, f64_vec odd, f64_vec *lower, f64_vec *upper) {
    *lower = _mm256_unpacklo_pd(even, odd);
    *upper = _mm256_unpackhi_pd(even, odd);
}
static inline void f64_store_words(uint64_t *p, f64_word even, f64_word odd) {
    _mm256_storeu_si256((__m256i *)p, _mm256_unpacklo_epi64(even, odd));
    _mm256_storeu_si256((__m256i *)(p + 4), _mm256_unpackhi_epi64(even, odd));
}

/* 16-bit floats */

static inline f32_vec f16_load(const uint16_t *p) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)); }
static inline void f16_store(uint16_t *p, f32_vec a) {
    _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
static inline f32_vec bf16_load(const uint16_t *p) {
    __m256i bits = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(bits, 16));
}
static inline void bf16_store(uint16_t *p, f32_vec a) {
    __m256i bits = _mm256_castps_si256(a);
    __m256i last = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    __m256i rounded = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7FFF)), last);
    __m256i halves = _mm256_srli_epi32(rounded, 16);
    __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(halves, halves), _MM_SHUFFLE(3, 1, 2, 0));
    _mm_storeu_si128((__m128i *)p, _mm256_castsi256_si128(packed));
}

/* Moves */

#define MOVE_LANES 2

static inline void load_lanes(void *to, const char *from, ptrdiff_t stride) {
    __m256i first = _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)from));
    *(__m256i *)to = _mm256_inserti128_si256(first, _mm_loadu_si128((const __m128i *)(from + stride)), 1);
}

#endif
