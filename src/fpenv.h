/*
 * The contract's arithmetic rounds to nearest even and keeps subnormal numbers, whatever the caller has set. Code that
 * computes values or their constants enters that environment and leaves the caller's as it was.
 *
 * Compilers move arithmetic freely past a change of the environment. So what is computed inside must come from memory that
 * is read inside (a volatile, or an argument of a function that is not inlined) and go to memory.
 */
#ifndef FASTINIT_FPENV_H
#define FASTINIT_FPENV_H

#if defined(__GNUC__) || defined(__clang__)
#define FI_FPENV_BARRIER() __asm__ volatile("" : : : "memory")
#else
#define FI_FPENV_BARRIER() ((void)0)
#endif

#if defined(__x86_64__) || defined(_M_X64)

#include <immintrin.h>

typedef unsigned fi_fpenv;

/* Round to nearest, no flush to zero, all exceptions masked; the sticky flags in the lower bits do not count. */
static inline int fi_fpenv_is_standard(fi_fpenv env) { return (env & ~0x3Fu) == 0x1F80; }

static inline fi_fpenv fi_fpenv_enter(void) {
    unsigned caller = _mm_getcsr();
    if (!fi_fpenv_is_standard(caller)) _mm_setcsr(0x1F80);
    FI_FPENV_BARRIER();
    return caller;
}

static inline void fi_fpenv_leave(fi_fpenv caller) {
    FI_FPENV_BARRIER();
    if (!fi_fpenv_is_standard(caller)) _mm_setcsr(caller);
}

#elif defined(__aarch64__) && (defined(__GNUC__) || defined(__clang__))

#include <stdint.h>

typedef uint64_t fi_fpenv;

static inline fi_fpenv fi_fpenv_enter(void) {
    uint64_t caller;
    __asm__ volatile("mrs %0, fpcr" : "=r"(caller));
    if (caller != 0) __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)0));
    FI_FPENV_BARRIER();
    return caller;
}

static inline void fi_fpenv_leave(fi_fpenv caller) {
    FI_FPENV_BARRIER();
    if (caller != 0) __asm__ volatile("msr fpcr, %0" : : "r"(caller));
}

#else

#include <fenv.h>

typedef fenv_t fi_fpenv;

static inline fi_fpenv fi_fpenv_enter(void) {
    fi_fpenv caller;
    fegetenv(&caller);
    fesetenv(FE_DFL_ENV);
    FI_FPENV_BARRIER();
    return caller;
}

static inline void fi_fpenv_leave(fi_fpenv caller) {
    FI_FPENV_BARRIER();
    fesetenv(&caller);
}

#endif
#endif
