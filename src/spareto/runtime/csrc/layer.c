/* A layer over some timesteps: strips of rows whose states stay in the cache, time innermost. */
#include "spikes.h"

#define STRIP_BYTES (96 << 10) /* states of a strip */

typedef struct {
    int32_t *keys, *values; /* spikes of the strip's rows: column times inputs plus channel, and what each counts */
    int32_t *ends;          /* where the spikes of each column end, (rows, columns + 1) */
    events seen;
    void *sums;
    int32_t *back;
} scratch;

/* The spikes of one row of pixels, column by column. */
static int32_t row_events(const plan *p, const void *in, int64_t t, int64_t y, scratch *s, int32_t n, int32_t *ends) {
    const int64_t pixel = (t * p->in_h + y) * p->in_w, inputs = p->in_c;
    for (int64_t x = 0; x < p->in_w; x++) {
        ends[x] = n;
        if (p->in_values) {
            const int32_t *value = (const int32_t *)in + (pixel + x) * inputs;
            for (int64_t c = 0; c < inputs; c++)
                if (value[c]) s->keys[n] = (int32_t)(x * inputs + c), s->values[n++] = value[c];
        } else {
            const uint64_t *words = (const uint64_t *)in + (pixel + x) * p->in_words;
            for (int64_t w = 0; w < p->in_words; w++)
                for (uint64_t left = words[w]; left; left &= left - 1)
                    s->keys[n++] = (int32_t)(x * inputs + w * 64 + __builtin_ctzll(left));
        }
    }
    ends[p->in_w] = n;
    return n;
}

/* What the window of an output pixel sees, as rows of weights. */
AI void window(const plan *p, const scratch *s, int64_t first, int64_t y, int64_t x, events *seen) {
    const int64_t left = x * p->sw - p->pw, inputs = p->in_c;
    int64_t n = 0;
    for (int64_t ky = 0; ky < p->kh; ky++) {
        const int64_t row = y * p->sh - p->ph + ky * p->dh;
        if (row < 0 || row >= p->in_h) continue;
        const int32_t *ends = s->ends + (row - first) * (p->in_w + 1);
        if (p->dw == 1) { /* all taps of the row lie side by side, in the weights as in the image */
            const int64_t a = left < 0 ? 0 : left, b = left + p->kw > p->in_w ? p->in_w : left + p->kw;
            const int32_t shift = (int32_t)((ky * p->kw - left) * inputs);
            if (a < b)
                for (int32_t k = ends[a]; k < ends[b]; k++) {
                    seen->rows[n] = s->keys[k] + shift;
                    seen->values[n++] = s->values ? s->values[k] : 1;
                }
            continue;
        }
        for (int64_t kx = 0; kx < p->kw; kx++) {
            const int64_t column = left + kx * p->dw;
            if (column < 0 || column >= p->in_w) continue;
            const int32_t shift = (int32_t)((ky * p->kw + kx - column) * inputs);
            for (int32_t k = ends[column]; k < ends[column + 1]; k++) {
                seen->rows[n] = s->keys[k] + shift;
                seen->values[n++] = s->values ? s->values[k] : 1;
            }
        }
    }
    seen->count = n;
}

static void sum(const plan *p, const scratch *s) {
    if (p->starts) spareto_sum_live(p, &s->seen, s->sums);
    else if (p->groups > 1) spareto_sum_groups(p, &s->seen, s->sums);
    else spareto_sum(p->weights, p->kind, p->stride, p->lanes, p->narrow != 0, &s->seen, s->sums);
}

/* What comes back to each neuron from the spikes of the timestep before. */
static const int32_t *fed_back(const plan *p, const states *st, scratch *s) {
    if (!p->back_weights) return 0;
    int64_t n = 0;
    for (int64_t c = 0; c < p->out_c; c++)
        if (st->f[c]) s->seen.rows[n] = (int32_t)c, s->seen.values[n++] = st->f[c];
    s->seen.count = n;
    spareto_sum(p->back_weights, p->back_kind, p->back_stride, p->lanes, 0, &s->seen, s->back);
    return s->back;
}

static void strip(const plan *p, const void *in, void *out, states *st, int64_t steps, int64_t from, int64_t to, scratch *s) {
    const int64_t top = from * p->sh - p->ph, bottom = (to - 1) * p->sh - p->ph + (p->kh - 1) * p->dh + 1;
    const int64_t first = top < 0 ? 0 : top, last = bottom > p->in_h ? p->in_h : bottom;
    const int64_t each = p->out_values ? p->out_c * 4 : p->out_words * 8;
    for (int64_t t = 0; t < steps; t++) {
        int32_t n = 0;
        for (int64_t y = first; y < last; y++) n = row_events(p, in, t, y, s, n, s->ends + (y - first) * (p->in_w + 1));
        for (int64_t y = from; y < to; y++)
            for (int64_t x = 0; x < p->out_w; x++) {
                const int64_t pixel = y * p->out_w + x;
                char *fired = (char *)out + (t * p->out_h * p->out_w + pixel) * each;
                const int32_t *back = fed_back(p, st, s);
                window(p, s, first, y, x, &s->seen);
                sum(p, s);
                if (p->small) spareto_fire(p, s->sums, st, pixel * p->lanes, fired);
                else spareto_fire_any(p, s->sums, back, st, pixel * p->lanes, fired);
            }
    }
}

/* Rows `from` to `to` of a layer's output over `steps` timesteps; `st` is changed.
 *
 * in (steps, in_h, in_w, words or channels), out (steps, out_h, out_w, words or channels). */
EXPORT int spareto_layer(const plan *p, const void *in, void *out, const states *given, int64_t steps, int64_t from, int64_t to) {
    const int64_t row_bytes = times(times(p->out_w, p->lanes), p->state);
    int64_t rows = row_bytes > STRIP_BYTES ? 1 : STRIP_BYTES / row_bytes;
    if (steps == 1 || rows > to - from) rows = to - from;
    if (rows < 1) return DONE;
    int64_t seen_rows = (rows - 1) * p->sh + (p->kh - 1) * p->dh + 1;
    if (seen_rows > p->in_h) seen_rows = p->in_h;
    const int64_t most = times(seen_rows, times(p->in_w, p->in_c)), window_most = times(times(p->kh, p->kw), p->in_c);
    const int64_t listed = window_most > p->out_c ? window_most : p->out_c;
    if (most > MOST || listed > MOST) return TOO_LARGE;
    size_t total = 0;
    const size_t keys = part(&total, most, 4), values = part(&total, p->in_values ? most : 0, 4);
    const size_t ends = part(&total, times(seen_rows, p->in_w + 1), 4), chosen = part(&total, listed, 4), counts = part(&total, listed, 4);
    const size_t sums = part(&total, p->lanes, 4), back = part(&total, p->lanes, 4);
    char *space = total == SIZE_MAX ? 0 : memory(total, 1);
    if (!space) return NO_MEMORY;
    scratch s = {(int32_t *)(space + keys),
                 p->in_values ? (int32_t *)(space + values) : 0,
                 (int32_t *)(space + ends),
                 {(int32_t *)(space + chosen), (int32_t *)(space + counts), 0},
                 space + sums,
                 (int32_t *)(space + back)};
    states st = *given;
    for (int64_t y = from; y < to; y += rows) strip(p, in, out, &st, steps, y, y + rows < to ? y + rows : to, &s);
    free(space);
    return DONE;
}
