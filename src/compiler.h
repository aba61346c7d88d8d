/* What compilers spell differently, and what no compiler may do. */
#ifndef FASTINIT_COMPILER_H
#define FASTINIT_COMPILER_H

#include <float.h>

/* Each operation rounds to its own type, or, what rounds a float to the same, to double; x87's long double does neither. */
#if FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 1
#error "fastinit needs arithmetic in float and double; on 32-bit x86 compile with -msse2 -mfpmath=sse"
#endif

/* What is rounded to a float stays so: GCC 12 leaves (double)(float)x out where it vectorises the store of the result. */
#if defined(__x86_64__) || defined(_M_X64)
#define KEEP_FLOAT(x) __asm__("" : "+x"(x))
#elif defined(__aarch64__)
#define KEEP_FLOAT(x) __asm__("" : "+w"(x))
#else
#define KEEP_FLOAT(x) __asm__("" : "+m"(x))
#endif

#define ALWAYS_INLINE inline __attribute__((always_inline))
#if defined(__clang__)
#define UNROLLED _Pragma("clang loop unroll(full)")
#else
#define UNROLLED _Pragma("GCC unroll 32")
#endif

#endif
