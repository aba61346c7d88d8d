/*
 * Words -> values: the draws and sinks of one instruction set. Compiled once for each, with FI_SIMD_HEADER naming the
 * header of simd/ that holds its vector operations. Without its table it is C++17 as well, as is all that it includes of the
 * draws and of simd/portable.h.
 */
#include <assert.h>
#include <string.h>

#include "compiler.h"
#include "kernels.h"
#include "move.h"
#include FI_SIMD_HEADER

enum { MAX_UNROLL = 6 };

/* Clang unrolls the loops over the terms of a polynomial by itself; asked to, Clang 16 takes minutes and gigabytes. */
#if defined(__clang__)
#define UNROLLED_TERMS
#else
#define UNROLLED_TERMS UNROLLED
#endif

/* Elements: of the draws, and of bits. */
typedef float f32_scalar;
typedef double f64_scalar;
typedef uint32_t f32_integer;
typedef uint64_t f64_integer;

/* Of blocks side by side: the words that go into a round, c1 and c3 primed with its keys, and their products. */
typedef struct {
    lane_word c0, c1, c2, c3;
    lane_product p0, p1; /* M0 c0, M1 c2 */
} philox_state;

/* The products of a round. Of the first there is one that differs among blocks, M0 c0, which is there already. */
static ALWAYS_INLINE void multiply(philox_state *s, int round) {
    if (round > 1) s->p0 = product(s->c0, FI_PHILOX_M0);
    if (round > 0) s->p1 = product(s->c2, FI_PHILOX_M1);
}

/* The words after a round; after the first three less what fi_philox_seek has done. */
static ALWAYS_INLINE void mix(philox_state *s, int round, const fi_philox *p) {
    switch (round) {
    case 0:
        s->c2 = xor_key(high(s->p0), p->xor1_c2);
        s->c3 = low(s->p0);
        break;
    case 1:
        s->c0 = xor_key(high(s->p1), p->xor2_c0);
        s->c1 = primed(low(s->p1), p->k0[2]);
        s->c2 = xor_key(s->c3, p->xor2_c2);
        break;
    default:
        s->c0 = xor_primed(high(s->p1), s->c1, p->k0[round]);
        s->c2 = round == 2 ? xor_key(high(s->p0), p->xor3_c2) : xor_primed(high(s->p0), s->c3, p->k1[round]);
        s->c1 = primed(low(s->p1), p->k0[round + 1]);
        s->c3 = primed(low(s->p0), p->k1[round + 1]);
        break;
    }
}

/*
 * The rounds in steps, but for the words after the last one, which last_round lays out. Between two steps are words, which take
 * fewer registers, or products, whose latency passes while other blocks take their step.
 */
enum { PHILOX_STEPS = FI_PHILOX_ROUNDS - 1 };

static ALWAYS_INLINE void philox_step(philox_state *s, int step, const fi_philox *p) {
    if (WORDS_BETWEEN_STEPS) multiply(s, step);
    mix(s, step, p);
    if (!WORDS_BETWEEN_STEPS) multiply(s, step + 1);
}

#include "reals.h"

#define OP(name) JOIN(f32_, name)
#define OP_(name) JOIN(F32_, name)
#include "draws.h"
#undef OP
#undef OP_

#define OP(name) JOIN(f64_, name)
#define OP_(name) JOIN(F64_, name)
#include "draws.h"
#undef OP
#undef OP_

/* step turns lanes values into lanes stored elements; the last, incomplete step works on copies. */
#define DEFINE_SINK(name, stored_type, value_type, lanes, step)        \
    static void name(void *out, const void *values, size_t n) {        \
        stored_type *to = (stored_type *)out;                          \
        const value_type *from = (const value_type *)values;           \
        size_t i = 0;                                                  \
        for (; i + (lanes) <= n; i += (lanes)) step(to + i, from + i); \
        if (i < n) {                                                   \
            stored_type last[lanes] = {0};                             \
            value_type rest[lanes] = {0};                              \
            memcpy(last, to + i, (n - i) * sizeof *last);              \
            memcpy(rest, from + i, (n - i) * sizeof *rest);            \
            step(last, rest);                                          \
            memcpy(to + i, last, (n - i) * sizeof *last);              \
        }                                                              \
    }

static void copy_4(void *out, const void *values, size_t n) { memcpy(out, values, 4 * n); }
static void copy_8(void *out, const void *values, size_t n) { memcpy(out, values, 8 * n); }

#define STORE_F16(to, from) f16_store(to, f32_load(from))
#define STORE_BF16(to, from) bf16_store(to, f32_load(from))
#define ADD_F32(to, from) f32_store(to, f32_add(f32_load(to), f32_load(from)))
#define ADD_F64(to, from) f64_store(to, f64_add(f64_load(to), f64_load(from)))
#define ADD_F16(to, from) f16_store(to, f32_add(f16_load(to), f32_load(from)))
#define ADD_BF16(to, from) bf16_store(to, f32_add(bf16_load(to), f32_load(from)))

DEFINE_SINK(store_f16, uint16_t, float, F32_LANES, STORE_F16)
DEFINE_SINK(store_bf16, uint16_t, float, F32_LANES, STORE_BF16)
DEFINE_SINK(add_f32, float, float, F32_LANES, ADD_F32)
DEFINE_SINK(add_f64, double, double, F64_LANES, ADD_F64)
DEFINE_SINK(add_f16, uint16_t, float, F32_LANES, ADD_F16)
DEFINE_SINK(add_bf16, uint16_t, float, F32_LANES, ADD_BF16)

#include "scatter.h"

static_assert((int)UNROLL_NORMAL <= 2, "run_normals leaves one group at most to itself");
static_assert((int)f32_GROUP <= (int)FI_GROUP_MAX && (int)f64_GROUP <= (int)FI_GROUP_MAX, "raise FI_GROUP_MAX");

#ifndef FI_WITHOUT_TABLE

#define TEXT_(a) #a
#define TEXT(a) TEXT_(a)

const fi_kernels JOIN(fi_kernels_, SIMD_NAME) = {
    .name = TEXT(SIMD_NAME),
    .features = SIMD_FEATURES,
    .group_blocks = GROUP_BLOCKS,
    .group = {[FI_F32] = f32_GROUP, [FI_F64] = f64_GROUP},
    .draw =
        {
#define FI_DRAW(NAME, name, ...)                                               \
    [FI_##NAME] = {[FI_F32] = {f32_##name, f32_add_##name, f32_listed_##name}, \
                   [FI_F64] = {f64_##name, f64_add_##name, f64_listed_##name}},
#define FI_DRAW_NOT_ADDED(NAME, name, ...) \
    [FI_##NAME] = {[FI_F32] = {f32_##name, NULL, f32_listed_##name}, [FI_F64] = {f64_##name, NULL, f64_listed_##name}},
#include "draws.def"
        },
    .sink =
        {
#define FI_DTYPE(NAME, name, kind, size, real, greatest, store, add) [FI_##NAME] = {store, add},
#include "dtypes.def"
        },
    .scatter = scatter,
    .gather = gather,
};

#endif
