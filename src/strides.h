/* The sets of bytes that strides make, and whether two of them have a byte in common. */
#ifndef FASTINIT_STRIDES_H
#define FASTINIT_STRIDES_H

#include <stdint.h>

#include "overlap.h"

typedef struct {
    uint64_t count, stride; /* at least 2 and 1 */
} fi_steps;

/* Runs of bytes, the first of them at place, the others whole numbers of strides above. Smaller strides come first. */
typedef struct {
    uint64_t place, run;
    int axes;
    const fi_steps *axis;
} fi_bytes;

static inline uint64_t fi_lesser(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* The bytes of an array, merged as far as they are contiguous; axis has room for FI_AXES_MAX. An empty array has a
   run of 0. */
fi_bytes fi_bytes_of(const fi_extent *array, fi_steps *axis);

/* From the first byte to the end of the last. */
uint64_t fi_reach(const fi_bytes *bytes);

/* Whether each axis steps over all that the axes of smaller strides reach. */
int fi_is_nested(const fi_bytes *bytes);

/* Whether the two have a byte in common; adds to work what it took. */
int fi_have_common_byte(const fi_bytes *a, const fi_bytes *b, size_t *work);

#endif
