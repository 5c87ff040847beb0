/* What a kernel answers, and memory that is asked for before anything is changed.
 *
 * Scratch of all threads is one piece, asked for outside the parallel region: a kernel that gets none has done nothing,
 * and no thread is left waiting.  Sizes are 64-bit and checked: one that overflows is memory that is not there.
 */
#ifndef SPARETO_MEMORY_H
#define SPARETO_MEMORY_H
#include "vec.h"

enum {
    DONE,
    NO_MEMORY,
    TOO_LARGE, /* a count or an address inside one image or row does not fit in 32 bits */
    NOT_FINITE /* a weight or gradient is NaN or infinite: a silent input would hide it, and 0 * inf is not 0 */
};

#define MOST INT32_MAX
#define MOST_THREADS (1 << 16)

/* a b of numbers that are not negative; INT64_MAX where it overflows. */
static inline int64_t times(int64_t a, int64_t b) {
    int64_t product;
    return __builtin_mul_overflow(a, b, &product) ? INT64_MAX : product;
}
/* Adds room for `count` elements of `each` bytes to *total, in whole cache lines, and returns where it begins; *total
 * becomes SIZE_MAX, for good, if that is more than there are. */
static inline size_t part(size_t *total, int64_t count, size_t each) {
    size_t begin = *total, bytes;
    if (count < 0 || __builtin_mul_overflow((size_t)count, each, &bytes) ||
        __builtin_add_overflow(bytes, (size_t)63, &bytes) || __builtin_add_overflow(begin, bytes & ~(size_t)63, total))
        *total = SIZE_MAX;
    return begin;
}
/* `threads` pieces of `bytes`, a multiple of 64; NULL if there is no such memory. */
static inline char *memory(size_t bytes, int threads) {
    size_t all;
    if (__builtin_mul_overflow(bytes, (size_t)threads, &all) || all > PTRDIFF_MAX - 64) return NULL;
    return aligned_alloc(64, all ? all : 64);
}
/* Zero bytes, and bytes copied; none at all where there are none, for an empty tensor has no address. */
static inline void clear(void *to, size_t bytes) {
    if (bytes) memset(to, 0, bytes);
}
static inline void copy(void *to, const void *from, size_t bytes) {
    if (bytes) memcpy(to, from, bytes);
}
/* Whether none of n values is NaN or infinite. */
static inline int all_finite(const float *x, int64_t n) {
    const iv exponent = iv_all(0x7f800000);
    iv odd = iv_all(0);
    int64_t j = 0;
    for (; j + VL <= n; j += VL) odd |= (LD(iv, x + j) & exponent) == exponent;
    for (; j < n; j++) odd[0] |= (LD(int32_t, x + j) & 0x7f800000) == 0x7f800000 ? -1 : 0;
    return iv_bits(odd) == 0;
}
#endif
