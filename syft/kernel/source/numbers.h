/* Arithmetic on LANES numbers at once, in the vectors of one path; included once per path.
 *
 * A number modulo n^2 is a pair: x = x0 + x1 n, each half in h = BLOCK * blocks digits of RADIX bits, in Montgomery
 * form with R = 2^(RADIX h) > 16 n. One Montgomery step (Montgomery, "Modular multiplication without trial division",
 * 1985) on x0 y0 finds quotient digits u with x0 y0 + u n = s R. So, modulo n^2,
 *
 *     x y / R = s + n ((x0 y1 + x1 y0 - u) / R mod n),
 *
 * by a second Montgomery step: 5 h^2 products of digits, instead of 8 h^2 for numbers of 2h digits. Halves below 2n
 * give halves below 2n, so no comparison or final subtraction is needed, and no branch or address depends on a number.
 *
 * A row of a pool holds the digits of x0, those of x1, and zeros up to `stride`. In vectors, lane i of vector j is
 * digit j of number i.
 */
#define MOST_DIGITS (8192 / RADIX + 2 * BLOCK)
#define NUMBER (2 * MOST_DIGITS + LANES)
#define DIGIT ((UINT64_C(1) << RADIX) - 1)

/* The terms of the columns of a product. */
enum NAMED(shape) { NAMED(ONE_PRODUCT), NAMED(TWO_PRODUCTS), NAMED(SQUARE) };

/* columns += product of BLOCK and BLOCK digits. */
INLINED void NAMED(tile)(vector *columns, const vector *x, const vector *y) {
    vector a[BLOCK];
    UNROLLED(int i = 0; i < BLOCK; i++) a[i] = x[i];
    UNROLLED(int j = 0; j < BLOCK; j++) NAMED(accumulate)(columns + j, a, y[j]);
}

INLINED void NAMED(tile_modulus)(vector *columns, const vector *x, const uint64_t *n) {
    vector a[BLOCK];
    UNROLLED(int i = 0; i < BLOCK; i++) a[i] = x[i];
    UNROLLED(int j = 0; j < BLOCK; j++) NAMED(accumulate)(columns + j, a, NAMED(all)(n[j]));
}

/* Computes the next BLOCK quotient digits and adds their products with the lowest digits of n, which clears BLOCK
 * columns. */
INLINED void NAMED(settle)(vector *columns, vector *u, const uint64_t *n, vector inverse) {
    vector lowest[BLOCK];
    UNROLLED(int i = 0; i < BLOCK; i++) lowest[i] = NAMED(all)(n[i]);
    UNROLLED(int r = 0; r < BLOCK; r++) {
        u[r] = NAMED(quotient)(columns[r], inverse);
        NAMED(accumulate)(columns + r, lowest, u[r]);
        columns[r + 1] = NAMED(add)(columns[r + 1], NAMED(carry)(columns[r]));
    }
}

/* Block k of the columns of x^2: products off the diagonal count twice. */
INLINED void NAMED(square_tiles)(vector *columns, const vector *x, int first, int k) {
    vector beside[2 * BLOCK];
    UNROLLED(int r = 0; r < 2 * BLOCK; r++) beside[r] = NAMED(zero)();
    for (int i = first; 2 * i < k; i++) NAMED(tile)(beside, x + i * BLOCK, x + (k - i) * BLOCK);
    UNROLLED(int r = 0; r < 2 * BLOCK; r++)
        columns[r] = NAMED(add)(columns[r], NAMED(add)(beside[r], beside[r]));
    if (k % 2 == 0) NAMED(tile)(columns, x + k / 2 * BLOCK, x + k / 2 * BLOCK);
}

/* z = (x y [+ v w] [- less] + u n) / R, with less < R. Columns are completed block by block, from the lowest.
 *
 * To subtract `less` without a negative column, R - less is added, digit by digit, and 1 is subtracted from the
 * quotient. The lower columns are then positive and divisible by R, so the quotient is at least 1.
 */
INLINED void NAMED(step)(vector *z, enum NAMED(shape) shape, const vector *x, const vector *y, const vector *v,
                         const vector *w, const vector *less, vector *u, const struct modulus *m) {
    const int blocks = (int)m->blocks;
    const vector inverse = NAMED(all)(m->inverse), digit = NAMED(all)(DIGIT);
    vector columns[2 * BLOCK];
    UNROLLED(int r = 0; r < 2 * BLOCK; r++) columns[r] = NAMED(zero)();
    if (less) columns[0] = NAMED(all)(1);
    for (int k = 0; k < 2 * blocks; k++) {
        const int lower = k < blocks, first = lower ? 0 : k - blocks + 1, last = lower ? k : blocks - 1;
        if (less && lower)
            UNROLLED(int r = 0; r < BLOCK; r++)
                columns[r] = NAMED(add)(columns[r], NAMED(xor)(less[k * BLOCK + r], digit));
        if (less && k == blocks) columns[0] = NAMED(add)(columns[0], NAMED(all)(UINT64_MAX));
        if (shape == NAMED(SQUARE) && first <= last) NAMED(square_tiles)(columns, x, first, k);
        if (shape != NAMED(SQUARE))
            for (int i = first; i <= last; i++) NAMED(tile)(columns, x + i * BLOCK, y + (k - i) * BLOCK);
        if (shape == NAMED(TWO_PRODUCTS))
            for (int i = first; i <= last; i++) NAMED(tile)(columns, v + i * BLOCK, w + (k - i) * BLOCK);
        for (int i = first; i <= last - lower; i++)
            NAMED(tile_modulus)(columns, u + i * BLOCK, m->digits + (k - i) * BLOCK);
        if (lower)
            NAMED(settle)(columns, u + k * BLOCK, m->digits, inverse);
        else
            UNROLLED(int r = 0; r < BLOCK; r++) {
                z[(k - blocks) * BLOCK + r] = NAMED(and)(columns[r], digit);
                columns[r + 1] = NAMED(add)(columns[r + 1], NAMED(carry)(columns[r]));
            }
        UNROLLED(int r = 0; r < BLOCK; r++) {
            columns[r] = columns[BLOCK + r];
            columns[BLOCK + r] = NAMED(zero)();
        }
    }
}

/* z = x y / R; z may alias x or y. */
static TARGET __attribute__((noinline)) void NAMED(product)(vector *z, const vector *x, const vector *y,
                                                           const struct modulus *m) {
    const uint64_t h = m->blocks * BLOCK;
    vector low[MOST_DIGITS], u[MOST_DIGITS], v[MOST_DIGITS];
    NAMED(step)(low, NAMED(ONE_PRODUCT), x, y, NULL, NULL, NULL, u, m);
    if (m->halves == 2) NAMED(step)(z + h, NAMED(TWO_PRODUCTS), x, y + h, x + h, y, u, v, m);
    memcpy(z, low, h * sizeof(vector));
}

/* x = x^2 / R: 3.5 h^2 products of digits. */
static TARGET __attribute__((noinline)) void NAMED(squared)(vector *x, const struct modulus *m) {
    const uint64_t h = m->blocks * BLOCK;
    vector low[MOST_DIGITS], twice[MOST_DIGITS], u[MOST_DIGITS], v[MOST_DIGITS];
    NAMED(step)(low, NAMED(SQUARE), x, x, NULL, NULL, NULL, u, m);
    if (m->halves == 2) {
        vector carried = NAMED(zero)();
        for (uint64_t j = 0; j < h; j++) {
            carried = NAMED(add)(carried, NAMED(add)(x[h + j], x[h + j]));
            twice[j] = NAMED(and)(carried, NAMED(all)(DIGIT));
            carried = NAMED(carry)(carried);
        }
        NAMED(step)(x + h, NAMED(ONE_PRODUCT), x, twice, NULL, NULL, u, v, m);
    }
    memcpy(x, low, h * sizeof(vector));
}

/* Loads the rows at[start] to at[start + LANES - 1], or the rows start to start + LANES - 1 if `at` is NULL. Lanes
 * beyond `count` repeat the last row. */
INLINED void NAMED(gather)(vector *x, const uint64_t *pool, const int64_t *at, uint64_t start, uint64_t count,
                           const struct modulus *m) {
    const uint64_t *rows[LANES];
    for (uint64_t lane = 0; lane < LANES; lane++) {
        const uint64_t index = start + lane < count ? start + lane : count - 1;
        rows[lane] = pool + (at ? (uint64_t)at[index] : index) * m->stride;
    }
    for (uint64_t index = 0; index < m->stride; index += LANES) NAMED(load_rows)(x + index, rows, index);
}

INLINED void NAMED(scatter)(uint64_t *pool, const int64_t *at, uint64_t start, uint64_t count, const vector *x,
                            const struct modulus *m) {
    uint64_t *rows[LANES];
    const int lanes = count - start < LANES ? (int)(count - start) : LANES;
    for (int lane = 0; lane < lanes; lane++)
        rows[lane] = pool + (at ? (uint64_t)at[start + lane] : start + lane) * m->stride;
    for (uint64_t index = 0; index < m->stride; index += LANES) {
        vector r[LANES];
        UNROLLED(int i = 0; i < LANES; i++) r[i] = x[index + i];
        NAMED(store_rows)(rows, index, r, lanes);
    }
}

/* Prefetches the rows of the next step of a chain while this step multiplies. */
INLINED void NAMED(prefetch)(const uint64_t *pool, const int64_t *at, uint64_t start, uint64_t count,
                             const struct modulus *m) {
    for (uint64_t index = start; index < start + LANES && index < count; index++) {
        const uint64_t *row = pool + (uint64_t)at[index] * m->stride;
        for (uint64_t word = 0; word < m->stride; word += 8) _mm_prefetch((const char *)(row + word), _MM_HINT_T0);
    }
}

/* out[out_at[i]] = left[left_at[i]] * right[right_at[i]]; NULL means 0, 1, 2, ... */
TARGET void NAMED(multiply)(const struct modulus *m, uint64_t *out, const int64_t *out_at, const uint64_t *left,
                            const int64_t *left_at, const uint64_t *right, const int64_t *right_at, uint64_t count) {
    vector x[NUMBER], y[NUMBER];
    for (uint64_t start = 0; start < count; start += LANES) {
        NAMED(gather)(x, left, left_at, start, count, m);
        NAMED(gather)(y, right, right_at, start, count, m);
        NAMED(product)(x, x, y, m);
        NAMED(scatter)(out, out_at, start, count, x, m);
    }
}

/* numbers[i] = numbers[i]^(2^times). */
TARGET void NAMED(square)(const struct modulus *m, uint64_t *numbers, uint64_t count, uint64_t times) {
    vector x[NUMBER];
    for (uint64_t start = 0; start < count; start += LANES) {
        NAMED(gather)(x, numbers, NULL, start, count, m);
        for (uint64_t time = 0; time < times; time++) NAMED(squared)(x, m);
        NAMED(scatter)(numbers, NULL, start, count, x, m);
    }
}

/* The products of all subsets of each `group` consecutive numbers: row s of a group's 2^group rows is the product of
 * the numbers t for which bit t of s is set. If the last group is incomplete, rows for its missing numbers are left as
 * they are. */
TARGET void NAMED(subsets)(const struct modulus *m, uint64_t *table, const uint64_t *pool, uint64_t count,
                           uint64_t group, const uint64_t *one) {
    const int64_t first[LANES] = {0};
    vector x[NUMBER], y[NUMBER];
    for (uint64_t start = 0; start < count; start += group, table += m->stride << group) {
        memcpy(table, one, m->stride * sizeof(uint64_t));
        for (uint64_t index = 0; index < group && start + index < count; index++) {
            const uint64_t half = UINT64_C(1) << index;
            uint64_t *with = table + half * m->stride;
            memcpy(with, pool + (start + index) * m->stride, m->stride * sizeof(uint64_t));
            NAMED(gather)(y, with, first, 0, LANES, m);
            for (uint64_t subset = 1; subset < half; subset += LANES) {
                NAMED(gather)(x, table, NULL, subset, half, m);
                NAMED(product)(x, x, y, m);
                NAMED(scatter)(with, NULL, subset, half, x, m);
            }
        }
    }
}

/* numbers[i] *= prod_g table[keys[g * key_stride + i]]. The addresses that are read depend on the keys, which therefore
 * must not be secret from anyone who can observe this machine's caches. */
TARGET void NAMED(chain)(const struct modulus *m, uint64_t *numbers, uint64_t count, const uint64_t *table,
                         const int64_t *keys, uint64_t key_stride, uint64_t groups) {
    vector x[NUMBER], y[NUMBER];
    for (uint64_t start = 0; start < count; start += LANES) {
        NAMED(gather)(x, numbers, NULL, start, count, m);
        for (uint64_t group = 0; group < groups; group++) {
            const int64_t *at = keys + group * key_stride;
            if (group + 1 < groups) NAMED(prefetch)(table, at + key_stride, start, count, m);
            NAMED(gather)(y, table, at, start, count, m);
            NAMED(product)(x, x, y, m);
        }
        NAMED(scatter)(numbers, NULL, start, count, x, m);
    }
}

/* The same with secret keys of WINDOW bits: whole tables are read. The layout is table[g][digit][key], with digits as
 * in a row. Several batches of numbers use each part of the table in turn, so that it is loaded from memory once. */
TARGET void NAMED(chain_secret)(const struct modulus *m, uint64_t *numbers, uint64_t count, const uint64_t *table,
                                const uint8_t *keys, uint64_t key_stride, uint64_t groups) {
    enum { TURNS = 4 };
    const uint64_t digits = m->halves * m->blocks * BLOCK;
    vector x[TURNS][NUMBER], y[NUMBER];
    for (uint64_t start = 0; start < count; start += TURNS * LANES) {
        const uint64_t rest = (count - start + LANES - 1) / LANES, turns = rest < TURNS ? rest : TURNS;
        for (uint64_t turn = 0; turn < turns; turn++)
            NAMED(gather)(x[turn], numbers, NULL, start + turn * LANES, count, m);
        for (uint64_t group = 0; group < groups; group++) {
            const uint64_t *words = table + ((group * digits) << WINDOW);
            for (uint64_t turn = 0; turn < turns; turn++) {
                uint8_t wanted[LANES];
                for (uint64_t lane = 0; lane < LANES; lane++) {
                    const uint64_t index = start + turn * LANES + lane;
                    wanted[lane] = keys[group * key_stride + (index < count ? index : count - 1)];
                }
                const struct NAMED(choice) choice = NAMED(choose)(wanted);
                for (uint64_t digit = 0; digit < digits; digit++)
                    y[digit] = NAMED(chosen)(words + (digit << WINDOW), choice);
                NAMED(product)(x[turn], x[turn], y, m);
            }
        }
        for (uint64_t turn = 0; turn < turns; turn++)
            NAMED(scatter)(numbers, NULL, start + turn * LANES, count, x[turn], m);
    }
}

/* numbers[i] = numbers[i]^e, with e as at least one hexadecimal digit, highest first. e may be secret: only its number
 * of digits is visible. `one` is a row; `scratch` has room for 16 numbers of LANES lanes, and one vector to align. */
TARGET void NAMED(power)(const struct modulus *m, uint64_t *numbers, uint64_t count, const uint8_t *exponent,
                         uint64_t length, const uint64_t *one, uint64_t *scratch) {
    const uint64_t digits = m->halves * m->blocks * BLOCK;
    const int64_t first[LANES] = {0};
    vector x[NUMBER], y[NUMBER];
    vector *table = (vector *)(((uintptr_t)scratch + sizeof(vector) - 1) & ~(uintptr_t)(sizeof(vector) - 1));
    for (uint64_t start = 0; start < count; start += LANES) {
        NAMED(gather)(x, numbers, NULL, start, count, m);
        NAMED(gather)(y, one, first, 0, LANES, m);
        for (uint64_t entry = 0; entry < 16; entry++) {
            memcpy(table + entry * digits, y, digits * sizeof(vector));
            NAMED(product)(y, y, x, m);
        }
        for (uint64_t window = 0; window < length; window++) {
            for (int bit = 0; window > 0 && bit < 4; bit++) NAMED(squared)(x, m);
            vector wanted[16];
            for (uint64_t entry = 0; entry < 16; entry++)
                wanted[entry] = NAMED(all)(0 - (((entry ^ exponent[window]) - 1) >> 63));
            for (uint64_t digit = 0; digit < digits; digit++) {
                vector word = NAMED(zero)();
                UNROLLED(int entry = 0; entry < 16; entry++)
                    word = NAMED(or)(word, NAMED(and)(table[(uint64_t)entry * digits + digit], wanted[entry]));
                y[digit] = word;
            }
            if (window == 0)
                memcpy(x, y, digits * sizeof(vector));
            else
                NAMED(product)(x, x, y, m);
        }
        NAMED(scatter)(numbers, NULL, start, count, x, m);
    }
}

#undef MOST_DIGITS
#undef NUMBER
#undef DIGIT
