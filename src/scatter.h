/*
 * Between a tile and rows in memory whose elements lie stride bytes apart; included by kernels.c. Memory is read and written at
 * the elements only: what lies between them may be another thread's. simd/ says how many lanes of 16 bytes a vector has here,
 * and loads one whose lanes come from as many rows.
 */
#if defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 12)
#define HAS_SHUFFLES
#endif

enum { VECTOR_BYTES = 16 * MOVE_LANES };

static ALWAYS_INLINE void move_element(int to_memory, char *memory, char *tile, size_t size) {
    memcpy(to_memory ? memory : tile, to_memory ? tile : memory, size);
}

/* ---- Transposing --------------------------------------------------------------------------------------------------- */

/*
 * Transposes rows of 16 bytes, from_stride apart, into rows of a vector, to_stride apart. Each lane is a square of its own:
 * interleaving the first half of the vectors with the second, as often as their number can be halved, exchanges its rows and
 * columns.
 */
#ifdef HAS_SHUFFLES
#define DEFINE_STRIP(name, element, bytes, load, lower, upper)                                               \
    static ALWAYS_INLINE void name(char *to, ptrdiff_t to_stride, const char *from, ptrdiff_t from_stride) { \
        enum { side = 16 / sizeof(element) };                                                                \
        typedef element vector __attribute__((vector_size(bytes)));                                          \
        vector rows[side], mixed[side];                                                                      \
        UNROLLED for (int i = 0; i < side; i++) load(&rows[i], from + i * from_stride, side * from_stride);  \
        UNROLLED for (int parts = 1; parts < side; parts *= 2) {                                             \
            UNROLLED for (int i = 0; i < side / 2; i++) {                                                    \
                mixed[2 * i] = __builtin_shufflevector(rows[i], rows[i + side / 2], lower);                  \
                mixed[2 * i + 1] = __builtin_shufflevector(rows[i], rows[i + side / 2], upper);              \
            }                                                                                                \
            UNROLLED for (int i = 0; i < side; i++) rows[i] = mixed[i];                                      \
        }                                                                                                    \
        UNROLLED for (int i = 0; i < side; i++) memcpy(to + i * to_stride, &rows[i], bytes);                 \
    }
#else
#define DEFINE_STRIP(name, element, bytes, load, lower, upper)                                               \
    static ALWAYS_INLINE void name(char *to, ptrdiff_t to_stride, const char *from, ptrdiff_t from_stride) { \
        enum { size = sizeof(element), side = 16 / size };                                                   \
        for (int i = 0; i < side; i++) {                                                                     \
            for (int j = 0; j < (bytes) / size; j++)                                                         \
                memcpy(to + i * to_stride + j * size, from + j * from_stride + i * size, size);              \
        }                                                                                                    \
    }
#endif

/* From place i on, elements of two vectors of n in turn; */
#define ZIP_1(i, n) (i), (i) + (n)
#define ZIP_2(i, n) ZIP_1(i, n), ZIP_1((i) + 1, n)
#define ZIP_4(i, n) ZIP_2(i, n), ZIP_2((i) + 2, n)

/* in every lane, whose elements are side. */
#define ZIP_LANES_1(ZIP, i, side, n) ZIP(i, n)
#define ZIP_LANES_2(ZIP, i, side, n) ZIP(i, n), ZIP((i) + (side), n)
#define ZIP_LANES_4(ZIP, i, side, n) ZIP_LANES_2(ZIP, i, side, n), ZIP_LANES_2(ZIP, (i) + 2 * (side), side, n)

#define LIST(...) __VA_ARGS__
#define DEFINE_STRIPS(name, lanes, load)                                                                          \
    DEFINE_STRIP(name##_of_16, uint16_t, 16 * lanes, load, LIST(JOIN(ZIP_LANES_, lanes)(ZIP_4, 0, 8, 8 * lanes)), \
                 LIST(JOIN(ZIP_LANES_, lanes)(ZIP_4, 4, 8, 8 * lanes)))                                           \
    DEFINE_STRIP(name##_of_32, uint32_t, 16 * lanes, load, LIST(JOIN(ZIP_LANES_, lanes)(ZIP_2, 0, 4, 4 * lanes)), \
                 LIST(JOIN(ZIP_LANES_, lanes)(ZIP_2, 2, 4, 4 * lanes)))                                           \
    DEFINE_STRIP(name##_of_64, uint64_t, 16 * lanes, load, LIST(JOIN(ZIP_LANES_, lanes)(ZIP_1, 0, 2, 2 * lanes)), \
                 LIST(JOIN(ZIP_LANES_, lanes)(ZIP_1, 1, 2, 2 * lanes)))

#define LOAD_LANE(to, from, stride) memcpy(to, from, 16)
DEFINE_STRIPS(square, 1, LOAD_LANE)
#if MOVE_LANES > 1
DEFINE_STRIPS(strip, MOVE_LANES, load_lanes)
#endif

static ALWAYS_INLINE void square(char *to, ptrdiff_t to_stride, const char *from, ptrdiff_t from_stride, size_t size) {
    if (size == 2) square_of_16(to, to_stride, from, from_stride);
    if (size == 4) square_of_32(to, to_stride, from, from_stride);
    if (size == 8) square_of_64(to, to_stride, from, from_stride);
}

static ALWAYS_INLINE void strip(char *to, ptrdiff_t to_stride, const char *from, ptrdiff_t from_stride, size_t size) {
#if MOVE_LANES > 1
    if (size == 2) strip_of_16(to, to_stride, from, from_stride);
    if (size == 4) strip_of_32(to, to_stride, from, from_stride);
    if (size == 8) strip_of_64(to, to_stride, from, from_stride);
#else
    square(to, to_stride, from, from_stride, size);
#endif
}

/*
 * Writes the columns of from, of which there are width, of height elements each, to_stride apart: by vectors where these do not
 * cross a cache line in every column, and above and below that by squares.
 */
static ALWAYS_INLINE void transpose(char *to, ptrdiff_t to_stride, const char *from, ptrdiff_t from_stride,
                                    size_t height, size_t width, size_t size) {
    const size_t side = 16 / size, vector = VECTOR_BYTES / size;
    const size_t whole_height = height / side * side, whole_width = width / side * side;
    const size_t before = to_stride % VECTOR_BYTES == 0 ? (0 - (size_t)(uintptr_t)to) % VECTOR_BYTES / 16 * side : 0;
    const size_t first = before < whole_height ? before : whole_height;
    const size_t last = first + (whole_height - first) / vector * vector;
    for (size_t c = 0; c < whole_width; c += side) {
        char *const columns = to + (ptrdiff_t)c * to_stride;
        for (size_t r = 0, n; r < whole_height; r += n) {
            const char *const rows = from + (ptrdiff_t)r * from_stride + c * size;
            n = r >= first && r < last ? vector : side;
            if (n == vector) {
                strip(columns + r * size, to_stride, rows, from_stride, size);
            } else {
                square(columns + r * size, to_stride, rows, from_stride, size);
            }
        }
    }
    for (size_t c = 0; c < width; c++) {
        for (size_t r = c < whole_width ? whole_height : 0; r < height; r++) {
            memcpy(to + (ptrdiff_t)c * to_stride + r * size, from + (ptrdiff_t)r * from_stride + c * size, size);
        }
    }
}

/* Compilers make vectors of it. */
static ALWAYS_INLINE void pair_up(int to_memory, char *__restrict memory, char *__restrict first,
                                  char *__restrict second, size_t width, size_t size) {
    for (size_t i = 0; i < width; i++) {
        move_element(to_memory, memory + 2 * i * size, first + i * size, size);
        move_element(to_memory, memory + (2 * i + 1) * size, second + i * size, size);
    }
}

/* Two rows of a tile, in memory columns of two, side by side. */
static ALWAYS_INLINE void move_pairs(int to_memory, char *memory, char *tile, size_t width, size_t size) {
    const size_t before = (0 - (uintptr_t)memory) % VECTOR_BYTES / (2 * size); /* where vectors begin */
    const size_t head = before < width ? before : width;
    char *const second = tile + width * size;
    pair_up(to_memory, memory, tile, second, head, size);
    pair_up(to_memory, memory + 2 * head * size, tile + head * size, second + head * size, width - head, size);
}

/* ---- Rows ---------------------------------------------------------------------------------------------------------- */

/* Four at a time: a loop around one store runs at half the speed of stores. */
static ALWAYS_INLINE void move_elements(int to_memory, char *memory, ptrdiff_t stride, char *tile, size_t width,
                                        size_t size) {
    for (; width >= 4; width -= 4, memory += 4 * stride, tile += 4 * size) {
        move_element(to_memory, memory, tile, size);
        move_element(to_memory, memory + stride, tile + size, size);
        move_element(to_memory, memory + 2 * stride, tile + 2 * size, size);
        move_element(to_memory, memory + 3 * stride, tile + 3 * size, size);
    }
    for (; width; width--, memory += stride, tile += size) move_element(to_memory, memory, tile, size);
}

/* Compilers make vectors of it. */
static ALWAYS_INLINE void reverse(char *__restrict to, const char *__restrict from, size_t width, size_t size) {
    for (size_t i = 0; i < width; i++) memcpy(to + (width - 1 - i) * size, from + i * size, size);
}

/* Writes elements to every second place from memory on, upwards or downwards; returns how many: those that fill vectors. */
#if defined(HAS_SHUFFLES) && defined(STORE_PLACES_32)
#define TWICE_2(i) (i), (i), (i) + 1, (i) + 1
#define TWICE_4(i) TWICE_2(i), TWICE_2((i) + 2)
#define TWICE_8(i) TWICE_4(i), TWICE_4((i) + 4)
#define TWICE_16(i) TWICE_8(i), TWICE_8((i) + 8)

#define DEFINE_SPREAD(name, element, store, places, lower, upper)                          \
    static ALWAYS_INLINE void name(char *to, const char *from, int odd) {                  \
        typedef element vector __attribute__((vector_size(VECTOR_BYTES)));                 \
        vector all;                                                                        \
        memcpy(&all, from, sizeof all);                                                    \
        store(to, (places) << odd, __builtin_shufflevector(all, all, lower));              \
        store(to + sizeof all, (places) << odd, __builtin_shufflevector(all, all, upper)); \
    }
DEFINE_SPREAD(spread_of_16, uint16_t, STORE_PLACES_16, 0x55555555u, LIST(TWICE_16(0)), LIST(TWICE_16(16)))
DEFINE_SPREAD(spread_of_32, uint32_t, STORE_PLACES_32, 0x5555u, LIST(TWICE_8(0)), LIST(TWICE_8(8)))
DEFINE_SPREAD(spread_of_64, uint64_t, STORE_PLACES_64, 0x55u, LIST(TWICE_4(0)), LIST(TWICE_4(4)))

static ALWAYS_INLINE size_t spread_row(char *memory, int down, const char *tile, size_t width, size_t size) {
    const size_t side = VECTOR_BYTES / size, whole = width / side * side;
    const int odd = (uintptr_t)memory % (2 * size) == size;
    for (size_t i = 0; i < whole; i += side) {
        char *const to = (down ? memory - (i + side - 1) * 2 * size : memory + i * 2 * size) - (odd ? size : 0);
        char turned[VECTOR_BYTES];
        if (down) reverse(turned, tile + i * size, side, size);
        const char *const from = down ? turned : tile + i * size;
        if (size == 2) spread_of_16(to, from, odd);
        if (size == 4) spread_of_32(to, from, odd);
        if (size == 8) spread_of_64(to, from, odd);
    }
    return whole;
}
#else
static ALWAYS_INLINE size_t spread_row(char *memory, int down, const char *tile, size_t width, size_t size) {
    (void)memory, (void)down, (void)tile, (void)width, (void)size;
    return 0;
}
#endif

/* How many elements there are before the first that a vector in memory begins or, downwards, ends with. */
static ALWAYS_INLINE size_t before_vectors(const char *memory, int down, size_t places, size_t size) {
    const size_t bytes = (down ? (uintptr_t)memory + size : 0 - (uintptr_t)memory) % VECTOR_BYTES;
    return (bytes + (places - 1) * size) / (places * size) % (VECTOR_BYTES / (places * size));
}

static ALWAYS_INLINE void move_row(int to_memory, char *memory, ptrdiff_t stride, char *tile, size_t width,
                                   size_t size) {
    const size_t distance = fi_distance(stride);
    const int down = stride < 0;
    if (distance == size && !down) {
        fi_copy_row(to_memory ? memory : tile, to_memory ? tile : memory, width * size);
        return;
    }
    if (distance == size && !to_memory) {
        reverse(tile, memory - (width - 1) * size, width, size);
        return;
    }
    if (distance == size || (distance == 2 * size && to_memory)) {
        const size_t before = before_vectors(memory, down, distance / size, size);
        const size_t first = before < width ? before : width;
        move_elements(to_memory, memory, stride, tile, first, size);
        memory += (ptrdiff_t)first * stride;
        tile += first * size;
        width -= first;
        if (width && distance == size) {
            reverse(memory - (width - 1) * size, tile, width, size);
            return;
        }
        const size_t spread_out = spread_row(memory, down, tile, width, size);
        memory += (ptrdiff_t)spread_out * stride;
        tile += spread_out * size;
        width -= spread_out;
    }
    move_elements(to_memory, memory, stride, tile, width, size);
}

/* ---- Tiles --------------------------------------------------------------------------------------------------------- */

/* Whether memory runs down the columns from one row to the next. */
static int side_by_side(char *const *rows, size_t size) { return rows[1] - rows[0] == (ptrdiff_t)size; }

static ALWAYS_INLINE void move_tile(int to_memory, const fi_move *move, size_t size) {
    const ptrdiff_t stride = move->stride, tile_stride = (ptrdiff_t)(move->width * size);
    const size_t count = move->count, width = move->width;
    char *const *rows = move->rows, *tile = move->tile;
    if (count == 1 || fi_distance(rows[1] - rows[0]) >= fi_distance(stride)) {
        for (size_t r = 0; r < count; r++, tile += tile_stride) move_row(to_memory, rows[r], stride, tile, width, size);
        return;
    }
    for (size_t r = 0, n; r < count; r += n, rows += n, tile += (ptrdiff_t)n * tile_stride) {
        const size_t left = count - r;
        for (n = 1; n < left && side_by_side(rows + n - 1, size);) n++;
        if (n > 1) {
            if (n == 2 && stride == 2 * (ptrdiff_t)size) {
                move_pairs(to_memory, rows[0], tile, width, size);
            } else if (to_memory) {
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

static void scatter(const fi_move *move) {
    if (move->size == 2) move_tile(1, move, 2);
    if (move->size == 4) move_tile(1, move, 4);
    if (move->size == 8) move_tile(1, move, 8);
}

static void gather(const fi_move *move) {
    if (move->size == 2) move_tile(0, move, 2);
    if (move->size == 4) move_tile(0, move, 4);
    if (move->size == 8) move_tile(0, move, 8);
}
