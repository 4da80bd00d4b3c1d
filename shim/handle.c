/* One event: a program that waits for it, the exchange with that, exactly one answer. */
#include "bootstrap.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const bool prestarts = SHIM_PROCESS == PERSISTENT || (SHIM_PROCESS == PER_EVENT && SHIM_PRESTART);

static void add_part(struct exchange *exchange, const char *data, size_t size)
{
    if (size > 0)
        exchange->parts[exchange->to++] = (struct iovec){(void *)data, size};
}

/* On now_ms' clock: the deadline less a grace, a quarter of the time where that is less. A deadline that has passed
   already tells of a clock that is wrong rather than of a hurry. */
static int64_t last_moment(const struct event *event)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t left = event->deadline_ms <= 0 ? 0 : event->deadline_ms - ((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
    if (left <= 0)
        return NEVER;
    return now_ms() + left - (left / 4 < GRACE_MS ? left / 4 : GRACE_MS);
}

/* Start the program for one event whose context goes into the environment. */
static int start_for(const struct event *event)
{
    const struct {
        const char *name, *value;
    } fields[] = {{"_X_AMZN_TRACE_ID", event->trace},
                  {"LAMBDA_RUNTIME_AWS_REQUEST_ID", event->id},
                  {"LAMBDA_RUNTIME_INVOKED_FUNCTION_ARN", event->arn},
                  {"LAMBDA_RUNTIME_CLIENT_CONTEXT", event->client},
                  {"LAMBDA_RUNTIME_COGNITO_IDENTITY", event->identity},
                  {"LAMBDA_RUNTIME_AWS_TENANT_ID", event->tenant}};
    enum { FIELDS = sizeof fields / sizeof *fields };
    struct buffer values[FIELDS + 1] = {{0}};
    char *more[FIELDS + 2];
    size_t count = 0;
    for (size_t i = 0; i < FIELDS; i++)
        if (fields[i].value)
            append_format(&values[count++], "%s=%s", fields[i].name, fields[i].value);
    if (event->deadline_ms)
        append_format(&values[count++], "LAMBDA_RUNTIME_DEADLINE_MS=%lld", (long long)event->deadline_ms);
    for (size_t i = 0; i < count; i++) {
        append(&values[i], "", 1);
        more[i] = values[i].data;
    }
    more[count] = NULL;
    int error = child_start(more);
    for (size_t i = 0; i < count; i++)
        release(&values[i]);
    return error;
}

/* The next program, in place of the one before. */
static int start(void)
{
    child_kill();
    persistent_reset();
    memory_renew();
    log_forget();
    return child_start(NULL);
}

/* The program was on its way out and has read nothing of the event: another one may have it. What is known of the end
   stays so when there is no other. */
static int start_anew(void)
{
    int status = child.status;
    int error = start();
    if (error)
        child.status = status;
    return error;
}

/* A program that waits for this event: the one started ahead, or a new one where that has gone in the meantime. */
static int ready_program(const struct event *event)
{
    if (SHIM_PROCESS != PERSISTENT || !idle_is_silent()) /* its stdout is open and silent: it lives */
        children_reap();
    if (child.pid && !child.ended)
        return 0;
    child_kill();
    log_forward();
    if (prestarts)
        return start();
    log_forget();
    return start_for(event);
}

/* The event itself, as Lambda took it from its caller, who may send JSON only. */
static bool is_known_json(const struct event *event, const struct buffer *answer)
{
    return !SHIM_ENVELOPE && answer->lent && answer->data == event->body.data && answer->size == event->body.size;
}

static void send_answer(const struct event *event, struct exchange *exchange)
{
    struct buffer *answer = &exchange->answer;
    struct failure failure = {0};
    if (exchange->answered == 0)
        failure = failure_of_silence();
    if (!SHIM_STREAM && !failure.type && !is_known_json(event, answer) &&
        !json_end(&exchange->scan, answer->data, answer->size)) {
        struct buffer quoted = {0};
        append_quoted(&quoted, answer->data, answer->size);
        release(answer);
        *answer = quoted;
        if (answer->size > ANSWER_LIMIT)
            failure = failure_of_size();
    }
    if (failure.type)
        api_fail(event, &failure);
    else if (SHIM_STREAM)
        api_stream_end(NULL);
    else
        api_answer(event, answer);
    release(&failure.message);
}

static struct failure reason(const struct event *event, const struct exchange *exchange, enum outcome outcome)
{
    switch (outcome) {
    case FAILED: return failure_from_program(exchange->type, &exchange->answer);
    case ENDED: return failure_at_end(exchange->answered, exchange->unread);
    case TIMED_OUT: return failure_at_deadline(event);
    case TOO_LARGE: return failure_of_size();
    case TRUNCATED: return failure_of_truncation();
    case CLOSED: return failure_of("Function.NoResponse", "closed its stdout before it had answered");
    default: return failure_of("Function.InvalidFrame", exchange->breach);
    }
}

/* The program goes first: it must not work on for a request that has been answered. */
static void send_failure(struct event *event, const struct exchange *exchange, enum outcome outcome)
{
    struct failure failure = reason(event, exchange, outcome);
    if (outcome != FAILED)
        child_kill();
    api_drop_rest(event);
    if (SHIM_STREAM && exchange->answered > 0 && outcome != FAILED)
        api_stream_end(&failure);
    else
        api_fail(event, &failure);
    release(&failure.message);
}

/* Hand the event to the program that is ready for it, and the one answer to the API. */
static void exchange_with_program(struct event *event)
{
    struct buffer head = {0}, behind = {0};
    struct exchange exchange = {.event = event, .until = last_moment(event)};
    const char *before = SHIM_ENVELOPE ? "{\"event\":" : "";
    if (SHIM_ENVELOPE || SHIM_PROCESS == PER_EVENT)
        make_line(&event->body); /* for programs that read one line */
    if (SHIM_ENVELOPE) {
        fill_empty(&event->body);
        append_context(&behind, event);
    }
    if (memory_takes(&event->body))
        append(&event->body, behind.data, behind.size);
    if (memory_takes(&event->body)) {
        size_t offset = memory_hand_over(&event->body, before);
        append_format(&head, "%s @%zu %zu\n", event->id, offset, strlen(before) + event->body.size);
        add_part(&exchange, head.data, head.size);
    } else {
        if (SHIM_PROCESS == PERSISTENT)
            append_format(&head, "%s %zu\n", event->id, strlen(before) + event->body.size + event->to_come + behind.size);
        add_part(&exchange, head.data, head.size);
        add_part(&exchange, before, strlen(before));
        add_part(&exchange, event->body.data, event->body.size);
        add_part(&exchange, behind.data, behind.size);
    }

    struct exchange untried = exchange;
    enum outcome outcome = SHIM_PROCESS == PERSISTENT ? persistent(&exchange) : per_event(&exchange);
    if (outcome == ENDED && exchange.unread && child.served && start_anew() == 0) {
        release(&exchange.answer);
        release(&exchange.scan.outer);
        exchange = untried;
        if (exchange.to == 1) /* the body came later */
            add_part(&exchange, event->body.data, event->body.size);
        outcome = persistent(&exchange);
    }
    log_forward();
    if (outcome == ENDED && SHIM_PROCESS == PER_EVENT && exit_is_success(child.status))
        outcome = ANSWERED;
    if (outcome == ANSWERED)
        send_answer(event, &exchange);
    else if (outcome == ABANDONED)
        note("nobody takes the streamed answer to request %s any more", event->id);
    else
        send_failure(event, &exchange, outcome);
    if (outcome == ABANDONED)
        child_kill();
    release(&head);
    release(&behind);
    release(&exchange.answer);
    release(&exchange.scan.outer);
}

void handle(struct event *event)
{
    struct failure failure = {0};
    if (SHIM_PROCESS == HTTP && event->whole) {
        http_handle(event, last_moment(event));
        return;
    }
    int error = event->whole ? ready_program(event) : 0;
    if (error) {
        failure = failure_to_start(error);
    } else if (!event->whole) {
        failure = failure_of_truncation();
    }
    if (failure.type) {
        api_drop_rest(event);
        api_fail(event, &failure);
    } else {
        exchange_with_program(event);
    }
    release(&failure.message);
}

void prestart(void)
{
    if (prestarts && (!child.pid || child.ended))
        start(); /* when that fails, it is tried once more for the event, and answered */
}

/* The program of the first event, as far as one is started ahead; 0, or errno as a start gives it. */
int first_start(void)
{
    return prestarts ? start() : program_startable();
}
