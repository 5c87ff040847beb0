/* Sums: every spike adds its rows of weights to the neurons that it reaches.  The work is spikes times weights; silence
 * is free. */
#include "rows.h"

/* 32-bit sums += the same, where the sums of one pixel fit in 16 bits. */
AI void add_partial(const int NV, const int KIND, const plan *p, int64_t tap, const events *seen, int64_t first,
                    int32_t *sums) {
    sv a[8];
#pragma GCC unroll 8
    for (int j = 0; j < NV; j++) a[j] = (sv){0};
    add_rows(NV, KIND, p, tap, seen, first, a);
#pragma GCC unroll 8
    for (int j = 0; j < NV; j++) {
        int32_t *to = sums + first + SL * j;
        ST(iv, to) = LD(iv, to) + ints_of_shorts(&a[j]);
        ST(iv, to + VL) = LD(iv, to + VL) + ints_of_shorts((const char *)&a[j] + VB / 2);
    }
}

/* The same of 32-bit sums, each spike times its value. */
AI void add_wide(const int NV, const int KIND, const int VALUED, const plan *p, int64_t tap, const events *seen,
                 int64_t first, int32_t *sums) {
    iv a[8];
#pragma GCC unroll 8
    for (int j = 0; j < NV; j++) a[j] = LD(iv, sums + first + VL * j);
    for (int64_t e = 0; e < seen->count; e++) {
        const char *row = (const char *)p->weights + (tap + seen->channels[e]) * p->stride;
#pragma GCC unroll 8
        for (int j = 0; j < NV; j++) {
            iv weight;
            if (KIND == INT8) weight = ints_of(row + first + VL * j);
            else if (KIND == INT16) weight = ints_of_shorts(row + 2 * (first + VL * j));
            else weight = LD(iv, row + 4 * (first + VL * j));
            if (VALUED) weight *= seen->values[e];
            a[j] += weight;
        }
    }
#pragma GCC unroll 8
    for (int j = 0; j < NV; j++) ST(iv, sums + first + VL * j) = a[j];
}

/* The rare case: packed weights whose sums need 32 bits. */
static void add_unpacked(const plan *p, int64_t tap, const events *seen, int32_t *sums) {
    for (int64_t e = 0; e < seen->count; e++) {
        const char *row = (const char *)p->weights + (tap + seen->channels[e]) * p->stride;
        const int32_t value = seen->values[e];
        for (int64_t l = 0; l < p->lanes; l++) {
            int32_t weight;
            if (p->kind == INT4) {
                const int8_t both = row[l / (2 * SL) * SL + l % SL];
                weight = l % (2 * SL) < SL ? (int8_t)((uint8_t)both << 4) >> 4 : both >> 4;
            } else {
                weight = (row[l / 8] >> l % 8 & 1) - (row[p->stride / 2 + l / 8] >> l % 8 & 1);
            }
            sums[l] += weight * value;
        }
    }
}

/* The same of rows that keep their live weights. */
static void add_few(const plan *p, int64_t tap, const events *seen, int32_t *sums) {
    for (int64_t e = 0; e < seen->count; e++)
        for (int64_t first = 0; first < p->out_c; first += 64) {
            live_lanes live = live_of(p, tap + seen->channels[e], first, 64);
            for (; live.mask; live.mask &= live.mask - 1)
                sums[first + __builtin_ctzll(live.mask)] += live_weight(p->kind, p->weights, live.at++) *
                                                            seen->values[e];
        }
}

/* An input's row reaches the outputs of its own group. */
AI void add_group(const plan *p, int64_t row, int32_t value, int32_t *sums) {
    const int64_t inputs = p->in_c / p->groups, outputs = p->out_c / p->groups;
    int32_t *to = sums + row % p->in_c / inputs * outputs;
    const char *from = (const char *)p->weights + row * p->stride;
    if (p->kind == INT8)
        for (int64_t l = 0; l < outputs; l++) to[l] += ((const int8_t *)from)[l] * value;
    else if (p->kind == INT16)
        for (int64_t l = 0; l < outputs; l++) to[l] += ((const int16_t *)from)[l] * value;
    else
        for (int64_t l = 0; l < outputs; l++) to[l] += ((const int32_t *)from)[l] * value;
}

enum { WHOLE, PARTIAL, PACKED, FEW, PLACED, GROUPED };

/* All spikes of a pixel, to every window that sees it. */
AI void spread(const int WAY, const int KIND, const int NARROW, const int VALUED, const int VECTORS, const plan *p,
               const taps *seen, int64_t rows, int64_t x, const events *spikes, char *sums) {
    const int64_t each = p->lanes * (NARROW ? 2 : 4), inputs = p->in_c + (KIND == WOVEN);
    const int32_t begin = seen->x_from[x], end = seen->x_from[x + 1];
    for (int64_t r = 0; r < rows; r++) {
        const int64_t taps_before = seen->y_tap[r] * p->kw;
        char *row_sums = sums + seen->y_out[r] * p->out_w * each;
        for (int32_t k = begin; k < end; k++) {
            const int64_t tap = (taps_before + seen->x_tap[k]) * inputs;
            void *to = row_sums + seen->x_out[k] * each;
            if (WAY == PLACED) {
                for (int64_t e = 0; e < spikes->count; e++)
                    add_places(p, tap + spikes->channels[e], spikes->values[e], to);
            } else if (WAY == GROUPED) {
                for (int64_t e = 0; e < spikes->count; e++)
                    add_group(p, tap + spikes->channels[e], spikes->values[e], to);
            } else if (WAY == PARTIAL) {
                int64_t first = 0;
                for (; first + 4 * SL <= p->lanes; first += 4 * SL) add_partial(4, KIND, p, tap, spikes, first, to);
                for (; first + 2 * SL <= p->lanes; first += 2 * SL) add_partial(2, KIND, p, tap, spikes, first, to);
                if (first < p->lanes) add_partial(1, KIND, p, tap, spikes, first, to);
            } else if (WAY == PACKED) {
                add_unpacked(p, tap, spikes, to);
            } else if (WAY == FEW) {
                add_few(p, tap, spikes, to);
            } else if (NARROW) {
                add_all(VECTORS, KIND, p, tap, spikes, to);
            } else {
                int64_t first = 0;
                for (; first + 8 * VL <= p->lanes; first += 8 * VL)
                    add_wide(8, KIND, VALUED, p, tap, spikes, first, to);
                for (; first + 2 * VL <= p->lanes; first += 2 * VL)
                    add_wide(2, KIND, VALUED, p, tap, spikes, first, to);
            }
        }
    }
}

/* All spikes of one pixel. */
AI void pixel_spikes(const int WAY, const int KIND, const int NARROW, const int VALUED, const int VECTORS,
                     const plan *p, const taps *seen, int64_t rows, const void *in, int64_t pixel, int64_t x,
                     char *sums) {
    events spikes = seen->spikes;
    int64_t n = 0;
    if (VALUED) {
        const int32_t *value = (const int32_t *)in + (pixel + x) * p->in_c;
        for (int64_t c = 0; c < p->in_c; c++)
            if (value[c]) spikes.channels[n] = (int32_t)c, spikes.values[n++] = value[c];
    } else { /* their values are 1 and stay so */
        const uint64_t *words = (const uint64_t *)in + (pixel + x) * p->in_words;
        for (int64_t w = 0; w < p->in_words; w++) n = places(words[w], (int32_t)(w * 64), spikes.channels, n);
        if (KIND == WOVEN && n % 2) spikes.channels[n++] = (int32_t)p->in_c; /* the row of zeros */
    }
    spikes.count = n;
    if (n) spread(WAY, KIND, NARROW, VALUED, VECTORS, p, seen, rows, x, &spikes, sums);
}

/* All spikes of one row of pixels. */
AI void row_spikes(const int WAY, const int KIND, const int NARROW, const int VALUED, const int VECTORS, const plan *p,
                   const taps *seen, int64_t rows, const void *in, int64_t pixel, char *sums) {
    for (int64_t x = 0; x < p->in_w; x += 64) {
        const int64_t n = p->in_w - x < 64 ? p->in_w - x : 64;
        uint64_t left = ~(uint64_t)0 >> (64 - n);
        if (!VALUED && p->in_words == 1) left = busy((const uint64_t *)in + pixel + x, n);
        for (; left; left &= left - 1)
            pixel_spikes(WAY, KIND, NARROW, VALUED, VECTORS, p, seen, rows, in, pixel, x + __builtin_ctzll(left), sums);
    }
}

typedef void row_function(const plan *, const taps *, int64_t, const void *, int64_t, char *);
#define ROW(NAME, WAY, KIND, NARROW, VALUED, VECTORS)                                                                  \
    __attribute__((unused)) static void NAME(const plan *given, const taps *windows, int64_t rows, const void *in,     \
                                             int64_t pixel, char *sums) {                                              \
        const plan p = *given; /* in registers: sums could lie anywhere, for all that the compiler knows */            \
        const taps seen = *windows;                                                                                    \
        row_spikes(WAY, KIND, NARROW, VALUED, VECTORS, &p, &seen, rows, in, pixel, sums);                              \
    }
#define NARROW_ROWS(NAME, KIND)                                                                                        \
    ROW(NAME##_1, WHOLE, KIND, 1, 0, 1)                                                                                \
    ROW(NAME##_2, WHOLE, KIND, 1, 0, 2)                                                                                \
    ROW(NAME##_4, WHOLE, KIND, 1, 0, 4)                                                                                \
    ROW(NAME##_8, WHOLE, KIND, 1, 0, 8)                                                                                \
    ROW(NAME##_any, WHOLE, KIND, 1, 0, 0)
#define WIDE_ROWS(NAME, WAY, KIND)                                                                                     \
    ROW(NAME##_bits, WAY, KIND, 0, 0, 0)                                                                               \
    ROW(NAME##_values, WAY, KIND, 0, 1, 0)
NARROW_ROWS(bytes, INT8)
NARROW_ROWS(nibbles, INT4)
NARROW_ROWS(signs, TERNARY)
NARROW_ROWS(shorts, INT16)
NARROW_ROWS(woven, WOVEN)
NARROW_ROWS(live_signs, LIVE_SIGNS)
NARROW_ROWS(live_nibbles, LIVE_INT4)
NARROW_ROWS(live_bytes, LIVE_INT8)
WIDE_ROWS(wide_bytes, WHOLE, INT8)
WIDE_ROWS(wide_shorts, WHOLE, INT16)
WIDE_ROWS(wide_ints, WHOLE, INT32)
ROW(partial_bytes, PARTIAL, INT8, 0, 0, 0)
ROW(partial_nibbles, PARTIAL, INT4, 0, 0, 0)
ROW(partial_signs, PARTIAL, TERNARY, 0, 0, 0)
ROW(partial_woven, PARTIAL, WOVEN, 0, 0, 0)
ROW(partial_live_signs, PARTIAL, LIVE_SIGNS, 0, 0, 0)
ROW(partial_live_nibbles, PARTIAL, LIVE_INT4, 0, 0, 0)
ROW(partial_live_bytes, PARTIAL, LIVE_INT8, 0, 0, 0)
WIDE_ROWS(packed, PACKED, INT8)
WIDE_ROWS(few, FEW, INT8)
WIDE_ROWS(placed, PLACED, INT8)
WIDE_ROWS(grouped, GROUPED, INT8)

/* By kind of weight, then by vectors: any number, 1, 2, 4, 8. */
static row_function *const narrow_rows[][5] = {[INT8] = BY_VECTORS(bytes),
                                               [INT4] = BY_VECTORS(nibbles),
                                               [TERNARY] = BY_VECTORS(signs),
                                               [INT16] = BY_VECTORS(shorts),
                                               [WOVEN] = BY_VECTORS(woven),
                                               [LIVE_SIGNS] = BY_VECTORS(live_signs),
                                               [LIVE_INT4] = BY_VECTORS(live_nibbles),
                                               [LIVE_INT8] = BY_VECTORS(live_bytes)};
/* By kind of weight, then by whether spikes have values. */
#define BY_VALUES(NAME) {NAME##_bits, NAME##_values}
static row_function *const wide_rows[][2] = {[INT8] = BY_VALUES(wide_bytes), [INT4] = BY_VALUES(packed),
                                             [TERNARY] = BY_VALUES(packed),  [INT16] = BY_VALUES(wide_shorts),
                                             [INT32] = BY_VALUES(wide_ints), [LIVE_SIGNS] = BY_VALUES(few),
                                             [LIVE_INT4] = BY_VALUES(few),   [LIVE_INT8] = BY_VALUES(few)};
static row_function *const partial_rows[] = {
    [INT8] = partial_bytes,          [INT4] = partial_nibbles,          [TERNARY] = partial_signs,
    [WOVEN] = partial_woven,         [LIVE_SIGNS] = partial_live_signs, [LIVE_INT4] = partial_live_nibbles,
    [LIVE_INT8] = partial_live_bytes};

void spareto_add_row(const plan *p, const taps *seen, int64_t rows, const void *in, int64_t pixel, char *sums) {
    const int valued = p->in_values != 0;
    row_function *add;
    if (p->groups > 1) add = valued ? grouped_values : grouped_bits;
    else if (p->places) add = valued ? placed_values : placed_bits;
    else if (p->partial && !p->narrow) add = partial_rows[p->kind];
    else if (!p->narrow) add = wide_rows[p->kind][valued];
    else { add = narrow_rows[p->kind][by_vectors(p)]; }
    add(p, seen, rows, in, pixel, sums);
}

void spareto_add_back(const plan *p, const int32_t *fired, const taps *seen, int32_t *sums) {
    plan back = *p;
    events spikes = seen->back;
    back.stride = p->back_stride, back.kind = p->back_kind, back.weights = p->back_weights;
    back.starts = p->back_starts, back.masks = p->back_masks;
    spikes.count = 0;
    for (int64_t c = 0; c < p->out_c; c++)
        if (fired[c]) spikes.channels[spikes.count] = (int32_t)c, spikes.values[spikes.count++] = fired[c];
    memset(sums, 0, sizeof(int32_t) * (size_t)p->lanes);
    if (back.kind >= LIVE_SIGNS) add_few(&back, 0, &spikes, sums);
    else if (back.kind == INT4 || back.kind == TERNARY) add_unpacked(&back, 0, &spikes, sums);
    else
        for (int64_t first = 0; first < p->lanes; first += 2 * VL)
            if (back.kind == INT8) add_wide(2, INT8, 1, &back, 0, &spikes, first, sums);
            else if (back.kind == INT16) add_wide(2, INT16, 1, &back, 0, &spikes, first, sums);
            else add_wide(2, INT32, 1, &back, 0, &spikes, first, sums);
}
