/* The neuron of every fused kernel: one step forward, one step backward, over a vector of neurons.
 *
 *     i[t]     = alpha i[t-1] + x[t]                                          CURRENT; else i = x
 *     q[t]     = beta v[t-1] + gain i[t] + bias
 *     h[t]     = s[t-1] ? delayed_keep q[t] - delayed_drop : q[t]             DELAYED; else h = q
 *     theta[t] = threshold + adapt_scale a[t-1]                               ADAPTIVE; else theta = threshold
 *     s[t]     = h[t] >= theta[t]                                             STRICT: h[t] > theta[t]
 *     a[t]     = adapt_decay a[t-1] + s[t]
 *     v[t]     = s[t] ? keep h[t] - (drop + drop_theta theta[t]) : h[t]       keep, delayed_keep: 0 or 1
 *     v, i, a  = step round(clamp(rate v, -most, most)), i and a alike         STORED: what the next timestep finds
 *
 * The flags CURRENT, ADAPTIVE, DELAYED, LEARNED and STORED choose a template (pass them as constants: unused terms
 * vanish); STRICT and ATTACHED are data of `Neuron`.  Every sum is rounded as written, in the order written: compile
 * with -ffp-contract=off, and the spikes are those of the torch steps in `kernels/reference.py`.
 *
 * Mirrored by `kernels/dynamics.py`; keep the enumerations alike.
 */
#ifndef SPARETO_NEURON_H
#define SPARETO_NEURON_H
#include "vec.h"

enum {
    CURRENT = 1,   /* the neuron has a synaptic current */
    ADAPTIVE = 2,  /* its threshold rises with every spike */
    DELAYED = 4,   /* a spike lowers the membrane potential one timestep later */
    STRICT = 8,    /* fires above the threshold, not at it */
    ATTACHED = 16, /* the gradient also flows through the reset */
    LEARNED = 32,  /* the backward step also adds up the gradients of the coefficients */
    STORED = 128,  /* the state is kept in whole steps, saturating; 64 is taken in dynamics.py */
    TEMPLATE = CURRENT | ADAPTIVE | DELAYED | LEARNED | STORED
};

enum { /* places in the array of coefficients */
       K_ALPHA,
       K_BETA,
       K_GAIN,
       K_BIAS,
       K_THRESHOLD,
       K_ADAPT_DECAY,
       K_ADAPT_SCALE,
       K_DELAYED_KEEP,
       K_DELAYED_DROP,
       K_KEEP,
       K_DROP,
       K_DROP_THETA,
       K_V_START,
       K_SLOPE,
       K_HEIGHT,
       K_STATE_STEP,
       K_STATE_RATE,
       K_STATE_MOST,
       COEFFICIENTS
};

enum { ARCTAN, SIGMOID, FAST_SIGMOID, TRIANGLE, RECTANGLE, GAUSSIAN };

typedef struct {
    fv alpha, beta, gain, bias, threshold, adapt_decay, adapt_scale, delayed_drop, drop, drop_theta, slope, height;
    fv fixed_drop; /* what a spike takes where the threshold is fixed */
    iv delayed_keep, keep, at_threshold, attached;
    fv state_step, state_rate, state_most;
    iv current, adaptive, delayed, stored; /* whether it has the part, where a template has them all */
    float v_start;
    int surrogate;
} Neuron;

/* State between two timesteps; `s` is the last spike as a mask. A fresh neuron has v = v_start and all else 0. */
typedef struct {
    fv v, i, a;
    iv s;
} NeuronState;

/* Gradients of the state after a timestep, walking back. They start at 0. */
typedef struct {
    fv v, i, a, s;
} NeuronCarry;

/* Gradients of the coefficients, summed over calls; only with LEARNED. */
typedef struct {
    fv alpha, beta, gain, bias, threshold, adapt_decay, adapt_scale, state_step;
} NeuronGrads;

AI Neuron neuron_load(const float *k, int flags, int surrogate) {
    Neuron n;
    n.alpha = fv_all(k[K_ALPHA]), n.beta = fv_all(k[K_BETA]), n.gain = fv_all(k[K_GAIN]), n.bias = fv_all(k[K_BIAS]);
    n.threshold = fv_all(k[K_THRESHOLD]);
    n.adapt_decay = fv_all(k[K_ADAPT_DECAY]), n.adapt_scale = fv_all(k[K_ADAPT_SCALE]);
    n.delayed_keep = iv_all(k[K_DELAYED_KEEP] != 0.f ? -1 : 0), n.delayed_drop = fv_all(k[K_DELAYED_DROP]);
    n.keep = iv_all(k[K_KEEP] != 0.f ? -1 : 0);
    n.drop = fv_all(k[K_DROP]), n.drop_theta = fv_all(k[K_DROP_THETA]);
    n.fixed_drop = n.drop + n.drop_theta * n.threshold;
    n.slope = fv_all(k[K_SLOPE]), n.height = fv_all(k[K_HEIGHT]);
    n.at_threshold = iv_all(flags & STRICT ? 0 : -1), n.attached = iv_all(flags & ATTACHED ? -1 : 0);
    n.current = iv_all(flags & CURRENT ? -1 : 0), n.adaptive = iv_all(flags & ADAPTIVE ? -1 : 0);
    n.delayed = iv_all(flags & DELAYED ? -1 : 0), n.stored = iv_all(flags & STORED ? -1 : 0);
    n.state_step = fv_all(k[K_STATE_STEP]), n.state_rate = fv_all(k[K_STATE_RATE]);
    n.state_most = fv_all(k[K_STATE_MOST]);
    n.v_start = k[K_V_START], n.surrogate = surrogate;
    return n;
}

AI NeuronState neuron_fresh(const Neuron *n) {
    NeuronState state = {fv_all(n->v_start), fv_zero(), fv_zero(), iv_all(0)};
    return state;
}

/* What is carried in a part that the neuron may not have, though its template does: there it is 0, for 0 times infinity
 * is not. */
AI fv neuron_part(const int flags, iv has, fv x) {
    const int parts = flags & (CURRENT | ADAPTIVE | DELAYED);
    return parts & (parts - 1) ? fv_and(has, x) : x;
}

AI fv neuron_theta(const int flags, const Neuron *n, fv a) {
    if (flags & ADAPTIVE) return n->threshold + n->adapt_scale * a;
    return n->threshold;
}

AI iv neuron_fires(const Neuron *n, fv h, fv theta) { return (h > theta) | ((h == theta) & n->at_threshold); }

AI fv neuron_drop(const int flags, const Neuron *n, fv theta) {
    if (flags & ADAPTIVE) return n->drop + n->drop_theta * theta;
    return n->fixed_drop;
}

AI fv neuron_reset(const int flags, const Neuron *n, fv h, fv theta, iv s) {
    return fv_select(s, fv_and(n->keep, h) - neuron_drop(flags, n, theta), h);
}

/* A state as whole steps: where it lies among them, saturated. */
AI fv neuron_clipped(const Neuron *n, fv scaled) {
    scaled = fv_select(scaled > n->state_most, n->state_most, scaled);
    return fv_select(scaled < -n->state_most, -n->state_most, scaled);
}
AI fv neuron_whole(fv clipped) {
    return (clipped + fv_all(12582912.f)) - fv_all(12582912.f);
} /* 1.5 * 2^23, half even */

/* What the next timestep finds of a part of the state. */
AI fv neuron_stored(const int flags, const Neuron *n, fv x) {
    if (!(flags & STORED)) return x;
    return fv_select(n->stored, neuron_whole(neuron_clipped(n, x * n->state_rate)) * n->state_step, x);
}
/* The gradient of that part before it was stored: straight through the rounding, none where it saturates. */
AI fv neuron_stored_back(const int flags, const Neuron *n, fv x, fv g, NeuronGrads *grads) {
    if (!(flags & STORED)) return g;
    fv scaled = x * n->state_rate, clipped = neuron_clipped(n, scaled);
    iv inside = clipped == scaled;
    if (flags & LEARNED) grads->state_step += fv_and(n->stored, g * (neuron_whole(clipped) - fv_and(inside, scaled)));
    return fv_and(inside | ~n->stored, g);
}

/* One timestep: updates the state, stores the pre-reset potential in *h, returns the spikes as a mask. */
AI iv neuron_forward_step(const int flags, const Neuron *n, NeuronState *state, fv x, fv *h) {
    fv i = x;
    if (flags & CURRENT) i = n->alpha * neuron_part(flags, n->current, state->i) + x;
    fv q = n->beta * state->v + n->gain * i + n->bias;
    if (flags & DELAYED) q = fv_select(state->s, fv_and(n->delayed_keep, q) - n->delayed_drop, q);
    fv theta = neuron_theta(flags, n, state->a);
    iv s = neuron_fires(n, q, theta);
    state->v = neuron_stored(flags, n, neuron_reset(flags, n, q, theta, s));
    if (flags & CURRENT) state->i = neuron_stored(flags, n, i);
    if (flags & ADAPTIVE) state->a = neuron_stored(flags, n, n->adapt_decay * state->a + fv_one_where(s));
    state->s = s;
    *h = q;
    return s;
}

/* height * f(slope * distance), f as named; the derivative a spike pretends to have. */
AI fv neuron_surrogate(const Neuron *n, fv distance) {
    fv z = n->slope * distance, one = fv_all(1.f);
    switch (n->surrogate) {
    case ARCTAN: return fv_over(n->height, one + z * z);
    case SIGMOID: {
        fv e = fv_exp(-fv_abs(z)), d = one + e;
        return fv_over(n->height * e, d * d);
    }
    case FAST_SIGMOID: {
        fv d = one + fv_abs(z);
        return fv_over(n->height, d * d);
    }
    case TRIANGLE: {
        fv rest = one - fv_abs(z);
        return n->height * fv_and(~(rest <= fv_zero()), rest); /* a NaN stays one */
    }
    case RECTANGLE: return fv_and(fv_abs(z) < fv_all(0.5f), n->height);
    default: return n->height * fv_exp(z * z * -0.5f);
    }
}

/* One timestep backward.
 *
 * h:       this timestep's pre-reset potential, as the forward step gave it
 * before:  the state the timestep started from (v only where LEARNED or DELAYED; a where ADAPTIVE; s where DELAYED)
 * i:       this timestep's synaptic current, not as it is stored (x where not CURRENT); where LEARNED or DELAYED
 * g:       gradient of this timestep's spikes
 * Returns the gradient of x; *carry becomes that of the state before.
 */
AI fv neuron_backward_step(const int flags, const Neuron *n, const NeuronState *before, fv h, fv i, fv g,
                           NeuronCarry *carry, NeuronGrads *grads) {
    fv theta = neuron_theta(flags, n, before->a), distance = h - theta;
    iv s = neuron_fires(n, h, theta);
    fv gv = neuron_stored_back(flags, n, neuron_reset(flags, n, h, theta, s), carry->v, grads), gs = g;
    if (flags & DELAYED) gs += carry->s;
    if (flags & ADAPTIVE) {
        carry->a = neuron_stored_back(flags, n, n->adapt_decay * before->a + fv_one_where(s), carry->a, grads);
        gs += carry->a;
    }
    /* what the spike took from the potential: h - v */
    gs -= fv_and(n->attached, gv * (h - (fv_and(n->keep, h) - neuron_drop(flags, n, theta))));
    fv gd = gs * neuron_surrogate(n, distance);
    fv gh = gd + fv_and(~s | n->keep, gv);
    fv gq = gh;
    if (flags & DELAYED) {
        fv q = n->beta * before->v + n->gain * i + n->bias;
        gq = fv_and(~before->s | n->delayed_keep, gh);
        fv fall = gh * (q - (fv_and(n->delayed_keep, q) - n->delayed_drop));
        carry->s = -neuron_part(flags, n->delayed, fv_and(n->attached, fall));
    }
    if (flags & (ADAPTIVE | LEARNED)) {
        fv gtheta = -gd - fv_and(s, n->drop_theta * gv);
        if (flags & LEARNED) grads->threshold += gtheta;
        if (flags & ADAPTIVE) {
            if (flags & LEARNED) grads->adapt_scale += gtheta * before->a, grads->adapt_decay += carry->a * before->a;
            carry->a = neuron_part(flags, n->adaptive, n->adapt_decay * carry->a + n->adapt_scale * gtheta);
        }
    }
    fv gi = n->gain * gq;
    if (flags & CURRENT) {
        gi += neuron_stored_back(flags, n, i, carry->i, grads);
        if (flags & LEARNED) grads->alpha += gi * before->i;
        carry->i = neuron_part(flags, n->current, n->alpha * gi);
    }
    if (flags & LEARNED) grads->beta += gq * before->v, grads->gain += gq * i, grads->bias += gq;
    carry->v = n->beta * gq;
    return gi;
}
#endif
