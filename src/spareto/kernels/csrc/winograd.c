/* Input gradient of a dense 3x3 convolution of stride 1 by Winograd's F(2x2, 3x3): 4 multiplications where the sum
 * has 9.
 *
 * dx = conv(dy, w turned by 180 degrees, channels swapped).  Tiles of 4x4 of dy (2 apart) are transformed by additions,
 * 16 matrix products run over channels, and the results are transformed back to 2x2 of dx.  A group of tiles stays in
 * the second cache.  The transforms only add and halve; the error stays that of an ordinary float32 convolution.
 *
 * Reference: lavin2016.
 */
#include "shape.h"
#define BLOCK 16
#define NB (BLOCK / VL)
#if VB == 64
#define MR 12
#elif VB == 32
#define MR 6
#else
#define MR 4
#endif
#define TILES (MR * (48 / MR))

/* u[16][C/16][OC][16]: the turned kernels, transformed; NULL without memory. */
static float *transform_weights(const float *w, int OC, int OCP, int C, int CP) {
    static const float G[4][3] = {{1, 0, 0}, {.5f, .5f, .5f}, {.5f, -.5f, .5f}, {0, 0, 1}};
    size_t size = 0;
    part(&size, times(OCP, CP), 16 * sizeof(float));
    float *u = (float *)memory(size, 1);
    if (u) clear(u, size);
    for (int o = 0; u && o < OC; o++)
        for (int c = 0; c < C; c++) {
            const float *k = w + ((int64_t)o * C + c) * 9;
            float t[4][3];
            for (int i = 0; i < 4; i++)
                for (int j = 0; j < 3; j++) t[i][j] = G[i][0] * k[8 - j] + G[i][1] * k[5 - j] + G[i][2] * k[2 - j];
            for (int i = 0; i < 4; i++)
                for (int j = 0; j < 4; j++)
                    u[(((int64_t)(i * 4 + j) * (CP / 16) + c / 16) * OCP + o) * 16 + c % 16] = t[i][0] * G[j][0] +
                                                                                               t[i][1] * G[j][1] +
                                                                                               t[i][2] * G[j][2];
        }
    return u;
}
AI void rows4(fv a, fv b, fv c, fv d, fv *o) { o[0] = a - c, o[1] = b + c, o[2] = c - b, o[3] = b - d; }

/* One 4x4 tile whose corner is (iy, ix) of dy, VL channels at o: to v[16] at a distance of step floats. */
AI void transform_tile(const int inside, const conv_shape *s, const gradient *g, int n, int iy, int ix, int o, float *v,
                       int64_t step) {
    fv d[4][4], t[4][4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++) {
            int y = iy + i, x = ix + j;
            if (!inside && (y < 0 || y >= s->OH || x < 0 || x >= s->OW)) {
                d[i][j] = (fv){0};
                continue;
            }
            int64_t at = (((int64_t)n * s->OH + y) * s->OW + x) * s->OC + o;
            d[i][j] = gradient_at(g, at, o);
        }
    for (int j = 0; j < 4; j++) {
        fv c[4];
        rows4(d[0][j], d[1][j], d[2][j], d[3][j], c);
        for (int i = 0; i < 4; i++) t[i][j] = c[i];
    }
    for (int i = 0; i < 4; i++) {
        fv c[4];
        rows4(t[i][0], t[i][1], t[i][2], t[i][3], c);
        for (int j = 0; j < 4; j++) ST(fv, v + (i * 4 + j) * step) = c[j];
    }
}
static void transform(const conv_shape *s, const gradient *g, int n, int iy, int ix, float *v, int64_t step) {
    int inside = iy >= 0 && iy + 4 <= s->OH && ix >= 0 && ix + 4 <= s->OW;
    if (inside && g->y)
        for (int o = 0; o < s->OC; o += VL) transform_tile(1, s, g, n, iy, ix, o, v + o, step);
    else
        for (int o = 0; o < s->OC; o += VL) transform_tile(0, s, g, n, iy, ix, o, v + o, step);
}
/* m[MR][16] = v[MR rows of OC] u[OC][16] */
static void multiply(const float *v, const float *u, float *m, int OC) {
    fv a[MR][NB];
#pragma GCC unroll 12
    for (int r = 0; r < MR; r++)
#pragma GCC unroll 4
        for (int j = 0; j < NB; j++) a[r][j] = (fv){0};
    for (int k = 0; k < OC; k++, u += 16) {
        fv b[NB];
#pragma GCC unroll 4
        for (int j = 0; j < NB; j++) b[j] = LD(fv, u + VL * j);
#pragma GCC unroll 12
        for (int r = 0; r < MR; r++) {
            fv x = v[(int64_t)r * OC + k] - (fv){0}; /* x - 0 is x, where 0 + x need not be */
#pragma GCC unroll 4
            for (int j = 0; j < NB; j++) a[r][j] = fv_fma(x, b[j], a[r][j]);
        }
    }
#pragma GCC unroll 12
    for (int r = 0; r < MR; r++)
#pragma GCC unroll 4
        for (int j = 0; j < NB; j++) ST(fv, m + r * 16 + VL * j) = a[r][j];
}
/* 16 products of one tile, 16 channels, back to 2x2 of dx. */
AI void untransform_tile(const conv_shape *s, const float *m, int64_t step, float *dx, int CP, int n, int iy, int ix) {
#pragma GCC unroll 4
    for (int j = 0; j < NB; j++) {
        fv t[2][4];
#pragma GCC unroll 4
        for (int k = 0; k < 4; k++) {
            fv a = LD(fv, m + k * step + VL * j), b = LD(fv, m + (4 + k) * step + VL * j);
            fv c = LD(fv, m + (8 + k) * step + VL * j), d = LD(fv, m + (12 + k) * step + VL * j);
            t[0][k] = a + b + c, t[1][k] = b - c - d;
        }
#pragma GCC unroll 2
        for (int i = 0; i < 2; i++) {
            if (iy + i >= s->H) continue;
            float *o = dx + (((int64_t)n * s->H + iy + i) * s->W + ix) * CP + VL * j;
            ST(fv, o) = t[i][0] + t[i][1] + t[i][2];
            if (ix + 1 < s->W) ST(fv, o + CP) = t[i][1] - t[i][2] - t[i][3];
        }
    }
}
/* dx [N][H][W][C padded to 16]; s is the shape of the forward convolution, w its weights [OC][C][3][3]. */
EXPORT int spareto_conv_dgrad(const float *dz, const float *y, const float *k0, const float *k1, const float *k2,
                              const float *w, float *dx, const conv_shape *s, int OC, int threads) {
    gradient g = {dz, y, k0, k1, k2};
    if (!conv_fits(s, OC, threads)) return TOO_LARGE;
    if (conv_empty(s, OC)) {
        clear(dx, sizeof(float) * (size_t)s->N * s->H * s->W * ((s->C + 15) / 16 * 16));
        return DONE;
    }
    if (!all_finite(w, conv_weights(s, OC))) return NOT_FINITE;
    if (y && !(all_finite(k0, s->OC) && all_finite(k1, s->OC) && all_finite(k2, s->OC))) return NOT_FINITE;
    int CP = (s->C + 15) / 16 * 16, OCP = s->OC, ty = (s->H + 1) / 2, tx = (s->W + 1) / 2;
    int64_t tiles = (int64_t)s->N * ty * tx;
    size_t each = 0, v_at = part(&each, (int64_t)16 * TILES * OCP, sizeof(float));
    size_t m_at = part(&each, (int64_t)16 * TILES * 16, sizeof(float));
    float *u = transform_weights(w, OC, OCP, s->C, CP);
    char *scratch = memory(each, threads);
    if (!u || !scratch) {
        free(u), free(scratch);
        return NO_MEMORY;
    }
#pragma omp parallel num_threads(threads)
    {
        char *own = scratch + each * omp_get_thread_num();
        float *v = (float *)(own + v_at), *m = (float *)(own + m_at);
        int64_t step = (int64_t)TILES * OCP;
        clear(v, sizeof(float) * 16 * step);
#pragma omp for schedule(static)
        for (int64_t first = 0; first < tiles; first += TILES) {
            int count = tiles - first < TILES ? (int)(tiles - first) : TILES;
            for (int i = 0; i < count; i++) {
                int64_t tile = first + i;
                int n = (int)(tile / (ty * tx)), iy = (int)(tile / tx % ty) * 2, ix = (int)(tile % tx) * 2;
                transform(s, &g, n, iy + s->PH - 2, ix + s->PW - 2, v + (int64_t)i * OCP, step);
            }
            for (int c = 0; c < CP; c += 16) {
                for (int k = 0; k < 16; k++)
                    for (int i = 0; i < count; i += MR)
                        multiply(v + k * step + (int64_t)i * OCP, u + ((int64_t)k * (CP / 16) + c / 16) * OCP * 16,
                                 m + k * TILES * 16 + i * 16, OCP);
                for (int i = 0; i < count; i++) {
                    int64_t tile = first + i;
                    int n = (int)(tile / (ty * tx)), iy = (int)(tile / tx % ty) * 2, ix = (int)(tile % tx) * 2;
                    untransform_tile(s, m + i * 16, TILES * 16, dx + c, CP, n, iy, ix);
                }
            }
        }
    }
    free(u), free(scratch);
    return DONE;
}
