#ifndef SPARETO_CONV_H
#define SPARETO_CONV_H
#include "vec.h"
/* A convolution of N images, channels-last; OC is padded to a multiple of 16.  S, P, D: stride, padding before the
 * first pixel (what lies behind the last one follows from OH and OW), dilation. */
typedef struct {
    int32_t N, H, W, C, OH, OW, OC, KH, KW, SH, SW, PH, PW, DH, DW, groups;
} conv_shape;

static inline int imax(int a, int b) { return a > b ? a : b; }
static inline int imin(int a, int b) { return a < b ? a : b; }

/* Groups: a block of B output channels from oc0 on meets inputs c0 .. c1, those of the groups it touches.  Its weights
 * are dense over them, with zeros where an input is of another group; OC is not padded. */
AI void inputs_of(const conv_shape *s, int OC, int oc0, int B, int *c0, int *c1) {
    int each = OC / s->groups, inputs = s->C / s->groups;
    *c0 = oc0 / each * inputs, *c1 = ((imin(oc0 + B, OC) - 1) / each + 1) * inputs;
}
/* The most inputs that a block meets. */
AI int most_inputs(const conv_shape *s, int OC, int B) {
    int most = 0;
    for (int o = 0, c0, c1; o < OC; o += B) {
        inputs_of(s, OC, o, B, &c0, &c1);
        most = imax(most, c1 - c0);
    }
    return most;
}
/* What of word k of a pixel's spikes is of inputs c0 .. c1. */
AI uint64_t inputs_in(uint64_t word, int k, int c0, int c1) {
    if (k == c0 / 64) word &= ~0ull << c0 % 64;
    if (k == (c1 - 1) / 64) word &= ~0ull >> (63 - (c1 - 1) % 64);
    return word;
}

/* Adds up `count` groups of NV (at most 4) vectors of y, `stride` floats apart, and their squares.  The squares are
 * taken about the mean of these vectors and moved to 0 in double, so that a variance far below the mean survives. */
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

/* A gradient of y as k0 dz + k1 y + k2, the backward of batch norm, so that it need never be written; y NULL: dz
 * itself. */
typedef struct {
    const float *dz, *y, *k0, *k1, *k2;
} gradient;

/* The gradient at `at`, channel o. */
AI fv gradient_at(const gradient *g, int64_t at, int o) {
    fv v = LD(fv, g->dz + at);
    if (g->y) v = LD(fv, g->k0 + o) * v + LD(fv, g->k1 + o) * LD(fv, g->y + at) + LD(fv, g->k2 + o);
    return v;
}

/* Narrow groups and single inputs have kernels of their own (grouped.c, depthwise.c). */
void grouped_forward(const uint64_t *bits, const float *p, float *y, double *sums, const conv_shape *s, int OC, int C,
                     int threads);
void depthwise_forward(const uint64_t *bits, const float *w, float *y, double *sums, const conv_shape *s, int OC,
                       int threads);
void depthwise_wgrad(const uint64_t *bits, const gradient *g, float *dw, const conv_shape *s, int OC, int threads);
#endif
