/* A Cortex-M3 of QEMU's mps2-an385: vectors, semihosting, a timer that counts instructions. */
#include "network.h"

extern const uint8_t test_frames[];
extern const int32_t test_calls;
extern uint32_t __stack;

void reset(void);
void fault(void);
__attribute__((section(".vectors"), used)) void (*const vectors[])(void) = {(void (*)(void)) & __stack, reset, fault, fault};

static int host(int call, const void *argument) {
    register int r0 __asm__("r0") = call;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static void put(const char *text) { host(4, text); }

static void put_number(int32_t value) {
    char text[16];
    uint32_t rest = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
    int at = 15;
    text[at] = 0;
    do text[--at] = (char)('0' + rest % 10u), rest /= 10u;
    while (rest);
    if (value < 0) text[--at] = '-';
    put(text + at);
    put(" ");
}

/* What the compiler calls for large copies. */
void *memset(void *to, int value, unsigned long count) {
    volatile uint8_t *byte = to;
    while (count--) *byte++ = (uint8_t)value;
    return to;
}
void *memcpy(void *to, const void *from, unsigned long count) {
    volatile uint8_t *byte = to;
    const uint8_t *source = from;
    while (count--) *byte++ = *source++;
    return to;
}

static network_state state;
#define TIMER ((volatile uint32_t *)0x40000000u) /* control, value, reload: down, 25 MHz */

void reset(void) {
    int32_t call, n;
    uint32_t began;
    TIMER[2] = 0xffffffffu;
    TIMER[1] = 0xffffffffu;
    TIMER[0] = 1;
    network_reset(&state);
    began = TIMER[1];
    for (call = 0; call < test_calls; call++) network_step(&state, test_frames + call * NETWORK_STEPS * NETWORK_FRAME);
    began -= TIMER[1];
    for (n = 0; n < NETWORK_CLASSES; n++) put_number(state.votes[n]);
    put_number((int32_t)began);
    host(0x18, (const void *)0x20026);
    for (;;) {}
}

void fault(void) {
    put("fault ");
    host(0x18, (const void *)0x20023);
    for (;;) {}
}
