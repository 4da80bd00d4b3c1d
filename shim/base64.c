/* Base64 by tables (RFC 4648): eight characters for six bytes at a time, over the data's own place where that is wished. */
#include "bootstrap.h"

#include <string.h>

enum { NO_DIGIT = 64, FOREIGN = 1u << 31 };

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Two characters for each twelve bits, in the order of memory (x86-64 and arm64 put the low byte first). */
static const uint16_t *pairs(void)
{
    static uint16_t table[4096];
    if (table[0] == 0)
        for (unsigned i = 0; i < 4096; i++)
            table[i] = (uint16_t)((unsigned char)digits[i >> 6] | (unsigned char)digits[i & 63] << 8);
    return table;
}

static unsigned value_of(unsigned c)
{
    const char *found = c ? strchr(digits, (int)c) : NULL;
    return found ? (unsigned)(found - digits) : c == '-' ? 62 : c == '_' ? 63 : NO_DIGIT; /* of both alphabets */
}

/* For each of four characters, its bits where they stand in three bytes in the order of memory; FOREIGN for no digit. */
static uint32_t (*places(void))[256]
{
    static uint32_t table[4][256];
    static bool made;
    for (unsigned c = 0; c < 256 && !made; c++) {
        unsigned value = value_of(c);
        bool foreign = value == NO_DIGIT;
        table[0][c] = foreign ? FOREIGN : value << 2;
        table[1][c] = foreign ? FOREIGN : value >> 4 | (value & 15) << 12;
        table[2][c] = foreign ? FOREIGN : value >> 2 << 8 | (value & 3) << 22;
        table[3][c] = foreign ? FOREIGN : value << 16;
    }
    made = true;
    return table;
}

/* How many characters stand for so many bytes. */
size_t base64_size(size_t size)
{
    return (size + 2) / 3 * 4;
}

/* Encode so that the text ends at `end`; the data may stand in the front of that very place. */
void encode_base64(char *end, const char *data, size_t size)
{
    const uint16_t *two = pairs();
    const unsigned char *start = (const unsigned char *)data, *at = start + size;
    size_t rest = size % 3;
    if (rest > 0) {
        at -= rest;
        uint32_t bits = (uint32_t)at[0] << 16 | (rest > 1 ? (uint32_t)at[1] << 8 : 0);
        end -= 4;
        memcpy(end, &two[bits >> 12], 2);
        memcpy(end + 2, &two[bits & 4095], 2);
        memcpy(end + rest + 1, "==", 3 - rest);
    }
    while (at - start >= 8) { /* the last six of eight bytes */
        uint64_t bits, text;
        memcpy(&bits, at - 8, sizeof bits);
        bits = __builtin_bswap64(bits);
        text = two[bits >> 36 & 4095] | (uint64_t)two[bits >> 24 & 4095] << 16 | (uint64_t)two[bits >> 12 & 4095] << 32 |
               (uint64_t)two[bits & 4095] << 48;
        at -= 6;
        end -= 8;
        memcpy(end, &text, sizeof text);
    }
    while (at > start) {
        at -= 3;
        end -= 4;
        uint32_t bits = (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];
        memcpy(end, &two[bits >> 12], 2);
        memcpy(end + 2, &two[bits & 4095], 2);
    }
}

/* Decode over the text's own bytes; how many they are then, -1 where it is no base64. Line breaks are passed over. */
ssize_t decode_base64(char *text, size_t size)
{
    uint32_t(*place)[256] = places();
    const unsigned char *at = (const unsigned char *)text, *end = at + size;
    uint32_t bits = 0;
    size_t count = 0, padding = 0;
    char *out = text;
    while (at < end) {
        if (count % 4 == 0 && padding == 0)
            for (; end - at >= 4; at += 4, out += 3) {
                uint32_t three = place[0][at[0]] | place[1][at[1]] | place[2][at[2]] | place[3][at[3]];
                if (three & FOREIGN)
                    break;
                memcpy(out, &three, sizeof three); /* the fourth byte is one that was read */
            }
        if (at == end)
            break;
        unsigned char c = *at++;
        if (c == '\r' || c == '\n')
            continue;
        if (c == '=' && padding < 2) {
            padding++;
            continue;
        }
        if (place[3][c] == FOREIGN || padding > 0)
            return -1;
        bits = bits << 6 | place[3][c] >> 16;
        if (++count % 4 == 0) {
            *out++ = (char)(bits >> 16);
            *out++ = (char)(bits >> 8);
            *out++ = (char)bits;
        }
    }
    size_t rest = count % 4;
    if (rest == 1)
        return -1;
    if (rest >= 2)
        *out++ = (char)(rest == 2 ? bits >> 4 : bits >> 10);
    if (rest == 3)
        *out++ = (char)(bits >> 2);
    return out - text;
}
