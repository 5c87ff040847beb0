/* Makes recorded kernel calls again, on whatever it was compiled for: `driver CALLS RESULTS`.
 *
 * CALLS holds 64-bit integers and memory; see `program.py`, which writes it. RESULTS is what memory holds after each call.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "functions.h" /* generated: `functions`, each calling a kernel with an array of arguments */

#define MOST 32 /* regions, and arguments, of a call */

static FILE *calls, *results;

static void need(int good, const char *what) {
    if (good) return;
    fprintf(stderr, "driver: %s\n", what);
    exit(1);
}
static int64_t number(void) {
    int64_t value;
    need(fread(&value, sizeof value, 1, calls) == 1, "the calls end too early");
    return value;
}
#ifdef FAILING
static int fails_in = -1, failed; /* allocations until one fails; none while negative */

static int fails(void) {
    if (fails_in < 0) return 0;
    int now = fails_in-- == 0;
    failed |= now;
    return now;
}
void *__real_malloc(size_t), *__real_calloc(size_t, size_t), *__real_aligned_alloc(size_t, size_t);
void *__wrap_malloc(size_t size) { return fails() ? NULL : __real_malloc(size); }
void *__wrap_calloc(size_t count, size_t size) { return fails() ? NULL : __real_calloc(count, size); }
void *__wrap_aligned_alloc(size_t to, size_t size) { return fails() ? NULL : __real_aligned_alloc(to, size); }

/* A call that gets no memory says so, and has changed nothing that the next one needs. */
static int made(int64_t function, const int64_t *arguments) {
    for (int first = 0;; first++) {
        fails_in = first, failed = 0;
        int status = functions[function](arguments);
        fails_in = -1;
        if (!failed) return status;
        need(status == 1, "a call without memory did not say so");
    }
}
#else
static int made(int64_t function, const int64_t *arguments) { return functions[function](arguments); }
#endif
static void call(void) {
    char *memory[MOST];
    int64_t size[MOST], arguments[MOST], function = number(), regions = number();
    need(regions <= MOST, "too many regions");
    for (int64_t r = 0; r < regions; r++) {
        size[r] = number();
        memory[r] = malloc((size_t)size[r]); /* no byte more: a sanitizer sees what lies beyond */
        need(memory[r] && fread(memory[r], 1, (size_t)size[r], calls) == (size_t)size[r], "memory is missing");
    }
    for (int64_t fixes = number(); fixes > 0; fixes--) { /* addresses inside memory */
        char *where = memory[number()];
        where += number();
        char *there = memory[number()];
        there += number();
        memcpy(where, &there, sizeof there);
    }
    int64_t count = number();
    need(count <= MOST, "too many arguments");
    for (int64_t a = 0; a < count; a++) {
        int64_t region = number(), value = number();
        arguments[a] = region < 0 ? value : (int64_t)(intptr_t)(memory[region] + value);
    }
    int64_t expected = number();
    need(made(function, arguments) == expected, "a call answered otherwise than it was recorded");
    for (int64_t r = 0; r < regions; r++) {
        need(fwrite(memory[r], 1, (size_t)size[r], results) == (size_t)size[r], "the results cannot be written");
        free(memory[r]);
    }
}
int main(int argc, char **argv) {
    need(argc == 3, "expected CALLS RESULTS");
    need((calls = fopen(argv[1], "rb")) != NULL, "the calls cannot be read");
    need((results = fopen(argv[2], "wb")) != NULL, "the results cannot be written");
    for (int64_t count = number(); count > 0; count--) call();
    need(fclose(results) == 0, "the results cannot be written");
    return 0;
}
