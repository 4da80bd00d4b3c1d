/* A response as the answer that the front expects: its own keys and no others, repeated headers and cookies whole, the
   body as text or base64 by what it is.

   The body comes directly behind the beginning of the answer; http_body.c closes it. */
#include "http.h"

#include <string.h>
#include <strings.h>

static bool is_same(const struct iovec *one, const struct iovec *two)
{
    return one->iov_len == two->iov_len && strncasecmp(one->iov_base, two->iov_base, one->iov_len) == 0;
}

static bool is_cookie(const struct iovec *name)
{
    static const char *const cookie[] = {"set-cookie", NULL};
    return is_header(name, cookie);
}

/* Whether a header goes on: the connection's own do not, nor a length (but for a body that never comes). */
static bool goes_on(const struct iovec *name, bool with_length)
{
    static const char *const dropped[] = {"connection", "keep-alive",       "transfer-encoding",  "trailer",
                                          "upgrade",    "proxy-connection", "proxy-authenticate", NULL};
    static const char *const length[] = {"content-length", NULL};
    return !is_header(name, dropped) && (with_length || !is_header(name, length));
}

/* Whether a header of this name stands before `at`. */
static bool came_before(const struct http_head *head, size_t at, const struct iovec *name)
{
    struct iovec earlier, value;
    for (size_t i = 0; head_next(head, &i, &earlier, &value) && i < at;)
        if (is_same(&earlier, name))
            return true;
    return false;
}

/* A header's bytes as JSON: UTF-8 where they are, else Latin-1. */
static void append_text_of(struct buffer *out, const struct iovec *value)
{
    struct buffer quoted = {0};
    append_quoted(&quoted, value->iov_base, value->iov_len);
    bool is_utf8 = true;
    for (const unsigned char *at = value->iov_base, *end = at + value->iov_len; at < end;) {
        int length = utf8_length(at, end);
        is_utf8 = is_utf8 && length > 0;
        at += length < 0 ? -length : length;
    }
    if (!is_utf8) {
        struct buffer wide = {0};
        for (const unsigned char *at = value->iov_base, *end = at + value->iov_len; at < end; at++) {
            char two[] = {(char)(0xC0 | *at >> 6), (char)(0x80 | (*at & 63))};
            append(&wide, *at < 0x80 ? (const char *)at : two, *at < 0x80 ? 1 : 2);
        }
        quoted.size = 0;
        append_quoted(&quoted, wide.data, wide.size);
        release(&wide);
    }
    append(out, quoted.data, quoted.size);
    release(&quoted);
}

static void append_name(struct buffer *out, const struct iovec *name)
{
    append_quoted(out, name->iov_base, name->iov_len);
}

/* All values of one name in one string, joined by a comma as HTTP allows. */
static void append_joined(struct buffer *out, const struct http_head *head, const struct iovec *name)
{
    struct buffer all = {0};
    struct iovec other, value;
    bool first = true;
    for (size_t at = 0; head_next(head, &at, &other, &value);)
        if (is_same(&other, name)) {
            if (!first)
                append_text(&all, ", ");
            append(&all, value.iov_base, value.iov_len);
            first = false;
        }
    append_text_of(out, &(struct iovec){all.data, all.size});
    release(&all);
}

static void append_list(struct buffer *out, const struct http_head *head, const struct iovec *name)
{
    struct iovec other, value;
    char between = '[';
    for (size_t at = 0; head_next(head, &at, &other, &value);)
        if (is_same(&other, name)) {
            append(out, &between, 1);
            append_text_of(out, &value);
            between = ',';
        }
    append_text(out, "]");
}

/* Cookies cannot be joined; where a map has one value a name, each gets a spelling of its own: set-cookie, Set-cookie … */
static void append_spelt_cookies(struct buffer *out, const struct http_head *head, const char **between)
{
    struct iovec name, value;
    unsigned spelling = 0;
    for (size_t at = 0; head_next(head, &at, &name, &value);) {
        if (!is_cookie(&name) || spelling > 511)
            continue;
        char spelt[] = "set-cookie";
        for (unsigned i = 0, bit = 0; spelt[i]; i++)
            if (spelt[i] != '-' && spelling >> bit++ & 1)
                spelt[i] = (char)(spelt[i] - 'a' + 'A');
        append_format(out, "%s\"%s\":", *between, spelt);
        append_text_of(out, &value);
        *between = ",";
        spelling++;
    }
}

static void append_header_map(struct buffer *out, const struct http_head *head, bool lists, bool cookies, bool with_length)
{
    struct iovec name, value;
    const char *between = "";
    append_text(out, "{");
    for (size_t at = 0, before = 0; head_next(head, &at, &name, &value); before = at) {
        if (!goes_on(&name, with_length) || came_before(head, before + 1, &name) || (!lists && is_cookie(&name)))
            continue;
        append_text(out, between);
        append_name(out, &name);
        append_text(out, ":");
        if (lists)
            append_list(out, head, &name);
        else
            append_joined(out, head, &name);
        between = ",";
    }
    if (cookies)
        append_spelt_cookies(out, head, &between);
    append_text(out, "}");
}

static const char *status_phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } known[] = {{200, "OK"},
                 {201, "Created"},
                 {202, "Accepted"},
                 {204, "No Content"},
                 {206, "Partial Content"},
                 {301, "Moved Permanently"},
                 {302, "Found"},
                 {303, "See Other"},
                 {304, "Not Modified"},
                 {307, "Temporary Redirect"},
                 {308, "Permanent Redirect"},
                 {400, "Bad Request"},
                 {401, "Unauthorized"},
                 {403, "Forbidden"},
                 {404, "Not Found"},
                 {405, "Method Not Allowed"},
                 {409, "Conflict"},
                 {410, "Gone"},
                 {413, "Payload Too Large"},
                 {415, "Unsupported Media Type"},
                 {422, "Unprocessable Entity"},
                 {429, "Too Many Requests"},
                 {500, "Internal Server Error"},
                 {501, "Not Implemented"},
                 {502, "Bad Gateway"},
                 {503, "Service Unavailable"},
                 {504, "Gateway Timeout"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].status == status)
            return known[i].phrase;
    return "Status";
}

static bool has_cookies(const struct http_head *head)
{
    struct iovec name, value;
    for (size_t at = 0; head_next(head, &at, &name, &value);)
        if (is_cookie(&name))
            return true;
    return false;
}

/* Status and headers by the rules of one front. */
static void append_answer_head(struct buffer *out, enum front front, const struct http_head *head)
{
    bool lists = front == REST || front == HTTP_API_1 || front == ALB_MULTI;
    bool spelt = front == ALB || front == LATTICE_1 || front == LATTICE_2;
    append_format(out, "{\"statusCode\":%d", head->status);
    if (front == ALB || front == ALB_MULTI || front == LATTICE_1 || front == LATTICE_2)
        append_format(out, ",\"statusDescription\":\"%d %s\"", head->status, status_phrase(head->status));
    append_text(out, lists ? ",\"multiValueHeaders\":" : ",\"headers\":");
    append_header_map(out, head, lists, spelt, head->bodiless && head->status != 204);
    if (!lists && !spelt && has_cookies(head)) {
        append_text(out, ",\"cookies\":");
        append_list(out, head, &(struct iovec){"set-cookie", strlen("set-cookie")});
    }
}

/* The beginning of an answer; its body goes directly behind it. Returns where that is. */
size_t http_begin_answer(struct buffer *answer, enum front front, const struct http_head *head)
{
    append_answer_head(answer, front, head);
    append_text(answer, ",\"body\":\"");
    return answer->size;
}

/* What stands before the body of a stream: the head as JSON, and eight NULs. */
void http_write_prelude(struct buffer *out, enum front front, const struct http_head *head)
{
    append_answer_head(out, front == REST || front == HTTP_API_1 ? REST : FUNCTION_URL, head);
    append_text(out, "}");
    append(out, "\0\0\0\0\0\0\0\0", 8);
}

/* A request that cannot be made of the event is the client's affair. */
void http_write_refusal(struct buffer *answer, enum front front, const char *why)
{
    static const char type[] = "content-type: text/plain; charset=utf-8\n";
    struct http_head head = {.status = 400, .text = {.data = (char *)type, .size = sizeof type - 1}};
    size_t from = http_begin_answer(answer, front, &head);
    append_format(answer, "Bad Request: %s\n", why);
    http_end_answer(answer, from, front, &head);
}
