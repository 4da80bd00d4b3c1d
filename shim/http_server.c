/* The life of a web server: its start on a port of its own, the moment when it listens, its successor when it has gone.

   The port is told as PORT, AWS_LAMBDA_HTTP_ENDPOINT and {port}. A connection is tried until one is taken: that one carries
   the first request, and the server sees none of ours. A server that has gone is followed by another before the next event
   is asked for; one that ends again and again ends us, so that Lambda renews the sandbox. */
#include "http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { QUICK_READY_US = 20000, QUICK_STEP_US = 500, STEP_MS = 2, LOOK_ELSEWHERE_MS = 2000 };
enum { ENDS = 4, ENDS_MS = 10000 }; /* three restarts in so short a time are enough */

static bool is_ready; /* the server that runs has taken a connection */
static bool told_elsewhere;
static int64_t ends_ms[ENDS]; /* when it ended by itself, the oldest first; 0: it did not */

/* The text with what stands for {port} and {socket} filled in, ended by NUL; its memory stays. */
static char *fill_in(const char *text)
{
    struct buffer out = {0};
    while (*text) {
        const char *mark = strstr(text, "{");
        size_t plain = mark ? (size_t)(mark - text) : strlen(text);
        append(&out, text, plain);
        text += plain;
        if (strncmp(text, "{port}", 6) == 0) {
            append_format(&out, "%d", server_port());
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

static void count_end(void)
{
    memmove(ends_ms, ends_ms + 1, sizeof ends_ms - sizeof *ends_ms);
    ends_ms[ENDS - 1] = now_ms();
}

static bool ends_again_and_again(void)
{
    return ends_ms[0] && ends_ms[ENDS - 1] - ends_ms[0] <= ENDS_MS;
}

/* Start the server, in place of the one before; 0 or errno. */
static int start_server(void)
{
    static const char *const arguments[] = {SHIM_ARGUMENTS NULL};
    static char *filled[sizeof arguments / sizeof *arguments];
    static char *variables[16];
    if (child.ended)
        count_end();
    child_kill();
    link_hang_up();
    log_forget();
    is_ready = told_elsewhere = false;
    expect_no_end();
    choose_port();
    if (*SHIM_SOCKET)
        unlink(SHIM_SOCKET);
    link_set_address(server_port(), SHIM_SOCKET);
    if (SHIM_PORT && link_try()) {
        link_hang_up();
        return EADDRINUSE;
    }
    for (size_t i = 0; arguments[i]; i++) {
        free(filled[i]);
        filled[i] = fill_in(arguments[i]);
    }
    program_set_arguments(filled);
    size_t count = 0;
    for (; variables[count]; count++)
        free(variables[count]);
    memset(variables, 0, sizeof variables);
    count = 0;
    if (server_port()) {
        variables[count++] = fill_in("PORT={port}");
        variables[count++] = fill_in("AWS_LAMBDA_HTTP_ENDPOINT=127.0.0.1:{port}");
    }
    extern char **environ;
    for (char **one = environ; *one && count + 1 < sizeof variables / sizeof *variables; one++)
        if (strstr(*one, "{port}") || strstr(*one, "{socket}"))
            variables[count++] = fill_in(*one);
    return child_start(variables);
}

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
        note("%s does not listen on port %d yet%s", program_name, server_port(), message.data);
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
        struct failure failure = ended ? failure_before_ready() : failure_to_begin(error);
        api_fail_init(&failure);
        exit(1);
    }
    return error;
}

static void tell_of_the_end(void)
{
    struct buffer how = {0};
    say_how_it_ended(&how);
    append(&how, "", 1);
    note("%s %s between two events and is started anew", program_name, how.data);
    release(&how);
}

/* Behind an answer: start the successor of a server that has gone, for whatever comes next. One that ends again and again
   is given up with us, where `alone` says that no other event is under way here. */
void http_replace(bool alone)
{
    children_reap();
    if (child.ended && !end_is_told())
        tell_of_the_end();
    if (!child.pid || child.ended)
        start_server(); /* when that fails, it is tried once more for the event, and answered */
    if (alone && ends_again_and_again())
        fail("%s ended %d times within %d s: this sandbox is given up, and Lambda makes a new one", program_name, ENDS,
             ENDS_MS / 1000);
}

/* A server that listens: the one that runs, or a new one where that has gone. A failure otherwise. */
struct failure be_ready(int64_t until)
{
    children_reap();
    if (child.ended)
        tell_of_the_end();
    if (!child.pid || child.ended) {
        int error = start_server();
        if (error)
            return failure_to_begin(error);
    }
    switch (is_ready ? READY : await_ready(until)) {
    case READY: return (struct failure){0};
    case GONE: return failure_before_ready();
    default: break;
    }
    struct failure failure = failure_not_ready();
    child_kill();
    return failure;
}
