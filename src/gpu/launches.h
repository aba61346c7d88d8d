/* The launches that a fill on a GPU takes: what the host does about it. The rest, from kernels to drivers, is Python's. */
#ifndef FASTINIT_GPU_LAUNCHES_H
#define FASTINIT_GPU_LAUNCHES_H

#include "launch.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Launches so many groups of the kernel of a form, of the fill's draw and dtype, with these parameters: the addresses of each
 * one, which live until it returns. Anything but 0 ends the fill, which returns it.
 */
typedef int fi_gpu_launcher(void *context, fi_gpu_form form, uint32_t groups, void **parameters);

/* The form that a task's launches have; of a small one, too, that is launched with others. */
fi_gpu_form fi_gpu_form_of(const fi_task *task);

/*
 * Launches what fills a region of a device's memory, at most threads_max threads in a launch of rows, 2^31 - 1 or fewer. The
 * fill is a draw, or a constant of 1, 2, 4, 8 or 16 bytes; all elements lie at multiples of their size, as GPUs need it.
 */
int fi_gpu_fill(const fi_task *task, uint64_t threads_max, fi_gpu_launcher *launch, void *context);

/* Whether a task is one that is best launched with others of its draw, dtype and accumulate, whatever their streams. */
int fi_gpu_is_small(const fi_task *task);

/* Launches such tasks, all of one seed, and of one draw, dtype and accumulate. */
int fi_gpu_fill_small(const fi_task *const *tasks, size_t count, fi_gpu_launcher *launch, void *context);

#ifdef __cplusplus
}
#endif
#endif
