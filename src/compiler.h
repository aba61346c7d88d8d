/* What compilers spell differently, and what no compiler may do. */
#ifndef FASTINIT_COMPILER_H
#define FASTINIT_COMPILER_H

#include <float.h>

/* Each operation rounds to its own type, or, what rounds a float to the same, to double; x87's long double does neither. */
#if FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 1
#error "fastinit needs arithmetic in float and double; on 32-bit x86 compile with -msse2 -mfpmath=sse"
#endif

#define ALWAYS_INLINE inline __attribute__((always_inline))
#define OUT_OF_LINE __attribute__((noinline))
#if defined(__clang__)
#define UNROLLED _Pragma("clang loop unroll(full)")
#else
#define UNROLLED _Pragma("GCC unroll 32")
#endif

#endif
