/*
 * How far draws are from exact, word by word: what proofs/accuracy.py runs. It feeds words of its choice to the very
 * functions that fills run, those of one instruction set, and compares each value with a reference from libm that has 29
 * more bits (float32, BITS 32) or 11 more (float64, BITS 64).
 *
 *     accuracy JOB MODE SOURCE A B COUNT [CONSTANT ...]
 *
 * JOB is one of JOBS below. MODE is `measure`, which prints what was found as JSON, `show`, which prints each word with its
 * values and references, `extremes`, which writes the table of that name, or `digest`, a number that stands for all values.
 * SOURCE is `range` (A, A + B, A + 2 B, ...), `random` (B, B + 1, ... of the seed A) or `list` (the standard input), COUNT
 * words in all. The CONSTANTs are those of a truncated normal: low, high and what set_bounds reads.
 */
#include <float.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define FI_WITHOUT_TABLE /* which would take time to compile */
#include "../src/kernels.c"

#include <tgmath.h>

#if BITS == 32
#define OF(name) JOIN(f32_, name)
#define OF_(name) JOIN(F32_, name)
typedef uint32_t word;
typedef float scalar;
typedef double real; /* of the references */
enum { INTEGER_BITS = 32, DIGITS = FLT_MANT_DIG, WORDS_ARE_ROUNDED = 1 };
static const fi_dtype DTYPE = FI_FLOAT32;
#else
#if LDBL_MANT_DIG < 64
#error "the references of float64 need a long double of at least 64 bits, which this machine or compiler does not have"
#endif
#define OF(name) JOIN(f64_, name)
#define OF_(name) JOIN(F64_, name)
typedef uint64_t word;
typedef double scalar;
typedef long double real;
enum { INTEGER_BITS = 53, DIGITS = DBL_MANT_DIG, WORDS_ARE_ROUNDED = 0 };
static const fi_dtype DTYPE = FI_FLOAT64;
#endif

static const real PI = 3.14159265358979323846264338327950288L;

enum { BATCH = 256, QUANTITIES = 7, PROFILE = 480, SIGNIFICANDS = 4096, TAILS = 4 };
_Static_assert((int)BATCH % (int)OF_(LANES) == 0, "a batch is whole vectors");

/* abs(x) / 2^k, in [1, 2); of 0 it is 1. */
#if BITS == 32
static real significand_of(real x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = x == 0 ? 0 : bits & ((UINT64_C(1) << (DBL_MANT_DIG - 1)) - 1);
    return (real)bits * (1 / (real)(UINT64_C(1) << (DBL_MANT_DIG - 1))) + 1;
}
#else
static real significand_of(real x) {
    int exponent;
    return x == 0 ? 1 : 2 * frexp(fabs(x), &exponent);
}
#endif

/* ---- What docs/stream.md makes of a word ---- */

static int64_t integer_of(word w) { return (int64_t)(w >> (BITS - INTEGER_BITS)); }

static int64_t signed_of(int64_t integer) {
    const int64_t bits = integer & ((INT64_C(1) << INTEGER_BITS) - 1);
    return bits - (bits >> (INTEGER_BITS - 1) << INTEGER_BITS);
}

static real rounded(int64_t integer) { return (scalar)integer; }
static real of_all(real words) { return words * (1 / (real)(INT64_C(1) << INTEGER_BITS)); }

static real unrounded_y(word w) { return of_all((real)signed_of(integer_of(w)) + (real)0.5); }
static real stated_y(word w) { return (scalar)of_all(rounded(signed_of(integer_of(w))) + (real)0.5); }

static real unrounded_quarters(word w) { return of_all((real)signed_of(4 * integer_of(w))); }
static real stated_quarters(word w) { return of_all(rounded(signed_of(4 * integer_of(w)))); }

static int nearest_quarter(word w) {
    return (int)((integer_of(w) + (INT64_C(1) << (INTEGER_BITS - 3))) >> (INTEGER_BITS - 2) & 3);
}

/* ---- References ---- */

static real radius_of(real y) { return sqrt(-2 * (y > 0 ? log(y) : log1p(y))); }

typedef struct {
    real x, y;
} point;

static point direction(real quarters) {
    const real angle = quarters * (PI / 2);
    return (point){cos(angle), sin(angle)};
}

static point turned(point p, int quarters) {
    const point all[] = {{p.x, p.y}, {-p.y, p.x}, {-p.x, -p.y}, {p.y, -p.x}};
    return all[quarters & 3];
}

typedef struct {
    real below, beyond;  /* the probability of what lies below low, and beyond high */
    real step;           /* that of a word */
    real anchor, center; /* the last word before t changes its sign, or the one nearest to that; its Phi(t) - 1/2 */
} truncation;

/*
 * How much t is above the exact draw of a word: the difference of their probabilities, taken where both are small, by the
 * density. Newton's method would go on from there, but t is so near that nothing is left to gain.
 */
static real truncated_excess(const truncation *of, word w, real t) {
    const real root = sqrt((real)2), integer = (real)integer_of(w);
    const real density = exp(-t * t / 2) / sqrt(2 * PI);
    if (t > 1) {
        const real words_above = (real)(INT64_C(1) << INTEGER_BITS) - integer - (real)0.5;
        return (of->beyond + words_above * of->step - erfc(t / root) / 2) / density;
    }
    if (t < -1) return (erfc(-t / root) / 2 - (of->below + (integer + (real)0.5) * of->step)) / density;
    return (erf(t / root) / 2 - (of->center + (integer - of->anchor) * of->step)) / density;
}

/* ---- The kernels' functions, a batch at a time ---- */

static void kernel_radii(const word *words, scalar *r) {
    for (int i = 0; i < BATCH; i += OF_(LANES)) {
        OF(word) w;
        memcpy(&w, words + i, sizeof w);
        OF(store)(r + i, OF(sqrt)(OF(minus_two_ln)(OF(centered)(w))));
    }
}

static OF(direction) direction_of(OF(word) w) {
    OF(direction) d = {.turn = OF(eighth_on)(w), .x = OF(quarters)(w)};
    OF(start_direction)(&d);
    for (int step = 0; step < OF_(DIRECTION_STEPS); step++) OF(continue_direction)(&d, step);
    OF(end_direction)(&d);
    return d;
}

/* The cosine less 1, as a direction has it before the radius comes in. */
static void kernel_cosines_less_one(const word *words, scalar *c) {
    for (int i = 0; i < BATCH; i += OF_(LANES)) {
        OF(word) w;
        memcpy(&w, words + i, sizeof w);
        OF(store)(c + i, direction_of(w).cosine);
    }
}

static void kernel_points(const scalar *r, const word *words, scalar *z0, scalar *z1) {
    for (int i = 0; i < BATCH; i += OF_(LANES)) {
        OF(word) w;
        OF(vec) even, odd;
        memcpy(&w, words + i, sizeof w);
        const OF(direction) d = direction_of(w);
        OF(point)(&d, OF(load)(r + i), &even, &odd);
        OF(store)(z0 + i, even);
        OF(store)(z1 + i, odd);
    }
}

static void kernel_normals(const word *a, const word *b, scalar *z0, scalar *z1) {
    for (int i = 0; i < BATCH; i += OF_(LANES)) {
        OF(word) w0, w1;
        OF(vec) even, odd;
        memcpy(&w0, a + i, sizeof w0);
        memcpy(&w1, b + i, sizeof w1);
        OF(box_muller) transform;
        for (int step = 0; step < OF_(BOX_MULLER_STEPS); step++) OF(box_muller_step)(&transform, step, w0, w1);
        OF(point)(&transform.direction, transform.r, &even, &odd);
        OF(store)(z0 + i, even);
        OF(store)(z1 + i, odd);
    }
}

typedef struct {
    fi_fill fill;
    truncation truncation;
    double low, high;
} setting;

static void kernel_draws(const fi_fill *fill, const word *words, scalar *x) {
    const OF(constants) c = OF(constants_of)(fill->draw, fill);
    for (int i = 0; i < BATCH; i += OF_(LANES)) {
        OF(word) w;
        memcpy(&w, words + i, sizeof w);
        OF(store)(x + i, OF(value_of)(fill->draw, w, &c));
    }
}

static void set_ones(scalar *r) {
    for (int i = 0; i < BATCH; i++) r[i] = 1;
}

/* What a job compares, alone: up to two values a word. Return how many. */

static int draw_radii(const word *words, scalar *x, const setting *with) {
    (void)with;
    kernel_radii(words, x);
    return 1;
}

static int draw_directions(const word *words, scalar *x, const setting *with) {
    (void)with;
    scalar ones[BATCH];
    set_ones(ones);
    kernel_points(ones, words, x, x + BATCH);
    return 2;
}

static int draw_values(const word *words, scalar *x, const setting *with) {
    kernel_draws(&with->fill, words, x);
    return 1;
}

/* ---- Jobs: from words to values and what these should be ---- */

typedef struct {
    size_t count;
    word a[BATCH], b[BATCH]; /* b only where a job takes pairs */
    int place[BATCH];        /* in the profile */
    real value[QUANTITIES][BATCH], exact[QUANTITIES][BATCH];
} batch;

/* What a job finds besides the errors. */
typedef struct {
    uint64_t violations;                           /* of what must hold for every word */
    double beyond[TAILS];                          /* over all angles, the expected number of |r cos| > TAIL_FROM */
    double square, fourth;                         /* the sums of v^2 and v^4, v being z before its last rounding, */
    double square_of_rounding, fourth_of_rounding; /* and what that adds to them */
} findings;

static const double TAIL_FROM[TAILS] = {4, 5, 6, 6.5};
static const double LONGEST = 9; /* radius, of a profile */

static int place_of(double part) { return part < 1 ? (int)(part * PROFILE) : PROFILE - 1; }

static void put(batch *to, int quantity, size_t i, real value, real exact) {
    to->value[quantity][i] = value;
    to->exact[quantity][i] = exact;
}

static void find_radii(batch *of, findings *found, const setting *with) {
    (void)with;
    scalar r[BATCH];
    kernel_radii(of->a, r);
    for (size_t i = 0; i < of->count; i++) {
        const real stated = stated_y(of->a[i]), unrounded = unrounded_y(of->a[i]);
        of->place[i] = place_of((double)r[i] / LONGEST);
        put(of, 0, i, r[i], radius_of(stated));
        if (WORDS_ARE_ROUNDED)
            put(of, 1, i, r[i], radius_of(unrounded));
        else
            found->violations += stated != unrounded;
        for (int k = 0; k < TAILS && r[i] > TAIL_FROM[k]; k++)
            found->beyond[k] += (double)(acos(TAIL_FROM[k] / r[i]) * 2 / PI);
    }
}

/* Counts the words whose point is not that of the word a quarter turn before, turned; for the radius of the word itself. */
static uint64_t broken_turns(const batch *of) {
    word next[BATCH];
    scalar r[BATCH], z0[BATCH], z1[BATCH], next_z0[BATCH], next_z1[BATCH];
    uint64_t broken = 0;
    for (int i = 0; i < BATCH; i++) next[i] = of->a[i] + ((word)1 << (BITS - 2));
    kernel_radii(of->a, r);
    kernel_points(r, of->a, z0, z1);
    kernel_points(r, next, next_z0, next_z1);
    for (size_t i = 0; i < of->count; i++) broken += !(next_z0[i] == -z1[i] && next_z1[i] == z0[i]);
    return broken;
}

/*
 * The cosine and the sine of the distance to the nearest quarter, as two quantities. The cosine is the one that the radius is
 * multiplied by: 1 + c, which is never rounded.
 */
static void put_directions(batch *of, int first, const word *words, findings *found) {
    scalar ones[BATCH], c[BATCH], z0[BATCH], z1[BATCH];
    set_ones(ones);
    kernel_points(ones, words, z0, z1);
    kernel_cosines_less_one(words, c);
    for (size_t i = 0; i < of->count; i++) {
        const point exact = direction(stated_quarters(words[i]));
        const point value = turned((point){z0[i], z1[i]}, -nearest_quarter(words[i]));
        put(of, first, i, 1 + (real)c[i], exact.x);
        put(of, first + 1, i, value.y, exact.y);
        found->violations += value.x != (scalar)1 + c[i];
    }
}

static void find_angles(batch *of, findings *found, const setting *with) {
    (void)with;
    put_directions(of, 0, of->a, found);
    found->violations += broken_turns(of);
    for (size_t i = 0; i < of->count; i++) {
        const real unrounded = unrounded_quarters(of->a[i]);
        of->place[i] = place_of((double)of_all((real)integer_of(of->a[i])));
        if (WORDS_ARE_ROUNDED) {
            const point exact = direction(unrounded);
            put(of, 2, i, of->value[0][i], exact.x);
            put(of, 3, i, of->value[1][i], exact.y);
        } else {
            found->violations += stated_quarters(of->a[i]) != unrounded;
        }
    }
}

static void add_rounding(findings *found, double z, double v) {
    found->square += v * v;
    found->fourth += v * v * v * v;
    found->square_of_rounding += (z - v) * (z + v);
    found->fourth_of_rounding += (z - v) * (z + v) * (z * z + v * v);
}

static void find_normals(batch *of, findings *found, const setting *with) {
    (void)with;
    scalar r[BATCH], z0[BATCH], z1[BATCH];
    kernel_radii(of->a, r);
    kernel_normals(of->a, of->b, z0, z1);
    put_directions(of, 1, of->b, found);
    for (size_t i = 0; i < of->count; i++) {
        const real radius = radius_of(stated_y(of->a[i]));
        const point z = turned((point){z0[i], z1[i]}, -nearest_quarter(of->b[i]));
        of->place[i] = place_of((double)r[i] / LONGEST);
        put(of, 0, i, r[i], radius);
        put(of, 3, i, z.x, radius * of->exact[1][i]);
        put(of, 4, i, z.y, radius * of->exact[2][i]);
        add_rounding(found, (double)z.x, (double)(r[i] * of->value[1][i]));
        add_rounding(found, (double)z.y, (double)(r[i] * of->value[2][i]));
        if (WORDS_ARE_ROUNDED) {
            const real unrounded = radius_of(unrounded_y(of->a[i]));
            const point exact = direction(unrounded_quarters(of->b[i]));
            put(of, 5, i, z.x, unrounded * exact.x);
            put(of, 6, i, z.y, unrounded * exact.y);
        }
    }
}

static void find_truncated(batch *of, findings *found, const setting *with) {
    scalar t[BATCH];
    kernel_draws(&with->fill, of->a, t);
    for (size_t i = 0; i < of->count; i++) {
        of->place[i] = place_of((t[i] - with->low) / (with->high - with->low));
        put(of, 0, i, t[i], t[i] - truncated_excess(&with->truncation, of->a[i], t[i]));
        found->violations += !(t[i] >= with->low && t[i] <= with->high);
    }
}

static void find_uniform(batch *of, findings *found, const setting *with) {
    scalar u[BATCH];
    kernel_draws(&with->fill, of->a, u);
    for (size_t i = 0; i < of->count; i++) {
        of->place[i] = place_of((double)of_all((real)integer_of(of->a[i])));
        put(of, 0, i, u[i], (real)(of->a[i] >> (BITS - DIGITS)) / (real)(UINT64_C(1) << DIGITS));
        found->violations += u[i] != of->exact[0][i];
    }
}

/* ---- What is kept of a quantity ---- */

typedef struct {
    const char *name;
    int detailed;       /* also its errors by significand, and its moments */
    int by_value;       /* also its extremes */
    int of_second_word; /* of a pair; else of the first */
    double center;      /* of the moments */
    double allowance;   /* a part of the error that is forgiven */
} quantity;

/* A sum in twice the precision: Knuth's two-sum keeps what the first one loses. */
typedef struct {
    double high, low;
} long_sum;

static void add_to(long_sum *sum, double x) {
    const double s = sum->high + x, t = s - sum->high;
    sum->low += (sum->high - (s - t)) + (x - t);
    sum->high = s;
}

/* The largest and the smallest relative error, and their words. */
typedef struct {
    double least, most;
    word least_word, most_word;
} spread;

typedef struct {
    uint64_t count;
    double most, sum; /* of the errors in ulp */
} profile_bin;

typedef struct {
    uint64_t count, correctly_rounded;
    double most, sum; /* of the errors in ulp */
    word worst[2];
    double most_relative;
    profile_bin profile[PROFILE];
    spread by_significand[SIGNIFICANDS];
    long_sum moment[3]; /* the first, second and fourth power */
} tally;

/* The errors of a batch, and the bin of each exact value's significand. An exact 0 has none, nor an error. */
typedef struct {
    double relative[BATCH], ulp[BATCH];
    int bin[BATCH];
} errors;

/*
 * An ulp is the distance of the compute type's numbers in the binade of the exact value: the significand, times which
 * the relative error is the error, lies in [1, 2).
 */
static void find_errors(errors *to, const quantity *what, const batch *from, int which, findings *found) {
    const double ulps = (double)(UINT64_C(1) << (DIGITS - 1));
    const real allowance = what->allowance;
    for (size_t i = 0; i < from->count; i++) {
        const real value = from->value[which][i], exact = from->exact[which][i], difference = value - exact;
        const real counted = allowance > 0 ? copysign(fmax(fabs(difference) - allowance, 0), difference) : difference;
        const real significand = significand_of(exact);
        to->relative[i] = exact != 0 ? (double)(counted / exact) : 0;
        to->ulp[i] = fabs(to->relative[i]) * (double)significand * ulps;
        to->bin[i] = (int)((significand - 1) * SIGNIFICANDS);
        found->violations += exact != 0 ? !(to->ulp[i] < 1e6) : value != 0;
    }
}

static void add_errors(tally *to, const errors *all, const batch *from, int which) {
    double sum = 0;
    uint64_t right = 0;
    for (size_t i = 0; i < from->count; i++) {
        const double error = all->ulp[i], relative = fabs(all->relative[i]);
        if (error > to->most) to->most = error, to->worst[0] = from->a[i], to->worst[1] = from->b[i];
        if (relative > to->most_relative) to->most_relative = relative;
        sum += error;
        right += (scalar)from->value[which][i] == (scalar)from->exact[which][i];
    }
    to->sum += sum;
    to->correctly_rounded += right;
    to->count += from->count;
}

/* Words in order stay in one place of the profile for long. */
static void add_profile(tally *to, const errors *all, const batch *from) {
    for (size_t i = 0; i < from->count;) {
        const int place = from->place[i];
        profile_bin bin = to->profile[place];
        for (; i < from->count && from->place[i] == place; i++) {
            bin.count++;
            bin.sum += all->ulp[i];
            if (all->ulp[i] > bin.most) bin.most = all->ulp[i];
        }
        to->profile[place] = bin;
    }
}

static void add_moments(tally *to, const quantity *what, const real *values, size_t n) {
    long_sum first = to->moment[0], second = to->moment[1], fourth = to->moment[2];
    for (size_t i = 0; i < n; i++) {
        const double x = (double)values[i] - what->center;
        add_to(&first, x);
        add_to(&second, x * x);
        add_to(&fourth, x * x * (x * x));
    }
    to->moment[0] = first, to->moment[1] = second, to->moment[2] = fourth;
}

static void add_relative(tally *to, const quantity *what, const errors *all, const batch *from) {
    const word *words = what->of_second_word ? from->b : from->a;
    for (size_t i = 0; i < from->count; i++) {
        spread *bin = &to->by_significand[all->bin[i]];
        if (all->relative[i] > bin->most) bin->most = all->relative[i], bin->most_word = words[i];
        if (all->relative[i] < bin->least) bin->least = all->relative[i], bin->least_word = words[i];
    }
}

static void add_batch(tally *to, const quantity *what, const batch *from, int which, findings *found) {
    errors all;
    find_errors(&all, what, from, which, found);
    add_errors(to, &all, from, which);
    add_profile(to, &all, from);
    if (what->detailed) {
        add_moments(to, what, from->value[which], from->count);
        add_relative(to, what, &all, from);
    }
}

/* For each significand of a float32 value the most that it exceeds the exact one, relative to that. */
typedef struct {
    float most;
    uint32_t word;
} extreme;

enum { VALUES = 1 << (FLT_MANT_DIG - 1) };
static const float ABSENT = -1; /* of a significand that no word gives */

static void add_extremes(extreme *table, const batch *from, int which) {
    for (size_t i = 0; i < from->count; i++) {
        const real value = from->value[which][i], exact = from->exact[which][i];
        const float excess = (float)(value / exact - 1);
        extreme *place = &table[(size_t)((significand_of(value) - 1) * VALUES)];
        if (exact != 0 && excess > place->most) *place = (extreme){excess, (uint32_t)from->a[i]};
    }
}

/* ---- Words ---- */

typedef struct {
    uint64_t a, b, count, taken;
} source;

typedef word next_word(source *);

/* S. Vigna's splitmix64, as a function of a counter. */
static uint64_t mixed(uint64_t counter) {
    uint64_t z = counter * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static word next_of_range(source *from) { return (word)(from->a + from->b * from->taken++); }

static word next_at_random(source *from) {
    return (word)(mixed(mixed(from->a) + from->b + from->taken++) >> (64 - BITS));
}

static word next_listed(source *from) {
    word w;
    from->taken++;
    if (fread(&w, sizeof w, 1, stdin) != 1) exit(3);
    return w;
}

static const struct {
    const char *name;
    next_word *next;
} SOURCES[] = {{"range", next_of_range}, {"random", next_at_random}, {"list", next_listed}};

/* ---- The program ---- */

/* Quantities against the unrounded u1 and theta, which in float64 are the stated ones. */
#if BITS == 32
#define UNROUNDED(...) __VA_ARGS__
#else
#define UNROUNDED(...)
#endif

static const struct job {
    const char *name;
    size_t words; /* of each value */
    void (*find)(batch *, findings *, const setting *);
    int (*draw)(const word *, scalar *, const setting *); /* for the digest */
    quantity quantities[QUANTITIES];
} JOBS[] = {
    {"radius", 1, find_radii, draw_radii, {{"r", .detailed = 1, .by_value = 1}, UNROUNDED({"r, unrounded u1"})}},
    {"angle",
     1,
     find_angles,
     draw_directions,
     {{"cos", .detailed = 1},
      {"sin", .detailed = 1, .by_value = 1},
      UNROUNDED({"cos, unrounded angle"}, {"sin, unrounded angle"})}},
    {"normal",
     2,
     find_normals,
     NULL,
     {{"r", .detailed = 1},
      {"cos", .detailed = 1, .of_second_word = 1},
      {"sin", .detailed = 1, .of_second_word = 1},
      {"r cos"},
      {"r sin"},
      UNROUNDED({"r cos, unrounded words"}, {"r sin, unrounded words"})}},
    {"symmetric", 1, find_truncated, draw_values, {{"t", .detailed = 1}}},
    {"truncated", 1, find_truncated, draw_values, {{"t", .allowance = 1e-24}}}, /* docs/stream.md: near t = 0 */
    {"uniform", 1, find_uniform, draw_values, {{"u", .detailed = 1, .center = 0.5}}},
};

static void get_batch(batch *to, const struct job *job, source *from, next_word *next) {
    const uint64_t left = (from->count - from->taken) / job->words;
    to->count = left < BATCH ? (size_t)left : BATCH;
    for (size_t i = 0; i < to->count; i++) {
        to->a[i] = next(from);
        if (job->words == 2) to->b[i] = next(from);
    }
}

static void print_real(real x) { printf(" %a %a", (double)x, (double)(x - (double)x)); }

static void show(const batch *all, const struct job *job) {
    for (size_t i = 0; i < all->count; i++) {
        printf("%" PRIu64 " %" PRIu64, (uint64_t)all->a[i], (uint64_t)all->b[i]);
        for (int q = 0; q < QUANTITIES && job->quantities[q].name; q++) {
            print_real(all->value[q][i]);
            print_real(all->exact[q][i]);
        }
        printf("\n");
    }
}

static void print_details(const tally *of) {
    printf(",\n  \"moments\": [");
    for (int i = 0; i < 3; i++) printf("%s[%.17g, %.17g]", i ? ", " : "", of->moment[i].high, of->moment[i].low);
    printf("],\n  \"by_significand\": [");
    for (int i = 0; i < SIGNIFICANDS; i++) {
        const spread *bin = &of->by_significand[i];
        printf("%s[%.17g, %.17g, %" PRIu64 ", %" PRIu64 "]", i ? ", " : "", bin->least, bin->most,
               (uint64_t)bin->least_word, (uint64_t)bin->most_word);
    }
    printf("]");
}

static void print_tally(const tally *of, const quantity *what) {
    printf("\"%s\": {\"count\": %" PRIu64 ", \"correctly_rounded\": %" PRIu64 ", \"most\": %.17g, \"sum\": %.17g,\n",
           what->name, of->count, of->correctly_rounded, of->most, of->sum);
    printf("  \"worst\": [%" PRIu64 ", %" PRIu64 "], \"most_relative\": %.17g,\n  \"profile\": [",
           (uint64_t)of->worst[0], (uint64_t)of->worst[1], of->most_relative);
    for (int i = 0; i < PROFILE; i++)
        printf("%s[%" PRIu64 ", %.17g, %.17g]", i ? ", " : "", of->profile[i].count, of->profile[i].most,
               of->profile[i].sum);
    printf("]");
    if (what->detailed) print_details(of);
    printf("}");
}

static void print_findings(const findings *found, const tally *tallies, const struct job *job) {
    printf("{\"violations\": %" PRIu64 ", \"rounding\": [%.17g, %.17g, %.17g, %.17g], \"beyond\": [", found->violations,
           found->square, found->fourth, found->square_of_rounding, found->fourth_of_rounding);
    for (int i = 0; i < TAILS; i++) printf("%s[%.17g, %.17g]", i ? ", " : "", TAIL_FROM[i], found->beyond[i]);
    printf("],\n \"quantities\": {");
    for (int q = 0; q < QUANTITIES && job->quantities[q].name; q++) {
        if (q) printf(",\n ");
        print_tally(&tallies[q], &job->quantities[q]);
    }
    printf("}}\n");
}

/* low, high and the members of truncation, the latter as sums of two. */
static int set_bounds(setting *to, char **text) {
    real *members[] = {&to->truncation.below, &to->truncation.beyond, &to->truncation.step, &to->truncation.anchor,
                       &to->truncation.center};
    to->low = strtod(text[0], NULL);
    to->high = strtod(text[1], NULL);
    for (int i = 0; i < LENGTH(members); i++)
        *members[i] = (real)strtod(text[2 + 2 * i], NULL) + (real)strtod(text[3 + 2 * i], NULL);
    return fi_set_truncated_normal(&to->fill, 0, 1, to->low, to->high) == 0 && to->fill.draw != FI_UNIFORM_CAPPED;
}

static void write_extremes(const struct job *job, source *from, next_word *next, const setting *with) {
    static batch now;
    static extreme table[VALUES];
    findings found = {0};
    int which = 0;
    while (which < QUANTITIES && !job->quantities[which].by_value) which++;
    if (which == QUANTITIES) exit(2);
    for (int i = 0; i < VALUES; i++) table[i].most = ABSENT;
    while (from->taken < from->count) {
        get_batch(&now, job, from, next);
        job->find(&now, &found, with);
        add_extremes(table, &now, which);
    }
    fwrite(table, sizeof *table, VALUES, stdout);
}

static void show_words(const struct job *job, source *from, next_word *next, const setting *with) {
    static batch now;
    findings found = {0};
    while (from->count - from->taken >= job->words) {
        get_batch(&now, job, from, next);
        job->find(&now, &found, with);
        show(&now, job);
    }
}

static void measure(const struct job *job, source *from, next_word *next, const setting *with) {
    static batch now;
    static tally tallies[QUANTITIES];
    findings found = {0};
    while (from->count - from->taken >= job->words) {
        get_batch(&now, job, from, next);
        job->find(&now, &found, with);
        for (int q = 0; q < QUANTITIES && job->quantities[q].name; q++)
            add_batch(&tallies[q], &job->quantities[q], &now, q, &found);
    }
    print_findings(&found, tallies, job);
}

/* A number that other kernels get too if, and very likely only if, they draw the same bits. */
static void print_digest(const struct job *job, source *from, next_word *next, const setting *with) {
    static batch now;
    uint64_t digest = 0;
    if (!job->draw) exit(2);
    while (from->taken < from->count) {
        scalar x[2 * BATCH];
        get_batch(&now, job, from, next);
        const int each = job->draw(now.a, x, with);
        for (int k = 0; k < each; k++) {
            for (size_t i = 0; i < now.count; i++) {
                word bits;
                memcpy(&bits, &x[k * BATCH + i], sizeof bits);
                digest = (digest + bits) * UINT64_C(0x9E3779B97F4A7C15);
                digest ^= digest >> 32;
            }
        }
    }
    printf("%" PRIu64 "\n", digest);
}

static const struct {
    const char *name;
    void (*run)(const struct job *, source *, next_word *, const setting *);
} MODES[] = {{"measure", measure}, {"show", show_words}, {"extremes", write_extremes}, {"digest", print_digest}};

enum { ARGUMENTS = 7, BOUNDS_ARGUMENTS = 12 };

int main(int count, char **text) {
    const int bounds = count == ARGUMENTS + BOUNDS_ARGUMENTS;
    if (count != ARGUMENTS && !bounds) return 2;
    int job = 0, mode = 0, kind = 0;
    while (job < LENGTH(JOBS) && strcmp(text[1], JOBS[job].name) != 0) job++;
    while (mode < LENGTH(MODES) && strcmp(text[2], MODES[mode].name) != 0) mode++;
    while (kind < LENGTH(SOURCES) && strcmp(text[3], SOURCES[kind].name) != 0) kind++;
    if (job == LENGTH(JOBS) || mode == LENGTH(MODES) || kind == LENGTH(SOURCES)) return 2;
    source from = {strtoull(text[4], NULL, 0), strtoull(text[5], NULL, 0), strtoull(text[6], NULL, 0), 0};
    setting with = {.fill = {.dtype = DTYPE}};
    if (bounds ? !set_bounds(&with, text + ARGUMENTS) : fi_set_uniform(&with.fill, 0, 1)) return 2;
    MODES[mode].run(&JOBS[job], &from, SOURCES[kind].next, &with);
    return 0;
}
