/* The life of a web server under the bootstrap: its start, the moment when it listens, one exchange, what went wrong.

   start      a port (a free one, where none is given) told as PORT, AWS_LAMBDA_HTTP_ENDPOINT and {port}; then a connection
              is tried until one is taken: that one carries the first request, and the server sees none of ours
   exchange   event → request → response → answer; on a connection used before, a request that was lost unread goes out
              once more
   the end    a server that goes between events is started for the next one; one that does not answer in time is killed, for
              HTTP/1.1 has no word to take a request back */
#include "http.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { QUICK_READY_US = 20000, QUICK_STEP_US = 500, STEP_MS = 2, LOOK_ELSEWHERE_MS = 2000 };

static int port;      /* 0: a socket */
static bool is_ready; /* the server that runs has taken a connection */
static bool told_elsewhere;

/* ---- start ---- */

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), found = 0;
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, length) == 0 &&
        getsockname(fd, (struct sockaddr *)&address, &length) == 0)
        found = ntohs(address.sin_port);
    if (fd >= 0)
        close(fd);
    return found;
}

/* The text with what stands for {port} and {socket} filled in, ended by NUL; its memory stays. */
static char *filled_in(const char *text)
{
    struct buffer out = {0};
    while (*text) {
        const char *mark = strstr(text, "{");
        size_t plain = mark ? (size_t)(mark - text) : strlen(text);
        append(&out, text, plain);
        text += plain;
        if (strncmp(text, "{port}", 6) == 0) {
            append_format(&out, "%d", port);
            text += 6;
        } else if (strncmp(text, "{socket}", 8) == 0) {
            append_text(&out, SHIM_SOCKET);
            text += 8;
        } else if (*text) {
            append(&out, text++, 1);
        }
    }
    append(&out, "", 1);
    return out.data;
}

static void say_how_it_ended(struct buffer *message)
{
    if (WIFSIGNALED(child.status))
        append_format(message, "was killed by signal %d (%s)", WTERMSIG(child.status), signal_name(WTERMSIG(child.status)));
    else
        append_format(message, "ended with exit code %d", WEXITSTATUS(child.status));
}

/* Start the server, in place of the one before; 0 or errno. */
static int start_server(void)
{
    static const char *const arguments[] = {SHIM_ARGUMENTS NULL};
    static char *filled[sizeof arguments / sizeof *arguments];
    static char *variables[16];
    child_kill();
    link_hang_up();
    log_forget();
    is_ready = told_elsewhere = false;
    port = *SHIM_SOCKET ? 0 : SHIM_PORT ? SHIM_PORT : free_port();
    if (*SHIM_SOCKET)
        unlink(SHIM_SOCKET);
    link_set_address(port, SHIM_SOCKET);
    if (SHIM_PORT && link_try()) {
        link_hang_up();
        return EADDRINUSE;
    }
    for (size_t i = 0; arguments[i]; i++) {
        free(filled[i]);
        filled[i] = filled_in(arguments[i]);
    }
    child_set_arguments(filled);
    size_t count = 0;
    for (; variables[count]; count++)
        free(variables[count]);
    memset(variables, 0, sizeof variables);
    count = 0;
    if (port) {
        variables[count++] = filled_in("PORT={port}");
        variables[count++] = filled_in("AWS_LAMBDA_HTTP_ENDPOINT=127.0.0.1:{port}");
    }
    extern char **environ;
    for (char **one = environ; *one && count + 1 < sizeof variables / sizeof *variables; one++)
        if (strstr(*one, "{port}") || strstr(*one, "{socket}"))
            variables[count++] = filled_in(*one);
    return child_start(variables);
}

/* ---- where it listens in fact ---- */

static bool owns_socket(const char *inode)
{
    char path[300], target[64];
    DIR *processes = opendir("/proc");
    bool found = false;
    for (struct dirent *one; processes && !found && (one = readdir(processes));) {
        pid_t pid = (pid_t)atoi(one->d_name);
        if (pid <= 0 || getpgid(pid) != child.pid)
            continue;
        snprintf(path, sizeof path, "/proc/%d/fd", pid);
        DIR *descriptors = opendir(path);
        for (struct dirent *fd; descriptors && !found && (fd = readdir(descriptors));) {
            snprintf(path, sizeof path, "/proc/%d/fd/%.20s", pid, fd->d_name);
            ssize_t size = readlink(path, target, sizeof target - 1);
            target[size < 0 ? 0 : size] = 0;
            found = strncmp(target, "socket:[", 8) == 0 && strncmp(target + 8, inode, strlen(inode)) == 0 &&
                    target[8 + strlen(inode)] == ']';
        }
        if (descriptors)
            closedir(descriptors);
    }
    if (processes)
        closedir(processes);
    return found;
}

/* A port of this kind of address on which the server's processes listen; 0: none. */
static int listens_in(const char *table)
{
    char line[512], inode[32];
    unsigned number = 0, state;
    int found = 0;
    FILE *file = fopen(table, "re");
    while (file && !found && fgets(line, sizeof line, file))
        if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*d %*d %31s", &number, &state, inode) == 3 &&
            state == 10 && owns_socket(inode))
            found = (int)number;
    if (file)
        fclose(file);
    return found;
}

static void append_elsewhere(struct buffer *out)
{
    int elsewhere = listens_in("/proc/net/tcp");
    elsewhere = elsewhere ? elsewhere : listens_in("/proc/net/tcp6");
    if (elsewhere == port && port)
        append_format(out, "; it listens on that port of another address, and 127.0.0.1 is needed");
    else if (elsewhere)
        append_format(out,
                      "; it listens on port %d: let it take the port from PORT or from {port} in `arguments`, or set port = %d",
                      elsewhere, elsewhere);
}

static void append_expected(struct buffer *out)
{
    if (port)
        append_format(out, "127.0.0.1:%d", port);
    else
        append_text(out, SHIM_SOCKET);
}

/* ---- readiness ---- */

enum readiness { READY, NOT_YET, GONE };

/* Whether a path answers below 500, where lambda.toml asks for that. */
static bool answers_well(int64_t until)
{
    struct http_request request = {0};
    struct http_head head = {0};
    struct buffer body = {0};
    append_text(&request.head, "GET " SHIM_READY " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    link_send(&request);
    enum link_end end = link_read_head(&head, false, until);
    while (end == LINK_DONE || end == LINK_OPEN) {
        body.size = 0;
        if ((end = link_read_body(&body, until)) != LINK_OPEN)
            break;
    }
    bool well = end == LINK_DONE && head.status < 500;
    if (end == LINK_DONE)
        link_settle(&head);
    else
        link_hang_up();
    release(&request.head);
    release(&head.text);
    release(&body);
    return well;
}

static void tell_elsewhere(int64_t since)
{
    struct buffer message = {0};
    if (told_elsewhere || now_ms() - since < LOOK_ELSEWHERE_MS)
        return;
    told_elsewhere = true;
    append_elsewhere(&message);
    if (message.size) {
        append(&message, "", 1);
        note("%s does not listen on port %d yet%s", SHIM_MAIN, port, message.data);
    }
    release(&message);
}

/* Wait until the server takes a connection; that one is kept for the first request. */
static enum readiness await_ready(int64_t until)
{
    int64_t start_us = now_us(), start_ms = now_ms();
    for (;;) {
        children_reap();
        if (child.ended || !child.pid)
            return GONE;
        if (link_try() && (!*SHIM_READY || answers_well(until)))
            break;
        if (until != NEVER && now_ms() >= until)
            return NOT_YET;
        tell_elsewhere(start_ms);
        if (now_us() - start_us < QUICK_READY_US)
            nanosleep(&(struct timespec){.tv_nsec = QUICK_STEP_US * 1000}, NULL);
        else
            loop_wait(NULL, 0, now_ms() + STEP_MS);
    }
    is_ready = true;
    return READY;
}

static struct failure gone_before_ready(void)
{
    struct failure failure = {.type = "Runtime.ExitError"};
    append_format(&failure.message, "%s ", SHIM_MAIN);
    say_how_it_ended(&failure.message);
    append_text(&failure.message, " before it listened on ");
    append_expected(&failure.message);
    add_tail(&failure.message);
    return failure;
}

static struct failure not_ready(void)
{
    struct failure failure = {.type = "Runtime.NotListening"};
    append_format(&failure.message, "%s does not listen on ", SHIM_MAIN);
    append_expected(&failure.message);
    if (*SHIM_READY)
        append_text(&failure.message, " and answer " SHIM_READY " below 500");
    append_elsewhere(&failure.message);
    add_tail(&failure.message);
    return failure;
}

static struct failure not_begun(int error)
{
    struct failure failure;
    if (error != EADDRINUSE)
        return failure_to_start(error);
    failure = (struct failure){.type = "Runtime.PortInUse"};
    append_format(&failure.message, "port %d of %s is taken by another process; let lambda.toml say port = 0 (a free one)",
                  SHIM_PORT, SHIM_MAIN);
    return failure;
}

/* Start the server in the init phase and wait for it as long as `ready_timeout_s` says; 0, or errno when it cannot be
   started. One that ends before it listens, or finds its port taken, is an init error, and the end of us; one that needs
   longer is waited for with the first event. */
int http_start(void)
{
    if (SHIM_SHUTDOWN)
        http_register_extension();
    int error = start_server();
    bool ended = !error && await_ready(now_ms() + SHIM_READY_MS) == GONE;
    if (ended || error == EADDRINUSE) {
        struct failure failure = ended ? gone_before_ready() : not_begun(error);
        api_fail_init(&failure);
        exit(1);
    }
    return error;
}

/* ---- one exchange ---- */

static struct failure ended_in_request(void)
{
    struct failure failure = {.type = "Function.ExitError"};
    append_format(&failure.message, "%s ", SHIM_MAIN);
    say_how_it_ended(&failure.message);
    append_text(&failure.message, " before it had answered");
    add_tail(&failure.message);
    return failure;
}

static struct failure bad_answer(void)
{
    size_t size;
    struct failure failure = {.type = "Function.BadAnswer"};
    const char *bytes = link_first_bytes(&size);
    append_format(&failure.message, "what listens on port %d does not answer in HTTP/1.1 as it should: ", port);
    append_quoted(&failure.message, bytes, size < 64 ? size : 64);
    return failure;
}

static struct failure answer_too_large(size_t size)
{
    struct failure failure = {.type = "Function.ResponseSizeTooLarge"};
    append_format(&failure.message,
                  "the response of %s makes an answer of %zu bytes or more, and Lambda takes %d (binary counts 4 for 3); "
                  "response = \"stream\" takes 200 MB",
                  SHIM_MAIN, size, ANSWER_LIMIT);
    return failure;
}

/* Why the response did not come, or not to its end. */
static struct failure broken_off(const struct event *event, enum link_end end, bool began)
{
    if (end == LINK_TIMEOUT)
        return failure_at_deadline(event);
    if (end == LINK_BAD)
        return bad_answer();
    for (int64_t until = now_ms() + 50; !child.ended && loop_wait(NULL, 0, until);) /* its end may be a moment behind */
        children_reap();
    log_forward();
    if (child.ended)
        return ended_in_request();
    return began ? failure_of("Function.Truncated", "broke off in the middle of its response")
                 : failure_of("Function.Truncated", "closed the connection without a response");
}

static bool is_error_status(int status)
{
    static const struct {
        int from, to;
    } errors[] = {SHIM_ERROR_STATUS{0, 0}};
    for (size_t i = 0; errors[i].from; i++)
        if (status >= errors[i].from && status <= errors[i].to)
            return true;
    return false;
}

static struct failure failed_status(int status, const struct buffer *body, size_t from)
{
    struct failure failure = {.type = "Function.HttpStatus"};
    size_t size = body->size - from;
    append_format(&failure.message, "%s answered with status %d: ", SHIM_MAIN, status);
    append(&failure.message, body->data + from, size < SHOWN_BODY ? size : SHOWN_BODY);
    return failure;
}

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

static void answer_buffered(struct event *event, enum front front, const struct http_head *head, int64_t until)
{
    struct buffer answer = {0};
    struct failure failure = {0};
    bool large = false;
    size_t from = front == OTHER ? 0 : http_begin_answer(&answer, front, head);
    enum link_end end = read_whole_body(&answer, until, &large);
    if (large || end != LINK_DONE)
        link_hang_up();
    else
        link_settle(head);
    if (large)
        failure = answer_too_large(answer.size);
    else if (end != LINK_DONE)
        failure = broken_off(event, end, true);
    else if (front == OTHER ? head->status >= 300 : is_error_status(head->status))
        failure = failed_status(head->status, &answer, from);
    else if (front != OTHER)
        http_end_answer(&answer, from, front, head);
    else if (answer.size == 0)
        append_text(&answer, "null");
    else if (!is_json(answer.data, answer.size))
        failure = failure_of("Function.NoJson", "answered an event that is no HTTP request with a body that is no JSON");
    if (!failure.type && answer.size > ANSWER_LIMIT)
        failure = answer_too_large(answer.size);
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

static void answer_streamed(struct event *event, enum front front, const struct http_head *head, int64_t until)
{
    struct buffer piece = {0};
    struct failure failure = {0};
    enum link_end end = LINK_OPEN;
    if (front != OTHER)
        http_write_prelude(&piece, front, head);
    api_stream_type(front != OTHER ? "application/vnd.awslambda.http-integration-response" : "application/json");
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
    if (end == LINK_DONE)
        link_settle(head);
    else
        link_hang_up();
    if (end != LINK_DONE)
        failure = broken_off(event, end, true);
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
        struct failure failure = broken_off(event, end, false);
        link_hang_up();
        if (end == LINK_TIMEOUT)
            child_kill();
        api_fail(event, &failure);
        release(&failure.message);
    } else if (SHIM_STREAM && !is_error_status(head.status) && (front != OTHER || head.status < 300)) {
        answer_streamed(event, front, &head, until);
    } else {
        answer_buffered(event, front, &head, until);
    }
    release(&head.text);
}

/* A server that listens: the one that runs, or a new one where that has gone. A failure otherwise. */
static struct failure be_ready(int64_t until)
{
    children_reap();
    if (child.ended) {
        struct buffer how = {0};
        say_how_it_ended(&how);
        append(&how, "", 1);
        note("%s %s between two events and is started anew", SHIM_MAIN, how.data);
        release(&how);
    }
    if (!child.pid || child.ended) {
        int error = start_server();
        if (error)
            return not_begun(error);
    }
    switch (is_ready ? READY : await_ready(until)) {
    case READY: return (struct failure){0};
    case GONE: return gone_before_ready();
    default: return not_ready();
    }
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
        api_stream_type("application/vnd.awslambda.http-integration-response");
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
        child_kill();
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
