/* Runs a harness on inputs made from its seeds and tokens, where there is no libFuzzer: `fuzz RUNS SEED`.

   A harness gives `int LLVMFuzzerTestOneInput(const uint8_t *, size_t)`, which aborts at what must not be, and `seeds` and
   `tokens`, each with an empty text behind the last. An input that ends in an abort is printed as a C string. (With clang:
   -fsanitize=fuzzer in place of this file.) */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROOM = 8192, STEPS = 6 };
extern const char *const seeds[], *const tokens[];
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned char input[ROOM];
static size_t size;
static uint64_t state;

/* What the sanitizers find is an abort, too. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "abort_on_error=1:detect_leaks=0";
}

const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void)
{
    return "abort_on_error=1:print_stacktrace=1";
}

static void show(int number)
{
    fprintf(stderr, "signal %d at the input \"", number);
    for (size_t i = 0; i < size; i++)
        fprintf(stderr, "\\%03o", input[i]);
    fprintf(stderr, "\"\n");
    signal(number, SIG_DFL);
    raise(number);
}

static size_t below(size_t limit)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return limit ? (size_t)(state % limit) : 0;
}

static const char *one_of(const char *const *texts)
{
    size_t count = 0;
    while (*texts[count])
        count++;
    return texts[below(count)];
}

static void insert(size_t at, const void *data, size_t more)
{
    if (more > ROOM - size)
        return;
    memmove(input + at + more, input + at, size - at);
    memcpy(input + at, data, more);
    size += more;
}

static void drop(size_t at, size_t count)
{
    count = count < size - at ? count : size - at;
    memmove(input + at, input + at + count, size - at - count);
    size -= count;
}

static void mutate(void)
{
    unsigned char copy[256], byte = (unsigned char)below(256);
    size_t at = below(size + 1), length = below(sizeof copy);
    const char *token = one_of(tokens);
    switch (below(7)) {
    case 0: insert(at, token, strlen(token)); break;
    case 1: drop(at, 1 + below(16)); break;
    case 2: insert(at, &byte, 1); break;
    case 3:
        if (at < size)
            input[at] ^= (unsigned char)(1u << below(8));
        break;
    case 4: /* a piece of it again, elsewhere */
        length = length < size - at ? length : size - at;
        memcpy(copy, input + at, length);
        insert(below(size + 1), copy, length);
        break;
    case 5:
        token = one_of(seeds);
        insert(at, token, strlen(token));
        break;
    default: size = below(4) ? size : at;
    }
}

int main(int argc, char **argv)
{
    long runs = argc > 1 ? atol(argv[1]) : 100000;
    state = 0x9E3779B97F4A7C15u ^ (argc > 2 ? strtoull(argv[2], NULL, 10) : 1);
    const int deadly[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGALRM};
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++)
        signal(deadly[i], show);
    for (long run = 0; run < runs; run++) {
        const char *seed = one_of(seeds);
        size = strlen(seed);
        memcpy(input, seed, size);
        for (size_t steps = below(STEPS); steps > 0; steps--)
            mutate();
        alarm(20); /* one that never ends */
        LLVMFuzzerTestOneInput(input, size);
    }
    printf("%ld runs\n", runs);
    return 0;
}
