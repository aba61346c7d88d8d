/* The vector operations of portable.h for AVX-512 (F, DQ, BW, VL): 8 blocks, 16 floats, 8 doubles. */
#ifndef FASTINIT_SIMD_AVX512_H
#define FASTINIT_SIMD_AVX512_H

#include <immintrin.h>
#include <stdint.h>

#include "../philox.h"

#define SIMD_NAME avx512
#define SIMD_FEATURES "avx512f avx512dq avx512bw avx512vl"
enum { GROUP_BLOCKS = 8, PAIRS = 1, F32_LANES = 16, F64_LANES = 8 };
enum { UNROLL_UNIFORM = 6, UNROLL_NORMAL = 2, UNROLL_TRUNCATED = 6, UNROLL_TAIL = 4, UNROLL_REST = 2 };
enum { WORDS_BETWEEN_STEPS = 0, COPIED_KEYS = 0 };

/* A block a 64-bit lane. A word is in the lower half of its lane; the upper half holds anything. */
typedef __m512i lane_word;
typedef __m512i lane_product;
typedef __m512i f32_word;
typedef __m512 f32_vec;
typedef __m512i f64_word;
typedef __m512d f64_vec;

enum { XOR3 = 0x96, XOR_AND = 0x78, AND_XOR = 0x6A }; /* a ^ b ^ c, a ^ (b & c), (a & b) ^ c */

/* Philox */

static inline lane_product product(lane_word a, uint32_t m) { return _mm512_mul_epu32(a, _mm512_set1_epi64(m)); }

/* The unpack instructions of the stores take the even lanes of both vectors first, then the odd ones. */
static inline __m512i lane_order(void) { return _mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7); }

static inline lane_product first_products(uint32_t block) {
    __m512i index = _mm512_add_epi64(_mm512_set1_epi64(block), lane_order());
    return _mm512_mul_epu32(index, _mm512_set1_epi64(FI_PHILOX_M0));
}

static inline lane_product listed_products(const uint32_t *blocks) {
    /* By two loads: as they were stored, if just now. */
    const __m128i *const four = (const __m128i *)blocks;
    __m256i all = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(four)), _mm_loadu_si128(four + 1), 1);
    __m512i index = _mm512_cvtepu32_epi64(all);
    return _mm512_mul_epu32(_mm512_permutexvar_epi64(lane_order(), index), _mm512_set1_epi64(FI_PHILOX_M0));
}

static inline lane_product product_add(lane_product p, uint64_t a) {
    return _mm512_add_epi64(p, _mm512_set1_epi64((int64_t)a));
}

static inline lane_word low(lane_product p) { return p; }

static inline lane_word high(lane_product p) { return _mm512_srli_epi64(p, 32); }

static inline lane_word xor_key(lane_word a, uint32_t k) { return _mm512_xor_si512(a, _mm512_set1_epi32((int32_t)k)); }

static inline lane_word primed(lane_word w, uint32_t k) {
    (void)k;
    return w;
}

static inline lane_word xor_primed(lane_word a, lane_word w, uint32_t k) {
    return _mm512_ternarylogic_epi32(a, w, _mm512_set1_epi32((int32_t)k), XOR3);
}

static inline void f32_last_round(lane_product p1, lane_product p0, lane_word c1, lane_word c3, uint32_t k0,
                                  uint32_t k1, f32_word *even, f32_word *odd) {
    const __mmask16 lower = 0x5555, upper = 0xAAAA;
    __m512i h = _mm512_mask_shuffle_epi32(p0, lower, p1, _MM_PERM_DDBB);
    __m512i c = _mm512_mask_shuffle_epi32(c1, upper, c3, _MM_PERM_CCAA);
    __m512i k = _mm512_set1_epi64((int64_t)((uint64_t)k1 << 32 | k0));
    *even = _mm512_ternarylogic_epi32(h, c, k, XOR3);
    *odd = _mm512_mask_shuffle_epi32(p1, upper, p0, _MM_PERM_CCAA);
}

static inline __m512i word_pair(lane_product p, lane_word c, uint32_t k) {
    const __mmask16 lower = 0x5555;
    return _mm512_mask_ternarylogic_epi32(_mm512_ror_epi64(p, 32), lower, c, _mm512_set1_epi32((int32_t)k), XOR3);
}

static inline void f64_last_round(lane_product p1, lane_product p0, lane_word c1, lane_word c3, uint32_t k0,
                                  uint32_t k1, f64_word *even, f64_word *odd) {
    *even = word_pair(p1, c1, k0);
    *odd = word_pair(p0, c3, k1);
}

/* float */

static inline f32_vec f32_set(float a) { return _mm512_set1_ps(a); }
static inline f32_vec f32_add(f32_vec a, f32_vec b) { return _mm512_add_ps(a, b); }
static inline f32_vec f32_mul(f32_vec a, f32_vec b) { return _mm512_mul_ps(a, b); }
static inline f32_vec f32_fma(f32_vec a, f32_vec b, f32_vec c) { return _mm512_fmadd_ps(a, b, c); }
static inline f32_vec f32_fma_minus_twice(f32_vec a, f32_vec b, f32_vec x) {
    return _mm512_fmsub_ps(a, b, _mm512_add_ps(x, x));
}
static inline f32_vec f32_div(f32_vec a, f32_vec b) { return _mm512_div_ps(a, b); }
static inline f32_vec f32_sqrt(f32_vec a) { return _mm512_sqrt_ps(a); }

static inline f32_vec f32_at_most(f32_vec a, f32_vec limit) { return _mm512_min_ps(a, limit); }
static inline f32_vec f32_at_least(f32_vec a, f32_vec limit) { return _mm512_max_ps(a, limit); }

static inline f32_vec f32_where_less(f32_vec a, f32_vec b, f32_vec x, f32_vec y) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x);
}

static inline f32_vec f32_signed_as(f32_vec a, f32_vec s) {
    __m512i sign = _mm512_set1_epi32(INT32_MIN);
    return _mm512_castsi512_ps(
        _mm512_ternarylogic_epi32(_mm512_castps_si512(a), _mm512_castps_si512(s), sign, XOR_AND));
}

static inline f32_vec f32_steps(f32_word w) { return _mm512_cvtepi32_ps(_mm512_srli_epi32(w, 8)); }

static inline f32_vec f32_centered(f32_word w) {
    return _mm512_fmadd_ps(_mm512_cvtepi32_ps(w), _mm512_set1_ps(0x1p-32f), _mm512_set1_ps(0x1p-33f));
}

static inline f32_vec f32_from_middle(f32_word w) {
    return _mm512_cvtepi32_ps(_mm512_xor_si512(w, _mm512_set1_epi32(INT32_MIN)));
}

static inline f32_vec f32_distance(f32_word w, f32_vec high, f32_vec low) {
    __m512 upper = _mm512_sub_ps(_mm512_cvtepi32_ps(_mm512_srli_epi32(w, 16)), high);
    __m512 lower = _mm512_sub_ps(_mm512_cvtepi32_ps(_mm512_and_si512(w, _mm512_set1_epi32(0xFFFF))), low);
    return _mm512_fmadd_ps(upper, _mm512_set1_ps(0x1p16f), lower);
}

static inline f32_vec f32_quarters(f32_word w) {
    return _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_slli_epi32(w, 2)), _mm512_set1_ps(0x1p-32f));
}

static inline f32_word f32_eighth_on(f32_word w) { return _mm512_add_epi32(w, _mm512_set1_epi32(1 << 29)); }

static inline f32_vec f32_half_turned(f32_word turn, f32_vec a) {
    __m512i sign = _mm512_set1_epi32(INT32_MIN);
    return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(_mm512_castps_si512(a), turn, sign, XOR_AND));
}

static inline void f32_quarter_turned(f32_word turn, f32_vec a, f32_vec b, f32_vec *z0, f32_vec *z1) {
    __mmask16 odd = _mm512_test_epi32_mask(turn, _mm512_set1_epi32(1 << 30));
    *z0 = _mm512_mask_xor_ps(a, odd, b, _mm512_set1_ps(-0.0f));
    *z1 = _mm512_mask_blend_ps(odd, b, a);
}

static inline void f32_split(f32_vec y, f32_vec *x, f32_vec *exponent) {
    __mmask16 positive = _mm512_cmp_ps_mask(y, _mm512_setzero_ps(), _CMP_GT_OQ);
    __m512 mantissa = _mm512_getmant_ps(y, _MM_MANT_NORM_p5_1, _MM_MANT_SIGN_src);
    *x = _mm512_mask_sub_ps(y, positive, mantissa, _mm512_set1_ps(1.0f));
    *exponent = _mm512_maskz_getexp_ps(positive, _mm512_add_ps(y, y));
}

static inline f32_vec f32_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void f32_store(float *p, f32_vec a) { _mm512_storeu_ps(p, a); }

static inline void f32_interleave(f32_vec even, f32_vec odd, f32_vec *lower, f32_vec *upper) {
    *lower = _mm512_unpacklo_ps(even, odd);
    *upper = _mm512_unpackhi_ps(even, odd);
}
static inline void f32_store_words(uint32_t *p, f32_word even, f32_word odd) {
    _mm512_storeu_si512(p, _mm512_unpacklo_epi32(even, odd));
    _mm512_storeu_si512(p + 16, _mm512_unpackhi_epi32(even, odd));
}

/* double */

static inline f64_vec f64_set(double a) { return _mm512_set1_pd(a); }
static inline f64_vec f64_add(f64_vec a, f64_vec b) { return _mm512_add_pd(a, b); }
static inline f64_vec f64_mul(f64_vec a, f64_vec b) { return _mm512_mul_pd(a, b); }
static inline f64_vec f64_fma(f64_vec a, f64_vec b, f64_vec c) { return _mm512_fmadd_pd(a, b, c); }
static inline f64_vec f64_fma_minus_twice(f64_vec a, f64_vec b, f64_vec x) {
    return _mm512_fmsub_pd(a, b, _mm512_add_pd(x, x));
}
static inline f64_vec f64_div(f64_vec a, f64_vec b) { return _mm512_div_pd(a, b); }
static inline f64_vec f64_sqrt(f64_vec a) { return _mm512_sqrt_pd(a); }

static inline f64_vec f64_at_most(f64_vec a, f64_vec limit) { return _mm512_min_pd(a, limit); }
static inline f64_vec f64_at_least(f64_vec a, f64_vec limit) { return _mm512_max_pd(a, limit); }

static inline f64_vec f64_where_less(f64_vec a, f64_vec b, f64_vec x, f64_vec y) {
    return _mm512_mask_blend_pd(_mm512_cmp_pd_mask(a, b, _CMP_LT_OQ), y, x);
}

static inline f64_vec f64_signed_as(f64_vec a, f64_vec s) {
    __m512i sign = _mm512_set1_epi64(INT64_MIN);
    return _mm512_castsi512_pd(
        _mm512_ternarylogic_epi64(_mm512_castpd_si512(a), _mm512_castpd_si512(s), sign, XOR_AND));
}

static inline f64_vec f64_steps(f64_word w) { return _mm512_cvtepi64_pd(_mm512_srli_epi64(w, 11)); }

static inline f64_vec f64_centered(f64_word w) {
    __m512d k = _mm512_cvtepi64_pd(_mm512_srai_epi64(w, 11));
    return _mm512_fmadd_pd(k, _mm512_set1_pd(0x1p-53), _mm512_set1_pd(0x1p-54));
}

static inline f64_vec f64_from_middle(f64_word w) { return _mm512_sub_pd(f64_steps(w), _mm512_set1_pd(0x1p52)); }

static inline f64_vec f64_distance(f64_word w, f64_vec high, f64_vec low) {
    (void)low;
    return _mm512_sub_pd(_mm512_cvtepi64_pd(_mm512_srli_epi64(w, 11)), high);
}

/* Bits 11 to 61 of w as the mantissa of a double in [1, 2), its top bit flipped: in quarter turns, plus 3/2. */
static inline f64_vec f64_quarters(f64_word w) {
    const __m512i kept = _mm512_set1_epi64((INT64_C(1) << 52) - 2), flipped = _mm512_set1_epi64(INT64_C(0x7FF) << 51);
    __m512i bits = _mm512_ternarylogic_epi64(_mm512_srli_epi64(w, 10), kept, flipped, AND_XOR);
    return _mm512_sub_pd(_mm512_castsi512_pd(bits), _mm512_set1_pd(1.5));
}

static inline f64_word f64_eighth_on(f64_word w) { return _mm512_add_epi64(w, _mm512_set1_epi64(INT64_C(1) << 61)); }

static inline f64_vec f64_half_turned(f64_word turn, f64_vec a) {
    __m512i sign = _mm512_set1_epi64(INT64_MIN);
    return _mm512_castsi512_pd(_mm512_ternarylogic_epi64(_mm512_castpd_si512(a), turn, sign, XOR_AND));
}

static inline void f64_quarter_turned(f64_word turn, f64_vec a, f64_vec b, f64_vec *z0, f64_vec *z1) {
    __mmask8 odd = _mm512_test_epi64_mask(turn, _mm512_set1_epi64(INT64_C(1) << 62));
    *z0 = _mm512_mask_xor_pd(a, odd, b, _mm512_set1_pd(-0.0));
    *z1 = _mm512_mask_blend_pd(odd, b, a);
}

static inline void f64_split(f64_vec y, f64_vec *x, f64_vec *exponent) {
    __mmask8 positive = _mm512_cmp_pd_mask(y, _mm512_setzero_pd(), _CMP_GT_OQ);
    __m512d mantissa = _mm512_getmant_pd(y, _MM_MANT_NORM_p5_1, _MM_MANT_SIGN_src);
    *x = _mm512_mask_sub_pd(y, positive, mantissa, _mm512_set1_pd(1.0));
    *exponent = _mm512_maskz_getexp_pd(positive, _mm512_add_pd(y, y));
}

static inline f64_vec f64_load(const double *p) { return _mm512_loadu_pd(p); }
static inline void f64_store(double *p, f64_vec a) { _mm512_storeu_pd(p, a); }

static inline void f64_interleave(f64_vec even, f64_vec odd, f64_vec *lower, f64_vec *upper) {
    *lower = _mm512_unpacklo_pd(even, odd);
    *upper = _mm512_unpackhi_pd(even, odd);
}
static inline void f64_store_words(uint64_t *p, f64_word even, f64_word odd) {
    _mm512_storeu_si512(p, _mm512_unpacklo_epi64(even, odd));
    _mm512_storeu_si512(p + 8, _mm512_unpackhi_epi64(even, odd));
}

/* 16-bit floats */

static inline f32_vec f16_load(const uint16_t *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
static inline void f16_store(uint16_t *p, f32_vec a) {
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
static inline f32_vec bf16_load(const uint16_t *p) {
    __m512i bits = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(bits, 16));
}
/* Not vcvtneps2bf16, which flushes subnormal numbers to zero. */
static inline void bf16_store(uint16_t *p, f32_vec a) {
    __m512i bits = _mm512_castps_si512(a);
    __m512i last = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i rounded = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7FFF)), last);
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded, 16)));
}

/* Moves */

#define MOVE_LANES 4

static inline void load_lanes(void *to, const char *from, ptrdiff_t stride) {
    __m512i all = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)from));
    all = _mm512_inserti32x4(all, _mm_loadu_si128((const __m128i *)(from + stride)), 1);
    all = _mm512_inserti32x4(all, _mm_loadu_si128((const __m128i *)(from + 2 * stride)), 2);
    *(__m512i *)to = _mm512_inserti32x4(all, _mm_loadu_si128((const __m128i *)(from + 3 * stride)), 3);
}

/* Of a vector the elements whose bits in places are set. */
#define STORE_PLACES_16(to, places, vector) _mm512_mask_storeu_epi16(to, (__mmask32)(places), (__m512i)(vector))
#define STORE_PLACES_32(to, places, vector) _mm512_mask_storeu_epi32(to, (__mmask16)(places), (__m512i)(vector))
#define STORE_PLACES_64(to, places, vector) _mm512_mask_storeu_epi64(to, (__mmask8)(places), (__m512i)(vector))

#endif
