/* The time loop of a layer of neurons, forward and backward, over arrays (T, n).
 *
 * A block of neurons stays in the nearest cache while all its timesteps run. The backward pass runs the block forward
 * again, so that nothing but x is kept between the two.
 */
#include "memory.h"
#include "neuron.h"

#define BLOCK 2048          /* most neurons that run through time together: long rows are good for the prefetcher */
#define SCRATCH (384 << 10) /* bytes of recomputed values a block may take: within the second cache */

/* Neurons a block: few enough for every thread to get one, whole cache lines, at most `most`. */
static int block_width(int64_t size, int threads, int most) {
    int64_t width = (size / threads + (size % threads > 0) + 15) / 16 * 16;
    return width < 16 ? 16 : width > most ? most : (int)width;
}

/* State of a block, one array a variable. */
typedef struct {
    float v[BLOCK], i[BLOCK], a[BLOCK];
    int32_t s[BLOCK];
} Block;

AI NeuronState block_get(const int flags, const Block *b, int j) {
    NeuronState state = {LD(fv, b->v + j), fv_zero(), fv_zero(), iv_all(0)};
    if (flags & CURRENT) state.i = LD(fv, b->i + j);
    if (flags & ADAPTIVE) state.a = LD(fv, b->a + j);
    if (flags & DELAYED) state.s = LD(iv, b->s + j);
    return state;
}
AI void block_put(const int flags, Block *b, int j, const NeuronState *state) {
    ST(fv, b->v + j) = state->v;
    if (flags & CURRENT) ST(fv, b->i + j) = state->i;
    if (flags & ADAPTIVE) ST(fv, b->a + j) = state->a;
    if (flags & DELAYED) ST(iv, b->s + j) = state->s;
}

/* state: four arrays v, i, a, s of n values, any of them NULL; NULL for fresh neurons. */
static void block_start(Block *b, const Neuron *n, float *const *state, int64_t first, int m) {
    int end = m + VL < BLOCK ? m + VL : BLOCK; /* the last vector may reach beyond m */
    for (int j = 0; j < end; j++) b->v[j] = n->v_start, b->i[j] = 0.f, b->a[j] = 0.f, b->s[j] = 0;
    if (!state) return;
    if (state[0]) memcpy(b->v, state[0] + first, sizeof(float) * (size_t)m);
    if (state[1]) memcpy(b->i, state[1] + first, sizeof(float) * (size_t)m);
    if (state[2]) memcpy(b->a, state[2] + first, sizeof(float) * (size_t)m);
    for (int j = 0; state[3] && j < m; j++) b->s[j] = state[3][first + j] != 0.f ? -1 : 0;
}
static void block_end(const Block *b, float *const *last, int64_t first, int m) {
    if (!last) return;
    if (last[0]) memcpy(last[0] + first, b->v, sizeof(float) * (size_t)m);
    if (last[1]) memcpy(last[1] + first, b->i, sizeof(float) * (size_t)m);
    if (last[2]) memcpy(last[2] + first, b->a, sizeof(float) * (size_t)m);
    for (int j = 0; last[3] && j < m; j++) last[3][first + j] = b->s[j] ? 1.f : 0.f;
}

/* ---------------------------------------------------------------------------------------------------- forward */

AI void forward_vector(const int flags, const Neuron *n, Block *b, const float *x, float *spikes, int j, int count) {
    fv h;
    NeuronState state = block_get(flags, b, j);
    iv s = neuron_forward_step(flags, n, &state, fv_load(x + j, count), &h);
    block_put(flags, b, j, &state);
    fv_store(spikes + j, fv_one_where(s), count);
}

AI void forward_template(const int flags, const Neuron *n, const float *x, float *spikes, float *const *state,
                         float *const *last, int64_t T, int64_t size, int width) {
#pragma omp for schedule(static)
    for (int64_t first = 0; first < size; first += width) {
        Block b;
        int m = size - first < width ? (int)(size - first) : width;
        block_start(&b, n, state, first, m);
        for (int64_t t = 0; t < T; t++) {
            const float *xt = x + t * size + first;
            float *st = spikes + t * size + first;
            int j = 0;
            for (; j + VL <= m; j += VL) forward_vector(flags, n, &b, xt, st, j, VL);
            if (j < m) forward_vector(flags, n, &b, xt, st, j, m - j);
        }
        block_end(&b, last, first, m);
    }
}

static int loop_fits(int64_t T, int64_t size, int threads) {
    return T >= 0 && size >= 0 && threads > 0 && threads <= MOST_THREADS && times(T, size) < INT64_MAX / 64 &&
           times(T, BLOCK) < INT64_MAX / 64 && size < INT64_MAX / 64;
}
/* x, spikes (T, size); k the coefficients; state, last: see block_start. */
EXPORT int spareto_neuron_forward(const float *x, float *spikes, const float *k, float *const *state,
                                  float *const *last, int64_t T, int64_t size, int flags, int threads) {
    if (!loop_fits(T, size, threads)) return TOO_LARGE;
    Neuron n = neuron_load(k, flags, 0);
    int width = block_width(size, threads, BLOCK);
    /* parallel outside the template: GCC outlines a parallel body before it inlines, and the constants would be lost */
#pragma omp parallel num_threads(threads)
    switch (flags & (CURRENT | ADAPTIVE | DELAYED | STORED)) {
    case 0: forward_template(0, &n, x, spikes, state, last, T, size, width); break;
    case CURRENT: forward_template(CURRENT, &n, x, spikes, state, last, T, size, width); break;
    case ADAPTIVE: forward_template(ADAPTIVE, &n, x, spikes, state, last, T, size, width); break;
    case DELAYED: forward_template(DELAYED, &n, x, spikes, state, last, T, size, width); break;
    case STORED: forward_template(STORED, &n, x, spikes, state, last, T, size, width); break;
    default: forward_template(TEMPLATE & ~LEARNED, &n, x, spikes, state, last, T, size, width);
    }
    return DONE;
}

/* ---------------------------------------------------------------------------------------------------- backward */

/* What the forward run leaves for the backward run: a row of `width` values for every timestep. */
typedef struct {
    float *h, *v, *i, *a; /* v, i and a before each timestep */
    int32_t *s;
    int width;
} Tape;

/* The template that runs: it has none of the parts or one of them; rare mixtures have all, with coefficients that do
 * nothing where a part is absent. A stored state goes with learned coefficients: most learn its step. */
static int template_of(int flags) {
    int own = flags & TEMPLATE;
    if (own == STORED || own == (STORED | LEARNED)) return STORED | LEARNED;
    return !(own & (own - 1)) ? own : flags & LEARNED ? TEMPLATE : TEMPLATE & ~LEARNED;
}
static int tape_rows(const int flags) {
    int both = flags & (DELAYED | LEARNED) ? 1 : 0;
    return 1 + both + (both && flags & CURRENT) + (flags & ADAPTIVE ? 1 : 0) + (flags & DELAYED ? 1 : 0);
}
static int tape_width(const int flags, int64_t T) {
    int64_t width = SCRATCH / ((T + 1) * (int64_t)sizeof(float) * tape_rows(flags)) / 16 * 16;
    return width < 16 ? 16 : width > BLOCK ? BLOCK : (int)width;
}
static Tape tape_at(const int flags, float *next, int64_t T, int width) {
    Tape made = {0}, *tape = &made;
    size_t row = (size_t)(T + 1) * (size_t)width;
    tape->width = width;
    tape->h = next, next += row;
    if (flags & (DELAYED | LEARNED)) tape->v = next, next += row;
    if ((flags & CURRENT) && (flags & (DELAYED | LEARNED))) tape->i = next, next += row;
    if (flags & ADAPTIVE) tape->a = next, next += row;
    if (flags & DELAYED) tape->s = (int32_t *)next;
    return made;
}

AI void tape_vector(const int flags, const Neuron *n, Block *b, const float *x, const Tape *tape, int64_t t, int j,
                    int count) {
    int64_t at = t * tape->width + j;
    fv h;
    NeuronState state = block_get(flags, b, j);
    if (flags & (DELAYED | LEARNED)) ST(fv, tape->v + at) = state.v;
    if (flags & ADAPTIVE) ST(fv, tape->a + at) = state.a;
    if (flags & DELAYED) ST(iv, tape->s + at) = state.s;
    if ((flags & CURRENT) && (flags & (DELAYED | LEARNED))) ST(fv, tape->i + at) = state.i;
    neuron_forward_step(flags, n, &state, fv_load(x + j, count), &h);
    ST(fv, tape->h + at) = h;
    block_put(flags, b, j, &state);
}

/* Gradients of a block's state, one array a variable. */
typedef struct {
    float v[BLOCK], i[BLOCK], a[BLOCK], s[BLOCK];
} BlockCarry;

AI void backward_vector(const int flags, const Neuron *n, const Tape *tape, int64_t t, const float *x, const float *g,
                        float *gx, BlockCarry *c, NeuronGrads *grads, int j, int count) {
    int64_t at = t * tape->width + j;
    NeuronState before = {fv_zero(), fv_zero(), fv_zero(), iv_all(0)};
    NeuronCarry carry = {LD(fv, c->v + j), fv_zero(), fv_zero(), fv_zero()};
    fv i = fv_zero();
    if (flags & (DELAYED | LEARNED)) {
        before.v = LD(fv, tape->v + at);
        i = fv_load(x + j, count);
        if (flags & CURRENT)
            before.i = LD(fv, tape->i + at), i = n->alpha * neuron_part(flags, n->current, before.i) + i;
    }
    if (flags & CURRENT) carry.i = LD(fv, c->i + j);
    if (flags & ADAPTIVE) before.a = LD(fv, tape->a + at), carry.a = LD(fv, c->a + j);
    if (flags & DELAYED) before.s = LD(iv, tape->s + at), carry.s = LD(fv, c->s + j);
    fv r = neuron_backward_step(flags, n, &before, LD(fv, tape->h + at), i, fv_load(g + j, count), &carry, grads);
    fv_store(gx + j, r, count);
    ST(fv, c->v + j) = carry.v;
    if (flags & CURRENT) ST(fv, c->i + j) = carry.i;
    if (flags & ADAPTIVE) ST(fv, c->a + j) = carry.a;
    if (flags & DELAYED) ST(fv, c->s + j) = carry.s;
}

static void carry_move(BlockCarry *c, float *const *state, int64_t first, int m, int out) {
    float *own[4] = {c->v, c->i, c->a, c->s};
    for (int k = 0; state && k < 4; k++) {
        if (!state[k]) continue;
        if (out) memcpy(state[k] + first, own[k], sizeof(float) * (size_t)m);
        else memcpy(own[k], state[k] + first, sizeof(float) * (size_t)m);
    }
}

static void grads_add(double *sums, const NeuronGrads *g) {
    sums[K_ALPHA] += fv_sum(g->alpha), sums[K_BETA] += fv_sum(g->beta), sums[K_GAIN] += fv_sum(g->gain);
    sums[K_BIAS] += fv_sum(g->bias), sums[K_THRESHOLD] += fv_sum(g->threshold);
    sums[K_ADAPT_DECAY] += fv_sum(g->adapt_decay), sums[K_ADAPT_SCALE] += fv_sum(g->adapt_scale);
    sums[K_STATE_STEP] += fv_sum(g->state_step);
}

typedef struct {
    const float *x, *g;
    float *gx;
    double *sums; /* COEFFICIENTS a thread, or NULL */
    float *const *state, *const *last, *const *first;
    int64_t T, size;
    char *scratch; /* `each` bytes a thread */
    size_t each;
    int width; /* neurons a block */
} Backward;

AI void backward_block(const int flags, const Neuron *n, const Backward *job, Tape *tape, int64_t first, int m) {
    Block b;
    BlockCarry c;
    block_start(&b, n, job->state, first, m);
    for (int64_t t = 0; t < job->T; t++) {
        const float *x = job->x + t * job->size + first;
        int j = 0;
        for (; j + VL <= m; j += VL) tape_vector(flags, n, &b, x, tape, t, j, VL);
        if (j < m) tape_vector(flags, n, &b, x, tape, t, j, m - j);
    }
    int end = m + VL < BLOCK ? m + VL : BLOCK;
    for (int j = 0; j < end; j++) c.v[j] = 0.f, c.i[j] = 0.f, c.a[j] = 0.f, c.s[j] = 0.f;
    carry_move(&c, job->last, first, m, 0);
    for (int64_t t = job->T - 1; t >= 0; t--) {
        int64_t at = t * job->size + first;
        NeuronGrads grads;
        memset(&grads, 0, sizeof grads);
        int j = 0;
        for (; j + VL <= m; j += VL)
            backward_vector(flags, n, tape, t, job->x + at, job->g + at, job->gx + at, &c, &grads, j, VL);
        if (j < m) backward_vector(flags, n, tape, t, job->x + at, job->g + at, job->gx + at, &c, &grads, j, m - j);
        if (flags & LEARNED) grads_add(job->sums + COEFFICIENTS * omp_get_thread_num(), &grads);
    }
    carry_move(&c, job->first, first, m, 1);
}

AI void backward_template(const int flags, const Neuron *n, const Backward *job) {
    Tape tape = tape_at(flags, (float *)(job->scratch + job->each * omp_get_thread_num()), job->T, job->width);
#pragma omp for schedule(static)
    for (int64_t first = 0; first < job->size; first += tape.width)
        backward_block(flags, n, job, &tape, first,
                       (int)(job->size - first < tape.width ? job->size - first : tape.width));
}

/* g, gx: gradients of spikes and of x, (T, size).  gk: gradients of the coefficients, added up in double, with LEARNED.
 * state: as in the forward pass.  last, start: gradients of the last state and of the first, or NULL. */
EXPORT int spareto_neuron_backward(const float *x, const float *g, float *gx, const float *k, double *gk,
                                   float *const *state, float *const *last, float *const *start, int64_t T,
                                   int64_t size, int flags, int surrogate, int threads) {
    if (!loop_fits(T, size, threads)) return TOO_LARGE;
    Neuron n = neuron_load(k, flags, surrogate);
    int chosen = template_of(flags), width = block_width(size, threads, tape_width(chosen, T));
    double *sums = chosen & LEARNED ? calloc((size_t)COEFFICIENTS * (size_t)threads, sizeof(double)) : NULL;
    Backward job = {x, g, gx, sums, state, last, start, T, size, 0, 0, width};
    part(&job.each, times(T + 1, (int64_t)width * tape_rows(chosen)), sizeof(float));
    job.scratch = memory(job.each, threads);
    if (!job.scratch || (chosen & LEARNED && !sums)) {
        free(job.scratch), free(sums);
        return NO_MEMORY;
    }
#pragma omp parallel num_threads(threads)
    switch (chosen) {
    case 0: backward_template(0, &n, &job); break;
    case LEARNED: backward_template(LEARNED, &n, &job); break;
    case CURRENT: backward_template(CURRENT, &n, &job); break;
    case ADAPTIVE: backward_template(ADAPTIVE, &n, &job); break;
    case DELAYED: backward_template(DELAYED, &n, &job); break;
    case STORED | LEARNED: backward_template(STORED | LEARNED, &n, &job); break;
    case TEMPLATE: backward_template(TEMPLATE, &n, &job); break;
    default: backward_template(TEMPLATE & ~LEARNED, &n, &job);
    }
    for (int t = 0; sums && gk && t < threads; t++) /* in the order of the threads: same inputs, same bytes */
        for (int c = 0; c < COEFFICIENTS; c++) gk[c] += sums[t * COEFFICIENTS + c];
    free(job.scratch), free(sums);
    return DONE;
}
