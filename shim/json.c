/* Is this text JSON? Asked of sixty-four bytes at a time, or of four times as many (json_block.h), and while they come. */
#include "bootstrap.h"

#include <stdlib.h>
#include <string.h>
#ifdef __aarch64__
#include <arm_neon.h>
#endif

#define INLINE static inline __attribute__((always_inline))

/* Whether the number of ones up to and with a place is odd. */
INLINE uint64_t odd_ones_up_to(uint64_t bits)
{
#pragma GCC unroll 6
    for (int distance = 1; distance < 64; distance *= 2)
        bits ^= bits << distance;
    return bits;
}

/* Those of both that the mask has, together at the low end, and how many: each goes down by the zeros below it, 1, 2, 4 ... 32
   places at a time (Warren, Hacker's Delight, 7-4). */
INLINE unsigned compress(uint64_t mask, uint64_t *first, uint64_t *second)
{
    uint64_t zeros = ~mask << 1;
    *first &= mask;
    *second &= mask;
#pragma GCC unroll 6
    for (int by = 1; by < 64; by *= 2) {
        const uint64_t odd = odd_ones_up_to(zeros), move = odd & mask, one = *first & move, other = *second & move;
        mask = (mask ^ move) | move >> by;
        *first = (*first ^ one) | one >> by;
        *second = (*second ^ other) | other >> by;
        zeros &= ~odd;
        if (!zeros)
            break;
    }
    return 64 - (unsigned)__builtin_clzll(mask);
}

/* ---- brackets ----

   Each of them claims that it stands in an object, or that it does not: one that opens by a colon before it, one that closes
   by its own kind. All else between two brackets was held to the same (check_order). So brackets belong together when what
   the opening one claims is what the next one behind the closing one claims. */

enum { GROUP = 4, STRIDE = 4 * GROUP, LEVELS = 63 - STRIDE, ASIDE = LEVELS - 1 - STRIDE, QUEUE = 64 };

/* Between steps the number has room for one more, and the brackets that it may close: the outermost of many are laid aside. */
static inline void make_room(struct json_scan *scan)
{
    uint32_t aside;
    if (__builtin_expect(scan->around >> LEVELS > 0, 0)) {
        const int kept = 63 - __builtin_clzll(scan->around) - ASIDE;
        aside = (uint32_t)(scan->around >> kept);
        append(&scan->outer, &aside, sizeof aside);
        scan->around = scan->around % (UINT64_C(1) << kept) | UINT64_C(1) << kept;
    } else if (__builtin_expect(scan->around >> STRIDE <= 1 && scan->outer.size > 0, 0)) {
        const int there = 63 - __builtin_clzll(scan->around);
        scan->outer.size -= sizeof aside;
        memcpy(&aside, scan->outer.data + scan->outer.size, sizeof aside);
        scan->around = (scan->around ^ UINT64_C(1) << there) | (uint64_t)aside << there;
    }
}

/* What four brackets in a row do, told by a table: to guess each of them cost more than all the rest. */
static struct group {
    unsigned char least;            /* `around`: the outermost bracket stays open */
    unsigned char pop_mask, popped; /* those of before that it closes, and what they must have claimed, the innermost lowest */
    unsigned char turn, pushed;     /* those that it leaves open, in place of those */
    unsigned char wrong;            /* it closes one of its own that claimed the other */
} __attribute__((aligned(8))) groups[1 << 2 * GROUP];

/* `opens`, `claims`: a bit for each bracket, the first the lowest. */
static void make_group(unsigned opens, unsigned claims)
{
    struct group group = {0};
    unsigned char own[GROUP], pops = 0, pushes = 0;
    bool bare = false; /* none of its own is open behind one that closes */
    for (unsigned i = 0; i < GROUP; i++) {
        const unsigned char claim = claims >> i & 1;
        if (opens >> i & 1)
            own[pushes++] = claim;
        else if (pushes > 0)
            group.wrong |= own[--pushes] ^ claim;
        else
            group.popped |= (unsigned char)(claim << pops++);
        bare = bare || pushes == 0;
    }
    group.least = (unsigned char)(bare ? 2 << pops : 1);
    group.pop_mask = (unsigned char)((1 << pops) - 1);
    group.turn = (pushes - pops) % 64u;
    for (unsigned i = 0; i < pushes; i++)
        group.pushed = (unsigned char)(group.pushed << 1 | own[i]);
    groups[claims << GROUP | opens] = group;
}

/* Once. */
static void make_groups(void)
{
    const unsigned all = sizeof groups / sizeof *groups;
    for (unsigned i = 0; i < all && !groups[all - 1].turn; i++)
        make_group(i % (1 << GROUP), i >> GROUP);
}

/* The turn of as many brackets as are queued. Each opens the one before, or closes it and compares. */
static __attribute__((noinline)) void walk(struct json_scan *scan, unsigned count)
{
    uint64_t opens = scan->opens << 1 | scan->last_opens, wrong = 0, below = 0;
    uint64_t claims = (opens & (scan->claims << 1 | scan->last_claims)) | (~opens & scan->claims);
    scan->last_opens = scan->opens >> (count - 1);
    scan->last_claims = scan->claims >> (count - 1);
    const unsigned none = -count % STRIDE; /* to make a whole step of them, and taken back */
    if (none)
        opens |= UINT64_MAX << count;
    for (unsigned at = 0; at < count && !(below >> 63); at += STRIDE, opens >>= STRIDE, claims >>= STRIDE) {
        make_room(scan);
        uint64_t around = scan->around;
        if (opens % (1 << STRIDE) == 0) { /* in and out of deep texts */
            below |= around - (2 << STRIDE);
            wrong |= (around ^ claims) % (1 << STRIDE);
            around >>= STRIDE;
        } else {
#pragma GCC unroll 4
            for (int i = 0; i < STRIDE; i += GROUP) {
                const unsigned row = (claims >> i) % (1 << GROUP) << GROUP | (opens >> i) % (1 << GROUP);
                const struct group *group = groups + row;
                below |= around - group->least;
                around ^= group->popped;
                wrong |= (around & group->pop_mask) | group->wrong;
                around = (around << group->turn | around >> (-group->turn & 63)) ^ group->pushed;
            }
        }
        scan->around = around;
    }
    scan->around >>= none;
    scan->wrong |= wrong | below >> 63;
}

/* Some more of them, together at the low end. */
INLINE void queue(struct json_scan *scan, uint64_t opens, uint64_t claims, unsigned count)
{
    const unsigned at = scan->queued;
    scan->opens |= opens << at;
    scan->claims |= claims << at;
    scan->queued += count;
    if (scan->queued >= QUEUE) {
        walk(scan, QUEUE);
        scan->opens = opens >> 1 >> (QUEUE - 1 - at);
        scan->claims = claims >> 1 >> (QUEUE - 1 - at);
        scan->queued -= QUEUE;
    }
}

/* ---- the text ---- */

/* Where some bits of a byte are those of `byte`. */
#define WHERE(byte, which) (HALF(byte, which, 0) & HALF(byte, which, 4))
#define HALF(byte, which, from)                                                                                                \
    (ONE(byte, which, from) & ONE(byte, which, from + 1) & ONE(byte, which, from + 2) & ONE(byte, which, from + 3))
#define ONE(byte, which, i) (!((which) >> (i)&1) ? ~(bits){0} : (byte) >> (i)&1 ? bit[i] : ~bit[i])
#define IS(byte) WHERE(byte, 0xFF)
#define IS_LETTER(byte) WHERE(byte, 0xDF) /* large or small; and of a bracket, whether it is a brace or not */
#define IS_BREAK (WHERE(8, 0xF8) & (bit[0] ^ bit[1]) & ~(bit[1] & bit[2])) /* 9, 10 or 13 */
#define IS_DIGIT (WHERE('0', 0xF8) | WHERE('8', 0xFE))
#define IS_A_TO_F (WHERE('@', 0xD8) & (bit[2] | bit[1] | bit[0]) & ~(bit[2] & bit[1] & bit[0]))

#define WIDTH 16
#define LANES 1
#include "json_block.h"
#ifdef __x86_64__
#pragma GCC push_options
#pragma GCC target("avx2,bmi,bmi2,popcnt")
#define WIDTH 32
#define LANES 4
#include "json_block.h"
#pragma GCC pop_options
#endif
#undef INLINE
#undef WHERE
#undef HALF
#undef ONE
#undef IS
#undef IS_LETTER
#undef IS_BREAK
#undef IS_DIGIT
#undef IS_A_TO_F

#ifdef __x86_64__
static bool wide_vectors(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
}
#endif

static void scan_on(struct json_scan *scan, const char *text, size_t size, bool ended)
{
    const unsigned char *bytes = (const unsigned char *)text;
    if (!scan->begun) {
        make_groups();
        scan->last_opens = scan->around = 1;
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

/* Whether all brackets were closed, the outermost last, or there was none, and a value was there. */
static bool is_whole(struct json_scan *scan)
{
    if (!scan->opened)
        return scan->carry[SPACE_BEHIND_STRING] | scan->carry[SPACE_BEHIND_SCALAR];
    if (scan->queued > 0)
        walk(scan, scan->queued);
    return !scan->wrong && scan->carry[SPACE_BEHIND_CLOSE] && scan->around >> 1 == 1 && scan->outer.size == 0;
}

/* Whether the whole text is one JSON value in UTF-8 (RFC 8259). The scan is used up. */
bool json_end(struct json_scan *scan, const char *text, size_t size)
{
    scan_on(scan, text, size, true);
    bool good = !scan->wrong && is_whole(scan);
    release(&scan->outer);
    *scan = (struct json_scan){0};
    return good;
}

bool is_json(const char *text, size_t size)
{
    struct json_scan scan = {0};
    return json_end(&scan, text, size);
}
