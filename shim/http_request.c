/* An event as the bytes of an HTTP request: target, headers and body exactly as the front that sent the event encodes them.

   The head is built first, for the body is decoded over the event's own bytes. */
#include "http.h"

#include <string.h>

static bool is_true(const struct json *value)
{
    return json_is(value, "true") || (value->size == 4 && memcmp(value->at, "true", 4) == 0);
}

static void take_body(struct http_request *out, struct http_event *http)
{
    out->body = json_text(&http->body, &out->size);
    if (out->size > 0 && is_true(&http->base64)) {
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
