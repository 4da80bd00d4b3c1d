/* An event as the bytes of an HTTP request: target, headers and body exactly as the front that sent the event encodes them.

   The head is built first, for the body is decoded over the event's own bytes. */
#include "http.h"

#include <string.h>

/* The value of each base64 digit, of both alphabets; 64 for any other byte. */
static const unsigned char *base64_values(void)
{
    static unsigned char values[256];
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (values[0] == 0) {
        memset(values, 64, sizeof values);
        for (unsigned char i = 0; i < 64; i++)
            values[(unsigned char)digits[i]] = i;
        values['-'] = 62;
        values['_'] = 63;
    }
    return values;
}

/* Base64 over its own bytes; -1 where it is none. Line breaks are passed over. */
static ssize_t decode_base64(char *text, size_t size)
{
    const unsigned char *values = base64_values(), *at = (const unsigned char *)text, *end = at + size;
    uint32_t bits = 0;
    size_t digits = 0, padding = 0;
    char *out = text;
    while (at < end) {
        if (digits % 4 == 0 && padding == 0)
            for (; end - at >= 4; at += 4) { /* four plain digits at a time */
                unsigned char a = values[at[0]], b = values[at[1]], c = values[at[2]], d = values[at[3]];
                if ((a | b | c | d) & 64)
                    break;
                uint32_t all = (uint32_t)a << 18 | (uint32_t)b << 12 | (uint32_t)c << 6 | d;
                *out++ = (char)(all >> 16);
                *out++ = (char)(all >> 8);
                *out++ = (char)all;
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
        if (values[c] == 64 || padding > 0)
            return -1;
        bits = bits << 6 | values[c];
        if (++digits % 4 == 0) {
            *out++ = (char)(bits >> 16);
            *out++ = (char)(bits >> 8);
            *out++ = (char)bits;
        }
    }
    size_t rest = digits % 4;
    if (rest == 1)
        return -1;
    if (rest >= 2)
        *out++ = (char)(rest == 2 ? bits >> 4 : bits >> 10);
    if (rest == 3)
        *out++ = (char)(bits >> 2);
    return out - text;
}

static void take_body(struct http_request *out, struct http_event *http)
{
    if (!http->body.at)
        return;
    out->body = http->body.at;
    out->size = json_unescape(out->body, &http->body);
    if (json_is(&http->base64, "true") || (http->base64.size == 4 && memcmp(http->base64.at, "true", 4) == 0)) {
        ssize_t size = decode_base64(out->body, out->size);
        if (size < 0)
            out->refused = "the body of the event is no base64";
        out->size = size < 0 ? 0 : (size_t)size;
    }
}

static void append_length(struct http_request *out, const char *method)
{
    static const char *const bodiless[] = {"GET", "HEAD", "DELETE", "OPTIONS", "TRACE", NULL};
    if (out->size > 0 || !is_one_of(method, strlen(method), bodiless))
        append_format(&out->head, "Content-Length: %zu\r\n", out->size);
    append_text(&out->head, "\r\n");
}

static bool is_resendable(const char *method)
{
    static const char *const names[] = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", NULL};
    return is_one_of(method, strlen(method), names);
}

/* The request that a front's event stands for. */
void http_write_request(struct http_request *out, struct http_event *http, struct event *event)
{
    char method[32];
    if (http->method.size < sizeof method)
        method[json_unescape(method, &http->method)] = 0;
    if (http->method.size >= sizeof method || !is_token(method, strlen(method))) {
        out->refused = "the method of the event is none of HTTP's";
        return;
    }
    out->is_head = strcmp(method, "HEAD") == 0;
    out->resendable = is_resendable(method);
    append_format(&out->head, "%s ", method);
    append_target(&out->head, http);
    append_text(&out->head, " HTTP/1.1\r\n");
    append_request_headers(&out->head, http, event);
    take_body(out, http);
    append_length(out, method);
}

/* An event that is no HTTP request goes to a path of the server as it is. */
void http_write_other(struct http_request *out, struct event *event)
{
    append_text(&out->head, "POST " SHIM_EVENTS " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n");
    append_contexts(&out->head, NULL, event);
    out->body = event->body.data;
    out->size = event->body.size;
    append_length(out, "POST");
}
