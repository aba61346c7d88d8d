/*
 * What the fuzz targets share: reading the input, and, with FUZZ_WITHOUT_LIBFUZZER defined, a main that takes the
 * number of pseudo-random inputs to run, or files to be run as inputs.
 */
#ifndef FASTINIT_FUZZ_H
#define FASTINIT_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void require(int holds, const char *otherwise) {
    if (holds) return;
    fprintf(stderr, "%s\n", otherwise);
    abort();
}

/* Room for so much and not a byte more: for none, too, there is an address that must not be read. */
static inline void *exactly(size_t count, size_t size) {
    void *const room = malloc(count * size);
    require(room != NULL || count == 0, "out of memory");
    return room;
}

typedef struct {
    const uint8_t *at, *end;
} reader;

/* The next bytes as a number; zeros follow the end. */
static inline uint64_t take(reader *r, int bytes) {
    uint64_t number = 0;
    for (int i = 0; i < bytes && r->at < r->end; i++) number |= (uint64_t)*r->at++ << 8 * i;
    return number;
}

static inline size_t below(reader *r, size_t n) { return take(r, 1) % n; }

static inline int one_in(reader *r, size_t n) { return below(r, n) == n - 1; }

#if defined(FUZZ_WITHOUT_LIBFUZZER)

enum { MOST_INPUT = 4096 };

static void run_file(const char *name) {
    uint8_t input[MOST_INPUT];
    FILE *const file = fopen(name, "rb");
    require(file != NULL, "no such file");
    LLVMFuzzerTestOneInput(input, fread(input, 1, sizeof input, file));
    fclose(file);
}

/* S. Vigna's splitmix64. */
static uint64_t next_random(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static void run_random(size_t count) {
    uint64_t input[MOST_INPUT / 8], state = 0;
    while (count--) {
        for (size_t i = 0; i < LENGTH(input); i++) input[i] = next_random(&state);
        LLVMFuzzerTestOneInput((const uint8_t *)input, sizeof input);
    }
}

int main(int arguments, char **argument) {
    for (int i = 1; i < arguments; i++) {
        char *end;
        const size_t count = strtoul(argument[i], &end, 10);
        if (*end == 0) {
            run_random(count);
        } else {
            run_file(argument[i]);
        }
    }
    return 0;
}

#endif
#endif
