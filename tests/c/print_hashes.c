/*
 * Prints a hash of the values of many fills, the same on every machine and with every compiler. Fails if the kernels of
 * this build differ among themselves, or if blocks in any layout, written by several threads, differ from ranges.
 * check_builds.sh compares what different builds print.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fastinit.h"

enum { MOST = 5000 };

/* Every draw; for the truncated normal bounds that need every polynomial and every function of its constants. */
static const struct {
    const char *name;
    fi_draw draw;
    double low, high;
} draws[] = {
    {"bits", FI_BITS, 0, 0},
    {"uniform", FI_UNIFORM, -0.3, 0.7},
    {"normal", FI_NORMAL, 0, 0},
    {"[-2, 2]", FI_TRUNCATED_SYMMETRIC, -2, 2},
    {"[-0.3, 1.7]", FI_TRUNCATED_CENTRAL, -0.3, 1.7},
    {"[-3, 3]", FI_TRUNCATED_WIDE, -3, 3},
    {"[-7, 0.2]", FI_TRUNCATED_WIDE, -7, 0.2},
    {"[-inf, -0.5]", FI_TRUNCATED_WIDE, -INFINITY, -0.5},
    {"[2, inf]", FI_TRUNCATED_TAIL, 2, INFINITY},
    {"[-12, -10]", FI_TRUNCATED_TAIL, -12, -10},
    {"[30, 30.01]", FI_TRUNCATED_TAIL, 30, 30.01},
    {"[-inf, -100]", FI_TRUNCATED_TAIL, -INFINITY, -100},
    {"[300, inf]", FI_TRUNCATED_TAIL, 300, INFINITY},
    {"[2000, inf]", FI_TRUNCATED_TAIL, 2000, INFINITY},
};
static const char *const dtype_names[] = {"uint32", "uint64", "float32", "float64", "float16", "bfloat16"};
static const size_t sizes[] = {4, 8, 4, 8, 2, 2};

/* FNV-1a over the elements as integers, low byte first. */
static uint64_t hash(const void *values, size_t size, size_t count) {
    uint64_t h = UINT64_C(0xCBF29CE484222325);
    for (size_t i = 0; i < count; i++) {
        uint16_t u16 = 0;
        uint32_t u32 = 0;
        uint64_t bits = 0;
        const char *from = (const char *)values + i * size;
        if (size == 2) memcpy(&u16, from, 2);
        if (size == 4) memcpy(&u32, from, 4);
        if (size == 8) memcpy(&bits, from, 8);
        bits |= u16 | u32;
        for (size_t byte = 0; byte < size; byte++) h = (h ^ (bits >> (8 * byte) & 0xFF)) * UINT64_C(0x100000001B3);
    }
    return h;
}

static uint64_t hash_of(const fi_kernels *kernels, const fi_fill *fill, uint64_t first, size_t count) {
    static uint64_t values[MOST];
    fi_fill plain = *fill;
    plain.accumulate = 0;
    fi_fill_range(kernels, &plain, first, count, values);
    if (fill->accumulate) fi_fill_range(kernels, fill, first + 1, count, values);
    return hash(values, sizes[fill->dtype], count);
}

/* Blocks of a tensor whose rows are WIDTH_OF_TENSOR long, from some row and column 5 on; strides in elements. */
enum { WIDTH_OF_TENSOR = 2111 };
static const struct {
    ptrdiff_t rows, columns, row_stride, column_stride;
    int shift; /* in bytes, from where elements are aligned */
} blocks[] = {
    {3, 1500, 1500, 1, 0}, {23, 97, 100, 1, 0},  {23, 97, 100, 1, 1}, {101, 7, 7, 1, 0},
    {53, 33, 1, 53, 0},    {300, 17, 2, 700, 0}, {9, 31, -70, 2, 1},  {200, 1, 3, 1, 0},
};
enum { ROOM = 17 * 700 };

/* Whether a block of the fill, written as a region by several threads, has the values of the tensor's ranges. */
static int block_is_right(const fi_kernels *kernels, const fi_fill *fill, size_t b, uint64_t top) {
    static char memory[8 * ROOM + 8], expected[8 * ROOM + 8];
    const ptrdiff_t size = (ptrdiff_t)sizes[fill->dtype];
    const ptrdiff_t shape[2] = {blocks[b].rows, blocks[b].columns};
    const ptrdiff_t strides[2] = {blocks[b].row_stride * size, blocks[b].column_stride * size};
    const ptrdiff_t start = blocks[b].row_stride < 0 ? -strides[0] * (shape[0] - 1) : 0;
    const uint64_t offset[2] = {top, 5}, global_shape[2] = {top + 1000, WIDTH_OF_TENSOR};
    fi_axis axis[3];
    fi_task task = {.fill = *fill};
    fi_work work;
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
    fi_set_work(&work, kernels, &task, 1);
    while (!fi_do_work(&work, 0.1)) continue;
    return memcmp(memory, expected, sizeof memory) == 0;
}

/* Whether several threads write what one does. */
static int threads_agree(const fi_kernels *kernels, const fi_fill *fill) {
    enum { COUNT = 3 * FI_THREAD_ELEMENTS + 5 };
    static uint64_t one[COUNT], several[COUNT];
    const ptrdiff_t shape = COUNT, stride = (ptrdiff_t)sizes[fill->dtype];
    fi_axis axis[2];
    fi_task task = {.fill = *fill};
    fi_work work;
    fi_fill_range(kernels, fill, 0, COUNT, one);
    fi_set_threads(3);
    fi_set_region(&task.region, fill->dtype, several, 1, &shape, &stride, NULL, NULL, axis);
    fi_set_work(&work, kernels, &task, 1);
    while (!fi_do_work(&work, 0.001)) continue;
    return memcmp(one, several, COUNT * sizes[fill->dtype]) == 0;
}

static int set(fi_fill *fill, size_t d) {
    if (draws[d].draw == FI_BITS) {
        fi_set_bits(fill);
        return 0;
    }
    if (draws[d].draw == FI_UNIFORM) return fi_set_uniform(fill, draws[d].low, draws[d].high);
    if (draws[d].draw == FI_NORMAL) return fi_set_normal(fill, 0.1, 0.7);
    return fi_set_truncated_normal(fill, 0.1, 0.7, draws[d].low, draws[d].high) || fill->draw != draws[d].draw;
}

int main(void) {
    static const uint64_t firsts[] = {0, 1, 6, (UINT64_C(1) << 34) - 1234, UINT64_C(0x123456789ABCDEF1)};
    static const size_t counts[] = {1, 63, 64, 1000, MOST};
    int failed = 0;
    for (size_t d = 0; d < sizeof draws / sizeof draws[0]; d++) {
        const int is_bits = draws[d].draw == FI_BITS;
        /* Draws differ in their kernels only: all blocks for the first ones, two for the others. */
        const size_t block_count = d < 3 ? sizeof blocks / sizeof blocks[0] : 2;
        for (fi_dtype dtype = FI_UINT32; dtype <= FI_BFLOAT16; dtype++) {
            if (is_bits != (dtype <= FI_UINT64)) continue;
            for (int accumulate = 0; accumulate <= !is_bits; accumulate++) {
                for (size_t f = 0; f < sizeof firsts / sizeof firsts[0]; f++) {
                    fi_fill fill = {.dtype = dtype, .accumulate = accumulate};
                    fill.seed = UINT64_C(0x0123456789ABCDEF) + f;
                    fill.stream = UINT64_C(0xFEDCBA9876543210) * f;
                    if (set(&fill, d)) {
                        fprintf(stderr, "%s is refused, or drawn by another form\n", draws[d].name);
                        return 1;
                    }
                    uint64_t expected = hash_of(fi_kernels_at(0), &fill, firsts[f], counts[f]);
                    printf("%-12s %-9s %s from %llu, %zu: %016llx\n", draws[d].name, dtype_names[dtype],
                           accumulate ? "+=" : "= ", (unsigned long long)firsts[f], counts[f],
                           (unsigned long long)expected);
                    for (size_t b = 0; f < 2 && b < block_count; b++) {
                        /* The second top is just below the first element whose block's index needs a high word. */
                        if (!block_is_right(fi_kernels_at(0), &fill, b,
                                            f ? (UINT64_C(1) << 34) / WIDTH_OF_TENSOR : 3)) {
                            fprintf(stderr, "block %zu differs from the tensor's ranges\n", b);
                            failed = 1;
                        }
                    }
                    for (size_t i = 1; fi_kernels_at(i); i++) {
                        if (hash_of(fi_kernels_at(i), &fill, firsts[f], counts[f]) != expected) {
                            fprintf(stderr, "the kernels %s differ\n", fi_kernels_name(fi_kernels_at(i)));
                            failed = 1;
                        }
                    }
                }
            }
        }
    }
    fi_fill bits = {.dtype = FI_UINT32, .seed = 7};
    fi_set_bits(&bits);
    for (int i = 0; i < 3; i++) {
        if (!threads_agree(fi_kernels_at(0), &bits)) {
            fprintf(stderr, "several threads write other bits than one\n");
            failed = 1;
        }
    }
    for (size_t i = 0; fi_kernels_at(i); i++) fprintf(stderr, "%s ", fi_kernels_name(fi_kernels_at(i)));
    fprintf(stderr, "\n");
    return failed;
}
