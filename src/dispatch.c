/* The only file that asks the CPU what it can do. */
#include <string.h>

#include "kernels.h"

#if defined(__x86_64__) || defined(_M_X64)

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

/* Register state that the operating system must save for an extension to be usable (XCR0). */
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

/* A bit for each of features. Under a hypervisor each cpuid takes microseconds, so two answer for all. */
static unsigned cpu_features(void) {
    const unsigned os_saves_state = 1u << 27;
    unsigned leaf1[4], leaf7[4], found = 0;
    cpuid(1, leaf1);
    cpuid(7, leaf7);
    const unsigned state = leaf1[ECX] & os_saves_state ? saved_state() : 0;
    for (size_t i = 0; i < sizeof features / sizeof features[0]; i++) {
        const unsigned *leaf = features[i].leaf == 1 ? leaf1 : leaf7;
        const unsigned has = leaf[features[i].cpuid_register] >> features[i].bit & 1;
        if (has && (state & features[i].state) == features[i].state) found |= 1u << i;
    }
    return found;
}

#else

/* NEON is part of the base instruction set of AArch64. */
static const struct {
    const char *name;
} features[] = {{"neon"}};

static unsigned cpu_features(void) {
#if defined(__aarch64__) || defined(_M_ARM64)
    return 1;
#else
    return 0;
#endif
}

#endif

enum { FEATURES = sizeof features / sizeof features[0] };

/* The bits of the features whose names stand, separated by spaces, in names; a bit that no CPU has for an unknown name. */
static unsigned features_named(const char *names) {
    unsigned bits = 0;
    for (size_t length; *names; names += length + (names[length] == ' ')) {
        size_t i = 0;
        length = strcspn(names, " ");
        while (i < FEATURES && (strlen(features[i].name) != length || memcmp(features[i].name, names, length))) i++;
        bits |= i < FEATURES ? 1u << i : 1u << 31;
    }
    return bits;
}

/* The kernels that this build holds, fastest first: FI_KERNELS(avx2)FI_KERNELS(portable), say. */
#ifndef FI_BUILT
#define FI_BUILT FI_KERNELS(portable)
#endif

#define FI_KERNELS(name) extern const fi_kernels fi_kernels_##name;
FI_BUILT
#undef FI_KERNELS

#define FI_KERNELS(name) &fi_kernels_##name,
static const fi_kernels *const built[] = {FI_BUILT};
#undef FI_KERNELS

const fi_kernels *fi_kernels_at(size_t i) {
    const unsigned found = cpu_features();
    for (size_t b = 0; b < sizeof built / sizeof built[0]; b++) {
        if (!(features_named(built[b]->features) & ~found) && i-- == 0) return built[b];
    }
    return NULL;
}

const char *fi_kernels_name(const fi_kernels *kernels) { return kernels->name; }

const char *fi_cpu_feature_at(size_t i) {
    const unsigned found = cpu_features();
    for (size_t f = 0; f < FEATURES; f++) {
        if (found >> f & 1 && i-- == 0) return features[f].name;
    }
    return NULL;
}
