/* What compilers spell differently. */
#ifndef FASTINIT_COMPILER_H
#define FASTINIT_COMPILER_H

#if defined(_MSC_VER) && !defined(__clang__)
#define ALWAYS_INLINE __forceinline
#define UNROLLED
#elif defined(__clang__)
#define ALWAYS_INLINE inline __attribute__((always_inline))
#define UNROLLED _Pragma("clang loop unroll(full)")
#else
#define ALWAYS_INLINE inline __attribute__((always_inline))
#define UNROLLED _Pragma("GCC unroll 32")
#endif

#endif
