/* What the core knows of each dtype. */
#include "constants.h"
#include "fill.h"

const fi_format fi_formats[FI_DTYPES] = {
#define FI_DTYPE(NAME, name, kind, size, real, ...) [FI_##NAME] = {FI_##real, size, FI_##real == FI_F64 ? 1 : 2},
#include "dtypes.def"
};

const double fi_greatest[FI_DTYPES] = {
#define FI_DTYPE(NAME, name, kind, size, real, greatest, ...) [FI_##NAME] = greatest,
#include "dtypes.def"
};

const char *fi_dtype_name(fi_dtype dtype) {
    static const char *const names[FI_DTYPES] = {
#define FI_DTYPE(NAME, name, ...) [FI_##NAME] = #name,
#include "dtypes.def"
    };
    return names[dtype];
}

double fi_normal_reach(fi_dtype dtype) { return fi_reach_of_normals(dtype); }
