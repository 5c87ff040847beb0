/* Sums and neurons of a layer in one pass, where nothing is kept for gradients and nothing is normalized by the batch:
 * a strip of rows of one sample goes through a few timesteps at a time.  So sums and states stay in the nearest caches,
 * and memory does not grow with the number of timesteps.
 */
#include "shape.h"
#define STRIP_BYTES (256 << 10) /* of sums, and again of one variable of the states */

/* Rows of a strip: whole pooling windows, and strips enough for all threads. */
static int strip_rows(const block_shape *f, int high, int threads) {
    int64_t row = 4 * (int64_t)f->KH * f->W * f->C, fit = STRIP_BYTES / (row ? row : 1);
    int64_t strips = (4 * (int64_t)threads + f->B - 1) / f->B, fair = threads > 1 ? (high + strips - 1) / strips : high;
    int64_t windows = fit < fair ? fit : fair;
    return (int)((windows < 1 ? 1 : windows > high ? high : windows) * f->KH);
}
/* out [T * B][high][wide][words of 64 channels] = maxpool(neuron(a conv(bits, w) + b)): `spareto_conv_forward`, then
 * `spareto_block_forward`, to the bit. */
EXPORT int spareto_conv_fire(const uint64_t *bits, const float *w, const float *a, const float *b, uint64_t *out,
                             const float *k, const conv_shape *s, const block_shape *f, int OC, int flags,
                             int64_t events, int threads) {
    if (!conv_fits(s, OC, threads) || !block_fits(f, threads) || s->groups != 1) return TOO_LARGE;
    if (s->N != times(f->T, f->B) || s->OH != f->H || s->OW != f->W || s->OC != f->C) return TOO_LARGE;
    int high = f->H / f->KH / f->AH * f->AH, wide = f->W / f->KW / f->AW * f->AW, empty = conv_empty(s, OC);
    if (!f->T || !f->B || !high || !wide || !f->channels) return DONE;
    if (!all_finite(w, conv_weights(s, OC))) return NOT_FINITE;
    int rows = strip_rows(f, high, threads), strips = (high * f->KH + rows - 1) / rows;
    int64_t row = (int64_t)f->W * f->C, fit = STRIP_BYTES / (4 * row * rows), words = ((int64_t)f->channels + 63) / 64;
    block_shape whole = {
        (int)(fit < 1 ? 1 : fit > f->T ? f->T : fit), 1, rows, f->W, f->C, f->channels, f->KH, f->KW, 1, f->AW};
    conv_plan plan;
    int status = conv_plan_make(&plan, s, w, OC, events, rows);
    size_t each = plan.each, sums_at = part(&each, times(times(whole.T, rows), row), sizeof(float));
    size_t state_at = part(&each, block_floats(&whole, flags), sizeof(float));
    size_t bits_at = part(&each, times(times(whole.T, rows / f->KH), wide * words), sizeof(uint64_t));
    char *scratch = memory(each, threads);
    if (status != DONE || !scratch) {
        free(plan.w), free(scratch);
        return NO_MEMORY;
    }
    if (empty) clear(scratch, each * (size_t)threads); /* sums of nothing are 0 */
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t job = 0; job < (int64_t)f->B * strips; job++) {
        char *own = scratch + each * (size_t)omp_get_thread_num();
        float *y = (float *)(own + sums_at);
        uint64_t *fired = (uint64_t *)(own + bits_at);
        int sample = (int)(job / strips), r0 = (int)(job % strips) * rows, r1 = imin(high * f->KH, r0 + rows);
        block_shape strip = whole;
        strip.H = r1 - r0;
        for (int t0 = 0; t0 < f->T; t0 += whole.T) {
            strip.T = imin(whole.T, f->T - t0);
            for (int t = 0; t < strip.T && !empty; t++)
                conv_rows(&plan, bits, (t0 + t) * f->B + sample, r0, r1, y + t * (r1 - r0) * row, NULL, own);
            block_steps(&strip, y, a, b, fired, k, flags, !t0, (float *)(own + state_at));
            int64_t size = (r1 - r0) / f->KH * wide * words;
            for (int t = 0; t < strip.T; t++) {
                int64_t image = (int64_t)(t0 + t) * f->B + sample;
                copy(out + (image * high + r0 / f->KH) * wide * words, fired + t * size, sizeof(uint64_t) * size);
            }
        }
    }
    free(plan.w), free(scratch);
    return DONE;
}
