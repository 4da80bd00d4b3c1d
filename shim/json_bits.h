/* What json_block.h asks of the bits of a block: LANES numbers of sixty-four, the first byte's bit the lowest of the first.

   Four numbers lie in one vector, and one step does the same to each of them. `carry` is what goes on in the next block, as a
   bit for its first byte, or a few. */
#define JOINED(name, width) name##_##width
#define NAMED_FOR(name, width) JOINED(name, width)
#define NAMED(name) NAMED_FOR(name, WIDTH)
#define bits NAMED(bits)
#define at_first NAMED(at_first)
#define number_at NAMED(number_at)
#define at_last NAMED(at_last)
#define is_any NAMED(is_any)
#define before NAMED(before)
#define plus NAMED(plus)
#define insides NAMED(insides)
#define moved_up NAMED(moved_up)
#define behind NAMED(behind)
#define past NAMED(past)
#define next NAMED(next)

#if LANES == 4
typedef uint64_t bits __attribute__((vector_size(32)));
typedef long long quads __attribute__((vector_size(32)));
typedef int halves __attribute__((vector_size(32)));
typedef double doubles __attribute__((vector_size(32)));

/* All bits of the numbers that `i` has a bit for. */
#define ONES(i)                                                                                                                \
    {                                                                                                                          \
        -((i)&UINT64_C(1)), -((i) >> 1 & UINT64_C(1)), -((i) >> 2 & UINT64_C(1)), -((i) >> 3 & UINT64_C(1))                    \
    }
static const bits ones_in[1 << LANES] = {ONES(0), ONES(1), ONES(2),  ONES(3),  ONES(4),  ONES(5),  ONES(6),  ONES(7),
                                         ONES(8), ONES(9), ONES(10), ONES(11), ONES(12), ONES(13), ONES(14), ONES(15)};
#undef ONES

/* A bit for each number: its highest one. */
INLINE unsigned highest(bits some)
{
    return (unsigned)__builtin_ia32_movmskpd256((doubles)some);
}

INLINE bits at_first(uint64_t number)
{
    return (bits){number};
}

INLINE uint64_t number_at(bits some, int place)
{
    return some[place];
}

INLINE bool is_any(bits some)
{
    return !__builtin_ia32_ptestz256((quads)some, (quads)some);
}

/* The number before each; the first gets `carry`, and that the last. */
INLINE bits before(bits some, uint64_t *carry)
{
    const quads turned = __builtin_ia32_permdi256((quads)some, 0x93);
    const halves all = __builtin_ia32_pblendd256((halves)turned, (halves)at_first(*carry), 3);
    *carry = (uint64_t)turned[0];
    return (bits)all;
}

/* The sum, and what is carried out of it. Between the numbers the carries are found by a sum, too: of a bit for each, where a
   number that is full hands on what it gets. */
INLINE bits plus(bits one, bits other, uint64_t *carry)
{
    const bits sum = one + other;
    const unsigned out = highest((one & other) | ((one | other) & ~sum)), full = highest((bits)(sum == ~(bits){0}));
    const unsigned in = (out * 2 + full) ^ full;
    *carry = in >> LANES;
    return sum - ones_in[in % (1 << LANES)];
}

/* The bytes with an odd number of these up to and with them. */
INLINE bits insides(bits some, uint64_t *carry)
{
#pragma GCC unroll 6
    for (int distance = 1; distance < 64; distance *= 2)
        some ^= some << distance;
    unsigned odd = highest(some) << 1;
    odd ^= odd << 1;
    odd ^= odd << 2;
    odd ^= -(unsigned)*carry;
    *carry = odd >> LANES & 1;
    return some ^ ones_in[odd % (1 << LANES)];
}
#else
typedef uint64_t bits;

INLINE bits at_first(uint64_t number)
{
    return number;
}

INLINE uint64_t number_at(bits some, int place)
{
    (void)place;
    return some;
}

INLINE bool is_any(bits some)
{
    return some != 0;
}

INLINE bits before(bits some, uint64_t *carry)
{
    const bits all = *carry;
    *carry = some;
    return all;
}

INLINE bits plus(bits one, bits other, uint64_t *carry)
{
    bits sum;
    *carry = __builtin_add_overflow(one, other, &sum);
    return sum;
}

INLINE bits insides(bits some, uint64_t *carry)
{
    const bits all = odd_ones_up_to(some) ^ -*carry;
    *carry = all >> 63;
    return all;
}
#endif

INLINE uint64_t at_last(bits some)
{
    return number_at(some, LANES - 1);
}

/* The bytes so many behind these. */
INLINE bits moved_up(bits some, int by, uint64_t carry)
{
    return some << by | before(some >> (64 - by), &carry);
}

/* The bytes directly behind these. */
INLINE bits behind(bits some, uint64_t *carry)
{
    return some << 1 | before(some >> 63, carry);
}

/* Past the run that these are in: the sum carries each through its run, as 9 + 1 does through all nines. */
INLINE bits past(bits some, bits run, uint64_t *carry)
{
    return plus(some | at_first(*carry), run, carry) & ~run;
}

/* The first bytes behind these, which are in no run, that are in none either. */
INLINE bits next(bits some, bits run, uint64_t *carry)
{
    uint64_t last = *carry;
    const bits end = plus(behind(some, &last), run, carry) & ~run;
    *carry |= last;
    return end;
}
