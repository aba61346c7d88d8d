/* Whether arrays share memory. Plain C; allocates nothing. */
#ifndef FASTINIT_OVERLAP_H
#define FASTINIT_OVERLAP_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where an array lies: its first element, and its axes, at most FI_AXES_MAX of them; strides are in bytes, of either
   sign. */
typedef struct {
    const void *data;
    size_t item; /* bytes of an element */
    int axes;
    const ptrdiff_t *shape, *strides;
} fi_extent;

/* Whether two elements of the array share a byte, or it reaches over 2^61 bytes, as none in memory does. */
int fi_overlaps_itself(const fi_extent *array);

typedef struct {
    size_t first, second; /* two arrays that share a byte, first < second */
    size_t memory;        /* needed, in bytes */
    size_t work;          /* steps taken: for tests */
} fi_overlap;

/*
 * Whether any two of the arrays, none of which overlaps itself, share a byte: 1, with first and second set to two that
 * do, or 0; or -1 if this takes more memory than the given size, and found->memory says how much. It is aligned as
 * malloc's. Arrays each of which ends before the next begins take fi_overlap_memory(count) bytes.
 */
int fi_find_overlap(const fi_extent *arrays, size_t count, void *memory, size_t size, fi_overlap *found);
size_t fi_overlap_memory(size_t count);

#ifdef __cplusplus
}
#endif
#endif
