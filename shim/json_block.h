/* Sixty-four bytes of a JSON text at once. json.c includes this for each WIDTH of vectors that the processor may have.

   The bytes are taken apart into their bits first: eight numbers of sixty-four, from which a few steps tell any kind of byte.
   Every question is asked of all bytes together, and answered by one bit for each: where are quotes, which bytes stand in a
   string, which digits follow a dot. The grammar is the same for short strings and long ones, numbers and blanks, since next
   to nothing here is a branch. What reaches over the end of a block is carried to the next.

   Tokens are held to each other by cursors: from the end of a token the cursor goes past blanks, or past all that is no
   bracket, comma or colon, and what stands there must be allowed behind the first. Whether a comma stands in an object is told
   by the colons around it, so that nothing waits for the brackets: those are compared later, many at once (json.c). */
#define JOINED(name, width) name##_##width
#define NAMED_FOR(name, width) JOINED(name, width)
#define NAMED(name) NAMED_FOR(name, WIDTH)
#define lanes NAMED(lanes)
#define signed_lanes NAMED(signed_lanes)
#define bits_of NAMED(bits_of)
#define has_bit7 NAMED(has_bit7)
#define take_bits NAMED(take_bits)
#define check_utf8 NAMED(check_utf8)
#define escaped_bytes NAMED(escaped_bytes)
#define check_words NAMED(check_words)
#define check_numbers NAMED(check_numbers)
#define check_order NAMED(check_order)
#define queue_brackets NAMED(queue_brackets)
#define scan_block NAMED(scan_block)
#define scan_blocks NAMED(scan_blocks)

/* What the processor can do in one step. */
#if WIDTH == 32
typedef long long double_word __attribute__((vector_size(16)));
#define odd_ones_up_to(bits) ((uint64_t)__builtin_ia32_pclmulqdq128((double_word){(long long)(bits)}, (double_word){-1}, 0)[0])
#define compress(mask, first, second)                                                                                          \
    (*(first) = __builtin_ia32_pext_di(*(first), mask), *(second) = __builtin_ia32_pext_di(*(second), mask),                   \
     (unsigned)__builtin_popcountll(mask))
#endif

typedef unsigned char lanes __attribute__((vector_size(WIDTH), aligned(1), may_alias));
typedef char signed_lanes __attribute__((vector_size(WIDTH)));

/* One bit for each byte: its highest one. */
static inline __attribute__((always_inline)) uint64_t bits_of(const lanes *bytes)
{
    uint64_t bits = 0;
#if WIDTH == 32
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++)
        bits |= (uint64_t)(uint32_t)__builtin_ia32_pmovmskb256((signed_lanes)bytes[i]) << i * WIDTH;
#elif defined __x86_64__
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
        bits |= (uint64_t)(uint32_t)__builtin_ia32_pmovmskb128((signed_lanes)bytes[i]) << i * WIDTH;
#else
    static const uint8_t places[] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t place = vld1q_u8(places);
    uint8x16_t some[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
        some[i] = vandq_u8((uint8x16_t)((bytes[i] & 0x80) != 0), place);
    some[0] = vpaddq_u8(vpaddq_u8(some[0], some[1]), vpaddq_u8(some[2], some[3]));
    bits = vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(some[0], some[0])), 0);
#endif
    return bits;
}

/* Whether a byte has its highest bit. */
static inline __attribute__((always_inline)) bool has_bit7(lanes bytes)
{
#if WIDTH == 32
    return __builtin_ia32_pmovmskb256((signed_lanes)bytes);
#elif defined __x86_64__
    return __builtin_ia32_pmovmskb128((signed_lanes)bytes);
#else
    return vmaxvq_u8((uint8x16_t)bytes) & 0x80;
#endif
}

/* The eight bits of each byte: in the first number the lowest of all, and so on. */
static inline __attribute__((always_inline)) void take_bits(uint64_t *bit, const lanes *block)
{
    lanes left[64 / WIDTH];
    memcpy(left, block, sizeof left);
#pragma GCC unroll 8
    for (int i = 7; i >= 0; i--) {
        bit[i] = bits_of(left);
#pragma GCC unroll 4
        for (int j = 0; j < 64 / WIDTH; j++)
            left[j] += left[j];
    }
}

/* UTF-8 (RFC 3629), from the single bits of the bytes: 110..., 1110... and 11110... lead, 10... follows, and overlong forms,
   surrogates and what lies above U+10FFFF are told by the four highest bits that a first and a second byte leave open. */
static inline __attribute__((always_inline)) void check_utf8(struct json_scan *scan, const uint64_t *bit)
{
    uint64_t *carry = scan->carry;
    const uint64_t lead = bit[7] & bit[6], three = lead & bit[5], four = three & bit[4];
    const uint64_t followers = lead << 1 | three << 2 | four << 3 | carry[FOLLOWERS];
    carry[FOLLOWERS] = lead >> 63 | three >> 62 | four >> 61;

    const uint64_t two_zeros = ~(bit[3] | bit[2]), zeros = two_zeros & ~(bit[1] | bit[0]);
    const uint64_t c0_c1 = lead & ~(bit[5] | bit[4] | bit[1]) & two_zeros;
    const uint64_t above_f4 = four & (bit[3] | (bit[2] & (bit[1] | bit[0])));
    const uint64_t behind_e0 = behind(three & ~bit[4] & zeros, &carry[BEHIND_E0]);
    const uint64_t behind_ed = behind(three & ~bit[4] & bit[3] & bit[2] & ~bit[1] & bit[0], &carry[BEHIND_ED]);
    const uint64_t behind_f0 = behind(four & zeros, &carry[BEHIND_F0]);
    const uint64_t behind_f4 = behind(four & bit[2], &carry[BEHIND_F4]);
    scan->wrong |= (followers ^ (bit[7] & ~bit[6])) | c0_c1 | above_f4 | (behind_e0 & ~bit[5]) | (behind_ed & bit[5]) |
                   (behind_f0 & ~(bit[5] | bit[4])) | (behind_f4 & (bit[5] | bit[4]));
}

/* What stands behind an odd number of backslashes, held to what may; never a backslash itself, but for the first byte. */
static inline __attribute__((always_inline)) uint64_t escaped_bytes(struct json_scan *scan, const uint64_t *bit,
                                                                    uint64_t backslash)
{
    const uint64_t even = 0x5555555555555555;
    uint64_t *carry = scan->carry, *hex = &carry[HEX_DIGITS];
    uint64_t escaped = carry[ESCAPED], run = backslash & ~escaped, from = run & ~(run << 1), odd_end, even_end;
    bool ignored = __builtin_add_overflow(run, from & even, &odd_end);
    (void)ignored; /* it would end at an even place: nothing is escaped there */
    carry[ESCAPED] = __builtin_add_overflow(run, from & ~even, &even_end);
    escaped |= ((odd_end & ~even) | (even_end & even)) & ~run;

    const uint64_t unicode = escaped & IS('u');
    const uint64_t digits = unicode << 1 | unicode << 2 | unicode << 3 | unicode << 4 | *hex;
    *hex = unicode >> 63 | unicode >> 62 | unicode >> 61 | unicode >> 60;
    if (digits)
        scan->wrong |= digits & ~(IS_DIGIT | IS_A_TO_F);
    scan->wrong |= escaped & ~(unicode | IS('"') | IS('\\') | IS('/') | IS('b') | IS('f') | IS('n') | IS('r') | IS('t'));
    return escaped;
}

/* Numbers, by the grammar's own parts from the left to the right. */
static inline __attribute__((always_inline)) void check_numbers(struct json_scan *scan, const uint64_t *bit, uint64_t scalar,
                                                                uint64_t start, uint64_t word)
{
    uint64_t *carry = scan->carry;
    const uint64_t digit = IS_DIGIT & scalar, minus = IS('-');
    const uint64_t first = (start & ~(word | minus)) | behind(start & minus, &carry[BEHIND_MINUS]);
    const uint64_t zero = first & IS('0');
    const uint64_t whole = behind(zero, &carry[BEHIND_ZERO]) | past(first & digit & ~zero, digit, &carry[WHOLE]);
    const uint64_t dot = whole & IS('.'), decimals = behind(dot, &carry[BEHIND_DOT]);
    const uint64_t tail = (whole & ~dot) | past(decimals & digit, digit, &carry[DECIMALS]);
    const uint64_t letter = tail & IS_LETTER('E');
    const uint64_t behind_letter = behind(letter, &carry[BEHIND_LETTER]), sign = minus | IS('+');
    const uint64_t exponent = (behind_letter & ~sign) | behind(behind_letter & sign, &carry[BEHIND_SIGN]);
    const uint64_t end = (tail & ~letter) | past(exponent & digit, digit, &carry[EXPONENT]);
    scan->wrong |= ((first | decimals | exponent) & ~digit) | (end & scalar);
}

/* true, false and null: each letter behind the first. */
static inline __attribute__((always_inline)) void check_words(struct json_scan *scan, const uint64_t *bit, uint64_t scalar,
                                                              uint64_t word)
{
    uint64_t *carry = scan->carry;
    const uint64_t trues = word & IS('t'), falses = word & IS('f'), nulls = word & IS('n');
#define AFTER(words, name, places) (words << places | carry[name] >> (5 - places))
    scan->wrong |= (word ^ (trues | falses | nulls)) | (AFTER(trues, TRUES, 1) & ~IS('r')) |
                   (AFTER(trues, TRUES, 2) & ~IS('u')) | (AFTER(nulls, NULLS, 1) & ~IS('u')) |
                   ((AFTER(nulls, NULLS, 2) | AFTER(nulls, NULLS, 3) | AFTER(falses, FALSES, 2)) & ~IS('l')) |
                   (AFTER(falses, FALSES, 1) & ~IS('a')) | (AFTER(falses, FALSES, 3) & ~IS('s')) |
                   ((AFTER(trues, TRUES, 3) | AFTER(falses, FALSES, 4)) & ~IS('e')) |
                   ((AFTER(trues, TRUES, 4) | AFTER(nulls, NULLS, 4) | AFTER(falses, FALSES, 5)) & scalar);
#undef AFTER
    carry[TRUES] = trues >> 59;
    carry[FALSES] = falses >> 59;
    carry[NULLS] = nulls >> 59;
}

/* Which token may stand behind which; and, as the result, the brackets, commas and colons with a colon before them. */
static inline __attribute__((always_inline)) uint64_t check_order(struct json_scan *scan, const struct tokens *found)
{
    uint64_t *carry = scan->carry;
    const uint64_t comma = found->comma, colon = found->colon, close = found->close, end = close & found->brace;
    const uint64_t behind_string = next(found->closing, found->space, &carry[SPACE_BEHIND_STRING]);
    const uint64_t behind_scalar =
        next(found->scalar, found->space, &carry[SPACE_BEHIND_SCALAR]) & ~(found->scalar ^ found->start);
    const uint64_t behind_open = next(found->open, found->space, &carry[SPACE_BEHIND_OPEN]);
    const uint64_t behind_close = next(close, found->space, &carry[SPACE_BEHIND_CLOSE]);
    const uint64_t behind_simple = behind_string | behind_scalar, behind_value = behind_simple | behind_close;
    scan->wrong |= (behind_value & ~(comma | colon | close)) | (colon & ~behind_string) | (comma & ~behind_value) |
                   (close & ~(behind_value | behind_open));

    /* And from bracket, comma or colon to the next of these: behind a bracket that was closed, a comma may stand in either. */
    const uint64_t others = ~(found->open | close | comma | colon);
    const uint64_t after_colon = next(colon, others, &carry[AFTER_COLON]);
    const uint64_t before_name = next((found->open & found->brace) | (comma & after_colon), others, &carry[BEFORE_NAME]);
    const uint64_t after_either = next(comma & behind_close, others, &carry[AFTER_EITHER]);
    scan->wrong |= (before_name & ~(colon | (end & ~behind_simple))) | (colon & ~(before_name | after_either)) |
                   (end & ~(after_colon | before_name | behind_close)) | (close & ~end & after_colon);
    return after_colon;
}

/* Those of a block. The first bracket, comma or colon of a text must be the outermost bracket, which has none to be compared
 * with. */
static inline __attribute__((always_inline)) void queue_brackets(struct json_scan *scan, const struct tokens *found,
                                                                 uint64_t after_colon)
{
    uint64_t all = found->open | found->close, tokens = all | found->comma | found->colon;
    if (!scan->opened && tokens) {
        scan->wrong |= tokens & -tokens & ~found->open;
        scan->opened = true;
        all &= ~(tokens & -tokens);
    }
    if (all) {
        uint64_t opens = found->open, claims = (found->open & after_colon) | (found->close & found->brace);
        const unsigned count = compress(all, &opens, &claims);
        queue(scan, opens, claims, count);
    }
}

/* Go on by the block. */
static inline __attribute__((always_inline)) void scan_block(struct json_scan *scan, const unsigned char *bytes)
{
    uint64_t *carry = scan->carry;
    const lanes *block = (const lanes *)bytes;
    uint64_t bit[8];

    /* In a long string there is nothing to see but its end. */
    lanes any = {0};
#pragma GCC unroll 4
    for (int i = 0; i < 64 / WIDTH; i++) /* a quote is 0x20 ^ 2: it comes to lie beside the control characters */
        any |= (lanes)((signed_lanes)(block[i] ^ 2) < 0x21) | (lanes)(block[i] == '\\');
    if (carry[INSIDE] && !(has_bit7(any) | carry[FOLLOWERS] | carry[ESCAPED] | carry[HEX_DIGITS]))
        return;

    take_bits(bit, block);
    if (bit[7] | carry[FOLLOWERS])
        check_utf8(scan, bit);
    const uint64_t backslash = IS('\\');
    uint64_t quote = IS('"');
    if (backslash | carry[ESCAPED] | carry[HEX_DIGITS])
        quote &= ~escaped_bytes(scan, bit, backslash);

    /* A string is inside from its opening quote up to its closing one. */
    const uint64_t inside = odd_ones_up_to(quote) ^ -carry[INSIDE], outside = ~(inside | quote);
    scan->wrong |= inside & WHERE(0, 0xE0);
    if (carry[INSIDE] && !quote)
        return;
    carry[INSIDE] = inside >> 63;

    struct tokens found = {.brace = bit[5], .closing = quote & ~inside};
    found.space = outside & (IS(' ') | IS_BREAK);
    found.open = outside & IS_LETTER('[');
    found.close = outside & IS_LETTER(']');
    found.comma = outside & IS(',');
    found.colon = outside & IS(':');
    const uint64_t scalar = outside & ~(found.space | found.open | found.close | found.comma | found.colon);
    const uint64_t behind_scalar = behind(scalar, &carry[BEHIND_SCALAR]), start = scalar & ~behind_scalar;
    found.scalar = scalar;
    found.start = start;
    if (scalar | behind_scalar) {
        const uint64_t word = start & bit[6];
        check_numbers(scan, bit, scalar, start, word);
        if (word | carry[TRUES] | carry[FALSES] | carry[NULLS])
            check_words(scan, bit, scalar, word);
    }
    queue_brackets(scan, &found, check_order(scan, &found));
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
        scan_block(scan, bytes);
    }
}

#undef NAMED_FOR
#undef JOINED
#undef NAMED
#undef lanes
#undef signed_lanes
#undef bits_of
#undef has_bit7
#undef take_bits
#undef check_utf8
#undef escaped_bytes
#undef check_words
#undef check_numbers
#undef check_order
#undef queue_brackets
#undef scan_block
#undef scan_blocks
#undef odd_ones_up_to
#undef compress
#undef WIDTH
