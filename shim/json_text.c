/* Text as a JSON string, and a string out of an object. */
#include "bootstrap.h"

#include <string.h>

/* The length of the UTF-8 character at `at`; where there is none, minus the bytes that U+FFFD stands for (as in every
   browser and Node: the longest beginning of a character, at least one byte). Overlong forms, surrogates and what lies
   above U+10FFFF are no characters. */
static __attribute__((noinline)) int utf8_length(const unsigned char *at, const unsigned char *end)
{
    unsigned char from = at[0] == 0xE0 ? 0xA0 : at[0] == 0xF0 ? 0x90 : 0x80;
    unsigned char to = at[0] == 0xED ? 0x9F : at[0] == 0xF4 ? 0x8F : 0xBF;
    int length = at[0] < 0x80 ? 1 : at[0] < 0xC2 ? -1 : at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : at[0] < 0xF5 ? 4 : -1;
    for (int i = 1; i < length; i++) {
        if (at + i == end || at[i] < from || at[i] > to)
            return -i;
        from = 0x80;
        to = 0xBF;
    }
    return length;
}

/* Past the bytes that mean nothing inside a JSON string, eight at a time: the lowest of the high bits that are set stands in
   the first byte that is a control character, a quote, a backslash, or above ASCII. */
static inline const unsigned char *skip_plain(const unsigned char *at, const unsigned char *end)
{
    const uint64_t each = 0x0101010101010101u, high = each << 7;
    for (; end - at >= 8; at += 8) {
        uint64_t some, special;
        memcpy(&some, at, sizeof some);
        special = (((some - each * 0x20) | ((some ^ each * '"') - each) | ((some ^ each * '\\') - each) | some)) & high;
        if (special)
            return at + __builtin_ctzll(special) / 8;
    }
    while (at < end && *at >= 0x20 && *at < 0x80 && *at != '"' && *at != '\\')
        at++;
    return at;
}

/* Past the string whose opening quote is behind us, or NULL where it does not end. */
static const unsigned char *skip_string(const unsigned char *at, const unsigned char *end)
{
    while ((at = skip_plain(at, end)) < end) {
        if (*at == '"')
            return at + 1;
        at += *at == '\\' && end - at > 1 ? 2 : 1;
    }
    return NULL;
}

static inline const unsigned char *skip_space(const unsigned char *at, const unsigned char *end)
{
    while (at < end && *at <= ' ' && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

/* The text of an object's member, as it stands between the quotes; NULL where there is none, or it is no string. `object` is
   known to be JSON. */
const char *json_text_member(const char *object, size_t size, const char *name, size_t *length)
{
    const unsigned char *at = (const unsigned char *)object, *end = at + size;
    int depth = 0;
    bool names = false; /* the next string is a member's name */
    while (at < end) {
        unsigned char c = *at++;
        if (c == '{' || c == '[')
            depth++;
        if (c == '}' || c == ']')
            depth--;
        if (c == '{' || c == ',')
            names = true;
        if (c != '"')
            continue;
        const unsigned char *text = at;
        at = skip_string(at, end);
        if (!at)
            return NULL;
        bool ours = names && depth == 1 && (size_t)(at - 1 - text) == strlen(name) && !memcmp(text, name, strlen(name));
        names = false;
        if (!ours)
            continue;
        at = skip_space(skip_space(at, end) + 1, end);
        text = at + 1;
        if (*at != '"' || !(at = skip_string(text, end)))
            return NULL;
        *length = (size_t)(at - 1 - text);
        return (const char *)text;
    }
    return NULL;
}

/* The text as a JSON string; what is not UTF-8 becomes U+FFFD. */
void append_quoted(struct buffer *buffer, const char *text, size_t size)
{
    const unsigned char *at = (const unsigned char *)text, *end = at + size;
    append(buffer, "\"", 1);
    while (at < end) {
        const unsigned char *plain = skip_plain(at, end);
        append(buffer, at, (size_t)(plain - at));
        if ((at = plain) == end)
            break;
        int length = utf8_length(at, end);
        if (length > 1)
            append(buffer, at, (size_t)length);
        else if (length < 0)
            append_text(buffer, "\xEF\xBF\xBD");
        else if (*at == '"' || *at == '\\')
            append_format(buffer, "\\%c", *at);
        else if (*at == '\n')
            append_text(buffer, "\\n");
        else
            append_format(buffer, "\\u%04x", *at);
        at += length < 0 ? -length : length;
    }
    append(buffer, "\"", 1);
}
