/* Rows of which only the live weights are kept, one after the other without gaps, in 1, 4 or 8 bits each.
 *
 * All rows lie behind each other.  Either a bit for each weight says whether it is live, 64 a word, or a byte for each
 * live one says its place among 256; `starts` holds how many there are before each word, or before each such block.
 */
#ifndef SPARETO_LIVE_H
#define SPARETO_LIVE_H
#include "spikes.h"

/* Lanes of a row that are live, and the number of the first of them. */
typedef struct {
    uint64_t mask;
    int64_t at;
} live_lanes;

/* At most 64 lanes of a row, from lane `first` on. */
AI live_lanes live_of(const plan *p, int64_t row, int64_t first, int64_t lanes) {
    const int64_t bit = row * p->out_c + first, left = p->out_c - first, n = left < lanes ? left : lanes;
    if (p->out_c % 64 == 0 && lanes == 64) return (live_lanes){p->masks[bit / 64], p->starts[bit / 64]};
    const uint64_t *word = p->masks + bit / 64;
    const int shift = (int)(bit % 64);
    if (n <= 0) return (live_lanes){0, 0};
    const uint64_t mask = word[0] >> shift | word[1] << 1 << (63 - shift), below = ((uint64_t)1 << shift) - 1;
    return (live_lanes){mask & ~(uint64_t)0 >> (64 - n), p->starts[bit / 64] + __builtin_popcountll(word[0] & below)};
}

AI uint64_t word_at(const char *bytes) {
    uint64_t word;
    memcpy(&word, bytes, 8);
    return word;
}

/* Live weight number `at`. */
AI int32_t live_weight(int64_t kind, const char *weights, int64_t at) {
    if (kind == LIVE_SIGNS) return weights[at / 8] >> at % 8 & 1 ? -1 : 1;
    if (kind == LIVE_INT4) return (int8_t)((uint8_t)weights[at / 2] << (at % 2 ? 0 : 4)) >> 4;
    return (int8_t)weights[at];
}

/* The live weights of a row by their places, times `value`. */
AI void add_places(const plan *p, int64_t row, int32_t value, int32_t *sums) {
    const int64_t from = row * p->out_c, to = from + p->out_c;
    for (int64_t block = from / 256; block * 256 < to; block++) {
        const int64_t low = from - block * 256, high = to - block * 256;
        int32_t k = p->starts[block];
        const int32_t end = p->starts[block + 1];
        while (k < end && p->places[k] < low) k++;
        for (; k < end && p->places[k] < high; k++)
            sums[p->places[k] - low] += live_weight(p->kind, p->weights, k) * value;
    }
}

/* Which of the live lanes are -1. */
AI uint64_t negative(const char *weights, live_lanes live) {
    const char *from = weights + live.at / 8;
    const int shift = (int)(live.at % 8);
    const uint64_t signs = word_at(from) >> shift | (uint64_t)(uint8_t)from[8] << 1 << (63 - shift);
#ifdef __BMI2__
    return _pdep_u64(signs, live.mask);
#else
    uint64_t found = 0, left = live.mask;
    for (int64_t k = 0; left; k++, left &= left - 1) found |= (signs >> k & 1) * (left & -left);
    return found;
#endif
}

#ifdef __BMI2__
/* Eight weights from number `at` on, a byte each. */
AI __m128i eight(const int KIND, const char *weights, int64_t at) {
    if (KIND == LIVE_INT8) return _mm_loadl_epi64((const void *)(weights + at));
    const uint64_t nibbles = _pdep_u64(word_at(weights + at / 2) >> at % 2 * 4, 0x0f0f0f0f0f0f0f0f);
    const __m128i eights = _mm_set1_epi8(8);
    return _mm_sub_epi8(_mm_xor_si128(_mm_cvtsi64_si128((int64_t)nibbles), eights), eights);
}

/* Eight lanes as bytes: byte k of an entry says which live weight lane k takes, or 128 for none. */
extern const uint64_t spareto_taken[256];
AI __m128i eight_lanes(const int KIND, const char *weights, uint8_t mask, int64_t at) {
    return _mm_shuffle_epi8(eight(KIND, weights, at), _mm_cvtsi64_si128((int64_t)spareto_taken[mask]));
}
#endif

#if VB == 64
/* 64 lanes as bytes.  Written as the instruction itself: the compiler takes it for newer processors only, and a plan
 * has p->expands where this is one. */
AI __m512i expanded(const int KIND, const char *weights, live_lanes live) {
    __m512i bytes, lanes;
    if (KIND == LIVE_INT8) {
        bytes = _mm512_loadu_si512(weights + live.at);
    } else { /* two nibbles of a byte, or of two bytes side by side, become two bytes */
        const char *from = weights + live.at / 2;
        const __m512i low = _mm512_cvtepu8_epi16(_mm256_loadu_si256((const void *)from)),
                      high = _mm512_cvtepu8_epi16(_mm256_loadu_si256((const void *)(from + 1)));
        const __m512i pair = _mm512_srl_epi16(_mm512_or_si512(low, _mm512_slli_epi16(high, 8)),
                                              _mm_cvtsi32_si128((int)(live.at % 2 * 4)));
        const __m512i both = _mm512_or_si512(_mm512_and_si512(pair, _mm512_set1_epi16(0x000f)),
                                             _mm512_and_si512(_mm512_slli_epi16(pair, 4), _mm512_set1_epi16(0x0f00)));
        const __m512i eights = _mm512_set1_epi8(8);
        bytes = _mm512_sub_epi8(_mm512_xor_si512(both, eights), eights);
    }
    __asm__("vpexpandb %1, %0%{%2%}%{z%}" : "=v"(lanes) : "v"(bytes), "Yk"((__mmask64)live.mask));
    return lanes;
}
#endif
#endif
