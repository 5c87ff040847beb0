/* Spikes as bits: 64 channels a word, channels-last; a pixel (or row) of C channels takes (C + 63) / 64 words. */
#include "shape.h"
#define AHEAD 1024 /* floats: a page, which the machine's own prefetcher does not cross */

AI iv not_zero(fv x) { return ~(x == fv_zero()); } /* true for a NaN, which is then found not to be a spike */
AI iv no_spike(fv x) { return not_zero(x) & ~(x == fv_all(1.f)); }
static int any(iv mask) { return iv_bits(mask) != 0; }

/* Image n of a batch of B samples lies `outer` floats further a timestep and `inner` a sample: part of a larger split
 * is packed where it lies. */
AI const float *image_at(const float *x, int64_t n, int64_t B, int64_t outer, int64_t inner) {
    return x + n / B * outer + n % B * inner;
}
/* x [N][C][P], planes of P pixels, to bits [N][P][words]; *real becomes 1 if a value is neither 0 nor 1. */
EXPORT int spareto_pack_planes(const float *x, uint64_t *bits, int64_t *real, int64_t N, int64_t C, int64_t P,
                               int64_t B, int64_t outer, int64_t inner, int threads) {
    if (B < 1) return TOO_LARGE;
    int64_t words = (C + 63) / 64;
    int found = 0;
#pragma omp parallel for schedule(static) num_threads(threads) reduction(| : found)
    for (int64_t n = 0; n < N; n++) {
        uint64_t *o = bits + n * P * words;
        clear(o, sizeof(uint64_t) * P * words);
        for (int64_t c = 0; c < C; c++) {
            const float *in = image_at(x, n, B, outer, inner) + c * P;
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
    return DONE;
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
EXPORT int spareto_pack_rows(const float *x, uint64_t *bits, int64_t *real, int64_t N, int64_t C, int64_t B,
                             int64_t outer, int64_t inner, int threads) {
    if (B < 1) return TOO_LARGE;
    int64_t words = (C + 63) / 64;
    int found = 0;
#pragma omp parallel for schedule(static) num_threads(threads) reduction(| : found)
    for (int64_t n = 0; n < N; n++) {
        const float *row = image_at(x, n, B, outer, inner);
        for (int64_t w = 0; w < words; w++) {
            const float *at = row + w * 64;
            iv odd = iv_all(0);
            int whole = C - w * 64 >= 64;
            uint64_t word = whole ? pack_word(at, &odd) : 0;
            if (!whole || any(~(odd == 0))) word = pack_values(at, whole ? 64 : (int)(C - w * 64), &found);
            bits[n * words + w] = word;
        }
    }
    *real = found;
    return DONE;
}
/* Share of spikes among the pixels of a window whose rows are `row` words apart. */
AI void unpack_window(const uint64_t *bits, float *x, int64_t row, int64_t words, int64_t C, int64_t AH, int64_t AW) {
    for (int64_t c = 0; c < C; c += VL) {
        iv spikes = iv_all(0);
        for (int64_t y = 0; y < AH; y++)
            for (int64_t k = 0; k < AW; k++)
                spikes -= iv_lanes((uint32_t)(bits[y * row + k * words + (c >> 6)] >> (c & 63)));
        fv share = __builtin_convertvector(spikes, fv);
        if (AH * AW > 1) share /= fv_all((float)(AH * AW)); /* not times the inverse: it rounds as torch does */
        fv_store(x + c, share, C - c < VL ? (int)(C - c) : VL);
    }
}
/* bits [N][H][W][words] to averages x [N][H / AH][W / AW][C] over windows without a remainder; of one pixel: spikes. */
EXPORT int spareto_unpack(const uint64_t *bits, float *x, int64_t N, int64_t H, int64_t W, int64_t C, int64_t AH,
                          int64_t AW, int threads) {
    if (AH < 1 || AW < 1) return TOO_LARGE;
    int64_t words = (C + 63) / 64, high = H / AH, wide = W / AW;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t n = 0; n < N * high; n++)
        for (int64_t p = 0; p < wide; p++) {
            const uint64_t *from = bits + (n * AH * W + p * AW) * words;
            float *to = x + (n * wide + p) * C;
            if (AH * AW == 1) unpack_window(from, to, 0, words, C, 1, 1);
            else unpack_window(from, to, W * words, words, C, AH, AW);
        }
    return DONE;
}
EXPORT int spareto_count(const uint64_t *bits, int64_t *count, int64_t words, int threads) {
    int64_t sum = 0;
#pragma omp parallel for schedule(static) num_threads(threads) reduction(+ : sum)
    for (int64_t i = 0; i < words; i++) sum += __builtin_popcountll(bits[i]);
    *count = sum;
    return DONE;
}
/* Sums over pixels of y [N][C] and of y * y, for batch norm. C a multiple of 16. */
EXPORT int spareto_channel_sums(const float *y, double *stat, int64_t N, int64_t C, int threads) {
    clear(stat, sizeof(double) * 2 * C);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t c = 0; c < C; c += 16)
        for (int64_t first = 0; first < N; first += 256) {
            int count = N - first < 256 ? (int)(N - first) : 256;
            sum_channels(16 / VL, y + first * C + c, C, count, stat + c, stat + C + c);
        }
    return DONE;
}
/* Sums over pixels of dz [N][C] and of dz y, for batch norm's backward. C a multiple of 16. */
EXPORT int spareto_product_sums(const float *dz, const float *y, double *sums, int64_t N, int64_t C, int threads) {
    clear(sums, sizeof(double) * 2 * C);
#pragma omp parallel num_threads(threads)
    for (int64_t first = 0; first < N; first += 256) {
        int64_t end = N - first < 256 ? N : first + 256;
#pragma omp for schedule(static) nowait /* the same channels go to the same thread each time */
        for (int64_t c = 0; c < C; c += VL) {
            fv total = fv_zero(), product = fv_zero();
            for (int64_t n = first; n < end; n++) {
                fv d = LD(fv, dz + n * C + c);
                total += d, product += d * LD(fv, y + n * C + c);
            }
            for (int j = 0; j < VL; j++) sums[c + j] += total[j], sums[C + c + j] += product[j];
        }
    }
    return DONE;
}
/* z [N][channels] = a y + b + shortcut [N][channels], y [N][C]. */
EXPORT int spareto_affine_sum(const float *y, const float *a, const float *b, const float *shortcut, float *z,
                              int64_t N, int64_t C, int64_t channels, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t n = 0; n < N; n++)
        for (int64_t c = 0; c < channels; c += VL) {
            int count = channels - c < VL ? (int)(channels - c) : VL;
            fv x = LD(fv, y + n * C + c) * LD(fv, a + c) + LD(fv, b + c);
            fv_store(z + n * channels + c, x + fv_load(shortcut + n * channels + c, count), count);
        }
    return DONE;
}
/* *good becomes 1 if all n values are finite, else 0. */
EXPORT int spareto_finite(const float *x, int64_t *good, int64_t n, int threads) {
    int finite = 1;
#pragma omp parallel for schedule(static) num_threads(threads) reduction(& : finite)
    for (int64_t first = 0; first < n; first += 4096)
        finite &= all_finite(x + first, n - first < 4096 ? n - first : 4096);
    *good = finite;
    return DONE;
}
/* dz becomes k0 dz + k1 y + k2. */
EXPORT int spareto_affine_gradient(float *dz, const float *y, const float *k0, const float *k1, const float *k2,
                                   int64_t N, int64_t C, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t n = 0; n < N; n++)
        for (int64_t c = 0; c < C; c += VL)
            ST(fv, dz + n * C + c) = LD(fv, k0 + c) * LD(fv, dz + n * C + c) + LD(fv, k1 + c) * LD(fv, y + n * C + c) +
                                     LD(fv, k2 + c);
    return DONE;
}
