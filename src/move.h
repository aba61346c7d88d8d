/* What moves values in memory: how far apart strides are, and copies of rows. */
#ifndef FASTINIT_MOVE_H
#define FASTINIT_MOVE_H

#include <stddef.h>
#include <string.h>

static inline size_t fi_distance(ptrdiff_t stride) { return stride < 0 ? 0 - (size_t)stride : (size_t)stride; }

/* Size bytes, all read before the first is written. */
#define FI_COPY(to, from, size)    \
    do {                           \
        char bytes[size];          \
        memcpy(bytes, from, size); \
        memcpy(to, bytes, size);   \
    } while (0)

/* A row of an even number of bytes, to another place or a lower one that it overlaps. Many rows are too short for a call. */
static inline void fi_copy_row(char *to, const char *from, size_t size) {
    if (size >= 256) {
        memmove(to, from, size);
        return;
    }
    for (; size >= 16; size -= 16, to += 16, from += 16) FI_COPY(to, from, 16);
    for (; size >= 4; size -= 4, to += 4, from += 4) FI_COPY(to, from, 4);
    if (size) FI_COPY(to, from, 2);
}

#endif
