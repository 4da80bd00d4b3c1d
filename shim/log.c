/* The program's stderr on its way to ours.

   All children write to one pipe, and the loop carries it on while it waits for whatever else: so a flood, or a reader of
   our own stderr that has gone to sleep, holds up the program at most, never the shim. The last bytes are kept for the
   error message. */
#include "bootstrap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    STEP = 4096, /* PIPE_BUF: as much as a pipe that poll calls writable takes at once */
    TAIL = 2048,
    STEPS_AT_ONCE = 64, /* more than a pipe holds */
    WAITING_LIMIT = 1 << 20
};

static int tee_out = -1, tee_in = -1; /* we read, the children write */
static char held[STEP];
static size_t held_from, held_to;
static char tail[2 * TAIL];
static size_t tail_size;
static struct buffer waiting; /* stdout that was no answer, and stderr that had to be known at once */
static size_t waiting_from;
static size_t dropped;    /* bytes of stray stdout that the log did not take, not told yet */
static bool nothing_said; /* when the loop looked last */

/* Make the pipe; false and errno when there is none. */
bool log_open(void)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return false;
    tee_out = ends[0];
    tee_in = ends[1];
    fcntl(tee_out, F_SETFL, O_NONBLOCK);
    return true;
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
            if (dropped > 0)
                append_format(&waiting, "bootstrap: %zu bytes of stray stdout are lost here: nobody took the log\n", dropped);
            dropped = 0;
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

/* Put stdout that is no answer into the log; when nobody has read that for a megabyte, it is dropped,
   and the log says so. */
void log_line(const char *data, size_t size)
{
    nothing_said = false;
    gather();
    remember(data, size);
    if (waiting.size + size <= WAITING_LIMIT)
        append(&waiting, data, size);
    else
        dropped += size;
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

/* A line of our own in the log; dropped rather than waited for. */
void note_list(const char *format, va_list values)
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

void note(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    note_list(format, values);
    va_end(values);
}

/* Before the loop waits: what it has to watch for us. */
struct pollfd log_interest(void)
{
    bool held_back = held_from < held_to || waiting_from < waiting.size;
    return held_back ? (struct pollfd){.fd = STDERR_FILENO, .events = POLLOUT}
                     : (struct pollfd){.fd = tee_out, .events = POLLIN};
}

/* After it has waited: what poll says of that; `looked` is false when the wait was cut short and nothing is known. */
void log_progress(const struct pollfd *seen, bool looked)
{
    bool held_back = seen->events == POLLOUT;
    nothing_said = looked && !seen->revents && !held_back;
    if (!looked || !seen->revents)
        return;
    if (held_from == held_to)
        read_log();
    if (held_back)
        write_log();
}

/* The last look: whatever is still there belongs to the log, though nobody has waited for it. */
void log_finish(void)
{
    nothing_said = false;
    log_forward();
}
