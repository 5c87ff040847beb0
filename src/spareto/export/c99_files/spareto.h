/* An integer network in plain C99: no allocation, no library, no dependency.  See network.h for this network. */
#ifndef SPARETO_H
#define SPARETO_H
#include <stdint.h>

/* How weights lie in a row: bits of each, two's complement. */
enum { SPARETO_W2 = 2, SPARETO_W4 = 4, SPARETO_W8 = 8, SPARETO_W16 = 16, SPARETO_W32 = 32 };

/* A wire: what one timestep of a node gives, channels last, as bytes or as 32-bit integers. */
typedef struct {
    void *data;
    int wide;
} spareto_wire;

static inline spareto_wire spareto_wire_of(void *data, int wide) {
    spareto_wire wire;
    wire.data = data;
    wire.wide = wide;
    return wire;
}

typedef struct {
    int32_t in_h, in_w, in_c, out_h, out_w, out_c;
    int32_t kh, kw, sh, sw, ph, pw, dh, dw, groups;
    int32_t bits, stride;    /* of a weight; bytes of a row */
    const uint8_t *weights;  /* (kernel rows, kernel columns, inputs; outputs of a group) */
    const int64_t *multiplier, *bias;
    int32_t state_bytes, shift;
    int64_t most, decay, leak, threshold, drop, delayed_drop;
    int32_t strict, keep, drop_threshold, delayed; /* delayed: 0 nothing, 1 forgets, 2 keeps */
    int32_t current, gain_shift, adaptation;
    int64_t i_decay, gain, a_decay, a_scale, a_one;
    int32_t counts; /* 0 for spikes */
    int32_t back_bits, back_stride;
    const uint8_t *back_weights; /* 0 without recurrent connections */
    const int64_t *back_multiplier;
} spareto_layer;

/* States of a layer, (rows, columns, channels) each; those that it does not have are 0. */
typedef struct {
    void *v, *i, *a, *s;
    int32_t *f;
} spareto_states;

typedef struct {
    int32_t in_h, in_w, channels, kh, kw, sh, sw, ph, pw, out_h, out_w, sums;
} spareto_pool;

typedef struct {
    int32_t timesteps, channels, pixels, kernel, before, shift, entries;
    int64_t multiplier;
    const int32_t *temporal; /* (timesteps, timesteps, kernel) */
    const int32_t *channel;  /* (channels, channels, kernel) */
    const int32_t *table;
} spareto_attention;

/* One timestep of a layer; `sums` and `back` are scratch of out_c integers each. */
void spareto_run_layer(const spareto_layer *layer, spareto_wire in, spareto_wire out, const spareto_states *states, int32_t *sums,
                       int32_t *back);
void spareto_run_pool(const spareto_pool *pool, spareto_wire in, spareto_wire out);
/* kind: 0 left + right with factors, 1 both, 2 the right one, where the left does not veto it. */
void spareto_run_join(int kind, int32_t left_factor, int32_t right_factor, spareto_wire left, spareto_wire right, spareto_wire out,
                      int32_t count);
/* All timesteps at once; `totals` is scratch of timesteps x channels. */
void spareto_run_attention(const spareto_attention *attention, spareto_wire in, spareto_wire out, int32_t *totals);
/* A frame, channels first, to channels last. */
void spareto_arrange(const uint8_t *frame, uint8_t *out, int32_t channels, int32_t pixels);
void spareto_start(void *v, int32_t state_bytes, int32_t count, int32_t value);
#endif
