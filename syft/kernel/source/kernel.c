/* Batch multiplication modulo n or n^2: one number per lane of the processor's vector registers.
 *
 * It depends on a C compiler only. Each code path is compiled for its own instructions, on any machine, and the caller
 * asks at run time which of them this processor supports. numbers.h describes the representation of numbers.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A modulus n, or n^2 if `halves` is 2. `stride` is the length of a row of a pool, in words. */
struct modulus {
    const uint64_t *digits; /* of n, BLOCK * blocks digits */
    uint64_t inverse;       /* -1/n modulo 2^RADIX */
    uint64_t blocks, halves, stride;
};

/* Version of the exported functions; _shared_library.py has the same number. */
int syft_interface(void) {
    return 2;
}

/* Converts little-endian numbers of `width` bytes to `length` digits of `radix` bits, one number per `stride` words.
 * Digits beyond the bytes are zero. */
void syft_to_digits(uint64_t *digits, uint64_t stride, uint64_t length, const uint8_t *bytes, uint64_t width,
                    uint64_t count, uint64_t radix) {
    for (uint64_t number = 0; number < count; number++, digits += stride, bytes += width) {
        uint64_t pending = 0, bits = 0, next = 0;
        for (uint64_t index = 0; index < length; index++) {
            for (; bits < radix; bits += 8) pending |= (uint64_t)(next < width ? bytes[next++] : 0) << bits;
            digits[index] = pending & ((UINT64_C(1) << radix) - 1);
            pending >>= radix;
            bits -= radix;
        }
    }
}

/* The inverse of syft_to_digits. */
void syft_to_bytes(uint8_t *bytes, uint64_t width, const uint64_t *digits, uint64_t stride, uint64_t length,
                   uint64_t count, uint64_t radix) {
    for (uint64_t number = 0; number < count; number++, digits += stride, bytes += width) {
        uint64_t pending = 0, bits = 0, next = 0;
        for (uint64_t index = 0; index < width; index++) {
            if (bits < 8) {
                pending |= (next < length ? digits[next++] : 0) << bits;
                bits += radix;
            }
            bytes[index] = (uint8_t)pending;
            pending >>= 8;
            bits -= 8;
        }
    }
}

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

int syft_has_ifma(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512ifma");
}

int syft_has_avx2(void) {
    return __builtin_cpu_supports("avx2");
}

#define UNROLLED _Pragma("GCC unroll 16") for

#include "ifma.h"
#include "numbers.h"
#include "undefine.h"

#include "avx2.h"
#include "numbers.h"
#include "undefine.h"

#else
int syft_has_ifma(void) {
    return 0;
}

int syft_has_avx2(void) {
    return 0;
}
#endif
