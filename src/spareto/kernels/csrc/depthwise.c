/* Depthwise convolution: output channel o meets one input channel, o / (OC / C).  So few are met that nothing is gained
 * by listing them: the spikes of 16 output channels at a pixel are a mask, and a tap is an addition under it.
 */
#include "shape.h"
#define BLOCK 16 /* output channels a mask */

/* Masks of some rows of an image, [row][block][column], in a frame of silence; any other row is `silent`. */
typedef struct {
    uint16_t *masks;
    int first, last, columns, blocks; /* rows first .. last */
} Masks;

/* Without memory yet; masks_room: how many it takes for so many rows. */
static Masks masks_new(const conv_shape *s) {
    int columns = imax(s->PW + s->W, (s->OW - 1) * s->SW + s->DW * (s->KW - 1) + 1), blocks = s->OC / BLOCK;
    return (Masks){0, 0, 0, columns, blocks};
}
static int64_t masks_room(const Masks *m, int rows) { return times((int64_t)rows * m->blocks + 1, m->columns); }
/* A spike of input channel c fires the outputs c * each and on. */
static void mask_pixel(uint64_t spikes, int c, int each, uint16_t *to, int columns) {
    for (; spikes; spikes &= spikes - 1) {
        int o = (c + __builtin_ctzll(spikes)) * each;
        for (int end = o + each; o < end; o++) to[(int64_t)(o / BLOCK) * columns] |= (uint16_t)(1u << o % BLOCK);
    }
}
/* Fills in rows first .. last of image n; the row after them is the silent one. */
static void masks_fill(Masks *m, const conv_shape *s, const uint64_t *bits, int n, int first, int last, int OC) {
    int words = (s->C + 63) / 64, each = OC / s->C;
    size_t row = (size_t)m->blocks * m->columns;
    m->first = first, m->last = last;
    clear(m->masks, sizeof(uint16_t) * ((last > first ? last - first : 0) * row + m->columns));
    for (int iy = first; iy < last; iy++) {
        const uint64_t *in = bits + ((int64_t)n * s->H + iy) * s->W * words;
        uint16_t *to = m->masks + (iy - first) * row + s->PW;
        for (int x = 0; x < s->W; x++, to++)
            for (int w = 0; w < words; w++, in++)
                if (each > 1) mask_pixel(*in, w * 64, each, to, m->columns);
                else
                    for (int b = w * 4; b < imin(w * 4 + 4, m->blocks); b++)
                        to[(int64_t)b * m->columns] = (uint16_t)(*in >> b % 4 * 16);
    }
}
AI const uint16_t *masks_at(const Masks *m, int iy, int block) {
    int there = iy >= m->first && iy < m->last, rows = imax(m->last - m->first, 0);
    return m->masks + ((int64_t)(there ? iy - m->first : rows) * m->blocks + (there ? block : 0)) * m->columns;
}

/* -------------------------------------------------------------------------------------------------------- forward */

/* One output row of VL channels from o on; w is [tap][VL]. */
AI void forward_row(const int KH, const int KW, const int SW, const int DW, const conv_shape *s, const Masks *m,
                    const float *w, float *y, int oy, int o) {
    const uint16_t *row[KH];
    for (int ky = 0; ky < KH; ky++) row[ky] = masks_at(m, oy * s->SH + ky * s->DH - s->PH, o / BLOCK);
    for (int x = 0; x < s->OW; x++, y += s->OC) {
        fv sum = fv_zero();
#pragma GCC unroll 3
        for (int ky = 0; ky < KH; ky++)
#pragma GCC unroll 3
            for (int kx = 0; kx < KW; kx++)
                sum = fv_add_where(sum, row[ky][x * SW + kx * DW] >> o % BLOCK, LD(fv, w + (ky * KW + kx) * VL));
        ST(fv, y) = sum;
    }
}
/* Weights [OC][tap] as [vector][tap][VL]. */
static float *pack(const conv_shape *s, const float *w, int OC) {
    int taps = s->KH * s->KW;
    float *p = calloc((size_t)s->OC * taps, sizeof(float));
    for (int o = 0; p && o < OC; o++)
        for (int t = 0; t < taps; t++) p[((int64_t)(o / VL) * taps + t) * VL + o % VL] = w[(int64_t)o * taps + t];
    return p;
}
/* See spareto_conv_forward. */
int depthwise_forward(const uint64_t *bits, const float *w, float *y, double *sums, const conv_shape *s, int OC,
                      int threads) {
    int usual = s->KH == 3 && s->KW == 3 && s->DW == 1, taps = s->KH * s->KW, tall = s->DH * (s->KH - 1) + 1;
    int chunks = imax(1, imin((4 * threads + s->N - 1) / imax(s->N, 1), s->OH / 4));
    int rows = (s->OH + chunks - 1) / chunks;
    int64_t jobs = (int64_t)s->N * chunks;
    Masks none = masks_new(s);
    size_t each = 0;
    part(&each, masks_room(&none, imin(s->H, (rows - 1) * s->SH + tall)), sizeof(uint16_t));
    float *p = pack(s, w, OC);
    char *scratch = memory(each, threads);
    if (!p || !scratch) {
        free(p), free(scratch);
        return NO_MEMORY;
    }
#pragma omp parallel num_threads(threads)
    {
        Masks m = none;
        m.masks = (uint16_t *)(scratch + each * omp_get_thread_num());
        double *mine = sums + (size_t)2 * s->OC * omp_get_thread_num();
#pragma omp for schedule(static)
        for (int64_t job = 0; job < jobs; job++) {
            int n = (int)(job / chunks), r0 = (int)(job % chunks) * rows, r1 = imin(s->OH, r0 + rows);
            masks_fill(&m, s, bits, n, imax(0, r0 * s->SH - s->PH), imin(s->H, (r1 - 1) * s->SH - s->PH + tall), OC);
            for (int oy = r0; oy < r1; oy++)
                for (int o = 0; o < s->OC; o += VL) {
                    float *row = y + ((int64_t)n * s->OH + oy) * s->OW * s->OC + o;
                    const float *own = p + (int64_t)o * taps;
                    if (usual && s->SW == 1) forward_row(3, 3, 1, 1, s, &m, own, row, oy, o);
                    else forward_row(s->KH, s->KW, s->SW, s->DW, s, &m, own, row, oy, o);
                    sum_channels(1, row, s->OC, s->OW, mine + o, mine + s->OC + o);
                }
        }
    }
    free(p), free(scratch);
    return DONE;
}

/* ------------------------------------------------------------------------------------------------ weight gradient */

/* One row of dy, VL channels from o on, meets KH x KW taps, the first of them (ky, kx); their sums stay in registers.
 */
AI void wgrad_row(const int KH, const int KW, const int SW, const int DW, const conv_shape *s, const Masks *m,
                  const float *dy, float *sums, int oy, int o, int ky, int kx) {
    fv a[9];
    const uint16_t *row[3];
#pragma GCC unroll 3
    for (int i = 0; i < KH; i++) row[i] = masks_at(m, oy * s->SH + (ky + i) * s->DH - s->PH, o / BLOCK) + kx * DW;
#pragma GCC unroll 9
    for (int j = 0; j < KH * KW; j++) a[j] = LD(fv, sums + ((ky + j / KW) * s->KW + kx + j % KW) * VL);
    for (int x = 0; x < s->OW; x++) {
        fv d = LD(fv, dy + x * VL);
#pragma GCC unroll 9
        for (int j = 0; j < KH * KW; j++) a[j] = fv_add_where(a[j], row[j / KW][x * SW + j % KW * DW] >> o % BLOCK, d);
    }
#pragma GCC unroll 9
    for (int j = 0; j < KH * KW; j++) ST(fv, sums + ((ky + j / KW) * s->KW + kx + j % KW) * VL) = a[j];
}
/* One row of dy meets all taps; sums is [tap][VL]. */
static void wgrad_taps(const conv_shape *s, const Masks *m, const float *dy, float *sums, int oy, int o) {
    if (s->KH == 3 && s->KW == 3) {
        if (s->SW == 1 && s->DW == 1) wgrad_row(3, 3, 1, 1, s, m, dy, sums, oy, o, 0, 0);
        else wgrad_row(3, 3, s->SW, s->DW, s, m, dy, sums, oy, o, 0, 0);
        return;
    }
    for (int ky = 0; ky < s->KH; ky++)
        for (int kx = 0, left; (left = s->KW - kx) > 0; kx += imin(left, 5)) {
            if (left >= 5) wgrad_row(1, 5, s->SW, s->DW, s, m, dy, sums, oy, o, ky, kx);
            else if (left == 4) wgrad_row(1, 4, s->SW, s->DW, s, m, dy, sums, oy, o, ky, kx);
            else if (left == 3) wgrad_row(1, 3, s->SW, s->DW, s, m, dy, sums, oy, o, ky, kx);
            else if (left == 2) wgrad_row(1, 2, s->SW, s->DW, s, m, dy, sums, oy, o, ky, kx);
            else wgrad_row(1, 1, s->SW, s->DW, s, m, dy, sums, oy, o, ky, kx);
        }
}
/* One image, into sums [vector][tap][VL] of its own. */
static void wgrad_image(const conv_shape *s, const Masks *m, const gradient *g, float *row, float *sums, int n) {
    for (int oy = 0; oy < s->OH; oy++)
        for (int o = 0; o < s->OC; o += VL) {
            int64_t at = ((int64_t)n * s->OH + oy) * s->OW * s->OC + o;
            for (int x = 0; x < s->OW; x++) ST(fv, row + x * VL) = gradient_at(g, at + (int64_t)x * s->OC, o);
            wgrad_taps(s, m, row, sums + (int64_t)o * s->KH * s->KW, oy, o);
        }
}
/* dw [OC][1][KH][KW]. */
int depthwise_wgrad(const uint64_t *bits, const gradient *g, float *dw, const conv_shape *s, int OC, int threads) {
    int taps = s->KH * s->KW;
    size_t size = (size_t)s->OC * taps, each = 0;
    Masks none = masks_new(s);
    size_t at_masks = part(&each, masks_room(&none, s->H), sizeof(uint16_t));
    size_t at_row = part(&each, (int64_t)BLOCK * s->OW, sizeof(float));
    size_t at_sums = part(&each, (int64_t)size, sizeof(float));
    double *all = calloc(size * threads, sizeof(double)); /* images are added up in double: there may be thousands */
    char *scratch = memory(each, threads);
    if (!all || !scratch) {
        free(all), free(scratch);
        return NO_MEMORY;
    }
#pragma omp parallel num_threads(threads)
    {
        char *own = scratch + each * omp_get_thread_num();
        Masks m = none;
        m.masks = (uint16_t *)(own + at_masks);
        float *row = (float *)(own + at_row), *sums = (float *)(own + at_sums);
        double *mine = all + size * omp_get_thread_num();
#pragma omp for schedule(static)
        for (int n = 0; n < s->N; n++) {
            masks_fill(&m, s, bits, n, 0, s->H, OC);
            clear(sums, sizeof(float) * size);
            wgrad_image(s, &m, g, row, sums, n);
            for (size_t i = 0; i < size; i++) mine[i] += sums[i];
        }
    }
    for (int o = 0; o < OC; o++)
        for (int t = 0; t < taps; t++) {
            double sum = 0.0;
            for (int k = 0; k < threads; k++) sum += all[size * k + ((size_t)(o / VL) * taps + t) * VL + o % VL];
            dw[(int64_t)o * taps + t] = (float)sum;
        }
    free(all), free(scratch);
    return DONE;
}
