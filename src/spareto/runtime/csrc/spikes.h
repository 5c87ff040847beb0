/* What the integer kernels share.
 *
 * Spikes are bits: 64 channels a word, the words of a pixel side by side, pixels row by row.  Counts, sums and gated spikes are 32-bit
 * integers, channels last.  A layer is one struct, filled by runtime/plans.py in the same order.
 */
#ifndef SPARETO_SPIKES_H
#define SPARETO_SPIKES_H
#include "../../kernels/csrc/memory.h"

enum { INT8, INT4, TERNARY, INT16, INT32 }; /* how a weight lies in memory */

typedef struct {
    int64_t in_h, in_w, in_c, in_words, in_values; /* in_values: integers come in, else bits */
    int64_t out_h, out_w, out_c, out_words, out_values;
    int64_t kh, kw, sh, sw, ph, pw, dh, dw, groups;
    int64_t kind, lanes, stride;  /* lanes: outputs of a row, padded; stride: bytes of a row */
    int64_t narrow, small, state; /* sums fit in 16 bits; neurons fit in 32; bytes of a stored state */
    int64_t clamps;               /* whether a potential can saturate */
    const void *weights;          /* (kernel rows, kernel columns, inputs, outputs) */
    const int32_t *starts;        /* of each row's live weights in `places`; NULL where rows are whole */
    const uint16_t *places;
    const int64_t *multiplier, *bias;
    const int32_t *multiplier32, *bias32;
    /* neurons, see integer/neuron.py */
    int64_t shift, most, decay, leak, threshold, strict, keep, drop, drop_threshold;
    int64_t delayed, delayed_drop;             /* delayed: 0 nothing, 1 forgets, 2 keeps */
    int64_t current, i_decay, gain, gain_shift; /* current: whether there is one */
    int64_t adaptation, a_decay, a_scale, a_one;
    int64_t counts; /* 0 for spikes */
    /* recurrent connections: weights (inputs, outputs) of the same kind of row */
    const void *back_weights;
    const int64_t *back_multiplier;
    int64_t back_kind, back_stride;
} plan;

/* States of all neurons, (rows, columns, lanes) each, of plan.state bytes; `f` are spikes that come back, 32-bit. */
typedef struct {
    void *v, *i, *a, *s;
    int32_t *f;
} states;

/* The spikes that a window sees: rows of weights, and what each is taken times. */
typedef struct {
    int32_t *rows, *values;
    int64_t count;
} events;

/* Sums of one pixel: 32 bits, or 16 where plan.narrow says that they fit. */
void spareto_sum(const void *weights, int64_t kind, int64_t stride, int64_t lanes, int narrow, const events *seen, void *sums);
void spareto_sum_groups(const plan *p, const events *seen, int32_t *sums);
void spareto_sum_live(const plan *p, const events *seen, int32_t *sums);
/* One timestep of one pixel's neurons; at is the number of its first state, out its words or integers. */
void spareto_fire(const plan *p, const void *sums, states *s, int64_t at, void *out);
void spareto_fire_any(const plan *p, const void *sums, const int32_t *back, states *s, int64_t at, void *out);
#endif
