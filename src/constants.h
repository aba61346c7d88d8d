/* How the constants of a fill round: what scale.c and truncated.c share. Inside the standard floating-point environment. */
#ifndef FASTINIT_CONSTANTS_H
#define FASTINIT_CONSTANTS_H

#include <math.h>

#include "core.h"

/* The greatest number of the compute type that the dtype does not round to an infinity; integers hold none. */
extern const double fi_greatest[FI_DTYPES];

/* What is rounded to a float stays so: GCC 12 leaves (double)(float)x out where it vectorises the store of the result. */
#if defined(__x86_64__) || defined(_M_X64)
#define FI_KEEP_FLOAT(x) __asm__("" : "+x"(x))
#elif defined(__aarch64__)
#define FI_KEEP_FLOAT(x) __asm__("" : "+w"(x))
#else
#define FI_KEEP_FLOAT(x) __asm__("" : "+m"(x))
#endif

/* The largest |z| that the contract's u1 allows: sqrt(108 ln 2) = 8.652 and sqrt(66 ln 2) = 6.764. */
static inline double fi_reach_of_normals(fi_dtype dtype) { return dtype == FI_FLOAT64 ? 8.66 : 6.77; }

/* value as the dtype's compute type holds it. */
static inline double fi_rounded(fi_dtype dtype, double value) {
    if (dtype == FI_FLOAT64) return value;
    float rounded = (float)value;
    FI_KEEP_FLOAT(rounded);
    return rounded;
}

static inline double fi_next_towards(fi_dtype dtype, double from, double to) {
    return dtype == FI_FLOAT64 ? nextafter(from, to) : (double)nextafterf((float)from, (float)to);
}

/* Sets the draw, and scale, shift and limits to what changes nothing. */
static inline void fi_set_draw(fi_fill *fill, fi_draw draw) {
    fill->draw = draw;
    fill->scale = 1;
    fill->shift = 0;
    fill->least = -INFINITY;
    fill->most = INFINITY;
}

#endif
