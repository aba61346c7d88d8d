/*
 * The Box-Muller transform and the inverse of the normal distribution function over the vector operations of one simd/
 * header; included once for each compute type, with OP(name) standing for f32_name or f64_name and OP_(NAME) for F32_NAME
 * or F64_NAME. The order of the operations is part of the stream contract: docs/stream.md states it, and nothing here may
 * change without a new version of it.
 */

/*
 * c[0] + c[1] x + ... + c[n - 1] x^(n - 1) as two interleaved sums, over the even and the odd powers, which the CPU works out
 * side by side. They begin with the last two coefficients and go on with those before, down to the first.
 */
typedef struct {
    OP(vec) last, before;
} OP(sums);

static ALWAYS_INLINE void OP(add_terms)(OP(sums) * sums, OP(vec) x2, const OP(scalar) * c, int from, int to) {
    UNROLLED_TERMS for (int i = from; i >= to; i--) {
        OP(vec) sum = OP(fma)(sums->last, x2, OP(set)(c[i]));
        sums->last = sums->before;
        sums->before = sum;
    }
}

static ALWAYS_INLINE OP(vec) OP(even_odd_horner)(OP(vec) x, OP(vec) x2, const OP(scalar) * c, int n) {
    OP(sums) sums = {OP(set)(c[n - 1]), OP(set)(c[n - 2])};
    OP(add_terms)(&sums, x2, c, n - 3, 0);
    return OP(fma)(sums.last, x, sums.before);
}

/*
 * -2 ln u1, u1 = y for y > 0 and 1 + y for y < 0. Near both ends of (0, 1) u1 is known to the full precision of y, so the
 * smallest radii are as fine-grained as the largest. In LN_STEPS steps between start and end.
 */
typedef struct {
    OP(vec) x, x2, exponent;
    OP(sums) sums;
} OP(logarithm);

enum { OP_(LN_TERMS) = LENGTH(OP_(LN)), OP_(LN_STEPS) = 3 };

static ALWAYS_INLINE void OP(start_logarithm)(OP(logarithm) * l, OP(vec) y) {
    OP(split)(y, &l->x, &l->exponent);
    l->x2 = OP(mul)(l->x, l->x);
    l->sums.last = OP(set)(OP_(LN)[OP_(LN_TERMS) - 1]);
    l->sums.before = OP(set)(OP_(LN)[OP_(LN_TERMS) - 2]);
}

static ALWAYS_INLINE void OP(continue_logarithm)(OP(logarithm) * l, int step) {
    const int terms = OP_(LN_TERMS) - 2, from = terms - step * terms / OP_(LN_STEPS);
    OP(add_terms)(&l->sums, l->x2, OP_(LN), from - 1, terms - (step + 1) * terms / OP_(LN_STEPS));
}

static ALWAYS_INLINE OP(vec) OP(end_logarithm)(const OP(logarithm) * l) {
    OP(vec) series = OP(fma)(l->sums.last, l->x, l->sums.before);
    OP(vec) of_mantissa = OP(fma_minus_twice)(l->x2, series, l->x);
    return OP(fma)(l->exponent, OP(set)(OP_(MINUS_TWO_LN2)), of_mantissa);
}

static ALWAYS_INLINE OP(vec) OP(minus_two_ln)(OP(vec) y) {
    OP(logarithm) l;
    OP(start_logarithm)(&l, y);
    UNROLLED for (int step = 0; step < OP_(LN_STEPS); step++) OP(continue_logarithm)(&l, step);
    return OP(end_logarithm)(&l);
}

/*
 * The direction of w 2^-bits turns: polynomials on the eighth turns around the nearest quarter turn, whose results that
 * quarter then swaps and signs. In DIRECTION_STEPS steps between start and end.
 */
typedef struct {
    OP(word) turn;
    OP(vec) x, x2, cosine, sine;
} OP(direction);

enum { OP_(COS_TERMS) = LENGTH(OP_(COS)), OP_(DIRECTION_STEPS) = 2 };
static_assert(LENGTH(OP_(COS)) == LENGTH(OP_(SIN)), "the sine and the cosine go side by side");

static ALWAYS_INLINE void OP(start_direction)(OP(direction) * d) {
    d->x2 = OP(mul)(d->x, d->x);
    d->cosine = OP(set)(OP_(COS)[OP_(COS_TERMS) - 1]);
    d->sine = OP(set)(OP_(SIN)[OP_(COS_TERMS) - 1]);
}

static ALWAYS_INLINE void OP(continue_direction)(OP(direction) * d, int step) {
    const int terms = OP_(COS_TERMS) - 1;
    const int from = terms - step * terms / OP_(DIRECTION_STEPS),
              to = terms - (step + 1) * terms / OP_(DIRECTION_STEPS);
    UNROLLED_TERMS for (int i = from - 1; i >= to; i--) {
        d->cosine = OP(fma)(d->cosine, d->x2, OP(set)(OP_(COS)[i]));
        d->sine = OP(fma)(d->sine, d->x2, OP(set)(OP_(SIN)[i]));
    }
}

static ALWAYS_INLINE void OP(end_direction)(OP(direction) * d) {
    d->cosine = OP(mul)(d->x2, d->cosine); /* less 1 */
    d->sine = OP(fma)(d->x, OP(set)(OP_(HALF_PI)), OP(mul)(d->x, d->sine));
}

/* The point at distance r. The cosine itself is never rounded, only r times it. */
static ALWAYS_INLINE void OP(point)(const OP(direction) * d, OP(vec) r, OP(vec) * z0, OP(vec) * z1) {
    OP(vec) signed_r = OP(half_turned)(d->turn, r);
    OP(vec) along = OP(fma)(signed_r, d->cosine, signed_r);
    OP(vec) across = OP(mul)(signed_r, d->sine);
    OP(quarter_turned)(d->turn, along, across, z0, z1);
}

/*
 * The Box-Muller transform of two words, in BOX_MULLER_STEPS steps of like latency: a kernel takes each beside a round of
 * Philox for the words that come next, so that the CPU always finds both to do.
 */
typedef struct {
    OP(vec) y, r;
    OP(logarithm) logarithm;
    OP(direction) direction;
} OP(box_muller);

enum { OP_(BOX_MULLER_STEPS) = 9 };

static ALWAYS_INLINE void OP(box_muller_step)(OP(box_muller) * b, int step, OP(word) w0, OP(word) w1) {
    switch (step) {
    case 0:
        b->y = OP(centered)(w0);
        b->direction.x = OP(quarters)(w1);
        b->direction.turn = OP(eighth_on)(w1);
        break;
    case 1:
        OP(start_logarithm)(&b->logarithm, b->y);
        OP(start_direction)(&b->direction);
        break;
    case 2:
    case 3:
    case 4:
        OP(continue_logarithm)(&b->logarithm, step - 2);
        break;
    case 5:
        b->r = OP(sqrt)(OP(end_logarithm)(&b->logarithm));
        break;
    case 6:
    case 7:
        OP(continue_direction)(&b->direction, step - 6);
        break;
    default:
        OP(end_direction)(&b->direction);
        break;
    }
}

/* t with P(Z < t) = 1/2 + v, for |t| <= 2. */
static ALWAYS_INLINE OP(vec) OP(central_quantile)(OP(vec) v) {
    OP(vec) root = OP(sqrt)(OP(fma)(OP(mul)(v, OP(set)(-4)), v, OP(set)(1)));
    OP(vec) x = OP(add)(root, OP(set)(-OP_(CENTRAL_CENTER)));
    return OP(mul)(v, OP(even_odd_horner)(x, OP(mul)(x, x), OP_(CENTRAL), LENGTH(OP_(CENTRAL))));
}

/* t with P(Z < t) = 1/2 + v, for v^2 <= MIDDLE_END. */
static ALWAYS_INLINE OP(vec) OP(middle_quantile)(OP(vec) v, OP(vec) v2) {
    return OP(mul)(v, OP(even_odd_horner)(v2, OP(mul)(v2, v2), OP_(MIDDLE), LENGTH(OP_(MIDDLE))));
}

/* t with -2 ln P(Z > t) = square, for a row of the tails. */
static ALWAYS_INLINE OP(vec) OP(tail_quantile)(OP(vec) square, int row) {
    OP(vec) s = OP(sqrt)(square);
    OP(vec) reciprocal = OP(div)(OP(set)(1), OP(add)(s, OP(set)(OP_(TAILS)[row].shift)));
    OP(vec) x = OP(add)(reciprocal, OP(set)(-OP_(TAILS)[row].center));
    return OP(mul)(s, OP(even_odd_horner)(x, OP(mul)(x, x), OP_(TAILS)[row].c, LENGTH(OP_(TAILS)[row].c)));
}
