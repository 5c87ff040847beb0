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
    const int64_t row_bytes = times(times(p->out_w, p->lanes), p->state + (p->narrow ? 2 : 4));
    int64_t rows = row_bytes > STRIP_BYTES ? 1 : STRIP_BYTES / row_bytes;
    if (rows > to - from) rows = to - from;
    if (rows < 1) return DONE;
    const int64_t pairs = times(p->in_w, p->kw);
    if (pairs > MOST || times(p->kh, 1) > MOST) return TOO_LARGE;
    size_t total = 0;
    const size_t x_from = part(&total, p->in_w + 1, 4), x_tap = part(&total, pairs, 4), x_out = part(&total, pairs, 4);
    const size_t y_tap = part(&total, p->kh, 4), y_out = part(&total, p->kh, 4), back = part(&total, p->lanes, 4);
    const size_t channels = part(&total, p->in_c, 4), values = part(&total, p->in_c, 4);
    const size_t back_channels = part(&total, p->lanes, 4), back_values = part(&total, p->lanes, 4);
    const size_t sums = part(&total, times(rows, times(p->out_w, p->lanes)), p->narrow ? 2 : 4);
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
