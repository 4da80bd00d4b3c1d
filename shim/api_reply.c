/* A reply of the Runtime API, read with whatever framing the server chose: Content-Length, chunked, to the end of the
   connection; header names in any case and order. */
#include "api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { BODY_STEP = 65536 };
static const size_t BODY_LIMIT = (size_t)1 << 30; /* no event comes near; a damaged length does not eat the memory */

/* The next line without its line break, ended by NUL; NULL when the connection ends or the line is absurdly long. */
static char *read_line(void)
{
    for (;;) {
        char *start = connection.input + connection.from, *end = memchr(start, '\n', connection.to - connection.from);
        if (end) {
            connection.from = (size_t)(end - connection.input) + 1;
            if (end > start && end[-1] == '\r')
                end--;
            *end = 0;
            return start;
        }
        memmove(connection.input, start, connection.to - connection.from);
        connection.to -= connection.from;
        connection.from = 0;
        if (connection.to == INPUT_ROOM)
            note("the Runtime API sent a line of more than %d bytes: its connection is given up", INPUT_ROOM);
        size_t got = connection.to < INPUT_ROOM ? api_receive(connection.input + connection.to, INPUT_ROOM - connection.to) : 0;
        if (got == 0)
            return NULL;
        connection.to += got;
    }
}

/* Append up to `size` bytes of body; how many there were, 0 at the end of the connection. */
static size_t read_some(struct buffer *body, size_t size)
{
    size_t ready = connection.to - connection.from;
    if (ready > 0) {
        size = ready < size ? ready : size;
        append(body, connection.input + connection.from, size);
        connection.from += size;
        return size;
    }
    size_t got = api_receive(room_for(body, size), size);
    body->size += got;
    return got;
}

static bool read_exactly(struct buffer *body, size_t size)
{
    if (size > BODY_LIMIT - body->size)
        return false;
    while (size > 0) {
        size_t got = read_some(body, size);
        if (got == 0)
            return false;
        size -= got;
    }
    return true;
}

static bool read_chunks(struct buffer *body)
{
    for (;;) {
        char *line = read_line();
        uint64_t size;
        if (!line || !read_chunk_size(line, &size) || size > BODY_LIMIT)
            return false;
        if (size == 0)
            break;
        if (!read_exactly(body, (size_t)size) || !(line = read_line()) || *line)
            return false;
    }
    for (char *line; (line = read_line());) /* trailers */
        if (!*line)
            return true;
    return false;
}

bool api_read_body(const struct reply *reply, struct buffer *body)
{
    if (reply->status == 204 || reply->status == 304)
        return true;
    if (reply->chunked)
        return read_chunks(body);
    if (reply->sized) {
        if (reply->size <= BODY_LIMIT)
            room_for(body, reply->size);
        return read_exactly(body, reply->size);
    }
    connection.failed = false;
    while (body->size < BODY_LIMIT)
        if (read_some(body, BODY_STEP) == 0)
            return !connection.failed;
    return false;
}

static void store_header(char **field, const char *value)
{
    free(*field);
    *field = *value ? strdup(value) : NULL;
}

static void take_header(struct reply *reply, struct event *event, const char *name, const char *value)
{
    if (!strcasecmp(name, "content-length")) {
        size_t size = strspn(value, "0123456789") == strlen(value) && *value ? (size_t)strtoull(value, NULL, 10) : SIZE_MAX;
        reply->damaged = reply->damaged || size > BODY_LIMIT || (reply->sized && size != reply->size);
        reply->sized = true;
        reply->size = size;
    } else if (!strcasecmp(name, "transfer-encoding")) {
        reply->chunked = reply->chunked || strcasecmp(value, "identity") != 0;
    } else if (!strcasecmp(name, "connection")) {
        reply->last = !strcasecmp(value, "close") || (reply->last && strcasecmp(value, "keep-alive") != 0);
    } else if (!event) {
        return;
    } else if (!strcasecmp(name, "lambda-runtime-aws-request-id")) {
        snprintf(event->id, sizeof event->id, "%s", value);
    } else if (!strcasecmp(name, "lambda-runtime-invocation-id")) {
        store_header(&event->invocation, value);
    } else if (!strcasecmp(name, "lambda-runtime-aws-tenant-id")) {
        store_header(&event->tenant, value);
    } else if (!strcasecmp(name, "lambda-runtime-deadline-ms")) {
        event->deadline_ms = strtoll(value, NULL, 10);
    } else if (!strcasecmp(name, "lambda-runtime-invoked-function-arn")) {
        store_header(&event->arn, value);
    } else if (!strcasecmp(name, "lambda-runtime-trace-id")) {
        store_header(&event->trace, value);
    } else if (!strcasecmp(name, "lambda-runtime-client-context")) {
        store_header(&event->client, value);
    } else if (!strcasecmp(name, "lambda-runtime-cognito-identity")) {
        store_header(&event->identity, value);
    }
}

static void end_at_blanks(char *text)
{
    for (size_t end = strlen(text); end > 0 && strchr(" \t", text[end - 1]); end--)
        text[end - 1] = 0;
}

/* Status line and headers; those about an event go to `event` (may be NULL). */
bool api_read_head(struct reply *reply, struct event *event)
{
    char *line;
    do {
        *reply = (struct reply){0};
        while ((line = read_line()) && !*line) /* an empty line before it is an old habit */
            ;
        if (!line || strncmp(line, "HTTP/1.", 7) || strlen(line) < 12)
            return false;
        reply->last = line[7] == '0';
        reply->status = atoi(line + 9);
        while ((line = read_line()) && *line) {
            char *value = strchr(line, ':');
            if (!value)
                continue;
            *value++ = 0;
            end_at_blanks(line); /* no blank may stand there, but one that hid the length would let us wait for ever */
            value += strspn(value, " \t");
            end_at_blanks(value);
            take_header(reply, event, line, value);
        }
        if (!line)
            return false;
    } while (reply->status < 200); /* 100 Continue and the like come before the real one */
    return true;
}

/* After a reply: hang up where the server does, so that the next request does not run into it. */
void api_settle(const struct reply *reply)
{
    if (reply->last || (!reply->chunked && !reply->sized && reply->status != 204))
        api_hang_up();
}
