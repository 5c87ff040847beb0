/* A layer over some timesteps: strips of rows whose sums and states stay in the cache, time innermost. */
#include "spikes.h"

#define STRIP_BYTES (64 << 10) /* sums and states of a strip */

typedef struct {
    taps seen;
    char *sums;
    int32_t *back;
} scratch;

/* The taps that bring each column of the input to a column of the output. */
static void columns(const plan *p, taps *seen) {
    int32_t n = 0;
    for (int64_t x = 0; x < p->in_w; x++) {
        seen->x_from[x] = n;
        for (int64_t k = 0; k < p->kw; k++) {
            const int64_t place = x + p->pw - k * p->dw;
            if (place < 0 || place % p->sw || place / p->sw >= p->out_w) continue;
            seen->x_tap[n] = (int32_t)k;
            seen->x_out[n++] = (int32_t)(place / p->sw);
        }
    }
    seen->x_from[p->in_w] = n;
}

/* The same of one row, for outputs in rows `from` to `to`; how many there are. */
static int64_t rows_of(const plan *p, int64_t y, int64_t from, int64_t to, taps *seen) {
    int64_t n = 0;
    for (int64_t k = 0; k < p->kh; k++) {
        const int64_t place = y + p->ph - k * p->dh;
        if (place < 0 || place % p->sh || place / p->sh < from || place / p->sh >= to) continue;
        seen->y_tap[n] = (int32_t)k;
        seen->y_out[n++] = (int32_t)(place / p->sh - from);
    }
    return n;
}

<<<<<<< HEAD
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

=======
>>>>>>> main
static void strip(const plan *p, const void *in, void *out, states *st, int64_t steps, int64_t from, int64_t to,
                  scratch *s) {
    const int64_t top = from * p->sh - p->ph, bottom = (to - 1) * p->sh - p->ph + (p->kh - 1) * p->dh + 1;
    const int64_t first = top < 0 ? 0 : top, last = bottom > p->in_h ? p->in_h : bottom,
                  pixels = (to - from) * p->out_w;
    const int64_t written = p->out_values ? p->out_c * 4 : p->out_words * 8, at = from * p->out_w;
    const size_t bytes = (size_t)(pixels * p->lanes * (p->narrow ? 2 : 4));
    for (int64_t t = 0; t < steps; t++) {
        memset(s->sums, 0, bytes);
        for (int64_t y = first; y < last; y++) {
            const int64_t rows = rows_of(p, y, from, to, &s->seen);
            if (rows) spareto_add_row(p, &s->seen, rows, in, (t * p->in_h + y) * p->in_w, s->sums);
        }
        if (p->back_weights) spareto_add_back(p, st->f, &s->seen, s->back);
        char *fired = (char *)out + (t * p->out_h * p->out_w + at) * written;
        if (p->small) spareto_fire(p, s->sums, st, at * p->lanes, pixels, fired);
        else spareto_fire_any(p, s->sums, p->back_weights ? s->back : 0, st, at * p->lanes, pixels, fired);
    }
}

/* Rows `from` to `to` of a layer's output over `steps` timesteps; the states are changed.
 *
 * in (steps, in_h, in_w, words or channels), out (steps, out_h, out_w, words or channels). */
EXPORT int spareto_layer(const plan *p, const void *in, void *out, const states *given, int64_t steps, int64_t from,
                         int64_t to) {
<<<<<<< HEAD
    const int64_t row_bytes = times(times(p->out_w, p->lanes), p->state);
=======
    const int64_t row_bytes = times(times(p->out_w, p->lanes), p->state + (p->narrow ? 2 : 4));
>>>>>>> main
    int64_t rows = row_bytes > STRIP_BYTES ? 1 : STRIP_BYTES / row_bytes;
    if (rows > to - from) rows = to - from;
    if (rows < 1) return DONE;
    const int64_t pairs = times(p->in_w, p->kw);
    if (pairs > MOST || times(p->kh, 1) > MOST) return TOO_LARGE;
    size_t total = 0;
<<<<<<< HEAD
    const size_t keys = part(&total, most, 4), values = part(&total, p->in_values ? most : 0, 4);
    const size_t ends = part(&total, times(seen_rows, p->in_w + 1), 4), chosen = part(&total, listed, 4),
                 counts = part(&total, listed, 4);
    const size_t sums = part(&total, p->lanes, 4), back = part(&total, p->lanes, 4);
=======
    const size_t x_from = part(&total, p->in_w + 1, 4), x_tap = part(&total, pairs, 4), x_out = part(&total, pairs, 4);
    const size_t y_tap = part(&total, p->kh, 4), y_out = part(&total, p->kh, 4), back = part(&total, p->lanes, 4);
    const size_t channels = part(&total, p->in_c, 4), values = part(&total, p->in_c, 4);
    const size_t back_channels = part(&total, p->lanes, 4), back_values = part(&total, p->lanes, 4);
    const size_t sums = part(&total, times(rows, times(p->out_w, p->lanes)), p->narrow ? 2 : 4);
>>>>>>> main
    char *space = total == SIZE_MAX ? 0 : memory(total, 1);
    if (!space) return NO_MEMORY;
    scratch s = {{(int32_t *)(space + x_from),
                  (int32_t *)(space + x_tap),
                  (int32_t *)(space + x_out),
                  (int32_t *)(space + y_tap),
                  (int32_t *)(space + y_out),
                  {(int32_t *)(space + channels), (int32_t *)(space + values), 0},
                  {(int32_t *)(space + back_channels), (int32_t *)(space + back_values), 0}},
                 space + sums,
                 (int32_t *)(space + back)};
    states st = *given;
    columns(p, &s.seen);
    for (int64_t c = 0; c < p->in_c; c++) s.seen.spikes.values[c] = 1;
    for (int64_t y = from; y < to; y += rows) strip(p, in, out, &st, steps, y, y + rows < to ? y + rows : to, &s);
    free(space);
    return DONE;
}
