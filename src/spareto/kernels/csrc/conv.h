#ifndef SPARETO_CONV_H
#define SPARETO_CONV_H
#include "vec.h"
/* A convolution of N images, channels-last; OC is padded to a multiple of 16. */
typedef struct {
    int32_t N, H, W, C, OH, OW, OC, KH, KW, SH, SW, PH, PW;
} conv_shape;

/* Adds up `count` groups of NV (at most 4) vectors of y, `stride` floats apart, and their squares.  The squares are taken
 * about the mean of these vectors and moved to 0 in double, so that a variance far below the mean survives. */
AI void sum_channels(const int NV, const float *y, int64_t stride, int count, double *sum, double *squares) {
    fv s[4], q[4], mean[4];
#pragma GCC unroll 4
    for (int k = 0; k < NV; k++) s[k] = q[k] = fv_zero();
    for (int x = 0; x < count; x++)
#pragma GCC unroll 4
        for (int k = 0; k < NV; k++) s[k] += LD(fv, y + x * stride + VL * k);
#pragma GCC unroll 4
    for (int k = 0; k < NV; k++) mean[k] = s[k] * (1.f / (float)count);
    for (int x = 0; x < count; x++)
#pragma GCC unroll 4
        for (int k = 0; k < NV; k++) {
            fv d = LD(fv, y + x * stride + VL * k) - mean[k];
            q[k] += d * d;
        }
    /* sum of squares = q + 2 mean s - count mean^2, whatever the rounding of mean */
    for (int k = 0; k < NV; k++)
        for (int j = 0; j < VL; j++) {
            double m = mean[k][j];
            sum[k * VL + j] += s[k][j], squares[k * VL + j] += q[k][j] + m * (2.0 * s[k][j] - count * m);
        }
}

/* A gradient of y as k0 dz + k1 y + k2, the backward of batch norm, so that it need never be written; y NULL: dz itself. */
typedef struct {
    const float *dz, *y, *k0, *k1, *k2;
} gradient;

/* The gradient at `at`, channel o. */
AI fv gradient_at(const gradient *g, int64_t at, int o) {
    fv v = LD(fv, g->dz + at);
    if (g->y) v = LD(fv, g->k0 + o) * v + LD(fv, g->k1 + o) * LD(fv, g->y + at) + LD(fv, g->k2 + o);
    return v;
}
#endif
