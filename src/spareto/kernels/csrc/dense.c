/* Event-driven dense layer, exact. Rows of bits are groups of C channels (one a pixel); the weights [pixel][c][OC] follow
 * them. Rows go in chunks, output columns in blocks whose weights stay in the second cache. */
#include "vec.h"
#define CHUNK 128
#define WIDE (VB == 16 ? 32 : 64)
#define NARROW 16

typedef struct {
    const uint64_t *bits;
    int64_t N;
    int pixels, C, OC;
} Rows;

/* Keys of rows first .. last, times OC: keys[ptr[r]] .. keys[ptr[r + 1]] for r from 0. */
static void list_rows(const Rows *in, int64_t first, int64_t last, int32_t *keys, int32_t *ptr) {
    int words = (in->C + 63) / 64, n = 0;
    const uint64_t *bits = in->bits + first * in->pixels * words;
    for (int64_t r = first; r < last; r++) {
        *ptr++ = n;
        for (int p = 0; p < in->pixels; p++)
            for (int w = 0; w < words; w++)
                for (uint64_t m = *bits++; m; m &= m - 1)
                    keys[n++] = (p * in->C + w * 64 + __builtin_ctzll(m)) * in->OC;
    }
    *ptr = n;
}
static int32_t *keys_new(const Rows *in) { return malloc(sizeof(int32_t) * CHUNK * (size_t)(in->pixels * in->C + 1)); }

AI void sum_row(const int width, const int32_t *k, const int32_t *e, const float *w, float *y) {
    fv sum[WIDE / VL];
#pragma GCC unroll 8
    for (int j = 0; j < width / VL; j++) sum[j] = fv_zero();
    for (; k < e; k++)
#pragma GCC unroll 8
        for (int j = 0; j < width / VL; j++) sum[j] += LD(fv, w + *k + VL * j);
#pragma GCC unroll 8
    for (int j = 0; j < width / VL; j++) ST(fv, y + VL * j) = sum[j];
}
AI void spread_row(const int width, const int32_t *k, const int32_t *e, const float *dy, float *dw) {
    fv g[WIDE / VL];
#pragma GCC unroll 8
    for (int j = 0; j < width / VL; j++) g[j] = LD(fv, dy + VL * j);
    for (; k < e; k++)
#pragma GCC unroll 8
        for (int j = 0; j < width / VL; j++) ST(fv, dw + *k + VL * j) += g[j];
}
/* y [N][OC] = sum of the weight rows of each row's events. w [pixels * C][OC], OC a multiple of 16. */
EXPORT void spareto_dense_forward(const uint64_t *bits, const float *w, float *y, int64_t N, int pixels, int C, int OC,
                                  int threads) {
    Rows in = {bits, N, pixels, C, OC};
#pragma omp parallel num_threads(threads)
    {
        int32_t *keys = keys_new(&in), ptr[CHUNK + 1];
#pragma omp for schedule(static)
        for (int64_t first = 0; first < N; first += CHUNK) {
            int rows = N - first < CHUNK ? (int)(N - first) : CHUNK, o = 0;
            list_rows(&in, first, first + rows, keys, ptr);
            for (; o + WIDE <= OC; o += WIDE)
                for (int r = 0; r < rows; r++)
                    sum_row(WIDE, keys + ptr[r], keys + ptr[r + 1], w + o, y + (first + r) * OC + o);
            for (; o < OC; o += NARROW)
                for (int r = 0; r < rows; r++)
                    sum_row(NARROW, keys + ptr[r], keys + ptr[r + 1], w + o, y + (first + r) * OC + o);
        }
        free(keys);
    }
}
/* dw [pixels * C][OC]: every event adds its row of dy. */
EXPORT void spareto_dense_wgrad(const uint64_t *bits, const float *dy, float *dw, int64_t N, int pixels, int C, int OC,
                                int threads) {
    Rows in = {bits, N, pixels, C, OC};
    size_t size = (size_t)pixels * C * OC;
    float *others = threads > 1 ? calloc(size * (threads - 1), sizeof(float)) : NULL;
    memset(dw, 0, sizeof(float) * size);
#pragma omp parallel num_threads(threads)
    {
        float *mine = omp_get_thread_num() ? others + size * (omp_get_thread_num() - 1) : dw;
        int32_t *keys = keys_new(&in), ptr[CHUNK + 1];
#pragma omp for schedule(static)
        for (int64_t first = 0; first < N; first += CHUNK) {
            int rows = N - first < CHUNK ? (int)(N - first) : CHUNK, o = 0;
            list_rows(&in, first, first + rows, keys, ptr);
            for (; o + WIDE <= OC; o += WIDE)
                for (int r = 0; r < rows; r++)
                    spread_row(WIDE, keys + ptr[r], keys + ptr[r + 1], dy + (first + r) * OC + o, mine + o);
            for (; o < OC; o += NARROW)
                for (int r = 0; r < rows; r++)
                    spread_row(NARROW, keys + ptr[r], keys + ptr[r + 1], dy + (first + r) * OC + o, mine + o);
        }
        free(keys);
    }
    for (int t = 1; t < threads; t++) /* in the order of the threads: same inputs, same bytes */
        for (size_t i = 0; i < size; i++) dw[i] += others[size * (t - 1) + i];
    free(others);
}
