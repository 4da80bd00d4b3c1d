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
static inline __attribute__((always_inline)) uint64_t odd_ones_up_to(uint64_t bits)
{
    for (int distance = 1; distance < 64; distance *= 2)
        bits ^= bits << distance;
    return bits;
}

/* Those of the bits that the mask has, together at the low end. */
static inline uint64_t compressed(uint64_t bits, uint64_t mask)
{
    uint64_t all = 0;
    for (int at = 0; mask; mask &= mask - 1)
        all |= (bits >> __builtin_ctzll(mask) & 1) << at++;
    return all;
}

/* And back to the places of the mask. */
static inline uint64_t expanded(uint64_t bits, uint64_t mask)
{
    uint64_t all = 0;
    for (; mask; mask &= mask - 1, bits >>= 1)
        all |= mask & -mask & -(bits & 1);
    return all;
}

/* ---- brackets ---- */

enum { BRACKETS = 63, KEPT = 32, GROUP = 4 };

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

/* The outer ones of many brackets are laid aside, half a number at a time, so that none goes in and out at the border. */
static void lay_aside(struct json_scan *scan)
{
    const uint64_t aside = scan->braces >> KEPT;
    append(&scan->outer, &aside, sizeof aside);
    scan->braces = (scan->braces & ((UINT64_C(1) << KEPT) - 1)) | UINT64_C(1) << KEPT;
}

static void take_back(struct json_scan *scan)
{
    const unsigned there = brackets_in(scan->braces);
    uint64_t aside;
    scan->outer.size -= sizeof aside;
    memcpy(&aside, scan->outer.data + scan->outer.size, sizeof aside);
    scan->braces = (scan->braces ^ UINT64_C(1) << there) | aside << there;
}

/* `count` brackets of one kind are opened. */
static void go_in(struct json_scan *scan, bool brace, unsigned count)
{
    scan->wrong |= scan->opened && is_outermost(scan); /* a second value */
    scan->opened = true;
    while (count > 0) {
        if (brackets_in(scan->braces) == BRACKETS)
            lay_aside(scan);
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
        if (scan->braces == 1 && scan->outer.size > 0)
            take_back(scan);
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

/* What up to four brackets in a row do, told by a table: to guess each of them cost more than all the rest. */
struct group {
    unsigned char pops, pop_mask, pop_kinds; /* brackets of before that it closes, and their kinds, the innermost lowest */
    unsigned char pushes, push_kinds;        /* those that it leaves open */
    unsigned char wrong;                     /* it closes one of its own as another kind */
    unsigned char known;                     /* behind which of them we are in an object that it opens itself */
} __attribute__((aligned(8)));
static struct group groups[GROUP << 2 * GROUP];
static unsigned char objects[GROUP << GROUP]
                            [1 << (GROUP + 1)]; /* by the brackets of before: behind which we are in one of those */

/* Its row in `objects`, for the others. */
static unsigned row_of(uint64_t opens, unsigned count)
{
    return (count - 1) << GROUP | (opens & ((1 << GROUP) - 1));
}

/* `opens`, `kinds`: a bit for each bracket, the first the lowest. */
static const struct group *group_of(uint64_t opens, uint64_t kinds, unsigned count)
{
    const uint64_t mask = (1 << GROUP) - 1;
    return groups + ((count - 1) << 2 * GROUP | (kinds & mask) << GROUP | (opens & mask));
}

static void make_group(unsigned opens, unsigned kinds, unsigned count)
{
    struct group *group = groups + (group_of(opens, kinds, count) - groups);
    unsigned char own[GROUP], level = 0, open = 0;
    unsigned char *row = objects[row_of(opens, count)];
    memset(row, 0, sizeof *objects);
    for (unsigned i = 0; i < count; i++) {
        const unsigned char kind = kinds >> i & 1;
        if (opens >> i & 1)
            own[open++] = kind;
        else if (open > 0)
            group->wrong |= own[--open] ^ kind;
        else
            group->pop_kinds |= (unsigned char)(kind << level++);
        if (open > 0)
            group->known |= (unsigned char)(own[open - 1] << i);
        for (unsigned before = 0; open == 0 && before < sizeof *objects; before++)
            row[before] |= (unsigned char)((before >> level & 1) << i);
    }
    group->pops = level;
    group->pop_mask = (unsigned char)((1 << level) - 1);
    group->pushes = open;
    for (unsigned i = 0; i < open; i++)
        group->push_kinds |= (unsigned char)(own[i] << (open - 1 - i));
}

/* Once. */
static void make_groups(void)
{
    for (unsigned count = 1; count <= GROUP && !groups[sizeof groups / sizeof *groups - 1].pushes; count++)
        for (unsigned i = 0; i < 1 << 2 * GROUP; i++)
            make_group(i & ((1 << GROUP) - 1), i >> GROUP, count);
}

/* The number is at one of its ends, and there is more of it. */
static __attribute__((noinline)) bool moved_from_end(struct json_scan *scan)
{
    const bool full = brackets_in(scan->braces) >= BRACKETS - GROUP;
    if (full)
        lay_aside(scan);
    else if (scan->outer.size > 0)
        take_back(scan);
    else
        return false;
    return true;
}

/* The same, one by one, next to the outermost. */
static __attribute__((noinline)) uint64_t place_few(struct json_scan *scan, uint64_t opens, uint64_t kinds, unsigned count)
{
    uint64_t in_object = 0;
    for (unsigned i = 0; i < count; i++) {
        (opens >> i & 1 ? go_in : go_out)(scan, kinds >> i & 1, 1);
        in_object |= is_in_object(scan) << i;
    }
    return in_object;
}

/* Up to four brackets, told as those of a group: behind which of them we are in an object. */
static inline __attribute__((always_inline)) uint64_t place_group(struct json_scan *scan, uint64_t *braces, uint64_t *wrong,
                                                                  uint64_t opens, uint64_t kinds, unsigned count)
{
    const uint64_t deepest = UINT64_C(1) << (BRACKETS - GROUP);
    const struct group *group = group_of(opens, kinds, count);
    uint64_t rest;
    while (rest = *braces >> group->pops, __builtin_expect(rest - 2 >= deepest - 2, 0)) { /* beyond the number */
        scan->braces = *braces;
        const bool again = moved_from_end(scan);
        const uint64_t here = again ? 0 : place_few(scan, opens, kinds, count);
        *braces = scan->braces;
        if (!again)
            return here;
    }
    *wrong |= ((*braces ^ group->pop_kinds) & group->pop_mask) | group->wrong;
    const uint64_t here = group->known | objects[row_of(opens, count)][*braces % sizeof *objects];
    *braces = rest << group->pushes | group->push_kinds;
    return here;
}

/* The same of any number. */
static inline __attribute__((always_inline)) uint64_t place_groups(struct json_scan *scan, uint64_t opens, uint64_t kinds,
                                                                   unsigned count)
{
    uint64_t in_object = 0, braces = scan->braces, wrong = 0;
    unsigned at = 0;
    for (; count - at >= GROUP; at += GROUP, opens >>= GROUP, kinds >>= GROUP)
        in_object |= place_group(scan, &braces, &wrong, opens, kinds, GROUP) << at;
    if (at < count)
        in_object |= place_group(scan, &braces, &wrong, opens, kinds, count - at) << at;
    scan->braces = braces;
    scan->wrong |= wrong;
    return in_object;
}

/* ---- the text ---- */

/* Of a block: what names and values follow on, and where they stand. */
struct tokens {
    uint64_t names, values, open, close, comma, colon, opening, closing, inside, start, scalar_end;
};

#define WIDTH 16
#include "json_block.h"
#ifdef __x86_64__
#pragma GCC push_options
#pragma GCC target("avx2,bmi,bmi2,popcnt,pclmul")
#define WIDTH 32
#include "json_block.h"
#pragma GCC pop_options
#endif

#ifdef __x86_64__
static bool wide_vectors(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("pclmul");
}
#endif

static void scan_on(struct json_scan *scan, const char *text, size_t size, bool ended)
{
    const unsigned char *bytes = (const unsigned char *)text;
    if (!scan->begun) {
        make_groups();
        scan->carry[VALUE] = scan->braces = 1;
    }
    scan->begun = true;
#ifdef __x86_64__
    if (wide_vectors()) {
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
