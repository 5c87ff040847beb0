/* Spikes as bits. */
#include "live.h"

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

/* Whether live bytes are laid into their lanes by one instruction; see live.h. */
EXPORT int spareto_expands(void) {
#if VB == 64
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512vbmi2") != 0;
#else
    return 0;
#endif
}

#ifdef __BMI2__
#define LANE(M, K) ((uint64_t)((M) >> (K) & 1 ? __builtin_popcount((M) & ((1u << (K)) - 1)) : 128) << 8 * (K))
#define TAKEN(M) LANE(M, 0) | LANE(M, 1) | LANE(M, 2) | LANE(M, 3) | LANE(M, 4) | LANE(M, 5) | LANE(M, 6) | LANE(M, 7)
#define FOUR(M) TAKEN(M), TAKEN((M) + 1), TAKEN((M) + 2), TAKEN((M) + 3)
#define SIXTEEN(M) FOUR(M), FOUR((M) + 4), FOUR((M) + 8), FOUR((M) + 12)
#define HALF(M)                                                                                                        \
    SIXTEEN(M), SIXTEEN((M) + 16), SIXTEEN((M) + 32), SIXTEEN((M) + 48), SIXTEEN((M) + 64), SIXTEEN((M) + 80),         \
        SIXTEEN((M) + 96), SIXTEEN((M) + 112)
const uint64_t spareto_taken[256] = {HALF(0u), HALF(128u)};
#endif
