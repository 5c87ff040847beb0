/* What the integer kernels share.
 *
 * Spikes are bits: 64 channels a word, the words of a pixel side by side, pixels row by row.  Counts, sums and gated
 * spikes are 32-bit integers, channels last.  A layer is one struct, filled by runtime/plans.py in the same order.
 */
#ifndef SPARETO_SPIKES_H
#define SPARETO_SPIKES_H
#include "../../kernels/csrc/memory.h"

/* How a weight lies in memory.  Woven bytes: as two rows have to lie so that unpacking them brings lanes in order.
 * LIVE_: only weights that are not 0, by masks or by places, see live.h. */
enum { INT8, INT4, TERNARY, INT16, INT32, WOVEN, LIVE_SIGNS, LIVE_INT4, LIVE_INT8 };

typedef struct {
    int64_t in_h, in_w, in_c, in_words, in_values; /* in_values: integers come in, else bits */
    int64_t out_h, out_w, out_c, out_words, out_values;
    int64_t kh, kw, sh, sw, ph, pw, dh, dw, groups;
    int64_t kind, lanes, stride;  /* lanes: outputs of a row, padded; stride: bytes of a row */
    int64_t narrow, small, state; /* sums fit in 16 bits; neurons fit in 32; bytes of a stored state */
    int64_t clamps, partial;      /* whether a potential can saturate; whether the sums of one pixel fit in 16 bits */
    int64_t few;                  /* spikes of a window whose sums fit in 16 bits, whatever their weights; else 0 */
    int64_t expands;              /* whether the processor lays live bytes into their lanes */
    const void *weights;          /* (kernel rows, kernel columns, inputs, outputs) */
    const uint64_t *masks;        /* which weights are live; NULL where `places` says it */
    const uint8_t *places;        /* of live weights, in blocks of 256 weights */
    const int32_t *starts;        /* live weights before each word of masks, or before each block */
    const int64_t *multiplier, *bias;
    const int32_t *multiplier32, *bias32;
    /* neurons, see integer/neuron.py */
    int64_t shift, most, decay, leak, threshold, strict, keep, drop, drop_threshold;
    int64_t delayed, delayed_drop;              /* delayed: 0 nothing, 1 forgets, 2 keeps */
    int64_t current, i_decay, gain, gain_shift; /* current: whether there is one */
    int64_t adaptation, a_decay, a_scale, a_one;
    int64_t counts; /* 0 for spikes */
    /* recurrent connections: weights (inputs, outputs) of the same kind of row */
    const void *back_weights;
    const uint64_t *back_masks;
    const int32_t *back_starts;
    const int64_t *back_multiplier;
    int64_t back_kind, back_stride;
} plan;

/* States of all neurons, (rows, columns, lanes) each, of plan.state bytes; `f` are spikes that come back, 32-bit. */
typedef struct {
    void *v, *i, *a, *s;
    int32_t *f;
} states;

/* Spikes of a pixel: their channels, and what each counts. */
typedef struct {
    int32_t *channels, *values;
    int64_t count;
} events;

/* Which windows see a pixel: for each column the taps and the outputs they reach, for one row the same. */
typedef struct {
    int32_t *x_from, *x_tap, *x_out; /* x_from: columns + 1 */
    int32_t *y_from, *y_tap, *y_out; /* of the rows of a strip; outputs counted from its first row */
    events spikes, back;             /* scratch; values of spikes that are bits are 1 */
} taps;

/* Spikes of some rows of pixels, and the rows of weights of one window; room for a vector more than `most`. */
typedef struct {
    int32_t *starts; /* of each pixel's spikes, (rows, columns + 1) */
    int32_t *spikes, *rows;
    int64_t most;
} windows;

typedef int16_t half_shorts __attribute__((vector_size(VB / 2), aligned(2), may_alias));

/* Shorts as wider lanes: by name, for GCC takes the general conversion apart. */
AI iv ints_of_shorts(const void *shorts) {
#if VB == 64
    return (iv)_mm512_cvtepi16_epi32(_mm256_loadu_si256(shorts));
#elif VB == 32 && defined(__AVX2__)
    return (iv)_mm256_cvtepi16_epi32(_mm_loadu_si128(shorts));
#else
    return __builtin_convertvector(LD(half_shorts, shorts), iv);
#endif
}

/* Adds the spikes of one row of pixels, beginning at `pixel`, to the sums of a strip: 32 bits each, 16 if plan.narrow.
 */
void spareto_add_row(const plan *p, const taps *seen, int64_t rows, const void *in, int64_t pixel, char *sums);
/* The same of a strip whose sums, 16 bits each, are 0: its rows `from` to `to` see rows `first` to `last` of the frame.
 * 0 if the other way is faster; nothing is added then. */
int spareto_add_windows(const plan *p, const uint64_t *frame, int64_t first, int64_t last, int64_t from, int64_t to,
                        windows *s, char *sums);
/* What comes back to each neuron from the spikes of the timestep before. */
void spareto_add_back(const plan *p, const int32_t *fired, const taps *seen, int32_t *sums);
/* One timestep of `pixels` pixels side by side; `at` is the number of the first state, `out` their words or integers.
 */
void spareto_fire(const plan *p, const void *sums, states *s, int64_t at, int64_t pixels, void *out);
void spareto_fire_any(const plan *p, const void *sums, const int32_t *back, states *s, int64_t at, int64_t pixels,
                      void *out);

/* Geometry of a pooling: in (height, width), window, stride, padding, out (height, width). */
typedef struct {
    int64_t h, w, kh, kw, sh, sw, ph, pw, oh, ow;
} pooling;

/* What a node does; each answers DONE or why not. */
int spareto_layer(const plan *p, const void *in, void *out, const states *given, int64_t steps, int64_t from,
                  int64_t to);
int spareto_pool_bits(const pooling *g, const uint64_t *in, uint64_t *out, int64_t steps, int64_t words);
int spareto_pool_values(const pooling *g, const int32_t *in, int32_t *out, int64_t steps, int64_t channels,
                        int64_t sums);
#endif
