/* Whether the kernel's course depends on secrets: every branch taken and every address used is folded into one number,
 * which must be the same for all secrets. The kernel's object comes instrumented (-fsanitize-coverage=trace-pc and
 * -fsanitize=thread); the functions that it then calls are these, and not a sanitiser's. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BITS = 1000, WORDS = 400, COUNT = 9, GROUPS = 3, LENGTH = 8, ENTRIES = 64, TRIES = 20 };

struct modulus {
    const uint64_t *digits;
    uint64_t inverse, blocks, halves, stride;
};

#define DECLARE(path)                                                                                                  \
    void path##_power(const struct modulus *, uint64_t *, uint64_t, const uint8_t *, uint64_t, const uint64_t *,       \
                      uint64_t *);                                                                                     \
    void path##_chain(const struct modulus *, uint64_t *, uint64_t, const uint64_t *, const int64_t *, uint64_t,       \
                      uint64_t);                                                                                       \
    void path##_chain_secret(const struct modulus *, uint64_t *, uint64_t, const uint64_t *, const uint8_t *,          \
                             uint64_t, uint64_t);
DECLARE(ifma)
DECLARE(avx2)
int syft_has_ifma(void);
int syft_has_avx2(void);

static uint64_t trace, events;

static void fold(uint64_t event) {
    trace = (trace ^ event) * UINT64_C(0x9e3779b97f4a7c15);
    trace ^= trace >> 29;
    events++;
}

void __sanitizer_cov_trace_pc(void) {
    fold((uintptr_t)__builtin_return_address(0));
}

#define ADDRESS(name)                                                                                                  \
    void name(void *address) {                                                                                         \
        fold((uintptr_t)address);                                                                                      \
    }
#define ADDRESSES(kind) ADDRESS(kind##1) ADDRESS(kind##2) ADDRESS(kind##4) ADDRESS(kind##8) ADDRESS(kind##16)
ADDRESSES(__tsan_read)
ADDRESSES(__tsan_write)
ADDRESSES(__tsan_unaligned_read)
ADDRESSES(__tsan_unaligned_write)
ADDRESS(__tsan_func_entry)

#define RANGE(name)                                                                                                    \
    void name(void *address, unsigned long size) {                                                                     \
        fold((uintptr_t)address);                                                                                      \
        fold(size);                                                                                                    \
    }
RANGE(__tsan_read_range)
RANGE(__tsan_write_range)

void __tsan_func_exit(void) {
}

void __tsan_init(void) {
}

static uint64_t digits[WORDS], numbers[COUNT * WORDS], one[WORDS], scratch[17 * WORDS * 8];
static uint64_t table[ENTRIES * GROUPS * WORDS];

static struct modulus a_modulus(unsigned radix, unsigned block, unsigned lanes) {
    struct modulus m = {.digits = digits, .inverse = 1, .halves = 2};
    m.blocks = (BITS + 4 + radix * block - 1) / (radix * block);
    m.stride = (2 * m.blocks * block + lanes - 1) / lanes * lanes;
    for (uint64_t digit = 0; digit < m.blocks * block; digit++) digits[digit] = digit * 7919 + 1;
    return m;
}

static int verdict(const char *what, uint64_t events, int differing, int expected) {
    printf("%s: %d of %d keys show in %llu events\n", what, differing, TRIES, (unsigned long long)events);
    return (differing > 0) == expected && events > 1000;
}

#define PATH(path, radix, block, lanes, window)                                                                        \
    static int path##_is_blind(void) {                                                                                 \
        const struct modulus m = a_modulus(radix, block, lanes);                                                       \
        static uint8_t exponent[LENGTH], keys[GROUPS * COUNT];                                                         \
        static int64_t places[GROUPS * COUNT];                                                                         \
        uint64_t first[3] = {0}, counted[3];                                                                           \
        int differing[3] = {0};                                                                                        \
        for (int attempt = 0; attempt <= TRIES; attempt++) {                                                           \
            for (int i = 0; i < LENGTH; i++) exponent[i] = (uint8_t)(rand() & 15);                                     \
            for (int i = 0; i < GROUPS * COUNT; i++) places[i] = keys[i] = (uint8_t)(rand() & ((1 << window) - 1));    \
            for (int call = 0; call < 3; call++) {                                                                     \
                trace = events = 0;                                                                                    \
                if (call == 0) path##_power(&m, numbers, COUNT, exponent, LENGTH, one, scratch);                       \
                if (call == 1) path##_chain_secret(&m, numbers, COUNT, table, keys, COUNT, GROUPS);                    \
                if (call == 2) path##_chain(&m, numbers, COUNT, table, places, COUNT, GROUPS);                         \
                if (attempt == 0) first[call] = trace;                                                                 \
                counted[call] = events;                                                                                \
                differing[call] += trace != first[call];                                                               \
            }                                                                                                          \
        }                                                                                                              \
        return verdict(#path " power", counted[0], differing[0], 0) &                                                  \
               verdict(#path " chain_secret", counted[1], differing[1], 0) &                                           \
               verdict(#path " chain, whose keys are public", counted[2], differing[2], 1);                            \
    }
PATH(ifma, 52, 5, 8, 6)
PATH(avx2, 27, 4, 4, 5)

int main(void) {
    int blind = 1;
    if (syft_has_ifma()) blind &= ifma_is_blind();
    if (syft_has_avx2()) blind &= avx2_is_blind();
    return !blind;
}
