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

static ALWAYS_INLINE void OP(bits_group)(void *out, OP(word) even, OP(word) odd, const OP(affine) * a) {
    (void)a;
    OP(store_words)(out, even, odd);
}

static ALWAYS_INLINE void OP(uniform_group)(void *out, OP(word) even, OP(word) odd, const OP(affine) * a) {
    OP(store_group)(out, OP(ranged)(OP(unit)(even), a), OP(ranged)(OP(unit)(odd), a));
}

static ALWAYS_INLINE void OP(normal_group)(void *out, OP(word) even, OP(word) odd, const OP(affine) * a) {
    OP(vec) z0, z1;
    OP(box_muller)(even, odd, &z0, &z1);
    OP(store_group)(out, OP(fma)(z0, a->scale, a->shift), OP(fma)(z1, a->scale, a->shift));
}

/* unroll groups at a time hide the latency of the Philox rounds; what is left over goes one by one. */
#define DEFINE_DRAW(draw, unroll)                                                                           \
    static ALWAYS_INLINE char *OP(draw##_groups)(char *out, const fi_run *run, lane_product first, int n,   \
                                                 const OP(affine) * a) {                                    \
        lane_product p0[MAX_UNROLL], p1[MAX_UNROLL];                                                        \
        lane_word c1[MAX_UNROLL], c3[MAX_UNROLL];                                                           \
        philox_rounds(&run->philox, first, n, p0, p1, c1, c3);                                              \
        UNROLLED for (int g = 0; g < n; g++) {                                                              \
            OP(word) even, odd;                                                                             \
            OP(last_round)(p1[g], p0[g], c1[g], c3[g], run->philox.k0[FI_PHILOX_ROUNDS - 1],                \
                           run->philox.k1[FI_PHILOX_ROUNDS - 1], &even, &odd);                              \
            OP(draw##_group)(out, even, odd, a);                                                            \
            out += OP(GROUP) * sizeof(OP(scalar));                                                          \
        }                                                                                                   \
        return out;                                                                                         \
    }                                                                                                       \
    static void OP(draw)(void *start, const fi_run *run, size_t groups) {                                   \
        const OP(affine) a = {OP(set)((OP(scalar))run->scale), OP(set)((OP(scalar))run->shift),             \
                              OP(set)((OP(scalar))run->limit)};                                             \
        char *out = start;                                                                                  \
        lane_product first = first_products(run->block);                                                    \
        for (; groups >= (unroll); groups -= (unroll)) {                                                    \
            out = OP(draw##_groups)(out, run, first, (unroll), &a);                                         \
            first = product_add(first, (uint64_t)FI_PHILOX_M0 * GROUP_BLOCKS * (unroll));                   \
        }                                                                                                   \
        for (; groups; groups--) {                                                                          \
            out = OP(draw##_groups)(out, run, first, 1, &a);                                                \
            first = product_add(first, (uint64_t)FI_PHILOX_M0 * GROUP_BLOCKS);                              \
        }                                                                                                   \
    }

enum { OP(GROUP) = 2 * OP_(LANES) };

DEFINE_DRAW(bits, UNROLL_UNIFORM)
DEFINE_DRAW(uniform, UNROLL_UNIFORM)
DEFINE_DRAW(normal, UNROLL_NORMAL)

#undef DEFINE_DRAW
