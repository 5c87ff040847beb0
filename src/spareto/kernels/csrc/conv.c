/* Event-driven convolution: spikes as bits in, float32 sums out, exact.
 *
 * gather: an image row's active inputs are listed as keys (x, c).  The inputs one output pixel sees in one kernel row
 * are a CONTIGUOUS range of that list, and [kx][c] of the packed weights is contiguous too, so im2col costs nothing.
 * Output channels go in blocks narrow enough that the weights of one kernel row stay in L1: the loop is bound by loads
 * of weights.  Dilated, a kernel row falls into KW ranges of one pixel; grouped, each set of inputs that blocks share
 * has its list.
 *
 * scatter: with few events a pixel, each event adds its weights to the outputs it reaches; no loop over silent pixels.
 */
#include "shape.h"
#define STRIP 8 /* output rows a kernel row's weights are reused for */
#define L1_BYTES (26 << 10)

AI void add_row(const int NV, fv *acc, const char *w) {
#pragma GCC unroll 8
    for (int j = 0; j < NV; j++) acc[j] += LD(fv, w + VB * j);
}
/* Sum of the weight rows of keys [k, e): two independent sums hide the latency of the addition. */
AI void sum_keys(const int NV, fv *acc, const char *w, const int32_t *k, const int32_t *e) {
    if (NV > 2) {
        for (; k < e; k++) add_row(NV, acc, w + *k);
        return;
    }
    fv odd[2];
#pragma GCC unroll 8
    for (int j = 0; j < NV; j++) odd[j] = (fv){0};
    for (; k + 1 < e; k += 2) add_row(NV, acc, w + k[0]), add_row(NV, odd, w + k[1]);
    if (k < e) add_row(NV, acc, w + k[0]);
#pragma GCC unroll 8
    for (int j = 0; j < NV; j++) acc[j] += odd[j];
}
/* Keys of inputs c0 .. c1 of one image row, `step` inputs a pixel, scaled to byte offsets; ptr[x]..ptr[x + 1] are those
 * of pixel x. */
static int list_row(const uint64_t *row, const conv_shape *s, int c0, int c1, int step, int bytes, int32_t *keys,
                    int32_t *ptr, int n) {
    int CW = (s->C + 63) / 64;
    for (int x = 0; x < s->W; x++) {
        ptr[x] = n;
        for (int k = c0 / 64; k <= (c1 - 1) / 64; k++) {
            uint64_t m = row[x * CW + k];
            if (s->groups > 1) m = inputs_in(m, k, c0, c1);
            for (; m; m &= m - 1) keys[n++] = (x * step + k * 64 + __builtin_ctzll(m) - c0) * bytes;
        }
    }
    ptr[s->W] = n;
    return n;
}
/* A finished row of one block of channels: to y, and into the sums for batch norm if there are any. */
AI void finish_row(const int NV, const float *row, float *y, double *stat, int OW, int OC) {
    for (int x = 0; x < OW; x++)
#pragma GCC unroll 8
        for (int j = 0; j < NV; j++) ST(fv, y + (int64_t)x * OC + VL * j) = LD(fv, row + x * NV * VL + VL * j);
#pragma GCC unroll 8
    for (int j = 0; stat && j < NV; j += 4)
        sum_channels(NV < 4 ? NV : 4, row + VL * j, NV * VL, OW, stat + VL * j, stat + OC + VL * j);
}

/* Keys that output pixel x sees in KW columns of one kernel row; 0 if there are none. *first is the input pixel of the
 * first. */
AI int keys_of(const int W, const int KW, const int SW, const int PW, const int32_t *keys, const int32_t *ptr, int x,
               const int32_t **k, const int32_t **e, int *first) {
    *first = x * SW - PW;
    int a = *first < 0 ? 0 : *first, b = *first + KW < W ? *first + KW : W;
    if (a >= b) return 0;
    *k = keys + ptr[a], *e = keys + ptr[b];
    return *k < *e;
}
typedef struct {
    const float *w;
    float *y; /* of row r0 */
    double *stat;
    const int32_t *keys, *ptr;
    float *buf;
    int n, r0, r1, in0;
    int C, o0, o1; /* inputs of each block, blocks */
} Gather;

/* All weights of a block fit in L1: an output pixel is finished in registers. */
AI void gather_pixels(const int NV, const int KH, const int KW, const int SH, const int SW, const int DH, const int DW,
                      const conv_shape *s, const Gather *g) {
    const int B = NV * VL, C = g->C, OC = s->OC, RUN = DW == 1 ? KW : 1; /* columns in one range of keys */
    for (int r = g->r0; r < g->r1; r++)
        for (int oc0 = g->o0; oc0 < g->o1; oc0 += B) {
            const char *wb = (const char *)(g->w + (int64_t)oc0 * KH * KW * C);
            float *o = g->y + (int64_t)(r - g->r0) * s->OW * OC + oc0;
            for (int x = 0; x < s->OW; x++, o += OC) {
                fv acc[8];
#pragma GCC unroll 8
                for (int j = 0; j < NV; j++) acc[j] = (fv){0};
                for (int ky = 0; ky < KH; ky++) {
                    int iy = r * SH + ky * DH - s->PH, first;
                    const int32_t *k, *e;
                    if (iy < 0 || iy >= s->H) continue;
                    for (int kx = 0; kx < KW; kx += RUN)
                        if (keys_of(s->W, RUN, SW, s->PW - kx * DW, g->keys,
                                    g->ptr + (int64_t)(iy - g->in0) * (s->W + 1), x, &k, &e, &first))
                            sum_keys(NV, acc, wb + ((int64_t)ky * KW + kx - first) * C * B * 4, k, e);
                }
#pragma GCC unroll 8
                for (int j = 0; j < NV; j++) ST(fv, o + VL * j) = acc[j];
            }
            o -= (int64_t)s->OW * OC;
#pragma GCC unroll 8
            for (int j = 0; g->stat && j < NV; j += 4)
                sum_channels(NV < 4 ? NV : 4, o + VL * j, OC, s->OW, g->stat + oc0 + VL * j,
                             g->stat + OC + oc0 + VL * j);
        }
}
/* Only one kernel row's weights fit in L1: it meets a whole strip of rows before the next one comes. */
AI void gather_strips(const int NV, const int KH, const int KW, const int SH, const int SW, const int DH, const int DW,
                      const conv_shape *s, const Gather *g) {
    const int B = NV * VL, C = g->C, RUN = DW == 1 ? KW : 1;
    for (int oc0 = g->o0; oc0 < g->o1; oc0 += B)
        for (int q0 = g->r0; q0 < g->r1; q0 += STRIP) {
            int q1 = q0 + STRIP < g->r1 ? q0 + STRIP : g->r1;
            clear(g->buf, sizeof(float) * s->OW * B * (q1 - q0));
            for (int tap = 0; tap < KH * KW; tap += RUN)
                for (int r = q0; r < q1; r++) {
                    int ky = tap / KW, kx = tap % KW, iy = r * SH + ky * DH - s->PH, first;
                    if (iy < 0 || iy >= s->H) continue;
                    const char *wk = (const char *)(g->w + ((int64_t)oc0 * KH * KW + (int64_t)tap * B) * C);
                    const int32_t *p = g->ptr + (int64_t)(iy - g->in0) * (s->W + 1), *k, *e;
                    float *o = g->buf + (int64_t)(r - q0) * s->OW * B;
                    for (int x = 0; x < s->OW; x++, o += B) {
                        if (!keys_of(s->W, RUN, SW, s->PW - kx * DW, g->keys, p, x, &k, &e, &first)) continue;
                        fv acc[8];
#pragma GCC unroll 8
                        for (int j = 0; j < NV; j++) acc[j] = LD(fv, o + VL * j);
                        sum_keys(NV, acc, wk - (int64_t)first * C * B * 4, k, e);
#pragma GCC unroll 8
                        for (int j = 0; j < NV; j++) ST(fv, o + VL * j) = acc[j];
                    }
                }
            for (int r = q0; r < q1; r++) {
                finish_row(NV, g->buf + (int64_t)(r - q0) * s->OW * B,
                           g->y + (int64_t)(r - g->r0) * s->OW * s->OC + oc0, g->stat ? g->stat + oc0 : NULL, s->OW,
                           s->OC);
            }
        }
}
AI void gather(const int NV, const conv_shape *s, const Gather *g, int small) {
    int usual = s->KH == 3 && s->KW == 3 && s->SH == 1 && s->SW == 1 && s->DH == 1 && s->DW == 1; /* with constants */
    if (small && usual) gather_pixels(NV, 3, 3, 1, 1, 1, 1, s, g);
    else if (small) gather_pixels(NV, s->KH, s->KW, s->SH, s->SW, s->DH, s->DW, s, g);
    else if (usual) gather_strips(NV, 3, 3, 1, 1, 1, 1, s, g);
    else gather_strips(NV, s->KH, s->KW, s->SH, s->SW, s->DH, s->DW, s, g);
}
/* Stride 1; y is that of row r0.  w is [block][c][ky][kx reversed][block]; the ring holds the KH output rows in reach,
 * padded by KW - 1 pixels. */
AI void scatter_rows(const int NV, const conv_shape *s, const float *w, float *y, double *stat, int n, int r0, int r1,
                     const uint64_t *bits, float *ring) {
    const int B = NV * VL, CW = (s->C + 63) / 64, KW = s->KW, KH = s->KH;
    const int64_t stride = (int64_t)(s->W + 2 * KW) * B; /* floats a ring row */
    for (int oc0 = 0; oc0 < s->OC; oc0 += B) {
        const float *wb = w + (int64_t)oc0 * KH * KW * s->C;
        clear(ring, sizeof(float) * stride * KH);
        for (int iy = r0 - s->PH; iy < r1 - s->PH + KH - 1; iy++) {
            /* kernel row ky of input row iy meets output row iy + PH - ky */
            int ky0 = imax(0, iy + s->PH - r1 + 1), ky1 = imin(KH, iy + s->PH - r0 + 1);
            int slot0 = (iy + s->PH - ky0) % KH;
            if (iy >= 0 && iy < s->H) {
                const uint64_t *in = bits + ((int64_t)n * s->H + iy) * s->W * CW;
                for (int x = 0; x < s->W; x++)
                    for (int k = 0; k < CW; k++)
                        for (uint64_t m = in [x * CW + k]; m; m &= m - 1) {
                            const float *wc = wb + (int64_t)(k * 64 + __builtin_ctzll(m)) * KH * KW * B;
                            for (int ky = ky0, slot = slot0; ky < ky1; ky++, slot = slot ? slot - 1 : KH - 1) {
                                float *o = ring + slot * stride + (int64_t)(x + 1) * B;
                                for (int j = 0; j < KW * B; j += VL) ST(fv, o + j) += LD(fv, wc + ky * KW * B + j);
                            }
                        }
            }
            int done = iy + s->PH - KH + 1; /* no later input row reaches it */
            if (done < r0 || done >= r1) continue;
            float *row = ring + (done % KH) * stride;
            finish_row(NV, row + (int64_t)(KW - s->PW) * B, y + (int64_t)(done - r0) * s->OW * s->OC + oc0,
                       stat ? stat + oc0 : NULL, s->OW, s->OC);
            clear(row, sizeof(float) * stride);
        }
    }
}
/* Output channels a block: as many as keep a kernel row's weights in L1, and of one group where groups are wide enough.
 */
static int block_of(const conv_shape *s, int OC) {
    int C = s->C / s->groups, all = s->KH * s->KW * C, row = (s->DW == 1 ? s->KW : 1) * C;
    int wide = s->groups == 1 ? s->OC : OC / s->groups;
    for (int b = VB == 16 ? 32 : 64; b > 16; b /= 2)
        if (wide % b == 0 && all * b * 4 <= L1_BYTES) return b;
    for (int b = VB == 16 ? 32 : 64; b > 16; b /= 2)
        if (wide % b == 0 && row * b * 4 <= L1_BYTES) return b;
    return 16;
}
/* C: inputs of each block; NULL without memory. */
static float *pack_weights(const conv_shape *s, const float *w, int OC, int B, int C, int scatter) {
    int inputs = s->C / s->groups;
    size_t size = 0;
    part(&size, times(times(s->OC, C), times(s->KH, s->KW)), sizeof(float));
    float *p = calloc(size, 1);
    for (int o = 0, c0, c1; p && o < OC; o++) {
        inputs_of(s, OC, o / B * B, B, &c0, &c1);
        int own = o / (OC / s->groups) * inputs - c0; /* the first input of its group, in the block */
        for (int i = 0; i < inputs; i++)
            for (int ky = 0; ky < s->KH; ky++)
                for (int kx = 0; kx < s->KW; kx++) {
                    int64_t in_block = scatter ? (((int64_t)own + i) * s->KH + ky) * s->KW + (s->KW - 1 - kx)
                                               : ((int64_t)ky * s->KW + kx) * C + own + i;
                    p[((int64_t)(o / B) * s->KH * s->KW * C + in_block) * B + o % B] =
                        w[(((int64_t)o * inputs + i) * s->KH + ky) * s->KW + kx];
                }
    }
    return p;
}
/* Rows of one image for all blocks, the blocks that meet the same inputs together. */
static void gather_image(const conv_shape *s, const uint64_t *bits, const Gather *job, int32_t *keys, int32_t *ptr,
                         int OC, int B, int in1, int small) {
    int CW = (s->C + 63) / 64;
    for (int o0 = 0, o1, c0, c1, next0, next1; o0 < s->OC; o0 = o1) {
        inputs_of(s, OC, o0, B, &c0, &c1);
        for (o1 = o0 + B; o1 < s->OC; o1 += B) {
            inputs_of(s, OC, o1, B, &next0, &next1);
            if (next0 != c0 || next1 != c1) break;
        }
        Gather g = *job; /* a copy of our own, which the compiler keeps in registers */
        g.o0 = o0, g.o1 = o1;
        int count = 0;
        for (int iy = g.in0; iy < in1; iy++)
            count = list_row(bits + ((int64_t)g.n * s->H + iy) * s->W * CW, s, c0, c1, g.C, B * 4, keys,
                             ptr + (int64_t)(iy - g.in0) * (s->W + 1), count);
        if (B / VL == 8) gather(8, s, &g, small);
        else if (B / VL == 4) gather(4, s, &g, small);
        else if (B / VL == 2) gather(2, s, &g, small);
        else gather(1, s, &g, small);
    }
}

int conv_plan_make(conv_plan *plan, const conv_shape *s, const float *w, int OC, int64_t events, int rows) {
    int plain = s->SH == 1 && s->SW == 1 && s->DH == 1 && s->DW == 1 && s->groups == 1 && s->PW < s->KW &&
                s->PH < s->KH;
    int64_t ring = (int64_t)s->KH * (s->W + 2 * s->KW), weights = (int64_t)s->KH * s->KW * s->C;
    int scatter = times(s->OC, weights + ring) <= L1_BYTES / 4 && s->OC <= (VB == 16 ? 32 : 64) &&
                  (s->OC & (s->OC - 1)) == 0 && plain && events < (int64_t)2 * s->N * s->H * s->W;
    int B = scatter ? s->OC : block_of(s, OC), C = most_inputs(s, OC, B), tall = s->DH * (s->KH - 1) + 1;
    int small = s->KH * s->KW * C * B * 4 <= L1_BYTES, strip = small ? 1 : STRIP;
    int reach = imin(s->H, (rows - 1) * s->SH + tall);
    *plan = (conv_plan){s, pack_weights(s, w, OC, B, C, scatter), OC, B, C, tall, scatter, small, 0, 0, 0, 0};
    plan->keys_at = part(&plan->each, scatter ? 0 : (int64_t)reach * s->W * C + 1, sizeof(int32_t));
    plan->ptr_at = part(&plan->each, scatter ? 0 : (int64_t)reach * (s->W + 1), sizeof(int32_t));
    plan->row_at = part(&plan->each, (scatter ? ring : (int64_t)strip * s->OW) * B, sizeof(float));
    return plan->w ? DONE : NO_MEMORY;
}
void conv_rows(const conv_plan *plan, const uint64_t *bits, int n, int r0, int r1, float *y, double *sums,
               char *scratch) {
    const conv_shape *s = plan->s;
    int32_t *keys = (int32_t *)(scratch + plan->keys_at), *ptr = (int32_t *)(scratch + plan->ptr_at);
    float *row = (float *)(scratch + plan->row_at);
    int vectors = plan->B / VL;
    if (plan->scatter) {
        if (vectors == 8) scatter_rows(8, s, plan->w, y, sums, n, r0, r1, bits, row);
        else if (vectors == 4) scatter_rows(4, s, plan->w, y, sums, n, r0, r1, bits, row);
        else if (vectors == 2) scatter_rows(2, s, plan->w, y, sums, n, r0, r1, bits, row);
        else scatter_rows(1, s, plan->w, y, sums, n, r0, r1, bits, row);
        return;
    }
    int in0 = imax(0, r0 * s->SH - s->PH), in1 = imin(s->H, (r1 - 1) * s->SH - s->PH + plan->tall);
    Gather g = {plan->w, y, sums, keys, ptr, row, n, r0, r1, in0, plan->C, 0, 0};
    gather_image(s, bits, &g, keys, ptr, plan->OC, plan->B, in1, plan->small);
}
/* Gathered, or scattered where events are few; sums: channel sums, a row a thread. */
static int wide_forward(const uint64_t *bits, const float *w, float *y, double *sums, const conv_shape *s, int OC,
                        int64_t events, int threads) {
    int chunks = imax(1, imin((4 * threads + s->N - 1) / imax(s->N, 1), s->OH / 4));
    int rows = (s->OH + chunks - 1) / chunks;
    int64_t jobs = (int64_t)s->N * chunks;
    conv_plan plan;
    int status = conv_plan_make(&plan, s, w, OC, events, rows);
    char *scratch = memory(plan.each, threads);
    if (status != DONE || !scratch) {
        free(plan.w), free(scratch);
        return NO_MEMORY;
    }
#pragma omp parallel num_threads(threads)
    {
        char *own = scratch + plan.each * omp_get_thread_num();
        double *mine = sums + (size_t)2 * s->OC * omp_get_thread_num();
#pragma omp for schedule(static)
        for (int64_t job = 0; job < jobs; job++) {
            int n = (int)(job / chunks), r0 = (int)(job % chunks) * rows, r1 = imin(s->OH, r0 + rows);
            if (r0 < r1) conv_rows(&plan, bits, n, r0, r1, y + ((int64_t)n * s->OH + r0) * s->OW * s->OC, mine, own);
        }
    }
    free(plan.w), free(scratch);
    return DONE;
}
/* y = conv(bits, w); stat[0:OC] = sum of y, stat[OC:2 OC] = sum of y * y.  w: [OC unpadded][C / groups][KH][KW]. */
EXPORT int spareto_conv_forward(const uint64_t *bits, const float *w, float *y, double *stat, const conv_shape *s,
                                int OC, int64_t events, int threads) {
    if (!conv_fits(s, OC, threads)) return TOO_LARGE;
    if (conv_empty(s, OC)) {
        clear(y, sizeof(float) * (size_t)s->N * s->OH * s->OW * s->OC);
        clear(stat, sizeof(double) * 2 * s->OC);
        return DONE;
    }
    if (!all_finite(w, conv_weights(s, OC))) return NOT_FINITE;
    double *sums = calloc((size_t)2 * s->OC * threads, sizeof(double));
    if (!sums) return NO_MEMORY;
    int status = NO_MEMORY;
    int C = most_inputs(s, OC, 16), narrow = OC / s->groups % 32 && s->KH * s->KW * C * 16 * 4 <= L1_BYTES;
    if (s->groups > 1 && s->groups == s->C) status = depthwise_forward(bits, w, y, sums, s, OC, threads);
    else if (s->groups > 1 && narrow) {
        float *p = pack_weights(s, w, OC, 16, C, 1);
        if (p) status = grouped_forward(bits, p, y, sums, s, OC, C, threads);
        free(p);
    } else status = wide_forward(bits, w, y, sums, s, OC, events, threads);
    clear(stat, sizeof(double) * 2 * s->OC);
    for (int t = 0; status == DONE && t < threads; t++) /* in the order of the threads: same inputs, same bytes */
        for (int c = 0; c < 2 * s->OC; c++) stat[c] += sums[(size_t)2 * s->OC * t + c];
    free(sums);
    return status;
}
