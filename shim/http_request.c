/* An event as the bytes of an HTTP request: target, headers and body exactly as the front that sent the event encodes them.

   The head is built first, for the body is decoded over the event's own bytes. */
#include "http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- the target ---- */

static bool is_unreserved(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c && strchr("-._~", c));
}

/* A path that was decoded: all that a path may hold stays, "%" not. */
static bool stays_in_decoded_path(unsigned char c)
{
    return is_unreserved(c) || (c && strchr("/!$&'()*+,;=:@", c));
}

/* A path or query as it was sent: only what no request line may hold is encoded. */
static bool stays_in_query(unsigned char c)
{
    return c > 0x20 && c < 0x7F && !strchr("\"<>\\^`{|}#", c);
}

static bool stays_in_path(unsigned char c)
{
    return stays_in_query(c) && c != '?';
}

static void append_encoded(struct buffer *out, const char *text, size_t size, bool (*stays)(unsigned char))
{
    static const char digits[] = "0123456789ABCDEF";
    for (const char *end = text + size; text < end;) {
        const char *plain = text;
        while (plain < end && stays((unsigned char)*plain))
            plain++;
        append(out, text, (size_t)(plain - text));
        if ((text = plain) == end)
            break;
        unsigned char c = (unsigned char)*text++;
        char three[] = {'%', digits[c >> 4], digits[c & 15]};
        append(out, three, sizeof three);
    }
}

static void append_encoded_json(struct buffer *out, const struct json *value, bool (*stays)(unsigned char))
{
    struct buffer text = {0};
    append_unescaped(&text, value);
    append_encoded(out, text.data, text.size, stays);
    release(&text);
}

static bool starts_segment(const char *path, size_t size, const char *prefix, size_t length)
{
    return length > 0 && size >= length && memcmp(path, prefix, length) == 0 && (size == length || path[length] == '/');
}

static void cut(struct buffer *path, size_t from, size_t length)
{
    memmove(path->data + from, path->data + from + length, path->size - from - length);
    path->size -= length;
}

/* The stage in front of an HTTP API's path, and the base path of a custom domain, each once and at the end of a segment. */
static void strip_prefixes(struct buffer *out, size_t from, const struct http_event *http)
{
    if (!SHIM_STAGE_KEEP && (http->front == HTTP_API_1 || http->front == HTTP_API_2) && http->stage.at &&
        !json_is(&http->stage, "$default")) {
        struct buffer stage = {0};
        append_text(&stage, "/");
        append_encoded_json(&stage, &http->stage, stays_in_decoded_path);
        if (starts_segment(out->data + from, out->size - from, stage.data, stage.size))
            cut(out, from, stage.size);
        release(&stage);
    }
    if (starts_segment(out->data + from, out->size - from, SHIM_BASE_PATH, strlen(SHIM_BASE_PATH)))
        cut(out, from, strlen(SHIM_BASE_PATH));
}

static void append_path(struct buffer *out, const struct http_event *http)
{
    bool decoded = http->front == HTTP_API_1 || http->front == HTTP_API_2;
    struct buffer path = {0};
    append_unescaped(&path, &http->path);
    size_t size = path.size, from = out->size;
    const char *mark = http->front == LATTICE_1 && size ? memchr(path.data, '?', size) : NULL;
    if (mark)
        size = (size_t)(mark - path.data); /* there the query is in the path */
    if (size == 0 || *path.data != '/')
        append_text(out, "/");
    append_encoded(out, path.data, size, decoded ? stays_in_decoded_path : stays_in_path);
    strip_prefixes(out, from, http);
    if (out->size == from || out->data[from] != '/') {
        struct buffer rest = {0};
        append(&rest, out->data + from, out->size - from);
        out->size = from;
        append_text(out, "/");
        append(out, rest.data, rest.size);
        release(&rest);
    }
    if (mark && mark + 1 < path.data + path.size)
        append_encoded(out, mark, path.size - size, stays_in_query);
    release(&path);
}

static void append_pair(struct buffer *out, char *between, const struct json *name, const struct json *value,
                        bool (*stays)(unsigned char))
{
    append(out, between, 1);
    *between = '&';
    append_encoded_json(out, name, stays);
    append_text(out, "=");
    append_encoded_json(out, value, stays);
}

static void append_query(struct buffer *out, const struct http_event *http)
{
    if (http->front == HTTP_API_2 || http->front == FUNCTION_URL) {
        if (http->query.size > 2) {
            append_text(out, "?");
            append_encoded_json(out, &http->query, stays_in_query);
        }
        return;
    }
    if (http->front == LATTICE_1)
        return;
    bool (*stays)(unsigned char) = http->front == ALB || http->front == ALB_MULTI ? stays_in_query : is_unreserved;
    struct json map = json_is_map(&http->multi_queries) ? http->multi_queries : http->queries, name, value, item;
    char between = '?';
    if (!json_is_map(&map))
        return;
    while (json_next(&map, &name, &value)) {
        if (value.at && *value.at == '[') {
            while (json_next_item(&value, &item))
                append_pair(out, &between, &name, &item, stays);
        } else {
            append_pair(out, &between, &name, &value, stays);
        }
    }
}

/* ---- headers ---- */

static bool is_one_of(const char *name, size_t size, const char *const names[])
{
    for (; *names; names++)
        if (strlen(*names) == size && strncasecmp(name, *names, size) == 0)
            return true;
    return false;
}

static bool is_token(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!is_unreserved((unsigned char)text[i]) && !strchr("!#$%&'*+^`|", text[i]))
            return false;
    return size > 0;
}

static bool breaks_lines(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (text[i] == '\r' || text[i] == '\n' || text[i] == 0)
            return true;
    return false;
}

/* `set`: which headers came that we would otherwise add. */
struct seen {
    bool host, cookie;
};

static void append_header(struct buffer *out, const struct json *name, const struct json *value, struct seen *seen)
{
    static const char *const dropped[] = {"connection",
                                          "keep-alive",
                                          "proxy-connection",
                                          "te",
                                          "trailer",
                                          "upgrade",
                                          "transfer-encoding",
                                          "expect",
                                          "content-length",
                                          "x-amzn-trace-id",
                                          "x-amzn-request-context",
                                          "x-amzn-lambda-context",
                                          "x-amz-tenant-id",
                                          NULL};
    if (!value->at)
        return;
    size_t from = out->size;
    append_unescaped(out, name);
    size_t length = out->size - from;
    bool good = is_token(out->data + from, length);
    if (good && is_one_of(out->data + from, length, dropped)) {
        out->size = from;
        return;
    }
    bool host = good && length == 4 && strncasecmp(out->data + from, "host", 4) == 0;
    bool cookie = good && length == 6 && strncasecmp(out->data + from, "cookie", 6) == 0;
    append_text(out, ": ");
    size_t start = out->size;
    append_unescaped(out, value);
    if (!good || breaks_lines(out->data + start, out->size - start)) {
        note("a header is not passed on, for it would break the request: %.*s", (int)(length < 100 ? length : 100),
             out->data + from);
        out->size = from;
        return;
    }
    seen->host = seen->host || host;
    seen->cookie = seen->cookie || cookie;
    append_text(out, "\r\n");
}

static void append_headers(struct buffer *out, const struct http_event *http, struct seen *seen)
{
    struct json map = json_is_map(&http->multi_headers) ? http->multi_headers : http->headers, name, value, item;
    if (!json_is_map(&map))
        return;
    while (json_next(&map, &name, &value)) {
        if (value.at && *value.at == '[') {
            while (json_next_item(&value, &item))
                append_header(out, &name, &item, seen);
        } else {
            append_header(out, &name, &value, seen);
        }
    }
}

static void append_cookies(struct buffer *out, const struct http_event *http)
{
    struct json list = http->cookies, item;
    const char *between = "Cookie: ";
    if (!list.at || *list.at != '[')
        return;
    size_t from = out->size;
    while (json_next_item(&list, &item)) {
        append_text(out, between);
        append_unescaped(out, &item);
        between = "; ";
    }
    if (breaks_lines(out->data + from, out->size - from))
        out->size = from;
    else if (out->size > from)
        append_text(out, "\r\n");
}

static void append_line(struct buffer *out, const char *name, const char *value)
{
    if (value && !breaks_lines(value, strlen(value)))
        append_format(out, "%s: %s\r\n", name, value);
}

/* JSON on one line: line breaks between its tokens become spaces (inside a string are none). */
static void append_json_line(struct buffer *out, const char *text, size_t size)
{
    size_t from = out->size;
    append(out, text, size);
    for (char *at = out->data + from; at < out->data + out->size; at++)
        if ((unsigned char)*at < 0x20)
            *at = ' ';
}

static void append_request_context(struct buffer *out, const struct http_event *http)
{
    size_t from = out->size, size = http->context.size;
    if (!http->context.at)
        return;
    append_text(out, "x-amzn-request-context: ");
    if (size <= CONTEXT_LIMIT) {
        append_json_line(out, http->context.at, size);
    } else if (http->authorizer.at && size - http->authorizer.size <= CONTEXT_LIMIT) {
        size_t before = (size_t)(http->authorizer.at - http->context.at);
        append_json_line(out, http->context.at, before);
        append_text(out, "null");
        append_json_line(out, http->authorizer.at + http->authorizer.size, size - before - http->authorizer.size);
        note("the authorizer's part of the request context has %zu bytes, too many for a header; it is left out",
             http->authorizer.size);
    } else {
        out->size = from;
        note("the request context has %zu bytes, too many for a header; it is left out", size);
        return;
    }
    append_text(out, "\r\n");
}

static void append_member_of_context(struct buffer *out, const char *name, const char *value)
{
    append_format(out, "%s\"%s\":", out->data[out->size - 1] == '{' ? "" : ",", name);
    if (value)
        append_quoted(out, value, strlen(value));
    else
        append_text(out, "null");
}

static void append_lambda_context(struct buffer *out, const struct event *event)
{
    size_t from = out->size;
    append_text(out, "x-amzn-lambda-context: {");
    append_member_of_context(out, "request_id", event->id);
    append_format(out, ",\"deadline\":%lld", (long long)event->deadline_ms);
    append_member_of_context(out, "invoked_function_arn", event->arn);
    append_member_of_context(out, "xray_trace_id", event->trace);
    append_format(out, ",\"client_context\":%s,\"identity\":%s",
                  event->client && is_json(event->client, strlen(event->client)) ? event->client : "null",
                  event->identity && is_json(event->identity, strlen(event->identity)) ? event->identity : "null");
    append_text(out, ",\"env_config\":{");
    append_member_of_context(out, "function_name", getenv("AWS_LAMBDA_FUNCTION_NAME"));
    append_member_of_context(out, "memory", getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"));
    append_member_of_context(out, "version", getenv("AWS_LAMBDA_FUNCTION_VERSION"));
    append_member_of_context(out, "log_group", getenv("AWS_LAMBDA_LOG_GROUP_NAME"));
    append_member_of_context(out, "log_stream", getenv("AWS_LAMBDA_LOG_STREAM_NAME"));
    append_text(out, "}}\r\n");
    if (out->size - from > CONTEXT_LIMIT) {
        note("the context of the event has %zu bytes, too many for a header; it is left out", out->size - from);
        out->size = from;
    }
}

static void append_contexts(struct buffer *out, const struct http_event *http, const struct event *event)
{
    append_line(out, "x-amzn-trace-id", event->trace);
    if (http)
        append_request_context(out, http);
    append_lambda_context(out, event);
}

/* ---- the body ---- */

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
    struct seen seen = {0};
    if (http->method.size < sizeof method)
        method[json_unescape(method, &http->method)] = 0;
    if (http->method.size >= sizeof method || !is_token(method, strlen(method))) {
        out->refused = "the method of the event is none of HTTP's";
        return;
    }
    out->is_head = strcmp(method, "HEAD") == 0;
    out->resendable = is_resendable(method);
    append_format(&out->head, "%s ", method);
    append_path(&out->head, http);
    append_query(&out->head, http);
    append_text(&out->head, " HTTP/1.1\r\n");
    append_headers(&out->head, http, &seen);
    if (!seen.cookie)
        append_cookies(&out->head, http);
    if (!seen.host) {
        size_t from = out->head.size;
        append_text(&out->head, "Host: ");
        size_t start = out->head.size;
        append_unescaped(&out->head, &http->domain);
        if (out->head.size == start || breaks_lines(out->head.data + start, out->head.size - start)) {
            out->head.size = from;
            append_text(&out->head, "Host: localhost");
        }
        append_text(&out->head, "\r\n");
    }
    append_contexts(&out->head, http, event);
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
