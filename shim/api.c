/* The Runtime API: HTTP/1.1 over one kept connection.

   A request is sent with one writev, and only sending a stream has a limit in time. A broken connection is made anew and the
   request sent once more: `next` changes nothing, and a second answer for one event is refused by the API. One of several
   copies asks for the next event in the same breath as it answers: Lambda counts on each of them to wait, and refuses an event
   that meets none. */
#include "api.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN(text) (int)((text).size < 300 ? (text).size : 300), (text).data ? (text).data : "" /* for %.*s */

enum { TRIES = 2, PATIENCE = 8 };

static int failures;    /* connections that broke in a row while we waited for an event */
static bool asks_ahead; /* directly behind each answer */
static void do_nothing(void) {}
static void (*on_reply_sent)(void) = do_nothing; /* an answer has been sent, and the API has not said yes yet */

struct iovec api_next_request(void)
{
    static char head[512];
    int size = snprintf(head, sizeof head, "GET " PATH "invocation/next HTTP/1.1\r\nHost: %s\r\n\r\n", connection.host);
    return (struct iovec){head, (size_t)size};
}

/* ---- next ---- */

/* Send GET next, where that is not done already, and leave the answer for api_next: it may come in an hour. */
void api_ask(void)
{
    if (!connection.asked) {
        struct iovec part = api_next_request();
        api_be_connected();
        if (!api_send(&part, 1, NEVER))
            api_hang_up(); /* api_next sees it */
    }
    connection.asked = false;
}

/* Ask behind each answer from now on, without a wait for the API's word on it. */
void api_ask_ahead(void)
{
    asks_ahead = true;
}

bool api_asks_ahead(void)
{
    return asks_ahead;
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
    if (connection.fd >= 0 && connection.from == connection.to && !loop_wait_one(connection.fd, POLLIN, now_ms() + IDLE_MS)) {
        release_spares();
        memory_release();
    }
    if (connection.fd < 0 || !api_read_head(&reply, event)) {
        api_hang_up();
        if (++failures > PATIENCE)
            fail("the Runtime API breaks every connection");
        poll(NULL, 0, failures == 1 ? 0 : 1 << failures); /* the first may be one that died in a freeze */
        return false;
    }
    failures = 0;
    if (SHIM_PROCESS == PERSISTENT)
        memory_lend(&event->body, reply.sized ? reply.size : 0);
    if (!api_leave_rest(&reply, event)) {
        answer_is_due(&body_pace); /* it follows on its head */
        event->whole = !reply.damaged && api_read_body(&reply, &event->body);
        answer_came(&body_pace);
    }
    memory_settle(&event->body);
    if (reply.status != 200)
        fail("the Runtime API answered GET next with %d: %.*s", reply.status, SHOWN(event->body));
    if (!is_usable(event->id))
        fail("the Runtime API sent an event without a usable Lambda-Runtime-Aws-Request-Id");
    if (event->whole)
        api_settle(&reply);
    else
        api_hang_up();
    return true;
}

/* ---- answers ---- */

/* `work` is done each time that an answer is on its way, before the API's word on it is waited for. */
void api_on_reply_sent(void (*work)(void))
{
    on_reply_sent = work;
}

void api_reply_is_sent(void)
{
    on_reply_sent();
}

/* Read the reply to an answer; its status, or 0 when the connection broke before. A GET next that went out behind the answer
   counts where the connection is kept. */
int api_read_verdict(bool next_is_out)
{
    static struct pace pace;
    struct reply reply;
    struct buffer body = {0};
    answer_is_due(&pace);
    loop_wait_one(connection.fd, POLLIN, NEVER);
    answer_came(&pace);
    if (!api_read_head(&reply, NULL)) {
        api_hang_up();
        return 0;
    }
    if (!reply.damaged && api_read_body(&reply, &body))
        api_settle(&reply);
    else
        api_hang_up();
    if (reply.status >= 300)
        note("the Runtime API answered %d: %.*s", reply.status, SHOWN(body));
    connection.asked = next_is_out && connection.fd >= 0;
    release(&body);
    return reply.status;
}

/* A late answer to a request id that is in use again is refused by this. */
void api_append_invocation(struct buffer *head, const struct event *event)
{
    if (event && event->invocation)
        append_format(head, "Lambda-Runtime-Invocation-Id: %s\r\n", event->invocation);
}

/* POST; the status, 0 when no connection brought one. */
static int post(const char *path, const struct event *event, const char *headers, const struct buffer *body)
{
    struct buffer head = {0};
    int status = 0;
    append_format(&head, "POST " PATH "%s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n%s", path, connection.host,
                  headers);
    api_append_invocation(&head, event);
    append_format(&head, "Content-Length: %zu\r\n\r\n", body->size);
    for (int tries = 0; tries < TRIES && status == 0; tries++) {
        bool asks = asks_ahead && event;
        api_be_connected();
        struct iovec parts[] = {{head.data, head.size}, {body->data, body->size}, api_next_request()};
        bool sent = api_send(parts, asks ? 3 : 2, NEVER);
        if (tries == 0)
            on_reply_sent();
        status = api_read_verdict(asks); /* even so: a server that has had enough says why (413) and hangs up */
        if (!sent)
            api_hang_up();
    }
    release(&head);
    return status;
}

void api_append_failure(struct buffer *out, const struct failure *failure)
{
    append_text(out, "{\"errorMessage\":");
    append_quoted(out, failure->message.data, failure->message.size);
    append_format(out, ",\"errorType\":\"%s\",\"stackTrace\":[]}", failure->type);
}

/* The header's form is narrower than the body's: `Function.` or `Runtime.`, and letters, the first one a capital. */
void api_append_type(struct buffer *out, const char *type)
{
    const char *kind = strncmp(type, "Runtime.", 8) ? "Function." : "Runtime.";
    type += strncmp(type, kind, strlen(kind)) ? 0 : strlen(kind);
    append_text(out, kind);
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

void api_log_failure(const struct failure *failure)
{
    const size_t news = failure->told ? failure->told : failure->message.size;
    log_failure(failure->type, failure->message.data ? failure->message.data : "", news);
}

static int post_failure(const char *path, const struct event *event, const struct failure *failure)
{
    struct buffer headers = {0}, body = {0};
    api_append_failure(&body, failure);
    append_text(&headers, ERROR_TYPE ": ");
    api_append_type(&headers, failure->type);
    append(&headers, "\r\n", 3);
    api_log_failure(failure);
    int status = post(path, event, headers.data, &body);
    release(&headers);
    release(&body);
    return status;
}

/* 5xx: the sandbox is beyond repair, and Lambda wants us to go. All else concerns this event only, and was noted. */
void api_act_on_status(int status)
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
    api_act_on_status(post(path, event, "", answer));
}

void api_fail(const struct event *event, const struct failure *failure)
{
    char path[ID_LIMIT + 40];
    snprintf(path, sizeof path, "invocation/%s/error", event->id);
    api_act_on_status(post_failure(path, event, failure));
}

void api_fail_init(const struct failure *failure)
{
    post_failure("init/error", NULL, failure);
}
