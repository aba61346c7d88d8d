/*
 * The values of the draws, from words and a fill's constants, over the vector operations of one header of simd/, or of
 * gpu/lanes.h; included once for each compute type, after vecmath.h. What a draw's values are stands here alone: where they
 * go is the matter of draws.h on a CPU, of gpu/fill.cu on a GPU.
 */

/* A fill's constants in every lane. */
typedef struct {
    OP(vec) scale, shift, odd_shift, least, most;
    OP(vec) unit; /* a step of the unit uniform, scaled */
    OP(vec) origin_high, origin_low, step, start;
    OP(vec) low_slope, low_tail, high_slope, high_tail;
    OP(vec) log_scale, log_start;
    int row;
} OP(constants);

static ALWAYS_INLINE OP(constants) OP(constants_of)(fi_draw draw, const fi_fill *fill) {
    const fi_truncation *t = &fill->truncation;
    OP(constants) c;
    c.scale = OP(set)((OP(scalar))fill->scale);
    c.shift = OP(set)((OP(scalar))fill->shift);
    c.odd_shift = draw == FI_NORMAL_PAIRED ? OP(set)((OP(scalar))fill->odd_shift) : c.shift;
    c.least = OP(set)((OP(scalar))fill->least);
    c.most = OP(set)((OP(scalar))fill->most);
    c.unit = OP(set)((OP(scalar))(fill->scale * OP_(UNIT)));
    switch (draw) {
    case FI_BITS:
    case FI_UNIFORM:
    case FI_UNIFORM_CAPPED:
    case FI_NORMAL:
    case FI_NORMAL_PAIRED:
    case FI_CONSTANT:
        return c;
    case FI_TRUNCATED_SYMMETRIC:
    case FI_TRUNCATED_CENTRAL:
    case FI_TRUNCATED_WIDE:
    case FI_TRUNCATED_TAIL:
        break;
    }
    c.origin_high = OP(set)((OP(scalar))t->origin_high);
    c.origin_low = OP(set)((OP(scalar))t->origin_low);
    c.step = OP(set)((OP(scalar))t->step);
    c.start = OP(set)((OP(scalar))t->start);
    c.low_slope = OP(set)((OP(scalar))t->low_slope);
    c.low_tail = OP(set)((OP(scalar))t->low_tail);
    c.high_slope = OP(set)((OP(scalar))t->high_slope);
    c.high_tail = OP(set)((OP(scalar))t->high_tail);
    c.log_scale = OP(set)((OP(scalar))t->log_scale);
    c.log_start = OP(set)((OP(scalar))t->log_start);
    c.row = t->row;
    return c;
}

/* u scale + shift, where that needs no cap and u times the scale no rounding of its own: see fi_set_uniform. */
static ALWAYS_INLINE OP(vec) OP(uniform_of)(OP(word) w, const OP(constants) * c) {
    return OP(fma)(OP(steps)(w), c->unit, c->shift);
}

static ALWAYS_INLINE OP(vec) OP(capped_of)(OP(word) w, const OP(constants) * c) {
    OP(vec) u = OP(mul)(OP(steps)(w), OP(set)(OP_(UNIT)));
    return OP(at_most)(OP(fma)(u, c->scale, c->shift), c->most);
}

/* The tail beyond t, of the words near the low end (y > 0) and the high end (y < 0). */
static ALWAYS_INLINE OP(vec) OP(end_tail)(OP(word) w, const OP(constants) * c) {
    OP(vec) y = OP(centered)(w), zero = OP(set)(0);
    OP(vec) slope = OP(where_less)(y, zero, c->high_slope, c->low_slope);
    return OP(fma)(y, slope, OP(where_less)(y, zero, c->high_tail, c->low_tail));
}

static ALWAYS_INLINE OP(vec) OP(wide_of)(OP(word) w, const OP(constants) * c) {
    OP(vec) v = OP(fma)(OP(distance)(w, c->origin_high, c->origin_low), c->step, c->start), v2 = OP(mul)(v, v);
    OP(vec) tail = OP(tail_quantile)(OP(minus_two_ln)(OP(end_tail)(w, c)), 0);
    return OP(where_less)(v2, OP(set)(OP_(MIDDLE_END)), OP(middle_quantile)(v, v2), OP(signed_as)(tail, v));
}

static ALWAYS_INLINE OP(vec) OP(tail_of)(OP(word) w, const OP(constants) * c) {
    OP(vec) square = OP(fma)(OP(minus_two_ln)(OP(end_tail)(w, c)), c->log_scale, c->log_start);
    return OP(tail_quantile)(square, c->row);
}

/* Of the standard draw of a truncated normal. */
static ALWAYS_INLINE OP(vec) OP(truncated_of)(OP(vec) z, const OP(constants) * c) {
    OP(vec) x = OP(fma)(z, c->scale, c->shift);
    return OP(at_most)(OP(at_least)(x, c->least), c->most);
}

/* The two values that the transform of two words makes; odd elements may have a mean of their own. */
static ALWAYS_INLINE void OP(normals_of)(const OP(box_muller) * b, const OP(constants) * c, OP(vec) * even,
                                         OP(vec) * odd) {
    OP(vec) z0, z1;
    OP(point)(&b->direction, b->r, &z0, &z1);
    *even = OP(fma)(z0, c->scale, c->shift);
    *odd = OP(fma)(z1, c->scale, c->odd_shift);
}

/* The value that a word makes. */
static ALWAYS_INLINE OP(vec) OP(value_of)(fi_draw draw, OP(word) w, const OP(constants) * c) {
    switch (draw) {
    case FI_UNIFORM:
        return OP(uniform_of)(w, c);
    case FI_UNIFORM_CAPPED:
        return OP(capped_of)(w, c);
    case FI_TRUNCATED_SYMMETRIC:
        return OP(truncated_of)(OP(central_quantile)(OP(fma)(OP(from_middle)(w), c->step, c->start)), c);
    case FI_TRUNCATED_CENTRAL:
        return OP(truncated_of)(
            OP(central_quantile)(OP(fma)(OP(distance)(w, c->origin_high, c->origin_low), c->step, c->start)), c);
    case FI_TRUNCATED_WIDE:
        return OP(truncated_of)(OP(wide_of)(w, c), c);
    case FI_TRUNCATED_TAIL:
        return OP(truncated_of)(OP(tail_of)(w, c), c);
    case FI_BITS: /* the word itself; */
    case FI_NORMAL:
    case FI_NORMAL_PAIRED: /* of two words: normals_of; */
    case FI_CONSTANT:      /* and of none */
        break;
    }
    return c->shift;
}
