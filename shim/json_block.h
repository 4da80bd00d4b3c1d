/* Sixty-four bytes of a JSON text at once. json.c includes this for each WIDTH of vectors that the processor may have.

   Every question is asked of all bytes together, and answered by one bit for each: where are quotes, which bytes stand in a
   string, which digits follow a dot. The grammar is the same for short strings and long ones, numbers and blanks, since next
   to nothing here is a branch. What reaches over the end of a block is carried to the next.

   Tokens are held to each other by cursors: from the end of a token the cursor goes past blanks to the beginning of the next
   one, and what stands there must be allowed behind the first. */
#define JOINED(name, width) name##_##width
#define NAMED_FOR(name, width) JOINED(name, width)
#define NAMED(name) NAMED_FOR(name, WIDTH)
#define lanes NAMED(lanes)
#define bits_of NAMED(bits_of)
#define place_brackets NAMED(place_brackets)
#define check_utf8 NAMED(check_utf8)
#define escaped_bytes NAMED(escaped_bytes)
#define check_numbers NAMED(check_numbers)
#define check_order NAMED(check_order)
#define scan_block NAMED(scan_block)
#define scan_blocks NAMED(scan_blocks)

/* What the processor can do in one step. */
#if WIDTH == 32
typedef long long double_word __attribute__((vector_size(16)));
#define odd_ones_up_to(bits) ((uint64_t)__builtin_ia32_pclmulqdq128((double_word){(long long)(bits)}, (double_word){-1}, 0)[0])
#define compressed(bits, mask) __builtin_ia32_pext_di(bits, mask)
#define expanded(bits, mask) __builtin_ia32_pdep_di(bits, mask)
#endif

typedef unsigned char lanes __attribute__((vector_size(WIDTH), aligned(1), may_alias));

/* One bit for each byte: its highest one. */
static inline __attribute__((always_inline)) uint64_t bits_of(const lanes *bytes)
{
    uint64_t bits = 0;
#if WIDTH == 32
    typedef char signed_lanes __attribute__((vector_size(WIDTH)));
    for (int i = 0; i < 2; i++)
        bits |= (uint64_t)(uint32_t)__builtin_ia32_pmovmskb256((signed_lanes)bytes[i]) << i * WIDTH;
#elif defined __x86_64__
    typedef char signed_lanes __attribute__((vector_size(WIDTH)));
    for (int i = 0; i < 4; i++)
        bits |= (uint64_t)(uint32_t)__builtin_ia32_pmovmskb128((signed_lanes)bytes[i]) << i * WIDTH;
#else
    static const uint8_t places[] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t place = vld1q_u8(places);
    uint8x16_t some[4];
    for (int i = 0; i < 4; i++)
        some[i] = vandq_u8((uint8x16_t)((bytes[i] & 0x80) != 0), place);
    some[0] = vpaddq_u8(vpaddq_u8(some[0], some[1]), vpaddq_u8(some[2], some[3]));
    bits = vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(some[0], some[0])), 0);
#endif
    return bits;
}

/* Where the `test` of a byte `c` is true. */
#define WHERE(test)                                                                                                            \
    ({                                                                                                                         \
        lanes found[64 / WIDTH];                                                                                               \
        _Pragma("GCC unroll 4") for (int i = 0; i < 64 / WIDTH; i++)                                                           \
        {                                                                                                                      \
            const lanes c = block[i];                                                                                          \
            found[i] = (lanes)(test);                                                                                          \
        }                                                                                                                      \
        bits_of(found);                                                                                                        \
    })

/* Go in and out of the brackets: which bytes stand directly in an object, and, as the result, which in no bracket at all. */
static inline __attribute__((always_inline)) uint64_t place_brackets(struct json_scan *scan, uint64_t open, uint64_t close,
                                                                     uint64_t brace, uint64_t *in_object)
{
    const uint64_t all = open | close, first = is_in_object(scan);
    uint64_t outside = is_outermost(scan) ? (all & -all) - 1 : 0;
    if (!all) {
        *in_object = -first;
    } else if (all & (all - 1) && (!open || !close) && (!(all & brace) || !(all & ~brace))) {
        *in_object = place_alike(scan, all, open, all & brace);
    } else {
        const uint64_t behind_each =
            place_groups(scan, compressed(open, all), compressed(brace, all), (unsigned)__builtin_popcountll(all));
        *in_object = odd_ones_up_to(expanded(behind_each ^ (behind_each << 1 | first), all)) ^ -first;
    }
    if (all && is_outermost(scan))
        outside |= UINT64_MAX << (63 - __builtin_clzll(all));
    return outside;
}

/* UTF-8 (RFC 3629), from the single bits of the bytes: 110..., 1110... and 11110... lead, 10... follows, and overlong forms,
   surrogates and what lies above U+10FFFF are told by the four highest bits that a first and a second byte leave open. */
static inline __attribute__((always_inline)) void check_utf8(struct json_scan *scan, const lanes *block)
{
    uint64_t *carry = scan->carry;
    const uint64_t bit7 = bits_of(block), bit6 = WHERE(c << 1), bit5 = WHERE(c << 2), bit4 = WHERE(c << 3),
                   bit3 = WHERE(c << 4), bit2 = WHERE(c << 5), bit1 = WHERE(c << 6), bit0 = WHERE(c << 7);
    const uint64_t lead = bit7 & bit6, three = lead & bit5, four = three & bit4;
    const uint64_t followers = lead << 1 | three << 2 | four << 3 | carry[FOLLOWERS];
    carry[FOLLOWERS] = lead >> 63 | three >> 62 | four >> 61;

    const uint64_t two_zeros = ~(bit3 | bit2), zeros = two_zeros & ~(bit1 | bit0);
    const uint64_t c0_c1 = lead & ~(bit5 | bit4 | bit1) & two_zeros, above_f4 = four & (bit3 | (bit2 & (bit1 | bit0)));
    const uint64_t behind_e0 = behind(three & ~bit4 & zeros, &carry[BEHIND_E0]);
    const uint64_t behind_ed = behind(three & ~bit4 & bit3 & bit2 & ~bit1 & bit0, &carry[BEHIND_ED]);
    const uint64_t behind_f0 = behind(four & zeros, &carry[BEHIND_F0]);
    const uint64_t behind_f4 = behind(four & bit2, &carry[BEHIND_F4]);
    scan->wrong |= (followers ^ (bit7 & ~bit6)) | c0_c1 | above_f4 | (behind_e0 & ~bit5) | (behind_ed & bit5) |
                   (behind_f0 & ~(bit5 | bit4)) | (behind_f4 & (bit5 | bit4));
}

/* What stands behind an odd number of backslashes, held to what may; never a backslash itself, but for the first byte. */
static inline __attribute__((always_inline)) uint64_t escaped_bytes(struct json_scan *scan, const lanes *block,
                                                                    uint64_t backslash)
{
    const uint64_t even = 0x5555555555555555;
    uint64_t *carry = scan->carry, *hex = &carry[HEX_DIGITS];
    uint64_t escaped = carry[ESCAPED], run = backslash & ~escaped, from = run & ~(run << 1), odd_end, even_end;
    bool ignored = __builtin_add_overflow(run, from & even, &odd_end);
    (void)ignored; /* it would end at an even place: nothing is escaped there */
    carry[ESCAPED] = __builtin_add_overflow(run, from & ~even, &even_end);
    escaped |= ((odd_end & ~even) | (even_end & even)) & ~run;

    const uint64_t unicode = escaped & WHERE(c == 'u');
    const uint64_t digits = unicode << 1 | unicode << 2 | unicode << 3 | unicode << 4 | *hex;
    *hex = unicode >> 63 | unicode >> 62 | unicode >> 61 | unicode >> 60;
    scan->wrong |= escaped & ~(unicode | WHERE((c == '"') | (c == '\\') | (c == '/') | (c == 'b') | (c == 'f') | (c == 'n') |
                                               (c == 'r') | (c == 't')));
    if (digits)
        scan->wrong |= digits & ~WHERE(((c - '0') < 10) | (((c | 0x20) - 'a') < 6));
    return escaped;
}

/* true, false and null, looked at from behind: all of them is there then. */
static inline __attribute__((always_inline)) void NAMED(check_words)(struct json_scan *scan, uint64_t word, uint64_t scalar,
                                                                     const unsigned char *at)
{
    uint64_t *carry = scan->carry;
    const uint64_t fourth = word << 4 | carry[FOURTH], fifth = word << 5 | carry[FIFTH];
    uint64_t end = end_of_run(word, scalar, &carry[WORD]);
    carry[FOURTH] = word >> 60;
    carry[FIFTH] = word >> 59;
    scan->wrong |= end & ~(fourth | fifth);
    for (end &= fourth | fifth; end; end &= end - 1) {
        const unsigned char *last_four = at + __builtin_ctzll(end) - 4;
        const bool five = end & -end & fifth;
        scan->wrong |= five ? memcmp(last_four, "alse", 4) != 0 || last_four[-1] != 'f'
                            : memcmp(last_four, "true", 4) != 0 && memcmp(last_four, "null", 4) != 0;
    }
}

/* Numbers, by the grammar's own parts from the left to the right. */
static inline __attribute__((always_inline)) void check_numbers(struct json_scan *scan, const lanes *block, uint64_t scalar,
                                                                uint64_t start, const unsigned char *at)
{
    uint64_t *carry = scan->carry;
    const uint64_t digit = WHERE((c - '0') < 10) & scalar, minus = WHERE(c == '-');
    const uint64_t word = start & ~(digit | minus); /* or nothing that may stand there, which is no word either */

    const uint64_t first = (start & ~(word | minus)) | behind(start & minus, &carry[BEHIND_MINUS]);
    const uint64_t zero = first & WHERE(c == '0');
    const uint64_t whole = behind(zero, &carry[BEHIND_ZERO]) | end_of_run(first & digit & ~zero, digit, &carry[WHOLE]);
    const uint64_t dot = whole & WHERE(c == '.'), decimals = behind(dot, &carry[BEHIND_DOT]);
    uint64_t end = (whole & ~dot) | end_of_run(decimals & digit, digit, &carry[DECIMALS]);
    scan->wrong |= (first | decimals) & ~digit;
    const uint64_t letter = end & WHERE((c | 0x20) == 'e');
    if (letter | carry[BEHIND_LETTER] | carry[BEHIND_SIGN] | carry[EXPONENT]) {
        const uint64_t behind_letter = behind(letter, &carry[BEHIND_LETTER]), sign = minus | WHERE(c == '+');
        const uint64_t exponent = (behind_letter & ~sign) | behind(behind_letter & sign, &carry[BEHIND_SIGN]);
        end = (end & ~letter) | end_of_run(exponent & digit, digit, &carry[EXPONENT]);
        scan->wrong |= exponent & ~digit;
    }
    scan->wrong |= end & scalar;
    if (word | carry[WORD])
        NAMED(check_words)(scan, word, scalar, at);
}

/* Where a name, a colon, a value, a comma or the end of a bracket must stand. */
static inline __attribute__((always_inline)) void check_order(struct json_scan *scan, const struct tokens *found,
                                                              uint64_t space)
{
    uint64_t *carry = scan->carry;
    const uint64_t name = next(found->names, space, &carry[NAME]), value = next(found->values, space, &carry[VALUE]);
    const uint64_t name_end = end_of_run(name & found->opening, found->inside, &carry[IN_NAME]);
    const uint64_t behind_name = next(name_end, space, &carry[BEHIND_NAME]);
    const uint64_t value_end = behind((found->closing & ~name_end) | found->close, &carry[BEHIND_VALUE]) | found->scalar_end;
    const uint64_t behind_value = end_of_run(value_end, space, &carry[SPACE_BEHIND_VALUE]);
    const uint64_t behind_open = next(found->open, space, &carry[BEHIND_OPEN]);
    scan->wrong |= (name & ~(found->opening | found->close)) |
                   (value & ~(found->open | found->opening | found->start | found->close)) | (behind_name ^ found->colon) |
                   (behind_value & ~(found->comma | found->close)) | (found->close & ~(behind_value | behind_open));
}

/* Go on by the block; it stands at `at` in the text, or would if that were so long. */
static inline __attribute__((always_inline)) void scan_block(struct json_scan *scan, const unsigned char *bytes,
                                                             const unsigned char *at)
{
    uint64_t *carry = scan->carry;
    const lanes *block = (const lanes *)bytes;

    if (bits_of(block) | carry[FOLLOWERS])
        check_utf8(scan, block);
    const uint64_t backslash = WHERE(c == '\\');
    uint64_t quote = WHERE(c == '"');
    if (backslash | carry[ESCAPED] | carry[HEX_DIGITS])
        quote &= ~escaped_bytes(scan, block, backslash);
    const uint64_t control = WHERE(c < 0x20);
    if (carry[INSIDE] & ~quote & 1 && quote == 0) {
        scan->wrong |= control;
        return;
    }

    /* A string is inside from its opening quote up to its closing one. */
    const uint64_t inside = odd_ones_up_to(quote) ^ -carry[INSIDE];
    carry[INSIDE] = inside >> 63;
    const uint64_t opening = quote & inside, closing = quote & ~inside, outside = ~(inside | quote);
    scan->wrong |= control & inside;

    uint64_t space = outside & WHERE(c == ' ');
    if (control & outside) /* in a text that somebody is to read */
        space |= outside & WHERE((c == '\n') | (c == '\r') | (c == '\t'));
    const uint64_t open = outside & WHERE((c | 0x20) == '{'), close = outside & WHERE((c | 0x20) == '}');
    const uint64_t comma = outside & WHERE(c == ','), colon = outside & WHERE(c == ':');
    const uint64_t scalar = outside & ~(space | open | close | comma | colon);
    const uint64_t behind_scalar = behind(scalar, &carry[BEHIND_SCALAR]), start = scalar & ~behind_scalar;
    const uint64_t brace = WHERE(c << 2); /* '{' is '[' and one bit */
    if (scalar | behind_scalar)
        check_numbers(scan, block, scalar, start, at);

    uint64_t in_object;
    scan->wrong |= comma & place_brackets(scan, open, close, brace, &in_object);

    const uint64_t names = (open & brace) | (comma & in_object), values = (open & ~brace) | (comma & ~in_object) | colon;
    const struct tokens found = {
        names, values, open, close, comma, colon, opening, closing, inside, start, behind_scalar & ~scalar};
    if (space) /* most texts have some in each block, or none at all */
        check_order(scan, &found, space);
    else
        check_order(scan, &found, 0);
}

/* Whole blocks; and what is left behind them, with blanks behind it, where no more of the text will come. */
static void scan_blocks(struct json_scan *scan, const unsigned char *text, size_t size, bool ended)
{
    unsigned char last[64];
    for (bool whole = true; whole && !scan->wrong; scan->at += sizeof last) {
        const unsigned char *bytes = text + scan->at;
        const size_t left = size - scan->at;
        whole = left >= sizeof last;
        if (!whole && !ended)
            return;
        if (!whole) {
            memset(last, ' ', sizeof last);
            memcpy(last, text ? bytes : last, left);
            bytes = last;
        }
        scan_block(scan, bytes, text + scan->at);
    }
}

#undef NAMED_FOR
#undef JOINED
#undef NAMED
#undef lanes
#undef bits_of
#undef WHERE
#undef place_brackets
#undef check_utf8
#undef escaped_bytes
#undef check_numbers
#undef check_order
#undef scan_block
#undef scan_blocks
#undef odd_ones_up_to
#undef compressed
#undef expanded
#undef WIDTH
