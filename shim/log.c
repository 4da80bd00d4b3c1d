/* The program's stderr on its way to ours.

   All children write to one pipe, and the loop carries it on while it waits for whatever else: so a flood, or a reader of
   our own stderr that has gone to sleep, holds up the program at most, never the shim. The last bytes are kept for the
   error message. Where the log is in JSON, lines become records as they are read. */
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
    WAITING_LIMIT = 1 << 20,
    LINE = 32768, /* bytes of a line that are one record */
    SAID = 3500   /* bytes of what we say ourselves: written at once, or not at all */
};

static int tee_out = -1, tee_in = -1; /* we read, the children write */
static char held[STEP];
static size_t held_from, held_to;
static char tail[2 * TAIL];
static size_t tail_size;
static struct buffer waiting;  /* stdout that was no answer, stderr that had to be known at once, and all records */
static struct buffer lines[2]; /* in JSON: the last line, not at its end yet, of stderr and of stdout */
static size_t waiting_from;
static size_t dropped;    /* bytes of stray stdout that the log did not take, not told yet */
static bool nothing_said; /* when the loop looked last */
static bool in_a_line;    /* what went out last has no line break yet */

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

/* How much of a long line is a record: not the first part of a last character. */
static size_t piece_of(const char *line, size_t size)
{
    size_t from = size;
    while (from > 0 && size - from < 3 && (line[from - 1] & 0xC0) == 0x80)
        from--;
    return from > 0 && (line[from - 1] & 0xC0) == 0xC0 ? from - 1 : size;
}

/* Lines as records; what has no line break yet waits for it. */
static void take_lines(struct buffer *line, const char *data, size_t size)
{
    while (size > 0) {
        const char *end = memchr(data, '\n', size);
        size_t more = end ? (size_t)(end - data) : size;
        append(line, data, more);
        if (end || line->size >= LINE) {
            size_t piece = end ? line->size : piece_of(line->data, line->size);
            append_line_record(&waiting, line->data, piece);
            if (piece == line->size) {
                release(line);
            } else {
                memmove(line->data, line->data + piece, line->size - piece);
                line->size -= piece;
            }
        }
        more += end != NULL;
        data += more;
        size -= more;
    }
}

/* What is the end of a line, though no break says so. */
static void end_lines(void)
{
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        append_line_record(&waiting, lines[i].data ? lines[i].data : "", lines[i].size);
        release(&lines[i]);
    }
}

/* Records from stderr, if there are any. */
static bool read_records(void)
{
    char some[STEP];
    while (waiting_from == waiting.size) {
        ssize_t size = read(tee_out, some, sizeof some);
        if (size <= 0)
            return false;
        remember(some, (size_t)size);
        take_lines(&lines[0], some, (size_t)size);
    }
    return true;
}

static void append_dropped(void)
{
    char text[100];
    int size = snprintf(text, sizeof text, "%zu bytes of stray stdout are lost here: nobody took the log", dropped);
    if (records_wanted())
        append_record(&waiting, LEVEL_WARN, NULL, text, (size_t)size);
    else
        append_format(&waiting, "bootstrap: %s\n", text);
}

/* The next piece of the log, if there is one. */
static bool read_log(void)
{
    ssize_t size;
    if (records_wanted() && !read_records())
        return false;
    if (waiting_from < waiting.size) {
        size = waiting.size - waiting_from < sizeof held ? (ssize_t)(waiting.size - waiting_from) : (ssize_t)sizeof held;
        memcpy(held, waiting.data + waiting_from, (size_t)size);
        waiting_from += (size_t)size;
        if (waiting_from == waiting.size) {
            release(&waiting);
            waiting_from = 0;
            if (dropped > 0)
                append_dropped();
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
        char some[STEP];
        ssize_t size = read(tee_out, some, sizeof some);
        if (size <= 0)
            return;
        remember(some, (size_t)size);
        if (records_wanted())
            take_lines(&lines[0], some, (size_t)size);
        else
            append(&waiting, some, (size_t)size);
    }
}

/* Only called when poll has said that it will not block; a stderr that is gone swallows all. */
static void write_log(void)
{
    ssize_t size = write(STDERR_FILENO, held + held_from, held_to - held_from);
    if (size > 0) {
        held_from += (size_t)size;
        in_a_line = held[held_from - 1] != '\n';
    } else if (size < 0 && errno != EAGAIN && errno != EINTR) {
        held_from = held_to;
    }
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
    if (waiting.size + size > WAITING_LIMIT)
        dropped += size;
    else if (records_wanted())
        take_lines(&lines[1], data, size);
    else
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

/* Say it ourselves, rather not at all than wait for a reader. */
static void say(enum level level, const char *type, const char *text, size_t size)
{
    struct buffer line = {0};
    nothing_said = false; /* what the program said stands above what is said of it */
    log_forward();
    if (records_wanted()) {
        if (waiting.size <= WAITING_LIMIT)
            append_record(&waiting, level, type, text, size);
        log_forward();
        return;
    }
    append_format(&line, "%sbootstrap: %s%s", in_a_line ? "\n" : "", type ? type : "", type ? ": " : "");
    in_a_line = false;
    for (size_t i = 0; i < size && i < SAID; i++)
        append(&line, text[i] == '\n' || text[i] == '\r' ? " " : text + i, 1);
    append_text(&line, "\n");
    if (stderr_takes_more() && write(STDERR_FILENO, line.data, line.size) < 0)
        size = 0; /* nobody listens */
    release(&line);
}

/* A line of our own in the log. */
void note_list(enum level level, const char *format, va_list values)
{
    char text[1024];
    if (vsnprintf(text, sizeof text, format, values) >= 0)
        say(level, NULL, text, strlen(text));
}

void note(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    note_list(LEVEL_WARN, format, values);
    va_end(values);
}

/* The line of an event that failed; it has one. */
void log_failure(const char *type, const char *message, size_t size)
{
    say(LEVEL_ERROR, type, message, size);
}

/* Whose log it is from here on; NULL: nobody's. */
void log_request(const char *id)
{
    if (!records_wanted())
        return;
    nothing_said = false;
    log_forward();
    end_lines();
    record_request(id);
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
    if (records_wanted()) {
        end_lines();
        log_forward();
    }
}
