/*
 * What a thread does in each form of a launch, over values.h and the packs of fill.cu; included once for each compute type. The
 * draw, the dtype and whether values are added are known where a kernel is compiled.
 */

/* Pairs that are drawn side by side: those of a pack at least. */
enum { OP(PAIRS) = FI_GPU_PAIRS < OP(PACK_MAX) / 2 ? OP(PACK_MAX) / 2 : FI_GPU_PAIRS };

/* The values of n pairs of words, a step of each in turn: they share coefficients, and wait for each other's results. */
LANE void OP(values_of_pairs)(fi_draw draw, int n, const OP(pair) * pair, const OP(constants) * c, OP(scalar) * v) {
    if (draw == FI_NORMAL || draw == FI_NORMAL_PAIRED) {
        OP(box_muller) transform[OP(PAIRS)];
        UNROLLED for (int step = 0; step < OP_(BOX_MULLER_STEPS); step++) {
            UNROLLED for (int i = 0; i < n; i++) OP(box_muller_step)(&transform[i], step, pair[i].even, pair[i].odd);
        }
        UNROLLED for (int i = 0; i < n; i++) OP(normals_of)(&transform[i], c, &v[2 * i], &v[2 * i + 1]);
        return;
    }
    UNROLLED for (int i = 0; i < n; i++) {
        v[2 * i] = draw == FI_BITS ? OP(of_word)(pair[i].even) : OP(value_of)(draw, pair[i].even, c);
        v[2 * i + 1] = draw == FI_BITS ? OP(of_word)(pair[i].odd) : OP(value_of)(draw, pair[i].odd, c);
    }
}

/* The values of n packs, whose first blocks are `apart` from each other. */
LANE void OP(draw_packs)(fi_draw draw, fi_dtype dtype, int n, uint64_t block, unsigned apart,
                         const fi_gpu_stream *stream, const fi_gpu_keys *keys, const OP(constants) * c,
                         OP(scalar) * v) {
    const int blocks = pack_elements(dtype) >> OP(BLOCK_SHIFT);
    OP(pair) pair[OP(PAIRS)];
    UNROLLED for (int i = 0; i < n * blocks; i++) {
        const block_words words = philox(block + (unsigned)(i / blocks) * apart + (unsigned)(i % blocks), stream, keys);
        OP(pairs_of)(&words, pair + i * OP(BLOCK_PAIRS));
    }
    OP(values_of_pairs)(draw, n * blocks * OP(BLOCK_PAIRS), pair, c, v);
}

/* A pack at once, of memory that is aligned to it. */
LANE void OP(put_pack)(fi_dtype dtype, int adds, char *to, OP(scalar) * v) {
    if (adds) {
        const fi_gpu_value there = load_pack(to);
        OP(add_pack)(dtype, &there, v);
    }
    const fi_gpu_value packed = OP(packed)(dtype, v);
    store_pack(to, &packed);
}

/* Pack number `number` of a row: count elements of the stream from `first` on, which lie at data. As far as it is of the row. */
LANE void OP(fill_pack)(fi_draw draw, fi_dtype dtype, int adds, const fi_gpu_keys *keys, const fi_gpu_stream *stream,
                        const OP(constants) * c, uint64_t first, uint64_t count, int64_t stride, char *data,
                        uint64_t number) {
    const int elements = pack_elements(dtype), size = element_size(dtype);
    const uint64_t block = (first >> OP(BLOCK_SHIFT)) + number * (unsigned)(elements >> OP(BLOCK_SHIFT));
    const int64_t from = (int64_t)((block << OP(BLOCK_SHIFT)) - first); /* counted from the row's first */
    if (from >= (int64_t)count) return;
    OP(scalar) v[OP(PACK_MAX)];
    OP(draw_packs)(draw, dtype, 1, block, 0, stream, keys, c, v);
    char *const to = data + from * stride;
    if (from >= 0 && from + elements <= (int64_t)count && stride == size && is_aligned(to)) {
        OP(put_pack)(dtype, adds, to, v);
        return;
    }
    UNROLLED for (int i = 0; i < elements; i++) {
        if (from + i < 0 || from + i >= (int64_t)count) continue;
        OP(put)(dtype, adds, to + i * stride, v[i]);
    }
}

/* Several packs of a range, a group's apart. Where all are within it they need no more checks: all but the first and last groups. */
LANE void OP(range)(fi_draw draw, fi_dtype dtype, int adds, const fi_gpu_range *range, const OP(constants) * c,
                    uint32_t group, uint32_t thread) {
    const fi_gpu_part *const part = &range->part;
    const unsigned blocks = (unsigned)(pack_elements(dtype) >> OP(BLOCK_SHIFT)), apart = FI_GPU_THREADS * blocks;
    const uint64_t number = (uint64_t)group * (FI_GPU_THREADS * FI_GPU_PACKS) + thread;
    const uint64_t block = (part->first >> OP(BLOCK_SHIFT)) + number * blocks;
    const int64_t from = (int64_t)((block << OP(BLOCK_SHIFT)) - part->first);
    const int64_t end = from + (int64_t)(FI_GPU_THREADS * (FI_GPU_PACKS - 1) + 1) * pack_elements(dtype);
    const int at_once = 2 * FI_GPU_PAIRS / pack_elements(dtype), at_least = at_once < 1 ? 1 : at_once;
    const int together = at_least < FI_GPU_PACKS ? at_least : FI_GPU_PACKS; /* packs */
    char *const to = part->data + from * element_size(dtype);
    if (from >= 0 && end <= (int64_t)part->count && is_aligned(to)) {
        UNROLLED for (int i = 0; i < FI_GPU_PACKS; i += together) {
            OP(scalar) v[2 * OP(PAIRS)];
            OP(draw_packs)(draw, dtype, together, block + (unsigned)i * apart, apart, &part->stream, &range->keys, c,
                           v);
            UNROLLED for (int j = 0; j < together; j++) {
                char *const at = to + (i + j) * FI_GPU_THREADS * FI_GPU_PACK_BYTES;
                OP(put_pack)(dtype, adds, at, v + j * pack_elements(dtype));
            }
        }
        return;
    }
    ROLLED for (int i = 0; i < FI_GPU_PACKS; i++) {
        OP(fill_pack)(draw, dtype, adds, &range->keys, &part->stream, c, part->first, part->count, element_size(dtype),
                      part->data, number + (unsigned)(i * FI_GPU_THREADS));
    }
}

typedef struct {
    OP(constants) of[FI_GPU_PARTS_MAX];
} OP(constants_list);

LANE void OP(ranges)(fi_draw draw, fi_dtype dtype, int adds, const fi_gpu_ranges *ranges, const OP(constants_list) * c,
                     uint32_t group, uint32_t thread) {
    const uint64_t number = (uint64_t)group * FI_GPU_THREADS + thread;
    int i = 0;
    if (number >= ranges->packs) return;
    ROLLED for (int end = ranges->parts; end - i > 1;) { /* the part that the pack is of */
        const int middle = (i + end) / 2;
        if (ranges->part[middle].packs_before <= number) {
            i = middle;
        } else {
            end = middle;
        }
    }
    const fi_gpu_part *const part = &ranges->part[i];
    OP(fill_pack)(draw, dtype, adds, &ranges->keys, &part->stream, &c->of[i], part->first, part->count,
                  element_size(dtype), part->data, number - part->packs_before);
}

LANE void OP(region)(fi_draw draw, fi_dtype dtype, int adds, const fi_gpu_region *region, const OP(constants) * c,
                     uint32_t group, uint32_t thread) {
    const uint32_t number = group * FI_GPU_THREADS + thread;
    if (number >= region->threads) return;
    const row r = row_of(region, number, -1);
    OP(fill_pack)(draw, dtype, adds, &region->keys, &region->stream, c, r.first, region->count, region->stride, r.data,
                  r.pack);
}

LANE void OP(blocks)(fi_draw draw, fi_dtype dtype, int adds, const fi_gpu_region *region, const fi_gpu_streams *streams,
                     const OP(constants) * c, uint32_t group, uint32_t thread) {
    const uint32_t number = group * FI_GPU_THREADS + thread;
    if (number >= region->threads) return;
    const row r = row_of(region, number, streams->axis);
    const fi_gpu_stream stream =
        fi_gpu_stream_of(streams->listed ? streams->number[r.number] : streams->first + r.number * streams->step);
    OP(fill_pack)(draw, dtype, adds, &region->keys, &stream, c, r.first, region->count, region->stride, r.data, r.pack);
}
