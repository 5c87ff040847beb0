/* The same sums the other way round: every window adds the rows of all spikes that it sees.  Its sums stay in
 * registers, so this is faster where windows see many spiking pixels; where they see few, most of the work would be
 * looking. */
#include "rows.h"

#define VISITS 10 /* of spiking pixels to each window from which on this is faster: 5 x 5 often, 3 x 3 never */

/* How many of the pixels have spikes. */
static int64_t spiking(const plan *p, const uint64_t *words, int64_t pixels) {
    int64_t found = 0;
    if (p->in_words == 1) {
        for (int64_t i = 0; i < pixels; i += 64)
            found += __builtin_popcountll(busy(words + i, pixels - i < 64 ? pixels - i : 64));
        return found;
    }
    for (int64_t i = 0; i < pixels; i++) {
        uint64_t any = 0;
        for (int64_t w = 0; w < p->in_words; w++) any |= words[i * p->in_words + w];
        found += any != 0;
    }
    return found;
}

static int64_t spikes_of(const uint64_t *words, int64_t n) {
    int64_t found = 0;
    for (int64_t i = 0; i < n; i++) found += __builtin_popcountll(words[i]);
    return found;
}

/* All spikes of the rows: for each its column times the rows of a tap, plus its channel. */
static void listed(const plan *p, const uint64_t *words, int64_t rows, int64_t each, windows *s) {
    int64_t n = 0;
    for (int64_t y = 0; y < rows; y++) {
        int32_t *starts = s->starts + y * (p->in_w + 1);
        for (int64_t x = 0; x < p->in_w; x++, words += p->in_words) {
            starts[x] = (int32_t)n;
            for (int64_t w = 0; w < p->in_words; w++) n = places(words[w], (int32_t)(x * each + w * 64), s->spikes, n);
        }
        starts[p->in_w] = (int32_t)n;
    }
}

/* Rows of weights of the spikes that a window sees, from column `left` of the input on; how many. */
AI int64_t window_rows(const plan *p, int64_t top, int64_t left, int64_t first, int64_t last, int64_t each, windows s) {
    const int64_t x = left < 0 ? 0 : left, end = left + p->kw > p->in_w ? p->in_w : left + p->kw;
    int64_t n = 0;
    for (int64_t k = 0; k < p->kh; k++) {
        const int64_t y = top + k * p->dh;
        if (y < first || y >= last) continue;
        const int32_t *starts = s.starts + (y - first) * (p->in_w + 1), base = (int32_t)((k * p->kw - left) * each);
        const int64_t count = starts[end] - starts[x];
        const int32_t *from = s.spikes + starts[x];
        for (int64_t e = 0; e < count; e += VL) ST(iv, s.rows + n + e) = LD(iv, from + e) + base;
        n += count;
    }
    return n;
}

AI void all_windows(const int KIND, const int VECTORS, const plan *p, int64_t first, int64_t last, int64_t from,
                    int64_t to, windows s, int16_t *sums) {
    const int64_t each = p->in_c + (KIND == WOVEN);
    for (int64_t y = from; y < to; y++)
        for (int64_t x = 0; x < p->out_w; x++, sums += p->lanes) {
            int64_t n = window_rows(p, y * p->sh - p->ph, x * p->sw - p->pw, first, last, each, s);
            if (KIND == WOVEN && n % 2) s.rows[n++] = (int32_t)p->in_c; /* the row of zeros */
            const events seen = {s.rows, 0, n};
            if (n) add_all(VECTORS, KIND, p, 0, &seen, sums);
        }
}

typedef void windows_function(const plan *, int64_t, int64_t, int64_t, int64_t, windows *, int16_t *);
#define WINDOWS(NAME, KIND, VECTORS)                                                                                   \
    __attribute__((unused)) static void NAME(const plan *given, int64_t first, int64_t last, int64_t from, int64_t to, \
                                             windows *s, int16_t *sums) {                                              \
        const plan p = *given; /* in registers */                                                                      \
        all_windows(KIND, VECTORS, &p, first, last, from, to, *s, sums);                                               \
    }
#define ALL_WINDOWS(NAME, KIND)                                                                                        \
    WINDOWS(NAME##_1, KIND, 1)                                                                                         \
    WINDOWS(NAME##_2, KIND, 2)                                                                                         \
    WINDOWS(NAME##_4, KIND, 4)                                                                                         \
    WINDOWS(NAME##_8, KIND, 8)                                                                                         \
    WINDOWS(NAME##_any, KIND, 0)
ALL_WINDOWS(bytes, INT8)
ALL_WINDOWS(nibbles, INT4)
ALL_WINDOWS(signs, TERNARY)
ALL_WINDOWS(shorts, INT16)
ALL_WINDOWS(woven, WOVEN)
ALL_WINDOWS(live_signs, LIVE_SIGNS)
ALL_WINDOWS(live_nibbles, LIVE_INT4)
ALL_WINDOWS(live_bytes, LIVE_INT8)
static windows_function *const by_kind[][5] = {[INT8] = BY_VECTORS(bytes),
                                               [INT4] = BY_VECTORS(nibbles),
                                               [TERNARY] = BY_VECTORS(signs),
                                               [INT16] = BY_VECTORS(shorts),
                                               [WOVEN] = BY_VECTORS(woven),
                                               [LIVE_SIGNS] = BY_VECTORS(live_signs),
                                               [LIVE_INT4] = BY_VECTORS(live_nibbles),
                                               [LIVE_INT8] = BY_VECTORS(live_bytes)};

int spareto_add_windows(const plan *p, const uint64_t *frame, int64_t first, int64_t last, int64_t from, int64_t to,
                        windows *s, char *sums) {
    const uint64_t *words = frame + first * p->in_w * p->in_words;
    const int64_t pixels = (last - first) * p->in_w;
    const int64_t visits = spiking(p, words, pixels) * p->kh * p->kw / (p->sh * p->sw);
    if (visits < VISITS * (to - from) * p->out_w || spikes_of(words, pixels * p->in_words) > s->most) return 0;
    listed(p, words, last - first, p->in_c + (p->kind == WOVEN), s);
    by_kind[p->kind][by_vectors(p)](p, first, last, from, to, s, (int16_t *)sums);
    return 1;
}
