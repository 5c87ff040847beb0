#ifndef SPARETO_CONV_H
#define SPARETO_CONV_H
#include "vec.h"
/* A convolution of N images, channels-last; OC is padded to a multiple of 16. */
typedef struct {
    int32_t N, H, W, C, OH, OW, OC, KH, KW, SH, SW, PH, PW;
} conv_shape;

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
