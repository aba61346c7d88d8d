/* What scale.c and truncated.c share: how the constants of a fill round. Inside the standard floating-point environment. */
#ifndef FASTINIT_CONSTANTS_H
#define FASTINIT_CONSTANTS_H

#include "core.h"

/* The greatest number of the compute type that the dtype does not round to an infinity; integers hold none. */
extern const double fi_greatest[FI_DTYPES];

/* value as the dtype's compute type holds it. */
double fi_rounded(fi_dtype dtype, double value);

/* The numbers of the compute type that are nearest to the ends of [*least, *most] inside it, or, where none is, to *least. */
void fi_round_inwards(fi_dtype dtype, double *least, double *most);

/* Sets the draw, and scale, shift and limits to what changes nothing. */
void fi_set_draw(fi_fill *fill, fi_draw draw);

/* Makes every value of the fill the same. */
void fi_set_constant(fi_fill *fill, double value);

#endif
