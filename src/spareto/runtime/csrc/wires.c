/* What stands between layers: packing, pooling, gates. */
#include "spikes.h"

/* Bit `bit` of the first of each pixel's words becomes whether its byte is not 0; bit 0 clears the others. */
AI void pack_channel(const uint8_t *from, uint64_t *to, int64_t pixels, const int64_t words, int64_t bit) {
    if (!bit)
        for (int64_t i = 0; i < pixels; i++) to[i * words] = from[i] != 0;
    else
        for (int64_t i = 0; i < pixels; i++) to[i * words] |= (uint64_t)(from[i] != 0) << bit;
}

/* Which of n bytes, at most 64, are not 0. */
AI uint64_t nonzero(const uint8_t *from, int64_t n) {
    const uint64_t low = 0x7f7f7f7f7f7f7f7f;
    uint64_t word = 0;
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t x;
        memcpy(&x, from + i, 8);
        x = ((x | ((x & low) + low)) >> 7) & 0x0101010101010101; /* 1 in every such byte, then one beside the other */
        word |= x * 0x0102040810204080 >> 56 << i;
    }
    for (; i < n; i++) word |= (uint64_t)(from[i] != 0) << i;
    return word;
}

/* Frames of bytes (frames, channels, height x width) to bits (frames, height x width, words). */
EXPORT int spareto_pack(const uint8_t *in, uint64_t *out, int64_t frames, int64_t channels, int64_t pixels) {
    const int64_t words = (channels + 63) / 64;
    for (int64_t f = 0; pixels == 1 && f < frames; f++)
        for (int64_t c = 0; c < channels; c += 64)
            *out++ = nonzero(in + f * channels + c, channels - c < 64 ? channels - c : 64);
    if (pixels == 1) return DONE;
    for (int64_t f = 0; f < frames; f++)
        for (int64_t c = 0; c < channels; c++) {
            const uint8_t *from = in + (f * channels + c) * pixels;
            uint64_t *to = out + f * pixels * words + c / 64;
            if (words == 1) pack_channel(from, to, pixels, 1, c); /* the compiler makes vectors of it */
            else pack_channel(from, to, pixels, words, c % 64);
        }
    return DONE;
}

/* Bits (pixels, words) to integers (pixels, channels), each times the factor of its timestep and channel, or 1. */
EXPORT int spareto_unpack(const uint64_t *in, int32_t *out, const int32_t *factors, int64_t steps, int64_t pixels,
                          int64_t channels) {
    const int64_t words = (channels + 63) / 64;
    for (int64_t t = 0; t < steps; t++)
        for (int64_t i = 0; i < pixels; i++)
            for (int64_t c = 0; c < channels; c++) {
                const int32_t factor = factors ? factors[t * channels + c] : 1;
                const uint64_t bit = in[(t * pixels + i) * words + c / 64] >> c % 64 & 1;
                out[(t * pixels + i) * channels + c] = bit ? factor : 0;
            }
    return DONE;
}

/* Spikes of each channel over the pixels of each timestep: (steps, pixels, words) to (steps, channels). */
EXPORT int spareto_totals(const uint64_t *in, int64_t *out, int64_t steps, int64_t pixels, int64_t channels) {
    const int64_t words = (channels + 63) / 64;
    memset(out, 0, sizeof(int64_t) * (size_t)(steps * channels));
    for (int64_t t = 0; t < steps; t++)
        for (int64_t i = 0; i < pixels; i++)
            for (int64_t w = 0; w < words; w++)
                for (uint64_t left = in [(t * pixels + i) * words + w]; left; left &= left - 1)
                    out[t * channels + w * 64 + __builtin_ctzll(left)]++;
    return DONE;
}

/* Votes of classes += the spikes of their voters, `voters` channels each, of all pixels. */
EXPORT int spareto_votes(const uint64_t *in, int64_t *votes, int64_t pixels, int64_t channels, int64_t voters) {
    const int64_t words = (channels + 63) / 64;
    for (int64_t i = 0; i < pixels; i++)
        for (int64_t w = 0; w < words; w++, in++)
            for (uint64_t left = *in; left; left &= left - 1) votes[(w * 64 + __builtin_ctzll(left)) / voters]++;
    return DONE;
}

/* One row of outputs from the rows of its windows or'ed, `words` words a pixel. */
AI void pool_row(const pooling *g, const uint64_t *line, uint64_t *out, const int64_t words) {
    for (int64_t x = 0; x < g->ow; x++, out += words) {
        const int64_t left = x * g->sw - g->pw, from = left < 0 ? 0 : left,
                      end = left + g->kw > g->w ? g->w : left + g->kw;
        for (int64_t w = 0; w < words; w++) out[w] = 0;
        for (int64_t c = from; c < end; c++)
            for (int64_t w = 0; w < words; w++) out[w] |= line[c * words + w];
    }
}

/* Maxima of windows of spikes: the words of a window or'ed, rows first. */
int spareto_pool_bits(const pooling *g, const uint64_t *in, uint64_t *out, int64_t steps, int64_t words) {
    const int64_t row = times(g->w, words);
    size_t total = 0;
    part(&total, row, 8);
    uint64_t *line = total == SIZE_MAX ? 0 : memory(total, 1);
    if (!line) return NO_MEMORY;
    for (int64_t t = 0; t < steps; t++)
        for (int64_t y = 0; y < g->oh; y++, out += g->ow * words) {
            memset(line, 0, (size_t)row * 8);
            for (int64_t i = 0; i < g->kh; i++) {
                const int64_t r = y * g->sh - g->ph + i;
                if (r < 0 || r >= g->h) continue;
                const uint64_t *from = in + (t * g->h + r) * row;
                for (int64_t n = 0; n < row; n++) line[n] |= from[n];
            }
            switch (words) {
            case 1: pool_row(g, line, out, 1); break;
            case 2: pool_row(g, line, out, 2); break;
            default: pool_row(g, line, out, words);
            }
        }
    free(line);
    return DONE;
}

/* Maxima or sums of windows of integers. */
int spareto_pool_values(const pooling *g, const int32_t *in, int32_t *out, int64_t steps, int64_t channels,
                        int64_t sums) {
    for (int64_t t = 0; t < steps; t++)
        for (int64_t y = 0; y < g->oh; y++)
            for (int64_t x = 0; x < g->ow; x++) {
                int32_t *to = out + ((t * g->oh + y) * g->ow + x) * channels;
                for (int64_t c = 0; c < channels; c++) to[c] = 0;
                for (int64_t i = 0; i < g->kh; i++)
                    for (int64_t j = 0; j < g->kw; j++) {
                        const int64_t r = y * g->sh - g->ph + i, k = x * g->sw - g->pw + j;
                        if (r < 0 || r >= g->h || k < 0 || k >= g->w) continue;
                        const int32_t *from = in + ((t * g->h + r) * g->w + k) * channels;
                        for (int64_t c = 0; c < channels; c++)
                            to[c] = sums ? to[c] + from[c] : to[c] > from[c] ? to[c] : from[c];
                    }
            }
    return DONE;
}
