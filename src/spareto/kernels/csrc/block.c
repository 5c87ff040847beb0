/* The back half of a spiking block in one pass: affine map (batch norm or bias), neuron, max pooling, spikes out as
 * bits. Average pooling counts those bits later (bits.c); here it says which gradient a neuron gets.
 *
 * y [T * B][H][W][C] with n = t * B + b, C padded to a multiple of 16.  A few pooling windows run through all their
 * timesteps together, so that their state stays in the nearest caches.  Rows and columns that no window covers are
 * updated by nobody. The backward pass runs the neurons forward again from y: nothing but y is kept.
 */
#include "neuron.h"
#include "shape.h"

#define STATE_BYTES (128 << 10) /* what a segment of windows may keep of all its timesteps */
#define PARTS (CURRENT | ADAPTIVE | DELAYED)

/* What most networks use gets a template of its own: fires at the threshold, detached reset, forgets the potential,
 * arctan. */
static int is_usual(const Neuron *n, int flags) {
    return !(flags & (TEMPLATE | STRICT | ATTACHED)) && n->surrogate == ARCTAN && !n->keep[0];
}
AI Neuron usual_neuron(const Neuron *n) {
    Neuron own = *n;
    own.at_threshold = iv_all(-1), own.attached = iv_all(0);
    return own;
}
static int usual_window(const block_shape *s) { return s->KH == s->KW && (s->KH == 1 || s->KH == 2); }

/* Rows and columns of max windows that the average, if any, covers. */
static int high(const block_shape *s) { return s->H / s->KH / s->AH * s->AH; }
static int wide(const block_shape *s) { return s->W / s->KW / s->AW * s->AW; }

static int segment(const block_shape *s, int arrays, int64_t steps) {
    int64_t one = steps * s->KH * s->KW * s->C * 4 * arrays, fit = STATE_BYTES / (one ? one : 1);
    return fit < 1 ? 1 : fit > 8 ? 8 : (int)fit;
}
/* State of a segment, one array a variable: v, then what there is of i, a, s. */
typedef struct {
    float *v, *i, *a, *s;
} planes;

AI int planes_of(const int flags) { return 1 + !!(flags & CURRENT) + !!(flags & ADAPTIVE) + !!(flags & DELAYED); }
static planes planes_at(const int flags, float *memory, int64_t size) {
    planes p = {memory, 0, 0, 0};
    if (flags & CURRENT) p.i = memory += size;
    if (flags & ADAPTIVE) p.a = memory += size;
    if (flags & DELAYED) p.s = memory += size;
    return p;
}
static void planes_start(const int flags, const planes *p, float v_start, int64_t size) {
    for (int64_t j = 0; j < size; j++) p->v[j] = v_start;
    if (flags & CURRENT) memset(p->i, 0, sizeof(float) * size);
    if (flags & ADAPTIVE) memset(p->a, 0, sizeof(float) * size);
    if (flags & DELAYED) memset(p->s, 0, sizeof(float) * size);
}
AI NeuronState state_get(const int flags, const planes *p, int64_t j) {
    NeuronState state = {LD(fv, p->v + j), fv_zero(), fv_zero(), iv_all(0)};
    if (flags & CURRENT) state.i = LD(fv, p->i + j);
    if (flags & ADAPTIVE) state.a = LD(fv, p->a + j);
    if (flags & DELAYED) state.s = LD(iv, p->s + j);
    return state;
}
AI void state_put(const int flags, const planes *p, int64_t j, const NeuronState *state) {
    ST(fv, p->v + j) = state->v;
    if (flags & CURRENT) ST(fv, p->i + j) = state->i;
    if (flags & ADAPTIVE) ST(fv, p->a + j) = state->a;
    if (flags & DELAYED) ST(iv, p->s + j) = state->s;
}
typedef struct {
    const block_shape *s;
    const Neuron *n;
    const float *y, *a, *b;
    char *scratch; /* `each` bytes a thread */
    size_t each;
    int width; /* of a segment */
    int keeps; /* whether each segment has states of its own, which stay */
    int fresh; /* whether those are to be started */
} Input;
static float *scratch_of(const Input *in) { return (float *)(in->scratch + in->each * omp_get_thread_num()); }
typedef struct {
    int b, py, p0, p1;
} Segment;

static Segment segment_of(const block_shape *s, int job, int width) {
    int ph = high(s), pw = wide(s), across = (pw + width - 1) / width;
    Segment g = {job / (ph * across), job / across % ph, job % across * width, 0};
    g.p1 = g.p0 + width < pw ? g.p0 + width : pw;
    return g;
}
/* The template that runs: it has none of the parts, one of them, or all. Backward a stored state goes with learned
 * coefficients: most learn its step. */
static int template_of(const block_shape *s, int flags, int all) {
    int own = flags & all;
    if (own & STORED && !(own & PARTS)) own = all & (STORED | LEARNED);
    return usual_window(s) && (!(own & (own - 1)) || own == (STORED | LEARNED)) ? own : all;
}
/* Whether a block is one, and its segments can be counted in 32 bits. */
int block_fits(const block_shape *s, int threads) {
    if (s->T < 0 || s->B < 0 || s->H < 0 || s->W < 0 || s->C < 0 || s->channels < 0 || threads < 1) return 0;
    if (s->KH < 1 || s->KW < 1 || s->AH < 1 || s->AW < 1 || s->C % 16 || s->channels > s->C) return 0;
    int64_t window = times(times(s->KH, s->KW), s->C);
    return threads <= MOST_THREADS && s->T < MOST && window <= MOST / 64 && times(s->AH, s->AW) <= MOST &&
           times(times(s->B, (int64_t)s->H + 1), (int64_t)s->W + 8) <= MOST && times(times(s->H, s->W), s->C) <= MOST;
}
static int segments(const block_shape *s, int width) { return s->B * high(s) * ((wide(s) + width - 1) / width); }

/* Address of window px's first pixel at timestep t. */
AI int64_t window_at(const block_shape *s, const int KH, const int KW, const Segment *g, int t, int px) {
    return ((((int64_t)t * s->B + g->b) * s->H + (int64_t)g->py * KH) * s->W + (int64_t)px * KW) * s->C;
}

/* ------------------------------------------------------------------------------------------------------ forward */

AI void forward_segment(const int flags, const int KH, const int KW, const Input *in, const Segment *g, const planes *p,
                        uint64_t *out) {
    const block_shape *s = in->s;
    const int ph = high(s), pw = wide(s), CW = (s->channels + 63) / 64;
    const int64_t step = (int64_t)s->B * s->H * s->W * s->C; /* a timestep: too far for the machine's own prefetcher */
    for (int t = 0; t < s->T; t++)
        for (int px = g->p0; px < g->p1; px++) {
            uint64_t *o = out + ((((int64_t)t * s->B + g->b) * ph + g->py) * pw + px) * CW;
            const float *y = in->y + window_at(s, KH, KW, g, t, px);
            int64_t slot = (int64_t)(px - g->p0) * KH * KW * s->C;
            for (int c = 0; c < s->C; c += VL) {
                fv a = LD(fv, in->a + c), b = LD(fv, in->b + c);
                iv fired = iv_all(0);
                __builtin_prefetch(y + step + c);
#pragma GCC unroll 4
                for (int k = 0; k < KH * KW; k++) {
                    fv h;
                    NeuronState state = state_get(flags, p, slot + (int64_t)k * s->C + c);
                    fired |= neuron_forward_step(
                        flags, in->n, &state, LD(fv, y + ((int64_t)(k / KW) * s->W + k % KW) * s->C + c) * a + b, &h);
                    state_put(flags, p, slot + (int64_t)k * s->C + c, &state);
                }
                o[c >> 6] |= (uint64_t)iv_bits(fired) << (c & 63);
            }
            if (s->channels & 63) o[CW - 1] &= ~0ull >> (64 - (s->channels & 63)); /* padded channels never fire */
        }
}
AI void forward_template(const int flags, const int KH, const int KW, const Input *in, uint64_t *out, int job,
                         int end) {
    const block_shape *s = in->s;
    int64_t size = (int64_t)in->width * KH * KW * s->C;
    for (; job < end; job++) {
        planes p = planes_at(flags, scratch_of(in) + (in->keeps ? job * size * planes_of(flags) : 0), size);
        Segment g = segment_of(s, job, in->width);
        if (!in->keeps || in->fresh) planes_start(flags, &p, in->n->v_start, size);
        forward_segment(flags, KH, KW, in, &g, &p, out);
    }
}
AI void forward_window(const int flags, const Input *in, uint64_t *out, int job, int end) {
    if (in->s->KH == 2) forward_template(flags, 2, 2, in, out, job, end);
    else forward_template(flags, 1, 1, in, out, job, end);
}
/* The usual neuron: its masks are constants here, and vanish. */
AI void forward_usual(const Input *in, uint64_t *out, int job, int end) {
    Neuron n = usual_neuron(in->n);
    Input own = *in;
    own.n = &n;
    forward_window(0, &own, out, job, end);
}
/* Segments `job` to `end`.  No parallel region is in here: GCC would outline its body before it inlines, and the
 * constants of the templates would be lost. */
static void forward_segments(const Input *in, int flags, int chosen, uint64_t *out, int job, int end) {
    switch (!usual_window(in->s) ? -1 : chosen) {
    case 0:
        if (flags & STRICT) forward_window(0, in, out, job, end);
        else forward_usual(in, out, job, end);
        break;
    case CURRENT: forward_window(CURRENT, in, out, job, end); break;
    case ADAPTIVE: forward_window(ADAPTIVE, in, out, job, end); break;
    case DELAYED: forward_window(DELAYED, in, out, job, end); break;
    case STORED: forward_window(STORED, in, out, job, end); break;
    default: forward_template(PARTS | STORED, in->s->KH, in->s->KW, in, out, job, end); /* absent parts do nothing */
    }
}
static size_t bytes_out(const block_shape *s) {
    return sizeof(uint64_t) * ((size_t)s->T * s->B * high(s) * wide(s) * ((s->channels + 63) / 64));
}
/* bits [T * B][high][wide][words of 64 channels] = maxpool(neuron(a y + b)); k: the neuron's coefficients. */
EXPORT int spareto_block_forward(const float *y, const float *a, const float *b, uint64_t *bits, const float *k,
                                 const block_shape *s, int flags, int threads) {
    if (!block_fits(s, threads)) return TOO_LARGE;
    Neuron n = neuron_load(k, flags, 0);
    int chosen = template_of(s, flags, PARTS | STORED), kinds = planes_of(chosen), width = segment(s, kinds, 1);
    Input in = {s, &n, y, a, b, 0, 0, width, 0, 0};
    part(&in.each, times((int64_t)width * s->KH * s->KW, (int64_t)s->C * kinds), sizeof(float));
    in.scratch = memory(in.each, threads);
    if (!in.scratch) return NO_MEMORY;
    clear(bits, bytes_out(s));
    const int64_t all = segments(s, width);
#pragma omp parallel num_threads(threads)
    {
        int64_t own = omp_get_thread_num(), of = omp_get_num_threads();
        forward_segments(&in, flags, chosen, bits, (int)(all * own / of), (int)(all * (own + 1) / of));
    }
    free(in.scratch);
    return DONE;
}
int64_t block_floats(const block_shape *s, int flags) {
    int kinds = planes_of(template_of(s, flags, PARTS | STORED)), width = segment(s, kinds, 1);
    return times(times(segments(s, width), (int64_t)width * s->KH * s->KW), (int64_t)s->C * kinds);
}
void block_steps(const block_shape *s, const float *y, const float *a, const float *b, uint64_t *bits, const float *k,
                 int flags, int fresh, float *state) {
    Neuron n = neuron_load(k, flags, 0);
    int chosen = template_of(s, flags, PARTS | STORED), width = segment(s, planes_of(chosen), 1);
    Input in = {s, &n, y, a, b, (char *)state, 0, width, 1, fresh};
    clear(bits, bytes_out(s));
    forward_segments(&in, flags, chosen, bits, 0, segments(s, width));
}

/* ----------------------------------------------------------------------------------------------------- backward */

typedef struct {
    const float *g; /* gradient of each neuron's share in the pooled output [T * B][high / AH][wide / AW][stride] */
    int64_t stride;
    float *dz;
    double *sums, *gk;
    int products; /* whether the sums of dz y are wanted */
} Output;

AI int tape_arrays(const int flags) {
    int both = flags & (DELAYED | LEARNED) ? 1 : 0;
    return 1 + both + (both && (flags & CURRENT)) + !!(flags & ADAPTIVE) + !!(flags & DELAYED);
}
/* What the forward run leaves: h; v and i before the step where gradients need them; a, s. One row of `size` a
 * timestep. */
typedef struct {
    float *h, *v, *i, *a, *s;
} Tape;

static Tape tape_at(const int flags, float *memory, int64_t rows) {
    Tape tape = {memory, 0, 0, 0, 0};
    if (flags & (DELAYED | LEARNED)) tape.v = memory += rows;
    if ((flags & (DELAYED | LEARNED)) && (flags & CURRENT)) tape.i = memory += rows;
    if (flags & ADAPTIVE) tape.a = memory += rows;
    if (flags & DELAYED) tape.s = memory += rows;
    return tape;
}
AI void record_segment(const int flags, const int KH, const int KW, const Input *in, const Segment *g, const planes *p,
                       const Tape *tape, int64_t size) {
    const block_shape *s = in->s;
    const int64_t step = (int64_t)s->B * s->H * s->W * s->C;
    for (int t = 0; t < s->T; t++)
        for (int px = g->p0; px < g->p1; px++) {
            const float *y = in->y + window_at(s, KH, KW, g, t, px);
            int64_t slot = (int64_t)(px - g->p0) * KH * KW * s->C;
            for (int c = 0; c < s->C; c += VL) {
                fv a = LD(fv, in->a + c), b = LD(fv, in->b + c);
                __builtin_prefetch(y + step + c);
#pragma GCC unroll 4
                for (int k = 0; k < KH * KW; k++) {
                    int64_t j = slot + (int64_t)k * s->C + c, at = t * size + j;
                    fv h;
                    NeuronState state = state_get(flags, p, j);
                    if (flags & (DELAYED | LEARNED)) ST(fv, tape->v + at) = state.v;
                    if ((flags & (DELAYED | LEARNED)) && (flags & CURRENT)) ST(fv, tape->i + at) = state.i;
                    if (flags & ADAPTIVE) ST(fv, tape->a + at) = state.a;
                    if (flags & DELAYED) ST(iv, tape->s + at) = state.s;
                    neuron_forward_step(flags, in->n, &state,
                                        LD(fv, y + ((int64_t)(k / KW) * s->W + k % KW) * s->C + c) * a + b, &h);
                    ST(fv, tape->h + at) = h;
                    state_put(flags, p, j, &state);
                }
            }
        }
}
/* Gradient of one pixel's input at one timestep. */
AI fv pixel_back(const int flags, const Neuron *n, const Tape *tape, const planes *carry, int64_t at, int64_t j, fv x,
                 fv h, fv g, NeuronGrads *grads) {
    NeuronState before = {fv_zero(), fv_zero(), fv_zero(), iv_all(0)};
    NeuronCarry c = {LD(fv, carry->v + j), fv_zero(), fv_zero(), fv_zero()};
    fv i = x;
    if (flags & (DELAYED | LEARNED)) before.v = LD(fv, tape->v + at);
    if ((flags & (DELAYED | LEARNED)) && (flags & CURRENT))
        before.i = LD(fv, tape->i + at), i = n->alpha * neuron_part(flags, n->current, before.i) + x;
    if (flags & CURRENT) c.i = LD(fv, carry->i + j);
    if (flags & ADAPTIVE) before.a = LD(fv, tape->a + at), c.a = LD(fv, carry->a + j);
    if (flags & DELAYED) before.s = LD(iv, tape->s + at), c.s = LD(fv, carry->s + j);
    fv r = neuron_backward_step(flags, n, &before, h, i, g, &c, grads);
    ST(fv, carry->v + j) = c.v;
    if (flags & CURRENT) ST(fv, carry->i + j) = c.i;
    if (flags & ADAPTIVE) ST(fv, carry->a + j) = c.a;
    if (flags & DELAYED) ST(fv, carry->s + j) = c.s;
    return r;
}
AI void back_window(const int flags, const int KH, const int KW, const Input *in, const Output *out, const Tape *tape,
                    const planes *carry, int64_t at, int64_t slot, int64_t row, const float *g, int c, float *sums,
                    NeuronGrads *grads) {
    const block_shape *s = in->s;
    const int64_t left = out->stride - c;
    fv G = left >= VL ? LD(fv, g + c) : left > 0 ? fv_load(g + c, (int)left) : fv_zero();
    fv s1 = LD(fv, sums + c), s2 = fv_zero();
    iv open = iv_all(-1),
       first = iv_all(-1); /* first: nobody in the window fired, so its first pixel gets the gradient */
    if (KH * KW > 1) {
#pragma GCC unroll 4
        for (int k = 0; k < KH * KW; k++) {
            int64_t j = slot + (int64_t)k * s->C + c;
            fv theta = neuron_theta(flags, in->n, flags & ADAPTIVE ? LD(fv, tape->a + at + j) : fv_zero());
            first &= ~neuron_fires(in->n, LD(fv, tape->h + at + j), theta);
        }
    }
#pragma GCC unroll 4
    for (int k = 0; k < KH * KW; k++) {
        int64_t j = slot + (int64_t)k * s->C + c, o = row + ((int64_t)(k / KW) * s->W + k % KW) * s->C + c;
        fv h = LD(fv, tape->h + at + j), x = fv_zero(), part = G;
        if (KH * KW > 1) {
            fv theta = neuron_theta(flags, in->n, flags & ADAPTIVE ? LD(fv, tape->a + at + j) : fv_zero());
            iv takes = neuron_fires(in->n, h, theta);
            if (k == 0) takes |= first;
            takes &= open;
            open &= ~takes;
            part = fv_and(takes, G);
        }
        if (flags & (DELAYED | LEARNED)) x = LD(fv, in->y + o) * LD(fv, in->a + c) + LD(fv, in->b + c);
        fv r = pixel_back(flags, in->n, tape, carry, at + j, j, x, h, part, grads);
        s1 += r;
        if (out->products) s2 += r * LD(fv, in->y + o);
        ST(fv, out->dz + o) = r;
    }
    ST(fv, sums + c) = s1;
    if (out->products) ST(fv, sums + s->C + c) += s2;
}
static void grads_join(NeuronGrads *sum, const NeuronGrads *g) {
    sum->alpha += g->alpha, sum->beta += g->beta, sum->gain += g->gain, sum->bias += g->bias;
    sum->threshold += g->threshold, sum->adapt_decay += g->adapt_decay, sum->adapt_scale += g->adapt_scale;
    sum->state_step += g->state_step;
}
AI void back_segment(const int flags, const int KH, const int KW, const Input *in, const Output *out, const Segment *g,
                     const planes *carry, const Tape *tape, int64_t size, float *sums, NeuronGrads *grads) {
    const block_shape *s = in->s;
    const int AW = s->AW, gh = high(s) / s->AH, gw = wide(s) / AW, gy = g->py / s->AH;
    const int64_t step = (int64_t)s->B * s->H * s->W * s->C;
    for (int t = s->T - 1; t >= 0; t--) {
        const float *gt = out->g + (((int64_t)t * s->B + g->b) * gh + gy) * gw * out->stride;
        NeuronGrads own; /* of a timestep: two short sums round less than a long one */
        memset(&own, 0, sizeof own);
        for (int px = g->p0; px < g->p1; px++) {
            const float *gp = gt + (AW > 1 ? px / AW : px) * out->stride;
            int64_t slot = (int64_t)(px - g->p0) * KH * KW * s->C, row = window_at(s, KH, KW, g, t, px);
            for (int c = 0; c < s->C; c += VL) {
                if (out->products) __builtin_prefetch(in->y + row - step + c);
                __builtin_prefetch(out->dz + row - step + c, 1);
                __builtin_prefetch(gp - (int64_t)s->B * gh * gw * out->stride + c);
                back_window(flags, KH, KW, in, out, tape, carry, t * size, slot, row, gp, c, sums, &own);
            }
        }
        if (flags & LEARNED) grads_join(grads, &own);
    }
}
static void grads_add(double *sums, const NeuronGrads *g) {
    sums[K_ALPHA] += fv_sum(g->alpha), sums[K_BETA] += fv_sum(g->beta), sums[K_GAIN] += fv_sum(g->gain);
    sums[K_BIAS] += fv_sum(g->bias), sums[K_THRESHOLD] += fv_sum(g->threshold);
    sums[K_ADAPT_DECAY] += fv_sum(g->adapt_decay), sums[K_ADAPT_SCALE] += fv_sum(g->adapt_scale);
    sums[K_STATE_STEP] += fv_sum(g->state_step);
}
AI void backward_template(const int flags, const int KH, const int KW, const Input *in, const Output *out) {
    const block_shape *s = in->s;
    const int width = in->width, kinds = planes_of(flags);
    int64_t size = (int64_t)width * KH * KW * s->C, rows = size * s->T;
    float *memory = scratch_of(in);
    Tape tape = tape_at(flags, memory, rows);
    planes p = planes_at(flags, memory + rows * tape_arrays(flags), size);
    planes carry = planes_at(flags, memory + rows * tape_arrays(flags) + size * kinds, size);
    float *sums = memory + rows * tape_arrays(flags) + 2 * size * kinds;
    double *mine = out->sums + (int64_t)2 * s->C * omp_get_thread_num(),
           *gk = out->gk + COEFFICIENTS * omp_get_thread_num();
#pragma omp for schedule(static)
    for (int job = 0; job < segments(s, width); job++) {
        Segment g = segment_of(s, job, width);
        NeuronGrads grads;
        memset(&grads, 0, sizeof grads);
        planes_start(flags, &p, in->n->v_start, size);
        record_segment(flags, KH, KW, in, &g, &p, &tape, size);
        planes_start(flags, &carry, 0.f, size);
        memset(sums, 0, sizeof(float) * 2 * s->C);
        back_segment(flags, KH, KW, in, out, &g, &carry, &tape, size, sums, &grads);
        for (int c = 0; c < 2 * s->C; c++) mine[c] += sums[c];
        if (flags & LEARNED) grads_add(gk, &grads);
    }
}
AI void backward_window(const int flags, const Input *in, const Output *out) {
    if (in->s->KH == 2) backward_template(flags, 2, 2, in, out);
    else backward_template(flags, 1, 1, in, out);
}
AI void backward_usual(const Input *in, const Output *out) {
    Neuron n = usual_neuron(in->n);
    Input own = *in;
    own.n = &n;
    n.surrogate = ARCTAN, n.keep = iv_all(0);
    backward_window(0, &own, out);
}
/* dz: gradient of a y + b, shape of y.  sums[0:C] = sum of dz, sums[C:2 C] = sum of dz y (0 unless `products`): all
 * that batch norm's backward needs. gk: gradients of the coefficients, with LEARNED.  Ties in a window go to its first
 * spike, as in torch. */
EXPORT int spareto_block_backward(const float *y, const float *a, const float *b, const float *g, int64_t stride,
                                  float *dz, double *sums, double *gk, const float *k, const block_shape *s, int flags,
                                  int surrogate, int products, int threads) {
    if (!block_fits(s, threads)) return TOO_LARGE;
    Neuron n = neuron_load(k, flags, surrogate);
    int chosen = template_of(s, flags, TEMPLATE), width = segment(s, tape_arrays(chosen), s->T);
    Input in = {s, &n, y, a, b, 0, 0, width, 0, 0};
    int64_t window = times((int64_t)width * s->KH * s->KW, s->C);
    int64_t values = times(times(window, s->T), tape_arrays(chosen));
    part(&in.each, values, sizeof(float));
    part(&in.each, times(window, 2 * planes_of(chosen)), sizeof(float));
    part(&in.each, 2 * (int64_t)s->C, sizeof(float));
    in.scratch = memory(in.each, threads);
    double *all = calloc((2 * (size_t)s->C + COEFFICIENTS) * threads, sizeof(double));
    if (!all || !in.scratch) {
        free(all), free(in.scratch);
        return NO_MEMORY;
    }
    Output out = {g, stride, dz, all, all + (size_t)2 * s->C * threads, products};
    if (high(s) * s->KH < s->H || wide(s) * s->KW < s->W)
        clear(dz, sizeof(float) * (size_t)s->T * s->B * s->H * s->W * s->C);
#pragma omp parallel num_threads(threads)
    switch (!usual_window(s) ? -1 : is_usual(&n, flags) ? -2 : chosen) {
    case -2: backward_usual(&in, &out); break;
    case 0: backward_window(0, &in, &out); break;
    case LEARNED: backward_window(LEARNED, &in, &out); break;
    case CURRENT: backward_window(CURRENT, &in, &out); break;
    case ADAPTIVE: backward_window(ADAPTIVE, &in, &out); break;
    case DELAYED: backward_window(DELAYED, &in, &out); break;
    case STORED | LEARNED: backward_window(STORED | LEARNED, &in, &out); break;
    default: backward_template(TEMPLATE, s->KH, s->KW, &in, &out);
    }
    clear(sums, sizeof(double) * 2 * s->C);
    for (int t = 0; t < threads; t++) { /* in the order of the threads: same inputs, same bytes */
        for (int c = 0; c < 2 * s->C; c++) sums[c] += out.sums[(int64_t)2 * s->C * t + c];
        for (int c = 0; gk && c < COEFFICIENTS; c++) gk[c] += out.gk[COEFFICIENTS * t + c];
    }
    free(all), free(in.scratch);
    return DONE;
}
