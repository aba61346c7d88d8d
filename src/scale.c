/* From the parameters of a distribution or scheme to the constants of a fill. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "compiler.h"
#include "constants.h"
#include "fpenv.h"

static fi_dtype compute_type(fi_dtype dtype) { return dtype == FI_FLOAT64 ? FI_FLOAT64 : FI_FLOAT32; }

void fi_set_bits(fi_fill *fill) { fi_set_draw(fill, FI_BITS); }

/*
 * Whether fma(u, scale, shift) stays at most `most` for the largest u, 1 - unit, and scale can be multiplied by unit without
 * a rounding: then fma(u / unit, scale * unit, shift) is the same. What is beyond `most` is counted with the error of the
 * sum; a last doubt of the size of rounding errors there is far below half a step from `most`, where the fma rounds.
 */
static int needs_no_cap(const fi_fill *fill) {
    const int is_double = fill->dtype == FI_FLOAT64;
    const double unit = is_double ? 0x1p-53 : 0x1p-24, least_normal = is_double ? 0x1p-1022 : 0x1p-126;
    const double high = fill->shift + fill->scale, part = high - fill->shift;
    const double error = (fill->shift - (high - part)) + (fill->scale - part);
    return fill->scale * unit >= least_normal && ((high - fill->most) + error) - fill->scale * unit <= 0;
}

/* set_uniform and set_normal: inside the standard floating-point environment. */
static fi_refusal set_uniform(fi_fill *fill, double low, double high) {
    const double width = high - low, end = fi_greatest[fill->dtype];
    const int are_held = fabs(low) <= end && fabs(high) <= end && width <= fi_greatest[compute_type(fill->dtype)];
    if (!(low <= high)) return FI_REFUSED_BOUNDS;
    if (!are_held) return FI_REFUSED_OVERFLOW;
    const double least = fi_rounded(fill->dtype, low), greatest = fi_rounded(fill->dtype, high);
    fi_set_draw(fill, FI_UNIFORM_CAPPED);
    fill->scale = fi_rounded(fill->dtype, width);
    fill->shift = least;
    fill->most = least == greatest ? greatest : fi_next_towards(fill->dtype, greatest, least);
    if (needs_no_cap(fill)) fill->draw = FI_UNIFORM;
    return FI_ACCEPTED;
}

fi_refusal fi_set_uniform(fi_fill *fill, double given_low, double given_high) {
    const fi_fpenv caller = fi_fpenv_enter();
    volatile double inside[] = {given_low, given_high};
    const fi_refusal result = set_uniform(fill, inside[0], inside[1]);
    fi_fpenv_leave(caller);
    return result;
}

static fi_refusal set_normal(fi_fill *fill, double mean, double std) {
    if (!(std >= 0)) return FI_REFUSED_STD;
    if (!(fabs(mean) + fi_reach_of_normals(fill->dtype) * std <= fi_greatest[fill->dtype])) return FI_REFUSED_OVERFLOW;
    fi_set_draw(fill, FI_NORMAL);
    fill->scale = fi_rounded(fill->dtype, std);
    fill->shift = fi_rounded(fill->dtype, mean);
    return FI_ACCEPTED;
}

fi_refusal fi_set_normal(fi_fill *fill, double given_mean, double given_std) {
    const fi_fpenv caller = fi_fpenv_enter();
    volatile double inside[] = {given_mean, given_std};
    const fi_refusal result = set_normal(fill, inside[0], inside[1]);
    fi_fpenv_leave(caller);
    return result;
}

/* The variance is that of both parts. */
static fi_refusal set_complex_normal(fi_fill *fill, double real, double imaginary, double std) {
    const double part = std * 0x1.6a09e667f3bcdp-1; /* sqrt(1/2) */
    fi_refusal refusal = set_normal(fill, imaginary, part);
    if (refusal) return refusal;
    fill->odd_shift = fill->shift;
    refusal = set_normal(fill, real, part);
    if (refusal) return refusal;
    if (memcmp(&fill->shift, &fill->odd_shift, sizeof fill->shift)) fill->draw = FI_NORMAL_PAIRED;
    return FI_ACCEPTED;
}

fi_refusal fi_set_complex_normal(fi_fill *fill, double given_real, double given_imaginary, double given_std) {
    const fi_fpenv caller = fi_fpenv_enter();
    volatile double inside[] = {given_real, given_imaginary, given_std};
    const fi_refusal result = set_complex_normal(fill, inside[0], inside[1], inside[2]);
    fi_fpenv_leave(caller);
    return result;
}

/* The standard deviation of a standard normal truncated to [-2, 2]: sqrt(1 - 4 phi(2) / (2 Phi(2) - 1)). */
static const double STD_WITHIN_TWO = 0x1.c25e4b6dba981p-1;

/*
 * ---- Numbers whose exponents have no limits: mantissa 2^exponent ----
 *
 * The mantissa is as frexp leaves it, so that an operation on mantissas rounds to 53 bits, once, and neither overflows nor
 * underflows. Numbers are positive, or 0 beside a larger one; what is no number comes out as one that is refused.
 */
typedef struct {
    double mantissa;
    int exponent;
} wide;

static wide wide_of(double x, int exponent) {
    int own = 0; /* which frexp need not set for an infinity or NaN */
    const double mantissa = frexp(x, &own);
    return (wide){mantissa, exponent + own};
}

static wide plus(wide a, wide b) {
    if (a.exponent < b.exponent) return plus(b, a);
    const int apart = a.exponent - b.exponent;
    return wide_of(a.mantissa + (apart > 64 ? 0 : ldexp(b.mantissa, -apart)), a.exponent);
}

static wide times(wide a, wide b) { return wide_of(a.mantissa * b.mantissa, a.exponent + b.exponent); }

static wide over(wide a, wide b) { return wide_of(a.mantissa / b.mantissa, a.exponent - b.exponent); }

static wide root(wide a) {
    const int odd = a.exponent & 1;
    return wide_of(sqrt(odd ? 2 * a.mantissa : a.mantissa), (a.exponent - odd) / 2);
}

/* a b and a / b as a double, rounded once, subnormal numbers too: the operands share the exponent, and are exact. */
static double product(wide a, wide b) {
    const int exponent = a.exponent + b.exponent, half = exponent / 2;
    return ldexp(a.mantissa, half) * ldexp(b.mantissa, exponent - half);
}

static double quotient(wide a, wide b) {
    const int exponent = a.exponent - b.exponent, half = exponent / 2;
    return ldexp(a.mantissa, half) / ldexp(b.mantissa, half - exponent);
}

/* ---- Schemes: the operations of docs/stream.md, in double where they stay within its range, else in wide numbers ---- */

/* 0 if a result on the way is out of range. */
static double fan_of(const fi_scheme *scheme) {
    const double in = scheme->fan_in, out = scheme->fan_out;
    switch (scheme->mode) {
    case FI_FAN_IN:
        return in;
    case FI_FAN_OUT:
        return out;
    case FI_FAN_SUM:
        return in + out;
    case FI_FAN_AVERAGE:
        return (in + out) / 2;
    case FI_FAN_GEOMETRIC:
        return isnormal(in * out) ? sqrt(in * out) : 0;
    }
    return 0;
}

static wide wide_fan_of(const fi_scheme *scheme) {
    const double in = scheme->fan_in, out = scheme->fan_out;
    switch (scheme->mode) {
    case FI_FAN_IN:
        return wide_of(in, 0);
    case FI_FAN_OUT:
        return wide_of(out, 0);
    case FI_FAN_SUM:
        return plus(wide_of(in, 0), wide_of(out, 0));
    case FI_FAN_AVERAGE:
        return over(plus(wide_of(in, 0), wide_of(out, 0)), wide_of(2, 0));
    case FI_FAN_GEOMETRIC:
        return root(times(wide_of(in, 0), wide_of(out, 0)));
    }
    return wide_of(0, 0);
}

static double wide_parameter_of(const fi_scheme *scheme, fi_scheme_draw draw) {
    const wide slope = wide_of(scheme->negative_slope, 0), gain = wide_of(scheme->gain, 0);
    const wide n = times(plus(wide_of(1, 0), times(slope, slope)), wide_fan_of(scheme));
    wide scale = wide_of(scheme->scale, 0);
    if (draw == FI_SCHEME_UNIFORM) scale = times(wide_of(3, 0), scale);
    const wide deviation = root(over(scale, n));
    if (draw == FI_SCHEME_TRUNCATED) return quotient(times(gain, deviation), wide_of(STD_WITHIN_TWO, 0));
    return product(gain, deviation);
}

static double parameter_of(const fi_scheme *scheme, fi_scheme_draw draw) {
    const double fan = fan_of(scheme), n = (1 + scheme->negative_slope * scheme->negative_slope) * fan;
    const double scale = draw == FI_SCHEME_UNIFORM ? 3 * scheme->scale : scheme->scale, ratio = scale / n;
    const double parameter = scheme->gain * sqrt(ratio);
    /* Then all of them are normal numbers: n is no less than the fan, and makes the ratio 0 if it is infinite. */
    const int are_normal = fan >= DBL_MIN && scale >= DBL_MIN && ratio >= DBL_MIN && ratio <= DBL_MAX;
    if (!are_normal) return wide_parameter_of(scheme, draw);
    if (draw != FI_SCHEME_TRUNCATED) return parameter;
    return isnormal(parameter) ? parameter / STD_WITHIN_TWO : wide_parameter_of(scheme, draw);
}

double fi_scheme_parameter(const fi_scheme *scheme, fi_scheme_draw draw) {
    const fi_fpenv caller = fi_fpenv_enter();
    volatile double parameter = parameter_of(scheme, draw);
    fi_fpenv_leave(caller);
    return parameter;
}

static fi_refusal set_with(fi_fill *fill, fi_scheme_draw draw, double parameter) {
    switch (draw) {
    case FI_SCHEME_UNIFORM:
        return set_uniform(fill, -parameter, parameter);
    case FI_SCHEME_NORMAL:
        return set_normal(fill, 0, parameter);
    case FI_SCHEME_TRUNCATED:
        return fi_set_truncated_normal(fill, 0, parameter, -2, 2);
    }
    return FI_REFUSED_BOUNDS;
}

static fi_refusal set_scheme(fi_fill *fill, fi_scheme_draw draw, double parameter) {
    return fi_rounded(fill->dtype, parameter) == 0 ? FI_REFUSED_UNDERFLOW : set_with(fill, draw, parameter);
}

fi_refusal fi_set_scheme(fi_fill *fill, const fi_scheme *scheme, fi_scheme_draw draw) {
    const fi_fpenv caller = fi_fpenv_enter();
    const fi_refusal result = set_scheme(fill, draw, parameter_of(scheme, draw));
    fi_fpenv_leave(caller);
    return result;
}

/* One by one: two numbers that were stored apart and are loaded together wait until they are in the cache. */
static int is_same(const fi_scheme *now, const fi_scheme *then) {
    double fan_in = now->fan_in, scale = now->scale, slope = now->negative_slope;
    FI_KEEP_FLOAT(fan_in);
    FI_KEEP_FLOAT(scale);
    FI_KEEP_FLOAT(slope);
    return now->mode == then->mode && fan_in == then->fan_in && now->fan_out == then->fan_out && scale == then->scale &&
           now->gain == then->gain && slope == then->negative_slope;
}

static OUT_OF_LINE void remember(fi_parameter *last, const fi_scheme *scheme, fi_scheme_draw draw) {
    *last = (fi_parameter){*scheme, draw, parameter_of(scheme, draw)};
}

/* A division and a square root take a twentieth of a small fill. */
fi_refusal fi_set_scheme_again(fi_fill *fill, const fi_scheme *scheme, fi_scheme_draw draw, fi_parameter *last) {
    const fi_fpenv caller = fi_fpenv_enter();
    if (last->draw != draw || !is_same(scheme, &last->scheme)) remember(last, scheme, draw);
    const fi_refusal result = set_scheme(fill, draw, last->parameter);
    fi_fpenv_leave(caller);
    return result;
}
