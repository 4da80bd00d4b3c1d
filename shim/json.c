/* Is this text JSON? Asked of sixty-four bytes at a time (json_block.h), and while they come. */
#include "bootstrap.h"

#include <stdlib.h>
#include <string.h>
#ifdef __aarch64__
#include <arm_neon.h>
#endif

/* ---- bits of a block, the first byte's the lowest; `carry`: what goes on in the next block ---- */

/* The bytes directly behind these. */
static inline uint64_t behind(uint64_t bits, uint64_t *carry)
{
    uint64_t moved = bits << 1 | *carry;
    *carry = bits >> 63;
    return moved;
}

/* From bytes, in a run or not, past it: the sum carries each through its run, as 9 + 1 does through all nines. */
static inline uint64_t end_of_run(uint64_t bits, uint64_t run, uint64_t *carry)
{
    uint64_t sum;
    bits |= *carry;
    *carry = __builtin_add_overflow(bits & run, run, &sum);
    return (sum | bits) & ~run;
}

/* The first bytes behind these that are not in a run. */
static inline uint64_t next(uint64_t bits, uint64_t run, uint64_t *carry)
{
    uint64_t last = bits >> 63, end = end_of_run(bits << 1, run, carry);
    *carry |= last;
    return end;
}

/* Whether the number of ones up to and with a place is odd. */
static inline uint64_t odd_ones_up_to(uint64_t bits)
{
    for (int distance = 1; distance < 64; distance *= 2)
        bits ^= bits << distance;
    return bits;
}

/* ---- brackets ---- */

enum { BRACKETS = 63 };

/* No value is open: the text has not begun, or its value has ended. */
static bool is_outermost(const struct json_scan *scan)
{
    return scan->braces == 1 && scan->outer.size == 0;
}

static uint64_t is_in_object(const struct json_scan *scan)
{
    return is_outermost(scan) ? 0 : scan->braces & 1;
}

static unsigned brackets_in(uint64_t braces)
{
    return BRACKETS - (unsigned)__builtin_clzll(braces);
}

/* `count` brackets of one kind are opened. */
static void go_in(struct json_scan *scan, bool brace, unsigned count)
{
    scan->wrong |= scan->opened && is_outermost(scan); /* a second value */
    scan->opened = true;
    while (count > 0) {
        if (brackets_in(scan->braces) == BRACKETS) {
            append(&scan->outer, &scan->braces, sizeof scan->braces);
            scan->braces = 1;
        }
        unsigned room = BRACKETS - brackets_in(scan->braces), some = room < count ? room : count;
        scan->braces = ((scan->braces + brace) << some) - brace;
        count -= some;
    }
}

static void go_out(struct json_scan *scan, bool brace, unsigned count)
{
    while (count > 0 && !is_outermost(scan)) {
        unsigned there = brackets_in(scan->braces), some = there < count ? there : count;
        scan->wrong |= (scan->braces ^ -(uint64_t)brace) & ((UINT64_C(1) << some) - 1);
        scan->braces >>= some;
        count -= some;
        if (scan->braces == 1 && scan->outer.size > 0) {
            scan->outer.size -= sizeof scan->braces;
            memcpy(&scan->braces, scan->outer.data + scan->outer.size, sizeof scan->braces);
        }
    }
    scan->wrong |= count;
}

/* Several of one kind, all opened or all closed, as in deep texts: the bytes that stand directly in an object. */
static uint64_t place_alike(struct json_scan *scan, uint64_t all, bool opened, bool brace)
{
    const uint64_t before = is_in_object(scan);
    const int turn = opened ? __builtin_ctzll(all) : 63 - __builtin_clzll(all);
    (opened ? go_in : go_out)(scan, brace, (unsigned)__builtin_popcountll(all));
    return -before ^ -(before ^ is_in_object(scan)) << turn;
}

/* One after the other; next to nothing here is a branch that can be guessed wrong. */
static inline __attribute__((always_inline)) uint64_t place_each(struct json_scan *scan, uint64_t all, uint64_t open,
                                                                 uint64_t brace)
{
    uint64_t in_object = is_in_object(scan), object = -in_object, braces = scan->braces;
    for (; all; all &= all - 1) {
        const int place = __builtin_ctzll(all);
        const uint64_t is_open = open >> place & 1, is_brace = brace >> place & 1, before = in_object;
        if (__builtin_expect(is_open ? braces == 1 || braces >> BRACKETS : braces <= 3, 0)) { /* beyond the number */
            scan->braces = braces;
            (is_open ? go_in : go_out)(scan, is_brace, 1);
            braces = scan->braces;
            in_object = is_in_object(scan);
        } else {
            scan->wrong |= (braces ^ is_brace) & ~is_open & 1;
            braces = is_open ? braces << 1 | is_brace : braces >> 1;
            in_object = braces & 1;
        }
        object ^= -(before ^ in_object) << place;
    }
    scan->braces = braces;
    return object;
}

/* Go in and out of the brackets: which bytes stand directly in an object, and, as the result, which in no bracket at all. */
static inline __attribute__((always_inline)) uint64_t place_brackets(struct json_scan *scan, uint64_t open, uint64_t close,
                                                                     uint64_t brace, uint64_t *in_object)
{
    const uint64_t all = open | close;
    uint64_t outside = is_outermost(scan) ? (all & -all) - 1 : 0;
    if (all & (all - 1) && (!open || !close) && (!(all & brace) || !(all & ~brace)))
        *in_object = place_alike(scan, all, open, all & brace);
    else
        *in_object = place_each(scan, all, open, brace);
    if (all && is_outermost(scan))
        outside |= UINT64_MAX << (63 - __builtin_clzll(all));
    return outside;
}

/* ---- the text ---- */

#define WIDTH 16
#include "json_block.h"
#ifdef __x86_64__
#pragma GCC push_options
#pragma GCC target("avx2,bmi")
#define WIDTH 32
#include "json_block.h"
#pragma GCC pop_options
#endif

static void scan_on(struct json_scan *scan, const char *text, size_t size, bool ended)
{
    const unsigned char *bytes = (const unsigned char *)text;
    if (!scan->begun)
        scan->carry[VALUE] = scan->braces = 1;
    scan->begun = true;
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi")) {
        scan_blocks_32(scan, bytes, size, ended);
        return;
    }
#endif
    scan_blocks_16(scan, bytes, size, ended);
}

/* See as much as is there of a text that comes in pieces, one behind the other in the same place. */
void json_feed(struct json_scan *scan, const char *text, size_t size)
{
    scan_on(scan, text, size, false);
}

/* Whether the whole text is one JSON value in UTF-8 (RFC 8259). The scan is used up. */
bool json_end(struct json_scan *scan, const char *text, size_t size)
{
    scan_on(scan, text, size, true);
    bool good = !scan->wrong && is_outermost(scan) && scan->carry[SPACE_BEHIND_VALUE];
    release(&scan->outer);
    *scan = (struct json_scan){0};
    return good;
}

bool is_json(const char *text, size_t size)
{
    struct json_scan scan = {0};
    return json_end(&scan, text, size);
}
