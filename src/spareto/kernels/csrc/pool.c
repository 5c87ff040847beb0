/* Max pooling of sums before the neurons, in windows side by side, channels-last; and convolutions whose sums are
 * pooled: sums that never leave the caches, and gradients from the one output of a window that has one.
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
/* One row of windows. */
static void pool_row(const pool_shape *s, const float *y, float *z, uint8_t *places) {
    int whole = s->C / VL * VL;
    for (int x = 0; x < s->W / s->KW; x++, y += (int64_t)s->KW * s->C, z += s->C, places += s->C) {
        for (int c = 0; c < whole; c += VL) pool_vector(s, y + c, z + c, places + c, VL);
        if (whole < s->C) pool_vector(s, y + whole, z + whole, places + whole, s->C - whole);
    }
}
/* z, places [N][H / KH][W / KW][C] of y [N][H][W][C]. */
EXPORT int spareto_pool_max(const float *y, float *z, uint8_t *places, const pool_shape *s, int threads) {
    if (!pool_fits(s, threads)) return TOO_LARGE;
    int64_t high = s->H / s->KH, behind = (int64_t)(s->W / s->KW) * s->C;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t row = 0; row < s->N * high; row++)
        pool_row(s, y + ((row / high) * s->H + (row % high) * s->KH) * s->W * s->C, z + row * behind,
                 places + row * behind);
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

/* ---------------------------------------------------------------------------------- convolutions whose sums are pooled
 *
 * A kernel row of what an output sees, [kx][c], is one run of an image with its border.  It is taken in whole vectors;
 * what they hold beyond the run has weights of 0, or sums that nobody reads.
 */
#define STRIP_BYTES (24 << 10)    /* of an image, or of lists: rows of windows that are worked on together */
#define HELD (VB == 64 ? 25 : 12) /* sums in registers */

typedef struct {
    const conv_shape *s;
    int OC, high, wide, stride; /* outputs, windows, outputs padded */
    int rows, columns;          /* windows of an image */
    int run, pitch;             /* floats: vectors of a kernel row, a row of the strip */
    int tall, reach;            /* rows of windows of a strip, and those of the image that they see */
} Pooled;

static int pooled_make(Pooled *p, const conv_shape *s, int OC, int high, int wide, int stride, int threads) {
    if (!conv_fits(s, OC, threads) || s->groups != 1 || s->DH != 1 || s->DW != 1) return TOO_LARGE;
    if (high < 1 || wide < 1 || stride < OC || times(high, wide) > 255) return TOO_LARGE;
    *p = (Pooled){s, OC, high, wide, stride, s->OH / high, s->OW / wide, 0, 0, 1, 0};
    if (conv_empty(s, OC) || !p->rows || !p->columns) return DONE;
    int64_t pitch = times((int64_t)(p->columns * wide - 1) * s->SW + s->KW, s->C);
    int64_t run = ((int64_t)s->KW * s->C + VL - 1) / VL * VL;
    int64_t first = (int64_t)(high - 1) * s->SH + s->KH, next = (int64_t)high * s->SH; /* rows that windows see */
    int64_t fit = (STRIP_BYTES / 4 / pitch - first) / next + 1;
    int64_t lists = STRIP_BYTES / 8 / p->columns / OC;
    if (times(times(p->rows * next + first, pitch), 8) > MOST || times(times(run, OC), 8) > MOST) return TOO_LARGE;
    p->run = (int)run, p->pitch = (int)pitch;
    p->tall = imax(1, imin(p->rows, (int)(fit < lists ? fit : lists)));
    p->reach = (int)((p->tall - 1) * next + first);
    return DONE;
}
/* Floats of a strip, with what whole vectors read and write behind it. */
AI int64_t strip_floats(const Pooled *p) { return (int64_t)p->reach * p->pitch + p->run + VL; }
/* Where the patch of place k of window (y, x) begins in a strip. */
AI int32_t patch_at(const Pooled *p, int y, int x, int k) {
    int row = (y * p->high + k / p->wide) * p->s->SH, column = (x * p->wide + k % p->wide) * p->s->SW;
    return (row * p->pitch + column * p->s->C) * 4;
}

/* z, places [N][OH / high][OW / wide][OC] of the sums of a convolution without groups. */
EXPORT int spareto_pool_sums(const uint64_t *bits, const float *w, float *z, uint8_t *places, const conv_shape *s,
                             int OC, int high, int wide, int64_t events, int threads) {
    if (!conv_fits(s, OC, threads) || s->groups != 1) return TOO_LARGE;
    pool_shape window = {1, high, s->OW, s->OC, high, wide};
    if (!pool_fits(&window, threads)) return TOO_LARGE;
    int rows = s->OH / high;
    int64_t behind = (int64_t)(s->OW / wide) * s->OC;
    if (conv_empty(s, OC)) {
        clear(z, sizeof(float) * (size_t)(s->N * rows * behind)), clear(places, (size_t)(s->N * rows * behind));
        return DONE;
    }
    if (!all_finite(w, conv_weights(s, OC))) return NOT_FINITE;
    int64_t row = (int64_t)high * s->OW * s->OC, fit = (256 << 10) / 4 / row;
    int tall = imax(1, imin(rows, (int)fit)), strips = (rows + tall - 1) / tall;
    conv_plan plan;
    int status = conv_plan_make(&plan, s, w, OC, events, tall * high);
    size_t each = plan.each, sums_at = part(&each, times(tall, row), sizeof(float));
    char *scratch = memory(each, threads);
    if (status != DONE || !scratch) {
        free(plan.w), free(scratch);
        return NO_MEMORY;
    }
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t job = 0; job < (int64_t)s->N * strips; job++) {
        char *own = scratch + each * (size_t)omp_get_thread_num();
        float *y = (float *)(own + sums_at);
        int64_t n = job / strips, first = job % strips * tall, last = first + tall < rows ? first + tall : rows;
        conv_rows(&plan, bits, (int)n, (int)first * high, (int)last * high, y, NULL, own);
        for (int64_t r = first; r < last; r++) {
            int64_t to = (n * rows + r) * behind;
            pool_row(&window, y + (r - first) * row, z + to, places + to);
        }
    }
    free(plan.w), free(scratch);
    return DONE;
}

/* Rows of image n that a strip sees, as numbers; from row y0 of the windows on. */
static void unpack_strip(const Pooled *p, const uint64_t *bits, int n, int y0, float *strip) {
    const conv_shape *s = p->s;
    int CW = (s->C + 63) / 64, columns = p->pitch / s->C;
    for (int r = 0; r < p->reach; r++, strip += p->pitch) {
        int iy = y0 * p->high * s->SH + r - s->PH;
        const uint64_t *in = bits + ((int64_t)n * s->H + iy) * s->W * CW;
        float *to = strip;
        for (int x = -s->PW; x < columns - s->PW; x++, to += s->C) {
            int inside = iy >= 0 && iy < s->H && x >= 0 && x < s->W;
            for (int c = 0; c < s->C; c += VL) { /* what a vector holds too much, the next one overwrites */
                uint32_t spikes = inside ? (uint32_t)(in[(int64_t)x * CW + (c >> 6)] >> (c & 63)) : 0;
                ST(fv, to + c) = fv_one_where(iv_lanes(spikes));
            }
        }
    }
    clear(strip, sizeof(float) * (p->run + VL));
}
/* What a strip's windows hand on of one output: gradients, places, and where the patch of a place lies. */
typedef struct {
    const float *dz;
    const uint8_t *places;
    const int32_t *place_at;
    int rows;
} Handed;

/* Adds R rows of V vectors of the patches that an output saw, each times its gradient, to sums of a run a row. */
AI void add_patches(const int R, const int V, const Pooled *p, const Handed *h, const float *strip, float *sums) {
    const int64_t stride = p->stride, pitch = p->pitch, step = (int64_t)p->wide * p->s->SW * p->s->C;
    const float *dz = h->dz;
    const uint8_t *places = h->places;
    fv a[HELD];
#pragma GCC unroll 25
    for (int j = 0; j < R * V; j++) a[j] = LD(fv, sums + j / V * p->run + j % V * VL);
    for (int y = 0; y < h->rows; y++, strip += (int64_t)p->high * p->s->SH * pitch) {
        const float *window = strip;
        for (int x = 0; x < p->columns; x++, dz += stride, places += stride, window += step) {
            if (*dz == 0.f) continue;
            const float *from = (const float *)((const char *)window + h->place_at[*places]);
            fv g = fv_all(*dz);
#pragma GCC unroll 25
            for (int j = 0; j < R * V; j++) a[j] = fv_fma(g, LD(fv, from + j / V * pitch + j % V * VL), a[j]);
        }
    }
#pragma GCC unroll 25
    for (int j = 0; j < R * V; j++) ST(fv, sums + j / V * p->run + j % V * VL) = a[j];
}
/* The same for all kernel rows: as many as registers hold at once. */
AI void add_columns(const int V, const Pooled *p, const Handed *h, const float *strip, float *sums) {
    for (int left = p->s->KH, R; left; left -= R, strip += (int64_t)R * p->pitch, sums += R * p->run) {
        R = left >= 5 && 5 * V <= HELD ? 5 : left >= 3 && 3 * V <= HELD ? 3 : 1;
        if (5 * V <= HELD && R == 5) add_patches(5, V, p, h, strip, sums);
        else if (3 * V <= HELD && R == 3) add_patches(3, V, p, h, strip, sums);
        else add_patches(1, V, p, h, strip, sums);
    }
}
static void add_output(const Pooled *p, const Handed *h, const float *strip, float *sums) {
    for (int done = 0, left = p->run / VL; left; left -= done, strip += done * VL, sums += done * VL) {
        done = left < 8 ? left : 8;
        switch (done) {
        case 8: add_columns(8, p, h, strip, sums); break;
        case 7: add_columns(7, p, h, strip, sums); break;
        case 6: add_columns(6, p, h, strip, sums); break;
        case 5: add_columns(5, p, h, strip, sums); break;
        case 4: add_columns(4, p, h, strip, sums); break;
        case 3: add_columns(3, p, h, strip, sums); break;
        case 2: add_columns(2, p, h, strip, sums); break;
        default: add_columns(1, p, h, strip, sums); break;
        }
    }
}
#define FLUSHED 32 /* images whose gradients are summed in float */
/* dw [OC][C][KH][KW] of a convolution without groups and dilation, from the gradient dz of pooled sums and their places
 * [N][OH / high][OW / wide][stride]. */
EXPORT int spareto_pool_wgrad(const uint64_t *bits, const float *dz, const uint8_t *places, float *dw,
                              const conv_shape *s, int OC, int high, int wide, int stride, int threads) {
    Pooled p;
    int status = pooled_make(&p, s, OC, high, wide, stride, threads);
    if (status != DONE) return status;
    clear(dw, sizeof(float) * (size_t)conv_weights(s, OC));
    if (!p.run) return DONE;
    int64_t sums = times(times(s->KH, p.run), OC), image = (int64_t)p.rows * p.columns * stride;
    size_t each = 0, strip_at = part(&each, strip_floats(&p), sizeof(float));
    size_t some_at = part(&each, sums, sizeof(float)), all_at = part(&each, sums, sizeof(double));
    char *scratch = memory(each, threads);
    if (!scratch) return NO_MEMORY;
    int32_t place_at[256] = {0};
    for (int k = 0; k < high * wide; k++) place_at[k] = patch_at(&p, 0, 0, k);
#pragma omp parallel num_threads(threads)
    {
        char *own = scratch + each * (size_t)omp_get_thread_num();
        float *strip = (float *)(own + strip_at), *some = (float *)(own + some_at);
        double *all = (double *)(own + all_at);
        int count = 0;
        clear(own + some_at, each - some_at);
#pragma omp for schedule(static)
        for (int64_t n = 0; n < s->N; n++) {
            for (int y = 0; y < p.rows; y += p.tall) {
                int64_t at = n * image + (int64_t)y * p.columns * stride;
                unpack_strip(&p, bits, (int)n, y, strip);
                for (int o = 0; o < OC; o++) {
                    Handed handed = {dz + at + o, places + at + o, place_at, imin(p.tall, p.rows - y)};
                    add_output(&p, &handed, strip, some + (int64_t)o * s->KH * p.run);
                }
            }
            if (++count % FLUSHED) continue;
            for (int64_t j = 0; j < sums; j++) all[j] += some[j], some[j] = 0.f;
        }
        for (int64_t j = 0; j < sums; j++) all[j] += some[j];
    }
    for (int o = 0; o < OC; o++)
        for (int c = 0; c < s->C; c++)
            for (int tap = 0; tap < s->KH * s->KW; tap++) {
                int64_t from = ((int64_t)o * s->KH + tap / s->KW) * p.run + tap % s->KW * s->C + c;
                double sum = 0.;
                for (int t = 0; t < threads; t++) sum += ((double *)(scratch + each * (size_t)t + all_at))[from];
                dw[((int64_t)o * s->C + c) * s->KH * s->KW + tap] = (float)sum;
            }
    free(scratch);
    return DONE;
}

typedef struct {
    int32_t at; /* bytes: where the weights of its output begin */
    float g;
} Entry;
/* Adds the weights of entries, each times its gradient, to V vectors of an image. */
AI void add_weights(const int V, const Entry *e, const Entry *end, const float *w, float *dx) {
    fv a[8];
#pragma GCC unroll 8
    for (int j = 0; j < V; j++) a[j] = LD(fv, dx + VL * j);
    for (; e < end; e++) {
        const float *from = (const float *)((const char *)w + e->at);
        fv g = fv_all(e->g);
#pragma GCC unroll 8
        for (int j = 0; j < V; j++) a[j] = fv_fma(g, LD(fv, from + VL * j), a[j]);
    }
#pragma GCC unroll 8
    for (int j = 0; j < V; j++) ST(fv, dx + VL * j) = a[j];
}
static void add_run(const Entry *e, const Entry *end, const float *w, float *dx, int vectors) {
    for (; vectors >= 8; vectors -= 8, w += 8 * VL, dx += 8 * VL) add_weights(8, e, end, w, dx);
    switch (vectors) {
    case 7: add_weights(7, e, end, w, dx); break;
    case 6: add_weights(6, e, end, w, dx); break;
    case 5: add_weights(5, e, end, w, dx); break;
    case 4: add_weights(4, e, end, w, dx); break;
    case 3: add_weights(3, e, end, w, dx); break;
    case 2: add_weights(2, e, end, w, dx); break;
    case 1: add_weights(1, e, end, w, dx); break;
    default: break;
    }
}
/* One strip of dx: the outputs of a window that have their gradient at one place are added together, kernel row by
 * kernel row, so that a row's weights stay in the cache.  list: OC entries a place, counts: how many there are. */
static void dgrad_strip(const Pooled *p, const float *dz, const uint8_t *places, int rows, const float *w, Entry *list,
                        int32_t *counts, float *strip) {
    int groups = p->high * p->wide, windows = rows * p->columns;
    clear(counts, sizeof(int32_t) * groups * windows);
    for (int window = 0; window < windows; window++, dz += p->stride, places += p->stride)
        for (int o = 0; o < p->OC; o++) {
            int64_t group = (int64_t)window * groups + places[o];
            list[group * p->OC + counts[group]] = (Entry){o * p->run * 4, dz[o]};
            counts[group] += dz[o] != 0.f; /* written whether it is one or not: no branch to mispredict */
        }
    clear(strip, sizeof(float) * (size_t)strip_floats(p));
    for (int ky = 0; ky < p->s->KH; ky++, w += (int64_t)p->OC * p->run, strip += p->pitch)
        for (int window = 0; window < windows; window++)
            for (int k = 0; k < groups; k++) {
                int64_t group = (int64_t)window * groups + k;
                const Entry *first = list + group * p->OC;
                float *to = (float *)((char *)strip + patch_at(p, window / p->columns, window % p->columns, k));
                if (counts[group]) add_run(first, first + counts[group], w, to, p->run / VL);
            }
}
/* Adds a strip to the image that it is of. */
static void add_strip(const Pooled *p, const float *strip, int y0, float *dx) {
    const conv_shape *s = p->s;
    int columns = imin(p->pitch / s->C - s->PW, s->W);
    for (int r = 0; r < p->reach; r++) {
        int iy = y0 * p->high * s->SH + r - s->PH;
        if (iy < 0 || iy >= s->H) continue;
        for (int x = 0; x < columns; x++) {
            const float *from = strip + (int64_t)r * p->pitch + (int64_t)(x + s->PW) * s->C;
            float *to = dx + ((int64_t)iy * s->W + x) * s->C;
            for (int c = 0; c < s->C; c++) to[c] += from[c];
        }
    }
}
/* dx [N][H][W][C] from the gradient dz of pooled sums and their places [N][OH / high][OW / wide][stride]; s is the
 * shape of a convolution without groups and dilation, w its weights [OC][C][KH][KW]. */
EXPORT int spareto_pool_dgrad(const float *dz, const uint8_t *places, const float *w, float *dx, const conv_shape *s,
                              int OC, int high, int wide, int stride, int threads) {
    Pooled p;
    int status = pooled_make(&p, s, OC, high, wide, stride, threads);
    if (status != DONE) return status;
    int64_t image = (int64_t)s->H * s->W * s->C, behind = (int64_t)p.rows * p.columns * stride;
    if (!p.run) {
        clear(dx, sizeof(float) * (size_t)(s->N * image));
        return DONE;
    }
    if (!all_finite(w, conv_weights(s, OC))) return NOT_FINITE;
    size_t weights = 0, each = 0, strip_at = part(&each, strip_floats(&p), sizeof(float));
    int64_t groups = times(times(p.tall, p.columns), times(high, wide));
    size_t list_at = part(&each, times(groups, OC) + 1, sizeof(Entry)); /* one is written behind the last */
    size_t counts_at = part(&each, groups, sizeof(int32_t));
    part(&weights, times(times(s->KH, OC), p.run), sizeof(float));
    float *packed = (float *)memory(weights, 1);
    char *scratch = memory(each, threads);
    if (!packed || !scratch) {
        free(packed), free(scratch);
        return NO_MEMORY;
    }
    clear(packed, weights);
    for (int o = 0; o < OC; o++)
        for (int c = 0; c < s->C; c++)
            for (int tap = 0; tap < s->KH * s->KW; tap++)
                packed[((int64_t)tap / s->KW * OC + o) * p.run + tap % s->KW * s->C + c] =
                    w[((int64_t)o * s->C + c) * s->KH * s->KW + tap];
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t n = 0; n < s->N; n++) {
        char *own = scratch + each * (size_t)omp_get_thread_num();
        float *strip = (float *)(own + strip_at);
        clear(dx + n * image, sizeof(float) * (size_t)image);
        for (int y = 0; y < p.rows; y += p.tall) {
            int64_t at = n * behind + (int64_t)y * p.columns * stride;
            dgrad_strip(&p, dz + at, places + at, imin(p.tall, p.rows - y), packed, (Entry *)(own + list_at),
                        (int32_t *)(own + counts_at), strip);
            add_strip(&p, strip, y, dx + n * image);
        }
    }
    free(packed), free(scratch);
    return DONE;
}
