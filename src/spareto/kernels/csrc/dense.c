/* Event-driven dense layer, exact. Rows of bits are groups of C channels (one a pixel); the weights [pixel][c][OC] follow them. */
#include "vec.h"
#define BLOCK 16
#define WIDE 64 /* output columns together: their weights stay in the second cache */

/* Keys of all rows, times OC: keys[ptr[n]] .. keys[ptr[n + 1]]. */
static int64_t *list_rows(const uint64_t *bits, int64_t N, int pixels, int C, int OC, int64_t events, int64_t **ptr) {
    int words = (C + 63) / 64;
    int64_t *keys = malloc(sizeof(int64_t) * (events + 1)), n = 0;
    *ptr = malloc(sizeof(int64_t) * (N + 1));
    for (int64_t r = 0; r < N; r++) {
        (*ptr)[r] = n;
        for (int p = 0; p < pixels; p++)
            for (int w = 0; w < words; w++)
                for (uint64_t m = *bits++; m; m &= m - 1) keys[n++] = ((int64_t)p * C + w * 64 + __builtin_ctzll(m)) * OC;
    }
    (*ptr)[N] = n;
    return keys;
}
AI void sum_rows(const int NV, const int64_t *k, const int64_t *e, const float *w, float *y) {
    fv acc[16];
#pragma GCC unroll 16
    for (int j = 0; j < NV; j++) acc[j] = fv_zero();
    for (; k < e; k++)
#pragma GCC unroll 16
        for (int j = 0; j < NV; j++) acc[j] += LD(fv, w + *k + VL * j);
#pragma GCC unroll 16
    for (int j = 0; j < NV; j++) ST(fv, y + VL * j) = acc[j];
}
/* y [N][OC] = sum of the weight rows of each row's events. w [pixels * C][OC], OC a multiple of 16. */
EXPORT void spareto_dense_forward(const uint64_t *bits, const float *w, float *y, int64_t N, int pixels, int C, int OC,
                                  int64_t events, int threads) {
    int64_t *ptr, *keys = list_rows(bits, N, pixels, C, OC, events, &ptr);
    const int wide = VB == 16 ? 32 : WIDE;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t first = 0; first < N; first += 128) {
        int64_t last = first + 128 < N ? first + 128 : N;
        int o = 0;
        for (; o + wide <= OC; o += wide)
            for (int64_t r = first; r < last; r++) sum_rows((VB == 16 ? 32 : WIDE) / VL, keys + ptr[r], keys + ptr[r + 1], w + o, y + r * OC + o);
        for (; o < OC; o += BLOCK)
            for (int64_t r = first; r < last; r++) sum_rows(BLOCK / VL, keys + ptr[r], keys + ptr[r + 1], w + o, y + r * OC + o);
    }
    free(keys), free(ptr);
}
/* dw [pixels * C][OC]: every event adds its row of dy; threads own columns, so that nothing need be added up afterwards. */
EXPORT void spareto_dense_wgrad(const uint64_t *bits, const float *dy, float *dw, int64_t N, int pixels, int C, int OC, int64_t events,
                                int threads) {
    int64_t *ptr, *keys = list_rows(bits, N, pixels, C, OC, events, &ptr);
    memset(dw, 0, sizeof(float) * (size_t)pixels * C * OC);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int o = 0; o < OC; o += WIDE) {
        int width = OC - o < WIDE ? OC - o : WIDE;
        for (int64_t r = 0; r < N; r++)
            for (const int64_t *k = keys + ptr[r], *e = keys + ptr[r + 1]; k < e; k++)
                for (int j = 0; j < width; j += VL) ST(fv, dw + *k + o + j) += LD(fv, dy + r * OC + o + j);
    }
    free(keys), free(ptr);
}
