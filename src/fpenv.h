/*
 * The contract's arithmetic rounds to nearest even and keeps subnormal numbers, whatever the caller has set. A fill
 * enters that environment and leaves the caller's as it was.
 */
#ifndef FASTINIT_FPENV_H
#define FASTINIT_FPENV_H

#if defined(__x86_64__) || defined(_M_X64)

#include <immintrin.h>

typedef unsigned fi_fpenv;

static inline fi_fpenv fi_fpenv_enter(void) {
    const unsigned standard = 0x1F80; /* round to nearest, no flush to zero, all exceptions masked */
    unsigned caller = _mm_getcsr();
    if ((caller & ~0x3Fu) != standard) _mm_setcsr(standard);
    return caller;
}

static inline void fi_fpenv_leave(fi_fpenv caller) {
    /* Written back only if it was changed: the write costs as much as a short fill. Sticky flags may differ. */
    if ((caller & ~0x3Fu) != (_mm_getcsr() & ~0x3Fu)) _mm_setcsr(caller);
}

#elif defined(__aarch64__) && (defined(__GNUC__) || defined(__clang__))

#include <stdint.h>

typedef uint64_t fi_fpenv;

static inline fi_fpenv fi_fpenv_enter(void) {
    uint64_t caller;
    __asm__ volatile("mrs %0, fpcr" : "=r"(caller));
    if (caller != 0) __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)0) : "memory");
    return caller;
}

static inline void fi_fpenv_leave(fi_fpenv caller) {
    if (caller != 0) __asm__ volatile("msr fpcr, %0" : : "r"(caller) : "memory");
}

#else

#include <fenv.h>

typedef int fi_fpenv;

static inline fi_fpenv fi_fpenv_enter(void) {
    int caller = fegetround();
    if (caller != FE_TONEAREST) fesetround(FE_TONEAREST);
    return caller;
}

static inline void fi_fpenv_leave(fi_fpenv caller) {
    if (caller != FE_TONEAREST) fesetround(caller);
}

#endif
#endif
