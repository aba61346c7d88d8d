/*
 * The contract's arithmetic rounds to nearest even and keeps subnormal numbers, whatever the caller has set. Code that
 * computes values or their constants enters that environment and leaves the caller's as it was.
 *
 * Compilers move arithmetic freely past a change of the environment. So what is computed inside must come from memory that
 * is read inside (a volatile, or an argument of a function that is not inlined) and go to memory.
 */
#ifndef FASTINIT_FPENV_H
#define FASTINIT_FPENV_H

#include <fenv.h>
#include <stdint.h>

#if defined(__GNUC__) || defined(__clang__)
#define FI_FPENV_BARRIER() __asm__ volatile("" : : : "memory")
#else
#define FI_FPENV_BARRIER() ((void)0)
#endif

#if defined(__x86_64__) || defined(_M_X64)

#include <xmmintrin.h>

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

/*
 * The same for code that is not the core's, Python's and NumPy's: it may use what C knows of besides, as the x87, which long
 * doubles take. That is nearly always standard; to save and set it takes a fifth of a microsecond.
 */
typedef struct {
    int is_standard;
    fenv_t all;
    fi_fpenv fast; /* which on some systems has more than C's knows of */
} fi_whole_fpenv;

static inline int fi_whole_fpenv_is_standard(void) {
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
    uint16_t control;
    __asm__ volatile("fnstcw %0" : "=m"(control));
    return (control & 0xF3F) == 0x33F && fi_fpenv_is_standard(_mm_getcsr());
#else
    return 0;
#endif
}

static inline void fi_whole_fpenv_enter(fi_whole_fpenv *caller) {
    caller->is_standard = fi_whole_fpenv_is_standard();
    if (caller->is_standard) return;
    fegetenv(&caller->all);
    fesetenv(FE_DFL_ENV);
    caller->fast = fi_fpenv_enter();
}

static inline void fi_whole_fpenv_leave(const fi_whole_fpenv *caller) {
    if (caller->is_standard) return;
    fi_fpenv_leave(caller->fast);
    fesetenv(&caller->all);
}

#endif
