/*
 * The values of the draws in float32 and in float64, over the vector operations of one header of simd/, or of gpu/lanes.h;
 * included once, after that header and with UNROLLED_TERMS saying how the loops over the terms of a polynomial are unrolled.
 */

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define LENGTH(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* What a step of the unit uniform is: 24 or 53 bits of a word count them. */
static const float F32_UNIT = 0x1p-24f;
static const double F64_UNIT = 0x1p-53;

#include "coefficients.h"
#include "quantile.h"

#define OP(name) JOIN(f32_, name)
#define OP_(name) JOIN(F32_, name)
#include "vecmath.h"
#include "values.h"
#undef OP
#undef OP_

#define OP(name) JOIN(f64_, name)
#define OP_(name) JOIN(F64_, name)
#include "vecmath.h"
#include "values.h"
#undef OP
#undef OP_
