/* Max pooling of sums before the neurons, in windows side by side, channels-last; and the input gradient of a
 * convolution behind which sums are pooled: of a window one output has a gradient, so it is scattered from there.
 */
#include "shape.h"

typedef struct {
    int32_t N, H, W, C, KH, KW; /* of what is pooled; windows */
} pool_shape;

static int pool_fits(const pool_shape *s, int threads) {
    if (s->N < 0 || s->H < 0 || s->W < 0 || s->C < 0 || s->KH < 1 || s->KW < 1 || threads < 1) return 0;
    return threads <= MOST_THREADS && times(s->KH, s->KW) <= 255 && s->H < MOST / 256 && s->W < MOST / 256 &&
           times(times(s->H, s->W), s->C) <= MOST && times(s->N, s->H) < MOST;
}
typedef uint8_t bytes __attribute__((vector_size(VL), aligned(1), may_alias));

/* A window's largest values, and the first places that have them; one that is no number counts as the largest. */
AI void pool_vector(const pool_shape *s, const float *y, float *z, uint8_t *places, int count) {
    fv most = fv_load(y, count);
    iv place = iv_all(0);
    for (int k = 1; k < s->KH * s->KW; k++) {
        fv x = fv_load(y + ((int64_t)(k / s->KW) * s->W + k % s->KW) * s->C, count);
        iv larger = (x > most) | (x != x);
        most = fv_select(larger, x, most);
        place = (larger & iv_all(k)) | (~larger & place);
    }
    fv_store(z, most, count);
    bytes narrow = __builtin_convertvector(place, bytes);
    memcpy(places, &narrow, (size_t)count);
}
/* The gradient of a window's largest values, to where they were. */
AI void unpool_vector(const pool_shape *s, const float *dz, const uint8_t *places, float *dy, int count) {
    fv g = fv_load(dz, count);
    bytes narrow = {0};
    memcpy(&narrow, places, (size_t)count);
    iv place = __builtin_convertvector(narrow, iv);
    for (int k = 0; k < s->KH * s->KW; k++)
        fv_store(dy + ((int64_t)(k / s->KW) * s->W + k % s->KW) * s->C, fv_and(place == iv_all(k), g), count);
}
/* z, places [N][H / KH][W / KW][C] of y [N][H][W][C]. */
EXPORT int spareto_pool_max(const float *y, float *z, uint8_t *places, const pool_shape *s, int threads) {
    if (!pool_fits(s, threads)) return TOO_LARGE;
    int high = s->H / s->KH, wide = s->W / s->KW, whole = s->C / VL * VL;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t row = 0; row < (int64_t)s->N * high; row++) {
        const float *from = y + ((row / high) * s->H + (row % high) * s->KH) * s->W * s->C;
        for (int x = 0; x < wide; x++) {
            const float *window = from + (int64_t)x * s->KW * s->C;
            int64_t to = (row * wide + x) * s->C;
            for (int c = 0; c < whole; c += VL) pool_vector(s, window + c, z + to + c, places + to + c, VL);
            if (whole < s->C) pool_vector(s, window + whole, z + to + whole, places + to + whole, s->C - whole);
        }
    }
    return DONE;
}
/* dy [N][H][W][C], the gradient of what was pooled, from that of z. */
EXPORT int spareto_pool_max_back(const float *dz, const uint8_t *places, float *dy, const pool_shape *s, int threads) {
    if (!pool_fits(s, threads)) return TOO_LARGE;
    int high = s->H / s->KH, wide = s->W / s->KW, whole = s->C / VL * VL;
    size_t image = (size_t)s->H * s->W * s->C;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t n = 0; n < s->N; n++) {
        float *own = dy + n * image;
        if (high * s->KH < s->H || wide * s->KW < s->W) clear(own, sizeof(float) * image); /* what no window covers */
        for (int py = 0; py < high; py++)
            for (int px = 0; px < wide; px++) {
                int64_t at = ((n * high + py) * wide + px) * s->C;
                float *window = own + ((int64_t)py * s->KH * s->W + px * s->KW) * s->C;
                for (int c = 0; c < whole; c += VL) unpool_vector(s, dz + at + c, places + at + c, window + c, VL);
                if (whole < s->C) unpool_vector(s, dz + at + whole, places + at + whole, window + whole, s->C - whole);
            }
    }
    return DONE;
}

/* ------------------------------------------------------------------------------------------------- input gradient */

typedef struct {
    const float *p; /* weights [OC][taps][C padded] */
    const conv_shape *s;
    int CP;
} Spread;
/* Outputs of a window that have their gradient at one place. */
typedef struct {
    int32_t *output;
    float *g;
    int count;
} Group;

/* Adds the gradients of a group to NV vectors of dx; w: what the first output's weights have there. */
AI void add_group(const int NV, const Group *group, const float *w, int64_t each, float *dx) {
    fv sum[8];
#pragma GCC unroll 8
    for (int j = 0; j < NV; j++) sum[j] = LD(fv, dx + VL * j);
    for (int i = 0; i < group->count; i++) {
        const float *from = w + group->output[i] * each;
        fv g = fv_all(group->g[i]);
#pragma GCC unroll 8
        for (int j = 0; j < NV; j++) sum[j] = fv_fma(g, LD(fv, from + VL * j), sum[j]);
    }
#pragma GCC unroll 8
    for (int j = 0; j < NV; j++) ST(fv, dx + VL * j) = sum[j];
}
static void add_run(const Group *group, const float *w, int64_t each, float *dx, int vectors) {
    for (; vectors >= 8; vectors -= 8, w += 8 * VL, dx += 8 * VL) add_group(8, group, w, each, dx);
    switch (vectors) {
    case 7: add_group(7, group, w, each, dx); break;
    case 6: add_group(6, group, w, each, dx); break;
    case 5: add_group(5, group, w, each, dx); break;
    case 4: add_group(4, group, w, each, dx); break;
    case 3: add_group(3, group, w, each, dx); break;
    case 2: add_group(2, group, w, each, dx); break;
    case 1: add_group(1, group, w, each, dx); break;
    default: break;
    }
}
/* The gradients of outputs at (oy, ox) to all inputs that they read; dx is the image's. */
static void spread(const Spread *in, const Group *group, int oy, int ox, float *dx) {
    const conv_shape *s = in->s;
    const int64_t each = (int64_t)s->KH * s->KW * in->CP;
    int first = ox * s->SW - s->PW, kx0 = first < 0 ? -first : 0, kx1 = imin(s->KW, s->W - first);
    for (int ky = 0; ky < s->KH; ky++) {
        int iy = oy * s->SH + ky - s->PH;
        if (iy < 0 || iy >= s->H || kx1 <= kx0) continue;
        add_run(group, in->p + ((int64_t)ky * s->KW + kx0) * in->CP, each,
                dx + ((int64_t)iy * s->W + first + kx0) * in->CP, (kx1 - kx0) * in->CP / VL);
    }
}
/* Which outputs of a window have their gradient at place k. */
static void group_at(Group *group, const float *dz, const uint8_t *places, int OC, int k) {
    int n = 0;
    for (int o = 0; o < OC; o++) {
        group->output[n] = o, group->g[n] = dz[o]; /* written whether it is one or not: no branch to mispredict */
        n += (places[o] == k) & (dz[o] != 0.f);
    }
    group->count = n;
}
/* dx [N][H][W][C padded to 16] from the gradient dz of pooled sums and their places [N][OH / KH][OW / KW][stride];
 * s is the shape of a convolution without groups and dilation, w its weights [OC][C][KH][KW]. */
EXPORT int spareto_pool_dgrad(const float *dz, const uint8_t *places, const float *w, float *dx, const conv_shape *s,
                              int OC, int high, int wide, int stride, int threads) {
    if (!conv_fits(s, OC, threads) || s->groups != 1 || s->DH != 1 || s->DW != 1) return TOO_LARGE;
    if (high < 1 || wide < 1 || stride < OC || times(high, wide) > 255) return TOO_LARGE;
    Spread in = {0, s, (s->C + 15) / 16 * 16};
    int64_t image = (int64_t)s->H * s->W * in.CP;
    if (conv_empty(s, OC)) {
        clear(dx, sizeof(float) * (size_t)s->N * image);
        return DONE;
    }
    if (!all_finite(w, conv_weights(s, OC))) return NOT_FINITE;
    int taps = s->KH * s->KW, rows = s->OH / high, columns = s->OW / wide;
    size_t weights = 0, scratch = 0, g_at;
    part(&weights, times(times(OC, taps), in.CP), sizeof(float));
    part(&scratch, (int64_t)OC + 1, sizeof(int32_t)), g_at = part(&scratch, (int64_t)OC + 1, sizeof(float));
    float *p = (float *)memory(weights, 1);
    char *lists = memory(scratch, threads);
    if (!p || !lists) {
        free(p), free(lists);
        return NO_MEMORY;
    }
    clear(p, sizeof(float) * (size_t)OC * taps * in.CP);
    for (int o = 0; o < OC; o++)
        for (int c = 0; c < s->C; c++)
            for (int t = 0; t < taps; t++)
                p[((int64_t)o * taps + t) * in.CP + c] = w[((int64_t)o * s->C + c) * taps + t];
    in.p = p;
#pragma omp parallel num_threads(threads)
    {
        char *own = lists + scratch * omp_get_thread_num();
        Group group = {(int32_t *)own, (float *)(own + g_at), 0};
#pragma omp for schedule(static)
        for (int64_t n = 0; n < s->N; n++) {
            float *to = dx + n * image;
            clear(to, sizeof(float) * image);
            for (int window = 0; window < rows * columns; window++) {
                int64_t at = (n * rows * columns + window) * stride;
                for (int k = 0; k < high * wide; k++) {
                    group_at(&group, dz + at, places + at, OC, k);
                    if (!group.count) continue;
                    spread(&in, &group, window / columns * high + k / wide, window % columns * wide + k % wide, to);
                }
            }
        }
    }
    free(p), free(lists);
    return DONE;
}
