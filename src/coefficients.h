/* Made by tools/coefficients.sollya; change it there. */
/* clang-format off */
#ifndef FASTINIT_COEFFICIENTS_H
#define FASTINIT_COEFFICIENTS_H

/* -2 ln(1 + x) = -2 x + x^2 (c[0] + c[1] x + ...), degree 10,
   x in [-1/2, 0], relative error at most 2^-27.97 */
static const float F32_LN[] = {
    0x1.00001ep0f,
    -0x1.5542fcp-1f,
    0x1.01e912p-1f,
    -0x1.684528p-2f,
    0x1.5bf768p-1f,
    0x1.2ebf3ap0f,
    0x1.f8077cp1f,
    0x1.3caf3cp2f,
    0x1.be09bap1f,
};
static const float F32_MINUS_TWO_LN2 = -0x1.62e43p0f;

/* sin(pi/2 x) = F32_HALF_PI x + x (c[0] + c[1] x^2 + ...), degree 7,
   x in [-1/2, 1/2], relative error at most 2^-28.13 */
static const float F32_SIN[] = {
    -0x1.9e5ee2p-25f,
    -0x1.4abbbap-1f,
    0x1.465edcp-4f,
    -0x1.2d9e5ap-8f,
};
static const float F32_HALF_PI = 0x1.921fb6p0f;

/* cos(pi/2 x) = 1 + x^2 (c[0] + c[1] x^2 + ...), degree 8,
   x in [-1/2, 1/2], absolute error at most 2^-30.97 */
static const float F32_COS[] = {
    -0x1.3bd3ccp0f,
    0x1.03c1b6p-2f,
    -0x1.55b684p-6f,
    0x1.d61e28p-11f,
};

/* -2 ln(1 + x) = -2 x + x^2 (c[0] + c[1] x + ...), degree 20,
   x in [-1/2, 0], relative error at most 2^-54.42 */
static const double F64_LN[] = {
    0x1.0000000000177p0,
    -0x1.555555551b0ap-1,
    0x1.0000001982803p-1,
    -0x1.99998e382d18ep-2,
    0x1.5556dba275c85p-2,
    -0x1.246fd50efced8p-2,
    0x1.021ffafb2cdbbp-2,
    -0x1.965bdf138266cp-3,
    0x1.9d73c964dca9ep-2,
    0x1.2496abc957d0fp0,
    0x1.b1e0f40678305p2,
    0x1.94f19211b7f9cp4,
    0x1.2eb4ac6ef10ep6,
    0x1.56276e8b7d5p7,
    0x1.23a1660ecabb1p8,
    0x1.69761a873df61p8,
    0x1.3586931958706p8,
    0x1.4829056a3f80bp7,
    0x1.4a3a03a610e14p5,
};
static const double F64_MINUS_TWO_LN2 = -0x1.62e42fefa39efp0;

/* sin(pi/2 x) = F64_HALF_PI x + x (c[0] + c[1] x^2 + ...), degree 13,
   x in [-1/2, 1/2], relative error at most 2^-58.05 */
static const double F64_SIN[] = {
    0x1.0361ce1ffa7a7p-54,
    -0x1.4abbce625be41p-1,
    0x1.466bc67758771p-4,
    -0x1.32d2cce2dbc1cp-8,
    0x1.50782fcfe9cd6p-13,
    -0x1.e300684df1d2ap-19,
    0x1.e3f04d508dcb3p-25,
};
static const double F64_HALF_PI = 0x1.921fb54442d18p0;

/* cos(pi/2 x) = 1 + x^2 (c[0] + c[1] x^2 + ...), degree 14,
   x in [-1/2, 1/2], absolute error at most 2^-61.2 */
static const double F64_COS[] = {
    -0x1.3bd3cc9be45dep0,
    0x1.03c1f081b5a65p-2,
    -0x1.55d3c7e3c2d7cp-6,
    0x1.e1f5067b05ae7p-11,
    -0x1.a6d1e6b560f58p-16,
    0x1.f9c840f8b10b9p-22,
    -0x1.b14b6a5c553adp-28,
};

#endif
