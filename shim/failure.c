/* Why there is no answer: the failures of a program, named and described for people. */
#include "bootstrap.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

static const char *signal_name(int number)
{
    static const struct {
        int number;
        const char *name;
    } names[] = {{SIGABRT, "SIGABRT"}, {SIGALRM, "SIGALRM"},     {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},
                 {SIGHUP, "SIGHUP"},   {SIGILL, "SIGILL"},       {SIGINT, "SIGINT"},   {SIGKILL, "SIGKILL"},
                 {SIGPIPE, "SIGPIPE"}, {SIGPROF, "SIGPROF"},     {SIGQUIT, "SIGQUIT"}, {SIGSEGV, "SIGSEGV"},
                 {SIGSYS, "SIGSYS"},   {SIGTERM, "SIGTERM"},     {SIGTRAP, "SIGTRAP"}, {SIGUSR1, "SIGUSR1"},
                 {SIGUSR2, "SIGUSR2"}, {SIGVTALRM, "SIGVTALRM"}, {SIGXCPU, "SIGXCPU"}, {SIGXFSZ, "SIGXFSZ"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].number == number)
            return names[i].name;
    return "unknown";
}

static void add_tail(struct failure *failure)
{
    struct buffer *message = &failure->message;
    size_t before = failure->told = message->size;
    append_text(message, "; the end of its stderr:\n");
    size_t start = message->size;
    log_tail(message);
    if (message->size == start)
        message->size = before;
}

struct failure failure_to_start(int error)
{
    struct failure failure = {.type = "Runtime.InvalidEntrypoint"};
    const char *why = error == EACCES    ? "it is not an executable file (mode 0755)"
                      : error == ENOEXEC ? "it is no program for this processor"
                      : error == ENOENT  ? "it, or the interpreter it asks for, does not exist"
                                         : NULL;
    append_format(&failure.message, "cannot start %s: %s", program_path(), strerror(error));
    if (why)
        append_format(&failure.message, "; %s", why);
    return failure;
}

/* The exit codes of lambda.toml: those that come with an answer, and the names of the others. */
bool exit_is_success(int status)
{
    static const int codes[] = {SHIM_SUCCESS};
    for (size_t i = 0; WIFEXITED(status) && i < sizeof codes / sizeof *codes; i++)
        if (codes[i] == WEXITSTATUS(status))
            return true;
    return false;
}

static const char *exit_name(int status, const char *otherwise)
{
    static const struct {
        int code;
        const char *name;
    } errors[] = {SHIM_ERRORS{-1, NULL}};
    for (size_t i = 0; WIFEXITED(status) && errors[i].name; i++)
        if (errors[i].code == WEXITSTATUS(status))
            return errors[i].name;
    return otherwise;
}

/* The first program that somebody drives by frames, as a rule. */
static void add_frame_hint(struct failure *failure)
{
    if (SHIM_PROCESS == PERSISTENT && !child.fluent)
        append_text(&failure->message, "; it has written no frame so far (`<request id> <length>`, the answer, a flush), and "
                                       "process = \"per-event\" takes any program");
}

/* `unread`: persistent, and it has failed at its start rather than over the event. */
struct failure failure_at_end(size_t thrown_away, bool unread)
{
    struct failure failure = {.type = exit_name(child.status, unread ? "Runtime.ExitError" : "Function.ExitError")};
    if (WIFSIGNALED(child.status))
        append_format(&failure.message, "%s was killed by signal %d (%s)", program_name, WTERMSIG(child.status),
                      signal_name(WTERMSIG(child.status)));
    else
        append_format(&failure.message, "%s ended with exit code %d", program_name, WEXITSTATUS(child.status));
    if (SHIM_PROCESS == PERSISTENT)
        append_text(&failure.message, unread ? " before it had read an event" : " before it had answered");
    else if (thrown_away > 0 && !SHIM_STREAM)
        append_format(&failure.message, "; the %zu bytes of its stdout are thrown away", thrown_away);
    if (child.status == 0 && !unread)
        add_frame_hint(&failure);
    add_tail(&failure);
    return failure;
}

struct failure failure_at_deadline(const struct event *event)
{
    struct failure failure = {.type = "Function.Timeout"};
    char date[32];
    time_t second = (time_t)(event->deadline_ms / 1000);
    struct tm parts;
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", gmtime_r(&second, &parts));
    append_format(&failure.message, "%s had not %s shortly before the deadline %s.%03dZ of request %s and was killed",
                  program_name,
                  SHIM_PROCESS == PER_EVENT && child.out < 0 ? "ended (though it had closed its stdout)" : "answered", date,
                  (int)(event->deadline_ms % 1000), event->id);
    add_frame_hint(&failure);
    add_tail(&failure);
    return failure;
}

struct failure failure_of_truncation(void)
{
    struct failure failure = {.type = "Runtime.TruncatedEvent"};
    append_text(&failure.message, "the connection to the Runtime API broke in the middle of the event, or its length is none");
    return failure;
}

struct failure failure_of_silence(void)
{
    struct failure failure = {.type = "Function.NoResponse"};
    append_format(&failure.message, "%s wrote no answer to its stdout; a program with nothing to say writes null",
                  program_name);
    add_tail(&failure);
    return failure;
}

/* The program itself says what went wrong. */
struct failure failure_from_program(const char *type, const struct buffer *message)
{
    struct failure failure = {.type = *type ? type : "Function.HandlerError"};
    append(&failure.message, message->data, message->size);
    return failure;
}

struct failure failure_of(const char *type, const char *what)
{
    struct failure failure = {.type = type};
    append_format(&failure.message, "%s %s", program_name, what);
    add_tail(&failure);
    return failure;
}

struct failure failure_of_size(void)
{
    struct failure failure = {.type = "Function.ResponseSizeTooLarge"};
    append_format(&failure.message, "the answer of %s is above %d bytes, Lambda's limit; stream it, or leave it in S3",
                  program_name, ANSWER_LIMIT);
    return failure;
}
