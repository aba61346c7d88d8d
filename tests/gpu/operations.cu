/*
 * Single operations of gpu/lanes.h on a device, of which there is no other proof than to try them: conversions and the square
 * root over all of their inputs, against integers and exact arithmetic; and the results of all operations of operands that are
 * hard to round, which a host computes too, from this same source.
 */
#if defined(__CUDACC__)
#define FI_ON_DEVICE
#else
#include <string.h>
#endif

#include <stdint.h>

#include "gpu/lanes.h"

/* ---- What is wrong with the result of one word ---------------------------------------------------------------------- */

/* To nearest even: n / 2^shift, 0 < shift < 64. */
LANE uint64_t rounded(uint64_t n, int shift) {
    const uint64_t quotient = n >> shift, rest = n & ((UINT64_C(1) << shift) - 1), half = UINT64_C(1) << (shift - 1);
    return quotient + (rest > half || (rest == half && (quotient & 1)));
}

LANE int is_nan(uint32_t bits) { return (bits & UINT32_C(0x7FFFFFFF)) > UINT32_C(0x7F800000); }

/* The bits of the float nearest to an integer. */
LANE uint32_t float_of(uint32_t n, int negative) {
    int top = 31;
    if (n == 0) return 0;
    while (!(n >> top)) top--;
    const uint64_t significand = top > 23 ? rounded(n, top - 23) : (uint64_t)n << (23 - top);
    return (uint32_t)(((uint64_t)(126 + top) << 23) + significand) | (uint32_t)negative << 31; /* a carry goes on */
}

LANE int wrong_int_to_float(uint32_t w) {
    const int negative = (int)(w >> 31);
    const uint32_t magnitude = negative ? 0 - w : w;
    return fi_bits_of_f32(f32_of_int((int32_t)w)) != float_of(magnitude, negative) ||
           fi_bits_of_f32(f32_of_uint(w)) != float_of(w, 0) || fi_bits_of_f32(f32_steps(w)) != float_of(w >> 8, 0);
}

LANE uint32_t bf16_by_integers(uint32_t bits) { return (uint32_t)rounded(bits, 16); }

LANE int wrong_float_to_bfloat16(uint32_t w) {
    const float a = fi_f32_of_bits(w);
    const uint32_t right = bf16_by_integers(w), one = bf16_by_integers(fi_bits_of_f32(1));
    if (is_nan(w)) return 0;
    return bf16_of_f32(a) != right || bf16_pair(a, 1) != (right | one << 16) || bf16_pair(1, a) != (one | right << 16);
}

LANE uint32_t f16_by_integers(uint32_t bits) {
    const uint32_t magnitude = bits & UINT32_C(0x7FFFFFFF), sign = bits >> 16 & 0x8000, exponent = magnitude >> 23;
    const uint32_t significand = (magnitude & UINT32_C(0x7FFFFF)) | UINT32_C(0x800000);
    if (magnitude >= UINT32_C(0x477FF000)) return sign | 0x7C00;
    if (exponent >= 113) return sign | (uint32_t)rounded(magnitude - (UINT32_C(112) << 23), 13);
    return exponent < 100 ? sign : sign | (uint32_t)rounded(significand, 126 - (int)exponent); /* in units of 2^-24 */
}

LANE int wrong_float_to_float16(uint32_t w) {
    const float a = fi_f32_of_bits(w);
    const uint32_t right = f16_by_integers(w), one = UINT32_C(0x3C00);
    if (is_nan(w)) return 0;
    return f16_of_f32(a) != right || f16_pair(a, 1) != (right | one << 16) || f16_pair(1, a) != (one | right << 16);
}

/* Exact in both directions, but for NaN. */
LANE int wrong_half_to_float(uint32_t w) {
    const uint32_t h = w & 0xFFFF;
    if (fi_bits_of_f32(f32_of_bf16(h)) != h << 16) return 1;
    return (h & 0x7FFF) <= 0x7C00 && f16_by_integers(fi_bits_of_f32(f32_of_f16(h))) != h;
}

/* Between the middles towards the neighbours, whose squares are exact in double and no float. */
LANE int wrong_square_root(uint32_t w) {
    const float a = fi_f32_of_bits(w), s = f32_sqrt(a);
    const uint32_t bits = fi_bits_of_f32(s);
    if (w >> 31 || w >= UINT32_C(0x7F800000)) return 0;
    if (w == 0) return bits != 0;
    const double below = f64_mul(f64_add((double)fi_f32_of_bits(bits - 1), (double)s), 0.5);
    const double above = f64_mul(f64_add((double)fi_f32_of_bits(bits + 1), (double)s), 0.5);
    return !(f64_mul(below, below) < (double)a && (double)a < f64_mul(above, above));
}

/* ---- Results of hard operands --------------------------------------------------------------------------------------- */

LANE uint64_t mixed(uint64_t a) { /* SplitMix64 */
    a += UINT64_C(0x9E3779B97F4A7C15);
    a = (a ^ a >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    a = (a ^ a >> 27) * UINT64_C(0x94D049BB133111EB);
    return a ^ a >> 31;
}

/* Any bits; numbers near 1; and a significand of few ones, with an exponent near an end or the middle. */
LANE uint32_t f32_operand(uint64_t index, uint32_t which) {
    const uint64_t r = mixed(index * 4 + which);
    const uint32_t bits = (uint32_t)r, choice = (uint32_t)(r >> 61), kind = (uint32_t)(r >> 32) & 7;
    const uint32_t exponent = (uint32_t)(r >> 40) & 0x1F;
    if (choice < 2) return bits;
    if (choice < 5) return (bits & UINT32_C(0x807FFFFF)) | (112 + exponent) << 23;
    const uint32_t sparse = UINT32_C(1) << (bits & 31) ^ (bits & 64 ? UINT32_C(0x7FFFFF) : 0) ^ (bits >> 7 & 1);
    const uint32_t place = kind < 2 ? exponent & 3 : kind < 4 ? 255 - (exponent & 3) : 124 + (exponent & 7);
    return (sparse & UINT32_C(0x7FFFFF)) | place << 23 | (bits & UINT32_C(1) << 31);
}
LANE uint64_t f64_operand(uint64_t index, uint32_t which) {
    const uint64_t r = mixed(index * 4 + which), bits = mixed(r);
    const uint32_t choice = (uint32_t)(r >> 61), kind = (uint32_t)(r >> 32) & 7, exponent = (uint32_t)(r >> 40) & 0x3F;
    if (choice < 2) return bits;
    if (choice < 5) return (bits & UINT64_C(0x800FFFFFFFFFFFFF)) | (uint64_t)(992 + exponent) << 52;
    const uint64_t sparse = UINT64_C(1) << (bits & 63) ^ (bits & 128 ? UINT64_C(0xFFFFFFFFFFFFF) : 0) ^ (bits >> 8 & 1);
    const uint32_t place = kind < 2 ? exponent & 3 : kind < 4 ? 2047 - (exponent & 3) : 1020 + (exponent & 7);
    return (sparse & UINT64_C(0xFFFFFFFFFFFFF)) | (uint64_t)place << 52 | (bits & UINT64_C(1) << 63);
}

/* Every NaN is one. */
LANE uint32_t f32_told(float a) { return a == a ? fi_bits_of_f32(a) : UINT32_C(0x7FC00000); }
LANE uint64_t f64_told(double a) { return a == a ? fi_bits_of_f64(a) : UINT64_C(0x7FF8000000000000); }

/* Of every other index, c is nearly -a b: what is left of the sum is the product's lower half. */
#define DEFINE_RESULTS(real, word, scalar, BITS)                                                      \
    LANE void real##_results(uint64_t index, word *out) {                                             \
        const word w = real##_operand(index, 3);                                                      \
        const scalar a = fi_##real##_of_bits(real##_operand(index, 0));                               \
        const scalar b = fi_##real##_of_bits(real##_operand(index, 1));                               \
        const word near = real##_told(real##_mul(a, -b)) + (w & 3) - 1;                               \
        const scalar c = fi_##real##_of_bits(index & 1 ? near : real##_operand(index, 2));            \
        const scalar positive = fi_##real##_of_bits(fi_bits_of_##real(a) & ~((word)1 << (BITS - 1))); \
        scalar one, other;                                                                            \
        out[0] = real##_told(real##_add(a, c));                                                       \
        out[1] = real##_told(real##_mul(a, b));                                                       \
        out[2] = real##_told(real##_fma(a, b, c));                                                    \
        out[3] = real##_told(real##_fma_minus_twice(a, b, c));                                        \
        out[4] = real##_told(real##_div(a, b));                                                       \
        out[5] = real##_told(real##_sqrt(positive));                                                  \
        out[6] = real##_told(real##_steps(w));                                                        \
        out[7] = real##_told(real##_centered(w));                                                     \
        out[8] = real##_told(real##_from_middle(w));                                                  \
        out[9] = real##_told(real##_distance(w, real##_steps((word)mixed(index)), 0));                \
        out[10] = real##_told(real##_quarters(w));                                                    \
        real##_split(a, &one, &other);                                                                \
        out[11] = real##_told(one);                                                                   \
        out[12] = real##_told(other);                                                                 \
        real##_quarter_turned(w, a, b, &one, &other);                                                 \
        out[13] = real##_told(one);                                                                   \
        out[14] = real##_told(other);                                                                 \
        out[15] = real##_told(real##_signed_as(real##_half_turned(real##_eighth_on(w), a), b));       \
        out[16] = real##_told(real##_at_most(real##_at_least(a, b), c));                              \
        out[17] = real##_told(real##_where_less(a, b, c, a));                                         \
    }
enum { RESULTS = 18 };
DEFINE_RESULTS(f32, uint32_t, float, 32)
DEFINE_RESULTS(f64, uint64_t, double, 64)

/* ---- Kernels --------------------------------------------------------------------------------------------------------- */

enum { THREADS = 256 };

/* A check takes the words first, first + step, ...; found[0] counts what is wrong, found[1] is one of these, found[2] counts all. */
#define CHECKS(X) X(int_to_float) X(float_to_bfloat16) X(float_to_float16) X(half_to_float) X(square_root)
#define RESULTS_OF(X) X(f32, uint32_t) X(f64, uint64_t)

#ifdef FI_ON_DEVICE

#define CHECK(name)                                                                                     \
    extern "C" __global__ void check_##name(uint32_t first, uint32_t step, unsigned long long *found) { \
        const uint32_t w = first + step * (blockIdx.x * THREADS + threadIdx.x);                         \
        if (threadIdx.x == 0) atomicAdd(found + 2, (unsigned long long)THREADS);                        \
        if (!wrong_##name(w)) return;                                                                   \
        atomicAdd(found, 1ULL);                                                                         \
        found[1] = w;                                                                                   \
    }
CHECKS(CHECK)
#define RESULTS_KERNEL(real, word)                                         \
    extern "C" __global__ void results_##real(uint64_t first, word *out) { \
        const uint64_t i = (uint64_t)blockIdx.x * THREADS + threadIdx.x;   \
        real##_results(first + i, out + i * RESULTS);                      \
    }
RESULTS_OF(RESULTS_KERNEL)

#else

/* Runs the kernel of that name as a launch of so many groups would. */
void run(const char *name, uint32_t groups, void **parameters) {
    const uint64_t threads = (uint64_t)groups * THREADS;
#define CHECK(name_of_it)                                                                     \
    if (strcmp(name, "check_" #name_of_it) == 0) {                                            \
        const uint32_t first = *(uint32_t *)parameters[0], step = *(uint32_t *)parameters[1]; \
        uint64_t *const found = *(uint64_t **)parameters[2];                                  \
        found[2] += threads;                                                                  \
        for (uint64_t i = 0; i < threads; i++) {                                              \
            const uint32_t w = first + step * (uint32_t)i;                                    \
            if (!wrong_##name_of_it(w)) continue;                                             \
            found[0]++;                                                                       \
            found[1] = w;                                                                     \
        }                                                                                     \
    }
    CHECKS(CHECK)
#define RESULTS_LOOP(real, word)                                                             \
    if (strcmp(name, "results_" #real) == 0) {                                               \
        const uint64_t first = *(uint64_t *)parameters[0];                                   \
        word *const out = *(word **)parameters[1];                                           \
        for (uint64_t i = 0; i < threads; i++) real##_results(first + i, out + i * RESULTS); \
    }
    RESULTS_OF(RESULTS_LOOP)
}

#endif
