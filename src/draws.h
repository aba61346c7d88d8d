/*
 * The draws over the vector operations of one simd/ header; included once for each compute type, as vecmath.h is. A draw
 * turns the two word vectors of a group into the group's values and stores them.
 */

/* A fill's constants in every lane. */
typedef struct {
    OP(vec) scale, shift, least, most;
    OP(vec) origin_high, origin_low, step, start;
    OP(vec) low_slope, low_tail, high_slope, high_tail;
    OP(vec) log_scale, log_start;
    int row;
} OP(constants);

static ALWAYS_INLINE OP(constants) OP(constants_of)(const fi_fill *fill) {
    const fi_truncation *t = &fill->truncation;
    OP(constants) c;
    c.scale = OP(set)((OP(scalar))fill->scale);
    c.shift = OP(set)((OP(scalar))fill->shift);
    c.least = OP(set)((OP(scalar))fill->least);
    c.most = OP(set)((OP(scalar))fill->most);
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

static ALWAYS_INLINE OP(vec) OP(uniform_of)(OP(word) w, const OP(constants) * c) {
    return OP(at_most)(OP(fma)(OP(unit)(w), c->scale, c->shift), c->most);
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

/* The standard draw of a truncated normal. */
static ALWAYS_INLINE OP(vec) OP(standard_truncated)(fi_draw draw, OP(word) w, const OP(constants) * c) {
    switch (draw) {
    case FI_TRUNCATED_SYMMETRIC:
        return OP(central_quantile)(OP(fma)(OP(from_middle)(w), c->step, c->start));
    case FI_TRUNCATED_CENTRAL:
        return OP(central_quantile)(OP(fma)(OP(distance)(w, c->origin_high, c->origin_low), c->step, c->start));
    case FI_TRUNCATED_WIDE:
        return OP(wide_of)(w, c);
    default:
        return OP(tail_of)(w, c);
    }
}

static ALWAYS_INLINE OP(vec) OP(truncated_of)(fi_draw draw, OP(word) w, const OP(constants) * c) {
    OP(vec) x = OP(fma)(OP(standard_truncated)(draw, w, c), c->scale, c->shift);
    return OP(at_most)(OP(at_least)(x, c->least), c->most);
}

/* Stores a group's values, or adds them to what is there. */
static ALWAYS_INLINE void OP(put)(fi_mode mode, OP(scalar) * out, OP(vec) even, OP(vec) odd) {
    OP(vec) lower, upper;
    OP(interleave)(even, odd, &lower, &upper);
    if (mode == FI_ADD) {
        lower = OP(add)(OP(load)(out), lower);
        upper = OP(add)(OP(load)(out + OP_(LANES)), upper);
    }
    OP(store)(out, lower);
    OP(store)(out + OP_(LANES), upper);
}

static ALWAYS_INLINE void OP(put_draw)(fi_draw draw, fi_mode mode, void *out, OP(word) even, OP(word) odd,
                                       const OP(constants) * c) {
    OP(vec) z0, z1;
    switch (draw) {
    case FI_BITS:
        OP(store_words)(out, even, odd);
        break;
    case FI_UNIFORM:
        OP(put)(mode, out, OP(uniform_of)(even, c), OP(uniform_of)(odd, c));
        break;
    case FI_NORMAL:
        OP(box_muller)(even, odd, &z0, &z1);
        OP(put)(mode, out, OP(fma)(z0, c->scale, c->shift), OP(fma)(z1, c->scale, c->shift));
        break;
    default:
        OP(put)(mode, out, OP(truncated_of)(draw, even, c), OP(truncated_of)(draw, odd, c));
        break;
    }
}

enum { OP(GROUP) = 2 * OP_(LANES) };

/* Where a run has come to. */
typedef struct {
    size_t groups; /* to go */
    char *out;
    lane_product products; /* of the next group */
    const uint32_t *list;
    char *const *to;
} OP(position);

static ALWAYS_INLINE void OP(groups)(fi_draw draw, fi_mode mode, int n, const OP(position) * at, const fi_run *run,
                                     const OP(constants) * c) {
    const uint32_t k0 = run->philox.k0[FI_PHILOX_ROUNDS - 1], k1 = run->philox.k1[FI_PHILOX_ROUNDS - 1];
    lane_product p0[MAX_UNROLL], p1[MAX_UNROLL];
    lane_word c1[MAX_UNROLL], c3[MAX_UNROLL];
    UNROLLED for (int g = 0; g < n; g++) {
        p0[g] = mode == FI_STORE_LISTED
                    ? listed_products(at->list + g * GROUP_BLOCKS)
                    : product_add(at->products, (uint64_t)FI_PHILOX_M0 * GROUP_BLOCKS * (unsigned)g);
    }
    philox_rounds(&run->philox, n, p0, p1, c1, c3);
    UNROLLED for (int g = 0; g < n; g++) {
        OP(word) even, odd;
        OP(last_round)(p1[g], p0[g], c1[g], c3[g], k0, k1, &even, &odd);
        OP(put_draw)(draw, mode, mode == FI_STORE_LISTED ? at->to[g] : at->out + g * OP(GROUP) * sizeof(OP(scalar)),
                     even, odd, c);
    }
}

/* Writes groups n at a time, as long as n are left. */
static ALWAYS_INLINE void OP(advance)(fi_draw draw, fi_mode mode, int n, OP(position) * at, const fi_run *run,
                                      const OP(constants) * c) {
    for (; at->groups >= (size_t)n; at->groups -= n) {
        OP(groups)(draw, mode, n, at, run, c);
        if (mode == FI_STORE_LISTED) {
            at->list += GROUP_BLOCKS * n;
            at->to += n;
        } else {
            at->products = product_add(at->products, (uint64_t)FI_PHILOX_M0 * GROUP_BLOCKS * n);
            at->out += OP(GROUP) * sizeof(OP(scalar)) * n;
        }
    }
}

/* Several groups at a time hide the latency of the Philox rounds; what is left over goes by fewer, then one by one. */
static ALWAYS_INLINE void OP(run)(fi_draw draw, fi_mode mode, int unroll, char *out, const fi_run *run, size_t groups) {
    const OP(constants) c = OP(constants_of)(run->fill);
    OP(position) at = {.groups = groups, .out = out, .list = run->list, .to = run->to};
    if (mode != FI_STORE_LISTED) at.products = first_products(run->block);
    OP(advance)(draw, mode, unroll, &at, run, &c);
    if (UNROLL_REST > 1) OP(advance)(draw, mode, UNROLL_REST, &at, run, &c);
    OP(advance)(draw, mode, 1, &at, run, &c);
}

#define DEFINE_KERNEL(name, draw, mode, unroll) \
    static void OP(name)(void *out, const fi_run *run, size_t groups) { OP(run)(draw, mode, unroll, out, run, groups); }

/* The kernels of a draw: one for each mode. */
#define DEFINE_DRAW(name, draw, unroll)             \
    DEFINE_KERNEL(name, draw, FI_STORE, unroll)     \
    DEFINE_KERNEL(add_##name, draw, FI_ADD, unroll) \
    DEFINE_KERNEL(listed_##name, draw, FI_STORE_LISTED, unroll)

DEFINE_KERNEL(bits, FI_BITS, FI_STORE, UNROLL_UNIFORM)
DEFINE_KERNEL(listed_bits, FI_BITS, FI_STORE_LISTED, UNROLL_UNIFORM)
DEFINE_DRAW(uniform, FI_UNIFORM, UNROLL_UNIFORM)
DEFINE_DRAW(normal, FI_NORMAL, UNROLL_NORMAL)
DEFINE_DRAW(symmetric, FI_TRUNCATED_SYMMETRIC, UNROLL_TRUNCATED)
DEFINE_DRAW(central, FI_TRUNCATED_CENTRAL, UNROLL_TRUNCATED)
DEFINE_DRAW(wide, FI_TRUNCATED_WIDE, UNROLL_TRUNCATED)
DEFINE_DRAW(tail, FI_TRUNCATED_TAIL, UNROLL_TRUNCATED)

#undef DEFINE_DRAW
#undef DEFINE_KERNEL
