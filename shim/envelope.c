/* The event in its envelope: `{"event":…,"context":{…}}` around the bytes that came, which nobody parses. */
#include "bootstrap.h"

#include <stdlib.h>
#include <string.h>

static void append_member(struct buffer *out, const char *name, const char *value)
{
    append_format(out, ",\"%s\":", name);
    if (value)
        append_quoted(out, value, strlen(value));
    else
        append_text(out, "null");
}

/* Client context and identity are JSON already. */
static void append_raw_member(struct buffer *out, const char *name, const char *value)
{
    append_format(out, ",\"%s\":%s", name, value && is_json(value, strlen(value)) ? value : "null");
}

/* What stands behind the event in an envelope. */
void append_context(struct buffer *out, const struct event *event)
{
    append_text(out, ",\"context\":{\"awsRequestId\":");
    append_quoted(out, event->id, strlen(event->id));
    append_member(out, "functionName", getenv("AWS_LAMBDA_FUNCTION_NAME"));
    append_member(out, "functionVersion", getenv("AWS_LAMBDA_FUNCTION_VERSION"));
    append_member(out, "invokedFunctionArn", event->arn);
    append_member(out, "memoryLimitInMB", getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"));
    if (event->deadline_ms)
        append_format(out, ",\"deadlineMs\":%lld", (long long)event->deadline_ms);
    else
        append_text(out, ",\"deadlineMs\":null");
    append_member(out, "traceId", event->trace);
    append_raw_member(out, "clientContext", event->client);
    append_raw_member(out, "identity", event->identity);
    append_member(out, "tenantId", event->tenant);
    append_text(out, "}}");
}

/* One line: line breaks between the tokens of a pretty-printed event become spaces (inside a JSON string are none). */
void make_line(struct buffer *event)
{
    for (char *at = event->data, *end = at + event->size; at && (at = memchr(at, '\n', (size_t)(end - at))); at++)
        *at = ' ';
    for (char *at = event->data, *end = at + event->size; at && (at = memchr(at, '\r', (size_t)(end - at))); at++)
        *at = ' ';
}

/* In an envelope, no event at all is null. */
void fill_empty(struct buffer *event)
{
    size_t spaces = 0;
    while (spaces < event->size && (event->data[spaces] == ' ' || event->data[spaces] == '\t'))
        spaces++;
    if (spaces == event->size)
        append_text(event, "null");
}
