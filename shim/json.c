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

static inline bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* Past the bytes that mean nothing inside a JSON string: a few one by one, since most strings are short, then sixteen at a
   time. */
static inline const unsigned char *skip_plain(const unsigned char *at, const unsigned char *end)
{
    typedef unsigned char sixteen __attribute__((vector_size(16)));
    typedef uint64_t pair __attribute__((vector_size(16)));
    for (int i = 0; i < 12; i++, at++)
        if (at == end || !is_plain(*at))
            return at;
    while (end - at >= 16) {
        sixteen some;
        memcpy(&some, at, sizeof some);
        sixteen special = (sixteen)(some < 0x20) | (sixteen)(some == '"') | (sixteen)(some == '\\') | (sixteen)(some > 0x7F);
        pair halves = (pair)special;
        if (halves[0] | halves[1])
            break;
        at += 16;
    }
    while (at < end && is_plain(*at))
        at++;
    return at;
}

static bool is_hex(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Past the string whose opening quote is behind us, or NULL. */
static const unsigned char *skip_string(const unsigned char *at, const unsigned char *end)
{
    for (;;) {
        at = skip_plain(at, end);
        if (at == end || *at < 0x20)
            return NULL;
        if (*at == '"')
            return at + 1;
        if (*at != '\\') {
            do { /* characters that are not ASCII come in company */
                if (*at >= 0xC2 && *at < 0xE0 && end - at > 1 && (at[1] & 0xC0) == 0x80) {
                    at += 2;
                } else if (*at >= 0xE1 && *at < 0xED && end - at > 2 && (at[1] & 0xC0) == 0x80 && (at[2] & 0xC0) == 0x80) {
                    at += 3;
                } else {
                    int length = utf8_length(at, end);
                    if (length < 0)
                        return NULL;
                    at += length;
                }
            } while (at < end && *at >= 0x80);
        } else if (end - at >= 6 && at[1] == 'u') {
            for (int i = 2; i < 6; i++)
                if (!is_hex(at[i]))
                    return NULL;
            at += 6;
        } else {
            if (end - at < 2 || !at[1] || !strchr("\"\\/bfnrt", at[1]))
                return NULL;
            at += 2;
        }
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

/* Past a string, number or word, or NULL. */
static const unsigned char *skip_scalar(const unsigned char *at, const unsigned char *end)
{
    static const char *const words[] = {"true", "false", "null"};
    if (*at == '"')
        return skip_string(at + 1, end);
    if (*at == '-' || (*at >= '0' && *at <= '9'))
        return skip_number(at, end);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t length = strlen(words[i]);
        if ((size_t)(end - at) >= length && memcmp(at, words[i], length) == 0)
            return at + length;
    }
    return NULL;
}

static const unsigned char *skip_space(const unsigned char *at, const unsigned char *end)
{
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

/* Whether the text is one JSON value in UTF-8 (RFC 8259). No recursion: depth is the sender's choice. */
bool is_json(const char *text, size_t size)
{
    const unsigned char *at = (const unsigned char *)text, *end = at + size;
    struct buffer open = {0}; /* the brackets we are in */
    bool wants_value = true, may_close = false, good = false;

    for (;;) {
        at = skip_space(at, end);
        if (at == end) {
            good = !wants_value && open.size == 0;
            break;
        }
        char inside = open.size ? open.data[open.size - 1] : 0;
        unsigned char c = *at;
        if (wants_value && inside == '{' && !(may_close && c == '}')) { /* a member's name comes first */
            if (c != '"' || !(at = skip_string(at + 1, end)))
                break;
            at = skip_space(at, end);
            if (at == end || *at != ':')
                break;
            at = skip_space(at + 1, end);
            if (at == end)
                break;
            c = *at;
            may_close = false;
        }
        if (wants_value && (c == '{' || c == '[')) {
            append(&open, &c, 1);
            may_close = true;
            at++;
        } else if ((c == '}' && inside == '{') || (c == ']' && inside == '[')) {
            if (wants_value && !may_close)
                break;
            open.size--;
            wants_value = may_close = false;
            at++;
        } else if (wants_value) {
            if (!(at = skip_scalar(at, end)))
                break;
            wants_value = may_close = false;
        } else if (c == ',' && inside) {
            wants_value = true;
            at++;
        } else {
            break;
        }
    }
    release(&open);
    return good;
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
