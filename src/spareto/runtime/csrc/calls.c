/* Nodes one after the other by one call from Python, which takes longer than a small node. */
#include "spikes.h"

enum { LAYER, POOL_BITS, POOL_VALUES };

/* A node's work and its arguments; filled by runtime/prepared.py in the same order. */
typedef struct {
    int64_t kind;
    const void *config, *in, *states;
    void *out;
    int64_t sizes[3];
} call;

static int made(const call *c) {
    const int64_t *n = c->sizes;
    if (c->kind == LAYER) return spareto_layer(c->config, c->in, c->out, c->states, n[0], n[1], n[2]);
    if (c->kind == POOL_BITS) return spareto_pool_bits(c->config, c->in, c->out, n[0], n[1]);
    return spareto_pool_values(c->config, c->in, c->out, n[0], n[1], n[2]);
}

EXPORT int spareto_calls(const call *calls, int64_t count) {
    int status = DONE;
    for (int64_t i = 0; i < count && status == DONE; i++) status = made(calls + i);
    return status;
}
