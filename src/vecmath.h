/*
 * The Box-Muller transform and the inverse of the normal distribution function over the vector operations of one simd/
 * header; included once for each compute type, with OP(name) standing for f32_name or f64_name and OP_(NAME) for F32_NAME
 * or F64_NAME. The order of the operations is part of the stream contract: docs/stream.md states it, and nothing here may
 * change without a new version of it.
 */

/* c[0] + c[1] x + ... + c[n - 1] x^(n - 1) */
static ALWAYS_INLINE OP(vec) OP(horner)(OP(vec) x, const OP(scalar) * c, int n) {
    OP(vec) sum = OP(set)(c[n - 1]);
    UNROLLED for (int i = n - 2; i >= 0; i--) sum = OP(fma)(sum, x, OP(set)(c[i]));
    return sum;
}

/* The same sum as two interleaved ones, over the even and the odd powers, which the CPU works out side by side. */
static ALWAYS_INLINE OP(vec) OP(even_odd_horner)(OP(vec) x, OP(vec) x2, const OP(scalar) * c, int n) {
    OP(vec) last = OP(set)(c[n - 1]), before = OP(set)(c[n - 2]);
    UNROLLED for (int i = n - 3; i >= 0; i--) {
        OP(vec) sum = OP(fma)(last, x2, OP(set)(c[i]));
        last = before;
        before = sum;
    }
    return OP(fma)(last, x, before);
}

/*
 * -2 ln u1, u1 = y for y > 0 and 1 + y for y < 0. Near both ends of (0, 1) u1 is known to the full precision of y, so the
 * smallest radii are as fine-grained as the largest.
 */
static ALWAYS_INLINE OP(vec) OP(minus_two_ln)(OP(vec) y) {
    OP(vec) x, exponent;
    OP(split)(y, &x, &exponent);
    OP(vec) x2 = OP(mul)(x, x);
    OP(vec) series = OP(even_odd_horner)(x, x2, OP_(LN), LENGTH(OP_(LN)));
    OP(vec) of_mantissa = OP(fma)(x2, series, OP(mul)(x, OP(set)(-2)));
    return OP(fma)(exponent, OP(set)(OP_(MINUS_TWO_LN2)), of_mantissa);
}

/*
 * The point at distance r in the direction of w 2^-bits turns: polynomials on the eighth turns around the nearest quarter
 * turn, whose results that quarter then swaps and signs. The cosine itself is never rounded, only r times it.
 */
static ALWAYS_INLINE void OP(from_polar)(OP(vec) r, OP(word) w, OP(vec) * z0, OP(vec) * z1) {
    OP(vec) x = OP(quarters)(w);
    OP(vec) x2 = OP(mul)(x, x);
    OP(vec) cos_minus_one = OP(mul)(x2, OP(horner)(x2, OP_(COS), LENGTH(OP_(COS))));
    OP(vec) sine = OP(fma)(x, OP(set)(OP_(HALF_PI)), OP(mul)(x, OP(horner)(x2, OP_(SIN), LENGTH(OP_(SIN)))));
    OP(vec) along = OP(fma)(r, cos_minus_one, r);
    OP(vec) across = OP(mul)(r, sine);
    OP(word) turn = OP(turn)(w, 1);
    *z0 = OP(flip)(OP(turn)(w, 3), OP(pick)(turn, along, across));
    *z1 = OP(flip)(turn, OP(pick)(turn, across, along));
}

/* The standard normal pair of two words. */
static ALWAYS_INLINE void OP(box_muller)(OP(word) w0, OP(word) w1, OP(vec) * z0, OP(vec) * z1) {
    OP(from_polar)(OP(sqrt)(OP(minus_two_ln)(OP(centered)(w0))), w1, z0, z1);
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
