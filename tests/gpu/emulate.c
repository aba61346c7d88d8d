/* The kernels of src/gpu/fill.cu on a host: the same source, run thread by thread. */
#include "gpu/fill.cu"

#define EACH_THREAD(call)                                              \
    for (uint32_t group = 0; group < groups; group++) {                \
        for (uint32_t thread = 0; thread < FI_GPU_THREADS; thread++) { \
            call;                                                      \
        }                                                              \
    }

/* The forms of a dtype; those of words are those of floats of the same size. */
#define DEFINE_DTYPE(real, dtype)                                                                  \
    static void run_##dtype(fi_gpu_form form, fi_draw draw, int adds, uint32_t groups, void **p) { \
        switch (form) {                                                                            \
        case FI_GPU_RANGE:                                                                         \
            EACH_THREAD(real##_range(draw, FI_##dtype, adds, p[0], p[1], group, thread))           \
            break;                                                                                 \
        case FI_GPU_REGION:                                                                        \
            EACH_THREAD(real##_region(draw, FI_##dtype, adds, p[0], p[1], group, thread))          \
            break;                                                                                 \
        case FI_GPU_BLOCKS:                                                                        \
            EACH_THREAD(real##_blocks(draw, FI_##dtype, adds, p[0], p[1], p[2], group, thread))    \
            break;                                                                                 \
        case FI_GPU_RANGES:                                                                        \
            EACH_THREAD(real##_ranges(draw, FI_##dtype, adds, p[0], p[1], group, thread))          \
            break;                                                                                 \
        case FI_GPU_CONSTANT: /* of no dtype */                                                    \
            break;                                                                                 \
        }                                                                                          \
    }
DEFINE_DTYPE(f32, FLOAT32)
DEFINE_DTYPE(f64, FLOAT64)
DEFINE_DTYPE(f32, FLOAT16)
DEFINE_DTYPE(f32, BFLOAT16)

/* What a launch does: so many groups of the kernel of a form, a draw and a dtype, or, of a constant, a size. */
void emulate(int form, int draw, int dtype_or_size, int adds, uint32_t groups, void **parameters) {
    if (form == FI_GPU_CONSTANT) {
        EACH_THREAD(constant(dtype_or_size, parameters[0], parameters[1], group, thread))
        return;
    }
    switch ((fi_dtype)dtype_or_size) {
    case FI_UINT32:
    case FI_FLOAT32:
        run_FLOAT32((fi_gpu_form)form, (fi_draw)draw, adds, groups, parameters);
        break;
    case FI_UINT64:
    case FI_FLOAT64:
        run_FLOAT64((fi_gpu_form)form, (fi_draw)draw, adds, groups, parameters);
        break;
    case FI_FLOAT16:
        run_FLOAT16((fi_gpu_form)form, (fi_draw)draw, adds, groups, parameters);
        break;
    case FI_BFLOAT16:
        run_BFLOAT16((fi_gpu_form)form, (fi_draw)draw, adds, groups, parameters);
        break;
    case FI_DTYPES:
        break;
    }
}
