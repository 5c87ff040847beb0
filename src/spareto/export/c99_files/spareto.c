/* The definition of every step is spareto/integer/neuron.py; this is the same, to the bit. */
#include "spareto.h"

/* Shifts of negative numbers are the compiler's choice in C99; these round down everywhere. */
static int64_t down(int64_t value, int32_t shift) { return value >= 0 ? value >> shift : ~(~value >> shift); }

static int64_t rounded(int64_t value, int32_t shift) {
    if (shift == 0) return value;
    return down(value + (((int64_t)1 << (shift - 1)) - 1) + (down(value, shift) & 1), shift);
}

static int64_t get(const void *state, int32_t bytes, int32_t at) {
    return bytes == 2 ? ((const int16_t *)state)[at] : ((const int32_t *)state)[at];
}

static void put(void *state, int32_t bytes, int32_t at, int64_t value) {
    if (bytes == 2) ((int16_t *)state)[at] = (int16_t)value;
    else ((int32_t *)state)[at] = (int32_t)value;
}

static int32_t read(spareto_wire wire, int32_t at) {
    return wire.wide ? ((const int32_t *)wire.data)[at] : ((const uint8_t *)wire.data)[at];
}

static void write(spareto_wire wire, int32_t at, int32_t value) {
    if (wire.wide) ((int32_t *)wire.data)[at] = value;
    else ((uint8_t *)wire.data)[at] = (uint8_t)value;
}

static int64_t stored(const spareto_layer *l, int64_t wide) {
    int64_t value = rounded(wide, l->shift);
    return value > l->most ? l->most : value < -l->most ? -l->most : value;
}

/* sums += value x one row of weights */
static void add_row(const uint8_t *row, int32_t bits, int32_t count, int32_t value, int32_t *sums) {
    int32_t n;
    switch (bits) {
    case SPARETO_W2:
        for (n = 0; n < count; n++) sums[n] += ((((row[n >> 2] >> ((n & 3) << 1)) & 3) ^ 2) - 2) * value;
        break;
    case SPARETO_W4:
        for (n = 0; n < count; n++) sums[n] += ((((row[n >> 1] >> ((n & 1) << 2)) & 15) ^ 8) - 8) * value;
        break;
    case SPARETO_W8:
        for (n = 0; n < count; n++) sums[n] += ((row[n] ^ 128) - 128) * value;
        break;
    case SPARETO_W16:
        for (n = 0; n < count; n++) sums[n] += (((row[2 * n] | row[2 * n + 1] << 8) ^ 32768) - 32768) * value;
        break;
    default:
        for (n = 0; n < count; n++) {
            uint32_t bytes = (uint32_t)row[4 * n] | (uint32_t)row[4 * n + 1] << 8 | (uint32_t)row[4 * n + 2] << 16 |
                             (uint32_t)row[4 * n + 3] << 24;
            sums[n] += (int32_t)((int64_t)(bytes ^ 0x80000000u) - 2147483647 - 1) * value;
        }
    }
}

/* What the window of an output pixel sees: only spikes cost rows. */
static void gather(const spareto_layer *l, spareto_wire in, int32_t y, int32_t x, int32_t *sums) {
    const int32_t inputs = l->in_c / l->groups, outputs = l->out_c / l->groups;
    int32_t i, j, c;
    for (c = 0; c < l->out_c; c++) sums[c] = 0;
    for (i = 0; i < l->kh; i++) {
        const int32_t row = y * l->sh - l->ph + i * l->dh;
        if (row < 0 || row >= l->in_h) continue;
        for (j = 0; j < l->kw; j++) {
            const int32_t column = x * l->sw - l->pw + j * l->dw;
            if (column < 0 || column >= l->in_w) continue;
            for (c = 0; c < l->in_c; c++) {
                const int32_t value = read(in, (row * l->in_w + column) * l->in_c + c);
                if (value == 0) continue;
                add_row(l->weights + ((i * l->kw + j) * l->in_c + c) * l->stride, l->bits, outputs, value,
                        sums + c / inputs * outputs);
            }
        }
    }
}

static int64_t floor_over(int64_t a, int64_t b) {
    const int64_t q = a / b;
    return q - (a % b != 0 && (a < 0) != (b < 0));
}

static int32_t fire(const spareto_layer *l, int64_t x, const spareto_states *s, int32_t n) {
    const int32_t bytes = l->state_bytes;
    int64_t u, fires, level = l->threshold;
    if (l->current) {
        x += l->i_decay * get(s->i, bytes, n);
        put(s->i, bytes, n, stored(l, x));
        x = rounded(l->gain * x, l->gain_shift);
    }
    u = l->decay * get(s->v, bytes, n) + x + l->leak;
    if (l->delayed && get(s->s, bytes, n)) u = (l->delayed == 2 ? u : 0) - l->delayed_drop;
    if (l->adaptation) level += l->a_scale * get(s->a, bytes, n);
    if (l->counts) {
        fires = floor_over(l->strict ? u - 1 : u, level);
        fires = fires < 0 ? 0 : fires > l->counts ? l->counts : fires;
        u -= fires * level;
    } else {
        fires = l->strict ? u > level : u >= level;
        if (fires) u = (l->keep ? u : 0) - (l->drop + (l->drop_threshold ? level : 0));
    }
    if (l->adaptation) put(s->a, bytes, n, stored(l, l->a_decay * get(s->a, bytes, n) + l->a_one * fires));
    put(s->v, bytes, n, stored(l, u));
    if (l->delayed) put(s->s, bytes, n, fires);
    return (int32_t)fires;
}

void spareto_run_layer(const spareto_layer *l, spareto_wire in, spareto_wire out, const spareto_states *states, int32_t *sums,
                       int32_t *back) {
    int32_t y, x, c;
    if (l->back_weights) {
        for (c = 0; c < l->out_c; c++) back[c] = 0;
        for (c = 0; c < l->out_c; c++)
            if (states->f[c]) add_row(l->back_weights + c * l->back_stride, l->back_bits, l->out_c, states->f[c], back);
    }
    for (y = 0; y < l->out_h; y++)
        for (x = 0; x < l->out_w; x++) {
            const int32_t first = (y * l->out_w + x) * l->out_c;
            gather(l, in, y, x, sums);
            for (c = 0; c < l->out_c; c++) {
                int64_t current = sums[c] * l->multiplier[c] + l->bias[c];
                int32_t fires;
                if (l->back_weights) current += back[c] * l->back_multiplier[c];
                fires = fire(l, current, states, first + c);
                if (l->back_weights) states->f[c] = fires;
                write(out, first + c, fires);
            }
        }
}

void spareto_run_pool(const spareto_pool *p, spareto_wire in, spareto_wire out) {
    int32_t y, x, c, i, j;
    for (y = 0; y < p->out_h; y++)
        for (x = 0; x < p->out_w; x++)
            for (c = 0; c < p->channels; c++) {
                int32_t found = 0;
                for (i = 0; i < p->kh; i++)
                    for (j = 0; j < p->kw; j++) {
                        const int32_t row = y * p->sh - p->ph + i, column = x * p->sw - p->pw + j;
                        int32_t value;
                        if (row < 0 || row >= p->in_h || column < 0 || column >= p->in_w) continue;
                        value = read(in, (row * p->in_w + column) * p->channels + c);
                        found = p->sums ? found + value : found > value ? found : value;
                    }
                write(out, (y * p->out_w + x) * p->channels + c, found);
            }
}

void spareto_run_join(int kind, int32_t left_factor, int32_t right_factor, spareto_wire left, spareto_wire right, spareto_wire out,
                      int32_t count) {
    int32_t n;
    for (n = 0; n < count; n++) {
        const int32_t a = read(left, n), x = read(right, n);
        write(out, n, kind == 0 ? left_factor * a + right_factor * x : kind == 1 ? a * x : (1 - a) * x);
    }
}

static int64_t mixed(const int32_t *weights, const int32_t *z, int32_t inputs, int32_t step, int32_t length, int32_t apart, int32_t at,
                     int32_t kernel, int32_t before) {
    int64_t found = 0;
    int32_t i, k;
    for (i = 0; i < inputs; i++)
        for (k = 0; k < kernel; k++) {
            const int32_t place = at + k - before;
            if (place >= 0 && place < length) found += (int64_t)weights[i * kernel + k] * z[i * step + place * apart];
        }
    return found;
}

void spareto_run_attention(const spareto_attention *a, spareto_wire in, spareto_wire out, int32_t *totals) {
    const int32_t T = a->timesteps, C = a->channels, half = a->entries / 2;
    int32_t t, c, i;
    for (t = 0; t < T; t++)
        for (c = 0; c < C; c++) {
            totals[t * C + c] = 0;
            for (i = 0; i < a->pixels; i++) totals[t * C + c] += read(in, (t * a->pixels + i) * C + c);
        }
    for (t = 0; t < T; t++)
        for (c = 0; c < C; c++) {
            const int64_t over_time = mixed(a->temporal + t * T * a->kernel, totals, T, C, C, 1, c, a->kernel, a->before);
            const int64_t over_channels = mixed(a->channel + c * C * a->kernel, totals, C, 1, T, C, t, a->kernel, a->before);
            int64_t place = rounded(over_time * over_channels * a->multiplier, a->shift);
            int32_t gate;
            place = place < -half ? -half : place > half - 1 ? half - 1 : place;
            gate = a->table[place + half];
            for (i = 0; i < a->pixels; i++) {
                const int32_t at = (t * a->pixels + i) * C + c;
                write(out, at, gate * read(in, at));
            }
        }
}

void spareto_arrange(const uint8_t *frame, uint8_t *out, int32_t channels, int32_t pixels) {
    int32_t c, i;
    for (c = 0; c < channels; c++)
        for (i = 0; i < pixels; i++) out[i * channels + c] = frame[c * pixels + i];
}

void spareto_start(void *v, int32_t state_bytes, int32_t count, int32_t value) {
    int32_t n;
    for (n = 0; n < count; n++) put(v, state_bytes, n, value);
}
