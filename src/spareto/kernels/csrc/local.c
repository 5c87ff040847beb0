/* Local learning: M inputs drive N neurons with adaptive thresholds that inhibit each other; weights W [M][N] follow
 * spikes.  One call walks through all timesteps of all samples; spikes are lists, and what nothing touches is not read.
 *
 * A spike arrives one timestep after it is sent.  Sums run over inputs in ascending order, in float32, so that a plain
 * loop gives the same bits.  Mirrors spareto/plasticity/reference.py, which is the definition. */
#include "memory.h"

typedef struct { /* mirrors COEFFICIENTS in spareto/kernels/local.py */
    float rest, reset, threshold, decay, theta_plus, theta_decay, inhibition, trace_decay, rate_pre, rate_post, norm;
    float inner_rest, inner_reset, inner_threshold, inner_decay, excitation, spike_threshold;
    float weight_scale, weight_high, state_scale, state_low, state_high; /* scale 0: float32 as it is */
} coefficients;

typedef struct { /* mirrors SHAPE in spareto/kernels/local.py */
    int64_t T, M, N, refractory, inner_refractory, window, inner, one_spike, active;
} shape;

enum { INPUTS, SPIKES, INNER_SPIKES, UPDATES, WRITES, COLUMNS, COUNTS };

typedef struct {
    float *v, *current, *pre, *post, *inner, *inhibiting, *gain, *over;
    double *sum;
    int32_t *rest_of, *inner_rest_of, *crossed, *live, *place, *arriving, *sent, *seen, *hit, *spiking, *count;
    uint32_t *limit;
} room;

static size_t laid_out(room *r, uintptr_t base, int64_t M, int64_t N) {
    size_t all = 0;
    float **of_neurons[] = {&r->v, &r->current, &r->post, &r->inner, &r->inhibiting, &r->gain, &r->over};
    int32_t **lists[] = {&r->rest_of, &r->inner_rest_of, &r->crossed, &r->live, &r->place, &r->spiking, &r->count};
    int32_t **of_inputs[] = {&r->arriving, &r->sent, &r->seen, &r->hit};
    size_t at = part(&all, N, 8);
    r->sum = (double *)(base + at);
    for (int i = 0; i < 7; i++) at = part(&all, N, 4), *of_neurons[i] = (float *)(base + at);
    for (int i = 0; i < 7; i++) at = part(&all, N, 4), *lists[i] = (int32_t *)(base + at);
    for (int i = 0; i < 4; i++) at = part(&all, M + 1, 4), *of_inputs[i] = (int32_t *)(base + at);
    at = part(&all, M, 4), r->limit = (uint32_t *)(base + at);
    at = part(&all, M, 4), r->pre = (float *)(base + at);
    return all;
}
AI float within(float x, float low, float high) {
    x = x < low ? low : x;
    return x > high ? high : x;
}
/* To the nearest multiple of 1 / scale, halves to even; |x scale| < 2^22. */
AI float rounded(float x, float scale, float low, float high) {
    return within(((x * scale + 12582912.f) - 12582912.f) * (1.f / scale), low, high);
}
AI float weight_of(const coefficients *k, float w) {
    if (k->weight_scale > 0.f) return rounded(w, k->weight_scale, 0.f, k->weight_high);
    return within(w, 0.f, k->weight_high);
}
AI float state_of(const coefficients *k, float x, int fixed) {
    return fixed ? rounded(x, k->state_scale, k->state_low, k->state_high) : x;
}
/* Two rounds of a mixing function with full avalanche; one number a timestep and input. */
AI uint32_t mixed(uint32_t x, uint32_t key, uint32_t more) {
    x ^= key, x ^= x >> 16, x *= 0x7feb352du, x ^= x >> 15, x *= 0x846ca68bu, x ^= x >> 16;
    x += more, x ^= x >> 16, x *= 0x7feb352du, x ^= x >> 15, x *= 0x846ca68bu, x ^= x >> 16;
    return x;
}
/* Inputs that spike at timestep t, in ascending order. */
static int32_t drawn(const room *r, int32_t *out, int32_t seen, uint32_t from, const uint32_t *key) {
    int32_t n = 0;
    for (int32_t i = 0; i < seen; i++) r->hit[i] = mixed(from + (uint32_t)r->seen[i], key[0], key[1]) < r->limit[i];
    for (int32_t i = 0; i < seen; i++) out[n] = r->seen[i], n += r->hit[i];
    return n;
}
AI void potentials(const shape *s, const coefficients *given, const room *r, float *restrict theta, int learns,
                   int fixed) {
    const coefficients k = *given; /* a copy: no store below can change it */
    const int32_t refractory = (int32_t)s->refractory;
    float *restrict at = r->v, *restrict above = r->over;
    const float *restrict current = r->current;
    int32_t *restrict resting = r->rest_of, *restrict crossed = r->crossed;
    for (int64_t j = 0; j < s->N; j++) {
        float v = k.decay * (at[j] - k.rest) + k.rest;
        v = v + (resting[j] > 0 ? 0.f : current[j]);
        v = state_of(&k, v, fixed);
        float own = learns ? state_of(&k, theta[j] * k.theta_decay, fixed) : theta[j];
        float over = v - (k.threshold + own);
        int32_t fires = over >= 0.f, left = resting[j] > 0 ? resting[j] - 1 : 0;
        at[j] = fires ? k.reset : v;
        resting[j] = fires ? refractory : left;
        if (learns) theta[j] = fires ? state_of(&k, own + k.theta_plus, fixed) : own;
        above[j] = over, crossed[j] = fires;
    }
}
/* The inhibitory population: neuron j listens to neuron j alone. */
AI int32_t inhibitory(const shape *s, const coefficients *given, const room *r, int fixed) {
    const coefficients k = *given;
    const int32_t refractory = (int32_t)s->inner_refractory;
    float *restrict at = r->inner, *restrict inhibiting = r->inhibiting;
    int32_t *restrict resting = r->inner_rest_of;
    const int32_t *restrict place = r->place;
    int32_t fired = 0;
    for (int64_t j = 0; j < s->N; j++) {
        float v = k.inner_decay * (at[j] - k.inner_rest) + k.inner_rest;
        v = v + (resting[j] > 0 ? 0.f : k.excitation * (float)place[j]);
        v = state_of(&k, v, fixed);
        int32_t fires = v >= k.inner_threshold, left = resting[j] > 0 ? resting[j] - 1 : 0;
        at[j] = fires ? k.inner_reset : v;
        resting[j] = fires ? refractory : left;
        inhibiting[j] = (float)fires, fired += fires;
    }
    return fired;
}
/* Neurons that spike now: all that crossed, or the one that crossed by most. */
static int32_t listed(const shape *s, const room *r) {
    int32_t n = 0, best = -1;
    for (int64_t j = 0; j < s->N; j++) {
        if (!r->crossed[j]) continue;
        if (best < 0 || r->over[j] > r->over[best]) best = (int32_t)j;
        r->spiking[n++] = (int32_t)j;
    }
    if (s->one_spike && n) r->spiking[0] = best, n = 1;
    return n;
}
/* Each pre-synaptic spike depresses by the traces behind it, each post-synaptic one potentiates by those before. */
static int64_t by_spikes(const shape *s, const coefficients *k, const room *r, float *W, int32_t sent, int32_t fired,
                         int32_t live) {
    for (int32_t e = 0; e < sent; e++) {
        float *w = W + r->sent[e] * s->N;
        for (int32_t l = 0; l < live; l++) w[r->live[l]] -= k->rate_pre * r->post[r->live[l]];
    }
    for (int32_t f = 0; f < fired; f++) {
        float *w = W + r->spiking[f];
        for (int64_t i = 0; i < s->M; i++) w[i * s->N] += k->rate_post * r->pre[i];
    }
    for (int32_t e = 0; e < sent; e++) {
        float *w = W + r->sent[e] * s->N;
        for (int32_t l = 0; l < live; l++) w[r->live[l]] = weight_of(k, w[r->live[l]]);
    }
    for (int32_t f = 0; f < fired; f++) {
        float *w = W + r->spiking[f];
        for (int64_t i = 0; i < s->M; i++) w[i * s->N] = weight_of(k, w[i * s->N]);
    }
    return (int64_t)sent * live + (int64_t)fired * s->M;
}
/* Once a window: neurons that fired in it (count) are potentiated by the input traces, the others depressed, all or
 * those that have spiked for this sample. */
static int64_t by_window(const shape *s, const coefficients *k, const room *r, const int32_t *spikes, float *W,
                         int32_t most) {
    float times = 1.f;
    if (k->spike_threshold > 0.f && most > 0) {
        times = (float)(int32_t)((float)most / k->spike_threshold);
        if (times * k->spike_threshold < (float)most) times += 1.f;
    }
    const float up = times * k->rate_post, down = -k->rate_pre;
    int64_t rows = 0, changing = 0;
    float *restrict gain = r->gain;
    int32_t *restrict changed = r->crossed;
    for (int64_t j = 0; j < s->N; j++) {
        gain[j] = r->count[j] ? up : s->active && !spikes[j] ? 0.f : down;
        changed[changing] = (int32_t)j, changing += gain[j] != 0.f;
    }
    const float scale = k->weight_scale, high = k->weight_high;
    for (int64_t i = 0; i < s->M; i++) {
        const float trace = r->pre[i];
        if (trace == 0.f) continue;
        float *restrict w = W + i * s->N;
        if (changing * 8 < s->N)
            for (int64_t l = 0; l < changing; l++) {
                float *one = w + changed[l];
                *one = weight_of(k, *one + gain[changed[l]] * trace);
            }
        else if (scale > 0.f)
            for (int64_t j = 0; j < s->N; j++) w[j] = rounded(w[j] + gain[j] * trace, scale, 0.f, high);
        else
            for (int64_t j = 0; j < s->N; j++) w[j] = within(w[j] + gain[j] * trace, 0.f, high);
        rows++;
    }
    clear(r->count, sizeof(int32_t) * (size_t)s->N);
    return rows * changing;
}
/* Gives columns the sum they must have: those in the list, or all of them where there is none. */
static void normalise(const shape *s, const coefficients *k, const room *r, float *W, int32_t live) {
    const int64_t M = s->M, N = s->N;
    const float scale = k->weight_scale, high = k->weight_high, norm = k->norm;
    double *restrict sum = r->sum;
    float *restrict gain = r->gain;
    if (live < 0) {
        for (int64_t j = 0; j < N; j++) sum[j] = 0.;
        for (int64_t i = 0; i < M; i++) {
            const float *restrict w = W + i * N;
            for (int64_t j = 0; j < N; j++) sum[j] += w[j];
        }
        for (int64_t j = 0; j < N; j++) gain[j] = sum[j] > 0. ? (float)(norm / sum[j]) : 1.f;
        for (int64_t i = 0; i < M; i++) {
            float *restrict w = W + i * N;
            if (scale > 0.f)
                for (int64_t j = 0; j < N; j++) w[j] = rounded(w[j] * gain[j], scale, 0.f, high);
            else
                for (int64_t j = 0; j < N; j++) w[j] *= gain[j];
        }
        return;
    }
    for (int32_t l = 0; l < live; l++) {
        float *w = W + r->live[l];
        double total = 0.;
        for (int64_t i = 0; i < M; i++) total += w[i * N];
        const float by = total > 0. ? (float)(norm / total) : 1.f;
        for (int64_t i = 0; i < M; i++) {
            float x = w[i * N] * by;
            w[i * N] = scale > 0.f ? rounded(x, scale, 0.f, high) : x;
        }
    }
}
AI void present(const shape *s, const coefficients *k, room *r, const uint32_t *limits, const uint32_t *key, float *W,
                float *theta, int32_t *spikes, int64_t *counts, int learns, int fixed) {
    const int64_t T = s->T, M = s->M, N = s->N;
    int32_t seen = 0, arriving = 0, fired = 0, live = 0, pressing = 0, most = 0;
    for (int64_t i = 0; i < M; i++)
        if (limits[i]) r->seen[seen] = (int32_t)i, r->limit[seen++] = limits[i];
    for (int64_t j = 0; j < N; j++) {
        r->v[j] = k->rest, r->inner[j] = k->inner_rest, r->post[j] = r->inhibiting[j] = 0.f;
        r->rest_of[j] = r->inner_rest_of[j] = r->place[j] = spikes[j] = r->count[j] = 0;
    }
    clear(r->pre, sizeof(float) * (size_t)M), clear(counts, sizeof(int64_t) * COUNTS);
    for (int64_t t = 0; t < T; t++) {
        clear(r->current, sizeof(float) * (size_t)N);
        for (int32_t e = 0; e < arriving; e++) {
            const float *restrict w = W + r->arriving[e] * N;
            float *restrict to = r->current;
            for (int64_t j = 0; j < N; j++) to[j] += w[j];
        }
        if (pressing)
            for (int64_t j = 0; j < N; j++) r->current[j] -= k->inhibition * ((float)pressing - r->inhibiting[j]);
        int32_t sent = drawn(r, r->sent, seen, (uint32_t)(t * M), key);
        potentials(s, k, r, theta, learns, fixed);
        if (s->inner) { /* what crossed in the timestep before stands in place */
            pressing = inhibitory(s, k, r, fixed);
            counts[INNER_SPIKES] += pressing;
        } else
            for (int32_t f = 0; f < fired; f++) r->inhibiting[r->spiking[f]] = 0.f;
        for (int32_t f = 0; f < fired; f++) r->place[r->spiking[f]] = 0;
        fired = listed(s, r);
        for (int32_t f = 0; f < fired; f++) {
            const int32_t j = r->spiking[f];
            if (!spikes[j]) r->live[live++] = j;
            if (++spikes[j] > most) most = spikes[j];
            r->place[j] = 1, r->count[j]++;
            if (!s->inner) r->inhibiting[j] = 1.f;
        }
        if (!s->inner) pressing = fired;
        counts[INPUTS] += sent, counts[SPIKES] += fired;
        if (learns) {
            for (int64_t i = 0; i < M; i++) r->pre[i] = state_of(k, r->pre[i] * k->trace_decay, fixed);
            for (int32_t e = 0; e < sent; e++) r->pre[r->sent[e]] = 1.f;
            if (!s->window) {
                for (int32_t l = 0; l < live; l++)
                    r->post[r->live[l]] = state_of(k, r->post[r->live[l]] * k->trace_decay, fixed);
                for (int32_t f = 0; f < fired; f++) r->post[r->spiking[f]] = 1.f;
                counts[WRITES] += by_spikes(s, k, r, W, sent, fired, live);
                counts[UPDATES] += sent + fired;
            } else if ((t + 1) % s->window == 0) {
                counts[WRITES] += by_window(s, k, r, spikes, W, most);
                counts[UPDATES]++;
            }
        }
        int32_t *before = r->arriving;
        r->arriving = r->sent, r->sent = before, arriving = sent;
    }
    if (learns && k->norm > 0.f) {
        int all = s->window && !s->active && k->rate_pre != 0.f;
        normalise(s, k, r, W, all ? -1 : live);
        counts[COLUMNS] = all ? N : live;
    }
}
/* What S samples make of the neurons.  limits [S][M]: input i spikes where a random 32-bit number lies below; keys
 * [S][2] of the random numbers; spikes [S][N], counts [S][COUNTS].  With learns W and theta follow, sample by sample.
 */
EXPORT int spareto_local_run(const uint32_t *limits, const uint32_t *keys, float *W, float *theta, int32_t *spikes,
                             int64_t *counts, const coefficients *k, const shape *s, int64_t S, int learns,
                             int threads) {
    const int64_t M = s->M, N = s->N;
    if (M < 0 || N < 0 || s->T < 0 || S < 0 || times(M, N) > INT64_MAX / 8 || M > MOST || N > MOST) return TOO_LARGE;
    if (times(s->T, M) > UINT32_MAX) return TOO_LARGE; /* each timestep and input has a random number of its own */
    if (learns) threads = 1;
    room measure;
    size_t own = laid_out(&measure, 0, M, N);
    char *scratch = own == SIZE_MAX ? NULL : memory(own, threads);
    if (!scratch) return NO_MEMORY;
    const int fixed = k->state_scale > 0.f;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t n = 0; n < S; n++) {
        room r;
        laid_out(&r, (uintptr_t)scratch + own * (size_t)omp_get_thread_num(), M, N);
        const uint32_t *limit = limits + n * M, *key = keys + n * 2;
        int32_t *to = spikes + n * N;
        int64_t *count = counts + n * COUNTS;
        if (learns && fixed) present(s, k, &r, limit, key, W, theta, to, count, 1, 1);
        else if (learns) present(s, k, &r, limit, key, W, theta, to, count, 1, 0);
        else if (fixed) present(s, k, &r, limit, key, W, theta, to, count, 0, 1);
        else present(s, k, &r, limit, key, W, theta, to, count, 0, 0);
    }
    free(scratch);
    return DONE;
}
