#ifndef SPARETO_SHAPE_H
#define SPARETO_SHAPE_H
#include "memory.h"
/* A convolution of N images, channels-last; OC is padded to a multiple of 16.  S, P, D: stride, padding before the
 * first pixel (what lies behind the last one follows from OH and OW), dilation. */
typedef struct {
    int32_t N, H, W, C, OH, OW, OC, KH, KW, SH, SW, PH, PW, DH, DW, groups;
} conv_shape;

static inline int imax(int a, int b) { return a > b ? a : b; }
static inline int imin(int a, int b) { return a < b ? a : b; }

/* Whether a convolution is one, and what the kernels count in 32 bits fits in them: places inside an image, byte
 * offsets inside an image row of spikes or a kernel row of weights, jobs.  Weights and batches may be larger. */
static inline int conv_fits(const conv_shape *s, int OC, int threads) {
    if (s->N < 0 || s->H < 0 || s->W < 0 || s->C < 0 || s->OH < 0 || s->OW < 0 || OC < 0 || s->PH < 0 || s->PW < 0)
        return 0;
    if (s->KH < 1 || s->KW < 1 || s->SH < 1 || s->SW < 1 || s->DH < 1 || s->DW < 1 || s->groups < 1 || threads < 1)
        return 0;
    if (s->OC < OC || s->OC % 16 || s->C % s->groups || OC % s->groups || threads > MOST_THREADS) return 0;
    int64_t high = times(s->DH, s->KH) + times(s->OH, s->SH) + s->H + s->PH;
    int64_t wide = times(s->DW, s->KW) + times(s->OW, s->SW) + s->W + s->PW + (int64_t)2 * s->KW;
    int64_t taps = times(s->KH, s->KW), words = ((int64_t)s->C + 63) / 64;
    if (high > MOST / 64 || wide > MOST / 64 || s->KH > 1 << 12 || s->N > MOST / 4) return 0;
    return times(times(s->H, s->W), 64 * words) <= MOST && times(times(s->OH, s->OW), s->OC) <= MOST &&
           times(times(s->W, s->C), 256) <= MOST && times(times(taps, s->C), 256) <= MOST &&
           times(times(times(s->DH, s->KH), wide), 64) <= MOST && times(taps, s->OC) <= MOST;
}
/* Whether nothing is to be summed. */
AI int conv_empty(const conv_shape *s, int OC) { return !(s->N && s->H && s->W && s->C && s->OH && s->OW && OC); }
AI int64_t conv_weights(const conv_shape *s, int OC) { return times(times(OC, s->C / s->groups), times(s->KH, s->KW)); }

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

/* A convolution by events, made once for all its rows (conv.c): packed weights, and where things lie in the scratch of
 * a thread, `each` bytes.  A thread may be given at most as many rows together as it was made for. */
typedef struct {
    const conv_shape *s;
    float *w; /* to be freed; NULL without memory */
    int OC, B, C, tall, scatter, small;
    size_t each, keys_at, ptr_at, row_at;
} conv_plan;

int conv_plan_make(conv_plan *plan, const conv_shape *s, const float *w, int OC, int64_t events, int rows);
/* Output rows r0 .. r1 of image n to y; their channel sums, and those of the squares, are added to sums, if given. */
void conv_rows(const conv_plan *plan, const uint64_t *bits, int n, int r0, int r1, float *y, double *sums,
               char *scratch);

/* Geometry of neurons and pooling behind sums (block.c): C padded, channels real; max windows, then windows of the
 * average, each its own stride. */
typedef struct {
    int32_t T, B, H, W, C, channels, KH, KW, AH, AW;
} block_shape;

int block_fits(const block_shape *s, int threads);
/* Floats that neurons of one sample are run with, their states among them. */
int64_t block_floats(const block_shape *s, int flags);
/* Some timesteps of one sample: from the states that lie in `state`, or from the start; bits are those of the shape. */
void block_steps(const block_shape *s, const float *y, const float *a, const float *b, uint64_t *bits, const float *k,
                 int flags, int fresh, float *state);

/* Narrow groups and single inputs have kernels of their own (grouped.c, depthwise.c). */
int grouped_forward(const uint64_t *bits, const float *p, float *y, double *sums, const conv_shape *s, int OC, int C,
                    int threads);
int depthwise_forward(const uint64_t *bits, const float *w, float *y, double *sums, const conv_shape *s, int OC,
                      int threads);
int depthwise_wgrad(const uint64_t *bits, const gradient *g, float *dw, const conv_shape *s, int OC, int threads);
#endif
