/* AVX2: 4 lanes, digits of 27 bits. A column holds the sum of 1024 products of 54 bits: three per digit, and at most
 * 304 digits. */
#define NAMED(name) avx2_##name
#define LANES 4
#define RADIX 27
#define BLOCK 4
#define WINDOW 5
#define TARGET __attribute__((target("avx2")))
#define INLINED static inline __attribute__((always_inline)) TARGET
#define vector __m256i

INLINED vector NAMED(zero)(void) {
    return _mm256_setzero_si256();
}

INLINED vector NAMED(all)(uint64_t word) {
    return _mm256_set1_epi64x((long long)word);
}

INLINED vector NAMED(add)(vector a, vector b) {
    return _mm256_add_epi64(a, b);
}

INLINED vector NAMED(and)(vector a, vector b) {
    return _mm256_and_si256(a, b);
}

INLINED vector NAMED(or)(vector a, vector b) {
    return _mm256_or_si256(a, b);
}

INLINED vector NAMED(xor)(vector a, vector b) {
    return _mm256_xor_si256(a, b);
}

INLINED vector NAMED(carry)(vector a) {
    return _mm256_srli_epi64(a, RADIX);
}

/* columns[0 .. BLOCK-1] += a[0 .. BLOCK-1] * b. */
INLINED void NAMED(accumulate)(vector *columns, const vector *a, vector b) {
    UNROLLED(int i = 0; i < BLOCK; i++) columns[i] = _mm256_add_epi64(columns[i], _mm256_mul_epu32(a[i], b));
}

/* The digit whose product with n clears the column's lowest digit. */
INLINED vector NAMED(quotient)(vector column, vector inverse) {
    const vector digit = _mm256_set1_epi64x((1ll << RADIX) - 1);
    return _mm256_and_si256(_mm256_mul_epu32(_mm256_and_si256(column, digit), inverse), digit);
}

/* Transposes 4 x 4 words. */
INLINED void NAMED(transpose)(vector *r) {
    vector low0 = _mm256_unpacklo_epi64(r[0], r[1]), high0 = _mm256_unpackhi_epi64(r[0], r[1]);
    vector low2 = _mm256_unpacklo_epi64(r[2], r[3]), high2 = _mm256_unpackhi_epi64(r[2], r[3]);
    r[0] = _mm256_permute2x128_si256(low0, low2, 0x20);
    r[1] = _mm256_permute2x128_si256(high0, high2, 0x20);
    r[2] = _mm256_permute2x128_si256(low0, low2, 0x31);
    r[3] = _mm256_permute2x128_si256(high0, high2, 0x31);
}

INLINED void NAMED(load_rows)(vector *r, const uint64_t *const *rows, uint64_t offset) {
    UNROLLED(int lane = 0; lane < LANES; lane++) r[lane] = _mm256_loadu_si256((const vector *)(rows[lane] + offset));
    NAMED(transpose)(r);
}

INLINED void NAMED(store_rows)(uint64_t *const *rows, uint64_t offset, vector *r, int lanes) {
    NAMED(transpose)(r);
    UNROLLED(int lane = 0; lane < LANES; lane++)
        if (lane < lanes) _mm256_storeu_si256((vector *)(rows[lane] + offset), r[lane]);
}

/* The selected entry out of 32 per lane: for every entry, a mask of the lanes that select it. */
struct NAMED(choice) {
    vector wanted[1 << WINDOW];
};

INLINED struct NAMED(choice) NAMED(choose)(const uint8_t *keys) {
    struct NAMED(choice) choice;
    const vector index = _mm256_set_epi64x(keys[3], keys[2], keys[1], keys[0]);
    for (int entry = 0; entry < 1 << WINDOW; entry++)
        choice.wanted[entry] = _mm256_cmpeq_epi64(index, _mm256_set1_epi64x(entry));
    return choice;
}

/* The selected word out of 32 per lane: all words are read and masked. */
INLINED vector NAMED(chosen)(const uint64_t *words, struct NAMED(choice) choice) {
    vector found = _mm256_setzero_si256();
    UNROLLED(int entry = 0; entry < 1 << WINDOW; entry++) {
        const vector word = _mm256_set1_epi64x((long long)words[entry]);
        found = _mm256_or_si256(found, _mm256_and_si256(choice.wanted[entry], word));
    }
    return found;
}
