/* The body of an answer: text where it is UTF-8, base64 otherwise, escaped or encoded in its place.

   No list of types decides, so nothing is ever corrupted; `binary_types` adds to what the content says. */
#include "http.h"

#include <string.h>
#include <strings.h>

static bool is_listed_binary(const struct http_head *head)
{
    static const char *const binary[] = {SHIM_BINARY NULL};
    static const char *const content_type[] = {"content-type", NULL};
    struct iovec name, value;
    for (size_t at = 0; head_next(head, &at, &name, &value);)
        if (is_header(&name, content_type))
            for (size_t i = 0; binary[i]; i++) {
                size_t length = strlen(binary[i]), group = binary[i][length - 1] == '*' ? length - 1 : length;
                if (value.iov_len >= group && strncasecmp(value.iov_base, binary[i], group) == 0 &&
                    (group < length || value.iov_len == length || strchr("; ", ((char *)value.iov_base)[length])))
                    return true;
            }
    return false;
}

static bool is_encoded(const struct http_head *head)
{
    static const char *const encoding[] = {"content-encoding", NULL};
    struct iovec name, value;
    for (size_t at = 0; head_next(head, &at, &name, &value);)
        if (is_header(&name, encoding) && value.iov_len > 0 && strncasecmp(value.iov_base, "identity", value.iov_len) != 0)
            return true;
    return false;
}

/* The letter of a short escape, or 0. */
static char short_escape(unsigned char c)
{
    return c == '\n' ? 'n' : c == '\r' ? 'r' : c == '\t' ? 't' : c == '"' || c == '\\' ? (char)c : 0;
}

/* How many bytes the text has as the inside of a JSON string; -1 when it is no UTF-8. */
static int64_t escaped_size(const char *text, size_t size)
{
    const unsigned char *at = (const unsigned char *)text, *end = at + size;
    int64_t all = 0;
    while (at < end) {
        const unsigned char *plain = skip_plain(at, end);
        all += plain - at;
        if ((at = plain) == end)
            break;
        int length = utf8_length(at, end);
        if (length < 0)
            return -1;
        all += length > 1 ? length : short_escape(*at) ? 2 : *at < 0x20 ? 6 : 1;
        at += length;
    }
    return all;
}

/* Make room for `size` bytes of body in place of what stands behind `from`, whose old bytes go to the end of that room. */
static const unsigned char *move_back(struct buffer *answer, size_t from, size_t size)
{
    size_t old = answer->size - from;
    if (size > old)
        room_for(answer, size - old);
    memmove(answer->data + from + size - old, answer->data + from, old);
    answer->size = from + size;
    return (const unsigned char *)answer->data + from + size - old;
}

static void escape_body(struct buffer *answer, size_t from, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    size_t old = answer->size - from;
    if (size == old)
        return; /* nothing to escape */
    const unsigned char *at = move_back(answer, from, size), *end = at + old;
    char *out = answer->data + from;
    while (at < end) {
        const unsigned char *plain = skip_plain(at, end);
        memmove(out, at, (size_t)(plain - at));
        out += plain - at;
        if ((at = plain) == end)
            break;
        unsigned char c = *at;
        int length = utf8_length(at, end);
        if (length > 1) {
            memmove(out, at, (size_t)length);
            out += length;
        } else if (short_escape(c)) {
            *out++ = '\\';
            *out++ = short_escape(c);
        } else if (c < 0x20) {
            memcpy(out, "\\u00", 4);
            out[4] = digits[c >> 4];
            out[5] = digits[c & 15];
            out += 6;
        } else {
            *out++ = (char)c;
        }
        at += length;
    }
}

static void encode_body(struct buffer *answer, size_t from)
{
    size_t old = answer->size - from, size = base64_size(old);
    room_for(answer, size - old);
    answer->size = from + size;
    encode_base64(answer->data + answer->size, answer->data + from, old);
}

/* The body is whole: make it text or base64, and close the answer. */
void http_end_answer(struct buffer *answer, size_t body_from, enum front front, const struct http_head *head)
{
    size_t size = answer->size - body_from;
    int64_t escaped = size == 0                                    ? 0
                      : is_encoded(head) || is_listed_binary(head) ? -1
                                                                   : escaped_size(answer->data + body_from, size);
    bool text = escaped >= 0 && (front == REST || (size_t)escaped <= base64_size(size));
    if (text)
        escape_body(answer, body_from, (size_t)escaped);
    else
        encode_body(answer, body_from);
    append_format(answer, "\",\"isBase64Encoded\":%s}", text ? "false" : "true");
}
