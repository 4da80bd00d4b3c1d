/* The bootstrap: stands between Lambda's Runtime API and a program that knows only stdin and stdout.

   start-up    child.c prepares the environment; a program that cannot be started is an init error
   the loop    ask for the next event, start the program meanwhile, exchange event and answer, send exactly one answer
   native      the program knows the Runtime API itself: become it */
#include "bootstrap.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Read by tasks/lib/gate/own.py, so that a zip tells which program it starts. */
__attribute__((used)) static const char mark[] = "haskell-on-lambda starts: " SHIM_MAIN;

static const bool starts_ahead = SHIM_PROCESS == PERSISTENT || (SHIM_PROCESS == PER_EVENT && SHIM_AHEAD);

/* ---- why there is no answer ---- */

static const char *signal_name(int number)
{
    static const struct {
        int number;
        const char *name;
    } names[] = {{SIGABRT, "SIGABRT"}, {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},   {SIGHUP, "SIGHUP"}, {SIGILL, "SIGILL"},
                 {SIGINT, "SIGINT"},   {SIGKILL, "SIGKILL"}, {SIGPIPE, "SIGPIPE"}, {SIGSEGV, "SIGSEGV"},
                 {SIGSYS, "SIGSYS"},   {SIGTERM, "SIGTERM"}, {SIGTRAP, "SIGTRAP"}, {SIGXCPU, "SIGXCPU"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].number == number)
            return names[i].name;
    return "unknown";
}

static void add_tail(struct buffer *message)
{
    size_t before = message->size;
    append_text(message, "; the end of its stderr:\n");
    size_t start = message->size;
    log_tail(message);
    if (message->size == start)
        message->size = before;
}

static struct failure not_started(int error)
{
    struct failure failure = {.type = "Runtime.InvalidEntrypoint"};
    const char *why = error == EACCES    ? "it is not an executable file (mode 0755)"
                      : error == ENOEXEC ? "it is no program for this processor"
                      : error == ENOENT  ? "it, or the interpreter it asks for, does not exist"
                                         : NULL;
    append_format(&failure.message, "cannot start %s: %s", child_program(), strerror(error));
    if (why)
        append_format(&failure.message, "; %s", why);
    return failure;
}

static struct failure ended(void)
{
    struct failure failure = {.type = "Function.ExitError"};
    if (WIFSIGNALED(child.status))
        append_format(&failure.message, "%s was killed by signal %d (%s)", SHIM_MAIN, WTERMSIG(child.status),
                      signal_name(WTERMSIG(child.status)));
    else
        append_format(&failure.message, "%s ended with exit code %d", SHIM_MAIN, WEXITSTATUS(child.status));
    if (SHIM_PROCESS == PERSISTENT)
        append_text(&failure.message, " before it had answered");
    add_tail(&failure.message);
    return failure;
}

static struct failure timed_out(const struct event *event)
{
    struct failure failure = {.type = "Function.Timeout"};
    char date[32];
    time_t second = (time_t)(event->deadline_ms / 1000);
    struct tm parts;
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", gmtime_r(&second, &parts));
    append_format(&failure.message, "%s had not %s shortly before the deadline %s.%03dZ of request %s and was killed", SHIM_MAIN,
                  SHIM_PROCESS == PER_EVENT && child.out < 0 ? "ended (though it had closed its stdout)" : "answered", date,
                  (int)(event->deadline_ms % 1000), event->id);
    add_tail(&failure.message);
    return failure;
}

static struct failure no_response(void)
{
    struct failure failure = {.type = "Function.NoResponse"};
    append_format(&failure.message, "%s wrote no answer to its stdout; a program with nothing to say writes null", SHIM_MAIN);
    add_tail(&failure.message);
    return failure;
}

/* The program itself says what went wrong. */
static struct failure told(const struct buffer *message)
{
    struct failure failure = {.type = "Function.HandlerError"};
    append(&failure.message, message->data, message->size);
    return failure;
}

static struct failure simple(const char *type, const char *what)
{
    struct failure failure = {.type = type};
    append_format(&failure.message, "%s %s", SHIM_MAIN, what);
    add_tail(&failure.message);
    return failure;
}

static struct failure too_large(void)
{
    struct failure failure = {.type = "Function.ResponseSizeTooLarge"};
    append_format(&failure.message, "the answer of %s is above %d bytes, Lambda's limit; stream it, or leave it in S3", SHIM_MAIN,
                  ANSWER_LIMIT);
    return failure;
}

/* ---- the event on its way to the program ---- */

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
static void append_context(struct buffer *out, const struct event *event)
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
    append_text(out, "}}");
}

/* One line: line breaks between the tokens of a pretty-printed event become spaces (inside a JSON string are none). */
static void make_line(struct buffer *event)
{
    for (char *at = event->data, *end = at + event->size; at && (at = memchr(at, '\n', (size_t)(end - at))); at++)
        *at = ' ';
    for (char *at = event->data, *end = at + event->size; at && (at = memchr(at, '\r', (size_t)(end - at))); at++)
        *at = ' ';
}

/* In an envelope, no event at all is null. */
static void fill_empty(struct buffer *event)
{
    size_t spaces = 0;
    while (spaces < event->size && (event->data[spaces] == ' ' || event->data[spaces] == '\t'))
        spaces++;
    if (spaces == event->size)
        append_text(event, "null");
}

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
                  {"LAMBDA_RUNTIME_COGNITO_IDENTITY", event->identity}};
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
    if (starts_ahead)
        return start();
    log_forget();
    return start_for(event);
}

static void send_answer(const struct event *event, struct exchange *exchange)
{
    struct buffer *answer = &exchange->answer;
    struct failure failure = {0};
    if (exchange->answered == 0)
        failure = no_response();
    if (!SHIM_STREAM && !failure.type && !is_json(answer->data, answer->size)) {
        struct buffer quoted = {0};
        append_quoted(&quoted, answer->data, answer->size);
        release(answer);
        *answer = quoted;
        if (answer->size > ANSWER_LIMIT)
            failure = too_large();
    }
    if (failure.type)
        api_fail(event->id, &failure);
    else if (SHIM_STREAM)
        api_stream_end(NULL);
    else
        api_answer(event->id, answer);
    release(&failure.message);
}

static struct failure reason(const struct event *event, const struct exchange *exchange, enum outcome outcome)
{
    switch (outcome) {
    case FAILED: return told(&exchange->answer);
    case ENDED: return ended();
    case TIMED_OUT: return timed_out(event);
    case TOO_LARGE: return too_large();
    case CLOSED: return simple("Function.NoResponse", "closed its stdout before it had answered");
    default: return simple("Function.InvalidFrame", exchange->breach);
    }
}

/* The program goes first: it must not work on for a request that has been answered. */
static void send_failure(const struct event *event, const struct exchange *exchange, enum outcome outcome)
{
    struct failure failure = reason(event, exchange, outcome);
    if (outcome != FAILED)
        child_kill();
    if (SHIM_STREAM && exchange->answered > 0 && outcome != FAILED)
        api_stream_end(&failure);
    else
        api_fail(event->id, &failure);
    release(&failure.message);
}

/* Hand the event to the program that is ready for it, and the one answer to the API. */
static void exchange_with_program(struct event *event)
{
    struct buffer head = {0}, behind = {0};
    struct exchange exchange = {.id = event->id, .until = last_moment(event)};
    const char *before = SHIM_ENVELOPE ? "{\"event\":" : "";
    if (SHIM_ENVELOPE || SHIM_PROCESS == PER_EVENT)
        make_line(&event->body); /* for programs that read one line */
    if (SHIM_ENVELOPE) {
        fill_empty(&event->body);
        append_context(&behind, event);
    }
    if (SHIM_PROCESS == PERSISTENT)
        append_format(&head, "%s %zu\n", event->id, strlen(before) + event->body.size + behind.size);
    add_part(&exchange, head.data, head.size);
    add_part(&exchange, before, strlen(before));
    add_part(&exchange, event->body.data, event->body.size);
    add_part(&exchange, behind.data, behind.size);

    struct exchange untried = exchange;
    enum outcome outcome = SHIM_PROCESS == PERSISTENT ? persistent(&exchange) : per_event(&exchange);
    if (outcome == ENDED && exchange.unread && start_anew() == 0) {
        release(&exchange.answer);
        exchange = untried;
        outcome = persistent(&exchange);
    }
    log_forward();
    if (outcome == ENDED && SHIM_PROCESS == PER_EVENT && WIFEXITED(child.status) && WEXITSTATUS(child.status) == 0)
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
}

static void handle(struct event *event)
{
    struct failure failure = {0};
    int error = event->whole ? ready_program(event) : 0;
    if (error) {
        failure = not_started(error);
    } else if (!event->whole) {
        failure.type = "Runtime.TruncatedEvent";
        append_text(&failure.message, "the connection to the Runtime API broke in the middle of the event");
    }
    if (failure.type)
        api_fail(event->id, &failure);
    else
        exchange_with_program(event);
    release(&failure.message);
}

static void start_ahead(void)
{
    if (starts_ahead && (!child.pid || child.ended))
        start(); /* when that fails, it is tried once more for the event, and answered */
}

/* The answer is on its way: whoever gave it has done its work, and the next can start while the API takes it. */
static void change_programs(void)
{
    log_forget();
    if (SHIM_PROCESS == PER_EVENT) {
        sched_yield(); /* whoever shares our processor takes the answer first */
        child_kill();
        start_ahead();
    }
}

/* ---- start-up and the loop ---- */

_Noreturn static void give_up(int error)
{
    struct failure failure = not_started(error);
    api_fail_init(&failure);
    exit(1);
}

_Noreturn static void serve(void)
{
    static struct event event;
    int error = starts_ahead ? start() : child_startable();
    if (error)
        give_up(error);
    api_meanwhile(change_programs);
    for (;;) {
        api_ask();
        if (SHIM_PROCESS == PERSISTENT)
            children_reap();
        start_ahead();
        if (SHIM_PROCESS == PERSISTENT)
            watch_idle(child.out, persistent_idle);
        else
            watch_idle(-1, child_kill); /* one that has ended before its event */
        while (!api_next(&event))
            api_ask();
        if (SHIM_PROCESS == PERSISTENT && child.pid && !idle_is_silent())
            persistent_idle();
        watch_idle(-1, NULL);
        handle(&event);
    }
}

/* Managed instances send several events at once: as many copies of us serve them, true in each of them. When one goes,
   all go. */
static bool multiply(void)
{
    const char *wanted = getenv("AWS_LAMBDA_MAX_CONCURRENCY");
    int copies = wanted ? atoi(wanted) : 1;
    if (copies < 2)
        return false;
    for (int i = 0; i < copies; i++) {
        pid_t pid = fork();
        if (pid < 0)
            fail("cannot make %d copies of the bootstrap: %s", copies, strerror(errno));
        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGTERM);
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
        if ((some = open("/dev/null", O_RDWR | O_CLOEXEC)) > STDERR_FILENO)
            close(some);
    if (!api)
        fail("AWS_LAMBDA_RUNTIME_API is not set; Lambda starts this program, and locally `doit invoke` and `doit local` do");
    child_prepare();
    if (!multiply() && SHIM_PROCESS == PERSISTENT)
        stay_here();
    int error = SHIM_PROCESS == NATIVE ? child_become() : 0;
    log_open();
    api_open(api);
    if (error)
        give_up(error);
    serve();
}
