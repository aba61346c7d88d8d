/* The only file that asks the CPU what it can do. */
#include <string.h>

#include "kernels.h"

#if defined(FASTINIT_HAVE_AVX2) || defined(FASTINIT_HAVE_AVX512)

#if defined(_MSC_VER)
#include <intrin.h>
#include <immintrin.h>
static void cpuid(unsigned leaf, unsigned out[4]) { __cpuidex((int *)out, (int)leaf, 0); }
static unsigned saved_state(void) { return (unsigned)_xgetbv(0); }
#else
#include <cpuid.h>
static void cpuid(unsigned leaf, unsigned out[4]) {
    if (!__get_cpuid_count(leaf, 0, &out[0], &out[1], &out[2], &out[3])) memset(out, 0, 4 * sizeof *out);
}
static unsigned saved_state(void) {
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}
#endif

enum { EBX = 1, ECX = 2 };

/* Register state that the operating system must save for the extension to be usable (XCR0). */
enum { STATE_AVX = 0x06, STATE_AVX512 = 0xE6 };

static const struct {
    const char *name;
    unsigned leaf, cpuid_register, bit, state;
} features[] = {
    {"avx", 1, ECX, 28, STATE_AVX},         {"f16c", 1, ECX, 29, STATE_AVX},
    {"fma", 1, ECX, 12, STATE_AVX},         {"avx2", 7, EBX, 5, STATE_AVX},
    {"avx512f", 7, EBX, 16, STATE_AVX512},  {"avx512dq", 7, EBX, 17, STATE_AVX512},
    {"avx512bw", 7, EBX, 30, STATE_AVX512}, {"avx512vl", 7, EBX, 31, STATE_AVX512},
};

static int cpu_has(size_t i) {
    const unsigned os_saves_state = 1u << 27;
    unsigned leaf[4];
    cpuid(1, leaf);
    if (!(leaf[ECX] & os_saves_state) || (saved_state() & features[i].state) != features[i].state) return 0;
    cpuid(features[i].leaf, leaf);
    return leaf[features[i].cpuid_register] >> features[i].bit & 1;
}

#elif defined(FASTINIT_HAVE_NEON)

/* Part of the base instruction set of AArch64. */
static const struct {
    const char *name;
} features[] = {{"neon"}};

static int cpu_has(size_t i) { return i == 0; }

#else

static const struct {
    const char *name;
} features[] = {{""}};

static int cpu_has(size_t i) {
    (void)i;
    return 0;
}

#endif

enum { FEATURES = sizeof features / sizeof features[0] };

/* All of the features whose names stand, separated by spaces, in needed. */
static int cpu_has_all(const char *needed) {
    while (*needed) {
        size_t length = strcspn(needed, " "), i = 0;
        while (i < FEATURES && (strlen(features[i].name) != length || memcmp(features[i].name, needed, length))) i++;
        if (i == FEATURES || !cpu_has(i)) return 0;
        needed += length + (needed[length] == ' ');
    }
    return 1;
}

static const struct {
    const fi_kernels *kernels;
    const char *needed;
} candidates[] = {
#if defined(FASTINIT_HAVE_AVX512)
    {&fi_kernels_avx512, "avx512f avx512dq avx512bw avx512vl"},
#endif
#if defined(FASTINIT_HAVE_AVX2)
    {&fi_kernels_avx2, "avx2 fma f16c"},
#endif
#if defined(FASTINIT_HAVE_NEON)
    {&fi_kernels_neon, "neon"},
#endif
    {&fi_kernels_portable, ""},
};

const fi_kernels *fi_kernels_at(size_t i) {
    for (size_t c = 0; c < sizeof candidates / sizeof candidates[0]; c++) {
        if (cpu_has_all(candidates[c].needed) && i-- == 0) return candidates[c].kernels;
    }
    return NULL;
}

const char *fi_kernels_name(const fi_kernels *kernels) { return kernels->name; }

const char *fi_cpu_features(void) {
    static char text[16 * FEATURES];
    size_t length = 0;
    for (size_t i = 0; i < FEATURES; i++) {
        if (cpu_has(i)) {
            size_t n = strlen(features[i].name);
            if (length) text[length++] = ' ';
            memcpy(text + length, features[i].name, n);
            length += n;
        }
    }
    text[length] = 0;
    return text;
}
