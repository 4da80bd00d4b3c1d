/* The Runtime API: HTTP/1.1 over one kept connection.

   A request is sent with one writev; an answer is read with whatever framing the server chose (Content-Length, chunked,
   to the end of the connection; header names in any case and order). The socket never blocks: all waiting is `loop_wait`'s,
   and only sending a stream has a limit in time. A broken connection is made anew and the request sent once more: `next`
   changes nothing, and a second answer for one event is refused by the API. One of several copies asks for the next event
   in the same breath as it answers: Lambda counts on each of them to wait, and refuses an event that meets none. */
#include "bootstrap.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATH "/2018-06-01/runtime/"
#define ERROR_TYPE "Lambda-Runtime-Function-Error-Type"
#define SHOWN(text) (int)((text).size < 300 ? (text).size : 300), (text).data ? (text).data : "" /* for %.*s */
#define ERROR_BODY "Lambda-Runtime-Function-Error-Body"

enum { TRIES = 2, PATIENCE = 8, BODY_STEP = 65536 };
static const size_t BODY_LIMIT = (size_t)1 << 30; /* no event comes near; a damaged length does not eat the memory */

struct reply {
    int status;
    bool chunked, sized, last; /* last: the server closes behind it */
    bool damaged;              /* its length is none, or it has two */
    size_t size;
};

static char host[300];
static struct addrinfo *addresses;
static int connection = -1;
static char input[65536 + 1024]; /* the longest line of a head */
static size_t input_from, input_to;
static int failures;        /* connections that broke in a row while we waited for an event */
static bool ended_in_error; /* the connection ended in an error */
static const char *stream_type = "application/octet-stream";
static bool streaming;  /* the head of a streamed answer is out, its end is not */
static bool asks_ahead; /* directly behind each answer */
static bool asked;      /* GET next is out already */
static void do_nothing(void) {}
static void (*on_reply_sent)(void) = do_nothing; /* an answer has been sent, and the API has not said yes yet */

/* ---- connection ---- */

static void disconnect(void)
{
    if (connection >= 0)
        close(connection);
    connection = -1;
    input_from = input_to = 0;
    asked = false;
}

static bool connect_to(const struct addrinfo *address)
{
    connection = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection >= 0 && connect(connection, address->ai_addr, address->ai_addrlen) == 0) {
        setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        fcntl(connection, F_SETFL, O_NONBLOCK);
        return true;
    }
    int error = errno;
    disconnect();
    errno = error;
    return false;
}

/* The emulator starts us before it listens, and an API that restarts is back in a moment. */
static void reconnect(void)
{
    int64_t until = now_ms() + CONNECT_MS;
    disconnect();
    for (;;) {
        for (const struct addrinfo *address = addresses; address; address = address->ai_next)
            if (connect_to(address))
                return;
        int error = errno;
        if (now_ms() >= until)
            fail("no connection to the Runtime API at %s: %s", host, strerror(error));
        poll(NULL, 0, 5);
    }
}

/* A connection for the next request. A server that speaks before it was asked has hung up, or is out of step: its connection
   is not used again. */
static void ensure_connected(void)
{
    struct pollfd one = {.fd = connection, .events = POLLIN};
    if (connection < 0 || input_from < input_to || poll(&one, 1, 0) > 0)
        reconnect();
}

/* `address` is the value of AWS_LAMBDA_RUNTIME_API: host:port, host or [v6]:port. */
void api_open(const char *address)
{
    char name[sizeof host];
    snprintf(host, sizeof host, "%s", address);
    snprintf(name, sizeof name, "%s", address);
    char *start = name, *port = strrchr(name, ':');
    if (name[0] == '[') {
        char *end = strchr(name, ']');
        port = end && end[1] == ':' ? end + 1 : NULL;
        start = name + 1;
        if (end)
            *end = 0;
    }
    if (port)
        *port++ = 0;
    struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    int error = getaddrinfo(start, port ? port : "80", &wanted, &addresses);
    if (error) {
        wanted.ai_flags = 0;
        error = getaddrinfo(start, port ? port : "80", &wanted, &addresses);
    }
    if (error)
        fail("AWS_LAMBDA_RUNTIME_API=%s: %s", address, gai_strerror(error));
    reconnect();
}

/* Whether what stands in the socket is 100 Continue or the like, not yet the reply. */
static bool is_interim(void)
{
    char start[10];
    return recv(connection, start, sizeof start, MSG_PEEK) == sizeof start && !memcmp(start, "HTTP/1.", 7) && start[9] == '1';
}

/* Send it all; false when the connection broke, the server answered already, or `until` came. Consumes `parts`. */
static bool send_all(struct iovec *parts, int count, int64_t until)
{
    short heard = POLLIN;
    while (count > 0) {
        ssize_t size = writev(connection, parts, count);
        if (size < 0 && errno == EAGAIN) {
            short state = loop_wait_one(connection, POLLOUT | heard, until);
            if (state & POLLIN && !(state & (POLLERR | POLLHUP)) && is_interim())
                heard = 0; /* read_head passes over it */
            else if (state & ~POLLOUT || (until != NEVER && now_ms() >= until))
                return false; /* whoever answers before the end of the request does not want the rest of it */
            continue;
        }
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return false;
        while (count > 0 && (size_t)size >= parts->iov_len) {
            size -= (ssize_t)parts->iov_len;
            parts++;
            count--;
        }
        if (count > 0) {
            parts->iov_base = (char *)parts->iov_base + size;
            parts->iov_len -= (size_t)size;
        }
    }
    return true;
}

/* Up to `room` bytes, as they come; 0 at the end of the connection, however it ended (`ended_in_error`: not in order). */
static size_t receive(char *into, size_t room)
{
    for (;;) {
        ssize_t size = recv(connection, into, room, 0);
        if (size >= 0)
            return (size_t)size;
        if (errno == EAGAIN)
            loop_wait_one(connection, POLLIN, NEVER);
        else if (errno != EINTR)
            break;
    }
    ended_in_error = true;
    return 0;
}

static struct iovec next_request(void)
{
    static char head[512];
    int size = snprintf(head, sizeof head, "GET " PATH "invocation/next HTTP/1.1\r\nHost: %s\r\n\r\n", host);
    return (struct iovec){head, (size_t)size};
}

/* ---- reading a reply ---- */

/* The next line without its line break, ended by NUL; NULL when the connection ends or the line is absurdly long. */
static char *read_line(void)
{
    for (;;) {
        char *start = input + input_from, *end = memchr(start, '\n', input_to - input_from);
        if (end) {
            input_from = (size_t)(end - input) + 1;
            if (end > start && end[-1] == '\r')
                end--;
            *end = 0;
            return start;
        }
        memmove(input, start, input_to - input_from);
        input_to -= input_from;
        input_from = 0;
        size_t got = input_to < sizeof input ? receive(input + input_to, sizeof input - input_to) : 0;
        if (got == 0)
            return NULL;
        input_to += got;
    }
}

/* Append up to `size` bytes of body; how many there were, 0 at the end of the connection. */
static size_t read_some(struct buffer *body, size_t size)
{
    size_t ready = input_to - input_from;
    if (ready > 0) {
        size = ready < size ? ready : size;
        append(body, input + input_from, size);
        input_from += size;
        return size;
    }
    size_t got = receive(room_for(body, size), size);
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

static bool read_body(const struct reply *reply, struct buffer *body)
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
    ended_in_error = false;
    while (body->size < BODY_LIMIT)
        if (read_some(body, BODY_STEP) == 0)
            return !ended_in_error;
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
static bool read_head(struct reply *reply, struct event *event)
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
static void disconnect_if_last(const struct reply *reply)
{
    if (reply->last || (!reply->chunked && !reply->sized && reply->status != 204))
        disconnect();
}

/* ---- next ---- */

/* Send GET next, where that is not done already, and leave the answer for api_next: it may come in an hour. */
void api_ask(void)
{
    if (!asked) {
        struct iovec part = next_request();
        ensure_connected();
        if (!send_all(&part, 1, NEVER))
            disconnect(); /* api_next sees it */
    }
    asked = false;
}

/* Ask behind each answer from now on, without a wait for the API's word on it. */
void api_ask_ahead(void)
{
    asks_ahead = true;
}

static void forget(struct event *event)
{
    free(event->arn);
    free(event->trace);
    free(event->client);
    free(event->identity);
    free(event->tenant);
    free(event->invocation);
    release(&event->body);
    *event = (struct event){0};
}

static bool is_usable(const char *id)
{
    return *id && strlen(id) < ID_LIMIT - 1 &&
           strspn(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.:") == strlen(id);
}

/* Wait for the event that api_ask asked for. False: the API was asked in vain, ask again. A refusal is for good: Lambda
   wants us to go, and asking again would spin. */
bool api_next(struct event *event)
{
    static struct pace body_pace;
    struct reply reply;
    forget(event);
    if (connection >= 0 && input_from == input_to && !loop_wait_one(connection, POLLIN, now_ms() + IDLE_MS)) {
        release_spares();
        memory_release();
    }
    if (connection < 0 || !read_head(&reply, event)) {
        disconnect();
        if (++failures > PATIENCE)
            fail("the Runtime API breaks every connection");
        poll(NULL, 0, failures == 1 ? 0 : 1 << failures); /* the first may be one that died in a freeze */
        return false;
    }
    failures = 0;
    if (SHIM_PROCESS == PERSISTENT)
        memory_lend(&event->body, reply.sized ? reply.size : 0);
    answer_is_due(&body_pace); /* it follows on its head */
    event->whole = !reply.damaged && read_body(&reply, &event->body);
    answer_came(&body_pace);
    memory_settle(&event->body);
    if (reply.status != 200)
        fail("the Runtime API answered GET next with %d: %.*s", reply.status, SHOWN(event->body));
    if (!is_usable(event->id))
        fail("the Runtime API sent an event without a usable Lambda-Runtime-Aws-Request-Id");
    if (event->whole)
        disconnect_if_last(&reply);
    else
        disconnect();
    return true;
}

/* ---- answers ---- */

/* `work` is done each time that an answer is on its way, before the API's word on it is waited for. */
void api_on_reply_sent(void (*work)(void))
{
    on_reply_sent = work;
}

/* Read the reply to an answer; its status, or 0 when the connection broke before. A GET next that went out behind the answer
   counts where the connection is kept. */
static int read_verdict(bool next_is_out)
{
    static struct pace pace;
    struct reply reply;
    struct buffer body = {0};
    answer_is_due(&pace);
    loop_wait_one(connection, POLLIN, NEVER);
    answer_came(&pace);
    if (!read_head(&reply, NULL)) {
        disconnect();
        return 0;
    }
    if (!reply.damaged && read_body(&reply, &body))
        disconnect_if_last(&reply);
    else
        disconnect();
    if (reply.status >= 300)
        note("the Runtime API answered %d: %.*s", reply.status, SHOWN(body));
    asked = next_is_out && connection >= 0;
    release(&body);
    return reply.status;
}

/* A late answer to a request id that is in use again is refused by this. */
static void append_invocation(struct buffer *head, const struct event *event)
{
    if (event && event->invocation)
        append_format(head, "Lambda-Runtime-Invocation-Id: %s\r\n", event->invocation);
}

/* POST; the status, 0 when no connection brought one. */
static int post(const char *path, const struct event *event, const char *headers, const struct buffer *body)
{
    struct buffer head = {0};
    int status = 0;
    append_format(&head, "POST " PATH "%s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n%s", path, host, headers);
    append_invocation(&head, event);
    append_format(&head, "Content-Length: %zu\r\n\r\n", body->size);
    for (int tries = 0; tries < TRIES && status == 0; tries++) {
        bool asks = asks_ahead && event;
        ensure_connected();
        struct iovec parts[] = {{head.data, head.size}, {body->data, body->size}, next_request()};
        bool sent = send_all(parts, asks ? 3 : 2, NEVER);
        if (tries == 0)
            on_reply_sent();
        status = read_verdict(asks); /* even so: a server that has had enough says why (413) and hangs up */
        if (!sent)
            disconnect();
    }
    release(&head);
    return status;
}

static void append_failure(struct buffer *out, const struct failure *failure)
{
    append_text(out, "{\"errorMessage\":");
    append_quoted(out, failure->message.data, failure->message.size);
    append_format(out, ",\"errorType\":\"%s\",\"stackTrace\":[]}", failure->type);
}

/* The header's form is narrower than the body's: `Function.` and letters, the first one a capital. */
static void append_type(struct buffer *out, const char *type)
{
    if (!strncmp(type, "Runtime.", 8) || !strncmp(type, "Function.", 9)) {
        append_text(out, type);
        return;
    }
    append_text(out, "Function.");
    size_t start = out->size;
    for (; *type; type++) {
        char c = *type;
        if (out->size == start && c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
            append(out, &c, 1);
    }
    if (out->size < start + 2) {
        out->size = start;
        append_text(out, "Error");
    }
}

static size_t size_of_news(const struct failure *failure)
{
    return failure->told ? failure->told : failure->message.size;
}

static int post_failure(const char *path, const struct event *event, const struct failure *failure)
{
    struct buffer headers = {0}, body = {0};
    append_failure(&body, failure);
    append_text(&headers, ERROR_TYPE ": ");
    append_type(&headers, failure->type);
    append(&headers, "\r\n", 3);
    log_failure(failure->type, failure->message.data ? failure->message.data : "", size_of_news(failure));
    int status = post(path, event, headers.data, &body);
    release(&headers);
    release(&body);
    return status;
}

/* 5xx: the sandbox is beyond repair, and Lambda wants us to go. All else concerns this event only, and was noted. */
static void act_on_status(int status)
{
    if (status == 0)
        note("the Runtime API hung up on the answer");
    if (status >= 500)
        fail("the Runtime API is out of order");
}

void api_answer(const struct event *event, const struct buffer *answer)
{
    char path[ID_LIMIT + 40];
    snprintf(path, sizeof path, "invocation/%s/response", event->id);
    act_on_status(post(path, event, "", answer));
}

void api_fail(const struct event *event, const struct failure *failure)
{
    char path[ID_LIMIT + 40];
    snprintf(path, sizeof path, "invocation/%s/error", event->id);
    act_on_status(post_failure(path, event, failure));
}

void api_fail_init(const struct failure *failure)
{
    post_failure("init/error", NULL, failure);
}

/* ---- streamed answers ---- */

static bool send_chunk(const char *data, size_t size, int64_t until)
{
    char head[32];
    int length = snprintf(head, sizeof head, "%zx\r\n", size);
    struct iovec parts[] = {{head, (size_t)length}, {(void *)data, size}, {(void *)"\r\n", 2}};
    return send_all(parts, 3, until);
}

/* What streamed answers are from now on; `type` stays the caller's. */
void api_stream_type(const char *type)
{
    stream_type = type;
}

/* Where the answer is for an HTTP client: its status and headers, eight NULs, and then the body. */
static const char prelude[] = "{\"statusCode\":200,\"headers\":{\"content-type\":" SHIM_CONTENT_TYPE "}}\0\0\0\0\0\0\0";

/* Send a piece of the answer as it comes; the first one opens the request. False: nobody takes it any more. */
bool api_stream(const struct event *event, const char *data, size_t size, int64_t until)
{
    if (!streaming) {
        struct buffer head = {0};
        append_format(&head,
                      "POST " PATH "invocation/%s/response HTTP/1.1\r\nHost: %s\r\n"
                      "Content-Type: %s\r\n"
                      "Lambda-Runtime-Function-Response-Mode: streaming\r\n",
                      event->id, host, stream_type);
        append_invocation(&head, event);
        append_text(&head, "Transfer-Encoding: chunked\r\nTrailer: " ERROR_TYPE ", " ERROR_BODY "\r\n\r\n");
        ensure_connected();
        struct iovec part = {head.data, head.size};
        streaming = send_all(&part, 1, until);
        release(&head);
        if (SHIM_CONTENT == TYPED && SHIM_PROCESS != HTTP)
            streaming = streaming && send_chunk(prelude, sizeof prelude, until);
    }
    streaming = streaming && send_chunk(data, size, until);
    if (!streaming)
        disconnect();
    return streaming;
}

static void append_base64(struct buffer *out, const struct buffer *in)
{
    size_t size = base64_size(in->size);
    encode_base64(room_for(out, size) + size, in->data, in->size);
    out->size += size;
}

/* The end of a streamed answer; `failure` (may be NULL) goes out as trailers. */
void api_stream_end(const struct failure *failure)
{
    struct buffer end = {0};
    append_text(&end, "0\r\n");
    if (failure) {
        struct buffer body = {0};
        append_failure(&body, failure);
        append_text(&end, ERROR_TYPE ": ");
        append_type(&end, failure->type);
        append_text(&end, "\r\n" ERROR_BODY ": ");
        append_base64(&end, &body);
        append_text(&end, "\r\n");
        release(&body);
        log_failure(failure->type, failure->message.data ? failure->message.data : "", size_of_news(failure));
    }
    append_text(&end, "\r\n");
    struct iovec parts[] = {{end.data, end.size}, next_request()};
    streaming = false;
    bool sent = send_all(parts, asks_ahead ? 2 : 1, now_ms() + GRACE_MS);
    on_reply_sent();
    if (sent)
        act_on_status(read_verdict(asks_ahead));
    else
        disconnect();
    release(&end);
}
