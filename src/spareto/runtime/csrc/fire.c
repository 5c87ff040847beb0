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

/* Potential only, everything in 32 bits: the loop that nearly all layers take.  Half of what is rounded away is added
 * from the start, so that a shift rounds; what lay between two integers then ends in zeros, and becomes even. */
AI void potentials(const int NARROW, const int SHORT, const int CLAMPS, const plan *p, const void *sums, void *v,
                   int64_t pixels, uint64_t *out) {
    const int shift = (int)p->shift;
    const int64_t half = shift ? (int64_t)1 << (shift - 1) : 0, fall = p->drop + (p->drop_threshold ? p->threshold : 0);
    const iv decay = iv_all((int32_t)p->decay), keep = iv_all(p->keep ? -1 : 0);
    const iv limit = iv_all((int32_t)(p->threshold - !p->strict + half)); /* >= is > one less */
    const iv after = iv_all((int32_t)((p->keep ? 0 : half) - fall));
    const iv low = iv_all((int32_t)((1u << shift) - 1)), even = iv_all(shift ? -2 : -1);
    const iv most = iv_all((int32_t)p->most), least = iv_all(-(int32_t)p->most);
    const int64_t lanes = p->lanes, words = p->out_words;
    const int32_t *multiplier = p->multiplier32, *bias = p->bias32; /* the leak and the half stand in the bias */
    const uint64_t last = p->out_c % 64 ? ((uint64_t)1 << p->out_c % 64) - 1 : ~(uint64_t)0; /* padded lanes may fire */
    for (int64_t n = 0; n < pixels; n++, out += words) {
        uint64_t word = 0;
        for (int64_t l = 0; l < lanes; l += VL) {
            const int64_t i = n * lanes + l;
            iv sum = NARROW ? ints_of_shorts((const int16_t *)sums + i) : LD(iv, (const int32_t *)sums + i);
            iv kept = SHORT ? ints_of_shorts((int16_t *)v + i) : LD(iv, (int32_t *)v + i);
            iv u = sum * LD(iv, multiplier + l) + LD(iv, bias + l) + kept * decay;
            const lanes_of fires = above(u, limit);
            u = either(fires, (u & keep) + after, u);
            const lanes_of between = without(u, low);
            u = u >> shift;
            u = either(between, u & even, u);
            if (CLAMPS) {
                u = either(above(u, most), most, u);
                u = either(above(least, u), least, u);
            }
            if (SHORT) keep_shorts((int16_t *)v + i, u);
            else ST(iv, (int32_t *)v + i) = u;
            word |= bits_of(fires) << l % 64;
            if ((l + VL) % 64 == 0 || l + VL == lanes) {
                if (l / 64 < words) out[l / 64] = l / 64 == words - 1 ? word & last : word;
                word = 0;
            }
        }
    }
}

void spareto_fire(const plan *p, const void *sums, states *s, int64_t at, int64_t n, void *out) {
    void *v = (char *)s->v + at * p->state;
    const int narrow = p->narrow != 0, brief = p->state == 2, clamps = p->clamps != 0;
    if (narrow && brief) clamps ? potentials(1, 1, 1, p, sums, v, n, out) : potentials(1, 1, 0, p, sums, v, n, out);
    else if (narrow) clamps ? potentials(1, 0, 1, p, sums, v, n, out) : potentials(1, 0, 0, p, sums, v, n, out);
    else if (brief) clamps ? potentials(0, 1, 1, p, sums, v, n, out) : potentials(0, 1, 0, p, sums, v, n, out);
    else clamps ? potentials(0, 0, 1, p, sums, v, n, out) : potentials(0, 0, 0, p, sums, v, n, out);
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
