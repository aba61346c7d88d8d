/*
 * Prints a hash of the values of many fills, the same on every machine and with every compiler. Fails if the kernels of
 * this build differ among themselves. check_builds.sh compares what different builds print.
 */
#include <stdio.h>
#include <string.h>

#include "fastinit.h"

enum { MOST = 5000 };

static const char *const draw_names[] = {"bits", "uniform", "normal"};
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

int main(void) {
    static const uint64_t firsts[] = {0, 1, 6, (UINT64_C(1) << 34) - 1234, UINT64_C(0x123456789ABCDEF1)};
    static const size_t counts[] = {1, 63, 64, 1000, MOST};
    int failed = 0;
    for (fi_draw draw = FI_BITS; draw <= FI_NORMAL; draw++) {
        for (fi_dtype dtype = FI_UINT32; dtype <= FI_BFLOAT16; dtype++) {
            if ((draw == FI_BITS) != (dtype <= FI_UINT64)) continue;
            for (int accumulate = 0; accumulate <= (draw != FI_BITS); accumulate++) {
                for (size_t f = 0; f < sizeof firsts / sizeof firsts[0]; f++) {
                    fi_fill fill = {.draw = draw, .dtype = dtype, .accumulate = accumulate};
                    fill.seed = UINT64_C(0x0123456789ABCDEF) + f;
                    fill.stream = UINT64_C(0xFEDCBA9876543210) * f;
                    if (draw == FI_UNIFORM) fi_set_uniform(&fill, -0.3, 0.7);
                    if (draw == FI_NORMAL) fi_set_normal(&fill, 0.1, 0.7);
                    uint64_t expected = hash_of(fi_kernels_at(0), &fill, firsts[f], counts[f]);
                    printf("%-8s %-9s %s from %llu, %zu: %016llx\n", draw_names[draw], dtype_names[dtype],
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
