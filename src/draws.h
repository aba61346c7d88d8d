/*
 * The draws over the vector operations of one simd/ header; included once for each compute type, after values.h. A draw
 * turns the two word vectors of a group into the group's values and stores them.
 */

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

static ALWAYS_INLINE void OP(put_normal)(fi_mode mode, void *out, const OP(box_muller) * b, const OP(constants) * c) {
    OP(vec) even, odd;
    OP(normals_of)(b, c, &even, &odd);
    OP(put)(mode, (OP(scalar) *)out, even, odd);
}

static ALWAYS_INLINE void OP(put_draw)(fi_draw draw, fi_mode mode, void *out, OP(word) even, OP(word) odd,
                                       const OP(constants) * c) {
    if (draw == FI_BITS) {
        OP(store_words)((OP(integer) *)out, even, odd);
    } else {
        OP(put)(mode, (OP(scalar) *)out, OP(value_of)(draw, even, c), OP(value_of)(draw, odd, c));
    }
}

/* Elements of a pair of vectors, and of a group. */
enum { OP(PAIR) = 2 * OP_(LANES), OP(GROUP) = PAIRS * OP(PAIR) };

/* Where a run has come to: the groups whose words are drawn next, and those whose values are. */
typedef struct {
    lane_product products; /* of the next group, */
    const uint32_t *list;  /* or the blocks that it has */
    char *out;
    char *const *to;
} OP(position);

/* The words of groups side by side. */
typedef struct {
    philox_state state[MAX_UNROLL];
    OP(word) even[MAX_UNROLL][PAIRS], odd[MAX_UNROLL][PAIRS];
} OP(words);

static ALWAYS_INLINE void OP(start_words)(fi_mode mode, int n, OP(position) * at, OP(words) * w) {
    UNROLLED for (int g = 0; g < n; g++) {
        w->state[g].p0 = mode == FI_STORE_LISTED
                             ? listed_products(at->list + g * GROUP_BLOCKS)
                             : product_add(at->products, (uint64_t)FI_PHILOX_M0 * GROUP_BLOCKS * (unsigned)g);
    }
    if (mode == FI_STORE_LISTED) {
        at->list += GROUP_BLOCKS * n;
    } else {
        at->products = product_add(at->products, (uint64_t)FI_PHILOX_M0 * GROUP_BLOCKS * (unsigned)n);
    }
}

static ALWAYS_INLINE void OP(end_words)(int n, OP(words) * w, const fi_philox *p) {
    const uint32_t k0 = p->k0[FI_PHILOX_ROUNDS - 1], k1 = p->k1[FI_PHILOX_ROUNDS - 1];
    UNROLLED for (int g = 0; g < n; g++) {
        philox_state *const s = &w->state[g];
        if (WORDS_BETWEEN_STEPS) multiply(s, PHILOX_STEPS);
        OP(last_round)(s->p1, s->p0, s->c1, s->c3, k0, k1, w->even[g], w->odd[g]);
    }
}

static ALWAYS_INLINE void OP(draw_words)(fi_mode mode, int n, OP(position) * at, OP(words) * w, const fi_philox *p) {
    OP(start_words)(mode, n, at, w);
    UNROLLED for (int step = 0; step < PHILOX_STEPS; step++) {
        UNROLLED for (int g = 0; g < n; g++) philox_step(&w->state[g], step, p);
    }
    OP(end_words)(n, w, p);
}

/* Where the values of a pair of a group go. */
static ALWAYS_INLINE char *OP(place)(fi_mode mode, const OP(position) * at, int g, int pair) {
    char *const group = mode == FI_STORE_LISTED ? at->to[g] : at->out + g * OP(GROUP) * sizeof(OP(scalar));
    return group + pair * OP(PAIR) * sizeof(OP(scalar));
}

static ALWAYS_INLINE void OP(move_on)(fi_mode mode, int n, OP(position) * at) {
    if (mode == FI_STORE_LISTED) {
        at->to += n;
    } else {
        at->out += OP(GROUP) * sizeof(OP(scalar)) * n;
    }
}

/* Writes groups n at a time, as long as n are left: several hide the latency of the Philox rounds. */
static ALWAYS_INLINE size_t OP(advance)(fi_draw draw, fi_mode mode, int n, OP(position) * at, size_t groups,
                                        const fi_philox *p, const OP(constants) * c) {
    for (; groups >= (size_t)n; groups -= n) {
        OP(words) w;
        OP(draw_words)(mode, n, at, &w, p);
        UNROLLED for (int g = 0; g < n; g++) {
            UNROLLED for (int i = 0; i < PAIRS; i++) {
                OP(put_draw)(draw, mode, OP(place)(mode, at, g, i), w.even[g][i], w.odd[g][i], c);
            }
        }
        OP(move_on)(mode, n, at);
    }
    return groups;
}

/*
 * Writes the normals of the words of `now` groups and draws the words of the `next` ones: between two rounds of these stand
 * as many steps of the transform as a group has pairs, which take turns, so that one alone needs registers.
 */
static ALWAYS_INLINE void OP(put_normals)(fi_mode mode, int now, int next, OP(position) * at, OP(words) * w,
                                          const fi_philox *p, const OP(constants) * c) {
    enum { STEPS = OP_(BOX_MULLER_STEPS) };
    static_assert((int)STEPS == (int)PHILOX_STEPS, "a step of each in turn");
    OP(box_muller) b[MAX_UNROLL];
    OP(words) drawn;
    OP(start_words)(mode, next, at, &drawn);
    UNROLLED for (int step = 0; step < PHILOX_STEPS; step++) {
        UNROLLED for (int t = 0; t < PAIRS * now; t++) {
            const int g = t / PAIRS, i = PAIRS * step + t % PAIRS;
            if (t % PAIRS == 0 && g < next) philox_step(&drawn.state[g], step, p);
            OP(box_muller_step)(&b[g], i % STEPS, w->even[g][i / STEPS], w->odd[g][i / STEPS]);
            if (i % STEPS == STEPS - 1) OP(put_normal)(mode, OP(place)(mode, at, g, i / STEPS), &b[g], c);
        }
    }
    OP(move_on)(mode, now, at);
    OP(end_words)(next, &drawn, p);
    UNROLLED for (int g = 0; g < next; g++) {
        UNROLLED for (int i = 0; i < PAIRS; i++) {
            w->even[g][i] = drawn.even[g][i];
            w->odd[g][i] = drawn.odd[g][i];
        }
    }
}

/* The transform of normals is as long as Philox: the words of the next groups are drawn beside it. */
static ALWAYS_INLINE void OP(run_normals)(fi_mode mode, int n, OP(position) * at, size_t groups, const fi_philox *p,
                                          const OP(constants) * c) {
    OP(words) w;
    if (groups < (size_t)n) {
        OP(draw_words)(mode, 1, at, &w, p);
    } else {
        OP(draw_words)(mode, n, at, &w, p);
        for (groups -= n; groups >= (size_t)n; groups -= n) OP(put_normals)(mode, n, n, at, &w, p, c);
        if (groups == 0) {
            OP(put_normals)(mode, n, 0, at, &w, p, c);
            return;
        }
        OP(put_normals)(mode, n, 1, at, &w, p, c);
    }
    OP(put_normals)(mode, 1, 0, at, &w, p, c);
}

/* What is left over goes by fewer groups, then one by one. */
static ALWAYS_INLINE void OP(run)(fi_draw draw, fi_mode mode, int unroll, void *out, const fi_run *run, size_t groups) {
    const OP(constants) c = OP(constants_of)(draw, run->fill);
    const fi_philox keys = run->philox, *const p = COPIED_KEYS ? &keys : &run->philox;
    OP(position) at;
    at.list = run->list;
    at.out = (char *)out;
    at.to = run->to;
    if (mode != FI_STORE_LISTED) at.products = first_products(run->block);
    if (draw == FI_NORMAL || draw == FI_NORMAL_PAIRED) {
        OP(run_normals)(mode, unroll, &at, groups, p, &c);
        return;
    }
    groups = OP(advance)(draw, mode, unroll, &at, groups, p, &c);
    if (UNROLL_REST > 1) groups = OP(advance)(draw, mode, UNROLL_REST, &at, groups, p, &c);
    OP(advance)(draw, mode, 1, &at, groups, p, &c);
}

/* __restrict: no store changes the round keys, whose vectors are then made once and not in every iteration. */
#define DEFINE_KERNEL(name, draw, mode, unroll)                                               \
    static void OP(name)(void *__restrict out, const fi_run *__restrict run, size_t groups) { \
        OP(run)(draw, mode, unroll, out, run, groups);                                        \
    }

/* The kernels of a draw: one for each mode. */
#define DEFINE_DRAW(name, draw, unroll)             \
    DEFINE_KERNEL(name, draw, FI_STORE, unroll)     \
    DEFINE_KERNEL(add_##name, draw, FI_ADD, unroll) \
    DEFINE_KERNEL(listed_##name, draw, FI_STORE_LISTED, unroll)

#define FI_DRAW(NAME, name, unroll, ...) DEFINE_DRAW(name, FI_##NAME, unroll)
#define FI_DRAW_NOT_ADDED(NAME, name, unroll, ...)   \
    DEFINE_KERNEL(name, FI_##NAME, FI_STORE, unroll) \
    DEFINE_KERNEL(listed_##name, FI_##NAME, FI_STORE_LISTED, unroll)
#include "draws.def"

#undef DEFINE_DRAW
#undef DEFINE_KERNEL
