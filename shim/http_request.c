/* An event as the bytes of an HTTP request: target, headers and body exactly as the front that sent the event encodes them.

   The head is built first, for the body is decoded over the event's own bytes. */
#include "http.h"

#include <string.h>

/* Base64 over its own bytes; -1 where it is none. Line breaks are passed over. */
static ssize_t decode_base64(char *text, size_t size)
{
    uint32_t bits = 0;
    size_t digits = 0, padding = 0;
    char *out = text;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        int value = c >= 'A' && c <= 'Z'   ? c - 'A'
                    : c >= 'a' && c <= 'z' ? c - 'a' + 26
                    : c >= '0' && c <= '9' ? c - '0' + 52
                    : c == '+' || c == '-' ? 62
                    : c == '/' || c == '_' ? 63
                                           : -1;
        if (c == '\r' || c == '\n')
            continue;
        if (c == '=' && padding < 2) {
            padding++;
            continue;
        }
        if (value < 0 || padding > 0)
            return -1;
        bits = bits << 6 | (uint32_t)value;
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
