/* JSON inside an event, read in one forward scan without a tree: members, items, and the characters of a string.

   Lambda hands over valid JSON; a scan that loses its way finds less. */
#include "http.h"

#include <string.h>

char *json_skip_blanks(char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

/* The next quote or backslash, or the end: bodies are long, names are short. */
static char *find_quote_or_slash(char *at, char *end)
{
    typedef char sixteen __attribute__((vector_size(16)));
    typedef uint64_t pair __attribute__((vector_size(16)));
    for (int i = 0; i < 16; i++, at++)
        if (at == end || *at == '"' || *at == '\\')
            return at;
    for (; end - at >= 32; at += 32) {
        sixteen one, two;
        memcpy(&one, at, sizeof one);
        memcpy(&two, at + 16, sizeof two);
        pair found = (pair)((sixteen)(one == '"') | (sixteen)(one == '\\') | (sixteen)(two == '"') | (sixteen)(two == '\\'));
        if (found[0] | found[1])
            break;
    }
    while (at < end && *at != '"' && *at != '\\')
        at++;
    return at;
}

/* Past a string whose opening quote is at `at`. */
static char *skip_quoted(char *at, char *end)
{
    for (at = find_quote_or_slash(at + 1, end); at < end && *at == '\\';)
        at = end - at < 2 ? end : find_quote_or_slash(at + 2, end);
    return at < end ? at + 1 : end;
}

/* Past any value: brackets are counted, strings passed over. */
static char *skip_any(char *at, char *end)
{
    size_t depth = 0;
    while (at < end) {
        if (*at == '"')
            at = skip_quoted(at, end);
        else if (*at == '{' || *at == '[')
            depth++, at++;
        else if (*at == '}' || *at == ']') {
            if (depth == 0)
                return at;
            depth--, at++;
        } else if (depth > 0)
            at++;
        else if (*at == ',' || *at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')
            return at;
        else {
            at++;
            continue; /* a number or a word */
        }
        if (depth == 0)
            return at;
    }
    return at;
}

static struct json value_at(char **at, char *end)
{
    char *from = json_skip_blanks(*at, end);
    *at = from < end ? skip_any(from, end) : end;
    struct json value = {from, (size_t)(*at - from)};
    if (value.size == 0 || (value.size == 4 && memcmp(from, "null", 4) == 0))
        value = (struct json){0};
    return value;
}

/* The next member of a map; `rest` begins as the map itself and is used up. */
bool json_next(struct json *rest, struct json *name, struct json *value)
{
    if (!rest->at || rest->size < 2)
        return false;
    char *end = rest->at + rest->size, *at = json_skip_blanks(rest->at + 1, end);
    if (at >= end || *at != '"') {
        *rest = (struct json){0};
        return false;
    }
    *name = value_at(&at, end);
    at = json_skip_blanks(at, end);
    at += at < end && *at == ':';
    *value = value_at(&at, end);
    at = json_skip_blanks(at, end);
    *rest = (struct json){at, (size_t)(end - at)}; /* on the comma, where the brace stood */
    return true;
}

/* The next item of a list, null ones too (`at` is NULL then). */
bool json_next_item(struct json *rest, struct json *value)
{
    if (!rest->at || rest->size < 2)
        return false;
    char *end = rest->at + rest->size, *at = json_skip_blanks(rest->at + 1, end);
    if (at >= end || *at == ']') {
        *rest = (struct json){0};
        return false;
    }
    *value = value_at(&at, end);
    at = json_skip_blanks(at, end);
    *rest = (struct json){at, (size_t)(end - at)};
    return true;
}

bool json_is_map(const struct json *value)
{
    return value->at && *value->at == '{';
}

/* Whether it is the string `text`, which has nothing to escape. */
bool json_is(const struct json *value, const char *text)
{
    size_t size = strlen(text);
    return value->at && value->size == size + 2 && *value->at == '"' && memcmp(value->at + 1, text, size) == 0;
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int32_t unit_at(const char *at, const char *end)
{
    int32_t unit = 0;
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
        return -1;
    for (int i = 2; i < 6; i++) {
        if (hex_value(at[i]) < 0)
            return -1;
        unit = unit * 16 + hex_value(at[i]);
    }
    return unit;
}

static char *put_character(char *out, uint32_t c)
{
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xC0 | c >> 6);
        *out++ = (char)(0x80 | (c & 63));
    } else if (c < 0x10000) {
        *out++ = (char)(0xE0 | c >> 12);
        *out++ = (char)(0x80 | (c >> 6 & 63));
        *out++ = (char)(0x80 | (c & 63));
    } else {
        *out++ = (char)(0xF0 | c >> 18);
        *out++ = (char)(0x80 | (c >> 12 & 63));
        *out++ = (char)(0x80 | (c >> 6 & 63));
        *out++ = (char)(0x80 | (c & 63));
    }
    return out;
}

static const char *find_slash(const char *at, const char *end)
{
    const char *slash = memchr(at, '\\', (size_t)(end - at));
    return slash ? slash : end;
}

/* A string's characters to `out`, which may be the place of the string itself; how many bytes. Half a surrogate pair is
   U+FFFD. What is no string is its own text. */
size_t json_unescape(char *out, const struct json *value)
{
    if (!value->at)
        return 0;
    if (*value->at != '"' || value->size < 2) {
        memmove(out, value->at, value->size);
        return value->size;
    }
    const char *at = value->at + 1, *end = value->at + value->size - 1;
    char *begin = out;
    while (at < end) {
        const char *slash = find_slash(at, end);
        size_t plain = (size_t)(slash - at);
        memmove(out, at, plain);
        out += plain;
        at = slash;
        if (end - at < 2)
            break;
        int32_t unit = unit_at(at, end);
        if (unit >= 0) {
            uint32_t c = (uint32_t)unit;
            at += 6;
            if (unit >= 0xD800 && unit < 0xDC00) {
                int32_t low = unit_at(at, end);
                c = 0xFFFD;
                if (low >= 0xDC00 && low < 0xE000) {
                    c = 0x10000 + (((uint32_t)unit - 0xD800) << 10) + ((uint32_t)low - 0xDC00);
                    at += 6;
                }
            } else if (unit >= 0xDC00 && unit < 0xE000) {
                c = 0xFFFD;
            }
            out = put_character(out, c);
        } else {
            static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
            const char *known = strchr(from, at[1]);
            *out++ = known && at[1] ? to[known - from] : at[1];
            at += 2;
        }
    }
    return (size_t)(out - begin);
}

/* A string's characters in its own place, and how many bytes; where nothing in it is escaped they stay where they are. */
char *json_text(const struct json *value, size_t *size)
{
    *size = 0;
    if (!value->at)
        return NULL;
    char *text = value->at + 1, *end = value->at + value->size - 1;
    bool plain = *value->at == '"' && value->size >= 2 && find_quote_or_slash(text, end) == end;
    *size = plain ? (size_t)(end - text) : json_unescape(value->at, value);
    return plain ? text : value->at;
}

void append_unescaped(struct buffer *out, const struct json *value)
{
    if (value->at)
        out->size += json_unescape(room_for(out, value->size), value);
}
