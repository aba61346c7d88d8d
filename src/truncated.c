/*
 * The constants of a truncated normal fill. Its draws are t = the inverse of Phi at Phi(low) + u (Phi(high) - Phi(low)),
 * Phi the normal distribution function; docs/stream.md says which form evaluates it where, and values.h holds the forms.
 *
 * The constants decide the bits, so libm, whose exp and log differ between systems, has no part in them: everything below
 * is IEEE double arithmetic in one order.
 */
#include <math.h>

#include "constants.h"
#include "fpenv.h"
#include "quantile.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const double LN2_HIGH = 0x1.62e42fefa38p-1, LN2_LOW = 0x1.ef35793c7673p-45; /* the first has 11 bits to spare */
static const double LN_2PI = 0x1.d67f1c864beb5p0;
static const double REST_2PI = 0x1.9884533d43651p-2; /* 1 / sqrt(2 pi) */
static const double REST_2PI_LOW = -0x1.cbc0d30ebfd15p-56;

/* ---- Functions of double ---- */

/*
 * exp(x) for x <= 0: x = k ln 2 + r, the series of r. Without rint, and without ldexp to a subnormal number: MinGW's round as
 * the x87 is told to, which is the caller's business.
 */
static double exp_of(double x) {
    if (x < -745) return 0;
    const double k = x * (1 / LN2_HIGH) + 0x1.8p52 - 0x1.8p52; /* rounds to an integer */
    const double r = (x - k * LN2_HIGH) - k * LN2_LOW;
    double sum = 1;
    for (int n = 14; n > 0; n--) sum = 1 + sum * r / n;
    return sum * ldexp(1, (int)k + 54) * 0x1p-54; /* the power is a normal number, so one product rounds */
}

/* ln(x) for x > 0: x = 2^k m, and ln m = 2 artanh((m - 1) / (m + 1)) with m in [sqrt(1/2), sqrt(2)). */
static double ln_of(double x) {
    int k;
    double m = frexp(x, &k);
    if (m < 0.70710678118654752) {
        m *= 2;
        k--;
    }
    const double s = (m - 1) / (m + 1), s2 = s * s;
    double sum = 0;
    for (int n = 23; n > 0; n -= 2) sum = sum * s2 + 1.0 / n;
    return k * LN2_HIGH + (k * LN2_LOW + 2 * s * sum);
}

/* Mills' ratio P(Z > t) / phi(t), for t >= 0. */
static double mills_ratio(double t) {
    const double z = (t - 5) / (t + 5);
    double sum = 0;
    for (size_t i = LENGTH(F64_MILLS); i-- > 0;) sum = sum * z + F64_MILLS[i];
    return sum / (1 + t);
}

/* P(Z > t), for t >= 0. */
static double upper_tail(double t) { return t == INFINITY ? 0 : mills_ratio(t) * (exp_of(-t * t / 2) * REST_2PI); }

/* Phi(t) - 1/2. */
static double centered_cdf(double t) {
    const double x = fabs(t), y = x * x / 2;
    double v;
    if (x == 2) {
        v = 0x1.e8b4307d3627ap-2; /* what the schemes ask for */
    } else if (x > 0.5) {
        v = 0.5 - upper_tail(x);
    } else { /* (x - x^3 / 6 + ...) / sqrt(2 pi) keeps the relative precision of small numbers */
        double sum = 0, power = 1;
        for (int n = 0; n < 12; n++) {
            sum += power / (2 * n + 1);
            power *= -y / (n + 1);
        }
        v = x * sum * REST_2PI;
    }
    return copysign(v, t);
}

/* ---- The same in twice the precision: high + low ---- */

typedef struct {
    double high, low;
} pair;

static pair sum_of(double a, double b) {
    const double s = a + b, t = s - a;
    return (pair){s, (a - (s - t)) + (b - t)};
}

/* T. J. Dekker, "A floating-point technique for extending the available precision", 1971. */
static pair halves_of(double a) {
    const double big = a * 134217729, high = big - (big - a);
    return (pair){high, a - high};
}

static pair product_of(double a, double b) {
    const double p = a * b;
    const pair x = halves_of(a), y = halves_of(b);
    return (pair){p, ((x.high * y.high - p) + x.high * y.low + x.low * y.high) + x.low * y.low};
}

static pair add(pair a, pair b) {
    const pair s = sum_of(a.high, b.high);
    return sum_of(s.high, s.low + (a.low + b.low));
}

static pair multiply(pair a, pair b) {
    const pair p = product_of(a.high, b.high);
    return sum_of(p.high, p.low + (a.high * b.low + a.low * b.high));
}

static pair divide(pair a, double b) {
    const double q = a.high / b;
    const pair p = product_of(q, b);
    return sum_of(q, (((a.high - p.high) - p.low) + a.low) / b);
}

/* Phi(t) - 1/2 by its series, which beyond 6 would lose too much; the tail is small there. */
static pair centered_cdf_pair(double t) {
    const double x = fabs(t);
    pair v;
    if (x > 6) {
        v = sum_of(0.5, -upper_tail(x));
    } else {
        const pair y = multiply((pair){x / 2, 0}, (pair){-x, 0});
        pair power = {1, 0}, sum = {0, 0};
        for (int n = 0; fabs(power.high) > 0x1p-110; n++) {
            sum = add(sum, divide(power, 2 * n + 1));
            power = divide(multiply(power, y), n + 1);
        }
        v = multiply(multiply(sum, (pair){x, 0}), (pair){REST_2PI, REST_2PI_LOW});
    }
    return t < 0 ? (pair){-v.high, -v.low} : v;
}

/* ---- The forms ---- */

static int word_bits(fi_dtype dtype) { return dtype == FI_FLOAT64 ? 53 : 32; }

/*
 * v = Phi(t) - 1/2 as a linear function of the word: step (w + 1/2 - origin) + at. The origin is the word at which v is
 * smallest, so that small v keep their relative precision: an end, or the word before v changes its sign. Returns the
 * probability between the bounds.
 */
static double set_center(fi_fill *fill, double low, double high) {
    fi_truncation *const to = &fill->truncation;
    const double words = ldexp(1, word_bits(fill->dtype));
    const double v0 = centered_cdf(low), v1 = low == -high ? -v0 : centered_cdf(high), width = v1 - v0;
    double origin = 0, at = v0;
    to->step = width / words;
    if (low < 0 && high > 0) {
        origin = fmin(floor(-v0 / width * words), words - 1);
        at = v0 + origin * to->step;
        if (low != -high) { /* the difference of v0 and the steps up to it, far smaller than both */
            const pair from = centered_cdf_pair(low), until = centered_cdf_pair(high);
            const pair whole = add(until, (pair){-from.high, -from.low});
            at = add(from, multiply(whole, (pair){origin / words, 0})).high;
        }
    } else if (low < 0) {
        origin = words - 1;
        at = v1 - to->step;
    }
    to->start = at + to->step / 2;
    to->origin_high = fill->dtype == FI_FLOAT64 ? origin : floor(origin / 65536);
    to->origin_low = fill->dtype == FI_FLOAT64 ? 0 : origin - 65536 * to->origin_high;
    return width;
}

/* Bounds around the center or near it: also the tail beyond each end, which the words there need to full precision. */
static void set_wide(fi_fill *fill, double low, double high) {
    fi_truncation *const to = &fill->truncation;
    const double width = set_center(fill, low, high);
    to->low_tail = upper_tail(fabs(low));
    to->low_slope = low <= 0 ? width : -width;
    to->high_tail = upper_tail(fabs(high));
    to->high_slope = high >= 0 ? -width : width;
}

/* The first row of the compute type's tails that serves draws beyond the bound. */
static int tail_row(fi_dtype dtype, double bound) {
    int row = 0;
    if (dtype == FI_FLOAT64)
        while (bound > F64_TAILS[row].most) row++;
    else
        while (bound > F32_TAILS[row].most) row++;
    return row;
}

/*
 * Bounds 1 <= from < until in one tail, the left one if mirrored. With Q the tail beyond a point and
 * r = 1 - Q(until) / Q(from), ln Q(t) = ln Q(from) + ln(1 - u r), u counted from `from`. Returns 0 if the draws all round
 * to that bound.
 */
static int set_tail(fi_fill *fill, double from, double until, int mirrored) {
    fi_truncation *const to = &fill->truncation;
    const int is_double = fill->dtype == FI_FLOAT64;
    if (from > (is_double ? 2e9 : 1e5)) return 0;
    const double mills = mills_ratio(from);
    const double beyond =
        until == INFINITY ? 0 : exp_of(-(until - from) / 2 * (until + from)) * (mills_ratio(until) / mills);
    const double within = 1 - beyond;
    if (within < (is_double ? 0x1p-56 : 0x1p-28)) return 0;
    /* Near the far bound 1 - u r can become small and is counted from there, or it cannot, and -u r is as good. */
    const double far_tail = within > 0.5 ? beyond : -within;
    to->low_slope = to->high_slope = mirrored ? within : -within;
    to->low_tail = mirrored ? far_tail : 0;
    to->high_tail = mirrored ? 0 : far_tail;
    to->row = tail_row(fill->dtype, from);
    to->log_start = from * from + (LN_2PI - 2 * ln_of(mills));
    if (to->row == (int)(is_double ? LENGTH(F64_TAILS) : LENGTH(F32_TAILS)) - 1) {
        /* d(t^2) = 2 t dt = 2 t mills_ratio(t) d(-ln Q), and over the reach of the draws t mills_ratio(t) is constant. */
        to->log_start = from * from;
        to->log_scale = from * mills;
    }
    return 1;
}

/* The form for the bounds, or 0 if all draws round to the one nearer to zero. */
static int set_form(fi_fill *fill, double low, double high) {
    if (low == high) return 0;
    if (low >= -2 && high <= 2) {
        fill->draw = low == -high ? FI_TRUNCATED_SYMMETRIC : FI_TRUNCATED_CENTRAL;
        set_center(fill, low, high);
        return 1;
    }
    if (low < 1 && high > -1) {
        fill->draw = FI_TRUNCATED_WIDE;
        set_wide(fill, low, high);
        return 1;
    }
    fill->draw = FI_TRUNCATED_TAIL;
    return low >= 1 ? set_tail(fill, low, high, 0) : set_tail(fill, -high, -low, 1);
}

/* The numbers of the compute type that are nearest to the ends of [*least, *most] inside it, or, where none is, to *least. */
static void round_inwards(fi_dtype dtype, double *least, double *most) {
    const double low = fi_rounded(dtype, *least), high = fi_rounded(dtype, *most);
    *least = low < *least ? fi_next_towards(dtype, low, INFINITY) : low;
    *most = high > *most ? fi_next_towards(dtype, high, -INFINITY) : high;
    if (*least > *most) *least = *most = low;
}

/* Makes every value of the fill the same. */
static void set_constant(fi_fill *fill, double value) {
    fi_set_draw(fill, FI_UNIFORM_CAPPED);
    fill->scale = 0;
    fill->shift = fill->most = value;
}

/* No draw on the side of a bound is farther from zero: the bound, or beyond the other one what a word can reach. */
static double farthest(fi_dtype dtype, double bound, double other) {
    return fmin(fabs(bound), fmax(0, bound > 0 ? other : -other) + fi_reach_of_normals(dtype));
}

static fi_refusal refusal_of(fi_dtype dtype, double mean, double std, double low, double high) {
    if (!(low <= high && low < INFINITY && high > -INFINITY)) return FI_REFUSED_BOUNDS;
    if (!(std >= 0)) return FI_REFUSED_STD;
    const double most = fmax(farthest(dtype, low, high), farthest(dtype, high, low));
    return fabs(mean) + (std > 0 ? most * std : 0) <= fi_greatest[dtype] ? FI_ACCEPTED : FI_REFUSED_OVERFLOW;
}

fi_refusal fi_set_truncated_normal(fi_fill *fill, double given_mean, double given_std, double given_low,
                                   double given_high) {
    const fi_fpenv caller = fi_fpenv_enter();
    volatile double inside[] = {given_mean, given_std, given_low, given_high};
    const double mean = inside[0], std = inside[1], low = inside[2], high = inside[3];
    const fi_dtype dtype = fill->dtype;
    const fi_refusal refusal = refusal_of(dtype, mean, std, low, high);
    if (refusal == FI_ACCEPTED) {
        fi_set_draw(fill, FI_TRUNCATED_CENTRAL);
        fill->truncation = (fi_truncation){.log_scale = 1};
        fill->scale = fi_rounded(dtype, std);
        fill->shift = fi_rounded(dtype, mean);
        fill->least = std > 0 ? mean + low * std : mean;
        fill->most = std > 0 ? mean + high * std : mean;
        round_inwards(dtype, &fill->least, &fill->most);
        if (!set_form(fill, low, high)) {
            set_constant(fill, fabs(low) < fabs(high) ? fill->least : fill->most);
        } else if (fill->draw == FI_TRUNCATED_TAIL && low < 0) {
            fill->scale = -fill->scale;
        }
    }
    fi_fpenv_leave(caller);
    return refusal;
}
