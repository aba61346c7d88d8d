/*
 * Whether any of many arrays share memory, in little more time than it takes to sort them.
 *
 * Arrays whose first and last bytes are apart need no look. Where they are not, the arrays are mostly columns, tiles or
 * other views of one array, and have strides in common. A cluster of them takes a stride as its period, which makes of
 * memory rows of so many bytes: a piece with that stride is a range of rows times what it is in one of them, and other
 * pieces are cut into such. What pieces are within a row is looked at in the same way, until only runs of bytes are
 * left. So pieces become boxes, with the rows of each period and the bytes of the run as sides, and boxes are searched
 * for two that meet by halving.
 *
 * What the periods do not fit is compared with all the others of its cluster, by src/strides.c: arrays whose strides
 * are no multiples of each other, and such as weave their own axes into each other. If that, or cutting, becomes more
 * work than to compare the arrays of a cluster each with each, this is what is done.
 */
#include "overlap.h"

#include <string.h>

#include "core.h"
#include "strides.h"

enum {
    AXES = 6,    /* of a piece; arrays that have more, after merging, are compared with all others */
    PERIODS = 6, /* one within the other */
    FEW = 8,     /* pieces that are compared each with each */
    CUTS = 8,    /* a piece that a period cuts into more than these is compared with all others */
    MANY_CUTS = 64,
    CHOICES = 9, /* of a period: the largest strides, and a multiple of them */
    MULTIPLES = 64,
    LINEAR = 500, /* steps for an array that are not too much yet */
};

typedef struct {
    uint64_t low, high; /* low <= x < high */
} span;

/* Part of an array: the same bytes in each of the rows. Its place is counted from the beginning of the innermost row. */
typedef struct {
    uint64_t place, run;
    fi_steps axis[AXES + 1]; /* one more for what is being cut */
    int axes;
    span rows[PERIODS];
    size_t array;
} piece;

typedef struct {
    uint64_t low, high; /* what it is sorted and clustered by */
    size_t index;       /* of a piece, or of an array */
} entry;

typedef enum { APART, SHARED, GIVEN_UP } result;

/*
 * The entries are a stack of what is left to look at, and so are the pieces: the functions below look at those entries
 * that begin at a given one, the last cluster of them first, and may take away, add to and reorder these.
 */
typedef struct {
    const fi_extent *arrays;
    fi_overlap *found;
    entry *entries, *spare;
    size_t count;
    piece *pieces;
    size_t used, room; /* room for as many entries and pieces; each entry has a piece of its own */
    size_t limit;      /* of the work: what is more is given up */
} search;

static size_t room_for(size_t count) { return 8 * count + 64; }

size_t fi_overlap_memory(size_t count) { return 2 * count * sizeof(entry); }

static uint64_t larger(uint64_t a, uint64_t b) { return a < b ? b : a; }

static int meet(span a, span b) { return a.low < b.high && b.low < a.high; }

static result report(search *s, size_t one, size_t other) {
    s->found->first = one < other ? one : other;
    s->found->second = one < other ? other : one;
    return SHARED;
}

/* ---- Sorting and clusters ------------------------------------------------------------------------------------------ */

/* Sorts entries by low: natural order costs nothing, otherwise runs are merged. spare has room for as many. */
static void sort(entry *entries, entry *spare, size_t count, size_t *work) {
    entry *from = entries, *to = spare;
    size_t sorted = 1;
    *work += count;
    while (sorted < count && from[sorted - 1].low <= from[sorted].low) sorted++;
    if (sorted >= count) return;
    for (size_t width = 1; width < count; width *= 2) {
        *work += count;
        for (size_t start = 0; start < count; start += 2 * width) {
            const size_t middle = fi_lesser(start + width, count), end = fi_lesser(start + 2 * width, count);
            size_t a = start, b = middle;
            for (size_t i = start; i < end; i++) {
                to[i] = a < middle && (b == end || from[a].low <= from[b].low) ? from[a++] : from[b++];
            }
        }
        entry *const swapped = from;
        from = to;
        to = swapped;
    }
    if (from == spare) memcpy(to, from, count * sizeof *from);
}

/* Sorts entries, and lets each of them reach as high as those before, so that clusters can be told. */
static void sort_into_clusters(entry *entries, entry *spare, size_t count, size_t *work) {
    sort(entries, spare, count, work);
    for (size_t i = 1; i < count; i++) entries[i].high = larger(entries[i].high, entries[i - 1].high);
}

/* How many of the entries are in the last cluster. */
static size_t last_cluster(const entry *entries, size_t count) {
    size_t i = count - 1;
    while (i > 0 && entries[i].low < entries[i - 1].high) i--;
    return count - i;
}

/* ---- Each with each ------------------------------------------------------------------------------------------------ */

static piece *piece_of(const search *s, size_t entry) { return &s->pieces[s->entries[entry].index]; }

static fi_bytes bytes_of(const piece *p) { return (fi_bytes){p->place, p->run, p->axes, p->axis}; }

static uint64_t reach_of(const piece *p) {
    const fi_bytes bytes = bytes_of(p);
    return fi_reach(&bytes);
}

/* Compares what two pieces of so many periods are in a row, if they have rows in common. */
static result compare(search *s, const piece *a, const piece *b, int periods) {
    size_t work = 0;
    if (++s->found->work > s->limit) return GIVEN_UP;
    if (a->array == b->array) return APART;
    for (int i = 0; i < periods; i++) {
        if (!meet(a->rows[i], b->rows[i])) return APART;
    }
    const fi_bytes one = bytes_of(a), other = bytes_of(b);
    const int shared = fi_have_common_byte(&one, &other, &work);
    s->found->work += work;
    s->limit += work; /* it would be as much for the arrays */
    return shared ? report(s, a->array, b->array) : APART;
}

/* Compares entry i with those from first on. */
static result compare_with(search *s, size_t i, size_t first, int periods) {
    result r = APART;
    for (size_t j = first; j < s->count && r == APART; j++) {
        if (j != i) r = compare(s, piece_of(s, i), piece_of(s, j), periods);
    }
    return r;
}

static result compare_all(search *s, size_t first, int periods) {
    result r = APART;
    for (size_t i = first; i < s->count && r == APART; i++) r = compare_with(s, i, i + 1, periods);
    return r;
}

/* ---- Boxes --------------------------------------------------------------------------------------------------------- */

/* Of boxes, by the sides 0 .. sides - 1: the rows of that period, or, for the last period, the run. */
typedef struct {
    search *s;
    int periods, sides;
    int side[PERIODS + 1];
} boxes;

static span side_of(const boxes *b, size_t box, int side) {
    const piece *const p = &b->s->pieces[box];
    return b->side[side] < b->periods ? p->rows[b->side[side]] : (span){p->place, p->place + p->run};
}

static void swap(size_t *a, size_t *b) {
    const size_t swapped = *a;
    *a = *b;
    *b = swapped;
}

/* What a side may be to a span: it has some of it, or all, or begins below it. */
typedef enum { MEETS, CONTAINS, IS_BELOW } relation;

/* Puts first those whose side is that to the span; returns how many. */
static size_t part(const boxes *b, size_t *box, size_t count, int side, relation relation, span to) {
    size_t kept = 0;
    b->s->found->work += count;
    for (size_t i = 0; i < count; i++) {
        const span own = side_of(b, box[i], side);
        const int contains = own.low <= to.low && to.high <= own.high, is_below = own.low < to.low;
        if (relation == MEETS ? meet(own, to) : relation == CONTAINS ? contains : is_below) swap(&box[i], &box[kept++]);
    }
    return kept;
}

/* Where the sides begin: from the lowest to the highest. */
static span span_of_lows(const boxes *b, const size_t *box, size_t count, int side) {
    span lows = {UINT64_MAX, 0};
    b->s->found->work += count;
    for (size_t i = 0; i < count; i++) {
        const uint64_t low = side_of(b, box[i], side).low;
        lows.low = fi_lesser(lows.low, low);
        lows.high = larger(lows.high, low + 1);
    }
    return lows;
}

/* A low near the middle of them, above the lowest. */
static uint64_t middle_of_lows(const boxes *b, const size_t *box, size_t count, int side, span lows) {
    enum { SAMPLE = 9 };
    uint64_t sample[SAMPLE];
    for (size_t i = 0; i < SAMPLE; i++) {
        const uint64_t low = side_of(b, box[count / SAMPLE * i + count % SAMPLE * i / SAMPLE], side).low;
        size_t to = i;
        for (; to > 0 && sample[to - 1] > low; to--) sample[to] = sample[to - 1];
        sample[to] = low;
    }
    return larger(sample[SAMPLE / 2], lows.low + 1);
}

static result compare_boxes(const boxes *b, const size_t *wide, size_t wides, const size_t *begun, size_t begins,
                            int sides) {
    for (size_t i = 0; i < wides; i++) {
        for (size_t j = 0; j < begins; j++) {
            if (++b->s->found->work > b->s->limit) return GIVEN_UP;
            int side = wide[i] == begun[j] ? -1 : 0;
            while (side >= 0 && side < sides && meet(side_of(b, wide[i], side), side_of(b, begun[j], side))) side++;
            if (side == sides) return report(b->s, b->s->pieces[wide[i]].array, b->s->pieces[begun[j]].array);
        }
    }
    return APART;
}

/*
 * Looks for a wide box and a begun one that meet in the sides below the given number, such that the last of these sides
 * of the begun one begins within that of the wide one; in the sides after, each meets each. Zomorodian and
 * Edelsbrunner, "Fast software for box intersections", 2002: wide sides that contain the whole span in which the others
 * begin need no further look.
 */
static result boxes_meet(const boxes *b, size_t *wide, size_t wides, size_t *begun, size_t begins, int sides) {
    while (wides && begins) {
        if (sides == 0 || wides * begins <= FEW * FEW) return compare_boxes(b, wide, wides, begun, begins, sides);
        const int side = sides - 1;
        const span lows = span_of_lows(b, begun, begins, side);
        const size_t whole = part(b, wide, wides, side, CONTAINS, lows);
        result r = boxes_meet(b, wide, whole, begun, begins, side);
        if (r == APART) r = boxes_meet(b, begun, begins, wide, whole, side);
        if (r != APART || lows.high - lows.low == 1) return r;
        wide += whole;
        wides -= whole;
        const uint64_t middle = middle_of_lows(b, begun, begins, side, lows);
        const span halves[] = {{lows.low, middle}, {middle, lows.high}};
        const size_t lower = part(b, begun, begins, side, IS_BELOW, halves[1]);
        size_t *const begun_in[] = {begun, begun + lower};
        const size_t begins_in[] = {lower, begins - lower};
        /* The smaller half first, by a call of its own: so that there are few of them, one in the other. */
        const int small = lower > begins / 2, large = !small;
        const size_t in_small = part(b, wide, wides, side, MEETS, halves[small]);
        r = boxes_meet(b, wide, in_small, begun_in[small], begins_in[small], sides);
        if (r != APART) return r;
        wides = part(b, wide, wides, side, MEETS, halves[large]);
        begun = begun_in[large];
        begins = begins_in[large];
    }
    return APART;
}

/* Of pieces that are runs of bytes in rows of so many periods. */
static result search_boxes(search *s, size_t first, int periods) {
    boxes b = {.s = s, .periods = periods};
    const size_t count = s->count - first;
    size_t *const wide = (size_t *)s->spare, *const begun = wide + count;
    for (size_t i = 0; i < count; i++) wide[i] = begun[i] = s->entries[first + i].index;
    for (int i = 0; i <= periods; i++) {
        b.side[b.sides] = i;
        const span side = side_of(&b, wide[0], b.sides);
        size_t same = 1;
        while (same < count && side_of(&b, wide[same], b.sides).low == side.low &&
               side_of(&b, wide[same], b.sides).high == side.high) {
            same++;
        }
        if (same < count) b.sides++; /* a side that all have says nothing */
    }
    return boxes_meet(&b, wide, count, begun, count, b.sides);
}

/* ---- Periods ------------------------------------------------------------------------------------------------------- */

static uint64_t outer_stride(const piece *p) { return p->axes ? p->axis[p->axes - 1].stride : 0; }

/* The pieces that a period makes of one, roughly: those of each element of the axes that are larger than it. */
static uint64_t cuts_of(const piece *p, uint64_t period) {
    fi_bytes element = bytes_of(p);
    uint64_t elements = 1;
    while (element.axes && p->axis[element.axes - 1].stride > period) {
        const uint64_t count = p->axis[--element.axes].count;
        if (count > MANY_CUTS / elements) return MANY_CUTS;
        elements *= count;
    }
    const uint64_t stride = element.axes ? p->axis[element.axes - 1].stride : 0, reach = fi_reach(&element);
    if (stride == 0 || stride == period || reach <= period) return elements;
    return elements * (period % stride == 0 ? 2 : fi_lesser(reach / period + 1, MANY_CUTS));
}

/* The strides of outer axes, the largest first, at most so many; returns how many. */
static int outer_strides(const search *s, size_t first, uint64_t *strides, int most) {
    int count = 0;
    for (size_t i = first; i < s->count; i++) {
        const uint64_t stride = outer_stride(piece_of(s, i));
        int at = 0;
        while (at < count && strides[at] > stride) at++;
        if (stride == 0 || at == most || (at < count && strides[at] == stride)) continue;
        if (count < most) count++;
        memmove(&strides[at + 1], &strides[at], (size_t)(count - 1 - at) * sizeof *strides);
        strides[at] = stride;
    }
    return count;
}

/* The least number that all divide, or the first of them if it is as large as most. */
static uint64_t common_multiple(const uint64_t *numbers, int count, uint64_t most) {
    uint64_t multiple = numbers[0];
    for (int i = 1; i < count; i++) {
        uint64_t next = multiple;
        for (int n = 1; next % numbers[i]; n++, next += multiple) {
            if (n == MULTIPLES || next >= most) return numbers[0];
        }
        multiple = next;
    }
    return multiple < most ? multiple : numbers[0];
}

/* The stride, or multiple of all, that cuts the pieces least; 0 if none of them has one. */
static uint64_t period_of(const search *s, size_t first) {
    uint64_t choices[CHOICES], period = 0, fewest = UINT64_MAX, farthest = 0;
    int count = outer_strides(s, first, choices, CHOICES - 1);
    if (count < 2) return count ? choices[0] : 0;
    for (size_t i = first; i < s->count; i++) farthest = larger(farthest, reach_of(piece_of(s, i)));
    choices[count] = common_multiple(choices, count, farthest);
    count += choices[count] != choices[0];
    for (int i = 0; i < count; i++) {
        uint64_t cuts = 0;
        for (size_t j = first; j < s->count; j++) {
            const uint64_t of_piece = cuts_of(piece_of(s, j), choices[i]);
            cuts += of_piece > CUTS ? MANY_CUTS : of_piece;
        }
        s->found->work += s->count - first;
        if (cuts < fewest) {
            fewest = cuts;
            period = choices[i];
        }
    }
    return period;
}

/* Where rows of the period are to begin, so that few pieces, if any, reach from one into the next. */
static uint64_t origin_of(search *s, size_t first, uint64_t period) {
    uint64_t lowest = UINT64_MAX, reached = 0;
    for (size_t i = first; i < s->count; i++) {
        const piece *const p = piece_of(s, i);
        const uint64_t inner = outer_stride(p) == period ? (p->axis[p->axes - 1].count - 1) * period : 0;
        entry *const e = &s->entries[i];
        lowest = fi_lesser(lowest, p->place);
        const uint64_t reach = reach_of(p) - inner;
        e->low = p->place % period;
        e->high = e->low + (reach <= period ? reach : 0); /* what is to be cut anyway does not matter */
        if (e->high > period) reached = larger(reached, e->high - period);
    }
    sort(s->entries + first, s->spare, s->count - first, &s->found->work);
    for (size_t i = first; i < s->count; i++) {
        if (reached <= s->entries[i].low) return s->entries[i].low;
        reached = larger(reached, s->entries[i].high);
    }
    return lowest % period;
}

/* ---- Cutting ------------------------------------------------------------------------------------------------------- */

/* A copy of piece p as a new entry; NULL if there is no room. */
static piece *add_copy(search *s, const piece *p) {
    if (s->used == s->room) return NULL;
    piece *const copy = &s->pieces[s->used];
    *copy = *p;
    s->entries[s->count++].index = s->used++;
    return copy;
}

static void set_count(piece *p, int axis, uint64_t count) {
    p->axis[axis].count = count;
    if (count > 1) return;
    p->axes--;
    memmove(&p->axis[axis], &p->axis[axis + 1], (size_t)(p->axes - axis) * sizeof *p->axis);
}

/* Adds a copy of piece p, so far above it, with so many elements along the axis; returns whether there was room. */
static int add_part(search *s, const piece *p, uint64_t distance, int axis, uint64_t count) {
    piece *const part = add_copy(s, p);
    if (!part) return 0;
    part->place += distance;
    set_count(part, axis, count);
    return 1;
}

/* Cuts off what lies so far from the piece's place or farther along its first axes; returns whether there was room. */
static int cut(search *s, piece *p, uint64_t distance, int axes) {
    if (axes == 0) {
        piece *const above = add_copy(s, p);
        if (!above) return 0;
        above->place += distance;
        above->run -= distance;
        p->run = distance;
        return 1;
    }
    const int axis = axes - 1;
    const uint64_t stride = p->axis[axis].stride, count = p->axis[axis].count;
    const fi_bytes element = {p->place, p->run, axis, p->axis};
    const uint64_t reach = fi_reach(&element);
    const uint64_t below = distance < reach ? 0 : (distance - reach) / stride + 1;
    const uint64_t cut_through = below * stride < distance;
    if (below + cut_through < count) {
        if (!add_part(s, p, (below + cut_through) * stride, axis, count - below - cut_through)) return 0;
        p->axis[axis].count = below + cut_through;
    }
    if (below && cut_through) {
        if (!add_part(s, p, 0, axis, below)) return 0;
        p->place += below * stride;
    }
    /* What is left is either cut through, and next time deeper, or lies below. */
    set_count(p, axis, cut_through ? 1 : below);
    return 1;
}

/* Cuts off a last element of the outer axis; returns whether there was room. */
static int cut_element(search *s, piece *p) {
    const int axis = p->axes - 1;
    const uint64_t others = p->axis[axis].count - 1;
    if (!add_part(s, p, others * p->axis[axis].stride, axis, 1)) return 0;
    set_count(p, axis, others);
    return 1;
}

/* Makes two of the outer axis, whose stride divides the period, one with the period; returns whether there was room. */
static int split_axis(search *s, piece *p, uint64_t period) {
    fi_steps *const outer = &p->axis[p->axes - 1];
    const uint64_t in_row = period / outer->stride, rows = outer->count / in_row, rest = outer->count % in_row;
    if (rest && !add_part(s, p, rows * period, p->axes - 1, rest)) return 0;
    outer->count = in_row;
    outer[1] = (fi_steps){rows, period};
    p->axes++;
    return 1;
}

/* Sets the piece's rows and its place within one, after cutting off what is no such; returns whether there was room. */
static int set_rows(search *s, piece *p, uint64_t period, int periods) {
    for (;;) {
        const uint64_t stride = outer_stride(p), to_end = period - p->place % period;
        const fi_steps outer = stride ? p->axis[p->axes - 1] : (fi_steps){1, 0};
        const int has_rows = stride == period;
        const uint64_t reach = reach_of(p) - (has_rows ? (outer.count - 1) * period : 0);
        uint64_t rows = has_rows ? outer.count : 1;
        int ok;
        if (stride > period) {
            ok = cut_element(s, p);
        } else if (reach <= to_end || (stride == 0 && p->run % period == 0 && to_end == period)) {
            if (reach > to_end) rows = p->run / period;
            p->axes -= has_rows;
            p->rows[periods] = (span){p->place / period, p->place / period + rows};
            p->place %= period;
            p->run = fi_lesser(p->run, period);
            return 1;
        } else if (stride == 0 && to_end == period) {
            ok = cut(s, p, p->run / period * period, 0);
        } else if (stride && !has_rows && period % stride == 0 && outer.count / (period / stride) > 1) {
            ok = split_axis(s, p, period);
        } else {
            ok = cut(s, p, to_end, p->axes - has_rows);
        }
        if (!ok) return 0;
    }
}

/* ---- The search ---------------------------------------------------------------------------------------------------- */

static result search_by_side(search *s, size_t first, int periods, int side);

static result search_rows(search *s, size_t first, int periods) {
    const uint64_t period = period_of(s, first);
    if (period == 0) return search_boxes(s, first, periods);
    if (periods == PERIODS) return GIVEN_UP;
    for (size_t i = first; i < s->count;) {
        if (cuts_of(piece_of(s, i), period) <= CUTS) {
            i++;
            continue;
        }
        const result r = compare_with(s, i, first, periods);
        if (r != APART) return r;
        s->entries[i] = s->entries[--s->count];
    }
    const uint64_t origin = origin_of(s, first, period);
    const size_t used = s->used;
    for (size_t i = first; i < s->count; i++) piece_of(s, i)->place += period - origin;
    for (size_t i = first; i < s->count; i++) {
        if (!set_rows(s, piece_of(s, i), period, periods)) return GIVEN_UP;
    }
    const result r = search_by_side(s, first, periods + 1, 0);
    s->used = used;
    return r;
}

/* Divides the entries into clusters by where they lie in a row, for side 0, then by their rows. */
static result search_by_side(search *s, size_t first, int periods, int side) {
    if (s->count - first <= FEW) return compare_all(s, first, periods);
    if (side > periods) return search_rows(s, first, periods);
    for (size_t i = first; i < s->count; i++) {
        const piece *const p = piece_of(s, i);
        const span by = side ? p->rows[side - 1] : (span){p->place, p->place + reach_of(p)};
        s->entries[i] = (entry){by.low, by.high, s->entries[i].index};
    }
    sort_into_clusters(s->entries + first, s->spare, s->count - first, &s->found->work);
    result r = APART;
    while (s->count > first && r == APART) {
        const size_t last = s->count - last_cluster(s->entries + first, s->count - first);
        if (s->count - last > 1) r = search_by_side(s, last, periods, side + 1);
        s->count = last;
    }
    return r;
}

/* Compares an array with those whose pieces come from the first on, in the order of their lowest bytes. */
static result compare_arrays(search *s, size_t array, size_t first, size_t pieces) {
    fi_steps axis[FI_AXES_MAX], other_axis[FI_AXES_MAX];
    const fi_bytes bytes = fi_bytes_of(&s->arrays[array], axis);
    const uint64_t end = bytes.place + fi_reach(&bytes);
    for (size_t i = first; i < pieces; i++) {
        const size_t other = s->pieces[i].array;
        const fi_bytes other_bytes = fi_bytes_of(&s->arrays[other], other_axis);
        if (other_bytes.place >= end) break;
        if (fi_have_common_byte(&bytes, &other_bytes, &s->found->work)) return report(s, array, other);
    }
    return APART;
}

/* Of a cluster of arrays. Makes pieces of them, but for those that cannot be such, which are compared with all others. */
static result search_arrays(search *s, const entry *cluster, size_t count) {
    for (s->used = 0; s->used < count; s->used++) {
        fi_steps axis[FI_AXES_MAX];
        const size_t array = cluster[s->used].index;
        const fi_bytes bytes = fi_bytes_of(&s->arrays[array], axis);
        piece *const p = &s->pieces[s->used];
        *p = (piece){.place = bytes.place - cluster->low, .run = bytes.run, .axes = -1, .array = array};
        if (bytes.axes > AXES || !fi_is_nested(&bytes)) continue;
        p->axes = bytes.axes;
        memcpy(p->axis, axis, (size_t)bytes.axes * sizeof *axis);
    }
    s->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (s->pieces[i].axes >= 0) {
            s->entries[s->count++].index = i;
        } else if (compare_arrays(s, s->pieces[i].array, 0, i) || compare_arrays(s, s->pieces[i].array, i + 1, count)) {
            return SHARED;
        }
    }
    s->limit = s->found->work + count * (count / 2 + LINEAR);
    result r = search_by_side(s, 0, 0, 1);
    if (r != GIVEN_UP) return r;
    r = APART;
    for (size_t i = 0; i < count && r == APART; i++) r = compare_arrays(s, s->pieces[i].array, i + 1, count);
    return r;
}

int fi_find_overlap(const fi_extent *arrays, size_t count, void *memory, size_t size, fi_overlap *found) {
    entry *const entries = memory, *const spare = entries + count;
    size_t left = 0, largest = 1, cluster;
    *found = (fi_overlap){0, 0, fi_overlap_memory(count), 0};
    if (size < found->memory) return -1;
    for (size_t i = 0; i < count; i++) {
        fi_steps axis[FI_AXES_MAX];
        const fi_bytes bytes = fi_bytes_of(&arrays[i], axis);
        if (bytes.run) entries[left++] = (entry){bytes.place, bytes.place + fi_reach(&bytes), i};
    }
    sort_into_clusters(entries, spare, left, &found->work);
    for (size_t i = left; i > 0; i -= cluster) largest = larger(largest, cluster = last_cluster(entries, i));
    if (largest == 1) return 0;

    search s = {.arrays = arrays, .found = found, .room = room_for(largest)};
    found->memory += s.room * (sizeof *s.pieces + 2 * sizeof *s.entries);
    if (size < found->memory) return -1;
    s.pieces = (piece *)(spare + count);
    s.entries = (entry *)(s.pieces + s.room);
    s.spare = s.entries + s.room;
    result r = APART;
    for (; left > 0 && r == APART; left -= cluster) {
        cluster = last_cluster(entries, left);
        if (cluster > 1) r = search_arrays(&s, entries + left - cluster, cluster);
    }
    return r == SHARED;
}
