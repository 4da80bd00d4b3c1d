/* The bootstrap: stands between Lambda's Runtime API and a program that knows only stdin and stdout.

   start-up    program.c prepares the environment; a program that cannot be started is an init error
   the loop    ask for the next event, start the program meanwhile, exchange event and answer, send exactly one answer
   native      the program knows the Runtime API itself: become it
   http        the program is a web server: http.c starts it, asks it and answers */
#include "bootstrap.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Read by tasks/lib/gate/own.py, so that a zip tells which program it starts. */
__attribute__((used)) static const char mark[] = "haskell-on-lambda starts: " SHIM_MAIN;

static bool is_worker; /* of several that serve at once */
static const bool prestarts = SHIM_PROCESS == PERSISTENT || (SHIM_PROCESS == PER_EVENT && SHIM_PRESTART);

static void add_part(struct exchange *exchange, const char *data, size_t size)
{
    if (size > 0)
        exchange->parts[exchange->to++] = (struct iovec){(void *)data, size};
}

/* ---- one event ---- */

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
    case ENDED: return failure_at_end(exchange->answered);
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
    if (outcome == ENDED && exchange.unread && start_anew() == 0) {
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

static void handle(struct event *event)
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

static void prestart(void)
{
    if (prestarts && (!child.pid || child.ended))
        start(); /* when that fails, it is tried once more for the event, and answered */
}

/* The answer is on its way: whoever gave it has done its work, and the next can start while the API takes it. */
static void prestart_next(void)
{
    log_forget();
    if (SHIM_PROCESS == PER_EVENT) {
        sched_yield(); /* whoever shares our processor takes the answer first */
        child_kill();
        prestart();
    }
}

/* ---- start-up and the loop ---- */

_Noreturn static void give_up(int error)
{
    struct failure failure = failure_to_start(error);
    api_fail_init(&failure);
    exit(1);
}

_Noreturn static void serve(void)
{
    static struct event event;
    int error = SHIM_PROCESS == HTTP ? http_start() : prestarts ? start() : program_startable();
    if (error)
        give_up(error);
    api_on_reply_sent(prestart_next);
    for (;;) {
        api_ask();
        memory_end();
        if (SHIM_PROCESS == PERSISTENT)
            children_reap();
        prestart();
        if (SHIM_PROCESS == PERSISTENT)
            watch_idle(child.out, persistent_idle);
        else if (SHIM_PROCESS != HTTP)  /* a server that ends between two events is missed with the next */
            watch_idle(-1, child_kill); /* one that has ended before its event */
        while (!api_next(&event))
            api_ask();
        if (SHIM_PROCESS == PERSISTENT && child.pid && !idle_is_silent())
            persistent_idle();
        watch_idle(-1, NULL);
        log_request(event.id);
        handle(&event);
        log_request(NULL);
        if (SHIM_PROCESS == HTTP)
            http_replace(!is_worker);
    }
}

/* Managed instances send several events at once: as many copies of us serve them, true in each of them. When one goes,
   all go. */
static bool fork_workers(void)
{
    const char *wanted = getenv("AWS_LAMBDA_MAX_CONCURRENCY");
    int copies = wanted ? atoi(wanted) : 1;
    if (copies < 2 || (SHIM_PROCESS == NATIVE && program_contains("lambda-run serves several events at once")))
        return false; /* one, or the program has threads for them */
    for (int i = 0; i < copies; i++) {
        pid_t pid = fork();
        if (pid < 0)
            fail("cannot make %d copies of the bootstrap: %s", copies, strerror(errno));
        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGTERM);
            is_worker = true;
            prctl(PR_SET_CHILD_SUBREAPER, 1); /* a fork does not inherit it */
            return true;
        }
    }
    int status;
    wait(&status);
    exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

int main(void)
{
    const char *api = getenv("AWS_LAMBDA_RUNTIME_API");
    for (int some = 0; some >= 0 && some <= STDERR_FILENO;) /* nothing of ours may stand in a standard place */
        if ((some = open("/dev/null", O_RDWR | (SHIM_PROCESS == NATIVE ? 0 : O_CLOEXEC))) > STDERR_FILENO)
            close(some);
    if (!api)
        fail("AWS_LAMBDA_RUNTIME_API is not set; Lambda starts this program, and locally `doit invoke` and `doit local` do");
    program_prepare();
    child_prepare();
    if (SHIM_PROCESS != HTTP) /* a web server's hold its port, and are set when that is known */
        program_set_arguments((char *const[]){SHIM_ARGUMENTS NULL});
    if (!fork_workers() && SHIM_PROCESS == PERSISTENT)
        pin_to_cpu();
    if (SHIM_PROCESS == PERSISTENT) { /* each copy has its own: nothing of one may be seen in another */
        memory_open();
        program_tell_of_memory();
    }
    int error = SHIM_PROCESS == NATIVE ? child_become() : 0;
    if (!log_open())
        fail("cannot make a pipe: %s", strerror(errno));
    loop_open(&(struct loop_acts){.reap = children_reap, .stop = child_stop});
    if (SHIM_CONTENT != OCTETS)
        api_stream_type(PRELUDE_TYPE);
    api_open(api);
    if (is_worker)
        api_ask_ahead();
    if (error)
        give_up(error);
    serve();
}
