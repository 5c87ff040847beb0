/* A layer over some timesteps: strips of rows whose sums and states stay in the cache, time innermost. */
#include "spikes.h"

#define STRIP_BYTES (192 << 10) /* sums and states of a strip */
#define MOST_LISTED 16384       /* spikes that a strip sees and that are listed for its windows */

typedef struct {
    taps seen;
    windows windows;
    char *sums;
    int32_t *back;
    int32_t *in_row, *in_rows; /* spikes of the pixels of a row; of each row, those of its fullest window */
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

/* The same of rows `first` to `last`, for outputs in rows `from` to `to`. */
static void rows_of(const plan *p, int64_t first, int64_t last, int64_t from, int64_t to, taps *seen) {
    int32_t n = 0;
    for (int64_t y = first; y < last; y++) {
        seen->y_from[y - first] = n;
        for (int64_t k = 0; k < p->kh; k++) {
            const int64_t place = y + p->ph - k * p->dh;
            if (place < 0 || place % p->sh || place / p->sh < from || place / p->sh >= to) continue;
            seen->y_tap[n] = (int32_t)k;
            seen->y_out[n++] = (int32_t)(place / p->sh - from);
        }
    }
    seen->y_from[last - first] = n;
}

/* The largest sum of `span` numbers side by side. */
static int64_t fullest(const int32_t *numbers, int64_t n, int64_t span) {
    int64_t sum = 0, most = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += numbers[i] - (i < span ? 0 : numbers[i - span]);
        if (sum > most) most = sum;
    }
    return most;
}

/* Whether no window of rows `first` to `last` of pixels has more than plan.few spikes. */
static int quiet(const plan *p, const uint64_t *rows, int64_t first, int64_t last, scratch *s) {
    for (int64_t y = first; y < last; y++) {
        const uint64_t *words = rows + y * p->in_w * p->in_words;
        for (int64_t x = 0; x < p->in_w; x++) {
            s->in_row[x] = 0;
            for (int64_t w = 0; w < p->in_words; w++) s->in_row[x] += __builtin_popcountll(words[x * p->in_words + w]);
        }
        s->in_rows[y - first] = (int32_t)fullest(s->in_row, p->in_w, (p->kw - 1) * p->dw + 1);
    }
    return fullest(s->in_rows, last - first, (p->kh - 1) * p->dh + 1) <= p->few;
}

static void strip(const plan *given, const void *in, void *out, states *st, int64_t steps, int64_t from, int64_t to,
                  scratch *s) {
    plan narrowed = *given;
    narrowed.narrow = 1;
    const plan *p = given;
    const int64_t top = from * p->sh - p->ph, bottom = (to - 1) * p->sh - p->ph + (p->kh - 1) * p->dh + 1;
    const int64_t first = top < 0 ? 0 : top, last = bottom > p->in_h ? p->in_h : bottom,
                  pixels = (to - from) * p->out_w;
    const int64_t written = p->out_values ? p->out_c * 4 : p->out_words * 8, at = from * p->out_w;
    rows_of(p, first, last, from, to, &s->seen);
    for (int64_t t = 0; t < steps; t++) {
        if (given->few && !given->narrow) {
            const uint64_t *rows = (const uint64_t *)in + t * p->in_h * p->in_w * p->in_words;
            p = quiet(given, rows, first, last, s) ? &narrowed : given;
        }
        memset(s->sums, 0, (size_t)(pixels * p->lanes * (p->narrow ? 2 : 4)));
        const uint64_t *frame = (const uint64_t *)in + t * p->in_h * p->in_w * p->in_words;
        if (!p->narrow || !s->windows.most ||
            !spareto_add_windows(p, frame, first, last, from, to, &s->windows, s->sums))
            for (int64_t y = first; y < last; y++) {
                const int32_t begin = s->seen.y_from[y - first], rows = s->seen.y_from[y - first + 1] - begin;
                taps seen = s->seen;
                seen.y_tap += begin, seen.y_out += begin;
                if (rows) spareto_add_row(p, &seen, rows, in, (t * p->in_h + y) * p->in_w, s->sums);
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
int spareto_layer(const plan *p, const void *in, void *out, const states *given, int64_t steps, int64_t from,
                  int64_t to) {
    const int64_t row_bytes = times(times(p->out_w, p->lanes), p->state + (p->narrow || p->few ? 2 : 4));
    int64_t rows = row_bytes > STRIP_BYTES ? 1 : STRIP_BYTES / row_bytes;
    if (rows > to - from) rows = to - from;
    if (rows < 1) return DONE;
    int64_t seen_rows = times(rows - 1, p->sh) + times(p->kh - 1, p->dh) + 1; /* that a strip sees */
    if (seen_rows > p->in_h) seen_rows = p->in_h;
    const int64_t pairs = times(p->in_w, p->kw), row_pairs = times(seen_rows, p->kh);
    if (pairs > MOST || row_pairs > MOST) return TOO_LARGE;
    const int64_t weight_rows = times(p->kh * p->kw + p->in_w, p->in_c + 1);
    const int listed = !p->in_values && !p->places && p->groups == 1 && (p->dw == 1 || p->kw == 1) &&
                       weight_rows < MOST;
    const int64_t values_seen = times(seen_rows, times(p->in_w, p->in_c));
    const int64_t most = !listed ? 0 : values_seen < MOST_LISTED ? values_seen : MOST_LISTED;
    size_t total = 0;
    const size_t x_from = part(&total, p->in_w + 1, 4), x_tap = part(&total, pairs, 4), x_out = part(&total, pairs, 4);
    const size_t y_from = part(&total, seen_rows + 1, 4), y_tap = part(&total, row_pairs, 4),
                 y_out = part(&total, row_pairs, 4), back = part(&total, p->lanes, 4);
    const size_t row_starts = part(&total, most ? times(seen_rows, p->in_w + 1) : 0, 4),
                 listed_spikes = part(&total, most + 32, 4), listed_rows = part(&total, most + 32, 4);
    const size_t channels = part(&total, p->in_c + 16, 4), values = part(&total, p->in_c, 4);
    const size_t back_channels = part(&total, p->lanes, 4), back_values = part(&total, p->lanes, 4);
    const size_t in_row = part(&total, p->in_w, 4), in_rows = part(&total, p->in_h, 4);
    const size_t sums = part(&total, times(rows, times(p->out_w, p->lanes)), p->narrow ? 2 : 4);
    char *space = total == SIZE_MAX ? 0 : memory(total, 1);
    if (!space) return NO_MEMORY;
    scratch s = {
        {(int32_t *)(space + x_from),
         (int32_t *)(space + x_tap),
         (int32_t *)(space + x_out),
         (int32_t *)(space + y_from),
         (int32_t *)(space + y_tap),
         (int32_t *)(space + y_out),
         {(int32_t *)(space + channels), (int32_t *)(space + values), 0},
         {(int32_t *)(space + back_channels), (int32_t *)(space + back_values), 0}},
        {(int32_t *)(space + row_starts), (int32_t *)(space + listed_spikes), (int32_t *)(space + listed_rows), most},
        space + sums,
        (int32_t *)(space + back),
        (int32_t *)(space + in_row),
        (int32_t *)(space + in_rows)};
    states st = *given;
    columns(p, &s.seen);
    for (int64_t c = 0; c < p->in_c; c++) s.seen.spikes.values[c] = 1;
    for (int64_t y = from; y < to; y += rows) strip(p, in, out, &st, steps, y, y + rows < to ? y + rows : to, &s);
    free(space);
    return DONE;
}
