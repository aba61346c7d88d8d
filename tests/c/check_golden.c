/*
 * check_golden FILE: checks the core without Python, on any machine and with any compiler.
 *
 * Every kernel of this build writes the golden vectors of FILE (tests/golden.txt says how to read it), in every floating-point
 * environment that a caller may have set; blocks in any layout are those of the tensor's ranges; several threads write
 * what one does, on the CPUs of the one that leads. Names the kernels on success; says what differs, and fails, otherwise.
 */
#define _GNU_SOURCE /* feenableexcept */
#include <fenv.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if !defined(_WIN32)
#include <sys/wait.h>
#include <unistd.h>
#endif
#if defined(__linux__)
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>
#endif

#include "kernels.h"

enum { AXES = 4, MOST = 3000, FIRST_VALUES = 4 };

static const size_t sizes[FI_DTYPES] = {
#define FI_DTYPE(NAME, name, kind, size, ...) [FI_##NAME] = size,
#include "dtypes.def"
};

/* ---- Elements ---------------------------------------------------------------------------------------------------- */

static uint64_t bits_of(const void *element, size_t size) {
    uint16_t u16 = 0;
    uint32_t u32 = 0;
    uint64_t bits = 0;
    if (size == 2) memcpy(&u16, element, 2);
    if (size == 4) memcpy(&u32, element, 4);
    if (size == 8) memcpy(&bits, element, 8);
    return bits | u16 | u32;
}

static void set_bits(void *element, size_t size, uint64_t bits) {
    const uint16_t u16 = (uint16_t)bits;
    const uint32_t u32 = (uint32_t)bits;
    if (size == 2) memcpy(element, &u16, 2);
    if (size == 4) memcpy(element, &u32, 4);
    if (size == 8) memcpy(element, &bits, 8);
}

/* A finite floating number of the given widths, from its bits and back; integers up to 2^mantissa only. */
static double number_of(uint64_t bits, int exponent_bits, int mantissa_bits) {
    const int bias = (1 << (exponent_bits - 1)) - 1;
    const int exponent = (int)(bits >> mantissa_bits) & ((1 << exponent_bits) - 1);
    const double mantissa = (double)(bits & ((UINT64_C(1) << mantissa_bits) - 1));
    const double size = exponent ? ldexp(mantissa + ldexp(1, mantissa_bits), exponent - bias - mantissa_bits)
                                 : ldexp(mantissa, 1 - bias - mantissa_bits);
    return bits >> (exponent_bits + mantissa_bits) ? -size : size;
}

static uint64_t bits_of_integer(int number, int exponent_bits, int mantissa_bits) {
    const uint64_t sign = (uint64_t)(number < 0) << (exponent_bits + mantissa_bits);
    if (number == 0) return 0;
    int exponent;
    const double fraction = frexp(fabs((double)number), &exponent); /* in [1/2, 1) */
    const int bias = (1 << (exponent_bits - 1)) - 1;
    const uint64_t biased = (uint64_t)(exponent - 1 + bias);
    return sign | biased << mantissa_bits | (uint64_t)ldexp(2 * fraction - 1, mantissa_bits);
}

static const int exponent_bits[FI_DTYPES] = {0, 0, 8, 11, 5, 8};
static const int mantissa_bits[FI_DTYPES] = {0, 0, 23, 52, 10, 7};

static uint64_t fnv1a(const char *values, size_t size, size_t count) {
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    for (size_t i = 0; i < count; i++) {
        const uint64_t bits = bits_of(values + i * size, size);
        for (size_t byte = 0; byte < size; byte++) {
            hash = (hash ^ (bits >> (8 * byte) & 0xFF)) * UINT64_C(0x100000001B3);
        }
    }
    return hash;
}

/* ---- Vectors ----------------------------------------------------------------------------------------------------- */

typedef struct {
    int line;
    fi_draw draw; /* FI_TRUNCATED_WIDE stands for every form */
    fi_dtype dtype;
    int accumulate;
    double a, b, low, high;
    uint64_t seed, stream;
    int axes, is_block;
    uint64_t global_shape[AXES], offset[AXES];
    ptrdiff_t shape[AXES], strides[AXES]; /* C-contiguous */
    size_t count, value_count;
    uint64_t hash;
    char values[FIRST_VALUES][32];
} vector;

static const char *next_field(void) {
    const char *field = strtok(NULL, " \n");
    return field ? field : "";
}

/* A shape's axes: "2x3" has two, "()" and "-" none. */
static int parse_shape(const char *text, uint64_t *shape) {
    int axes = 0;
    char *end;
    if (text[0] < '0' || text[0] > '9') return 0;
    for (; axes < AXES; text = end + 1) {
        shape[axes++] = strtoull(text, &end, 10);
        if (*end != 'x') break;
    }
    return axes;
}

static fi_draw draw_named(const char *name) {
    if (strcmp(name, "bits") == 0) return FI_BITS;
    if (strcmp(name, "uniform") == 0) return FI_UNIFORM;
    if (strcmp(name, "normal") == 0) return FI_NORMAL;
    if (strcmp(name, "complex_normal") == 0) return FI_NORMAL_PAIRED;
    return FI_TRUNCATED_WIDE;
}

static fi_dtype dtype_named(const char *name) {
    fi_dtype dtype = FI_UINT32;
    while (dtype < FI_DTYPES - 1 && strcmp(fi_dtype_name(dtype), name) != 0) dtype++;
    return dtype;
}

static vector parse(char *text, int line) {
    vector v = {.line = line, .draw = draw_named(strtok(text, " "))};
    uint64_t shape[AXES];
    v.dtype = dtype_named(next_field());
    v.accumulate = strcmp(next_field(), "+=") == 0;
    v.a = strtod(next_field(), NULL);
    v.b = strtod(next_field(), NULL);
    v.low = strtod(next_field(), NULL);
    v.high = strtod(next_field(), NULL);
    v.seed = strtoull(next_field(), NULL, 16);
    v.stream = strtoull(next_field(), NULL, 16);
    v.is_block = parse_shape(next_field(), v.global_shape) > 0;
    parse_shape(next_field(), v.offset);
    v.axes = parse_shape(next_field(), shape);
    v.hash = strtoull(next_field(), NULL, 16);
    v.count = 1;
    for (int axis = v.axes - 1; axis >= 0; axis--) {
        v.shape[axis] = (ptrdiff_t)shape[axis];
        v.strides[axis] = (ptrdiff_t)(v.count * sizes[v.dtype]);
        v.count *= shape[axis];
    }
    if (v.count > MOST) {
        fprintf(stderr, "line %d: more than %d elements\n", line, MOST);
        exit(EXIT_FAILURE);
    }
    for (; v.value_count < FIRST_VALUES; v.value_count++) {
        const char *field = next_field();
        if (!*field) break;
        snprintf(v.values[v.value_count], sizeof v.values[0], "%s", field);
    }
    return v;
}

static int set(fi_fill *fill, const vector *v) {
    *fill = (fi_fill){.dtype = v->dtype, .accumulate = v->accumulate, .seed = v->seed, .stream = v->stream};
    switch (v->draw) {
    case FI_BITS:
        fi_set_bits(fill);
        return 0;
    case FI_UNIFORM:
        return fi_set_uniform(fill, v->a, v->b);
    case FI_NORMAL:
        return fi_set_normal(fill, v->a, v->b);
    case FI_NORMAL_PAIRED:
        return fi_set_complex_normal(fill, v->a, v->low, v->b);
    default:
        return fi_set_truncated_normal(fill, v->a, v->b, v->low, v->high);
    }
}

/* What the array holds before the fill. */
static void prepare(char *values, const vector *v) {
    const int floating = v->dtype > FI_UINT64;
    for (size_t i = 0; i < v->count; i++) {
        const int old = (int)(i % 17) - 8;
        const uint64_t bits = floating ? bits_of_integer(old, exponent_bits[v->dtype], mantissa_bits[v->dtype]) : 0;
        set_bits(values + i * sizes[v->dtype], sizes[v->dtype], bits);
    }
}

static void do_work(const fi_kernels *kernels, fi_task *task) {
    fi_work work;
    fi_set_work(&work, kernels, task, 1);
    while (!fi_do_work(&work, 0.001)) continue;
}

/* The other way to write a region: the caller's own loop over its chunks, from the last to the first. */
static void fill_chunks(const fi_kernels *kernels, fi_task *task) {
    for (size_t chunk = task->region.chunks; chunk-- > 0;) {
        fi_fill_chunk(kernels, &task->fill, &task->region, chunk);
    }
}

/* A third, for a whole tensor in contiguous memory. */
static void fill_range(const fi_kernels *kernels, fi_task *task) {
    fi_fill_range(kernels, &task->fill, task->region.first, task->region.count, task->region.data);
}

typedef void way_to_write(const fi_kernels *kernels, fi_task *task);

static int do_fill(way_to_write *write_region, const fi_kernels *kernels, const vector *v, void *values) {
    fi_axis axis[AXES + 1];
    fi_task task;
    if (set(&task.fill, v)) return -1;
    fi_set_region(&task.region, v->dtype, values, v->axes, v->shape, v->strides, v->is_block ? v->offset : NULL,
                  v->is_block ? v->global_shape : NULL, axis);
    write_region(kernels, &task);
    return 0;
}

/* Whether the values are the vector's; prints what is not. */
static int same_values(const char *values, const vector *v, const char *kernels, const char *environment) {
    const size_t size = sizes[v->dtype];
    int same = 1;
    for (size_t i = 0; i < v->value_count; i++) {
        const uint64_t bits = bits_of(values + i * size, size);
        const int is_same = v->draw == FI_BITS ? bits == strtoull(v->values[i], NULL, 10)
                                               : number_of(bits, exponent_bits[v->dtype], mantissa_bits[v->dtype]) ==
                                                     strtod(v->values[i], NULL);
        if (is_same) continue;
        fprintf(stderr, "line %d, %s, %s: element %zu is not %s but has the bits %llx\n", v->line, kernels, environment,
                i, v->values[i], (unsigned long long)bits);
        same = 0;
    }
    if (fnv1a(values, size, v->count) != v->hash) {
        fprintf(stderr, "line %d, %s, %s: other values\n", v->line, kernels, environment);
        same = 0;
    }
    return same;
}

/* ---- The caller's floating-point environment --------------------------------------------------------------------- */

/* What rounds, flushes and traps, less the flags that arithmetic raises. */
#if defined(__x86_64__)
enum { FLUSH_TO_ZERO = 0x8040 };
static uint64_t control(void) {
    uint32_t mxcsr = 0;
    __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
    return mxcsr & ~UINT32_C(0x3F);
}
static int set_control(uint64_t value) {
    const uint32_t mxcsr = (uint32_t)value;
    __asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
    return 0;
}
#elif defined(__aarch64__)
enum { FLUSH_TO_ZERO = 1 << 24 };
static uint64_t control(void) {
    uint64_t fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    return fpcr;
}
static int set_control(uint64_t value) {
    __asm__ volatile("msr fpcr, %0" : : "r"(value));
    return 0;
}
#else
enum { FLUSH_TO_ZERO = 0 };
static uint64_t control(void) { return (uint64_t)fegetround(); }
static int set_control(uint64_t value) {
    (void)value;
    return -1;
}
#endif

static int keep(void) { return 0; }
static int round_up(void) { return fesetround(FE_UPWARD); }
static int round_down(void) { return fesetround(FE_DOWNWARD); }
static int round_to_zero(void) { return fesetround(FE_TOWARDZERO); }
static int flush_to_zero(void) { return set_control(control() | FLUSH_TO_ZERO); }
static int trap(void) {
#ifdef __GLIBC__
    feclearexcept(FE_ALL_EXCEPT); /* POWER traps at once if a flag is up */
    return feenableexcept(FE_ALL_EXCEPT) == -1;
#else
    return -1;
#endif
}

/* Each enters its environment, or fails where the machine has none such. */
static const struct {
    const char *name;
    int (*enter)(void);
} environments[] = {
    {"as it is", keep},
    {"rounding up", round_up},
    {"rounding down", round_down},
    {"rounding to zero", round_to_zero},
    {"flushing to zero", flush_to_zero},
    {"with exceptions trapped", trap},
};
enum { ENVIRONMENTS = sizeof environments / sizeof environments[0] };

/* Whether the fill is done and leaves its caller's environment as it was; prints what is not so. */
static int write_in(size_t e, way_to_write *write_region, const fi_kernels *kernels, const vector *v, void *values) {
    fenv_t standard;
    fegetenv(&standard);
    environments[e].enter();
    const uint64_t before = control();
    const int refused = do_fill(write_region, kernels, v, values);
    const int kept = control() == before;
    fesetenv(&standard);
    if (refused) fprintf(stderr, "line %d, %s: refused\n", v->line, environments[e].name);
    if (!kept)
        fprintf(stderr, "line %d, %s: the environment is another one afterwards\n", v->line, environments[e].name);
    return kept && !refused;
}

static int is_golden(const fi_kernels *kernels, const vector *v) {
    way_to_write *const ways[] = {do_work, fill_chunks, fill_range};
    const size_t way_count = v->is_block ? 2 : 3;
    static char values[8 * MOST];
    int right = 1;
    for (size_t e = 0; e < ENVIRONMENTS; e++) {
        prepare(values, v);
        /* From line to line each environment meets each way. */
        right &= write_in(e, ways[((size_t)v->line + e) % way_count], kernels, v, values) &&
                 same_values(values, v, fi_kernels_name(kernels), environments[e].name);
    }
    return right;
}

/* ---- Blocks and threads ------------------------------------------------------------------------------------------ */

/* Blocks of a tensor whose rows are WIDTH_OF_TENSOR long, from some row and column 5 on; strides in elements. */
enum { WIDTH_OF_TENSOR = 2111 };
static const struct {
    ptrdiff_t rows, columns, row_stride, column_stride;
    int shift; /* in bytes, from where elements are aligned */
} blocks[] = {
    {3, 1500, 1500, 1, 0}, {23, 97, 100, 1, 0},  {23, 97, 100, 1, 1}, {101, 7, 7, 1, 0},
    {53, 33, 1, 53, 0},    {300, 17, 2, 700, 0}, {9, 31, -70, 2, 1},  {200, 1, 3, 1, 0},
};
enum { BLOCKS = sizeof blocks / sizeof blocks[0], ROOM = 17 * 700 };

/* Whether a block of the fill, from row top of the tensor on, has the values of the tensor's ranges and nothing else changes. */
static int block_is_right(const fi_kernels *kernels, const fi_fill *fill, size_t b, uint64_t top) {
    static char memory[8 * ROOM + 8], expected[8 * ROOM + 8];
    const ptrdiff_t size = (ptrdiff_t)sizes[fill->dtype];
    const ptrdiff_t shape[2] = {blocks[b].rows, blocks[b].columns};
    const ptrdiff_t strides[2] = {blocks[b].row_stride * size, blocks[b].column_stride * size};
    const ptrdiff_t start = blocks[b].row_stride < 0 ? -strides[0] * (shape[0] - 1) : 0;
    const uint64_t offset[2] = {top, 5}, global_shape[2] = {top + 1000, WIDTH_OF_TENSOR};
    fi_axis axis[3];
    fi_task task = {.fill = *fill};
    for (size_t i = 0; i < sizeof memory; i++) memory[i] = expected[i] = (char)(i % 64);
    for (ptrdiff_t r = 0; r < shape[0]; r++) {
        uint64_t row[WIDTH_OF_TENSOR];
        char *const to = expected + blocks[b].shift + start + r * strides[0];
        for (ptrdiff_t c = 0; c < shape[1]; c++) memcpy((char *)row + c * size, to + c * strides[1], (size_t)size);
        fi_fill_range(kernels, fill, (top + (uint64_t)r) * WIDTH_OF_TENSOR + 5, (size_t)shape[1], row);
        for (ptrdiff_t c = 0; c < shape[1]; c++) memcpy(to + c * strides[1], (char *)row + c * size, (size_t)size);
    }
    fi_set_region(&task.region, fill->dtype, memory + blocks[b].shift + start, 2, shape, strides, offset, global_shape,
                  axis);
    do_work(kernels, &task);
    return memcmp(memory, expected, sizeof memory) == 0;
}

/* Long fills of whole tensors stand for their draw, dtype and parameters: the others only begin elsewhere. */
static int stands_for_others(const vector *v) { return !v->is_block && v->count > 1000; }

static int blocks_are_right(const fi_kernels *kernels, const vector *v) {
    /* The second is just below the first element whose block's index needs a high word. */
    const uint64_t tops[] = {3, (UINT64_C(1) << 34) / WIDTH_OF_TENSOR};
    int right = 1;
    fi_fill fill;
    if (!stands_for_others(v) || set(&fill, v)) return 1;
    for (size_t b = (size_t)v->line % 2; b < BLOCKS; b += 2) { /* the next line takes the others */
        if (block_is_right(kernels, &fill, b, tops[b / 2 % 2])) continue;
        fprintf(stderr, "line %d, %s: block %zu differs from the tensor's ranges\n", v->line, fi_kernels_name(kernels),
                b);
        right = 0;
    }
    return right;
}

/* So that the next are born in the environment of who starts them. Windows has no forks, and nobody has written helpers. */
static void end_helpers(void) {
#if !defined(_WIN32)
    const pid_t child = fork();
    if (child == 0) _exit(0);
    waitpid(child, NULL, 0);
#endif
}

/* Whether three threads write what one does, in whatever order they come to the chunks and whatever they were born into. */
static int threads_agree(const fi_kernels *kernels) {
    enum { COUNT = 3 * FI_THREAD_ELEMENTS + 5 };
    static float one[COUNT], several[COUNT];
    const vector v = {.draw = FI_UNIFORM,
                      .dtype = FI_FLOAT32,
                      .a = -0.3,
                      .b = 0.7,
                      .axes = 1,
                      .shape = {COUNT},
                      .strides = {sizeof(float)},
                      .count = COUNT};
    fi_fill fill;
    if (set(&fill, &v)) return 0;
    fi_fill_range(kernels, &fill, 0, COUNT, one);
    fi_set_threads(3);
    for (size_t e = 0; e < ENVIRONMENTS; e++) {
        end_helpers();
        memset(several, 0, sizeof several);
        if (!write_in(e, do_work, kernels, &v, several)) return 0;
        if (memcmp(one, several, sizeof one) == 0) continue;
        fprintf(stderr, "several threads write other bits than one, %s\n", environments[e].name);
        return 0;
    }
    return 1;
}

#if defined(__linux__)

/* ---- The CPUs of helpers -------------------------------------------------------------------------------------------- */

/* Two threads that fill at the same time, each on a CPU of its own; a fill's seed says whose it is. */
static struct {
    pthread_t thread;
    cpu_set_t cpus;
    atomic_int helped; /* calls of a kernel by other threads */
} leaders[2];

static atomic_int strays; /* calls of a kernel on other CPUs than the leader's */
static fi_kernel *drawing;
static fi_kernels watched;

static void draw_watched(void *out, const fi_run *run, size_t groups) {
    const uint64_t leader = run->fill->seed;
    cpu_set_t own;
    if (sched_getaffinity(0, sizeof own, &own) || !CPU_EQUAL(&own, &leaders[leader].cpus)) strays++;
    if (!pthread_equal(pthread_self(), leaders[leader].thread)) leaders[leader].helped++;
    drawing(out, run, groups);
    sched_yield(); /* the others have no other CPU */
}

static void *lead(void *number) {
    enum { COUNT = 3 * FI_THREAD_ELEMENTS };
    static float values[2][COUNT];
    const size_t leader = (size_t)number;
    const ptrdiff_t shape = COUNT, stride = sizeof(float);
    const time_t latest = time(NULL) + 100;
    fi_task task = {.fill = {.seed = leader, .dtype = FI_FLOAT32}};
    fi_axis axis[2];
    leaders[leader].thread = pthread_self();
    if (fi_set_uniform(&task.fill, 0, 1) || sched_setaffinity(0, sizeof leaders[leader].cpus, &leaders[leader].cpus)) {
        return NULL;
    }
    fi_set_region(&task.region, FI_FLOAT32, values[leader], 1, &shape, &stride, NULL, NULL, axis);
    /* As long as the other needs it: so that fills of both are there to be helped with. */
    while ((!leaders[0].helped || !leaders[1].helped) && !strays && time(NULL) < latest) do_work(&watched, &task);
    return NULL;
}

/* Whether helpers draw on the CPUs of the thread whose fill it is, and nowhere else. */
static int helpers_follow(void) {
    cpu_set_t all;
    int found = 0;
    pthread_t threads[2];
    if (sched_getaffinity(0, sizeof all, &all)) return 1; /* more CPUs than such a set has */
    for (int cpu = 0; cpu < CPU_SETSIZE && found < 2; cpu++) {
        if (!CPU_ISSET(cpu, &all)) continue;
        CPU_ZERO(&leaders[found].cpus);
        CPU_SET(cpu, &leaders[found++].cpus);
    }
    if (found < 2) return 1;
    watched = *fi_kernels_at(0);
    drawing = watched.draw[FI_UNIFORM][FI_F32][FI_STORE];
    watched.draw[FI_UNIFORM][FI_F32][FI_STORE] = draw_watched;
    fi_set_threads(3);
    for (size_t i = 0; i < 2; i++) pthread_create(&threads[i], NULL, lead, (void *)i);
    for (size_t i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    if (!strays && leaders[0].helped && leaders[1].helped) return 1;
    fprintf(stderr, "helpers drew %d and %d times for two leaders, %d times on other CPUs\n", leaders[0].helped,
            leaders[1].helped, strays);
    return 0;
}

#else

static int helpers_follow(void) { return 1; }

#endif

/* ---- Constants --------------------------------------------------------------------------------------------------- */

enum { CONSTANT_BYTES = 1 << 21, CONSTANT_CASES = 500 };

static uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state * UINT64_C(0x2545F4914F6CDD1D) >> 33;
}

/* An array of nested strides at `start` in memory of CONSTANT_BYTES. */
typedef struct {
    size_t size, count;
    int axes;
    ptrdiff_t shape[AXES], strides[AXES], start;
} constant_array;

static constant_array random_array(uint64_t *state) {
    static const size_t element_sizes[] = {1, 2, 4, 8, 16, 32, 12};
    constant_array a = {.size = element_sizes[next_random(state) % 7], .count = 1, .start = 64};
    const int is_large = next_random(state) % 16 == 0;
    size_t unit = a.size + (next_random(state) % 4 == 0 ? next_random(state) % 5 : 0);
    a.axes = (int)(next_random(state) % AXES);
    for (int i = 0, axis; i < a.axes; i++) {
        const size_t most = is_large && i < 2 ? 300 : 7;
        for (axis = (int)(next_random(state) % (uint64_t)a.axes); a.shape[axis];) axis = (axis + 1) % a.axes;
        a.shape[axis] = 1 + (ptrdiff_t)(next_random(state) % most);
        const ptrdiff_t stride = (ptrdiff_t)(unit * (1 + next_random(state) % 2));
        unit = (size_t)stride * (size_t)a.shape[axis];
        a.strides[axis] = stride;
        if (next_random(state) % 3 == 0) {
            a.start += (a.shape[axis] - 1) * stride;
            a.strides[axis] = -stride;
        }
        a.count *= (size_t)a.shape[axis];
    }
    return unit + 128 < CONSTANT_BYTES ? a : random_array(state);
}

/* Writes the value to all elements, one by one. */
static void write_naively(char *memory, const constant_array *a, const char *value) {
    for (size_t i = 0; i < a->count; i++) {
        char *at = memory + a->start;
        size_t rest = i;
        for (int axis = a->axes - 1; axis >= 0; axis--) {
            at += (ptrdiff_t)(rest % (size_t)a->shape[axis]) * a->strides[axis];
            rest /= (size_t)a->shape[axis];
        }
        memcpy(at, value, a->size);
    }
}

/* Some of the array's elements as marks: a line along the sum of some axes, and of another axis apart from these. */
static fi_marks random_marks(char *memory, const constant_array *a, uint64_t *state, const char *value) {
    fi_marks marks = {.value = fi_value_of(value, a->size), .sets = 1};
    fi_mark_set *const set = &marks.set[0];
    set->data = memory + a->start;
    set->size[0] = set->size[1] = 1;
    for (int axis = 0; axis < a->axes; axis++) {
        const size_t along = next_random(state) % 3, size = (size_t)a->shape[axis];
        if (along == 2) continue;
        if (along == 1 && set->stride[1]) continue; /* one axis only */
        set->size[along] = set->stride[along] ? (set->size[along] < size ? set->size[along] : size) : size;
        set->stride[along] += a->strides[axis];
    }
    return marks;
}

static int constants_are_right(const fi_kernels *kernels) {
    static char memory[CONSTANT_BYTES], expected[CONSTANT_BYTES];
    uint64_t state = 7;
    for (int i = 0; i < CONSTANT_CASES; i++) {
        const constant_array a = random_array(&state);
        fi_axis axis[AXES + 1];
        fi_task task;
        char values[2][FI_VALUE_BYTES];
        const int is_one_byte = next_random(&state) % 4 == 0;
        for (size_t b = 0; b < FI_VALUE_BYTES; b++) {
            values[0][b] = (char)(is_one_byte ? 7 : next_random(&state));
            values[1][b] = (char)next_random(&state);
        }
        memset(memory, 99, CONSTANT_BYTES);
        memset(expected, 99, CONSTANT_BYTES);
        write_naively(expected, &a, values[0]);
        fi_marks marks = random_marks(expected, &a, &state, values[1]);
        const int is_marked = next_random(&state) % 2 == 0;
        for (size_t m = 0; is_marked && m < marks.set[0].size[0] * marks.set[0].size[1]; m++) {
            const ptrdiff_t outer = (ptrdiff_t)(m / marks.set[0].size[1]),
                            inner = (ptrdiff_t)(m % marks.set[0].size[1]);
            memcpy(marks.set[0].data + outer * marks.set[0].stride[0] + inner * marks.set[0].stride[1], values[1],
                   a.size);
        }
        marks.set[0].data = memory + a.start;
        fi_set_value(&task.fill, values[0], a.size);
        fi_set_constant_region(&task.region, a.size, memory + a.start, a.axes, a.shape, a.strides,
                               is_marked ? &marks : NULL, axis);
        (i % 2 ? do_work : fill_chunks)(kernels, &task);
        if (memcmp(memory, expected, CONSTANT_BYTES)) {
            fprintf(stderr, "constants, case %d: other bytes\n", i);
            return 0;
        }
    }
    return 1;
}

int main(int count, char **arguments) {
    char line[1024];
    int right = 1, lines = 0, vectors = 0;
    FILE *file = count == 2 ? fopen(arguments[1], "r") : NULL;
    if (!file) {
        fprintf(stderr, "usage: check_golden FILE\n");
        return 2;
    }
    while (fgets(line, sizeof line, file)) {
        lines++;
        if (line[0] == '#') continue;
        const vector v = parse(line, lines);
        vectors++;
        for (size_t i = 0; fi_kernels_at(i); i++) right &= is_golden(fi_kernels_at(i), &v);
        right &= blocks_are_right(fi_kernels_at(0), &v);
    }
    fclose(file);
    right &=
        threads_agree(fi_kernels_at(0)) && helpers_follow() && constants_are_right(fi_kernels_at(0)) && vectors > 0;
    for (size_t i = 0; fi_kernels_at(i); i++) printf("%s ", fi_kernels_name(fi_kernels_at(i)));
    printf("\n");
    return right ? EXIT_SUCCESS : EXIT_FAILURE;
}
