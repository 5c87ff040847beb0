/* Sums of the rows of weights that spikes choose: the work is spikes times weights, whatever is silent costs nothing. */
#include "spikes.h"

typedef int16_t sv __attribute__((vector_size(VB), aligned(2), may_alias));
typedef int8_t half_bytes __attribute__((vector_size(VB / 2), aligned(1), may_alias));
typedef int8_t quarter_bytes __attribute__((vector_size(VB / 4), aligned(1), may_alias));
typedef int16_t half_shorts __attribute__((vector_size(VB / 2), aligned(2), may_alias));
#define SL (VB / 2)

/* Lanes of `bits` as 0 or -1. */
AI sv chosen(const uint8_t *bits) {
#if VB == 64
    uint32_t m;
    memcpy(&m, bits, 4);
    return (sv)_mm512_movm_epi16(m);
#elif VB == 32
    const sv lane = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, INT16_MIN};
    int16_t m;
    memcpy(&m, bits, 2);
    return (((sv){0} + m) & lane) == lane;
#else
    const sv lane = {1, 2, 4, 8, 16, 32, 64, 128};
    return (((sv){0} + (int16_t)*bits) & lane) == lane;
#endif
}

/* NV vectors of 16-bit sums from lane `first` on. */
AI void narrow_block(const int NV, const int KIND, const char *w, int64_t stride, int64_t lanes, int64_t first, const events *seen,
                     int16_t *sums) {
    sv a[8];
#pragma GCC unroll 8
    for (int j = 0; j < NV; j++) a[j] = (sv){0};
    for (int64_t e = 0; e < seen->count; e++) {
        const char *row = w + seen->rows[e] * stride;
        if (KIND == INT8) {
#pragma GCC unroll 8
            for (int j = 0; j < NV; j++) a[j] += __builtin_convertvector(LD(half_bytes, row + first + SL * j), sv);
        } else if (KIND == INT16) {
#pragma GCC unroll 8
            for (int j = 0; j < NV; j++) a[j] += LD(sv, row + 2 * (first + SL * j));
        } else if (KIND == INT4) { /* a byte holds lanes l and l + SL */
#pragma GCC unroll 4
            for (int j = 0; j < NV / 2; j++) {
                sv both = __builtin_convertvector(LD(half_bytes, row + first / 2 + SL * j), sv);
                a[2 * j] += (both << 12) >> 12;
                a[2 * j + 1] += both >> 4;
            }
        } else { /* a bit where the weight is 1, then a bit where it is -1 */
            const uint8_t *plus = (const uint8_t *)row + first / 8, *minus = plus + lanes / 8;
#pragma GCC unroll 8
            for (int j = 0; j < NV; j++) a[j] += chosen(minus + SL / 8 * j) - chosen(plus + SL / 8 * j);
        }
    }
#pragma GCC unroll 8
    for (int j = 0; j < NV; j++) ST(sv, sums + first + SL * j) = a[j];
}

AI void narrow_lanes(const int KIND, const char *w, int64_t stride, int64_t lanes, const events *seen, int16_t *sums) {
    int64_t first = 0, left = lanes / SL;
#if VB <= 32
    for (; left >= 8; left -= 8, first += 8 * SL) narrow_block(8, KIND, w, stride, lanes, first, seen, sums);
#endif
    for (; left >= 4; left -= 4, first += 4 * SL) narrow_block(4, KIND, w, stride, lanes, first, seen, sums);
    for (; left >= 2; left -= 2, first += 2 * SL) narrow_block(2, KIND, w, stride, lanes, first, seen, sums);
    if (left) narrow_block(1, KIND, w, stride, lanes, first, seen, sums);
}

/* NV vectors of 32-bit sums, each spike times its value. */
AI void wide_block(const int NV, const int KIND, const char *w, int64_t stride, int64_t first, const events *seen,
                   int32_t *sums) {
    iv a[8];
#pragma GCC unroll 8
    for (int j = 0; j < NV; j++) a[j] = (iv){0};
    for (int64_t e = 0; e < seen->count; e++) {
        const char *row = w + seen->rows[e] * stride;
        const int32_t value = seen->values[e];
#pragma GCC unroll 8
        for (int j = 0; j < NV; j++) {
            iv weight;
            if (KIND == INT8) weight = __builtin_convertvector(LD(quarter_bytes, row + first + VL * j), iv);
            else if (KIND == INT16) weight = __builtin_convertvector(LD(half_shorts, row + 2 * (first + VL * j)), iv);
            else weight = LD(iv, row + 4 * (first + VL * j));
            a[j] += weight * value;
        }
    }
#pragma GCC unroll 8
    for (int j = 0; j < NV; j++) ST(iv, sums + first + VL * j) = a[j];
}

AI void wide_lanes(const int KIND, const char *w, int64_t stride, int64_t lanes, const events *seen, int32_t *sums) {
    int64_t first = 0, left = lanes / VL;
    for (; left >= 8; left -= 8, first += 8 * VL) wide_block(8, KIND, w, stride, first, seen, sums);
    for (; left >= 4; left -= 4, first += 4 * VL) wide_block(4, KIND, w, stride, first, seen, sums);
    for (; left >= 2; left -= 2, first += 2 * VL) wide_block(2, KIND, w, stride, first, seen, sums);
    for (; left; left--, first += VL) wide_block(1, KIND, w, stride, first, seen, sums);
}

/* The rare case: packed weights whose sums need 32 bits. */
static void unpacked(int64_t kind, const char *w, int64_t stride, int64_t lanes, const events *seen, int32_t *sums) {
    memset(sums, 0, sizeof(int32_t) * (size_t)lanes);
    for (int64_t e = 0; e < seen->count; e++) {
        const char *row = w + seen->rows[e] * stride;
        const int32_t value = seen->values[e];
        for (int64_t l = 0; l < lanes; l++) {
            int32_t weight;
            if (kind == INT4) {
                int8_t both = row[l / (2 * SL) * SL + l % SL];
                weight = l % (2 * SL) < SL ? (int8_t)((uint8_t)both << 4) >> 4 : both >> 4;
            } else {
                weight = (row[l / 8] >> l % 8 & 1) - (row[lanes / 8 + l / 8] >> l % 8 & 1);
            }
            sums[l] += weight * value;
        }
    }
}

void spareto_sum(const void *weights, int64_t kind, int64_t stride, int64_t lanes, int narrow, const events *seen, void *sums) {
    if (narrow) {
        switch (kind) {
        case INT8: narrow_lanes(INT8, weights, stride, lanes, seen, sums); break;
        case INT16: narrow_lanes(INT16, weights, stride, lanes, seen, sums); break;
        case INT4: narrow_lanes(INT4, weights, stride, lanes, seen, sums); break;
        default: narrow_lanes(TERNARY, weights, stride, lanes, seen, sums);
        }
        return;
    }
    switch (kind) {
    case INT8: wide_lanes(INT8, weights, stride, lanes, seen, sums); break;
    case INT16: wide_lanes(INT16, weights, stride, lanes, seen, sums); break;
    case INT32: wide_lanes(INT32, weights, stride, lanes, seen, sums); break;
    default: unpacked(kind, weights, stride, lanes, seen, sums);
    }
}

/* Only the live weights of each row: their places and their values, one byte each. */
void spareto_sum_live(const plan *p, const events *seen, int32_t *sums) {
    const int8_t *weights = p->weights;
    memset(sums, 0, sizeof(int32_t) * (size_t)p->lanes);
    for (int64_t e = 0; e < seen->count; e++) {
        const int32_t row = seen->rows[e], value = seen->values[e];
        for (int32_t k = p->starts[row]; k < p->starts[row + 1]; k++) sums[p->places[k]] += weights[k] * value;
    }
}

/* Groups of channels: an input's row reaches the outputs of its own group. */
void spareto_sum_groups(const plan *p, const events *seen, int32_t *sums) {
    const int64_t inputs = p->in_c / p->groups, outputs = p->out_c / p->groups;
    memset(sums, 0, sizeof(int32_t) * (size_t)p->lanes);
    for (int64_t e = 0; e < seen->count; e++) {
        const int32_t row = seen->rows[e], value = seen->values[e];
        int32_t *to = sums + row % p->in_c / inputs * outputs;
        const char *from = (const char *)p->weights + row * p->stride;
        if (p->kind == INT8)
            for (int64_t l = 0; l < outputs; l++) to[l] += ((const int8_t *)from)[l] * value;
        else if (p->kind == INT16)
            for (int64_t l = 0; l < outputs; l++) to[l] += ((const int16_t *)from)[l] * value;
        else
            for (int64_t l = 0; l < outputs; l++) to[l] += ((const int32_t *)from)[l] * value;
    }
}
