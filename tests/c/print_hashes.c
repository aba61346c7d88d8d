/*
 * Prints a hash of the values of many fills, the same on every machine and with every compiler. Fails if the kernels of
 * this build differ among themselves. check_builds.sh compares what different builds print.
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
    for (size_t i = 0; fi_kernels_at(i); i++) fprintf(stderr, "%s ", fi_kernels_name(fi_kernels_at(i)));
    fprintf(stderr, "\n");
    return failed;
}
