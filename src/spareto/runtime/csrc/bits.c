/* Spikes as bits. */
#include "spikes.h"

/* How many spikes there are; also the proof that a freshly compiled library works. */
EXPORT int spareto_count(const uint64_t *bits, int64_t *count, int64_t words, int threads) {
    (void)threads;
    int64_t total = 0;
    for (int64_t i = 0; i < words; i++) total += __builtin_popcountll(bits[i]);
    *count = total;
    return 0;
}

/* Bytes of a vector: how packed weights lie follows from it. */
EXPORT int spareto_vector(void) { return VB; }
