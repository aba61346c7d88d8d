/*
 * The draws over the vector operations of one simd/ header; included once for each compute type, as vecmath.h is. A draw
 * turns the two word vectors of a group into the group's values and stores them.
 */

typedef struct {
    OP(vec) scale, shift, limit;
} OP(affine);

static ALWAYS_INLINE OP(vec) OP(ranged)(OP(vec) u, const OP(affine) * a) {
    return OP(at_most)(OP(fma)(u, a->scale, a->shift), a->limit);
}

/* Stores a group's values, or adds them to what is there. */
static ALWAYS_INLINE void OP(put)(int accumulate, OP(scalar) * out, OP(vec) even, OP(vec) odd) {
    OP(vec) lower, upper;
    OP(interleave)(even, odd, &lower, &upper);
    if (accumulate) {
        lower = OP(add)(OP(load)(out), lower);
        upper = OP(add)(OP(load)(out + OP_(LANES)), upper);
    }
    OP(store)(out, lower);
    OP(store)(out + OP_(LANES), upper);
}

static ALWAYS_INLINE void OP(put_draw)(fi_draw draw, int accumulate, void *out, OP(word) even, OP(word) odd,
                                       const OP(affine) * a) {
    OP(vec) z0, z1;
    switch (draw) {
    case FI_BITS:
        OP(store_words)(out, even, odd);
        break;
    case FI_UNIFORM:
        OP(put)(accumulate, out, OP(ranged)(OP(unit)(even), a), OP(ranged)(OP(unit)(odd), a));
        break;
    default:
        OP(box_muller)(even, odd, &z0, &z1);
        OP(put)(accumulate, out, OP(fma)(z0, a->scale, a->shift), OP(fma)(z1, a->scale, a->shift));
        break;
    }
}

enum { OP(GROUP) = 2 * OP_(LANES) };

static ALWAYS_INLINE void OP(groups)(fi_draw draw, int accumulate, char *out, const fi_run *run, lane_product first,
                                     int n, const OP(affine) * a) {
    const uint32_t k0 = run->philox.k0[FI_PHILOX_ROUNDS - 1], k1 = run->philox.k1[FI_PHILOX_ROUNDS - 1];
    lane_product p0[MAX_UNROLL], p1[MAX_UNROLL];
    lane_word c1[MAX_UNROLL], c3[MAX_UNROLL];
    philox_rounds(&run->philox, first, n, p0, p1, c1, c3);
    UNROLLED for (int g = 0; g < n; g++) {
        OP(word) even, odd;
        OP(last_round)(p1[g], p0[g], c1[g], c3[g], k0, k1, &even, &odd);
        OP(put_draw)(draw, accumulate, out + g * OP(GROUP) * sizeof(OP(scalar)), even, odd, a);
    }
}

/* Where a run has come to. */
typedef struct {
    char *out;
    lane_product first;
    size_t groups;
} OP(position);

/* Writes groups n at a time, as long as n are left. */
static ALWAYS_INLINE void OP(advance)(fi_draw draw, int accumulate, int n, OP(position) * at, const fi_run *run,
                                      const OP(affine) * a) {
    for (; at->groups >= (size_t)n; at->groups -= n) {
        OP(groups)(draw, accumulate, at->out, run, at->first, n, a);
        at->first = product_add(at->first, (uint64_t)FI_PHILOX_M0 * GROUP_BLOCKS * n);
        at->out += OP(GROUP) * sizeof(OP(scalar)) * n;
    }
}

/* Several groups at a time hide the latency of the Philox rounds; what is left over goes by fewer, then one by one. */
static ALWAYS_INLINE void OP(run)(fi_draw draw, int accumulate, int unroll, char *out, const fi_run *run,
                                  size_t groups) {
    OP(affine) a;
    a.scale = OP(set)((OP(scalar))run->scale);
    a.shift = OP(set)((OP(scalar))run->shift);
    a.limit = OP(set)((OP(scalar))run->limit);
    OP(position) at = {out, first_products(run->block), groups};
    OP(advance)(draw, accumulate, unroll, &at, run, &a);
    if (UNROLL_REST > 1) OP(advance)(draw, accumulate, UNROLL_REST, &at, run, &a);
    OP(advance)(draw, accumulate, 1, &at, run, &a);
}

static void OP(bits)(void *out, const fi_run *run, size_t groups) {
    OP(run)(FI_BITS, 0, UNROLL_UNIFORM, out, run, groups);
}

static void OP(uniform)(void *out, const fi_run *run, size_t groups) {
    OP(run)(FI_UNIFORM, 0, UNROLL_UNIFORM, out, run, groups);
}

static void OP(add_uniform)(void *out, const fi_run *run, size_t groups) {
    OP(run)(FI_UNIFORM, 1, UNROLL_UNIFORM, out, run, groups);
}

static void OP(normal)(void *out, const fi_run *run, size_t groups) {
    OP(run)(FI_NORMAL, 0, UNROLL_NORMAL, out, run, groups);
}

static void OP(add_normal)(void *out, const fi_run *run, size_t groups) {
    OP(run)(FI_NORMAL, 1, UNROLL_NORMAL, out, run, groups);
}
