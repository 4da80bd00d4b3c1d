/* One event of a web server, to its one answer: event → request → response → answer, buffered or streamed.

   On a connection used before, a request that was lost unread goes out once more. A server that does not answer in time is
   killed, for HTTP/1.1 has no word to take a request back. */
#include "http.h"

/* Send the request and read the head of the response; over a connection used before, a request that the server cannot have
   seen whole, or that may be repeated, goes out once more when it is lost. */
static enum link_end exchange_heads(const struct http_request *request, struct http_head *head, int64_t until)
{
    for (;;) {
        if (!link_be_connected(until))
            return child.ended ? LINK_CUT : LINK_TIMEOUT;
        bool fresh = link_is_fresh();
        link_send(request);
        enum link_end end = link_read_head(head, request->is_head, until);
        bool lost = (end == LINK_CUT || end == LINK_RESET) && link_heard_nothing();
        if (!lost || fresh || !(request->resendable || link_was_dead_early()))
            return end;
        link_hang_up();
    }
}

/* The body into the answer, which it must not make too large. */
static enum link_end read_whole_body(struct buffer *answer, int64_t until, bool *large)
{
    enum link_end end;
    while ((end = link_read_body(answer, until)) == LINK_OPEN)
        if (answer->size > ANSWER_LIMIT) {
            *large = true;
            return LINK_DONE;
        }
    return end;
}

static void answer_whole(struct event *event, enum front front, const struct http_head *head, int64_t until)
{
    struct buffer answer = {0};
    struct failure failure = {0};
    bool large = false;
    size_t from = front == OTHER ? 0 : http_begin_answer(&answer, front, head);
    enum link_end end = read_whole_body(&answer, until, &large);
    if (end != LINK_DONE) /* asked first, for it shows what came */
        failure = failure_of_break(event, end, true, until);
    if (large || end != LINK_DONE)
        link_hang_up();
    else
        link_settle(head);
    if (large)
        failure = failure_of_large_answer(answer.size);
    else if (failure.type)
        ; /* nothing is made of it */
    else if (front == OTHER ? head->status >= 300 : is_error_status(head->status))
        failure = failure_of_status(head->status, &answer, from);
    else if (front != OTHER)
        http_end_answer(&answer, from, front, head);
    else if (answer.size == 0)
        append_text(&answer, "null");
    else if (!is_json(answer.data, answer.size))
        failure = failure_of("Function.NoJson", "answered an event that is no HTTP request with a body that is no JSON");
    if (!failure.type && answer.size > ANSWER_LIMIT)
        failure = failure_of_large_answer(answer.size);
    if (failure.type && end == LINK_TIMEOUT)
        child_kill();
    log_forward();
    if (failure.type)
        api_fail(event, &failure);
    else
        api_answer(event, &answer);
    release(&failure.message);
    release(&answer);
}

static void answer_in_pieces(struct event *event, enum front front, const struct http_head *head, int64_t until)
{
    struct buffer piece = {0};
    struct failure failure = {0};
    enum link_end end = LINK_OPEN;
    if (front != OTHER)
        http_write_prelude(&piece, front, head);
    api_stream_type(front != OTHER ? PRELUDE_TYPE : "application/json");
    while (end == LINK_OPEN) {
        bool taken = piece.size == 0 || api_stream(event, piece.data, piece.size, until);
        if (!taken) {
            note("nobody takes the streamed answer to request %s any more", event->id);
            link_hang_up();
            release(&piece);
            return;
        }
        piece.size = 0;
        end = link_read_body(&piece, until);
    }
    if (piece.size > 0)
        api_stream(event, piece.data, piece.size, until);
    if (end != LINK_DONE)
        failure = failure_of_break(event, end, true, until);
    if (end == LINK_DONE)
        link_settle(head);
    else
        link_hang_up();
    if (end == LINK_TIMEOUT)
        child_kill();
    log_forward();
    api_stream_end(failure.type ? &failure : NULL);
    release(&failure.message);
    release(&piece);
}

static void exchange_with_server(struct event *event, enum front front, const struct http_request *request, int64_t until)
{
    struct http_head head = {0};
    enum link_end end = exchange_heads(request, &head, until);
    if (end != LINK_DONE) {
        struct failure failure = failure_of_break(event, end, false, until);
        link_hang_up();
        if (end == LINK_TIMEOUT)
            child_kill();
        api_fail(event, &failure);
        release(&failure.message);
    } else if (SHIM_STREAM && !is_error_status(head.status) && (front != OTHER || head.status < 300)) {
        answer_in_pieces(event, front, &head, until);
    } else {
        answer_whole(event, front, &head, until);
    }
    release(&head.text);
}

static void refuse(struct event *event, enum front front, const char *why)
{
    struct buffer answer = {0};
    note("request %s is answered 400: %s", event->id, why);
    if (SHIM_STREAM) {
        static const char type[] = "content-type: text/plain; charset=utf-8\n";
        http_write_prelude(&answer, front,
                           &(struct http_head){.status = 400, .text = {.data = (char *)type, .size = sizeof type - 1}});
        append_format(&answer, "Bad Request: %s\n", why);
        api_stream_type(PRELUDE_TYPE);
        if (api_stream(event, answer.data, answer.size, NEVER))
            api_stream_end(NULL);
    } else {
        http_write_refusal(&answer, front, why);
        api_answer(event, &answer);
    }
    release(&answer);
}

/* One event, to its one answer. */
void http_handle(struct event *event, int64_t until)
{
    struct http_event http;
    struct http_request request = {0};
    struct failure failure = be_ready(until);
    http_read_event(&http, event->body.data, event->body.size);
    if (failure.type) {
        ; /* no request is made */
    } else if (http.front != OTHER) {
        http_write_request(&request, &http, event);
    } else if (*SHIM_EVENTS) {
        http_write_other(&request, event);
    } else {
        failure =
            failure_of("Function.NoHttpEvent", "is a web server, and the event is no HTTP request (events = \"\" takes none)");
    }
    if (failure.type)
        api_fail(event, &failure);
    else if (request.refused)
        refuse(event, http.front, request.refused);
    else
        exchange_with_server(event, http.front, &request, until);
    release(&failure.message);
    release(&request.head);
}
