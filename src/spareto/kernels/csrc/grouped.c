/* Forward sums of a convolution whose groups are narrow: too few inputs meet a block of output channels for its pixels
 * to be gathered one by one.  The events of each image row are listed once; each adds its weights to all the outputs it
 * reaches, in a buffer of stride 1 whose frame takes what falls outside.
 */
#include "shape.h"
#define BLOCK 16 /* output channels together */
#define BUFFER_BYTES (256 << 10)

typedef struct {
    int32_t pixel, weights; /* floats from the start of a buffer row, of a kernel row's weights */
} event;
/* What a job works with. */
typedef struct {
    const uint64_t *bits;
    const float *w; /* [block][c][ky][kx reversed][BLOCK] */
    float *y, *buffer;
    double *stat;
    event *events;
    int32_t *ptr;
    int OC, C, columns, front; /* C: inputs of each block; front: columns before the first input pixel */
} Job;

/* Four are written whether they are there or not: this spares a mispredicted branch a word. */
AI int list_word(event *e, uint64_t m, int pixel, int base, int each) {
    int count = __builtin_popcountll(m), i = 0;
    do {
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++, m &= m - 1)
            e[i + j] = (event){pixel, (base + __builtin_ctzll(m | 1ull << 63)) * each};
    } while ((i += 4) < count);
    return count;
}
/* The events of inputs c0 .. c1 in rows in0 .. in1: those of row i are events[ptr[i - in0]] and on. */
static void list_events(const conv_shape *s, const Job *job, int n, int in0, int in1, int c0, int c1) {
    int words = (s->C + 63) / 64, each = s->KH * s->KW * BLOCK, count = 0;
    for (int iy = in0; iy < in1; iy++) {
        const uint64_t *row = job->bits + ((int64_t)n * s->H + iy) * s->W * words;
        job->ptr[iy - in0] = count;
        for (int x = 0; x < s->W; x++)
            for (int k = c0 / 64; k <= (c1 - 1) / 64; k++)
                count += list_word(job->events + count, inputs_in(row[x * words + k], k, c0, c1),
                                   (job->front + x) * BLOCK, k * 64 - c0, each);
    }
    job->ptr[imax(in1 - in0, 0)] = count;
}
/* All events of a row, added to ROWS buffer rows `apart` floats apart; w_apart: from the weights of one to those of the
 * next.  The sums of a pixel's events stay in registers. */
AI void add_events(const int ROWS, const int KW, const int DW, float *to, int64_t apart, const float *w, int w_apart,
                   const event *begin, const event *end) {
    for (int j = 0; j < BLOCK; j += VL)
        for (const event *e = begin; e < end;) {
            int pixel = e->pixel;
            fv a[9];
#pragma GCC unroll 9
            for (int t = 0; t < ROWS * KW; t++) a[t] = LD(fv, w + e->weights + t / KW * w_apart + t % KW * BLOCK + j);
            while (++e < end && e->pixel == pixel)
#pragma GCC unroll 9
                for (int t = 0; t < ROWS * KW; t++)
                    a[t] += LD(fv, w + e->weights + t / KW * w_apart + t % KW * BLOCK + j);
#pragma GCC unroll 9
            for (int t = 0; t < ROWS * KW; t++) ST(fv, to + pixel + t / KW * apart + t % KW * DW * BLOCK + j) += a[t];
        }
}
/* Input row iy meets those of its kernel rows whose output row is one of r0 .. r1. */
static void scatter_row(const conv_shape *s, const Job *job, const float *w, int iy, int r0, int r1, const event *e,
                        const event *end) {
    int64_t apart = (int64_t)job->columns * BLOCK;
    int tap = s->KW * BLOCK, bottom = iy + s->PH;
    if (s->KH == 3 && s->KW == 3 && s->DH == 1 && s->DW == 1 && s->SH == 1 && bottom - 2 >= r0 && bottom < r1) {
        add_events(3, 3, 1, job->buffer + (bottom - r0) * apart, -apart, w, tap, e, end);
        return;
    }
    for (int ky = 0; ky < s->KH; ky++) {
        int ty = bottom - ky * s->DH, oy = ty / s->SH;
        if (ty < 0 || ty % s->SH || oy < r0 || oy >= r1) continue;
        float *to = job->buffer + (oy - r0) * apart;
        const float *wk = w + ky * tap;
        if (s->KW == 3) add_events(1, 3, s->DW, to, 0, wk, 0, e, end);
        else if (s->KW == 5) add_events(1, 5, s->DW, to, 0, wk, 0, e, end);
        else
            for (int kx = 0; kx < s->KW; kx++)
                add_events(1, 1, 1, to + kx * s->DW * BLOCK, 0, wk + kx * BLOCK, 0, e, end);
    }
}
/* Row oy of one block: out of the buffer, into the sums for batch norm. */
static void finish_group_row(const conv_shape *s, const Job *job, const float *row, int n, int oy, int oc0) {
    const float *from = row + (job->front + s->DW * (s->KW - 1) - s->PW) * BLOCK; /* output pixel 0 */
    float *y = job->y + ((int64_t)n * s->OH + oy) * s->OW * s->OC + oc0;
    for (int x = 0; x < s->OW; x++)
        for (int j = 0; j < BLOCK; j += VL) ST(fv, y + (int64_t)x * s->OC + j) = LD(fv, from + x * s->SW * BLOCK + j);
    sum_channels(BLOCK / VL, from, s->SW * BLOCK, s->OW, job->stat + oc0, job->stat + s->OC + oc0);
}
static void scatter_image(const conv_shape *s, const Job *job, int n, int r0, int r1) {
    int in0 = imax(0, r0 * s->SH - s->PH), in1 = imin(s->H, (r1 - 1) * s->SH - s->PH + s->DH * (s->KH - 1) + 1);
    for (int oc0 = 0, c0 = -1, c1 = -1, next0, next1; oc0 < s->OC; oc0 += BLOCK) {
        inputs_of(s, job->OC, oc0, BLOCK, &next0, &next1);
        if (next0 != c0 || next1 != c1) list_events(s, job, n, in0, in1, next0, next1);
        c0 = next0, c1 = next1;
        const float *w = job->w + (int64_t)oc0 * s->KH * s->KW * job->C;
        clear(job->buffer, sizeof(float) * BLOCK * job->columns * (r1 - r0));
        int done = r0; /* rows that no later input row reaches */
        for (int iy = in0; done < r1; iy++) {
            const int32_t *ptr = job->ptr + (iy - in0);
            if (iy < in1) scatter_row(s, job, w, iy, r0, r1, job->events + ptr[0], job->events + ptr[1]);
            for (; done < r1 && (iy >= in1 || done * s->SH - s->PH + s->DH * (s->KH - 1) <= iy); done++)
                finish_group_row(s, job, job->buffer + (int64_t)(done - r0) * job->columns * BLOCK, n, done, oc0);
        }
    }
}
/* See spareto_conv_forward; p: the weights [block][c][ky][kx reversed][BLOCK], C: inputs of each block. */
int grouped_forward(const uint64_t *bits, const float *p, float *y, double *sums, const conv_shape *s, int OC, int C,
                    int threads) {
    int left = s->DW * (s->KW - 1) - s->PW, front = imax(0, -left); /* pixels before those that the kernel reaches */
    int columns = imax(front + s->W + s->DW * (s->KW - 1), front + left + (s->OW - 1) * s->SW + 1);
    int rows = imax(1, imin(s->OH, BUFFER_BYTES / (columns * BLOCK * 4)));
    if (s->N < 4 * threads) rows = imin(rows, imax(4, (int)((int64_t)s->OH * s->N / (4 * threads))));
    int chunks = (s->OH + rows - 1) / rows;
    int64_t jobs = (int64_t)s->N * chunks;
    int reach = imin(s->H, (rows - 1) * s->SH + s->DH * (s->KH - 1) + 1);
    size_t each = 0, buffer_at = part(&each, times((int64_t)columns * BLOCK, rows), sizeof(float));
    size_t events_at = part(&each, (int64_t)reach * s->W * C + 4, sizeof(event));
    size_t ptr_at = part(&each, (int64_t)reach + 1, sizeof(int32_t));
    char *scratch = memory(each, threads);
    if (!scratch) return NO_MEMORY;
#pragma omp parallel num_threads(threads)
    {
        char *own = scratch + each * omp_get_thread_num();
        Job job = {bits, p, y, 0, sums + (size_t)2 * s->OC * omp_get_thread_num(), 0, 0, OC, C, columns, front};
        job.buffer = (float *)(own + buffer_at);
        job.events = (event *)(own + events_at);
        job.ptr = (int32_t *)(own + ptr_at);
#pragma omp for schedule(static)
        for (int64_t i = 0; i < jobs; i++) {
            int r0 = (int)(i % chunks) * rows;
            scatter_image(s, &job, (int)(i / chunks), r0, imin(s->OH, r0 + rows));
        }
    }
    free(scratch);
    return DONE;
}
