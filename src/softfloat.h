/*
 * Correctly rounded operations that the portable kernel needs and a CPU may lack: fused multiply-add and the conversions
 * of 16-bit floats. Rounding to nearest even.
 */
#ifndef FASTINIT_SOFTFLOAT_H
#define FASTINIT_SOFTFLOAT_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Inlined into every step of every polynomial, they would make the portable kernels five times as large and no faster. */
#if defined(__GNUC__) || defined(__clang__)
#define FI_OUT_OF_LINE static __attribute__((noinline, unused))
#else
#define FI_OUT_OF_LINE static inline
#endif

static inline uint32_t fi_bits_of_f32(float a) {
    uint32_t bits;
    memcpy(&bits, &a, sizeof bits);
    return bits;
}

static inline float fi_f32_of_bits(uint32_t bits) {
    float a;
    memcpy(&a, &bits, sizeof a);
    return a;
}

static inline uint64_t fi_bits_of_f64(double a) {
    uint64_t bits;
    memcpy(&bits, &a, sizeof bits);
    return bits;
}

static inline double fi_f64_of_bits(uint64_t bits) {
    double a;
    memcpy(&a, &bits, sizeof a);
    return a;
}

/*
 * float: the product is exact in double. The sum is rounded to odd there (S. Boldo and G. Melquiond, "Emulation of FMA and
 * correctly rounded sums: proved algorithms using rounding to odd", 2008), after which rounding to float is as good as
 * rounding the exact sum.
 */
FI_OUT_OF_LINE float fi_soft_fmaf(float a, float b, float c) {
    double product = (double)a * b;
    double sum = product + c;
    if (!isfinite(sum)) return (float)sum;
    double c_part = sum - product;
    double error = (product - (sum - c_part)) + (c - c_part); /* Knuth's TwoSum: sum + error is exact */
    uint64_t bits = fi_bits_of_f64(sum);
    if (error != 0 && !(bits & 1)) bits += (error > 0) == (sum > 0) ? 1 : UINT64_MAX;
    return (float)fi_f64_of_bits(bits);
}

/* An unsigned integer of 128 bits. */
typedef struct {
    uint64_t high, low;
} fi_u128;

static inline fi_u128 fi_u128_of(uint64_t high, uint64_t low) {
    fi_u128 a = {high, low};
    return a;
}

static inline fi_u128 fi_u128_product(uint64_t a, uint64_t b) {
    uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
    uint64_t middle = a1 * b0 + (a0 * b0 >> 32);
    uint64_t carry = a0 * b1 + (uint32_t)middle;
    return fi_u128_of(a1 * b1 + (middle >> 32) + (carry >> 32), carry << 32 | (uint32_t)(a0 * b0));
}

static inline fi_u128 fi_u128_shift_left(fi_u128 a, int n) {
    if (n >= 64) return fi_u128_of(a.low << (n - 64), 0);
    if (n == 0) return a;
    return fi_u128_of(a.high << n | a.low >> (64 - n), a.low << n);
}

/* The lowest bit is set if any bit that is shifted out was. */
static inline fi_u128 fi_u128_shift_right_jam(fi_u128 a, int n) {
    if (n == 0) return a;
    if (n >= 128) return fi_u128_of(0, (a.high | a.low) != 0);
    if (n >= 64) {
        uint64_t out = a.low | (n > 64 ? a.high << (128 - n) : 0);
        return fi_u128_of(0, a.high >> (n - 64) | (out != 0));
    }
    return fi_u128_of(a.high >> n, a.high << (64 - n) | a.low >> n | (a.low << (64 - n) != 0));
}

static inline int fi_leading_zeros(uint64_t a) {
    int n = 0;
    for (int step = 32; step; step /= 2) {
        if (a >> (64 - step) == 0) {
            n += step;
            a <<= step;
        }
    }
    return n;
}

/* |a| as an integer below 2^53 times 2^exponent. */
static inline uint64_t fi_f64_magnitude(double a, int *exponent) {
    uint64_t bits = fi_bits_of_f64(a);
    uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    int biased = (int)(bits >> 52 & 0x7FF);
    *exponent = (biased ? biased : 1) - 1075;
    return biased ? fraction | UINT64_C(1) << 52 : fraction;
}

/* a, not zero, shifted so that its top bit is bit 125: room for a carry, and 72 bits below the 53 that are kept. */
static inline fi_u128 fi_u128_normalize(fi_u128 a, int *exponent) {
    int zeros = a.high ? fi_leading_zeros(a.high) : 64 + fi_leading_zeros(a.low);
    int shift = zeros - 2;
    *exponent -= shift;
    return shift >= 0 ? fi_u128_shift_left(a, shift) : fi_u128_shift_right_jam(a, -shift);
}

FI_OUT_OF_LINE double fi_soft_fma(double a, double b, double c) {
    if (!isfinite(a) || !isfinite(b) || !isfinite(c) || a == 0 || b == 0) return a * b + c;
    if (c == 0) return a * b; /* one rounding, and the sign of an underflow is the product's */

    int a_exponent, b_exponent, c_exponent;
    uint64_t a_magnitude = fi_f64_magnitude(a, &a_exponent), b_magnitude = fi_f64_magnitude(b, &b_exponent);
    uint64_t c_magnitude = fi_f64_magnitude(c, &c_exponent);
    int negative = signbit(a) != signbit(b);
    int exponent = a_exponent + b_exponent;
    fi_u128 larger = fi_u128_normalize(fi_u128_product(a_magnitude, b_magnitude), &exponent);
    fi_u128 smaller = fi_u128_normalize(fi_u128_of(0, c_magnitude), &c_exponent);
    int subtract = negative != !!signbit(c);

    int distance = exponent - c_exponent;
    if (distance < 0 || (distance == 0 && larger.high < smaller.high)) { /* smaller.low is 0: c has 53 bits */
        fi_u128 product = larger;
        larger = smaller;
        smaller = product;
        distance = -distance;
        exponent = c_exponent;
        negative = !!signbit(c);
    }
    smaller = fi_u128_shift_right_jam(smaller, distance);
    if (subtract) {
        uint64_t borrow = larger.low < smaller.low;
        larger = fi_u128_of(larger.high - smaller.high - borrow, larger.low - smaller.low);
        if ((larger.high | larger.low) == 0) return 0.0;
    } else {
        uint64_t sum = larger.low + smaller.low;
        larger = fi_u128_of(larger.high + smaller.high + (sum < larger.low), sum);
    }

    /* 62 bits and a sticky one below them; the value is about significand * 2^exponent. */
    larger = fi_u128_normalize(larger, &exponent);
    uint64_t significand = larger.high | (larger.low != 0);
    exponent += 64;
    int dropped = 62 - 53;
    if (exponent + dropped < -1074) dropped = -1074 - exponent;
    if (dropped > 63) dropped = 63; /* less than half of the smallest subnormal number */
    uint64_t kept = significand >> dropped, rest = significand << (64 - dropped);
    uint64_t half = UINT64_C(1) << 63;
    kept += rest > half || (rest == half && (kept & 1));
    double magnitude = ldexp((double)kept, exponent + dropped);
    return negative ? -magnitude : magnitude;
}

/*
 * A compiler that has the instruction inlines the builtin; the C library's fmaf and fma, slow in software, are not used.
 */
#if defined(__FP_FAST_FMAF) || defined(__FMA__) || defined(__aarch64__) || defined(__s390x__)
static inline float fi_fmaf(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
#else
static inline float fi_fmaf(float a, float b, float c) { return fi_soft_fmaf(a, b, c); }
#endif

#if defined(__FP_FAST_FMA) || defined(__FMA__) || defined(__aarch64__) || defined(__s390x__)
static inline double fi_fma(double a, double b, double c) { return __builtin_fma(a, b, c); }
#else
static inline double fi_fma(double a, double b, double c) { return fi_soft_fma(a, b, c); }
#endif

static inline float fi_f16_to_f32(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 0x3FF;
    if (exponent == 31) return fi_f32_of_bits(sign | 0x7F800000 | fraction << 13 | (fraction ? 0x400000 : 0));
    if (exponent == 0) return (sign ? -1.0f : 1.0f) * (float)fraction * 0x1p-24f;
    return fi_f32_of_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

static inline uint16_t fi_f32_to_f16(float a) {
    uint32_t bits = fi_bits_of_f32(a), magnitude = bits & 0x7FFFFFFF;
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    if (magnitude > 0x7F800000) return sign | 0x7E00 | (uint16_t)(magnitude >> 13 & 0x3FF);
    if (magnitude >= 0x477FF000) return sign | 0x7C00; /* 65520, half way to 2^16, and above */
    if (magnitude < 0x38800000) { /* below 2^-14: adding 1/2 leaves the value in units of 2^-24 in the last bits */
        return sign | (uint16_t)(fi_bits_of_f32(fi_f32_of_bits(magnitude) + 0.5f) - 0x3F000000);
    }
    uint32_t rounded = magnitude + 0xFFF + (magnitude >> 13 & 1);
    return sign | (uint16_t)((rounded - (UINT32_C(112) << 23)) >> 13);
}

static inline float fi_bf16_to_f32(uint16_t b) { return fi_f32_of_bits((uint32_t)b << 16); }

/* A NaN here comes from a bfloat16 that was added to, so it has no lower bits for the rounding to carry out of. */
static inline uint16_t fi_f32_to_bf16(float a) {
    uint32_t bits = fi_bits_of_f32(a);
    return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

#endif
