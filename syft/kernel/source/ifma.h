/* AVX-512 IFMA: 8 lanes, digits of 52 bits. A 64-bit column holds the sum of 4096 halves of products. */
#define NAMED(name) ifma_##name
#define LANES 8
#define RADIX 52
#define BLOCK 5
#define WINDOW 6
#define TARGET __attribute__((target("avx512f,avx512ifma")))
#define INLINED static inline __attribute__((always_inline)) TARGET
#define vector __m512i

INLINED vector NAMED(zero)(void) {
    return _mm512_setzero_si512();
}

INLINED vector NAMED(all)(uint64_t word) {
    return _mm512_set1_epi64((long long)word);
}

INLINED vector NAMED(add)(vector a, vector b) {
    return _mm512_add_epi64(a, b);
}

INLINED vector NAMED(and)(vector a, vector b) {
    return _mm512_and_si512(a, b);
}

INLINED vector NAMED(or)(vector a, vector b) {
    return _mm512_or_si512(a, b);
}

INLINED vector NAMED(xor)(vector a, vector b) {
    return _mm512_xor_si512(a, b);
}

INLINED vector NAMED(carry)(vector a) {
    return _mm512_srli_epi64(a, RADIX);
}

/* columns[0 .. BLOCK] += a[0 .. BLOCK-1] * b. */
INLINED void NAMED(accumulate)(vector *columns, const vector *a, vector b) {
    UNROLLED(int i = 0; i < BLOCK; i++) columns[i] = _mm512_madd52lo_epu64(columns[i], a[i], b);
    UNROLLED(int i = 0; i < BLOCK; i++) columns[i + 1] = _mm512_madd52hi_epu64(columns[i + 1], a[i], b);
}

/* The digit whose product with n clears the column's lowest digit. */
INLINED vector NAMED(quotient)(vector column, vector inverse) {
    return _mm512_madd52lo_epu64(_mm512_setzero_si512(), column, inverse);
}

/* Transposes 8 x 8 words. */
INLINED void NAMED(transpose)(vector *r) {
    vector pairs[8], fours[8];
    UNROLLED(int i = 0; i < 8; i += 2) {
        pairs[i] = _mm512_unpacklo_epi64(r[i], r[i + 1]);
        pairs[i + 1] = _mm512_unpackhi_epi64(r[i], r[i + 1]);
    }
    UNROLLED(int half = 0; half < 8; half += 4) {
        UNROLLED(int i = 0; i < 2; i++) {
            fours[half + i] = _mm512_shuffle_i64x2(pairs[half + i], pairs[half + i + 2], 0x88);
            fours[half + i + 2] = _mm512_shuffle_i64x2(pairs[half + i], pairs[half + i + 2], 0xdd);
        }
    }
    UNROLLED(int i = 0; i < 4; i++) {
        r[i] = _mm512_shuffle_i64x2(fours[i], fours[i + 4], 0x88);
        r[i + 4] = _mm512_shuffle_i64x2(fours[i], fours[i + 4], 0xdd);
    }
}

INLINED void NAMED(load_rows)(vector *r, const uint64_t *const *rows, uint64_t offset) {
    UNROLLED(int lane = 0; lane < LANES; lane++) r[lane] = _mm512_loadu_si512(rows[lane] + offset);
    NAMED(transpose)(r);
}

INLINED void NAMED(store_rows)(uint64_t *const *rows, uint64_t offset, vector *r, int lanes) {
    NAMED(transpose)(r);
    UNROLLED(int lane = 0; lane < LANES; lane++)
        if (lane < lanes) _mm512_storeu_si512(rows[lane] + offset, r[lane]);
}

/* The selected entry out of 64 per lane. */
struct NAMED(choice) {
    vector index;
    __mmask8 bit4, bit5;
};

INLINED struct NAMED(choice) NAMED(choose)(const uint8_t *keys) {
    struct NAMED(choice) choice;
    choice.index = _mm512_set_epi64(keys[7], keys[6], keys[5], keys[4], keys[3], keys[2], keys[1], keys[0]);
    choice.bit4 = _mm512_test_epi64_mask(choice.index, _mm512_set1_epi64(16));
    choice.bit5 = _mm512_test_epi64_mask(choice.index, _mm512_set1_epi64(32));
    return choice;
}

/* The selected word out of 64 per lane: all words are read and permuted in registers. */
INLINED vector NAMED(chosen)(const uint64_t *words, struct NAMED(choice) choice) {
    vector found[4];
    UNROLLED(int i = 0; i < 4; i++)
        found[i] = _mm512_permutex2var_epi64(_mm512_loadu_si512(words + 16 * i), choice.index,
                                             _mm512_loadu_si512(words + 16 * i + 8));
    return _mm512_mask_blend_epi64(choice.bit5, _mm512_mask_blend_epi64(choice.bit4, found[0], found[1]),
                                   _mm512_mask_blend_epi64(choice.bit4, found[2], found[3]));
}
