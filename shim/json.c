/* The little JSON a shim needs: is this text JSON, and this text as a JSON string. */
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

static bool is_hex(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static inline bool is_simple_escape(unsigned char c)
{
    static const bool simple[256] = {
        ['"'] = true, ['\\'] = true, ['/'] = true, ['b'] = true, ['f'] = true, ['n'] = true, ['r'] = true, ['t'] = true};
    return simple[c];
}

/* Past what is no plain byte of a string, and a few of its kind behind it: an escape, or characters above ASCII. Where it
   is cut off by the end, `at` itself; NULL where it is wrong. */
static const unsigned char *skip_special(const unsigned char *at, const unsigned char *end)
{
    if (*at == '\\') {
        if (end - at < 2)
            return at;
        if (at[1] != 'u')
            return is_simple_escape(at[1]) ? at + 2 : NULL;
        for (int i = 2; i < 6; i++) {
            if (at + i == end)
                return at;
            if (!is_hex(at[i]))
                return NULL;
        }
        return at + 6;
    }
    if (*at < 0x20)
        return NULL;
    do { /* characters that are not ASCII come in company */
        if (*at >= 0xC2 && *at < 0xE0 && end - at > 1 && (at[1] & 0xC0) == 0x80) {
            at += 2;
        } else if (*at >= 0xE1 && *at < 0xED && end - at > 2 && (at[1] & 0xC0) == 0x80 && (at[2] & 0xC0) == 0x80) {
            at += 3;
        } else if (*at == 0xF0 && end - at > 3 && at[1] >= 0x90 && at[1] < 0xC0 && (at[2] & at[3] & 0xC0) == 0x80 &&
                   ((at[2] | at[3]) & 0xC0) == 0x80) {
            at += 4;
        } else {
            int length = utf8_length(at, end);
            if (length < 0)
                return at - length == end ? at : NULL;
            at += length;
        }
    } while (at < end && *at >= 0x80);
    return at;
}

/* Past the string whose opening quote is behind us, or NULL. */
static const unsigned char *skip_string(const unsigned char *at, const unsigned char *end)
{
    for (;;) {
        at = skip_plain(at, end);
        if (at == end)
            return NULL;
        if (*at == '"')
            return at + 1;
        const unsigned char *from = at;
        at = skip_special(at, end);
        if (!at || at == from)
            return NULL;
    }
}

static const unsigned char *skip_digits(const unsigned char *at, const unsigned char *end)
{
    const unsigned char *from = at;
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at == from ? NULL : at;
}

static const unsigned char *skip_number(const unsigned char *at, const unsigned char *end)
{
    if (*at == '-')
        at++;
    if (at < end && *at == '0')
        at++;
    else if (!(at = skip_digits(at, end)))
        return NULL;
    if (at < end && *at == '.' && !(at = skip_digits(at + 1, end)))
        return NULL;
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-'))
            at++;
        at = skip_digits(at, end);
    }
    return at;
}

/* Past a number or a word, or NULL. */
static inline const unsigned char *skip_scalar(const unsigned char *at, const unsigned char *end)
{
    switch (*at) {
    case 't': return end - at >= 4 && memcmp(at, "true", 4) == 0 ? at + 4 : NULL;
    case 'f': return end - at >= 5 && memcmp(at, "false", 5) == 0 ? at + 5 : NULL;
    case 'n': return end - at >= 4 && memcmp(at, "null", 4) == 0 ? at + 4 : NULL;
    default: return skip_number(at, end);
    }
}

/* Whether a number or a word, right or wrong, goes to the end, and so perhaps on. */
static bool is_cut_off(const unsigned char *at, const unsigned char *end)
{
    while (at < end &&
           ((*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'z') || *at == '+' || *at == '-' || *at == '.' || *at == 'E'))
        at++;
    return at == end;
}

static inline const unsigned char *skip_space(const unsigned char *at, const unsigned char *end)
{
    while (at < end && *at <= ' ' && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

/* One bit a bracket: whether it is a brace. The innermost 64 stand in a number, those around them in a buffer. */
static inline void go_in(struct json_scan *scan, bool brace)
{
    if (scan->depth > 0 && scan->depth % 64 == 0)
        append(&scan->outer, &scan->braces, sizeof scan->braces);
    scan->braces = scan->braces << 1 | brace;
    scan->depth++;
}

static inline void go_out(struct json_scan *scan)
{
    scan->braces >>= 1;
    if (--scan->depth > 0 && scan->depth % 64 == 0) {
        scan->outer.size -= sizeof scan->braces;
        memcpy(&scan->braces, scan->outer.data + scan->outer.size, sizeof scan->braces);
    }
}

/* Scan on in `text`, which begins as at the last call and has grown to `size` bytes; `whole`: to no more than these. What is
   cut off at the end waits for the next call. No recursion: depth is the sender's choice. */
static void scan_on(struct json_scan *scan, const char *text, size_t size, bool whole)
{
    const unsigned char *at = (const unsigned char *)text + scan->at, *end = (const unsigned char *)text + size, *behind;
    enum json_place place = scan->place;
    for (;;) {
        if (place < IN_NAME) {
            at = skip_space(at, end);
            if (at == end)
                break;
        }
        switch (place) {
        case IN_NAME:
        case IN_VALUE:
            at = skip_plain(at, end);
            while (end - at >= 2 && *at == '\\' && is_simple_escape(at[1]))
                at = skip_plain(at + 2, end);
            if (at < end && *at == '"') {
                at++;
                place = place == IN_NAME ? COLON : BEHIND_VALUE;
                continue;
            }
            behind = at < end ? skip_special(at, end) : at;
            if (behind && behind > at) {
                at = behind;
                continue;
            }
            place = behind ? place : NOT_JSON; /* or it is cut off */
            break;
        case COLON: place = *at++ == ':' ? VALUE : NOT_JSON; continue;
        case VALUE_OR_END:
            if (*at == ']') {
                at++;
                go_out(scan);
                place = BEHIND_VALUE;
                continue;
            }
            __attribute__((fallthrough));
        case VALUE:
            if (*at == '"') {
                at++;
                place = IN_VALUE;
                continue;
            }
            if (*at == '{' || *at == '[') {
                place = *at == '{' ? NAME_OR_END : VALUE_OR_END;
                go_in(scan, *at++ == '{');
                continue;
            }
            behind = skip_scalar(at, end);
            if (!whole && (!behind || behind == end) && is_cut_off(at, end))
                break;
            place = behind ? BEHIND_VALUE : NOT_JSON;
            at = behind;
            continue;
        case NAME_OR_END:
            if (*at == '}') {
                at++;
                go_out(scan);
                place = BEHIND_VALUE;
                continue;
            }
            __attribute__((fallthrough));
        case NAME: place = *at++ == '"' ? IN_NAME : NOT_JSON; continue;
        case BEHIND_VALUE:
            if (*at == ',' && scan->depth > 0) {
                place = scan->braces & 1 ? NAME : VALUE;
            } else if (scan->depth > 0 && *at == (scan->braces & 1 ? '}' : ']')) {
                go_out(scan);
            } else {
                place = NOT_JSON;
            }
            at++;
            continue;
        case NOT_JSON: at = end; break;
        }
        break;
    }
    scan->place = place;
    scan->at = (size_t)(at - (const unsigned char *)text);
}

/* See as much as is there of a text that comes in pieces, one behind the other in the same place. */
void json_feed(struct json_scan *scan, const char *text, size_t size)
{
    if (scan->place != NOT_JSON && size - scan->at < scan->at / 8) /* a number that goes on and on is not begun each time */
        return;
    scan_on(scan, text, size, false);
}

/* Whether the whole text is one JSON value in UTF-8 (RFC 8259). The scan is used up. */
bool json_end(struct json_scan *scan, const char *text, size_t size)
{
    scan_on(scan, text, size, true);
    bool good = scan->place == BEHIND_VALUE && scan->depth == 0 && scan->at == size;
    release(&scan->outer);
    *scan = (struct json_scan){0};
    return good;
}

bool is_json(const char *text, size_t size)
{
    struct json_scan scan = {0};
    return json_end(&scan, text, size);
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
