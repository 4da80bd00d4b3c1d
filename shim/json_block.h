/* A block of a JSON text at once: LANES times sixty-four bytes. json.c includes this for each WIDTH of vectors that the
   processor may have.

   The bytes are taken apart into their bits first: eight rows of them, from which a few steps tell any kind of byte.
   Every question is asked of all bytes together, and answered by one bit for each: where are quotes, which bytes stand in a
   string, which digits follow a dot. The grammar is the same for short strings and long ones, numbers and blanks, since next
   to nothing here is a branch. What reaches over the end of a block is carried to the next.

   Tokens are held to each other by cursors: from the end of a token the cursor goes past blanks, or past all that is no
   bracket, comma or colon, and what stands there must be allowed behind the first. Whether a comma stands in an object is told
   by the colons around it, so that nothing waits for the brackets: those are compared later, many at once (json.c). */
#include "json_bits.h"
#define tokens NAMED(tokens)
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
#define queue_some NAMED(queue_some)
#define queue_brackets NAMED(queue_brackets)
#define scan_block NAMED(scan_block)
#define scan_blocks NAMED(scan_blocks)

/* Of a block; where the brackets are braces; and `space`, blanks. */
struct tokens {
    bits open, close, comma, colon, brace, closing, scalar, start, space;
};

typedef unsigned char lanes __attribute__((vector_size(WIDTH), aligned(1), may_alias));
typedef char signed_lanes __attribute__((vector_size(WIDTH)));

#if LANES == 4
#define compress(mask, first, second)                                                                                          \
    (*(first) = __builtin_ia32_pext_di(*(first), mask), *(second) = __builtin_ia32_pext_di(*(second), mask),                   \
     (unsigned)__builtin_popcountll(mask))
#endif

/* One bit for each of so many bytes: its highest one. */
INLINE uint64_t bits_of(const lanes *bytes)
{
#if LANES == 4
    return (uint32_t)__builtin_ia32_pmovmskb256((signed_lanes)*bytes);
#elif defined __x86_64__
    uint64_t all = 0;
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
        all |= (uint64_t)(uint32_t)__builtin_ia32_pmovmskb128((signed_lanes)bytes[i]) << i * WIDTH;
    return all;
#else
    static const uint8_t places[] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t place = vld1q_u8(places);
    uint8x16_t some[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
        some[i] = vandq_u8((uint8x16_t)((bytes[i] & 0x80) != 0), place);
    some[0] = vpaddq_u8(vpaddq_u8(some[0], some[1]), vpaddq_u8(some[2], some[3]));
    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(some[0], some[0])), 0);
#endif
}

/* Whether a byte has its highest bit. */
INLINE bool has_bit7(lanes bytes)
{
#if WIDTH == 32
    return __builtin_ia32_pmovmskb256((signed_lanes)bytes);
#elif defined __x86_64__
    return __builtin_ia32_pmovmskb128((signed_lanes)bytes);
#else
    return vmaxvq_u8((uint8x16_t)bytes) & 0x80;
#endif
}

/* The eight bits of each byte: in the first row the lowest of all, and so on. */
INLINE void take_bits(bits *bit, const lanes *block)
{
    enum { COUNT = 64 * LANES / WIDTH };
    lanes left[COUNT];
    memcpy(left, block, sizeof left);
#if LANES == 4
    uint32_t parts[8][COUNT]; /* all written before one is read, or the processor would wait for each */
#endif
#pragma GCC unroll 8
    for (int i = 7; i >= 0; i--) {
#if LANES == 4
#pragma GCC unroll 8
        for (int j = 0; j < COUNT; j++)
            parts[i][j] = (uint32_t)bits_of(left + j);
#else
        bit[i] = bits_of(left);
#endif
#pragma GCC unroll 8
        for (int j = 0; j < COUNT; j++)
            left[j] += left[j];
    }
#if LANES == 4
    memcpy(bit, parts, sizeof parts);
#endif
}

/* UTF-8 (RFC 3629), from the single bits of the bytes: 110..., 1110... and 11110... lead, 10... follows, and overlong forms,
   surrogates and what lies above U+10FFFF are told by the four highest bits that a first and a second byte leave open. */
INLINE void check_utf8(struct json_scan *scan, const bits *bit, bits *wrong)
{
    uint64_t *carry = scan->carry;
    const bits lead = bit[7] & bit[6], three = lead & bit[5], four = three & bit[4];
    const bits followers = moved_up(lead, 1, carry[FOLLOWERS]) | moved_up(three, 2, 0) | moved_up(four, 3, 0);
    carry[FOLLOWERS] = at_last(lead) >> 63 | at_last(three) >> 62 | at_last(four) >> 61;

    const bits two_zeros = ~(bit[3] | bit[2]), zeros = two_zeros & ~(bit[1] | bit[0]);
    const bits c0_c1 = lead & ~(bit[5] | bit[4] | bit[1]) & two_zeros;
    const bits above_f4 = four & (bit[3] | (bit[2] & (bit[1] | bit[0])));
    const bits behind_e0 = behind(three & ~bit[4] & zeros, &carry[BEHIND_E0]);
    const bits behind_ed = behind(three & ~bit[4] & bit[3] & bit[2] & ~bit[1] & bit[0], &carry[BEHIND_ED]);
    const bits behind_f0 = behind(four & zeros, &carry[BEHIND_F0]);
    const bits behind_f4 = behind(four & bit[2], &carry[BEHIND_F4]);
    *wrong |= (followers ^ (bit[7] & ~bit[6])) | c0_c1 | above_f4 | (behind_e0 & ~bit[5]) | (behind_ed & bit[5]) |
              (behind_f0 & ~(bit[5] | bit[4])) | (behind_f4 & (bit[5] | bit[4]));
}

/* What stands behind an odd number of backslashes, held to what may; never a backslash itself, but for the first byte. */
INLINE bits escaped_bytes(struct json_scan *scan, const bits *bit, bits backslash, bits *wrong)
{
    const bits even = (bits){0} + 0x5555555555555555;
    uint64_t *carry = scan->carry, *hex = &carry[HEX_DIGITS], none = 0, ignored; /* the last: it would end at an even place */
    bits escaped = at_first(carry[ESCAPED]), run = backslash & ~escaped, from = run & ~behind(run, &none);
    const bits odd_end = plus(run, from & even, &ignored), even_end = plus(run, from & ~even, &carry[ESCAPED]);
    escaped |= ((odd_end & ~even) | (even_end & even)) & ~run;

    const bits unicode = escaped & IS('u');
    const bits digits =
        moved_up(unicode, 1, *hex) | moved_up(unicode, 2, 0) | moved_up(unicode, 3, 0) | moved_up(unicode, 4, 0);
    const uint64_t last = at_last(unicode);
    *hex = last >> 63 | last >> 62 | last >> 61 | last >> 60;
    *wrong |= digits & ~(IS_DIGIT | IS_A_TO_F);
    *wrong |= escaped & ~(unicode | IS('"') | IS('\\') | IS('/') | IS('b') | IS('f') | IS('n') | IS('r') | IS('t'));
    return escaped;
}

/* Numbers, by the grammar's own parts from the left to the right. */
INLINE void check_numbers(struct json_scan *scan, const bits *bit, bits scalar, bits start, bits word, bits *wrong)
{
    uint64_t *carry = scan->carry;
    const bits digit = IS_DIGIT & scalar, minus = IS('-');
    const bits first = (start & ~(word | minus)) | behind(start & minus, &carry[BEHIND_MINUS]);
    const bits zero = first & IS('0');
    const bits whole = behind(zero, &carry[BEHIND_ZERO]) | past(first & digit & ~zero, digit, &carry[WHOLE]);
    const bits dot = whole & IS('.'), decimals = behind(dot, &carry[BEHIND_DOT]);
    const bits tail = (whole & ~dot) | past(decimals & digit, digit, &carry[DECIMALS]);
    const bits letter = tail & IS_LETTER('E');
    const bits behind_letter = behind(letter, &carry[BEHIND_LETTER]), sign = minus | IS('+');
    const bits exponent = (behind_letter & ~sign) | behind(behind_letter & sign, &carry[BEHIND_SIGN]);
    const bits end = (tail & ~letter) | past(exponent & digit, digit, &carry[EXPONENT]);
    *wrong |= ((first | decimals | exponent) & ~digit) | (end & scalar);
}

/* true, false and null: each letter behind the first. */
INLINE void check_words(struct json_scan *scan, const bits *bit, bits scalar, bits word, bits *wrong)
{
    uint64_t *carry = scan->carry;
    const bits trues = word & IS('t'), falses = word & IS('f'), nulls = word & IS('n');
    const bits old_trues = before(trues, &carry[TRUES]), old_falses = before(falses, &carry[FALSES]),
               old_nulls = before(nulls, &carry[NULLS]);
#define AFTER(words, places) (words << places | old_##words >> (64 - places))
    *wrong |= (word ^ (trues | falses | nulls)) | (AFTER(trues, 1) & ~IS('r')) | (AFTER(trues, 2) & ~IS('u')) |
              (AFTER(nulls, 1) & ~IS('u')) | ((AFTER(nulls, 2) | AFTER(nulls, 3) | AFTER(falses, 2)) & ~IS('l')) |
              (AFTER(falses, 1) & ~IS('a')) | (AFTER(falses, 3) & ~IS('s')) |
              ((AFTER(trues, 3) | AFTER(falses, 4)) & ~IS('e')) |
              ((AFTER(trues, 4) | AFTER(nulls, 4) | AFTER(falses, 5)) & scalar);
#undef AFTER
    carry[TRUES] &= ~(UINT64_MAX >> 5);
    carry[FALSES] &= ~(UINT64_MAX >> 5);
    carry[NULLS] &= ~(UINT64_MAX >> 5);
}

/* Which token may stand behind which; and, as the result, the brackets, commas and colons with a colon before them. */
INLINE bits check_order(struct json_scan *scan, const struct tokens *found, bits *wrong)
{
    uint64_t *carry = scan->carry;
    const bits comma = found->comma, colon = found->colon, close = found->close, end = close & found->brace;
    const bits behind_string = next(found->closing, found->space, &carry[SPACE_BEHIND_STRING]);
    const bits behind_scalar = next(found->scalar, found->space, &carry[SPACE_BEHIND_SCALAR]) & ~(found->scalar ^ found->start);
    const bits behind_open = next(found->open, found->space, &carry[SPACE_BEHIND_OPEN]);
    const bits behind_close = next(close, found->space, &carry[SPACE_BEHIND_CLOSE]);
    const bits behind_simple = behind_string | behind_scalar, behind_value = behind_simple | behind_close;
    *wrong |= (behind_value & ~(comma | colon | close)) | (colon & ~behind_string) | (comma & ~behind_value) |
              (close & ~(behind_value | behind_open));

    /* And from bracket, comma or colon to the next of these: behind a bracket that was closed, a comma may stand in either. */
    const bits others = ~(found->open | close | comma | colon);
    const bits after_colon = next(colon, others, &carry[AFTER_COLON]);
    const bits before_name = next((found->open & found->brace) | (comma & after_colon), others, &carry[BEFORE_NAME]);
    const bits after_either = next(comma & behind_close, others, &carry[AFTER_EITHER]);
    *wrong |= (before_name & ~(colon | (end & ~behind_simple))) | (colon & ~(before_name | after_either)) |
              (end & ~(after_colon | before_name | behind_close)) | (close & ~end & after_colon);
    return after_colon;
}

/* Those of sixty-four bytes. The first bracket, comma or colon of a text must be the outermost bracket, which has none to
   be compared with. */
INLINE void queue_some(struct json_scan *scan, uint64_t opens, uint64_t claims, uint64_t all, uint64_t each)
{
    if (!scan->opened && each) {
        scan->wrong |= each & -each & ~opens;
        scan->opened = true;
        all &= ~(each & -each);
    }
    if (all) {
        const unsigned count = compress(all, &opens, &claims);
        queue(scan, opens, claims, count);
    }
}

INLINE void queue_brackets(struct json_scan *scan, const struct tokens *found, bits after_colon)
{
    const bits all = found->open | found->close, each = all | found->comma | found->colon;
    const bits claims = (found->open & after_colon) | (found->close & found->brace);
#pragma GCC unroll 4
    for (int i = 0; i < LANES; i++)
        queue_some(scan, number_at(found->open, i), number_at(claims, i), number_at(all, i), number_at(each, i));
}

/* Go on by the block. */
INLINE void scan_block(struct json_scan *scan, const unsigned char *bytes)
{
    uint64_t *carry = scan->carry;
    const lanes *block = (const lanes *)bytes;
    bits bit[8], wrong = {0};

    /* In a long string there is nothing to see but its end. */
    if (carry[INSIDE]) {
        lanes any = {0};
#pragma GCC unroll 8
        for (int i = 0; i < 64 * LANES / WIDTH; i++) /* a quote is 0x20 ^ 2: it comes to lie beside the control characters */
            any |= (lanes)((signed_lanes)(block[i] ^ 2) < 0x21) | (lanes)(block[i] == '\\');
        if (!(has_bit7(any) | carry[FOLLOWERS] | carry[ESCAPED] | carry[HEX_DIGITS]))
            return;
    }

    take_bits(bit, block);
    if (is_any(bit[7]) || carry[FOLLOWERS])
        check_utf8(scan, bit, &wrong);
    const bits backslash = IS('\\');
    bits quote = IS('"');
    if (is_any(backslash) || carry[ESCAPED] | carry[HEX_DIGITS])
        quote &= ~escaped_bytes(scan, bit, backslash, &wrong);

    /* A string is inside from its opening quote up to its closing one. */
    const bits inside = insides(quote, &carry[INSIDE]), outside = ~(inside | quote);
    wrong |= inside & WHERE(0, 0xE0);
    if (carry[INSIDE] && !is_any(quote)) {
        scan->wrong |= is_any(wrong);
        return;
    }

    struct tokens found = {.brace = bit[5], .closing = quote & ~inside};
    found.space = outside & (IS(' ') | IS_BREAK);
    found.open = outside & IS_LETTER('[');
    found.close = outside & IS_LETTER(']');
    found.comma = outside & IS(',');
    found.colon = outside & IS(':');
    const bits scalar = outside & ~(found.space | found.open | found.close | found.comma | found.colon);
    const bits behind_scalar = behind(scalar, &carry[BEHIND_SCALAR]), start = scalar & ~behind_scalar;
    found.scalar = scalar;
    found.start = start;
    if (is_any(scalar | behind_scalar)) {
        const bits word = start & bit[6];
        check_numbers(scan, bit, scalar, start, word, &wrong);
        if (is_any(word) || carry[TRUES] | carry[FALSES] | carry[NULLS])
            check_words(scan, bit, scalar, word, &wrong);
    }
    queue_brackets(scan, &found, check_order(scan, &found, &wrong));
    scan->wrong |= is_any(wrong);
}

/* Whole blocks; and what is left behind them, with blanks behind it, where no more of the text will come. */
static void scan_blocks(struct json_scan *scan, const unsigned char *text, size_t size, bool ended)
{
    unsigned char last[64 * LANES];
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
#undef bits
#undef tokens
#undef before
#undef at_first
#undef number_at
#undef at_last
#undef is_any
#undef moved_up
#undef behind
#undef plus
#undef past
#undef next
#undef insides
#undef bits_of
#undef has_bit7
#undef take_bits
#undef check_utf8
#undef escaped_bytes
#undef check_words
#undef check_numbers
#undef check_order
#undef queue_some
#undef queue_brackets
#undef scan_block
#undef scan_blocks
#undef compress
#undef LANES
#undef WIDTH
