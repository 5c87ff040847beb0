/* Vectors of the machine's own width, in the GCC and Clang vector extension: one source for AVX-512, AVX2, SSE2 and
 * NEON.
 *
 * Wider vectors than the machine has are split through the stack by GCC (3-4 times slower), so VB follows the target.
 */
#ifndef SPARETO_VEC_H
#define SPARETO_VEC_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <immintrin.h>
#endif
#ifdef _OPENMP
#include <omp.h>
#else /* without OpenMP its pragmas are ignored, and one thread does the work */
static inline int omp_get_thread_num(void) { return 0; }
static inline int omp_get_num_threads(void) { return 1; }
static inline int omp_get_max_threads(void) { return 1; }
#endif

#if defined(__AVX512F__)
#define VB 64
#elif defined(__AVX__)
#define VB 32
#else
#define VB 16
#endif
#define VL (VB / 4) /* floats in a vector */

typedef float fv __attribute__((vector_size(VB), aligned(4), may_alias));
typedef int32_t iv __attribute__((vector_size(VB), aligned(4), may_alias)); /* also a mask: a lane is 0 or -1 */

#define AI static inline __attribute__((always_inline))
#define EXPORT __attribute__((visibility("default")))
#define LD(T, p) (*(const T *)(p))
#define ST(T, p) (*(T *)(p))

AI fv fv_all(float value) { return value - (fv){0}; } /* x - 0 is x, always; x + 0 is not for -0 */
AI fv fv_zero(void) { return (fv){0}; }
AI iv iv_all(int32_t value) { return (iv){0} + value; }
AI fv fv_and(iv mask, fv value) { return (fv)(mask & (iv)value); }
AI fv fv_select(iv mask, fv yes, fv no) { return (fv)((mask & (iv)yes) | (~mask & (iv)no)); }
AI fv fv_one_where(iv mask) { return fv_and(mask, fv_all(1.f)); }
AI fv fv_abs(fv x) { return (fv)((iv)x & 0x7fffffff); }

/* a b + c; rounded once where the machine can, so for gradients only. */
AI fv fv_fma(fv a, fv b, fv c) {
#if defined(__AVX512F__)
    return (fv)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
    return (fv)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
    return a * b + c;
#endif
}
/* a / b within 2e-7 relative, b > 0; for gradients only. AVX-512 divides a lane a cycle: an estimate and one step of
 * Newton's are four times as fast. Beyond the limit b is infinite to all purposes, and would make the step inf * 0. */
AI fv fv_over(fv a, fv b) {
#if defined(__AVX512F__)
    b = (fv)_mm512_min_ps((__m512)fv_all(1e30f), (__m512)b); /* b if it is not a number */
    fv r = (fv)_mm512_rcp14_ps((__m512)b);
    return a * fv_fma(r, fv_fma(-b, r, fv_all(1.f)), r);
#else
    return a / b;
#endif
}

AI float fv_sum(fv x) {
    float total = 0.f;
    for (int j = 0; j < VL; j++) total += x[j];
    return total;
}

/* The first `count` lanes from memory, the others 0; count = VL compiles to one load. */
AI fv fv_load(const float *p, int count) {
    if (count == VL) return LD(fv, p);
    fv x = {0};
    memcpy(&x, p, sizeof(float) * (size_t)count);
    return x;
}
AI void fv_store(float *p, fv x, int count) {
    if (count == VL) ST(fv, p) = x;
    else memcpy(p, &x, sizeof(float) * (size_t)count);
}

/* The sign of each lane as a bit, lane 0 the lowest. */
AI uint32_t iv_bits(iv mask) {
#if defined(__AVX512F__)
    return _mm512_cmp_epi32_mask((__m512i)mask, _mm512_setzero_si512(), _MM_CMPINT_LT);
#elif defined(__AVX__)
    return (uint32_t)_mm256_movemask_ps((__m256)mask);
#elif defined(__SSE2__)
    return (uint32_t)_mm_movemask_ps((__m128)mask);
#else
    uint32_t bits = 0;
    for (int j = 0; j < VL; j++) bits |= ((uint32_t)mask[j] >> 31) << j;
    return bits;
#endif
}

/* sum + value in the lanes whose bit is set, lane 0 the lowest. */
AI fv fv_add_where(fv sum, uint32_t bits, fv value) {
#if defined(__AVX512F__)
    return (fv)_mm512_mask_add_ps((__m512)sum, (__mmask16)bits, (__m512)sum, (__m512)value);
#else
#if VB == 32
    const iv lane = {1, 2, 4, 8, 16, 32, 64, 128};
#else
    const iv lane = {1, 2, 4, 8};
#endif
    return sum + fv_and((iv_all((int32_t)bits) & lane) == lane, value);
#endif
}

/* The mask whose iv_bits are the lowest VL bits. */
AI iv iv_lanes(uint32_t bits) {
    iv lane = iv_all(0);
    for (int j = 0; j < VL; j++) lane[j] = 1 << j;
    return (iv_all((int32_t)bits) & lane) != iv_all(0);
}

/* e to the x, within 2e-7 relative for x in -87..88, clamped outside. */
AI fv fv_exp(fv x) {
    x = fv_select(x > fv_all(88.f), fv_all(88.f), x);
    x = fv_select(x < fv_all(-87.f), fv_all(-87.f), x);
    fv scaled = x * 1.44269504f + fv_all(12582912.f); /* 1.5 * 2^23 rounds to an integer */
    fv whole = scaled - fv_all(12582912.f);
    fv r = (x - whole * 0.693359375f) - whole * -2.12194440e-4f;
    fv p = fv_all(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.f;
    iv exponent = ((iv)scaled - (iv)fv_all(12582912.f) + 127) << 23;
    return p * (fv)exponent;
}
#endif
