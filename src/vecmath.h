/*
 * The Box-Muller transform over the vector operations of one simd/ header; included once for each compute type, with REAL
 * set to f32 or f64 (and OP(name) to that prefix's operation). The order of the operations is part of the stream contract:
 * docs/stream.md states it, and nothing here may change without a new version of it.
 */

/* c[0] + c[1] x + ... + c[n - 1] x^(n - 1) */
static ALWAYS_INLINE OP(vec) OP(horner)(OP(vec) x, const OP(scalar) * c, int n) {
    OP(vec) sum = OP(set)(c[n - 1]);
    UNROLLED for (int i = n - 2; i >= 0; i--) sum = OP(fma)(sum, x, OP(set)(c[i]));
    return sum;
}

/*
 * -2 ln u1, u1 = y for y > 0 and 1 + y for y < 0. Near both ends of (0, 1) u1 is known to the full precision of y, so the
 * smallest radii are as fine-grained as the largest.
 */
static ALWAYS_INLINE OP(vec) OP(minus_two_ln)(OP(vec) y) {
    OP(vec) x, exponent;
    OP(split)(y, &x, &exponent);
    OP(vec) series = OP(horner)(x, OP_(LN), LENGTH(OP_(LN)));
    OP(vec) of_mantissa = OP(fma)(OP(mul)(x, x), series, OP(mul)(x, OP(set)(-2)));
    return OP(fma)(exponent, OP(set)((OP(scalar))-0x1.62e42fefa39efp0), of_mantissa); /* -2 ln 2 */
}

/* cos and sin of 2 pi w 2^-bits: polynomials on the eighth turns around the nearest quarter turn, which then swaps and
   signs them. */
static ALWAYS_INLINE void OP(cos_sin_turn)(OP(word) w, OP(vec) * cosine, OP(vec) * sine) {
    OP(vec) x = OP(quarters)(w);
    OP(vec) x2 = OP(mul)(x, x);
    OP(vec) c = OP(fma)(x2, OP(horner)(x2, OP_(COS), LENGTH(OP_(COS))), OP(set)(1));
    OP(vec) s = OP(fma)(x, OP(set)(OP_(HALF_PI)), OP(mul)(x, OP(horner)(x2, OP_(SIN), LENGTH(OP_(SIN)))));
    OP(word) turn = OP(turn)(w, 1);
    *cosine = OP(flip)(OP(turn)(w, 3), OP(pick)(turn, c, s));
    *sine = OP(flip)(turn, OP(pick)(turn, s, c));
}

/* The standard normal pair of two words. */
static ALWAYS_INLINE void OP(box_muller)(OP(word) w0, OP(word) w1, OP(vec) * z0, OP(vec) * z1) {
    OP(vec) cosine, sine;
    OP(vec) r = OP(sqrt)(OP(minus_two_ln)(OP(centered)(w0)));
    OP(cos_sin_turn)(w1, &cosine, &sine);
    *z0 = OP(mul)(r, cosine);
    *z1 = OP(mul)(r, sine);
}
