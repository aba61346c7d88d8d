/*
 * From regions to launches: which threads draw what. A thread counts in 31 bits, a launch has few axes and few streams: what
 * is larger is cut.
 */
#include "launches.h"

#include <assert.h>
#include <string.h>

#include "../fill.h"
#include "../fpenv.h"
#include "../move.h"
#include "lanes.h"

#define UNROLLED_TERMS
#include "../reals.h"

/* Up to here an array is launched with others: some microseconds of work, about what a launch takes. */
enum { SMALL = 1 << 21 };

/* Elements of a range in one launch: fewer groups than 2^31 in any dtype. */
static const uint64_t RANGE_MAX = UINT64_C(1) << 40;

_Static_assert(sizeof(fi_gpu_region) + sizeof(fi_gpu_streams) + sizeof(f64_constants) <= 4096, "fewer streams");
_Static_assert(sizeof(fi_gpu_ranges) + FI_GPU_PARTS_MAX * sizeof(f64_constants) <= 4096, "fewer parts");

/* ---- What kernels are told ------------------------------------------------------------------------------------------- */

static fi_gpu_keys keys_of(uint64_t seed) {
    fi_gpu_keys keys;
    fi_philox philox;
    fi_philox_seed(&philox, seed);
    memcpy(keys.k0, philox.k0, sizeof keys.k0);
    memcpy(keys.k1, philox.k1, sizeof keys.k1);
    return keys;
}

/* For divisors from 1 to 2^31. */
static fi_gpu_divisor divisor_of(uint64_t size) {
    uint32_t shift = 0;
    while (UINT64_C(1) << shift < size) shift++;
    const uint64_t magic = (((UINT64_C(1) << shift) - size) << 32) / size + 1;
    return (fi_gpu_divisor){(uint32_t)size, (uint32_t)magic, shift};
}

/* The constants of a fill, in its compute type. */
typedef union {
    f32_constants f32;
    f64_constants f64;
} constants;

/* Out of line, so that what is computed in the environment is read and written there. */
static OUT_OF_LINE void set_constants(constants *c, const fi_fill *fill) {
    const fi_fpenv caller = fi_fpenv_enter(); /* which may flush what becomes a float */
    memset(c, 0, sizeof *c);
    if (fi_formats[fill->dtype].real == FI_F64) {
        c->f64 = f64_constants_of(fill->draw, fill);
    } else {
        c->f32 = f32_constants_of(fill->draw, fill);
    }
    fi_fpenv_leave(caller);
}

static uint64_t rounded_up(uint64_t a, uint64_t unit) { return a / unit + (a % unit != 0); }

/* The elements of a thread's pack, and of a Philox block. */
typedef struct {
    uint64_t pack, block;
} packing;

static packing packing_of(const fi_fill *fill) {
    const fi_format *const format = &fi_formats[fill->dtype];
    return (packing){FI_GPU_PACK_BYTES / format->size, UINT64_C(1) << format->block_shift};
}

/* The packs of a row that begins with element `first`: from the block that this is in. */
static uint64_t packs_from(const packing *p, uint64_t first, uint64_t count) {
    return rounded_up(count + first % p->block, p->pack);
}

/* ---- Ranges ---------------------------------------------------------------------------------------------------------- */

static int is_range(const fi_fill *fill, const fi_region *region) {
    return fill->draw != FI_CONSTANT && region->chunks != 0 && region->rows == 1 && region->streams.count == 1 &&
           !region->streams.number && region->axis[region->row_axes].stride == (ptrdiff_t)fi_formats[fill->dtype].size;
}

static fi_gpu_part part_of(const fi_fill *fill, const fi_region *region) {
    return (fi_gpu_part){fi_gpu_stream_of(fill->stream), region->data, region->first, region->count, 0};
}

static int fill_range(const fi_fill *fill, const fi_region *region, fi_gpu_launcher *launch, void *context) {
    const packing p = packing_of(fill);
    const size_t size = fi_formats[fill->dtype].size;
    fi_gpu_range range = {keys_of(fill->seed), part_of(fill, region)};
    constants c;
    set_constants(&c, fill);
    for (uint64_t left = region->count; left; left -= range.part.count) {
        range.part.count = left < RANGE_MAX ? left : RANGE_MAX;
        const uint64_t packs = packs_from(&p, range.part.first, range.part.count);
        const uint64_t groups = rounded_up(packs, FI_GPU_THREADS * FI_GPU_PACKS);
        const int stopped = launch(context, FI_GPU_RANGE, (uint32_t)groups, (void *[]){&range, &c});
        if (stopped) return stopped;
        range.part.first += range.part.count;
        range.part.data += range.part.count * size;
    }
    return 0;
}

int fi_gpu_is_small(const fi_task *task) { return is_range(&task->fill, &task->region) && task->region.count <= SMALL; }

int fi_gpu_fill_small(const fi_task *const *tasks, size_t count, fi_gpu_launcher *launch, void *context) {
    if (count == 0) return 0;
    const int is_f64 = fi_formats[tasks[0]->fill.dtype].real == FI_F64;
    fi_gpu_ranges ranges = {.keys = keys_of(tasks[0]->fill.seed)};
    union {
        f32_constants f32[FI_GPU_PARTS_MAX];
        f64_constants f64[FI_GPU_PARTS_MAX];
    } list;
    memset(&list, 0, sizeof list);
    for (size_t done = 0; done < count;) {
        ranges.packs = 0;
        for (ranges.parts = 0; ranges.parts < FI_GPU_PARTS_MAX && done < count; ranges.parts++, done++) {
            const fi_fill *const fill = &tasks[done]->fill;
            const packing p = packing_of(fill);
            constants c;
            set_constants(&c, fill);
            fi_gpu_part *const part = &ranges.part[ranges.parts];
            *part = part_of(fill, &tasks[done]->region);
            part->packs_before = ranges.packs;
            ranges.packs += packs_from(&p, part->first, part->count);
            if (is_f64) {
                list.f64[ranges.parts] = c.f64;
            } else {
                list.f32[ranges.parts] = c.f32;
            }
        }
        const uint64_t groups = rounded_up(ranges.packs, FI_GPU_THREADS);
        const int stopped = launch(context, FI_GPU_RANGES, (uint32_t)groups, (void *[]){&ranges, &list});
        if (stopped) return stopped;
    }
    return 0;
}

/* ---- Rows ------------------------------------------------------------------------------------------------------------ */

/* Rows that are left to launch; the last of the axes has the smallest strides. */
typedef struct {
    char *data;
    uint64_t first, count;
    ptrdiff_t stride;
    int axes;
    fi_axis axis[FI_AXES_MAX + 2];
} rows;

/* What all launches of a fill of rows have in common. */
typedef struct {
    const fi_fill *fill;
    uint64_t threads_max;
    packing packing;
    fi_gpu_launcher *launch;
    void *context;
    fi_gpu_region region; /* its keys and stream */
    union {
        constants constants;
        fi_gpu_value value;
    };
} launching;

/* The packs of each row, at most. Those of a constant begin where memory is aligned, of the first row at least. */
static uint64_t packs_of(const launching *l, const rows *r) {
    uint64_t beyond = r->first;
    for (int i = 0; i < r->axes; i++) beyond |= r->axis[i].step;
    beyond &= l->packing.block - 1;
    return rounded_up(r->count + (beyond ? l->packing.block - 1 : 0), l->packing.pack);
}

/* A thread for each pack; 0 if these are more than a launch has. */
static uint64_t threads_of(const launching *l, const rows *r) {
    uint64_t threads = packs_of(l, r);
    for (int i = 0; i < r->axes; i++) {
        if (threads > l->threads_max / r->axis[i].size) return 0;
        threads *= r->axis[i].size;
    }
    return threads <= l->threads_max ? threads : 0;
}

/* Tells the kernel of the rows; returns how many groups they take. */
static uint32_t set_rows(launching *l, const rows *r) {
    fi_gpu_region *const region = &l->region;
    const uint64_t packs = packs_of(l, r);
    region->data = r->data;
    region->first = r->first;
    region->count = r->count;
    region->stride = r->stride;
    region->threads = (uint32_t)threads_of(l, r);
    region->packs = divisor_of(packs);
    region->axes = r->axes;
    region->packs_at = 0;
    for (int i = 0; i < r->axes; i++) {
        const fi_axis *const axis = &r->axis[r->axes - 1 - i];
        region->axis[i] = (fi_gpu_axis){divisor_of(axis->size), axis->step, axis->stride};
        region->packs_at += fi_distance(axis->stride) < fi_distance(r->stride);
    }
    return (uint32_t)rounded_up(region->threads, FI_GPU_THREADS);
}

static int launch_rows(launching *l, const rows *r) {
    const int is_constant = l->fill->draw == FI_CONSTANT;
    const uint32_t groups = set_rows(l, r);
    void *parameters[] = {&l->region, is_constant ? (void *)&l->value : (void *)&l->constants};
    return l->launch(l->context, is_constant ? FI_GPU_CONSTANT : FI_GPU_REGION, groups, parameters);
}

/* The two parts of an axis, or, if it is number `axes`, of the rows themselves. */
static void halve(const rows *whole, int axis, rows *one, rows *other) {
    *one = *other = *whole;
    if (axis < whole->axes) {
        const fi_axis *const cut = &whole->axis[axis];
        const size_t half = cut->size / 2;
        one->axis[axis].size = half;
        other->axis[axis].size = cut->size - half;
        other->first += half * cut->step;
        other->data += (ptrdiff_t)half * cut->stride;
    } else {
        const uint64_t half = whole->count / 2;
        one->count = half;
        other->count = whole->count - half;
        other->first += half;
        other->data += (ptrdiff_t)half * whole->stride;
    }
}

/* Launches rows, in parts if they are too many or of too many axes. */
static int fill_rows(launching *l, const rows *whole) {
    const uint64_t packs = packs_of(l, whole);
    int largest = whole->axes, shortest = 0;
    if (threads_of(l, whole) && whole->axes <= FI_GPU_AXES_MAX) return launch_rows(l, whole);
    rows one, other;
    if (whole->axes > FI_GPU_AXES_MAX) { /* one row after another of the axis that has fewest */
        for (int i = 1; i < whole->axes; i++) {
            if (whole->axis[i].size < whole->axis[shortest].size) shortest = i;
        }
        const fi_axis gone = whole->axis[shortest];
        one = *whole;
        memmove(&one.axis[shortest], &one.axis[shortest + 1], (size_t)(--one.axes - shortest) * sizeof *one.axis);
        for (size_t i = 0; i < gone.size; i++) {
            const int stopped = fill_rows(l, &one);
            if (stopped) return stopped;
            one.first += gone.step;
            one.data += gone.stride;
        }
        return 0;
    }
    for (int i = 0; i < whole->axes; i++) {
        if (whole->axis[i].size > (largest < whole->axes ? whole->axis[largest].size : packs)) largest = i;
    }
    halve(whole, largest, &one, &other);
    const int stopped = fill_rows(l, &one);
    return stopped ? stopped : fill_rows(l, &other);
}

static rows rows_of(const fi_region *region) {
    const fi_axis *const row = &region->axis[region->row_axes];
    rows r = {.data = region->data, .first = region->first, .count = row->size, .stride = row->stride};
    r.axes = region->row_axes;
    memcpy(r.axis, region->axis, (size_t)r.axes * sizeof *r.axis);
    return r;
}

/* ---- Tensors of several streams -------------------------------------------------------------------------------------- */

/* Adds the axis that counts tensors, in the order of strides; returns which of the kernel's it is. */
static int add_axis(rows *r, size_t count, ptrdiff_t stride) {
    int at = r->axes++;
    for (; at > 0 && fi_distance(r->axis[at - 1].stride) < fi_distance(stride); at--) r->axis[at] = r->axis[at - 1];
    r->axis[at] = (fi_axis){count, 0, stride};
    return r->axes - 1 - at;
}

static int fill_streams(launching *l, const fi_region *region) {
    const fi_streams *const streams = &region->streams;
    rows r = rows_of(region);
    const uint64_t threads = threads_of(l, &r);
    uint64_t most = threads && r.axes < FI_GPU_AXES_MAX ? l->threads_max / threads : 0;
    if (streams->number && most > FI_GPU_STREAMS_MAX) most = FI_GPU_STREAMS_MAX;
    fi_gpu_streams given = {.listed = streams->number != NULL, .step = streams->step};
    for (size_t begin = 0, count; begin < streams->count; begin += count) {
        int stopped;
        r.data = region->data + (ptrdiff_t)begin * streams->stride;
        given.first = fi_stream_number(l->fill, streams, begin);
        if (most == 0) { /* one by one */
            count = 1;
            l->region.stream = fi_gpu_stream_of(given.first);
            stopped = fill_rows(l, &r);
        } else {
            rows of_tensors = r;
            count = streams->count - begin < most ? streams->count - begin : (size_t)most;
            if (streams->number) memcpy(given.number, streams->number + begin, count * sizeof *given.number);
            given.axis = add_axis(&of_tensors, count, streams->stride);
            const uint32_t groups = set_rows(l, &of_tensors);
            void *parameters[] = {&l->region, &given, &l->constants};
            stopped = l->launch(l->context, FI_GPU_BLOCKS, groups, parameters);
        }
        if (stopped) return stopped;
    }
    return 0;
}

/* ---- All of it ------------------------------------------------------------------------------------------------------- */

fi_gpu_form fi_gpu_form_of(const fi_task *task) {
    const fi_streams *const streams = &task->region.streams;
    if (task->fill.draw == FI_CONSTANT) return FI_GPU_CONSTANT;
    if (streams->count != 1 || streams->number) return FI_GPU_BLOCKS;
    return is_range(&task->fill, &task->region) ? FI_GPU_RANGE : FI_GPU_REGION;
}

static int fill_constant(launching *l, const fi_value *value, rows *r) {
    l->packing.pack = l->packing.block = FI_GPU_PACK_BYTES / value->size;
    for (size_t i = 0; i < FI_GPU_PACK_BYTES; i += value->size) {
        memcpy((char *)l->value.word + i, value->bytes, value->size);
    }
    /* Elements count from where memory is aligned to packs. */
    r->first = (uintptr_t)r->data % FI_GPU_PACK_BYTES / value->size;
    return fill_rows(l, r);
}

static int fill_marks(launching *l, const fi_marks *marks) {
    for (int i = 0; i < marks->sets; i++) {
        const fi_mark_set *const set = &marks->set[i];
        if (set->size[0] == 0 || set->size[1] == 0) continue;
        rows r = {.data = set->data, .count = set->size[1], .stride = set->stride[1], .axes = 1};
        r.axis[0] = (fi_axis){set->size[0], 0, set->stride[0]};
        const int stopped = fill_constant(l, &marks->value, &r);
        if (stopped) return stopped;
    }
    return 0;
}

int fi_gpu_fill(const fi_task *task, uint64_t threads_max, fi_gpu_launcher *launch, void *context) {
    const fi_fill *const fill = &task->fill;
    const fi_region *const region = &task->region;
    if (region->chunks == 0) return 0;
    if (is_range(fill, region)) return fill_range(fill, region, launch, context);
    launching l = {.fill = fill, .threads_max = threads_max, .launch = launch, .context = context};
    rows r = rows_of(region);
    if (fill->draw == FI_CONSTANT) {
        const int stopped = fill_constant(&l, &fill->value, &r);
        return stopped || !region->marks ? stopped : fill_marks(&l, region->marks);
    }
    l.packing = packing_of(fill);
    l.region.keys = keys_of(fill->seed);
    l.region.stream = fi_gpu_stream_of(fill->stream);
    set_constants(&l.constants, fill);
    if (region->streams.count != 1 || region->streams.number) return fill_streams(&l, region);
    return fill_rows(&l, &r);
}
