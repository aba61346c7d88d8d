/* From the parameters of a distribution or scheme to the constants of a fill. */
#include <math.h>

#include "constants.h"
#include "fpenv.h"

const double fi_overflows_from[FI_DTYPES] = {
    [FI_FLOAT32] = 0x1.FFFFFFp127,
    [FI_FLOAT64] = INFINITY,
    [FI_FLOAT16] = 0x1.FFEp15,
    [FI_BFLOAT16] = 0x1.FFp127,
};

static fi_dtype compute_type(fi_dtype dtype) { return dtype == FI_FLOAT64 ? FI_FLOAT64 : FI_FLOAT32; }

double fi_rounded(fi_dtype dtype, double value) { return dtype == FI_FLOAT64 ? value : (double)(float)value; }

static double next_towards(fi_dtype dtype, double from, double to) {
    return dtype == FI_FLOAT64 ? nextafter(from, to) : (double)nextafterf((float)from, (float)to);
}

void fi_round_inwards(fi_dtype dtype, double *least, double *most) {
    const double low = fi_rounded(dtype, *least), high = fi_rounded(dtype, *most);
    *least = low < *least ? next_towards(dtype, low, INFINITY) : low;
    *most = high > *most ? next_towards(dtype, high, -INFINITY) : high;
    if (*least > *most) *least = *most = low;
}

void fi_set_constant(fi_fill *fill, double value) {
    fill->draw = FI_UNIFORM;
    fill->scale = 0;
    fill->shift = fill->most = value;
}

int fi_set_uniform(fi_fill *fill, double given_low, double given_high) {
    const fi_fpenv caller = fi_fpenv_enter();
    volatile double inside[] = {given_low, given_high};
    const double low = inside[0], high = inside[1], width = high - low, end = fi_overflows_from[fill->dtype];
    const int accepted =
        fabs(low) < end && fabs(high) < end && low <= high && width < fi_overflows_from[compute_type(fill->dtype)];
    if (accepted) {
        const double least = fi_rounded(fill->dtype, low), greatest = fi_rounded(fill->dtype, high);
        fill->draw = FI_UNIFORM;
        fill->scale = fi_rounded(fill->dtype, width);
        fill->shift = least;
        fill->most = least == greatest ? greatest : next_towards(fill->dtype, greatest, least);
    }
    fi_fpenv_leave(caller);
    return accepted ? 0 : -1;
}

/* The largest |z| that the contract's u1 allows: sqrt(108 ln 2) = 8.652 and sqrt(66 ln 2) = 6.764. */
double fi_normal_reach(fi_dtype dtype) { return dtype == FI_FLOAT64 ? 8.66 : 6.77; }

int fi_set_normal(fi_fill *fill, double given_mean, double given_std) {
    const fi_fpenv caller = fi_fpenv_enter();
    volatile double inside[] = {given_mean, given_std};
    const double mean = inside[0], std = inside[1];
    const int accepted = std >= 0 && fabs(mean) + fi_normal_reach(fill->dtype) * std < fi_overflows_from[fill->dtype];
    if (accepted) {
        fill->draw = FI_NORMAL;
        fill->scale = fi_rounded(fill->dtype, std);
        fill->shift = fi_rounded(fill->dtype, mean);
    }
    fi_fpenv_leave(caller);
    return accepted ? 0 : -1;
}

double fi_he_std(double given_fan, double given_negative_slope) {
    const fi_fpenv caller = fi_fpenv_enter();
    volatile double inside[] = {given_fan, given_negative_slope};
    const double fan = inside[0], slope = inside[1];
    volatile double std = sqrt(2 / ((1 + slope * slope) * fan));
    fi_fpenv_leave(caller);
    return std;
}
