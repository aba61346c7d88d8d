/*
 * A fuzz target for src/overlap.h. Its bytes choose many arrays in one small memory: of strides that they have in
 * common or of any, most of them apart from each other. All of their bytes are marked, one by one, which tells whether
 * an array overlaps itself and whether two of them share a byte. Memory is allocated to the byte, for AddressSanitizer.
 *
 * fuzz.sh builds and runs it with libFuzzer; see fuzz.h.
 */
#include <string.h>

#include "core.h"
#include "fuzz.h"
#include "overlap.h"

enum {
    MOST_ARRAYS = 200,
    MOST_AXES = 12,
    MOST_BYTES = 1 << 13,
    MOST_ELEMENTS = 700,
    COMMON = 5, /* strides that arrays have in common */
    TRIES = 4,  /* to find a place that is free */
};

typedef struct {
    int axes;
    ptrdiff_t shape[FI_AXES_MAX], strides[FI_AXES_MAX];
    size_t item, place; /* of the first element */
} array;

typedef struct {
    size_t bytes, common[COMMON];
    int boxes; /* and nothing else */
    size_t count;
    array arrays[MOST_ARRAYS];
    uint8_t taken[MOST_BYTES]; /* by any of them */
} world;

static size_t elements(const array *a) {
    size_t count = 1;
    for (int i = 0; i < a->axes; i++) count *= (size_t)a->shape[i];
    return count;
}

/* Where element i lies. */
static size_t locate(const array *a, size_t i) {
    ptrdiff_t place = (ptrdiff_t)a->place;
    for (int axis = a->axes - 1; axis >= 0; axis--) {
        place += (ptrdiff_t)(i % (size_t)a->shape[axis]) * a->strides[axis];
        i /= (size_t)a->shape[axis];
    }
    return (size_t)place;
}

/* Marks the bytes of an array; returns whether one of them was marked before. */
static int mark(const array *a, uint8_t *taken) {
    int before = 0;
    for (size_t i = elements(a); i-- > 0;) {
        uint8_t *const element = taken + locate(a, i);
        before |= memchr(element, 1, a->item) != NULL;
        memset(element, 1, a->item);
    }
    return before;
}

static int share_a_byte(const array *a, const array *b) {
    uint8_t taken[MOST_BYTES] = {0};
    mark(a, taken);
    return mark(b, taken);
}

static int overlaps_itself(const array *a) {
    uint8_t taken[MOST_BYTES] = {0};
    return mark(a, taken);
}

static int is_free(const array *a, const uint8_t *taken) {
    for (size_t i = elements(a); i-- > 0;) {
        if (memchr(taken + locate(a, i), 1, a->item)) return 0;
    }
    return 1;
}

/* Strides one within the other, mostly multiples. */
static void take_common(reader *r, world *w) {
    static const size_t units[] = {1, 2, 4, 8, 16, 3};
    w->common[0] = units[below(r, LENGTH(units))];
    for (int i = 1; i < COMMON; i++) {
        w->common[i] = w->common[i - 1] * (2 + below(r, 8));
        if (one_in(r, 6)) w->common[i] += below(r, 8);
    }
}

static void take_any_axes(reader *r, array *a) {
    a->item = 1 + below(r, 8);
    a->axes = (int)below(r, 4);
    for (int i = 0; i < a->axes; i++) {
        a->shape[i] = 1 + (ptrdiff_t)below(r, 6);
        a->strides[i] = (ptrdiff_t)below(r, 256) - 128;
    }
}

/* One within the other, but for one in a while that is not. */
static void take_nested_axes(reader *r, array *a) {
    const size_t most = one_in(r, 8) ? MOST_AXES : 5;
    size_t reach = a->item = 1 + below(r, 8);
    a->axes = (int)below(r, most);
    for (int i = 0; i < a->axes; i++) {
        const size_t gap = one_in(r, 2) ? below(r, 8) : 0;
        a->shape[i] = 1 + (ptrdiff_t)below(r, 4);
        a->strides[i] = (ptrdiff_t)(reach + gap);
        if (one_in(r, 16)) a->strides[i] -= (ptrdiff_t)below(r, 4);
        reach += (size_t)((a->shape[i] - 1) * a->strides[i]);
    }
}

static void take_common_axes(reader *r, const world *w, array *a) {
    a->item = w->common[0] * (1 + (one_in(r, 4) ? below(r, 4) : 0));
    a->axes = 0;
    for (int i = 0; i < COMMON; i++) {
        const size_t times = one_in(r, 4) ? 1 + below(r, 4) : 1,
                     within = w->common[i + (i + 1 < COMMON)] / w->common[i];
        if (one_in(r, 2)) continue;
        a->shape[a->axes] = 1 + (ptrdiff_t)(one_in(r, 2) ? below(r, 12) : within / times);
        a->strides[a->axes++] = (ptrdiff_t)(w->common[i] * times);
    }
}

/* A box of a few rows, of a few rows, ... of contiguous elements. */
static void take_box(reader *r, const world *w, array *a) {
    a->item = w->common[0];
    a->axes = 1 + (int)below(r, COMMON - 1);
    for (int i = 0; i < a->axes; i++) {
        a->shape[i] = 1 + (ptrdiff_t)below(r, 4);
        a->strides[i] = (ptrdiff_t)w->common[i];
    }
}

/* The outermost axes lose elements until it fits; in any order, in any direction, with axes that do not matter. */
static void fit(reader *r, const world *w, array *a) {
    size_t before = 0, after = a->item, count = 1;
    for (int i = 0; i < a->axes; i++) {
        const size_t stride = (size_t)(a->strides[i] < 0 ? -a->strides[i] : a->strides[i]), size = (size_t)a->shape[i];
        const size_t free = w->bytes > after + before ? w->bytes - after - before : 0;
        const size_t fitting = stride ? 1 + free / stride : size;
        const size_t kept = size < fitting ? size : fitting, few = MOST_ELEMENTS / count;
        a->shape[i] = (ptrdiff_t)(kept < few ? kept : few);
        if (one_in(r, 4)) a->strides[i] = -a->strides[i];
        *(a->strides[i] < 0 ? &before : &after) += (size_t)(a->shape[i] - 1) * stride;
        count *= (size_t)a->shape[i];
    }
    a->place = before;
    for (int i = 0; i < a->axes; i++) {
        const size_t other = below(r, (size_t)a->axes);
        const ptrdiff_t shape = a->shape[i], stride = a->strides[i];
        a->shape[i] = a->shape[other];
        a->strides[i] = a->strides[other];
        a->shape[other] = shape;
        a->strides[other] = stride;
    }
    if (one_in(r, 16)) {
        a->shape[a->axes] = one_in(r, 4) ? 0 : 1;
        a->strides[a->axes++] = (ptrdiff_t)take(r, 8);
    }
}

static size_t last_byte(const array *a) {
    size_t last = 0;
    for (size_t i = elements(a); i-- > 0;) {
        const size_t end = locate(a, i) + a->item;
        if (end > last) last = end;
    }
    return last;
}

static fi_extent extent_of(const array *a, const uint8_t *memory) {
    return (fi_extent){memory + a->place, a->item, a->axes, a->shape, a->strides};
}

/* Another array, mostly of the last one's strides, and mostly where memory is free; returns whether it shares a
   byte. */
static int take_array(reader *r, world *w, int apart) {
    array a = {0};
    if (w->boxes) {
        take_box(r, w, &a);
        fit(r, w, &a);
    } else if (w->count && !one_in(r, 4)) {
        a = w->arrays[w->count - 1];
        size_t lowest = elements(&a) ? MOST_BYTES : a.place;
        for (size_t i = elements(&a); i-- > 0;) lowest = locate(&a, i) < lowest ? locate(&a, i) : lowest;
        a.place -= lowest;
        if (a.axes && a.shape[0] > 1 && one_in(r, 4)) a.shape[0]--;
    } else {
        switch (below(r, 8)) {
        case 0:
            take_any_axes(r, &a);
            break;
        case 1:
            take_nested_axes(r, &a);
            break;
        default:
            take_common_axes(r, w, &a);
        }
        fit(r, w, &a);
    }
    const fi_extent extent = extent_of(&a, w->taken);
    const int itself = overlaps_itself(&a);
    require(fi_overlaps_itself(&extent) == itself, "whether an array overlaps itself is wrong");
    const size_t lowest = a.place, end = last_byte(&a);
    if (itself || end > w->bytes) return 0;
    for (int i = 0; i < TRIES; i++) {
        const size_t unit = one_in(r, 16) ? 1 : w->common[0], places = (w->bytes - end) / unit + 1;
        a.place = lowest + take(r, 2) % places * unit;
        if (!is_free(&a, w->taken) && apart) continue;
        w->arrays[w->count++] = a;
        return mark(&a, w->taken);
    }
    return 0;
}

/* One case. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static world w;
    reader r = {data, data + size};
    memset(&w, 0, sizeof w);
    w.bytes = MOST_BYTES >> below(&r, 6);
    take_common(&r, &w);
    const size_t most = 1 + below(&r, MOST_ARRAYS - 2);
    w.boxes = one_in(&r, 3);
    int shared = 0;
    for (size_t i = 0; i < most && r.at < r.end; i++) take_array(&r, &w, 1);
    for (size_t i = below(&r, 4); i > 1 && w.count < MOST_ARRAYS; i--) shared |= take_array(&r, &w, 0);

    fi_extent *const extents = exactly(w.count, sizeof *extents);
    size_t room = fi_overlap_memory(w.count);
    void *memory = exactly(room, 1);
    for (size_t i = 0; i < w.count; i++) extents[i] = extent_of(&w.arrays[i], w.taken);
    fi_overlap found;
    int overlap = fi_find_overlap(extents, w.count, memory, room, &found);
    if (overlap < 0) {
        require(found.memory > room, "no more memory is needed than there is");
        free(memory);
        room = found.memory;
        memory = exactly(room, 1);
        overlap = fi_find_overlap(extents, w.count, memory, room, &found);
    }
    require(overlap == shared,
            shared ? "a byte that two arrays share is missed" : "arrays that are apart share a byte");
    if (overlap) {
        require(found.first < found.second && found.second < w.count, "no two of the arrays");
        require(share_a_byte(&w.arrays[found.first], &w.arrays[found.second]), "these two are apart");
    }
    free(extents);
    free(memory);
    return 0;
}
