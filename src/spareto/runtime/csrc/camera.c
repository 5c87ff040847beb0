/* Words of event cameras (EVT 2.0 and EVT 3.0) become events, in one pass.  They stand in this library because it needs
 * no torch; data/readers/_evt.py holds the slow twins.
 */
#include "../../kernels/csrc/memory.h"

enum { LOOP_THRESHOLD = 10 }; /* counts by which the high bits of a time may run back without having run over */

/* Events of EVT 2.0: at most one a word.  found: how many there are, and how many came before any time. */
EXPORT int spareto_evt2(const uint32_t *words, int64_t count, uint16_t *x, uint16_t *y, uint8_t *polarity, int64_t *t,
                        int64_t *found) {
    int64_t made = 0, early = 0, base = -1, last = 0, loops = 0;
    for (int64_t i = 0; i < count; i++) {
        uint32_t word = words[i], kind = word >> 28;
        if (kind == 8) {
            int64_t now = word & 0x0FFFFFFF;
            if (base >= 0 && last - now >= (1 << 28) - 1 - LOOP_THRESHOLD) loops++;
            last = now;
            base = now + (loops << 28);
        } else if (kind <= 1 && base < 0) {
            early++;
        } else if (kind <= 1) {
            x[made] = word >> 11 & 0x7FF;
            y[made] = word & 0x7FF;
            polarity[made] = kind;
            t[made++] = (base << 6) + (word >> 22 & 0x3F);
        }
    }
    found[0] = made;
    found[1] = early;
    return 0;
}

/* No fewer events than words of EVT 3.0 hold: one a single word, one a bit that is set in a vector. */
EXPORT int spareto_evt3_room(const uint16_t *words, int64_t count, int64_t *room) {
    int64_t total = 0;
    for (int64_t i = 0; i < count; i++) {
        unsigned kind = words[i] >> 12, mask = kind == 4 ? 0xFFF : kind == 5 ? 0xFF : 0;
        total += (kind == 2) + __builtin_popcount(words[i] & mask);
    }
    *room = total;
    return 0;
}

/* Events of EVT 3.0.  found: how many there are, and how many words of events came before a time and a row. */
EXPORT int spareto_evt3(const uint16_t *words, int64_t count, uint16_t *x, uint16_t *y, uint8_t *polarity, int64_t *t,
                        int64_t *found) {
    int64_t made = 0, early = 0, base = -1, now = 0, last = 0, loops = 0, row = -1;
    unsigned column = 0, sign = 0;
    for (int64_t i = 0; i < count; i++) {
        unsigned kind = words[i] >> 12, value = words[i] & 0xFFF;
        if (kind == 2 || kind == 4 || kind == 5) {
            int ready = base >= 0 && row >= 0;
            early += !ready;
            if (kind == 2) {
                if (!ready) continue;
                x[made] = value & 0x7FF;
                y[made] = row;
                polarity[made] = value >> 11;
                t[made++] = now;
                continue;
            }
            unsigned bits = ready ? value & (kind == 4 ? 0xFFF : 0xFF) : 0;
            for (; bits; bits &= bits - 1) {
                x[made] = column + __builtin_ctz(bits);
                y[made] = row;
                polarity[made] = sign;
                t[made++] = now;
            }
            column += kind == 4 ? 12 : 8;
        } else if (kind == 6) {
            now = (base < 0 ? 0 : base) + value;
        } else if (kind == 0) {
            row = value & 0x7FF;
        } else if (kind == 3) {
            column = value & 0x7FF;
            sign = value >> 11;
        } else if (kind == 8) {
            if (base >= 0 && last - (int64_t)value >= (1 << 12) - 1 - LOOP_THRESHOLD) loops++;
            last = value;
            now = base = (value + (loops << 12)) << 12;
        }
    }
    found[0] = made;
    found[1] = early;
    return 0;
}
