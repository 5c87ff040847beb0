/* Sums: every spike adds its rows of weights to the neurons that it reaches.  The work is spikes times weights; silence
 * is free. */
#include "spikes.h"

typedef int16_t sv __attribute__((vector_size(VB), aligned(2), may_alias));
typedef int8_t half_bytes __attribute__((vector_size(VB / 2), aligned(1), may_alias));
typedef int8_t quarter_bytes __attribute__((vector_size(VB / 4), aligned(1), may_alias));
#define SL (VB / 2)

/* Bytes as wider lanes, by name; see ints_of_shorts. */
AI sv shorts_of(const char *bytes) {
#if VB == 64 && defined(__AVX512BW__)
    return (sv)_mm512_cvtepi8_epi16(_mm256_loadu_si256((const void *)bytes));
#elif VB == 32 && defined(__AVX2__)
    return (sv)_mm256_cvtepi8_epi16(_mm_loadu_si128((const void *)bytes));
#else
    return __builtin_convertvector(LD(half_bytes, bytes), sv);
#endif
}
AI iv ints_of(const char *bytes) {
#if VB == 64
    return (iv)_mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)bytes));
#elif VB == 32 && defined(__AVX2__)
    return (iv)_mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)bytes));
#else
    return __builtin_convertvector(LD(quarter_bytes, bytes), iv);
#endif
}

/* Lanes of `bits` as 0 or -1. */
AI sv chosen(const uint8_t *bits) {
#if VB == 64 && defined(__AVX512BW__)
    uint32_t m;
    memcpy(&m, bits, 4);
    return (sv)_mm512_movm_epi16(m);
#elif VB == 32
    const sv lane = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, INT16_MIN};
    int16_t m;
    memcpy(&m, bits, 2);
    return (((sv){0} + m) & lane) == lane;
#else
    const sv lane = {1, 2, 4, 8, 16, 32, 64, 128};
    return (((sv){0} + (int16_t)*bits) & lane) == lane;
#endif
}

/* Two vectors of shorts += two rows of woven bytes: a byte of one beside that of the other, then both added up. */
AI void add_woven(const char *one, const char *other, sv *a) {
#if VB == 64 && defined(__AVX512BW__)
    const __m512i x = _mm512_loadu_si512(one), y = _mm512_loadu_si512(other), ones = _mm512_set1_epi8(1);
    a[0] += (sv)_mm512_maddubs_epi16(ones, _mm512_unpacklo_epi8(x, y));
    a[1] += (sv)_mm512_maddubs_epi16(ones, _mm512_unpackhi_epi8(x, y));
#elif VB == 32 && defined(__AVX2__)
    const __m256i x = _mm256_loadu_si256((const void *)one), y = _mm256_loadu_si256((const void *)other),
                  ones = _mm256_set1_epi8(1);
    a[0] += (sv)_mm256_maddubs_epi16(ones, _mm256_unpacklo_epi8(x, y));
    a[1] += (sv)_mm256_maddubs_epi16(ones, _mm256_unpackhi_epi8(x, y));
#else
    for (int64_t l = 0; l < SL; l++) {
        const int64_t at = l / 8 * 16 + l % 8;
        a[0][l] += (int16_t)((int8_t)one[at] + (int8_t)other[at]);
        a[1][l] += (int16_t)((int8_t)one[at + 8] + (int8_t)other[at + 8]);
    }
#endif
}

/* NV vectors from lane `first` on += the rows of weights of all spikes of a pixel. */
AI void add_rows(const int NV, const int KIND, const plan *p, const char *tap, const events *seen, int64_t first,
                 sv *a) {
    for (int64_t e = 0; e < seen->count; e += KIND == WOVEN ? 2 : 1) {
        const char *row = tap + seen->channels[e] * p->stride;
        if (KIND == WOVEN) {
            const char *other = tap + seen->channels[e + 1] * p->stride;
#pragma GCC unroll 4
            for (int j = 0; j < NV; j += 2) add_woven(row + first + SL * j, other + first + SL * j, a + j);
        } else if (KIND == INT8) {
#pragma GCC unroll 8
            for (int j = 0; j < NV; j++) a[j] += shorts_of(row + first + SL * j);
        } else if (KIND == INT16) {
#pragma GCC unroll 8
            for (int j = 0; j < NV; j++) a[j] += LD(sv, row + 2 * (first + SL * j));
        } else if (KIND == INT4) { /* a byte holds lanes l and l + SL */
#pragma GCC unroll 4
            for (int j = 0; j < NV / 2; j++) {
                const sv both = shorts_of(row + first / 2 + SL * j);
                a[2 * j] += (both << 12) >> 12;
                a[2 * j + 1] += both >> 4;
            }
        } else { /* a bit where the weight is 1, then a bit where it is -1 */
            const uint8_t *plus = (const uint8_t *)row + first / 8, *minus = plus + p->lanes / 8;
#pragma GCC unroll 8
            for (int j = 0; j < NV; j++) a[j] += chosen(minus + SL / 8 * j) - chosen(plus + SL / 8 * j);
        }
    }
}

/* 16-bit sums += the same. */
AI void add_narrow(const int NV, const int KIND, const plan *p, const char *tap, const events *seen, int64_t first,
                   int16_t *sums) {
    sv a[8];
#pragma GCC unroll 8
    for (int j = 0; j < NV; j++) a[j] = LD(sv, sums + first + SL * j);
    add_rows(NV, KIND, p, tap, seen, first, a);
#pragma GCC unroll 8
    for (int j = 0; j < NV; j++) ST(sv, sums + first + SL * j) = a[j];
}

/* 32-bit sums += the same, where the sums of one pixel fit in 16 bits. */
AI void add_partial(const int NV, const int KIND, const plan *p, const char *tap, const events *seen, int64_t first,
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
AI void add_wide(const int NV, const int KIND, const int VALUED, const plan *p, const char *tap, const events *seen,
                 int64_t first, int32_t *sums) {
    iv a[8];
#pragma GCC unroll 8
    for (int j = 0; j < NV; j++) a[j] = LD(iv, sums + first + VL * j);
    for (int64_t e = 0; e < seen->count; e++) {
        const char *row = tap + seen->channels[e] * p->stride;
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
static void add_unpacked(int64_t kind, int64_t lanes, int64_t stride, const char *tap, const events *seen,
                         int32_t *sums) {
    for (int64_t e = 0; e < seen->count; e++) {
        const char *row = tap + seen->channels[e] * stride;
        const int32_t value = seen->values[e];
        for (int64_t l = 0; l < lanes; l++) {
            int32_t weight;
            if (kind == INT4) {
                const int8_t both = row[l / (2 * SL) * SL + l % SL];
                weight = l % (2 * SL) < SL ? (int8_t)((uint8_t)both << 4) >> 4 : both >> 4;
            } else {
                weight = (row[l / 8] >> l % 8 & 1) - (row[lanes / 8 + l / 8] >> l % 8 & 1);
            }
            sums[l] += weight * value;
        }
    }
}

/* Only the live weights of a row: their places and their values, a byte each. */
AI void add_live(const plan *p, int64_t row, int32_t value, int32_t *sums) {
    const int8_t *weights = p->weights;
    for (int32_t k = p->starts[row]; k < p->starts[row + 1]; k++) sums[p->places[k]] += weights[k] * value;
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

enum { WHOLE, PARTIAL, PACKED, LIVE, GROUPED };

/* All spikes of a pixel, to every window that sees it. */
AI void spread(const int WAY, const int KIND, const int NARROW, const int VALUED, const int VECTORS, const plan *p,
               const taps *seen, int64_t rows, int64_t x, const events *spikes, char *sums) {
    const int64_t each = p->lanes * (NARROW ? 2 : 4);
    const int32_t begin = seen->x_from[x], end = seen->x_from[x + 1];
    for (int64_t r = 0; r < rows; r++)
        for (int32_t k = begin; k < end; k++) {
            const int64_t row = (seen->y_tap[r] * p->kw + seen->x_tap[k]) * (p->in_c + (KIND == WOVEN));
            void *to = sums + (seen->y_out[r] * p->out_w + seen->x_out[k]) * each;
            const char *tap = (const char *)p->weights + row * p->stride;
            if (WAY == LIVE) {
                for (int64_t e = 0; e < spikes->count; e++)
                    add_live(p, row + spikes->channels[e], spikes->values[e], to);
            } else if (WAY == GROUPED) {
                for (int64_t e = 0; e < spikes->count; e++)
                    add_group(p, row + spikes->channels[e], spikes->values[e], to);
            } else if (WAY == PARTIAL) {
                int64_t first = 0;
                for (; first + 4 * SL <= p->lanes; first += 4 * SL) add_partial(4, KIND, p, tap, spikes, first, to);
                for (; first + 2 * SL <= p->lanes; first += 2 * SL) add_partial(2, KIND, p, tap, spikes, first, to);
                if (first < p->lanes) add_partial(1, KIND, p, tap, spikes, first, to);
            } else if (WAY == PACKED) {
                add_unpacked(p->kind, p->lanes, p->stride, tap, spikes, to);
            } else if (NARROW && VECTORS) {
                add_narrow(VECTORS, KIND, p, tap, spikes, 0, to);
            } else if (NARROW) {
                int64_t first = 0;
                for (; first + 4 * SL <= p->lanes; first += 4 * SL) add_narrow(4, KIND, p, tap, spikes, first, to);
                for (; first + 2 * SL <= p->lanes; first += 2 * SL) add_narrow(2, KIND, p, tap, spikes, first, to);
                if (first < p->lanes) add_narrow(1, KIND, p, tap, spikes, first, to);
            } else {
                int64_t first = 0;
                for (; first + 8 * VL <= p->lanes; first += 8 * VL)
                    add_wide(8, KIND, VALUED, p, tap, spikes, first, to);
                for (; first + 2 * VL <= p->lanes; first += 2 * VL)
                    add_wide(2, KIND, VALUED, p, tap, spikes, first, to);
            }
        }
}

/* The places of the ones of a word, counted from `first`, behind the `n` that are there; how many there are then.
 * Room for 16 more is there. */
AI int64_t places(uint64_t word, int32_t first, int32_t *to, int64_t n) {
#if VB == 64
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    for (; word; word >>= 16, first += 16) {
        const __mmask16 ones = (__mmask16)word;
        const __m512i at = _mm512_add_epi32(lane, _mm512_set1_epi32(first));
        _mm512_storeu_si512(to + n, _mm512_maskz_compress_epi32(ones, at));
        n += __builtin_popcount(ones);
    }
#else
    for (uint64_t left = word; left; left &= left - 1) to[n++] = first + __builtin_ctzll(left);
#endif
    return n;
}

/* All spikes of one row of pixels. */
AI void row_spikes(const int WAY, const int KIND, const int NARROW, const int VALUED, const int VECTORS, const plan *p,
                   const taps *seen, int64_t rows, const void *in, int64_t pixel, char *sums) {
    events spikes = seen->spikes;
    for (int64_t x = 0; x < p->in_w; x++) {
        int64_t n = 0;
        if (VALUED) {
            const int32_t *value = (const int32_t *)in + (pixel + x) * p->in_c;
            for (int64_t c = 0; c < p->in_c; c++)
                if (value[c]) spikes.channels[n] = (int32_t)c, spikes.values[n++] = value[c];
        } else { /* their values are 1 and stay so */
            const uint64_t *words = (const uint64_t *)in + (pixel + x) * p->in_words;
            if (p->in_words == 1 && !words[0]) continue;
            for (int64_t w = 0; w < p->in_words; w++) n = places(words[w], (int32_t)(w * 64), spikes.channels, n);
            if (KIND == WOVEN && n % 2) spikes.channels[n++] = (int32_t)p->in_c; /* the row of zeros */
        }
        spikes.count = n;
        if (n) spread(WAY, KIND, NARROW, VALUED, VECTORS, p, seen, rows, x, &spikes, sums);
    }
}

typedef void row_function(const plan *, const taps *, int64_t, const void *, int64_t, char *);
#define ROW(NAME, WAY, KIND, NARROW, VALUED, VECTORS)                                                                  \
    __attribute__((unused)) static void NAME(const plan *p, const taps *seen, int64_t rows, const void *in,            \
                                             int64_t pixel, char *sums) {                                              \
        row_spikes(WAY, KIND, NARROW, VALUED, VECTORS, p, seen, rows, in, pixel, sums);                                \
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
WIDE_ROWS(wide_bytes, WHOLE, INT8)
WIDE_ROWS(wide_shorts, WHOLE, INT16)
WIDE_ROWS(wide_ints, WHOLE, INT32)
ROW(partial_bytes, PARTIAL, INT8, 0, 0, 0)
ROW(partial_nibbles, PARTIAL, INT4, 0, 0, 0)
ROW(partial_signs, PARTIAL, TERNARY, 0, 0, 0)
ROW(partial_woven, PARTIAL, WOVEN, 0, 0, 0)
WIDE_ROWS(packed, PACKED, INT8)
WIDE_ROWS(live, LIVE, INT8)
WIDE_ROWS(grouped, GROUPED, INT8)

/* By kind of weight, then by vectors: any number, 1, 2, 4, 8. */
static row_function *const narrow_rows[6][5] = {{bytes_any, bytes_1, bytes_2, bytes_4, bytes_8},
                                                {nibbles_any, nibbles_any, nibbles_2, nibbles_4, nibbles_8},
                                                {signs_any, signs_1, signs_2, signs_4, signs_8},
                                                {shorts_any, shorts_1, shorts_2, shorts_4, shorts_8},
                                                {0}, /* sums of 32-bit weights are not narrow */
                                                {woven_any, woven_any, woven_2, woven_4, woven_8}};
static row_function *const wide_rows[5][2] = {{wide_bytes_bits, wide_bytes_values},
                                              {packed_bits, packed_values},
                                              {packed_bits, packed_values},
                                              {wide_shorts_bits, wide_shorts_values},
                                              {wide_ints_bits, wide_ints_values}};

void spareto_add_row(const plan *p, const taps *seen, int64_t rows, const void *in, int64_t pixel, char *sums) {
    const int valued = p->in_values != 0;
    row_function *add;
    if (p->starts) add = valued ? live_values : live_bits;
    else if (p->groups > 1) add = valued ? grouped_values : grouped_bits;
    else if (p->partial && !p->narrow)
        add = p->kind == INT8    ? partial_bytes
              : p->kind == INT4  ? partial_nibbles
              : p->kind == WOVEN ? partial_woven
                                 : partial_signs;
    else if (!p->narrow) add = wide_rows[p->kind][valued];
    else {
        const int64_t vectors = p->lanes / SL;
        add = narrow_rows[p->kind][vectors == 1              ? 1
                                   : vectors == 2            ? 2
                                   : vectors == 4            ? 3
                                   : vectors == 8 && VB < 64 ? 4
                                                             : 0];
    }
    add(p, seen, rows, in, pixel, sums);
}

void spareto_add_back(const plan *p, const int32_t *fired, const taps *seen, int32_t *sums) {
    plan back = *p;
    events spikes = seen->back;
    back.stride = p->back_stride;
    spikes.count = 0;
    for (int64_t c = 0; c < p->out_c; c++)
        if (fired[c]) spikes.channels[spikes.count] = (int32_t)c, spikes.values[spikes.count++] = fired[c];
    memset(sums, 0, sizeof(int32_t) * (size_t)p->lanes);
    for (int64_t first = 0; first < p->lanes; first += 2 * VL) switch (p->back_kind) {
        case INT8: add_wide(2, INT8, 1, &back, p->back_weights, &spikes, first, sums); break;
        case INT16: add_wide(2, INT16, 1, &back, p->back_weights, &spikes, first, sums); break;
        case INT32: add_wide(2, INT32, 1, &back, p->back_weights, &spikes, first, sums); break;
        default: add_unpacked(p->back_kind, p->lanes, p->back_stride, p->back_weights, &spikes, sums); return;
        }
}
