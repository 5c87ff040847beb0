/* Dense layer, event-driven and exact. Rows of bits are groups of C channels (one a pixel), so input `pixel * C + c` of
 * the kernels is input `c * pixels + pixel` of torch's weight [OC][C][pixels].
 *
 * Output columns go in blocks. Inside, a weight lies as [block][input][columns of the block]: what a block's events
 * meet is in one piece in the second cache. Rows go in chunks.
 */
#include "shape.h"
#define FORWARD_ROWS 128
#define BACKWARD_ROWS 256
#define WIDE (VB == 16 ? 32 : 64) /* columns whose sums stay in registers */
#define L1_BYTES (32 << 10)
#define LINE 16 /* floats; OC is padded to a multiple */
#define REAL_ROWS 4

typedef struct {
    const uint64_t *bits;
    int64_t N;
    int pixels, C, inputs, OC, width; /* width: OC padded */
} Rows;

static Rows rows_of(const uint64_t *bits, int64_t N, int pixels, int C, int OC) {
    Rows in = {bits, N, pixels, C, pixels * C, OC, (OC + LINE - 1) / LINE * LINE};
    return in;
}
/* Columns of the block that starts at column o. */
static int block_width(const Rows *in, int o) {
    int left = in->width - o;
    return left >= WIDE ? WIDE : left >= WIDE / 2 ? WIDE / 2 : LINE;
}
/* Where torch keeps the weight of column 0 and this input. */
AI int64_t input_at(const Rows *in, int input) { return (int64_t)(input % in->C) * in->pixels + input / in->C; }

/* Whether a layer is one, and the keys of a chunk of rows can be counted in 32 bits. */
static int rows_fit(int64_t N, int pixels, int C, int OC, int threads) {
    return N >= 0 && pixels >= 0 && C >= 0 && OC >= 0 && OC <= MOST - LINE && threads > 0 && threads <= MOST_THREADS &&
           times(times(pixels, (int64_t)C + 63), BACKWARD_ROWS) <= MOST;
}
/* One line of columns from torch's order; columns beyond OC are 0. Whether all of them are finite. */
static int line_from(const Rows *in, const float *w, float *p, int o) {
    int begin = 0, width;
    while (begin + (width = block_width(in, begin)) <= o) begin += width;
    float *to = p + (int64_t)begin * in->inputs + (o - begin);
    int columns = in->OC - o < LINE ? in->OC - o : LINE, finite = 1;
    for (int k0 = 0; k0 < in->inputs; k0 += LINE) { /* a square at a time: each line of memory is read once */
        int k1 = in->inputs - k0 < LINE ? in->inputs : k0 + LINE;
        int64_t at[LINE];
        for (int k = k0; k < k1; k++) at[k - k0] = in->pixels == 1 ? k : input_at(in, k);
        for (int j = 0; j < LINE; j++) {
            const float *from = w + (int64_t)(o + j) * in->inputs;
            for (int k = k0; k < k1; k++) to[(int64_t)k * width + j] = j < columns ? from[at[k - k0]] : 0.f;
        }
        for (int k = k0; k < k1; k++) finite &= all_finite(to + (int64_t)k * width, LINE);
    }
    return finite;
}
/* And back: the sum of the threads' parts, in their order: same inputs, same bytes. */
static void line_to(const Rows *in, const float *parts, int threads, float *dw, int o) {
    int begin = 0, width;
    while (begin + (width = block_width(in, begin)) <= o) begin += width;
    const float *from = parts + (int64_t)begin * in->inputs + (o - begin);
    int columns = in->OC - o < LINE ? in->OC - o : LINE;
    for (int k = 0; k < in->inputs; k++) {
        float *to = dw + (int64_t)o * in->inputs + (in->pixels == 1 ? k : input_at(in, k)), sum[LINE] = {0};
        for (int t = 0; t < threads; t++)
            for (int j = 0; j < LINE; j++) sum[j] += from[(int64_t)t * in->inputs * in->width + (int64_t)k * width + j];
        for (int j = 0; j < columns; j++) to[(int64_t)j * in->inputs] = sum[j];
    }
}
/* Inputs that fired in rows first .. last: keys[ptr[r]] .. keys[ptr[r + 1]] for r from 0. Four a word are written
 * whether they are there or not: where spikes are few this spares a mispredicted branch a word. n: those listed
 * before. */
static int list_rows(const Rows *in, int64_t first, int64_t last, int32_t *keys, int32_t *ptr, int n) {
    int words = (in->C + 63) / 64;
    const uint64_t *bits = in->bits + first * in->pixels * words;
    for (int64_t r = first; r < last; r++) {
        *ptr++ = n;
        for (int p = 0; p < in->pixels; p++)
            for (int w = 0; w < words; w++) {
                uint64_t m = *bits++;
                int base = p * in->C + w * 64, count = __builtin_popcountll(m), i = 0;
                do {
#pragma GCC unroll 4
                    for (int j = 0; j < 4; j++) {
                        keys[n + i + j] = base + __builtin_ctzll(m | 1ull << 63);
                        m &= m - 1;
                    }
                } while ((i += 4) < count);
                n += count;
            }
    }
    return *ptr = n;
}
static size_t keys_part(size_t *total, const Rows *in, int rows) {
    return part(total, (int64_t)rows * in->inputs + 4, sizeof(int32_t));
}

/* -------------------------------------------------------------------------------------------------------- forward */

AI void sum_rows(const int width, const Rows *in, const float *w, float *y, const int32_t *keys, const int32_t *ptr,
                 int rows) {
    for (int r = 0; r < rows; r++) {
        fv sum[WIDE / VL];
#pragma GCC unroll 16
        for (int j = 0; j < width / VL; j++) sum[j] = fv_zero();
        for (const int32_t *k = keys + ptr[r], *e = keys + ptr[r + 1]; k < e; k++)
#pragma GCC unroll 16
            for (int j = 0; j < width / VL; j++) sum[j] += LD(fv, w + (int64_t)*k * width + VL * j);
#pragma GCC unroll 16
        for (int j = 0; j < width / VL; j++) ST(fv, y + (int64_t)r * in->width + VL * j) = sum[j];
    }
}
/* Sums of rows that are listed. */
static void sum_blocks(const Rows *in, const float *packed, float *y, const int32_t *keys, const int32_t *ptr,
                       int rows) {
    for (int o = 0, width; o < in->width; o += width) {
        const float *block = packed + (int64_t)o * in->inputs;
        width = block_width(in, o);
        switch (width) {
        case WIDE: sum_rows(WIDE, in, block, y + o, keys, ptr, rows); break;
        case WIDE / 2: sum_rows(WIDE / 2, in, block, y + o, keys, ptr, rows); break;
        default: sum_rows(LINE, in, block, y + o, keys, ptr, rows);
        }
    }
}
/* Room for packed weights, and for `each` bytes of every thread; nothing is taken if there is not enough. */
static int take(const Rows *in, size_t each, int threads, float **packed, char **scratch) {
    size_t weights = 0;
    part(&weights, times(in->inputs, in->width), sizeof(float));
    *packed = (float *)memory(weights, 1);
    *scratch = memory(each, threads);
    if (*packed && *scratch) return DONE;
    free(*packed), free(*scratch);
    return NO_MEMORY;
}
/* y [N][padded OC] = sum of the weights w [OC][C][pixels] of each row's events. */
EXPORT int spareto_dense_forward(const uint64_t *bits, const float *w, float *y, int64_t N, int pixels, int C, int OC,
                                 int threads) {
    if (!rows_fit(N, pixels, C, OC, threads)) return TOO_LARGE;
    Rows in = rows_of(bits, N, pixels, C, OC);
    int finite = 1;
    size_t each = 0;
    keys_part(&each, &in, FORWARD_ROWS);
    float *packed;
    char *scratch;
    if (take(&in, each, threads, &packed, &scratch) != DONE) return NO_MEMORY;
#pragma omp parallel num_threads(threads)
    {
        int32_t *keys = (int32_t *)(scratch + each * omp_get_thread_num()), ptr[FORWARD_ROWS + 1];
#pragma omp for schedule(static) reduction(& : finite)
        for (int o = 0; o < in.width; o += LINE) finite &= line_from(&in, w, packed, o);
#pragma omp for schedule(static)
        for (int64_t first = 0; first < N; first += FORWARD_ROWS) {
            int rows = N - first < FORWARD_ROWS ? (int)(N - first) : FORWARD_ROWS;
            list_rows(&in, first, first + rows, keys, ptr, 0);
            sum_blocks(&in, packed, y + first * in.width, keys, ptr, rows);
        }
    }
    free(packed), free(scratch);
    return finite ? DONE : NOT_FINITE;
}
/* out [T * B][words of 64 neurons] = neuron(a y + b) of those sums y, to the bit, and nothing kept but a few rows: some
 * samples go through some timesteps together. */
EXPORT int spareto_dense_fire(const uint64_t *bits, const float *w, const float *a, const float *b, uint64_t *out,
                              const float *k, const block_shape *f, int pixels, int C, int flags, int threads) {
    const int64_t N = times(f->T, f->B);
    if (!block_fits(f, threads) || !rows_fit(N, pixels, C, f->channels, threads)) return TOO_LARGE;
    Rows in = rows_of(bits, N, pixels, C, f->channels);
    if (f->H != 1 || f->W != 1 || f->KH * f->KW * f->AH * f->AW != 1 || f->C != in.width) return TOO_LARGE;
    if (!N || !f->channels) return DONE;
    int finite = 1, together = imin(FORWARD_ROWS, (f->B + threads - 1) / threads);
    int64_t deep = imax(1, imin(f->T, FORWARD_ROWS / together)), words = ((int64_t)f->channels + 63) / 64;
    const block_shape whole = {(int)deep, together, 1, 1, f->C, f->channels, 1, 1, 1, 1};
    size_t each = 0, keys_at = keys_part(&each, &in, FORWARD_ROWS);
    size_t sums_at = part(&each, times(FORWARD_ROWS, in.width), sizeof(float));
    size_t state_at = part(&each, block_floats(&whole, flags), sizeof(float));
    size_t bits_at = part(&each, FORWARD_ROWS * words, sizeof(uint64_t));
    float *packed;
    char *scratch;
    if (take(&in, each, threads, &packed, &scratch) != DONE) return NO_MEMORY;
#pragma omp parallel num_threads(threads)
    {
        char *own = scratch + each * (size_t)omp_get_thread_num();
        float *y = (float *)(own + sums_at);
        uint64_t *fired = (uint64_t *)(own + bits_at);
        int32_t *keys = (int32_t *)(own + keys_at), ptr[FORWARD_ROWS + 1];
#pragma omp for schedule(static) reduction(& : finite)
        for (int o = 0; o < in.width; o += LINE) finite &= line_from(&in, w, packed, o);
#pragma omp for schedule(static)
        for (int b0 = 0; b0 < f->B; b0 += together) {
            block_shape part_of = whole;
            part_of.B = imin(together, f->B - b0);
            for (int t0 = 0; t0 < f->T; t0 += whole.T) {
                part_of.T = imin(whole.T, f->T - t0);
                for (int t = 0, n = 0; t < part_of.T; t++) {
                    int64_t first = (int64_t)(t0 + t) * f->B + b0;
                    n = list_rows(&in, first, first + part_of.B, keys, ptr + t * part_of.B, n);
                }
                sum_blocks(&in, packed, y, keys, ptr, part_of.T * part_of.B);
                block_steps(&part_of, y, a, b, fired, k, flags, !t0, (float *)(own + state_at));
                for (int t = 0; t < part_of.T; t++)
                    copy(out + ((int64_t)(t0 + t) * f->B + b0) * words, fired + t * part_of.B * words,
                         sizeof(uint64_t) * part_of.B * words);
            }
        }
    }
    free(packed), free(scratch);
    return finite ? DONE : NOT_FINITE;
}
/* ------------------------------------------------------------------------------------------------ weight gradient */

/* The events of a chunk by input: rows[first[k]] .. rows[first[k + 1]] of input k, ascending. */
static void sort_rows(const Rows *in, const int32_t *keys, const int32_t *ptr, int count, int32_t *first,
                      uint16_t *rows) {
    clear(first, sizeof(int32_t) * (in->inputs + 2));
    for (int i = 0; i < ptr[count]; i++) first[keys[i] + 2]++;
    for (int k = 0; k < in->inputs; k++) first[k + 2] += first[k + 1];
    for (int r = 0; r < count; r++)
        for (int i = ptr[r]; i < ptr[r + 1]; i++) rows[first[keys[i] + 1]++] = (uint16_t)r;
}
AI void gather_rows(const int width, const Rows *in, const float *dy, float *slice, int rows, float *dw,
                    const int32_t *first, const uint16_t *events) {
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 16
        for (int j = 0; j < width; j += VL) ST(fv, slice + r * width + j) = LD(fv, dy + (int64_t)r * in->width + j);
    for (int k = 0; k < in->inputs; k++) {
        const uint16_t *e = events + first[k], *end = events + first[k + 1];
        if (e == end) continue;
        float *d = dw + (int64_t)k * width;
        fv sum[WIDE / VL];
#pragma GCC unroll 16
        for (int j = 0; j < width / VL; j++) sum[j] = LD(fv, d + VL * j);
        for (; e < end; e++)
#pragma GCC unroll 16
            for (int j = 0; j < width / VL; j++) sum[j] += LD(fv, slice + (int)*e * width + VL * j);
#pragma GCC unroll 16
        for (int j = 0; j < width / VL; j++) ST(fv, d + VL * j) = sum[j];
    }
}
/* The same where all of dw stays in the first cache: unsorted, every event adds its row of dy to dw in memory. */
AI void scatter_rows(const int width, const Rows *in, const float *dy, int rows, float *dw, const int32_t *keys,
                     const int32_t *ptr) {
    for (int r = 0; r < rows; r++) {
        fv g[WIDE / VL];
#pragma GCC unroll 16
        for (int j = 0; j < width / VL; j++) g[j] = LD(fv, dy + (int64_t)r * in->width + VL * j);
        for (const int32_t *k = keys + ptr[r], *e = keys + ptr[r + 1]; k < e; k++)
#pragma GCC unroll 16
            for (int j = 0; j < width / VL; j++) ST(fv, dw + (int64_t)*k * width + VL * j) += g[j];
    }
}
/* dw [OC][C][pixels]: every event adds its row of dy [N][padded OC]. */
EXPORT int spareto_dense_wgrad(const uint64_t *bits, const float *dy, float *dw, int64_t N, int pixels, int C, int OC,
                               int threads) {
    if (!rows_fit(N, pixels, C, OC, threads)) return TOO_LARGE;
    Rows in = rows_of(bits, N, pixels, C, OC);
    if (!in.inputs || !OC) return DONE; /* there are no weights */
    if (!all_finite(dy, times(N, in.width))) return NOT_FINITE;
    size_t size = (size_t)in.inputs * in.width;
    int small = in.width <= 32 && size * sizeof(float) <= L1_BYTES;
    size_t bytes = 0, each = 0, slice_at = part(&each, BACKWARD_ROWS * WIDE, sizeof(float));
    size_t keys_at = keys_part(&each, &in, BACKWARD_ROWS), begins_at = part(&each, in.inputs + 2, sizeof(int32_t));
    size_t events_at = part(&each, (int64_t)BACKWARD_ROWS * in.inputs, sizeof(uint16_t));
    part(&bytes, times(in.inputs, in.width), sizeof(float));
    float *parts = calloc(threads, bytes ? bytes : 1);
    char *scratch = memory(each, threads);
    if (!parts || !scratch) {
        free(parts), free(scratch);
        return NO_MEMORY;
    }
#pragma omp parallel num_threads(threads)
    {
        char *own = scratch + each * omp_get_thread_num();
        float *mine = parts + size * omp_get_thread_num(), *slice = (float *)(own + slice_at);
        int32_t *keys = (int32_t *)(own + keys_at), *begins = (int32_t *)(own + begins_at), ptr[BACKWARD_ROWS + 1];
        uint16_t *events = (uint16_t *)(own + events_at);
#pragma omp for schedule(static)
        for (int64_t first = 0; first < N; first += BACKWARD_ROWS) {
            int rows = N - first < BACKWARD_ROWS ? (int)(N - first) : BACKWARD_ROWS;
            list_rows(&in, first, first + rows, keys, ptr, 0);
            if (small) {
                if (in.width == 16) scatter_rows(16, &in, dy + first * in.width, rows, mine, keys, ptr);
                else scatter_rows(32, &in, dy + first * in.width, rows, mine, keys, ptr);
                continue;
            }
            sort_rows(&in, keys, ptr, rows, begins, events);
            for (int o = 0, width; o < in.width; o += width) {
                const float *g = dy + first * in.width + o;
                float *block = mine + (int64_t)o * in.inputs;
                width = block_width(&in, o);
                switch (width) {
                case WIDE: gather_rows(WIDE, &in, g, slice, rows, block, begins, events); break;
                case WIDE / 2: gather_rows(WIDE / 2, &in, g, slice, rows, block, begins, events); break;
                default: gather_rows(LINE, &in, g, slice, rows, block, begins, events);
                }
            }
        }
#pragma omp for schedule(static)
        for (int o = 0; o < in.width; o += LINE) line_to(&in, parts, threads, dw, o);
    }
    free(parts), free(scratch);
    return DONE;
}
/* ------------------------------------------------------------------------------------------------- input gradient */

/* A few rows of dx, some vectors of columns of them at a time; w [OC][inputs]. */
AI void spread_columns(const int NV, const int rows, const Rows *in, const float *dy, const float *w, float *dx,
                       int k) {
    fv sum[REAL_ROWS * 2];
#pragma GCC unroll 16
    for (int j = 0; j < rows * NV; j++) sum[j] = fv_zero();
    for (int o = 0; o < in->OC; o++)
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++) {
            fv g = fv_all(dy[(int64_t)r * in->width + o]);
#pragma GCC unroll 2
            for (int j = 0; j < NV; j++)
                sum[r * NV + j] = fv_fma(g, LD(fv, w + (int64_t)o * in->inputs + k + VL * j), sum[r * NV + j]);
        }
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
        for (int j = 0; j < NV; j++) ST(fv, dx + (int64_t)r * in->inputs + k + VL * j) = sum[r * NV + j];
}
AI void spread_rows(const int rows, const Rows *in, const float *dy, const float *w, float *dx) {
    int k = 0;
    for (; k + 2 * VL <= in->inputs; k += 2 * VL) spread_columns(2, rows, in, dy, w, dx, k);
    for (; k + VL <= in->inputs; k += VL) spread_columns(1, rows, in, dy, w, dx, k);
    for (; k < in->inputs; k++)
        for (int r = 0; r < rows; r++) {
            float sum = 0.f;
            for (int o = 0; o < in->OC; o++) sum += dy[(int64_t)r * in->width + o] * w[(int64_t)o * in->inputs + k];
            dx[(int64_t)r * in->inputs + k] = sum;
        }
}
/* dx [N][inputs] from dy [N][padded OC] and w [OC][inputs], inputs in the order of the bits; best where OC is small. */
EXPORT int spareto_dense_dgrad(const float *dy, const float *w, float *dx, int64_t N, int inputs, int OC, int threads) {
    if (!rows_fit(N, 1, inputs, OC, threads)) return TOO_LARGE;
    Rows in = rows_of(NULL, N, 1, inputs, OC);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t n = 0; n < N; n += REAL_ROWS)
        if (n + REAL_ROWS <= N) spread_rows(REAL_ROWS, &in, dy + n * in.width, w, dx + n * inputs);
        else
            for (int64_t r = n; r < N; r++) spread_rows(1, &in, dy + r * in.width, w, dx + r * inputs);
    return DONE;
}
