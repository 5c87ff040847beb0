/* Spike trains as bits [T][B][words], 64 elements a word: what is counted of them, one set bit after the other. */
#include "memory.h"

#define SHORT 256 /* runs that are counted by their length first */
#define LISTED 8  /* words whose set bits are listed together */
#define EACH_SET(mask, word) for (uint64_t mask = (word); mask; mask &= mask - 1)

/* Places of the set bits of some words, in turn, and how many; four at once, so up to three more are written. */
AI int list_bits(const uint64_t *words, int64_t count, int64_t place, int64_t *places) {
    int n = 0;
    for (int64_t w = 0; w < count; w++, place += 64) {
        uint64_t m = words[w];
        int set = __builtin_popcountll(m), i = 0;
        do {
#pragma GCC unroll 4
            for (int j = 0; j < 4; j++) {
                places[n + i + j] = place + __builtin_ctzll(m | 1ull << 63);
                m &= m - 1;
            }
        } while ((i += 4) < set);
        n += set;
    }
    return n;
}
/* Of each sample's train of T times E elements in a row: live [T][B] set bits; padding [B][K], the sums over set bits
 * of (clear bits before it) >> k for k = 1 .. K; blocks [B][K], blocks of 2^k elements that are not all clear. */
EXPORT int spareto_train_gaps(const uint64_t *bits, int64_t *live, int64_t *padding, int64_t *blocks, int64_t T,
                              int64_t B, int64_t E, int64_t K, int threads) {
    if (K > 62) return TOO_LARGE;
    int64_t words = (E + 63) / 64;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t b = 0; b < B; b++) {
        int64_t before = -1, left_out[64] = {0}, places[64 * LISTED + 4];
        int64_t differ[2][64] = {{0}}, runs[2][SHORT] = {{0}}; /* turn and turn about: two sums wait less than one */
        for (int64_t t = 0; t < T; t++) {
            const uint64_t *row = bits + (t * B + b) * words;
            int64_t count = 0;
            for (int64_t w = 0; w < words; w += LISTED) {
                int n = list_bits(row + w, words - w < LISTED ? words - w : LISTED, t * E + w * 64, places);
                for (int i = 0; i < n; i++) {
                    uint64_t run = (uint64_t)(places[i] - before - 1);
                    if (run < SHORT) runs[i & 1][run]++;
                    else
                        for (int k = 1; run >>= 1; k++) left_out[k] += (int64_t)run;
                    differ[i & 1][before < 0 ? 63 : 63 - __builtin_clzll((uint64_t)(places[i] ^ before))]++;
                    before = places[i];
                }
                count += n;
            }
            live[t * B + b] = count;
        }
        for (int64_t length = 0; length < SHORT; length++) runs[0][length] += runs[1][length];
        for (int k = 1; SHORT >> k > 1; k++)
            for (int64_t half = 0; half < SHORT >> k; half++) { /* runs by their length >> k */
                runs[0][half] = runs[0][2 * half] + runs[0][2 * half + 1];
                left_out[k] += half * runs[0][half];
            }
        int64_t found = differ[0][63] + differ[1][63];
        for (int k = 62; k > 0; k--) {
            found += differ[0][k] + differ[1][k]; /* neighbours whose highest different bit is k or more lie apart */
            if (k <= K) blocks[b * K + k - 1] = found, padding[b * K + k - 1] = left_out[k];
        }
    }
    return DONE;
}
/* Transposes squares of side x side bits that lie side by side in 64-bit words: bit j of word i becomes bit i of word
 * j. */
static void transpose(uint64_t *square, int side) {
    for (int half = side / 2; half; half >>= 1) {
        uint64_t low = ~0ull / ((1ull << half) + 1); /* the lower half of every 2 half bits */
        for (int i = 0; i < side; i += 2 * half)
            for (int k = i; k < i + half; k++) {
                uint64_t differ = ((square[k] >> half) ^ square[k + half]) & low;
                square[k + half] ^= differ, square[k] ^= differ << half;
            }
    }
}
/* Adds 64 bits to a row from bit `at` on; none of them lies behind the row's end. */
AI void put_bits(uint64_t *row, int64_t at, uint64_t bits) {
    if (!bits) return;
    row[at >> 6] |= bits << (at & 63);
    if (at & 63 && bits >> (64 - (at & 63))) row[(at >> 6) + 1] |= bits >> (64 - (at & 63));
}
/* Channels-last bits [N][P][words of C] to rows [N][words of C P], channel after channel: element c P + p.  64 pixels
 * of few channels lie side by side in squares of 8, 16 or 32. */
EXPORT int spareto_train_rows(const uint64_t *bits, uint64_t *rows, int64_t N, int64_t P, int64_t C, int threads) {
    int64_t deep = (C + 63) / 64, words = times(C, P);
    if (words > INT64_MAX - 63) return TOO_LARGE;
    words = (words + 63) / 64;
    int side = 8;
    while (side < C && side < 64) side *= 2;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t n = 0; n < N; n++) {
        uint64_t *row = rows + n * words;
        clear(row, 8 * (size_t)words);
        for (int64_t p = 0; p < P; p += 64)
            for (int64_t d = 0; d < deep; d++) {
                const uint64_t *from = bits + (n * P + p) * deep + d;
                int64_t pixels = P - p < 64 ? P - p : 64;
                uint64_t pixel[64] = {0}, square[64] = {0}, any = 0;
                for (int64_t i = 0; i < pixels; i++) any |= pixel[i] = from[i * deep];
                if (!any) continue;
                for (int first = 0; first < 64; first += side)
                    for (int i = 0; i < side; i++) square[i] |= pixel[first + i] << first;
                transpose(square, side);
                for (int64_t c = 64 * d; c < C && c < 64 * d + 64; c++) put_bits(row, c * P + p, square[c & 63]);
            }
    }
    return DONE;
}
#define PLANES 8 /* binary digits of a count, so that 255 samples are added before it is written out */
#define ABREAST 8
/* Adds what the digits say of one word's elements. */
static void add_digits(uint64_t (*digits)[ABREAST], int64_t w, int64_t *to, int64_t count) {
    for (int k = 0; k < PLANES; k++)
        if (digits[k][w])
            for (int64_t j = 0; j < count; j++) to[j] += (int64_t)(digits[k][w] >> j & 1) << k;
}
/* Adds the set bits of each element, summed over samples, to counts [T][E]: words are added as columns of binary
 * digits, 64 elements at once. */
EXPORT int spareto_train_places(const uint64_t *bits, int64_t *counts, int64_t T, int64_t B, int64_t E, int threads) {
    const int64_t words = (E + 63) / 64, most = (1 << PLANES) - 1;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t t = 0; t < T; t++)
        for (int64_t first = 0; first < words; first += ABREAST)
            for (int64_t b0 = 0; b0 < B; b0 += most) {
                const int64_t wide = words - first < ABREAST ? words - first : ABREAST,
                              b1 = b0 + most < B ? b0 + most : B;
                uint64_t digits[PLANES][ABREAST] = {{0}};
                for (int64_t b = b0; b < b1; b++) {
                    uint64_t carry[ABREAST] = {0};
                    copy(carry, bits + (t * B + b) * words + first, 8 * (size_t)wide);
                    for (int k = 0; k < PLANES; k++)
                        for (int64_t w = 0; w < ABREAST; w++) {
                            uint64_t both = digits[k][w] & carry[w];
                            digits[k][w] ^= carry[w], carry[w] = both;
                        }
                }
                for (int64_t w = 0; w < wide; w++) {
                    int64_t at = (first + w) * 64;
                    add_digits(digits, w, counts + t * E + at, E - at < 64 ? E - at : 64);
                }
            }
    return DONE;
}
/* Sums over the set bits of each of N rows of effects [E][2]: sums [N][2]; exact for whole numbers below 2^53.  Most
 * elements have the effect `usual`; only `others` [words] are looked up. */
EXPORT int spareto_train_effects(const uint64_t *bits, const double *effects, const double *usual,
                                 const uint64_t *others, double *sums, int64_t N, int64_t E, int threads) {
    int64_t words = (E + 63) / 64;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t n = 0; n < N; n++) {
        double first = 0, second = 0;
        int64_t rest = 0;
        for (int64_t w = 0; w < words; w++) {
            uint64_t word = bits[n * words + w];
            rest += __builtin_popcountll(word & ~others[w]);
            EACH_SET(m, word & others[w]) {
                const double *effect = effects + 2 * (w * 64 + __builtin_ctzll(m));
                first += effect[0], second += effect[1];
            }
        }
        sums[2 * n] = first + usual[0] * (double)rest, sums[2 * n + 1] = second + usual[1] * (double)rest;
    }
    return DONE;
}
/* How a layer spreads: input (c, y, x) of C x H x W reaches the outputs of masks [classes][KH][KW][words] at the places
 * that its taps lead to, on a plane OH x OW.  Channels of one class have the same mask. */
typedef struct {
    int64_t C, H, W, OH, OW, KH, KW, SH, SW, PH, PW, DH, DW, classes, words, transposed;
} spread_shape;

/* Where tap k leads from place `at` along one axis; -1 for nowhere. */
static int32_t led_to(int64_t at, int64_t k, int64_t stride, int64_t pad, int64_t dilation, int64_t size,
                      int transposed) {
    int64_t to = transposed ? at * stride - pad + k * dilation : at + pad - k * dilation;
    if (to < 0 || (!transposed && to % stride)) return -1;
    if (!transposed) to /= stride;
    return to < size ? (int32_t)to : -1;
}
AI void spread(const spread_shape *s, const uint64_t *mask, const int32_t *down, const int32_t *right, uint64_t *met) {
    for (int64_t kh = 0; kh < s->KH; kh++)
        for (int64_t kw = 0; kw < s->KW && down[kh] >= 0; kw++) {
            if (right[kw] < 0) continue;
            uint64_t *to = met + (down[kh] * s->OW + right[kw]) * s->words;
            const uint64_t *from = mask + (kh * s->KW + kw) * s->words;
            for (int64_t i = 0; i < s->words; i++) to[i] |= from[i];
        }
}
/* Outputs that the set bits of each of N rows of C H W elements reach: counts [N], each output weighing weights
 * [64 words]. */
EXPORT int spareto_train_reached(const uint64_t *bits, const uint64_t *masks, const int32_t *class_of,
                                 const int64_t *weights, int64_t *counts, const spread_shape *s, int64_t N,
                                 int threads) {
    int64_t plane = times(s->H, s->W), words = (times(s->C, plane) + 63) / 64, taps = s->KH * s->KW;
    int64_t marks = (times(s->classes, plane) + 63) / 64, met = times(times(s->OH, s->OW), s->words);
    if (plane > MOST || times(s->C, plane) > INT64_MAX / 2 || s->OH > MOST || s->OW > MOST) return TOO_LARGE;
    size_t shared = 0, own = 0;
    size_t downs = part(&shared, times(s->H, s->KH), sizeof(int32_t));
    size_t rights = part(&shared, times(s->W, s->KW), sizeof(int32_t));
    size_t rows = part(&shared, plane, sizeof(int32_t)), marked = part(&own, marks, 8), reached = part(&own, met, 8);
    char *tables = shared == SIZE_MAX ? NULL : memory(shared, 1);
    char *scratch = own == SIZE_MAX || !tables ? NULL : memory(own, threads);
    if (!scratch) {
        free(tables);
        return NO_MEMORY;
    }
    int32_t *down = (int32_t *)(tables + downs), *right = (int32_t *)(tables + rights);
    int32_t *row = (int32_t *)(tables + rows);
    for (int64_t y = 0; y < s->H; y++)
        for (int64_t k = 0; k < s->KH; k++)
            down[y * s->KH + k] = led_to(y, k, s->SH, s->PH, s->DH, s->OH, (int)s->transposed);
    for (int64_t x = 0; x < s->W; x++)
        for (int64_t k = 0; k < s->KW; k++)
            right[x * s->KW + k] = led_to(x, k, s->SW, s->PW, s->DW, s->OW, (int)s->transposed);
    for (int64_t p = 0; p < plane; p++) row[p] = (int32_t)(p / s->W);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t n = 0; n < N; n++) {
        char *mine = scratch + own * (size_t)omp_get_thread_num();
        uint64_t *mark = (uint64_t *)(mine + marked), *to = (uint64_t *)(mine + reached);
        clear(mark, 8 * (size_t)marks), clear(to, 8 * (size_t)met);
        int64_t c = 0, total = 0;
        for (int64_t w = 0; w < words; w++) EACH_SET(m, bits[n * words + w]) {
                int64_t place = w * 64 + __builtin_ctzll(m);
                while (place >= (c + 1) * plane) c++;
                int64_t at = class_of[c] * plane + place - c * plane;
                mark[at >> 6] |= 1ull << (at & 63);
            }
        c = 0;
        for (int64_t w = 0; w < marks; w++) EACH_SET(m, mark[w]) {
                int64_t place = w * 64 + __builtin_ctzll(m);
                while (place >= (c + 1) * plane) c++;
                int64_t y = row[place - c * plane], x = place - c * plane - y * s->W;
                spread(s, masks + c * taps * s->words, down + y * s->KH, right + x * s->KW, to);
            }
        for (int64_t i = 0; i < met; i++) EACH_SET(m, to[i]) total += weights[i % s->words * 64 + __builtin_ctzll(m)];
        counts[n] = total;
    }
    free(tables), free(scratch);
    return DONE;
}
/* For windows of 1, 2, ... T timesteps, cut from the first on: elements of all timesteps in whose window their neuron
 * has a set bit; counts [T][B].  A window is the union of two whose length is a power of two. */
EXPORT int spareto_train_windows(const uint64_t *bits, int64_t *counts, int64_t T, int64_t B, int64_t words,
                                 int threads) {
    int levels = 1;
    while (T >> levels) levels++;
    size_t own = 0;
    size_t at = part(&own, times(times(levels, T), words), 8);
    char *scratch = own == SIZE_MAX ? NULL : memory(own, threads);
    if (!scratch) return NO_MEMORY;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t b = 0; b < B; b++) {
        uint64_t *unions = (uint64_t *)(scratch + own * (size_t)omp_get_thread_num() + at);
        for (int64_t t = 0; t < T; t++) copy(unions + t * words, bits + (t * B + b) * words, 8 * (size_t)words);
        for (int level = 1; level < levels; level++) {
            const uint64_t *half = unions + (level - 1) * T * words;
            uint64_t *whole = unions + level * T * words;
            int64_t apart = (1ll << (level - 1)) * words, end = (T - (1ll << level) + 1) * words;
            for (int64_t i = 0; i < end; i++) whole[i] = half[i] | half[i + apart];
        }
        for (int64_t window = 1; window <= T; window++) {
            int64_t total = 0;
            for (int64_t first = 0; first < T; first += window) {
                int64_t length = T - first < window ? T - first : window;
                int level = 63 - __builtin_clzll((uint64_t)length);
                const uint64_t *one = unions + (level * T + first) * words;
                const uint64_t *other = one + (length - (1ll << level)) * words;
                int64_t awake = 0;
                for (int64_t i = 0; i < words; i++) awake += __builtin_popcountll(one[i] | other[i]);
                total += length * awake;
            }
            counts[(window - 1) * B + b] = total;
        }
    }
    free(scratch);
    return DONE;
}
