/* Waiting, and the program's stderr on its way to ours.

   All children write to one pipe, and `await` carries it on while it waits for whatever else: so a flood, or a reader of
   our own stderr that has gone to sleep, holds up the program at most, never the shim. The last bytes are kept for the
   error message. */
#include "bootstrap.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    STEP = 4096, /* PIPE_BUF: as much as a pipe that poll calls writable takes at once */
    TAIL = 2048,
    STEPS_AT_ONCE = 64, /* more than a pipe holds */
    WAITING_LIMIT = 1 << 20,
    QUICK_US = 150 /* an answer that comes in this time is not slept for */
};

static int tee_out = -1, tee_in = -1; /* we read, the children write */
static char held[STEP];
static size_t held_from, held_to;
static char tail[2 * TAIL];
static size_t tail_size;
static struct buffer waiting; /* stdout that was no answer, and stderr that had to be known at once */
static size_t waiting_from;
static int idle_descriptor = -1;
static void (*idle_ready)(void);
static bool nothing_said; /* when `await` looked last */
static bool idle_silent;  /* likewise */
static int64_t eager_until; /* on now_us' clock: so long the next wait looks before it sleeps; 0: not at all */
static volatile sig_atomic_t stop_asked;

static void on_child(int number)
{
    (void)number; /* it only has to end ppoll */
}

static void on_stop(int number)
{
    stop_asked = number;
}

/* SIGCHLD and SIGTERM stay blocked outside ppoll, so that none can slip in between a check and the wait. */
void log_open(void)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        fail("cannot make a pipe: %s", strerror(errno));
    tee_out = ends[0];
    tee_in = ends[1];
    fcntl(tee_out, F_SETFL, O_NONBLOCK);

    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    sigaction(SIGCHLD, &(struct sigaction){.sa_handler = on_child}, NULL);
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_stop}, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* Where children write their stderr. */
int log_descriptor(void)
{
    return tee_in;
}

static void remember(const char *data, size_t size)
{
    if (tail_size + size > sizeof tail) {
        size_t kept = tail_size < TAIL ? tail_size : TAIL;
        memmove(tail, tail + tail_size - kept, kept);
        tail_size = kept;
    }
    if (size > sizeof tail - tail_size) {
        data += size - TAIL;
        size = TAIL;
    }
    memcpy(tail + tail_size, data, size);
    tail_size += size;
}

/* The next piece of the log, if there is one. */
static bool read_log(void)
{
    ssize_t size;
    if (waiting_from < waiting.size) {
        size = waiting.size - waiting_from < sizeof held ? (ssize_t)(waiting.size - waiting_from) : (ssize_t)sizeof held;
        memcpy(held, waiting.data + waiting_from, (size_t)size);
        waiting_from += (size_t)size;
        if (waiting_from == waiting.size) {
            release(&waiting);
            waiting_from = 0;
        }
    } else {
        size = read(tee_out, held, sizeof held);
        if (size <= 0)
            return false;
        remember(held, (size_t)size);
    }
    held_from = 0;
    held_to = (size_t)size;
    return true;
}

/* Know what stderr has said, though our own takes no more of it now. */
static void gather(void)
{
    for (int i = 0; i < STEPS_AT_ONCE && waiting.size <= WAITING_LIMIT; i++) {
        ssize_t size = read(tee_out, room_for(&waiting, STEP), STEP);
        if (size <= 0)
            return;
        remember(waiting.data + waiting.size, (size_t)size);
        waiting.size += (size_t)size;
    }
}

/* Only called when poll has said that it will not block; a stderr that is gone swallows all. */
static void write_log(void)
{
    ssize_t size = write(STDERR_FILENO, held + held_from, held_to - held_from);
    if (size > 0)
        held_from += (size_t)size;
    else if (size < 0 && errno != EAGAIN && errno != EINTR)
        held_from = held_to;
}

static bool stderr_takes_more(void)
{
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
    return poll(&out, 1, 0) > 0;
}

/* Carry on what is there now, as far as our stderr takes it: the log belongs in front of the answer. */
void log_forward(void)
{
    if (nothing_said)
        return; /* what was said before the thing we waited for would have been there by then */
    for (int i = 0; i < STEPS_AT_ONCE; i++) {
        while (held_from < held_to) {
            if (!stderr_takes_more())
                return;
            write_log();
        }
        if (!read_log())
            return;
    }
}

/* Put stdout that is no answer into the log; when nobody has read that for a megabyte, it is dropped. */
void log_line(const char *data, size_t size)
{
    nothing_said = false;
    gather();
    remember(data, size);
    if (waiting.size + size <= WAITING_LIMIT)
        append(&waiting, data, size);
    log_forward();
}

/* What comes from here on is no longer part of the tail. */
void log_forget(void)
{
    tail_size = 0;
}

/* The end of stderr for people: at most TAIL bytes, from the start of a line where one was cut. */
void log_tail(struct buffer *out)
{
    gather();
    const char *from = tail, *end = tail + tail_size;
    if (tail_size > TAIL) {
        from = end - TAIL;
        const char *line = memchr(from, '\n', TAIL);
        if (line && line + 1 < end)
            from = line + 1;
    }
    while (end > from && (end[-1] == '\n' || end[-1] == '\r' || end[-1] == ' '))
        end--;
    append(out, from, (size_t)(end - from));
}

static void say(const char *format, va_list values)
{
    char line[1024];
    int used = snprintf(line, sizeof line, "bootstrap: ");
    int more = vsnprintf(line + used, sizeof line - (size_t)used - 1, format, values);
    size_t size = strlen(line);
    if (more >= 0) {
        line[size] = '\n';
        if (stderr_takes_more() && write(STDERR_FILENO, line, size + 1) < 0)
            return; /* nobody listens */
    }
}

/* A line of our own in the log; dropped rather than waited for. */
void note(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    say(format, values);
    va_end(values);
}

static void last_words(void)
{
    nothing_said = false;
    child_stop();
    log_forward();
}

/* The end of the bootstrap; Lambda starts a new one. */
_Noreturn void fail(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    say(format, values);
    va_end(values);
    last_words();
    exit(1);
}

/* Microseconds on a clock that nobody sets. */
int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Milliseconds on the same clock. */
int64_t now_ms(void)
{
    return now_us() / 1000;
}

/* While `await` waits, `ready` is called when `descriptor` has something to read; -1: nothing more. */
void watch_idle(int descriptor, void (*ready)(void))
{
    idle_descriptor = descriptor;
    idle_ready = ready;
}

/* The descriptor of watch_idle had nothing to say when `await` looked last. */
bool idle_is_silent(void)
{
    return idle_silent;
}

/* The next `await` looks for a moment before it sleeps, when the last answer of this kind was quick: waking up takes as long
   as many an answer. */
void answer_is_due(struct pace *pace)
{
    pace->asked_us = now_us();
    eager_until = pace->slow ? 0 : pace->asked_us + QUICK_US;
}

void answer_came(struct pace *pace)
{
    pace->slow = now_us() - pace->asked_us >= QUICK_US;
}

static int look(struct pollfd *all, nfds_t count)
{
    int ready;
    while ((ready = poll(all, count, 0)) == 0 && now_us() < eager_until)
        sched_yield(); /* whoever shares our processor goes first */
    eager_until = 0;
    return ready;
}

static void stop(void)
{
    last_words();
    _exit(0);
}

/* Wait until one of `watched` is ready, a child has ended, or `until` has come (NEVER: it does not); false if it has.
   The caller looks at `revents` and at the child again. */
bool await(struct pollfd *watched, nfds_t count, int64_t until)
{
    struct pollfd all[5];
    nfds_t tee = count, idle = count + 1, total = count + 1;
    for (nfds_t i = 0; i < count; i++)
        all[i] = watched[i];
    bool held_back = held_from < held_to || waiting_from < waiting.size;
    all[tee] = held_back ? (struct pollfd){.fd = STDERR_FILENO, .events = POLLOUT}
                         : (struct pollfd){.fd = tee_out, .events = POLLIN};
    if (idle_descriptor >= 0)
        all[total++] = (struct pollfd){.fd = idle_descriptor, .events = POLLIN};

    int64_t left = until == NEVER ? 0 : until - now_ms();
    if (until != NEVER && left <= 0)
        return false;
    struct timespec limit = {.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000};
    sigset_t open;
    sigemptyset(&open);
    int ready = eager_until ? look(all, total) : 0;
    if (ready == 0)
        ready = ppoll(all, total, until == NEVER ? NULL : &limit, &open);
    if (stop_asked)
        stop();
    if (ready < 0 && errno != EINTR)
        fail("cannot wait: %s", strerror(errno));
    for (nfds_t i = 0; i < count; i++)
        watched[i].revents = ready < 0 ? 0 : all[i].revents;
    nothing_said = ready > 0 && !all[tee].revents && !held_back;
    idle_silent = ready > 0 && total > idle && !all[idle].revents;
    if (ready < 0)
        children_reap();
    if (ready < 0 && child.ended && idle_ready) { /* between events nobody else asks how it ended */
        idle_ready();
        children_reap();
    }
    if (ready > 0 && all[tee].revents) {
        if (held_from == held_to)
            read_log();
        if (held_back)
            write_log();
    }
    if (ready > 0 && total > idle && all[idle].revents)
        idle_ready();
    return true;
}

/* `await` for a single descriptor, until it is ready: what poll says of it, 0 when the time ran out. */
short await_one(int descriptor, short events, int64_t until)
{
    struct pollfd one = {.fd = descriptor, .events = events};
    while (!one.revents)
        if (!await(&one, 1, until))
            return 0;
    return one.revents;
}
