/* Sums: every spike adds its rows of weights to the neurons that it reaches.  The work is spikes times weights; silence
 * is free. */
#include "live.h"

typedef int16_t sv __attribute__((vector_size(VB), aligned(2), may_alias));
typedef int8_t half_bytes __attribute__((vector_size(VB / 2), aligned(1), may_alias));
typedef int8_t quarter_bytes __attribute__((vector_size(VB / 4), aligned(1), may_alias));
typedef int8_t bv __attribute__((vector_size(VB), aligned(1), may_alias));
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

/* Half a vector of bytes as shorts. */
AI sv half_of(bv bytes, const int upper) {
#if VB == 64 && defined(__AVX512BW__)
    const __m512i all = (__m512i)bytes;
    return (sv)_mm512_cvtepi8_epi16(upper ? _mm512_extracti64x4_epi64(all, 1) : _mm512_castsi512_si256(all));
#else
    return shorts_of((const char *)&bytes + (upper ? VB / 2 : 0));
#endif
}

/* Bytes of -1 where the lowest bits are ones. */
__attribute__((unused)) AI bv spread_bits(uint64_t bits) {
#if VB == 64 && defined(__AVX512BW__)
    return (bv)_mm512_movm_epi8(bits);
#elif VB == 32 && defined(__AVX2__)
    const __m256i eights = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i lane = _mm256_set1_epi64x((int64_t)0x8040201008040201);
    return (bv)_mm256_cmpeq_epi8(_mm256_and_si256(_mm256_shuffle_epi8(_mm256_set1_epi32((int32_t)bits), eights), lane),
                                 lane);
#else
    uint64_t each[VB / 8];
    for (int k = 0; k < VB / 8; k++) each[k] = (bits >> 8 * k & 255) * 0x0101010101010101;
    const bv lane = LD(bv, &((const uint64_t[VB / 8]){[0 ... VB / 8 - 1] = 0x8040201008040201}));
    return (LD(bv, each) & lane) == lane;
#endif
}

/* A vector of bytes + 1 where `plus` has ones, - 1 where `minus` has. */
AI bv counted(bv a, uint64_t plus, uint64_t minus) {
#if VB == 64 && defined(__AVX512BW__)
    const __m512i one = _mm512_set1_epi8(1), more = _mm512_mask_add_epi8((__m512i)a, plus, (__m512i)a, one);
    return (bv)_mm512_mask_sub_epi8(more, minus, more, one);
#else
    return a + spread_bits(minus) - spread_bits(plus);
#endif
}

/* SL lanes of bytes as shorts. */
AI sv live_shorts(const int KIND, const char *weights, uint64_t mask, int64_t at) {
#ifdef __BMI2__
    __m128i part[4];
#pragma GCC unroll 4
    for (int k = 0; k < SL / 8; k++, mask >>= 8) {
        part[k] = eight_lanes(KIND, weights, (uint8_t)mask, at);
        at += __builtin_popcount((uint8_t)mask);
    }
    char bytes[SL];
#pragma GCC unroll 4
    for (int k = 0; k < SL / 8; k++) _mm_storel_epi64((void *)(bytes + 8 * k), part[k]);
    return shorts_of(bytes);
#else
    int8_t bytes[SL] = {0};
    for (; mask; mask &= mask - 1) bytes[__builtin_ctzll(mask)] = (int8_t)live_weight(KIND, weights, at++);
    return shorts_of((const char *)bytes);
#endif
}

/* NV vectors of a row that keeps its live weights. */
AI void add_live(const int NV, const int KIND, const plan *p, live_lanes live, sv *a) {
    const char *weights = p->weights;
#if VB == 64
    if (p->expands) {
        const __m512i bytes = expanded(KIND, weights, live);
        a[0] += half_of((bv)bytes, 0);
        if (NV == 2) a[1] += half_of((bv)bytes, 1);
        return;
    }
#endif
#pragma GCC unroll 8
    for (int j = 0; j < NV; j++) {
        const uint64_t mask = live.mask >> SL * j & ~(uint64_t)0 >> (64 - SL);
        a[j] += live_shorts(KIND, weights, mask, live.at);
        live.at += __builtin_popcountll(mask);
    }
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

/* The bits of a row from `from` on, as many as a vector has bytes, or as there are. */
AI uint64_t row_bits(const uint8_t *from, const int n) {
    uint64_t bits = 0;
    memcpy(&bits, from, (size_t)(n < VB ? n : VB) / 8);
    return bits;
}

/* NV vectors from lane `first` on += the rows of signs of all spikes of a pixel; bytes count them, 127 at a time. */
AI void add_signs(const int NV, const int KIND, const plan *p, int64_t tap, const events *seen, int64_t first, sv *a) {
    const int lanes = NV * SL, n = (lanes + VB - 1) / VB;
    for (int64_t e = 0; e < seen->count;) {
        const int64_t end = seen->count - e > 127 ? e + 127 : seen->count;
        bv count[4] = {{0}, {0}, {0}, {0}};
        for (; e < end; e++) {
            const int64_t row = tap + seen->channels[e];
            if (KIND == LIVE_SIGNS) {
#pragma GCC unroll 4
                for (int l = 0; l < lanes; l += 64) {
                    const live_lanes live = live_of(p, row, first + l, lanes - l < 64 ? lanes - l : 64);
                    const uint64_t minus = negative(p->weights, live), plus = live.mask ^ minus;
#pragma GCC unroll 4
                    for (int k = 0; k < 64 / VB; k++)
                        if (l / VB + k < n)
                            count[l / VB + k] = counted(count[l / VB + k], plus >> k * VB, minus >> k * VB);
                }
            } else { /* a bit where the weight is 1, then a bit where it is -1 */
                const uint8_t *plus = (const uint8_t *)p->weights + row * p->stride + first / 8,
                              *minus = plus + p->stride / 2;
#pragma GCC unroll 4
                for (int k = 0; k < n; k++)
                    count[k] = counted(count[k], row_bits(plus + VB / 8 * k, lanes - VB * k),
                                       row_bits(minus + VB / 8 * k, lanes - VB * k));
            }
        }
#pragma GCC unroll 8
        for (int j = 0; j < NV; j++) a[j] += half_of(count[j / 2], j % 2);
    }
}

/* NV vectors from lane `first` on += the rows of weights of all spikes of a pixel; `tap` is the first of its rows. */
AI void add_rows(const int NV, const int KIND, const plan *p, int64_t tap, const events *seen, int64_t first, sv *a) {
    if (KIND == TERNARY || KIND == LIVE_SIGNS) {
        add_signs(NV, KIND, p, tap, seen, first, a);
        return;
    }
    if (KIND == LIVE_INT4 || KIND == LIVE_INT8) {
        const int each = NV < 64 / SL ? NV : 64 / SL;
        for (int64_t e = 0; e < seen->count; e++)
#pragma GCC unroll 8
            for (int j = 0; j < NV; j += each) {
                const live_lanes live = live_of(p, tap + seen->channels[e], first + SL * j, SL * each);
                add_live(each, KIND, p, live, a + j);
            }
        return;
    }
    const char *rows = (const char *)p->weights + tap * p->stride;
    for (int64_t e = 0; e < seen->count; e += KIND == WOVEN ? 2 : 1) {
        const char *row = rows + seen->channels[e] * p->stride;
        if (KIND == WOVEN) {
            const char *other = rows + seen->channels[e + 1] * p->stride;
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
        }
    }
}

/* 16-bit sums += the same. */
AI void add_narrow(const int NV, const int KIND, const plan *p, int64_t tap, const events *seen, int64_t first,
                   int16_t *sums) {
    sv a[8];
#pragma GCC unroll 8
    for (int j = 0; j < NV; j++) a[j] = LD(sv, sums + first + SL * j);
    add_rows(NV, KIND, p, tap, seen, first, a);
#pragma GCC unroll 8
    for (int j = 0; j < NV; j++) ST(sv, sums + first + SL * j) = a[j];
}

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
    const int64_t each = p->lanes * (NARROW ? 2 : 4);
    const int32_t begin = seen->x_from[x], end = seen->x_from[x + 1];
    for (int64_t r = 0; r < rows; r++)
        for (int32_t k = begin; k < end; k++) {
            const int64_t tap = (seen->y_tap[r] * p->kw + seen->x_tap[k]) * (p->in_c + (KIND == WOVEN));
            void *to = sums + (seen->y_out[r] * p->out_w + seen->x_out[k]) * each;
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
#define BY_VECTORS(NAME) {NAME##_any, NAME##_1, NAME##_2, NAME##_4, NAME##_8}
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
