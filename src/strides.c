/*
 * Whether strides bring two elements to the same byte: whether the sum of some multiples of them, each within bounds of
 * its own, lies in an interval. Two strides are decided at once; of more, the others are tried out. The strides of two
 * arrays are mostly the same ones, which count once, and their contiguous elements become part of the interval, so that
 * there are seldom more.
 */
#include "strides.h"

#include "core.h"
#include "move.h"

static const uint64_t REACH_MOST = UINT64_C(1) << 61;

/* ---- Sets of bytes ------------------------------------------------------------------------------------------------- */

fi_bytes fi_bytes_of(const fi_extent *array, fi_steps *axis) {
    fi_bytes bytes = {(uint64_t)(uintptr_t)array->data, array->item, 0, axis};
    int axes = 0;
    for (int i = 0; i < array->axes; i++) {
        const uint64_t count = (uint64_t)array->shape[i], stride = fi_distance(array->strides[i]);
        if (count == 0) bytes.run = 0;
        if (count < 2 || stride == 0) continue; /* without a stride all lie on the first one */
        if (array->strides[i] < 0) bytes.place -= (count - 1) * stride;
        int to = axes++;
        for (; to > 0 && axis[to - 1].stride > stride; to--) axis[to] = axis[to - 1];
        axis[to] = (fi_steps){count, stride};
    }
    for (int i = 0; i < axes; i++) {
        fi_steps *const inner = bytes.axes ? &axis[bytes.axes - 1] : NULL;
        if (!inner && axis[i].stride == bytes.run) {
            bytes.run *= axis[i].count;
        } else if (inner && axis[i].stride == inner->stride * inner->count) {
            inner->count *= axis[i].count;
        } else {
            axis[bytes.axes++] = axis[i];
        }
    }
    return bytes;
}

uint64_t fi_reach(const fi_bytes *bytes) {
    uint64_t reach = bytes->run;
    for (int i = 0; i < bytes->axes; i++) reach += (bytes->axis[i].count - 1) * bytes->axis[i].stride;
    return reach;
}

int fi_is_nested(const fi_bytes *bytes) {
    uint64_t reach = bytes->run;
    for (int i = 0; i < bytes->axes; i++) {
        if (bytes->axis[i].stride < reach) return 0;
        reach += (bytes->axis[i].count - 1) * bytes->axis[i].stride;
    }
    return 1;
}

static int reaches_too_far(const fi_bytes *bytes) {
    uint64_t left = bytes->run < REACH_MOST ? REACH_MOST - bytes->run : 0;
    for (int i = 0; i < bytes->axes; i++) {
        if (bytes->axis[i].count - 1 > left / bytes->axis[i].stride) return 1;
        left -= (bytes->axis[i].count - 1) * bytes->axis[i].stride;
    }
    return 0;
}

/* ---- Sums of multiples --------------------------------------------------------------------------------------------- */

/* The step, taken up to most times. */
typedef struct {
    uint64_t step, most;
    uint64_t sum, gcd; /* the greatest sum of this term and those before, and what divides all such */
} term;

static uint64_t parts(uint64_t whole, uint64_t part) { return whole / part + (whole % part != 0); }

static uint64_t common_divisor(uint64_t a, uint64_t b) {
    while (b) {
        const uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* The sum of (step i + start) / divisor, rounded down, over 0 <= i < n, modulo 2^64; step (n - 1) + start stays
   below 2^63. */
static uint64_t floor_sum(uint64_t n, uint64_t divisor, uint64_t step, uint64_t start) {
    uint64_t sum = 0;
    for (;;) {
        sum += (n % 2 ? n * ((n - 1) / 2) : n / 2 * (n - 1)) * (step / divisor) + n * (start / divisor);
        step %= divisor;
        start %= divisor;
        const uint64_t end = step * n + start;
        if (end < divisor) return sum;
        /* The points below a line, counted by columns, are as many as by rows. */
        n = end / divisor;
        start = end % divisor;
        const uint64_t swapped = step;
        step = divisor;
        divisor = swapped;
    }
}

/* Whether a multiple of a and one of b make a sum from low to high, which is at most the greatest one. */
static int two_reach(const term *a, const term *b, uint64_t low, uint64_t high) {
    const uint64_t b_most = b->step * b->most;
    const uint64_t from = low > b_most ? parts(low - b_most, a->step) : 0, to = fi_lesser(a->most, high / a->step);
    if (from > to) return 0;
    /* For each x in from .. to, some of low - a x .. high - a x lies in 0 .. b_most. Where not all does, an end of
       it does. */
    if (low <= to * a->step || high - from * a->step >= b_most || high - low >= b->step - 1) return 1;
    /* Otherwise a multiple of b lies there if (high - a x) mod b <= high - low. These are counted. */
    const uint64_t n = to - from + 1, start = high - to * a->step;
    return n + floor_sum(n, b->step, a->step, start) !=
           floor_sum(n, b->step, a->step, start + (b->step - 1 - (high - low)));
}

/* Whether the terms have a sum from low to high. */
static int reach(const term *terms, int count, uint64_t low, uint64_t high, size_t *work) {
    ++*work;
    if (count == 0) return low == 0;
    const term *const last = &terms[count - 1], *const rest = last - 1;
    if (low > last->sum) return 0;
    high = fi_lesser(high, last->sum);
    if (count == 1) return high / last->step * last->step >= low;
    if (count == 2) return two_reach(last, rest, low, high);
    const uint64_t from = low > rest->sum ? parts(low - rest->sum, last->step) : 0;
    const uint64_t to = fi_lesser(last->most, high / last->step);
    for (uint64_t x = from; x <= to; x++, ++*work) {
        const uint64_t taken = x * last->step, least = low > taken ? low - taken : 0, most = high - taken;
        if (most % rest->gcd <= most - least && reach(terms, count - 1, least, most, work)) return 1;
    }
    return 0;
}

/* Puts last what is to be tried out: each time the term for which there are fewest possibilities, given those before
   it. */
static void order_terms(term *terms, int count, uint64_t width) {
    for (int left = count; left > 2; left--) {
        uint64_t sum = 0, fewest = UINT64_MAX;
        int chosen = 0;
        for (int i = 0; i < left; i++) sum += terms[i].step * terms[i].most;
        for (int i = 0; i < left; i++) {
            const uint64_t others = sum - terms[i].step * terms[i].most + width;
            const uint64_t possible = fi_lesser(terms[i].most, others / terms[i].step);
            if (possible < fewest) {
                fewest = possible;
                chosen = i;
            }
        }
        const term moved = terms[chosen];
        terms[chosen] = terms[left - 1];
        terms[left - 1] = moved;
    }
    uint64_t sum = 0, gcd = 0;
    for (int i = 0; i < count; i++) {
        terms[i].sum = sum += terms[i].step * terms[i].most;
        terms[i].gcd = gcd = common_divisor(terms[i].step, gcd);
    }
}

/* Terms, and the interval from low to low + width in which a sum of theirs is looked for. */
typedef struct {
    int count;
    int64_t low;
    uint64_t width;
    term terms[2 * FI_AXES_MAX];
} problem;

/* Adds a term to those before it, which have smaller steps or the same. */
static void add_term(problem *p, uint64_t step, uint64_t most) {
    int to = p->count++;
    for (; to > 0 && p->terms[to - 1].step > step; to--) p->terms[to] = p->terms[to - 1];
    p->terms[to] = (term){.step = step, .most = most};
}

/* One term in place of two that reach the same sums, and a wider interval in place of terms that fill it. */
static void merge_terms(problem *p) {
    int kept = 0;
    for (int i = 0; i < p->count; i++) {
        const term next = p->terms[i];
        term *const last = kept ? &p->terms[kept - 1] : NULL;
        if (last && next.step % last->step == 0 && next.step / last->step - 1 <= last->most) {
            last->most += next.most * (next.step / last->step);
        } else if (!last && next.step - 1 <= p->width) {
            p->low -= (int64_t)(next.step * next.most);
            p->width += next.step * next.most;
        } else {
            p->terms[kept++] = next;
        }
    }
    p->count = kept;
}

static int solve(problem *p, size_t *work) {
    merge_terms(p);
    const int64_t high = p->low + (int64_t)p->width;
    if (high < 0) return 0;
    order_terms(p->terms, p->count, p->width);
    return reach(p->terms, p->count, p->low > 0 ? (uint64_t)p->low : 0, (uint64_t)high, work);
}

int fi_have_common_byte(const fi_bytes *a, const fi_bytes *b, size_t *work) {
    ++*work;
    if (a->place >= b->place + fi_reach(b) || b->place >= a->place + fi_reach(a)) return 0;
    /* What is looked for is an element of a, less one of b, in reverse order, so that all steps are upwards. */
    problem p = {.low = (int64_t)(b->place - a->place - (a->run - 1)), .width = a->run + b->run - 2};
    for (int i = 0; i < a->axes; i++) add_term(&p, a->axis[i].stride, a->axis[i].count - 1);
    for (int i = 0; i < b->axes; i++) {
        add_term(&p, b->axis[i].stride, b->axis[i].count - 1);
        p.low += (int64_t)((b->axis[i].count - 1) * b->axis[i].stride);
    }
    return solve(&p, work);
}

int fi_overlaps_itself(const fi_extent *array) {
    fi_steps axis[FI_AXES_MAX];
    const fi_bytes bytes = fi_bytes_of(array, axis);
    if (bytes.run == 0) return 0;
    for (int i = 0; i < array->axes; i++) {
        if (array->shape[i] > 1 && array->strides[i] == 0) return 1;
    }
    if (reaches_too_far(&bytes)) return 1;
    if (fi_is_nested(&bytes)) return 0;
    /* Two elements whose last different axis is this one differ by 1 or more there, and by anything in those before. */
    for (int last = 0; last < bytes.axes; last++) {
        problem p = {.low = -(int64_t)(bytes.run - 1 + axis[last].stride), .width = 2 * (bytes.run - 1)};
        for (int i = 0; i < last; i++) {
            add_term(&p, axis[i].stride, 2 * (axis[i].count - 1));
            p.low += (int64_t)((axis[i].count - 1) * axis[i].stride);
        }
        if (axis[last].count > 2) add_term(&p, axis[last].stride, axis[last].count - 2);
        size_t work = 0;
        if (solve(&p, &work)) return 1;
    }
    return 0;
}
