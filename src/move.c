/* Between tiles and memory: element by element, or in squares where memory runs down the columns of a tile. */
#include "move.h"

#include <stdint.h>

#include "compiler.h"

/* ---- Squares ------------------------------------------------------------------------------------------------------- */

/*
 * Transposes a square whose rows lie from_stride apart into one whose rows lie to_stride apart. A row is a vector of 16 bytes;
 * interleaving the first half of the vectors with the second, as often as their number can be halved, exchanges rows and
 * columns.
 */
#if defined(__GNUC__) && (__GNUC__ >= 12 || defined(__clang__))
#define DEFINE_SQUARE(element, side, lower, upper)                                                 \
    static ALWAYS_INLINE void square_of_##element(char *to, ptrdiff_t to_stride, const char *from, \
                                                  ptrdiff_t from_stride) {                         \
        typedef element vector __attribute__((vector_size(16)));                                   \
        vector rows[side], mixed[side];                                                            \
        for (int i = 0; i < side; i++) memcpy(&rows[i], from + i * from_stride, 16);               \
        for (int parts = 1; parts < side; parts *= 2) {                                            \
            for (int i = 0; i < side / 2; i++) {                                                   \
                mixed[2 * i] = __builtin_shufflevector(rows[i], rows[i + side / 2], lower);        \
                mixed[2 * i + 1] = __builtin_shufflevector(rows[i], rows[i + side / 2], upper);    \
            }                                                                                      \
            memcpy(rows, mixed, sizeof rows);                                                      \
        }                                                                                          \
        for (int i = 0; i < side; i++) memcpy(to + i * to_stride, &rows[i], 16);                   \
    }
#else
#define DEFINE_SQUARE(element, side, lower, upper)                                                 \
    static ALWAYS_INLINE void square_of_##element(char *to, ptrdiff_t to_stride, const char *from, \
                                                  ptrdiff_t from_stride) {                         \
        const ptrdiff_t size = sizeof(element);                                                    \
        for (int i = 0; i < side; i++) {                                                           \
            for (int j = 0; j < side; j++)                                                         \
                memcpy(to + i * to_stride + j * size, from + j * from_stride + i * size, size);    \
        }                                                                                          \
    }
#endif

#define LANES(...) __VA_ARGS__
DEFINE_SQUARE(uint16_t, 8, LANES(0, 8, 1, 9, 2, 10, 3, 11), LANES(4, 12, 5, 13, 6, 14, 7, 15))
DEFINE_SQUARE(uint32_t, 4, LANES(0, 4, 1, 5), LANES(2, 6, 3, 7))
DEFINE_SQUARE(uint64_t, 2, LANES(0, 2), LANES(1, 3))

static ALWAYS_INLINE void square(char *to, ptrdiff_t to_stride, const char *from, ptrdiff_t from_stride, size_t size) {
    if (size == 2) square_of_uint16_t(to, to_stride, from, from_stride);
    if (size == 4) square_of_uint32_t(to, to_stride, from, from_stride);
    if (size == 8) square_of_uint64_t(to, to_stride, from, from_stride);
}

/* Writes the columns of from, of which there are width, of height elements each, to_stride apart. */
static ALWAYS_INLINE void transpose(char *to, ptrdiff_t to_stride, const char *from, ptrdiff_t from_stride,
                                    size_t height, size_t width, size_t size) {
    const size_t side = 16 / size, whole_height = height / side * side, whole_width = width / side * side;
    for (size_t c = 0; c < whole_width; c += side) {
        for (size_t r = 0; r < whole_height; r += side) {
            square(to + (ptrdiff_t)c * to_stride + r * size, to_stride, from + (ptrdiff_t)r * from_stride + c * size,
                   from_stride, size);
        }
    }
    for (size_t c = 0; c < width; c++) {
        for (size_t r = c < whole_width ? whole_height : 0; r < height; r++) {
            memcpy(to + (ptrdiff_t)c * to_stride + r * size, from + (ptrdiff_t)r * from_stride + c * size, size);
        }
    }
}

/* ---- Tiles --------------------------------------------------------------------------------------------------------- */

static ALWAYS_INLINE void move_element(int to_memory, char *memory, char *tile, size_t size) {
    memcpy(to_memory ? memory : tile, to_memory ? tile : memory, size);
}

/* Four at a time: a loop around one store runs at half the speed of stores. */
static ALWAYS_INLINE void move_row(int to_memory, char *memory, ptrdiff_t stride, char *tile, size_t width,
                                   size_t size) {
    for (; width >= 4; width -= 4, memory += 4 * stride, tile += 4 * size) {
        move_element(to_memory, memory, tile, size);
        move_element(to_memory, memory + stride, tile + size, size);
        move_element(to_memory, memory + 2 * stride, tile + 2 * size, size);
        move_element(to_memory, memory + 3 * stride, tile + 3 * size, size);
    }
    for (; width; width--, memory += stride, tile += size) move_element(to_memory, memory, tile, size);
}

/* Whether memory runs down the columns from one row to the next. */
static int side_by_side(char *const *rows, size_t size) { return rows[1] - rows[0] == (ptrdiff_t)size; }

static ALWAYS_INLINE void move_tile(int to_memory, char *tile, char *const *rows, size_t count, size_t width,
                                    ptrdiff_t stride, size_t size) {
    const ptrdiff_t tile_stride = (ptrdiff_t)(width * size);
    if (stride == (ptrdiff_t)size) {
        for (size_t r = 0; r < count; r++, tile += tile_stride) {
            fi_copy_row(to_memory ? rows[r] : tile, to_memory ? tile : rows[r], width * size);
        }
        return;
    }
    if (count == 1 || fi_distance(rows[1] - rows[0]) >= fi_distance(stride)) {
        for (size_t r = 0; r < count; r++)
            move_row(to_memory, rows[r], stride, tile + (ptrdiff_t)r * tile_stride, width, size);
        return;
    }
    for (size_t r = 0, n; r < count; r += n, rows += n, tile += (ptrdiff_t)n * tile_stride) {
        const size_t left = count - r;
        for (n = 1; n < left && side_by_side(rows + n - 1, size);) n++;
        if (n > 1) {
            if (to_memory) {
                transpose(rows[0], stride, tile, tile_stride, n, width, size);
            } else {
                transpose(tile, tile_stride, rows[0], stride, width, n, size);
            }
            continue;
        }
        while (n < left && !(n + 1 < left && side_by_side(rows + n, size))) n++;
        for (size_t c = 0; c < width; c++) {
            for (size_t i = 0; i < n; i++) {
                move_element(to_memory, rows[i] + (ptrdiff_t)c * stride, tile + (i * width + c) * size, size);
            }
        }
    }
}

void fi_scatter(const char *tile, char *const *rows, size_t count, size_t width, ptrdiff_t stride, size_t size) {
    if (size == 2) move_tile(1, (char *)tile, rows, count, width, stride, 2);
    if (size == 4) move_tile(1, (char *)tile, rows, count, width, stride, 4);
    if (size == 8) move_tile(1, (char *)tile, rows, count, width, stride, 8);
}

void fi_gather(char *tile, char *const *rows, size_t count, size_t width, ptrdiff_t stride, size_t size) {
    if (size == 2) move_tile(0, tile, rows, count, width, stride, 2);
    if (size == 4) move_tile(0, tile, rows, count, width, stride, 4);
    if (size == 8) move_tile(0, tile, rows, count, width, stride, 8);
}
