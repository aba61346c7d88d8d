/*
 * The vector operations for one thread of a GPU: those of simd/portable.h, one lane wide, by the device's correctly rounded
 * instructions. Each operation that rounds is named, so that a compiler has nothing to contract. On a host it is C11 and C++17:
 * the constants of a launch come from there, and the tests run the kernels so.
 */
#ifndef FASTINIT_GPU_LANES_H
#define FASTINIT_GPU_LANES_H

#include <stdint.h>

typedef uint32_t f32_word;
typedef float f32_vec, f32_scalar;
typedef uint64_t f64_word;
typedef double f64_vec, f64_scalar;

/* What a device and a host spell differently */

#ifdef FI_ON_DEVICE

#define LANE static __device__ __forceinline__

LANE uint32_t fi_bits_of_f32(float a) { return __float_as_uint(a); }
LANE float fi_f32_of_bits(uint32_t a) { return __uint_as_float(a); }
LANE uint64_t fi_bits_of_f64(double a) { return (uint64_t)__double_as_longlong(a); }
LANE double fi_f64_of_bits(uint64_t a) { return __longlong_as_double((long long)a); }
LANE float f32_add(float a, float b) { return __fadd_rn(a, b); }
LANE float f32_mul(float a, float b) { return __fmul_rn(a, b); }
LANE float f32_fma(float a, float b, float c) { return __fmaf_rn(a, b, c); }
LANE float f32_div(float a, float b) { return __fdiv_rn(a, b); }
LANE float f32_sqrt(float a) { return __fsqrt_rn(a); }
LANE float f32_of_int(int32_t a) { return __int2float_rn(a); }
LANE float f32_of_uint(uint32_t a) { return __uint2float_rn(a); }
LANE double f64_add(double a, double b) { return __dadd_rn(a, b); }
LANE double f64_mul(double a, double b) { return __dmul_rn(a, b); }
LANE double f64_fma(double a, double b, double c) { return __fma_rn(a, b, c); }
LANE double f64_div(double a, double b) { return __ddiv_rn(a, b); }
LANE double f64_sqrt(double a) { return __dsqrt_rn(a); }

/* 16-bit floats: rounded to nearest even on the way out, exact on the way in. */
LANE uint32_t f16_of_f32(float a) {
    unsigned short h;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h) : "f"(a));
    return h;
}
LANE float f32_of_f16(uint32_t h) {
    float a;
    asm("cvt.f32.f16 %0, %1;" : "=f"(a) : "h"((unsigned short)h));
    return a;
}
LANE uint32_t bf16_of_f32(float a) { /* a NaN, to whose bits rounding would carry, is the device's own */
    const uint32_t bits = fi_bits_of_f32(a);
    return (bits & UINT32_C(0x7FFFFFFF)) > UINT32_C(0x7F800000) ? 0x7FFF : (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
}

#else

#include "../compiler.h"
#include "../softfloat.h"

#define LANE static ALWAYS_INLINE

LANE float f32_add(float a, float b) { return a + b; }
LANE float f32_mul(float a, float b) { return a * b; }
LANE float f32_fma(float a, float b, float c) { return fi_fmaf(a, b, c); }
LANE float f32_div(float a, float b) { return a / b; }
LANE float f32_sqrt(float a) { return sqrtf(a); }
LANE float f32_of_int(int32_t a) { return (float)a; }
LANE float f32_of_uint(uint32_t a) { return (float)a; }
LANE double f64_add(double a, double b) { return a + b; }
LANE double f64_mul(double a, double b) { return a * b; }
LANE double f64_fma(double a, double b, double c) { return fi_fma(a, b, c); }
LANE double f64_div(double a, double b) { return a / b; }
LANE double f64_sqrt(double a) { return sqrt(a); }
LANE uint32_t f16_of_f32(float a) { return fi_f32_to_f16(a); }
LANE float f32_of_f16(uint32_t h) { return fi_f16_to_f32((uint16_t)h); }
LANE uint32_t bf16_of_f32(float a) { return fi_f32_to_bf16(a); }

#endif

/* Two 16-bit floats in a word, the first one low. */
LANE uint32_t f16_pair(float a, float b) {
#if defined(FI_ON_DEVICE) && __CUDA_ARCH__ >= 800
    uint32_t pair;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(b), "f"(a));
    return pair;
#else
    return f16_of_f32(a) | f16_of_f32(b) << 16;
#endif
}
LANE uint32_t bf16_pair(float a, float b) {
#if defined(FI_ON_DEVICE) && __CUDA_ARCH__ >= 800
    uint32_t pair;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(b), "f"(a));
    return pair;
#else
    return bf16_of_f32(a) | bf16_of_f32(b) << 16;
#endif
}
LANE float f32_of_bf16(uint32_t b) { return fi_f32_of_bits(b << 16); }

/* float */

LANE float f32_set(float a) { return a; }
LANE float f32_fma_minus_twice(float a, float b, float x) { return f32_fma(a, b, f32_mul(-2, x)); }
LANE float f32_at_most(float a, float limit) { return a < limit ? a : limit; }
LANE float f32_at_least(float a, float limit) { return a > limit ? a : limit; }
LANE float f32_where_less(float a, float b, float x, float y) { return a < b ? x : y; }
LANE float f32_signed_as(float a, float s) {
    return fi_f32_of_bits(fi_bits_of_f32(a) ^ (fi_bits_of_f32(s) & UINT32_C(1) << 31));
}
LANE float f32_steps(uint32_t w) { return f32_of_uint(w >> 8); }
LANE float f32_centered(uint32_t w) { return f32_fma(f32_of_int((int32_t)w), 0x1p-32f, 0x1p-33f); }
LANE float f32_from_middle(uint32_t w) { return f32_of_int((int32_t)(w ^ UINT32_C(1) << 31)); }
LANE float f32_distance(uint32_t w, float high, float low) {
    return f32_fma(f32_add(f32_of_uint(w >> 16), -high), 0x1p16f, f32_add(f32_of_uint(w & 0xFFFF), -low));
}
LANE float f32_quarters(uint32_t w) { return f32_mul(f32_of_int((int32_t)(w << 2)), 0x1p-32f); }
LANE uint32_t f32_eighth_on(uint32_t w) { return w + (UINT32_C(1) << 29); }
LANE float f32_half_turned(uint32_t turn, float a) {
    return fi_f32_of_bits(fi_bits_of_f32(a) ^ (turn & UINT32_C(1) << 31));
}
LANE void f32_quarter_turned(uint32_t turn, float a, float b, float *z0, float *z1) {
    const int odd = (turn & UINT32_C(1) << 30) != 0;
    *z0 = odd ? -b : a;
    *z1 = odd ? a : b;
}
/* As unsigned numbers the bits of each negative y are above those of 1/2, the mantissa's power of two: see simd/avx2.h. */
LANE void f32_split(float y, float *x, float *exponent) {
    const uint32_t half = UINT32_C(0x3F000000), bits = fi_bits_of_f32(y), least = bits < half ? bits : half;
    const float mantissa = fi_f32_of_bits((bits & UINT32_C(0x7FFFFF)) | half);
    *exponent = f32_of_int((int32_t)(least - half) >> 23);
    *x = y < 0 ? y : f32_add(mantissa, -1);
}

/* double */

LANE double f64_set(double a) { return a; }
LANE double f64_fma_minus_twice(double a, double b, double x) { return f64_fma(a, b, f64_mul(-2, x)); }
LANE double f64_at_most(double a, double limit) { return a < limit ? a : limit; }
LANE double f64_at_least(double a, double limit) { return a > limit ? a : limit; }
LANE double f64_where_less(double a, double b, double x, double y) { return a < b ? x : y; }
LANE double f64_signed_as(double a, double s) {
    return fi_f64_of_bits(fi_bits_of_f64(a) ^ (fi_bits_of_f64(s) & UINT64_C(1) << 63));
}
/* Integers become doubles by their bits, above those of 2^52, and one exact sum: the conversion itself is slow on most GPUs. */
LANE double f64_above_2_52(uint64_t k) {
    return fi_f64_of_bits((k & ((UINT64_C(1) << 52) - 1)) | UINT64_C(0x433) << 52);
}
LANE double f64_steps(uint64_t w) { return f64_add(f64_above_2_52(w >> 11), w >> 63 ? 0.0 : -0x1p52); }
LANE double f64_centered(uint64_t w) {
    const double k = f64_add(f64_above_2_52(w >> 11), w >> 63 ? -0x1p53 : -0x1p52);
    return f64_fma(k, 0x1p-53, 0x1p-54);
}
LANE double f64_from_middle(uint64_t w) { return f64_add(f64_steps(w), -0x1p52); }
LANE double f64_distance(uint64_t w, double high, double low) {
    (void)low;
    return f64_add(f64_steps(w), -high);
}
/* The 51 bits below the upper two of w, as a signed number: the fraction of a number in [1, 2), less 3/2. */
LANE double f64_quarters(uint64_t w) {
    const uint64_t k = (w >> 10 & ((UINT64_C(1) << 52) - 2)) ^ UINT64_C(1) << 51;
    return f64_add(fi_f64_of_bits(k | UINT64_C(0x3FF) << 52), -1.5);
}
LANE uint64_t f64_eighth_on(uint64_t w) { return w + (UINT64_C(1) << 61); }
LANE double f64_half_turned(uint64_t turn, double a) {
    return fi_f64_of_bits(fi_bits_of_f64(a) ^ (turn & UINT64_C(1) << 63));
}
LANE void f64_quarter_turned(uint64_t turn, double a, double b, double *z0, double *z1) {
    const int odd = (turn & UINT64_C(1) << 62) != 0;
    *z0 = odd ? -b : a;
    *z1 = odd ? a : b;
}
LANE void f64_split(double y, double *x, double *exponent) {
    const uint64_t bits = fi_bits_of_f64(y);
    const double mantissa = fi_f64_of_bits((bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(0x3FE) << 52);
    *exponent = y < 0 ? 0.0 : (double)((int32_t)(bits >> 52) - 1022); /* exact */
    *x = y < 0 ? y : f64_add(mantissa, -1);
}

#endif
