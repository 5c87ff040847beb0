/* Rows of weights, added up: of one pixel's spikes, or of a window's. */
#ifndef SPARETO_ROWS_H
#define SPARETO_ROWS_H
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

/* Which of the functions for any number of vectors, 1, 2, 4, 8. */
AI int by_vectors(const plan *p) {
    const int64_t vectors = p->lanes / SL;
    return vectors == 1 ? 1 : vectors == 2 ? 2 : vectors == 4 ? 3 : vectors == 8 && VB < 64 ? 4 : 0;
}
#define BY_VECTORS(NAME) {NAME##_any, NAME##_1, NAME##_2, NAME##_4, NAME##_8}

/* All lanes of 16-bit sums += the same; VECTORS of them, or any number if 0. */
AI void add_all(const int VECTORS, const int KIND, const plan *p, int64_t tap, const events *seen, int16_t *sums) {
    int64_t first = 0;
    if (VECTORS) {
        add_narrow(VECTORS, KIND, p, tap, seen, 0, sums);
        return;
    }
    for (; first + 4 * SL <= p->lanes; first += 4 * SL) add_narrow(4, KIND, p, tap, seen, first, sums);
    for (; first + 2 * SL <= p->lanes; first += 2 * SL) add_narrow(2, KIND, p, tap, seen, first, sums);
    if (first < p->lanes) add_narrow(1, KIND, p, tap, seen, first, sums);
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

/* Which of n pixels, at most 64, have spikes; a word each. */
AI uint64_t busy(const uint64_t *words, int64_t n) {
    uint64_t found = 0;
    int64_t i = 0;
#if VB == 64
    for (; i + 8 <= n; i += 8) {
        const __m512i eight = _mm512_loadu_si512(words + i);
        found |= (uint64_t)_mm512_test_epi64_mask(eight, eight) << i;
    }
#endif
    for (; i < n; i++) found |= (uint64_t)(words[i] != 0) << i;
    return found;
}

#endif
