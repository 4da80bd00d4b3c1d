/* The headers of a request: the client's own but those of its connection, and what Lambda knows of the event.

   A header that would break the request into two is left out, with a line in the log. */
#include "http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool is_one_of(const char *name, size_t size, const char *const names[])
{
    for (; *names; names++)
        if (strlen(*names) == size && strncasecmp(name, *names, size) == 0)
            return true;
    return false;
}

bool is_token(const char *text, size_t size)
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

void append_contexts(struct buffer *out, const struct http_event *http, const struct event *event)
{
    append_line(out, "x-amzn-trace-id", event->trace);
    append_line(out, "x-amz-tenant-id", event->tenant);
    if (http)
        append_request_context(out, http);
    append_lambda_context(out, event);
}

static void append_host(struct buffer *out, const struct http_event *http)
{
    size_t from = out->size;
    append_text(out, "Host: ");
    size_t start = out->size;
    append_unescaped(out, &http->domain);
    if (out->size == start || breaks_lines(out->data + start, out->size - start)) {
        out->size = from;
        append_text(out, "Host: localhost");
    }
    append_text(out, "\r\n");
}

/* All headers of the request but its length. */
void append_request_headers(struct buffer *out, const struct http_event *http, const struct event *event)
{
    struct seen seen = {0};
    append_headers(out, http, &seen);
    if (!seen.cookie)
        append_cookies(out, http);
    if (!seen.host)
        append_host(out, http);
    append_contexts(out, http, event);
}
