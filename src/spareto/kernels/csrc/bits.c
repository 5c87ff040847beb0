/* Spikes as bits: 64 channels a word, channels-last; a pixel (or row) of C channels takes (C + 63) / 64 words. */
#include "conv.h"
#define AHEAD 1024 /* floats: a page, which the machine's own prefetcher does not cross */

AI iv not_zero(fv x) { return ~(x == fv_zero()); } /* true for a NaN, which is then found not to be a spike */
AI iv no_spike(fv x) { return not_zero(x) & ~(x == fv_all(1.f)); }
static int any(iv mask) { return iv_bits(mask) != 0; }

/* x [N][C][P], planes of P pixels, to bits [N][P][words]; *real becomes 1 if a value is neither 0 nor 1. */
EXPORT void spareto_pack_planes(const float *x, uint64_t *bits, int64_t *real, int64_t N, int64_t C, int64_t P,
                                int threads) {
    int64_t words = (C + 63) / 64;
    int found = 0;
#pragma omp parallel for schedule(static) num_threads(threads) reduction(| : found)
    for (int64_t n = 0; n < N; n++) {
        uint64_t *o = bits + n * P * words;
        memset(o, 0, sizeof(uint64_t) * P * words);
        for (int64_t c = 0; c < C; c++) {
            const float *in = x + (n * C + c) * P;
            iv bad = iv_all(0);
            for (int64_t p = 0; p < P; p += VL) {
                int count = P - p < VL ? (int)(P - p) : VL;
                fv v = fv_load(in + p, count);
                __builtin_prefetch(in + p + AHEAD);
                bad |= no_spike(v);
                for (uint32_t m = iv_bits(not_zero(v)); m; m &= m - 1)
                    o[(p + __builtin_ctz(m)) * words + c / 64] |= 1ull << (c & 63);
            }
            found |= any(bad);
        }
    }
    *real = found;
}
/* 64 values at once. A 1.f has bit 29 set, here moved to the sign; what is neither 0 nor 1.f leaves a bit in *odd. */
AI uint64_t pack_word(const float *x, iv *odd) {
    uint64_t word = 0;
#pragma GCC unroll 16
    for (int j = 0; j < 64; j += VL) {
        __builtin_prefetch(x + j + AHEAD);
        iv value = LD(iv, x + j), moved = value << 2;
        *odd |= value ^ ((moved >> 31) & 0x3f800000);
        word |= (uint64_t)iv_bits(moved) << j;
    }
    return word;
}
/* Any number of values: -0 is no spike, a NaN is found to be none. */
static uint64_t pack_values(const float *x, int count, int *real) {
    uint64_t word = 0;
    iv bad = iv_all(0);
    for (int j = 0; j < count; j += VL) {
        fv v = fv_load(x + j, count - j < VL ? count - j : VL);
        bad |= no_spike(v);
        word |= (uint64_t)iv_bits(not_zero(v)) << j;
    }
    *real |= any(bad);
    return word;
}
/* x [N][C] to bits [N][words]. */
EXPORT void spareto_pack_rows(const float *x, uint64_t *bits, int64_t *real, int64_t N, int64_t C, int threads) {
    int64_t words = (C + 63) / 64;
    int found = 0;
#pragma omp parallel for schedule(static) num_threads(threads) reduction(| : found)
    for (int64_t n = 0; n < N; n++)
        for (int64_t w = 0; w < words; w++) {
            const float *at = x + n * C + w * 64;
            iv odd = iv_all(0);
            int whole = C - w * 64 >= 64;
            uint64_t word = whole ? pack_word(at, &odd) : 0;
            if (!whole || any(~(odd == 0))) word = pack_values(at, whole ? 64 : (int)(C - w * 64), &found);
            bits[n * words + w] = word;
        }
    *real = found;
}
EXPORT void spareto_unpack(const uint64_t *bits, float *x, int64_t N, int64_t C, int threads) {
    int64_t words = (C + 63) / 64;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t n = 0; n < N; n++)
        for (int64_t c = 0; c < C; c++) x[n * C + c] = (float)((bits[n * words + (c >> 6)] >> (c & 63)) & 1);
}
EXPORT void spareto_count(const uint64_t *bits, int64_t *count, int64_t words, int threads) {
    int64_t sum = 0;
#pragma omp parallel for schedule(static) num_threads(threads) reduction(+ : sum)
    for (int64_t i = 0; i < words; i++) sum += __builtin_popcountll(bits[i]);
    *count = sum;
}
/* Sums over pixels of y [N][C] and of y * y, for batch norm. C a multiple of 16. */
EXPORT void spareto_channel_sums(const float *y, double *stat, int64_t N, int64_t C, int threads) {
    memset(stat, 0, sizeof(double) * 2 * C);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t c = 0; c < C; c += 16)
        for (int64_t first = 0; first < N; first += 256) {
            int count = N - first < 256 ? (int)(N - first) : 256;
            sum_channels(16 / VL, y + first * C + c, C, count, stat + c, stat + C + c);
        }
}
/* dz becomes k0 dz + k1 y + k2. */
EXPORT void spareto_affine_gradient(float *dz, const float *y, const float *k0, const float *k1, const float *k2,
                                    int64_t N, int64_t C, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t n = 0; n < N; n++)
        for (int64_t c = 0; c < C; c += VL)
            ST(fv, dz + n * C + c) =
                LD(fv, k0 + c) * LD(fv, dz + n * C + c) + LD(fv, k1 + c) * LD(fv, y + n * C + c) + LD(fv, k2 + c);
}
