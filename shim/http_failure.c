/* What goes wrong with a web server, in sentences: before it listens, in a request, in its response. */
#include "http.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>

enum {
    END_MS = 50,       /* from the end of a connection to the end of the server, where the one follows from the other */
    LAST_END_MS = 2000 /* the same, where nobody listens any more */
};

static bool told; /* of the end of this server */

void expect_no_end(void)
{
    told = false;
}

bool end_is_told(void)
{
    return told;
}

void say_how_it_ended(struct buffer *message)
{
    told = true;
    if (WIFSIGNALED(child.status))
        append_format(message, "was killed by signal %d (%s)", WTERMSIG(child.status), signal_name(WTERMSIG(child.status)));
    else
        append_format(message, "ended with exit code %d", WEXITSTATUS(child.status));
}

static void append_expected(struct buffer *out)
{
    if (server_port())
        append_format(out, "127.0.0.1:%d", server_port());
    else
        append_text(out, SHIM_SOCKET);
}

struct failure failure_before_ready(void)
{
    struct failure failure = {.type = "Runtime.ExitError"};
    append_format(&failure.message, "%s ", program_name);
    say_how_it_ended(&failure.message);
    append_text(&failure.message, " before it listened on ");
    append_expected(&failure.message);
    add_tail(&failure);
    return failure;
}

struct failure failure_not_ready(void)
{
    struct failure failure = {.type = "Runtime.NotListening"};
    append_format(&failure.message, "%s does not listen on ", program_name);
    append_expected(&failure.message);
    if (*SHIM_READY)
        append_text(&failure.message, " and answer " SHIM_READY " below 500");
    append_elsewhere(&failure.message);
    add_tail(&failure);
    return failure;
}

struct failure failure_to_begin(int error)
{
    struct failure failure;
    if (error != EADDRINUSE)
        return failure_to_start(error);
    failure = (struct failure){.type = "Runtime.PortInUse"};
    append_format(&failure.message, "port %d of %s is taken by another process; let lambda.toml say port = 0 (a free one)",
                  SHIM_PORT, program_name);
    return failure;
}

static struct failure failure_in_request(void)
{
    struct failure failure = {.type = "Function.ExitError"};
    append_format(&failure.message, "%s ", program_name);
    say_how_it_ended(&failure.message);
    append_text(&failure.message, " before it had answered");
    add_tail(&failure);
    return failure;
}

static struct failure failure_of_bad_answer(void)
{
    size_t size;
    struct failure failure = {.type = "Function.BadAnswer"};
    const char *bytes = link_first_bytes(&size);
    append_format(&failure.message, "what listens on port %d does not answer in HTTP/1.1 as it should: ", server_port());
    append_quoted(&failure.message, bytes, size < 64 ? size : 64);
    return failure;
}

struct failure failure_of_large_answer(size_t size)
{
    struct failure failure = {.type = "Function.ResponseSizeTooLarge"};
    append_format(&failure.message,
                  "the response of %s makes an answer of %zu bytes or more, and Lambda takes %d (binary counts 4 for 3); "
                  "response = \"stream\" takes %d MB",
                  program_name, size, ANSWER_LIMIT, SHIM_STREAM_MB);
    return failure;
}

static void await_end(int64_t until)
{
    while (!child.ended && loop_wait(NULL, 0, until))
        children_reap();
}

/* Why the response did not come, or not to its end. A server whose port nobody holds any more is on its way out, however long
   that takes, and its exit code is the news. */
struct failure failure_of_break(const struct event *event, enum link_end end, bool began, int64_t until)
{
    const int64_t now = now_ms();
    if (end == LINK_TIMEOUT)
        return failure_at_deadline(event);
    if (end == LINK_BAD)
        return failure_of_bad_answer();
    await_end(now + END_MS);
    if (!child.ended && !link_try())
        await_end(until == NEVER || until > now + LAST_END_MS ? now + LAST_END_MS : until);
    log_forward();
    if (child.ended)
        return failure_in_request();
    return began ? failure_of("Function.Truncated", "broke off in the middle of its response")
                 : failure_of("Function.Truncated", "closed the connection without a response");
}

bool is_error_status(int status)
{
    static const struct {
        int from, to;
    } errors[] = {SHIM_ERROR_STATUS{0, 0}};
    for (size_t i = 0; errors[i].from; i++)
        if (status >= errors[i].from && status <= errors[i].to)
            return true;
    return false;
}

struct failure failure_of_status(int status, const struct buffer *body, size_t from)
{
    struct failure failure = {.type = "Function.HttpStatus"};
    size_t size = body->size - from;
    append_format(&failure.message, "%s answered with status %d: ", program_name, status);
    append(&failure.message, body->data + from, size < SHOWN_BODY ? size : SHOWN_BODY);
    return failure;
}
