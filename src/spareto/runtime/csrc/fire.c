/* One timestep of neurons; integer/neuron.py is the definition, to the bit. */
#include "spikes.h"

/* Back again; see ints_of_shorts. */
AI void keep_shorts(int16_t *to, iv values) {
#if VB == 64
    _mm256_storeu_si256((void *)to, _mm512_cvtepi32_epi16((__m512i)values));
#else
    ST(half_shorts, to) = __builtin_convertvector(values, half_shorts);
#endif
}

/* Which lanes: of 0 or -1, or a bit each where the processor has such registers. */
#if VB == 64
typedef __mmask16 lanes_of;
AI lanes_of above(iv a, iv b) { return _mm512_cmpgt_epi32_mask((__m512i)a, (__m512i)b); }
AI lanes_of without(iv a, iv bits) { return _mm512_testn_epi32_mask((__m512i)a, (__m512i)bits); }
AI iv either(lanes_of mask, iv yes, iv no) { return (iv)_mm512_mask_blend_epi32(mask, (__m512i)no, (__m512i)yes); }
AI uint64_t bits_of(lanes_of mask) { return mask; }
#else
typedef iv lanes_of;
AI lanes_of above(iv a, iv b) { return a > b; }
AI lanes_of without(iv a, iv bits) { return (a & bits) == iv_all(0); }
AI iv either(lanes_of mask, iv yes, iv no) { return (mask & yes) | (~mask & no); }
AI uint64_t bits_of(lanes_of mask) { return iv_bits(mask); }
#endif

/* What the neurons of a layer share, in every lane. */
typedef struct {
    iv decay, limit, after, low, even, most, least;
    int shift;
} shared;

/* One vector of neurons, see `potentials`; the bits of those that fire. */
AI uint64_t potential(const int NARROW, const int SHORT, const int CLAMPS, const int KEEP, const shared *c,
                      const void *sums, void *v, const int32_t *multiplier, const int32_t *bias) {
    const iv sum = NARROW ? ints_of_shorts(sums) : LD(iv, sums);
    const iv kept = SHORT ? ints_of_shorts(v) : LD(iv, v);
    iv u = sum * LD(iv, multiplier) + LD(iv, bias) + kept * c->decay;
    const lanes_of fires = above(u, c->limit);
    iv rest = c->after;
    if (KEEP) rest += u;
    u = either(fires, rest, u);
    const lanes_of between = without(u, c->low);
    u = u >> c->shift;
    u = either(between, u & c->even, u);
    if (CLAMPS) {
        u = either(above(u, c->most), c->most, u);
        u = either(above(c->least, u), c->least, u);
    }
    if (SHORT) keep_shorts(v, u);
    else ST(iv, v) = u;
    return bits_of(fires);
}

/* Potential only, everything in 32 bits: the loop that nearly all layers take.  Half of what is rounded away is added
 * from the start, so that a shift rounds; what lay between two integers then ends in zeros, and becomes even. */
AI void potentials(const int NARROW, const int SHORT, const int CLAMPS, const int KEEP, const plan *p, const char *sums,
                   char *v, int64_t pixels, uint64_t *out) {
    const int shift = (int)p->shift;
    const int64_t half = shift ? (int64_t)1 << (shift - 1) : 0, fall = p->drop + (p->drop_threshold ? p->threshold : 0);
    const shared c = {.decay = iv_all((int32_t)p->decay),
                      .limit = iv_all((int32_t)(p->threshold - !p->strict + half)), /* >= is > one less */
                      .after = iv_all((int32_t)((KEEP ? 0 : half) - fall)),
                      .low = iv_all((int32_t)((1u << shift) - 1)),
                      .even = iv_all(shift ? -2 : -1),
                      .most = iv_all((int32_t)p->most),
                      .least = iv_all(-(int32_t)p->most),
                      .shift = shift};
    const int64_t lanes = p->lanes, words = p->out_words, sum_bytes = NARROW ? 2 : 4, v_bytes = SHORT ? 2 : 4;
    const int32_t *multiplier = p->multiplier32, *bias = p->bias32; /* the leak and the half stand in the bias */
    const uint64_t last = p->out_c % 64 ? ((uint64_t)1 << p->out_c % 64) - 1 : ~(uint64_t)0; /* padded lanes may fire */
    for (int64_t n = 0; n < pixels; n++, out += words) {
        for (int64_t w = 0, l = 0; w < words; w++) {
            uint64_t word = 0;
            for (int64_t to = 32; to <= 64 && l < lanes; to += 32) { /* lanes are padded to 32 */
#pragma GCC unroll 8
                for (int64_t k = 0; k < 32; k += VL, l += VL, sums += VL * sum_bytes, v += VL * v_bytes)
                    word |= potential(NARROW, SHORT, CLAMPS, KEEP, &c, sums, v, multiplier + l, bias + l)
                            << (to - 32 + k);
            }
            out[w] = word;
        }
        out[words - 1] &= last;
    }
}

/* By width of sums and of states, then by whether they may saturate, then by whether a reset keeps the rest. */
typedef void potentials_function(const plan *, const char *, char *, int64_t, uint64_t *);
#define POTENTIALS(NAME, NARROW, SHORT, CLAMPS, KEEP)                                                                  \
    static void NAME(const plan *p, const char *sums, char *v, int64_t pixels, uint64_t *out) {                        \
        potentials(NARROW, SHORT, CLAMPS, KEEP, p, sums, v, pixels, out);                                              \
    }
#define ALL_POTENTIALS(NAME, NARROW, SHORT)                                                                            \
    POTENTIALS(NAME##_zeroed, NARROW, SHORT, 0, 0)                                                                     \
    POTENTIALS(NAME##_kept, NARROW, SHORT, 0, 1)                                                                       \
    POTENTIALS(NAME##_zeroed_clamped, NARROW, SHORT, 1, 0)                                                             \
    POTENTIALS(NAME##_kept_clamped, NARROW, SHORT, 1, 1)
ALL_POTENTIALS(wide_long, 0, 0)
ALL_POTENTIALS(wide_short, 0, 1)
ALL_POTENTIALS(narrow_long, 1, 0)
ALL_POTENTIALS(narrow_short, 1, 1)
static potentials_function *const by_width[4][2][2] = {
    {{wide_long_zeroed, wide_long_kept}, {wide_long_zeroed_clamped, wide_long_kept_clamped}},
    {{wide_short_zeroed, wide_short_kept}, {wide_short_zeroed_clamped, wide_short_kept_clamped}},
    {{narrow_long_zeroed, narrow_long_kept}, {narrow_long_zeroed_clamped, narrow_long_kept_clamped}},
    {{narrow_short_zeroed, narrow_short_kept}, {narrow_short_zeroed_clamped, narrow_short_kept_clamped}}};

void spareto_fire(const plan *p, const void *sums, states *s, int64_t at, int64_t n, void *out) {
    const int widths = (p->narrow != 0) * 2 + (p->state == 2);
    by_width[widths][p->clamps != 0][p->keep != 0](p, sums, (char *)s->v + at * p->state, n, out);
}

AI int64_t rounded(int64_t value, int64_t shift) {
    if (!shift) return value;
    return (value + (((int64_t)1 << (shift - 1)) - 1) + ((value >> shift) & 1)) >> shift;
}
AI int64_t stored(const plan *p, int64_t wide) {
    int64_t value = rounded(wide, p->shift);
    return value > p->most ? p->most : value < -p->most ? -p->most : value;
}
AI int64_t get(const plan *p, const void *state, int64_t at) {
    return p->state == 2 ? ((const int16_t *)state)[at] : ((const int32_t *)state)[at];
}
AI void put(const plan *p, void *state, int64_t at, int64_t value) {
    if (p->state == 2) ((int16_t *)state)[at] = (int16_t)value;
    else ((int32_t *)state)[at] = (int32_t)value;
}
AI int64_t floor_over(int64_t a, int64_t b) {
    int64_t q = a / b;
    return q - (a % b != 0 && (a < 0) != (b < 0));
}

/* One pixel of any neurons, in 64 bits. */
static void any_pixel(const plan *p, const void *sums, const int32_t *back, states *s, int64_t at, void *out) {
    if (!p->out_values)
        for (int64_t w = 0; w < p->out_words; w++) ((uint64_t *)out)[w] = 0;
    for (int64_t c = 0; c < p->out_c; c++) {
        const int64_t n = at + c;
        int64_t x = (p->narrow ? ((const int16_t *)sums)[c] : ((const int32_t *)sums)[c]) * p->multiplier[c] +
                    p->bias[c];
        if (back) x += back[c] * p->back_multiplier[c];
        if (p->current) {
            x += p->i_decay * get(p, s->i, n);
            put(p, s->i, n, stored(p, x));
            x = rounded(p->gain * x, p->gain_shift);
        }
        int64_t u = p->decay * get(p, s->v, n) + x + p->leak;
        if (p->delayed && get(p, s->s, n)) u = (p->delayed == 2 ? u : 0) - p->delayed_drop;
        int64_t level = p->threshold;
        if (p->adaptation) level += p->a_scale * get(p, s->a, n);
        int64_t fires;
        if (p->counts) {
            fires = floor_over(p->strict ? u - 1 : u, level);
            fires = fires < 0 ? 0 : fires > p->counts ? p->counts : fires;
            u -= fires * level;
        } else {
            fires = p->strict ? u > level : u >= level;
            if (fires) u = (p->keep ? u : 0) - (p->drop + (p->drop_threshold ? level : 0));
        }
        if (p->adaptation) put(p, s->a, n, stored(p, p->a_decay * get(p, s->a, n) + p->a_one * fires));
        put(p, s->v, n, stored(p, u));
        if (p->delayed) put(p, s->s, n, fires);
        if (s->f) s->f[n] = (int32_t)fires;
        if (p->out_values) ((int32_t *)out)[c] = (int32_t)fires;
        else ((uint64_t *)out)[c / 64] |= (uint64_t)fires << c % 64;
    }
}

void spareto_fire_any(const plan *p, const void *sums, const int32_t *back, states *s, int64_t at, int64_t pixels,
                      void *out) {
    const int64_t each = p->lanes * (p->narrow ? 2 : 4), written = p->out_values ? p->out_c * 4 : p->out_words * 8;
    for (int64_t n = 0; n < pixels; n++)
        any_pixel(p, (const char *)sums + n * each, back, s, at + n * p->lanes, (char *)out + n * written);
}
