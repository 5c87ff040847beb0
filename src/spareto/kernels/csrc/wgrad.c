/* Event-driven weight gradient, exact: dw[ky][kx][c] = sum over events (y, x, c) of dy[y + PH - ky, x + PW - kx].
 *
 * sorted (stride 1): the events of a strip of rows are sorted by channel; the sums of one channel and kernel row stay
 * in registers while its events are walked over a packed, zero-bordered copy of the strip of dy that stays in L1.
 * direct: every event adds what it meets to dw in memory; any stride, and better where events are rare.
 *
 * With groups an event meets only the blocks of output channels that touch its group; what such a block holds of others
 * is not read.
 *
 * dy may be given as k0 dz + k1 y + k2 (the backward of batch norm), so that it need never be written.
 */
#include "shape.h"
#define STRIP_BYTES (28 << 10)
#define BLOCK 16 /* output channels together: 64 bytes */
#define NB (BLOCK / VL)

AI void load_gradient(const gradient *g, int64_t at, int oc0, fv *v) {
#pragma GCC unroll 4
    for (int j = 0; j < NB; j++) v[j] = gradient_at(g, at + VL * j, oc0 + VL * j);
}
/* Output channels that an event on input c meets: whole blocks. */
AI void outputs_of(const conv_shape *s, int OC, int c, int *o0, int *o1) {
    int each = OC / s->groups, group = c / (s->C / s->groups);
    *o0 = group * each / BLOCK * BLOCK, *o1 = ((group + 1) * each + BLOCK - 1) / BLOCK * BLOCK;
}
static int most_outputs(const conv_shape *s, int OC) {
    int most = 0;
    for (int c = 0, o0, o1; c < s->C; c += s->C / s->groups) {
        outputs_of(s, OC, c, &o0, &o1);
        most = imax(most, o1 - o0);
    }
    return most;
}
/* dw is [ky][kx][c][width]: an event meets o0 .. o1 of pixels of dy. */
AI void direct_tap(const gradient *g, int64_t at, float *d, int o0, int o1) {
    d -= o0;
    for (int o = o0; o < o1; o += BLOCK) {
        fv v[NB];
        load_gradient(g, at + o, o, v);
#pragma GCC unroll 4
        for (int j = 0; j < NB; j++) ST(fv, d + o + VL * j) += v[j];
    }
}
AI void direct_event(const int KH, const int KW, const int SH, const int SW, const int DH, const int DW, const int OC,
                     int o0, int o1, int width, const conv_shape *s, const gradient *g, float *dw, int n, int iy,
                     int ix, int c) {
#pragma GCC unroll 3
    for (int ky = 0; ky < KH; ky++) {
        int ty = iy + s->PH - ky * DH, oy = ty / SH;
        if (ty < 0 || ty % SH || oy >= s->OH) continue;
#pragma GCC unroll 3
        for (int kx = 0; kx < KW; kx++) {
            int tx = ix + s->PW - kx * DW, ox = tx / SW;
            if (tx < 0 || tx % SW || ox >= s->OW) continue;
            direct_tap(g, (((int64_t)n * s->OH + oy) * s->OW + ox) * OC,
                       dw + (((int64_t)ky * KW + kx) * s->C + c) * width, o0, o1);
        }
    }
}
/* Any kernel, dilated or grouped; apart, so that the usual loops stay small. */
static __attribute__((noinline)) void direct_other(const conv_shape *s, const gradient *g, float *dw, int n, int iy,
                                                   int ix, int c, int OC, int width) {
    int o0 = 0, o1 = s->OC;
    if (s->groups > 1) outputs_of(s, OC, c, &o0, &o1);
    direct_event(s->KH, s->KW, s->SH, s->SW, s->DH, s->DW, s->OC, o0, o1, width, s, g, dw, n, iy, ix, c);
}
static void direct_image(const conv_shape *s, const uint64_t *bits, const gradient *g, float *dw, int n, int OC,
                         int width) {
    int CW = (s->C + 63) / 64;
    int plain = s->DH == 1 && s->DW == 1 && s->groups == 1;
    int usual = plain && s->SH == 1 && s->SW == 1 && s->KH == 3 && s->KW == 3;
    const uint64_t *in = bits + (int64_t)n * s->H * s->W * CW;
    for (int iy = 0; iy < s->H; iy++)
        for (int ix = 0; ix < s->W; ix++)
            for (int w = 0; w < CW; w++)
                for (uint64_t m = *in++; m; m &= m - 1) {
                    int c = w * 64 + __builtin_ctzll(m);
                    if (usual && s->OC == 16) direct_event(3, 3, 1, 1, 1, 1, 16, 0, 16, 16, s, g, dw, n, iy, ix, c);
                    else if (usual) direct_event(3, 3, 1, 1, 1, 1, s->OC, 0, s->OC, s->OC, s, g, dw, n, iy, ix, c);
                    else if (plain && s->KH == 3 && s->KW == 3)
                        direct_event(3, 3, s->SH, s->SW, 1, 1, s->OC, 0, s->OC, s->OC, s, g, dw, n, iy, ix, c);
                    else if (plain && s->SH == 1 && s->SW == 1) /* without divisions */
                        direct_event(s->KH, s->KW, 1, 1, 1, 1, s->OC, 0, s->OC, s->OC, s, g, dw, n, iy, ix, c);
                    else direct_other(s, g, dw, n, iy, ix, c, OC, width);
                }
}
/* The events of one strip, sorted by channel: first[c] .. first[c + 1] in pos, byte offsets into the packed strip. */
static void sort_strip(const conv_shape *s, const uint64_t *bits, int n, int r0, int r1, int columns, int32_t *first,
                       int32_t *pos) {
    int CW = (s->C + 63) / 64;
    const uint64_t *in = bits + (int64_t)n * s->H * s->W * CW;
    clear(first, sizeof(int32_t) * (s->C + 2));
    for (int p = r0 * s->W; p < r1 * s->W; p++)
        for (int w = 0; w < CW; w++)
            for (uint64_t m = in [(int64_t)p * CW + w]; m; m &= m - 1) first[w * 64 + __builtin_ctzll(m) + 2]++;
    for (int c = 0; c < s->C; c++) first[c + 2] += first[c + 1];
    for (int r = r0; r < r1; r++)
        for (int x = 0; x < s->W; x++)
            for (int w = 0; w < CW; w++)
                for (uint64_t m = in [((int64_t)r * s->W + x) * CW + w]; m; m &= m - 1)
                    pos[first[w * 64 + __builtin_ctzll(m) + 1]++] = ((r - r0) * columns + x) * BLOCK * 4;
}
/* Output rows a strip of input rows meets, in a frame of zeros: column j is output pixel j - (DW (KW - 1) - PW). */
static void pack_strip(const conv_shape *s, const gradient *g, int n, int oc0, int r0, int r1, int columns,
                       float *strip) {
    int left = s->DW * (s->KW - 1) - s->PW, above = s->DH * (s->KH - 1);
    for (int i = 0; i < r1 - r0 + above; i++) {
        int oy = r0 + s->PH - above + i;
        float *o = strip + (int64_t)i * columns * BLOCK;
        if (oy < 0 || oy >= s->OH) {
            clear(o, sizeof(float) * columns * BLOCK);
            continue;
        }
        for (int j = 0; j < columns; j++, o += BLOCK) {
            int ox = j - left;
            fv v[NB];
            if (ox < 0 || ox >= s->OW) clear(v, sizeof v);
            else load_gradient(g, (((int64_t)n * s->OH + oy) * s->OW + ox) * s->OC + oc0, oc0, v);
#pragma GCC unroll 4
            for (int k = 0; k < NB; k++) ST(fv, o + VL * k) = v[k];
        }
    }
}
/* One strip meets one block of output channels, inputs c0 .. c1: sums of KW taps stay in registers.  block is
 * [ky][c][kx][BLOCK], C inputs. */
AI void meet(const int KW, const int DW, const conv_shape *s, const float *strip, int columns, const int32_t *first,
             const int32_t *pos, float *block, int C, int c0, int c1) {
    for (int c = c0; c < c1; c++) {
        const int32_t *b = pos + first[c], *e = pos + first[c + 1];
        if (b == e) continue;
        for (int ky = 0; ky < s->KH; ky++) {
            float *d = block + ((int64_t)ky * C + c - c0) * KW * BLOCK;
            const char *row = (const char *)(strip + (int64_t)(s->KH - 1 - ky) * s->DH * columns * BLOCK);
            fv a[5 * NB];
#pragma GCC unroll 20
            for (int j = 0; j < KW * NB; j++) a[j] = LD(fv, d + VL * j);
            for (const int32_t *q = b; q < e; q++) {
                const char *p = row + *q;
#pragma GCC unroll 20
                for (int j = 0; j < KW * NB; j++) a[j] += LD(fv, p + VB * (j / NB * DW * NB + j % NB));
            }
#pragma GCC unroll 20
            for (int j = 0; j < KW * NB; j++) ST(fv, d + VL * j) = a[j];
        }
    }
}
static void sorted_image(const conv_shape *s, const uint64_t *bits, const gradient *g, float *dw, int n, int OC, int C,
                         int rows, int32_t *first, int32_t *pos, float *strip) {
    int columns = s->W + s->DW * (s->KW - 1), strips = (s->H + rows - 1) / rows;
    for (int i = 0; i < strips; i++)
        sort_strip(s, bits, n, i * rows, (i + 1) * rows < s->H ? (i + 1) * rows : s->H, columns,
                   first + (int64_t)i * (s->C + 2), pos + (int64_t)i * rows * s->W * s->C);
    for (int oc0 = 0, c0, c1; oc0 < s->OC; oc0 += BLOCK) {
        inputs_of(s, OC, oc0, BLOCK, &c0, &c1);
        for (int i = 0; i < strips; i++) {
            int r0 = i * rows, r1 = r0 + rows < s->H ? r0 + rows : s->H;
            const int32_t *f = first + (int64_t)i * (s->C + 2), *p = pos + (int64_t)i * rows * s->W * s->C;
            float *block = dw + (int64_t)oc0 * s->KH * s->KW * C;
            if (f[c0] == f[c1]) continue;
            pack_strip(s, g, n, oc0, r0, r1, columns, strip);
            if (s->KW == 1) meet(1, 1, s, strip, columns, f, p, block, C, c0, c1);
            else if (s->KW == 3 && s->DW == 1) meet(3, 1, s, strip, columns, f, p, block, C, c0, c1);
            else if (s->KW == 3) meet(3, s->DW, s, strip, columns, f, p, block, C, c0, c1);
            else meet(5, s->DW, s, strip, columns, f, p, block, C, c0, c1);
        }
    }
}
/* Where the sums of output o, input i of its group are: of its kernel row 0 and column 0, and from one tap to the next.
 */
typedef struct {
    int64_t at, row, column;
} place;
static place sorted_place(const conv_shape *s, int OC, int C, int o, int c) {
    int c0, c1;
    inputs_of(s, OC, o / BLOCK * BLOCK, BLOCK, &c0, &c1);
    int64_t at = (int64_t)(o / BLOCK) * s->KH * s->KW * C + (int64_t)(c - c0) * s->KW + s->KW -
                 1; /* columns run backwards */
    return (place){at * BLOCK + o % BLOCK, (int64_t)C * s->KW * BLOCK, -BLOCK};
}
static place direct_place(const conv_shape *s, int OC, int width, int o, int c) {
    int o0, o1;
    outputs_of(s, OC, c, &o0, &o1);
    return (place){(int64_t)c * width + o - o0, (int64_t)s->KW * s->C * width, (int64_t)s->C * width};
}
/* dw [OC unpadded][C / groups][KH][KW]. */
EXPORT int spareto_conv_wgrad(const uint64_t *bits, const float *dz, const float *y, const float *k0, const float *k1,
                              const float *k2, float *dw, const conv_shape *s, int OC, int64_t events, int threads) {
    gradient g = {dz, y, k0, k1, k2};
    if (!conv_fits(s, OC, threads)) return TOO_LARGE;
    if (conv_empty(s, OC)) {
        clear(dw, sizeof(float) * (size_t)conv_weights(s, OC));
        return DONE;
    }
    if (y && !(all_finite(k0, s->OC) && all_finite(k1, s->OC) && all_finite(k2, s->OC))) return NOT_FINITE;
    if (s->groups > 1 && s->groups == s->C) return depthwise_wgrad(bits, &g, dw, s, OC, threads);
    int above = s->DH * (s->KH - 1), left = s->DW * (s->KW - 1), columns = s->W + left, inputs = s->C / s->groups;
    int sorted = s->SH == 1 && s->SW == 1 && s->PW <= left && s->PH <= above &&
                 (s->KW == 1 || s->KW == 3 || s->KW == 5) &&
                 events * (s->OC == BLOCK ? 25 : 10) > (int64_t)s->N * s->H * s->W;
    int rows = imin(imax(STRIP_BYTES / (columns * BLOCK * 4) - above, s->DH), s->H);
    int strips = (s->H + rows - 1) / rows, C = most_inputs(s, OC, BLOCK), width = most_outputs(s, OC);
    int64_t sums = times((int64_t)s->KH * s->KW, sorted ? (int64_t)s->OC * C : (int64_t)s->C * width);
    size_t bytes = 0, each = 0;
    size_t first_at = part(&each, sorted ? ((int64_t)s->C + 2) * strips : 0, sizeof(int32_t));
    size_t pos_at = part(&each, sorted ? times((int64_t)strips * rows, (int64_t)s->W * s->C) : 0, sizeof(int32_t));
    size_t strip_at = part(&each, sorted ? (int64_t)(rows + above) * columns * BLOCK : 0, sizeof(float));
    part(&bytes, sums, sizeof(float));
    size_t size = bytes / sizeof(float);
    float *all = calloc(threads, bytes);
    char *scratch = memory(each, threads);
    if (!all || !scratch) {
        free(all), free(scratch);
        return NO_MEMORY;
    }
#pragma omp parallel num_threads(threads)
    {
        char *own = scratch + each * omp_get_thread_num();
        float *mine = all + size * omp_get_thread_num(), *strip = (float *)(own + strip_at);
        int32_t *first = (int32_t *)(own + first_at), *pos = (int32_t *)(own + pos_at);
#pragma omp for schedule(static)
        for (int n = 0; n < s->N; n++)
            if (sorted) sorted_image(s, bits, &g, mine, n, OC, C, rows, first, pos, strip);
            else direct_image(s, bits, &g, mine, n, OC, width);
    }
    for (int o = 0; o < OC; o++)
        for (int i = 0; i < inputs; i++) {
            int c = o / (OC / s->groups) * inputs + i;
            place p = sorted ? sorted_place(s, OC, C, o, c) : direct_place(s, OC, width, o, c);
            for (int ky = 0; ky < s->KH; ky++)
                for (int kx = 0; kx < s->KW; kx++) {
                    float sum = 0.f;
                    for (int t = 0; t < threads; t++) sum += all[size * t + p.at + ky * p.row + kx * p.column];
                    dw[(((int64_t)o * inputs + i) * s->KH + ky) * s->KW + kx] = sum;
                }
        }
    free(all), free(scratch);
    return DONE;
}
