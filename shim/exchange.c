/* One event in, one answer out, both at the same time: pipes and sockets hold little, and a program may answer while it reads.

   per-event   stdin gets the event and its end; all of stdout, to the end of the program, is the answer.
   persistent  stdin gets a frame, `<request id> <length>` on a line and then the event; a frame of the same form and the
               same id on stdout is the answer, and `<request id> error <length> <Type>` the message of a failure. Whatever else
               stands on stdout is log: no answer reaches another request. `<request id> @<offset> <length>` tells of bytes
               in the memory that we share (memory.c). */
#include "bootstrap.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    PIPE = 65536, /* what a pipe holds */
    WIDE_PIPE = 1 << 20,
    PIECE = 1 << 20,                   /* of an answer, at most, that is read at once */
    HEAD = ID_LIMIT + TYPE_LIMIT + 32, /* a frame's head is shorter */
    LENGTH_DIGITS = 10,
    LAST_WORDS_MS = 100 /* from the end of stdout to the end of the program, where the one follows from the other */
};

#define READY_LINE "lambda-run takes memory" /* of a program that waits for a frame with a place in the memory */

/* ---- both ways ---- */

/* A wide pipe spares the two of us most of our turns; the kernel may refuse, and then it takes more of them. */
static void widen_pipe(const struct exchange *exchange)
{
    size_t size = 0;
    for (int i = exchange->from; i < exchange->to; i++)
        size += exchange->parts[i].iov_len;
    if (size > PIPE && fcntl(child.in, F_GETPIPE_SZ) < WIDE_PIPE)
        fcntl(child.in, F_SETPIPE_SZ, WIDE_PIPE);
}

/* Between the API's socket and the program's, where bytes pass us without a copy. */
static struct {
    int ends[2]; /* of a pipe, made when it is needed; the first is -1 when there is none */
    size_t size; /* bytes in it */
    bool barred; /* the kernel cannot do it */
} passage = {.ends = {-1, -1}};

/* No byte stays for another event. */
static void clear_passage(void)
{
    if (passage.size > 0) {
        close(passage.ends[0]);
        close(passage.ends[1]);
        passage.ends[0] = passage.ends[1] = -1;
        passage.size = 0;
    }
}

static bool may_pass(struct exchange *exchange)
{
    int waiting;
    if (!exchange->begun)
        exchange->begun = ioctl(child.far_in, FIONREAD, &waiting) == 0 && (size_t)waiting < exchange->fed;
    if (exchange->begun && !passage.barred && passage.ends[0] < 0)
        passage.barred = pipe2(passage.ends, O_CLOEXEC | O_NONBLOCK) != 0;
    return exchange->begun && !passage.barred;
}

/* Whether that error says no more than that there is nothing yet. */
static bool may_come(int error)
{
    return error == EAGAIN || error == EINTR;
}

/* More of an event that is still to come; false when there is nothing now. */
static bool fetch_rest(struct exchange *exchange)
{
    struct event *event = exchange->event;
    ssize_t size = may_pass(exchange) ? api_splice_rest(event, passage.ends[1]) : -1;
    if (size > 0) {
        passage.size = (size_t)size;
        return true;
    }
    if (!exchange->begun || passage.barred || (size < 0 && !may_come(errno))) {
        size = api_read_rest(event);
        if (size > 0) {
            exchange->parts[exchange->from = 0] = (struct iovec){event->body.data + event->body.size - size, (size_t)size};
            exchange->to = 1;
            return true;
        }
    }
    exchange->truncated = size == 0 || !may_come(errno);
    return false;
}

/* Hand over what the program takes now; false when it has closed its stdin. */
static bool feed(struct exchange *exchange)
{
    while (exchange->from < exchange->to || passage.size > 0 || (exchange->event->to_come > 0 && fetch_rest(exchange))) {
        struct iovec *part = exchange->parts + exchange->from;
        const bool passes = passage.size > 0;
        ssize_t size = passes ? splice(passage.ends[0], NULL, child.in, NULL, passage.size, SPLICE_F_NONBLOCK)
                              : writev(child.in, part, exchange->to - exchange->from);
        if (size < 0)
            return errno == EAGAIN || errno == EINTR;
        exchange->fed += (size_t)size;
        if (passes) {
            passage.size -= (size_t)size;
            continue;
        }
        for (; exchange->from < exchange->to && (size_t)size >= part->iov_len; part++, exchange->from++)
            size -= (ssize_t)part->iov_len;
        if (exchange->from < exchange->to) {
            part->iov_base = (char *)part->iov_base + size;
            part->iov_len -= (size_t)size;
        }
    }
    return true;
}

/* What it did not read waits at its own end of the socket still; ours would count it in buffers, not in bytes. */
static void see_unread(struct exchange *exchange)
{
    int waiting;
    if (child.far_in >= 0 && child.served)
        exchange->unread = ioctl(child.far_in, FIONREAD, &waiting) == 0 && (size_t)waiting == exchange->fed;
}

static bool is_fed(const struct exchange *exchange)
{
    return exchange->from == exchange->to && passage.size == 0 && exchange->event->to_come == 0;
}

/* Read at most `size` bytes of stdout; -1: nothing there now, 0: no more will come. */
static ssize_t read_out(char *into, size_t size)
{
    if (child.out < 0)
        return 0;
    ssize_t got = read(child.out, into, size);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return -1;
    if (got > 0)
        return got;
    child_close_out();
    return 0;
}

/* `size` more bytes of the answer stand behind its end: count them in, and pass them on when the answer is streamed. */
static enum outcome take(struct exchange *exchange, size_t size)
{
    struct buffer *answer = &exchange->answer;
    answer->size += size;
    if (!exchange->failed)
        exchange->answered += size;
    if (!SHIM_STREAM && !exchange->failed)
        json_feed(&exchange->scan, answer->data, answer->size); /* while the program writes on */
    if (!SHIM_STREAM || exchange->failed)
        return answer->size > ANSWER_LIMIT ? TOO_LARGE : GOING_ON;
    size_t sent = answer->size;
    answer->size = 0;
    return sent == 0 || api_stream(exchange->event, answer->data, sent, exchange->until) ? GOING_ON : ABANDONED;
}

/* Wait until either end of the program can go on, or it has ended. */
static bool await_program(const struct exchange *exchange)
{
    struct pollfd ends[2];
    nfds_t count = 0;
    if (child.in >= 0 && !is_fed(exchange))
        ends[count++] = exchange->from < exchange->to || passage.size > 0 ? (struct pollfd){.fd = child.in, .events = POLLOUT}
                                                                          : api_rest_interest();
    if (child.out >= 0)
        ends[count++] = (struct pollfd){.fd = child.out, .events = POLLIN};
    return loop_wait(ends, count, exchange->until);
}

/* ---- per-event ---- */

/* Between the end of stdout and that of the program are a few microseconds, less than falling asleep takes. */
static bool look_for_end(const struct pace *pace)
{
    while (answer_is_near(pace) && !children_reap())
        sched_yield();
    return child.ended;
}

enum outcome per_event(struct exchange *exchange)
{
    static struct pace pace;
    bool due = false;
    widen_pipe(exchange);
    room_for(&exchange->answer, 2 * PIPE); /* for a short answer and the look behind it: the same memory each time */
    for (;;) {
        if (child.in >= 0 && (!feed(exchange) || is_fed(exchange)))
            child_close_in();
        bool ended = child.ended; /* asked first: what the pipe holds after the end is all */
        ssize_t size;
        while ((size = read_out(room_for(&exchange->answer, PIPE), PIPE)) > 0) {
            enum outcome outcome = take(exchange, (size_t)size);
            if (outcome != GOING_ON)
                return outcome;
        }
        if (ended && due)
            answer_came(&pace);
        if (ended)
            return ENDED;
        if (!due && exchange->answered > 0 && child.in < 0) { /* its end follows directly on its answer */
            answer_is_due(&pace);
            due = true;
        }
        if (!(due && child.out < 0 && look_for_end(&pace)) && !await_program(exchange))
            return TIMED_OUT;
    }
}

/* ---- persistent ---- */

static struct {
    /* In stdout; BEHIND: directly after a frame, where a line break may stand; BROKEN: after a head that is none. */
    enum { LINES, ANSWER, BEHIND, BROKEN } place;
    char head[HEAD]; /* the line so far */
    size_t size;
    bool long_line; /* it is too long for a head, and its beginning is in the log already */
    size_t left;    /* ANSWER: bytes still to come */
    bool in_memory; /* the head told of them by their place, and none come */
    size_t offset;
} frames;

/* A new process says nothing yet. */
void persistent_reset(void)
{
    frames.place = LINES;
    frames.size = frames.left = 0;
    frames.long_line = false;
}

/* Past a number of at most LENGTH_DIGITS digits, or NULL. */
static const char *skip_length(const char *at, const char *end, size_t *value)
{
    const char *start = at;
    *value = 0;
    for (; at < end && *at >= '0' && *at <= '9'; at++)
        *value = *value * 10 + (size_t)(*at - '0');
    return at > start && at - start <= LENGTH_DIGITS ? at : NULL;
}

/* Past the name of an error: letters, digits and dots, a letter first; or NULL. */
static const char *skip_type(const char *at, const char *end)
{
    const char *start = at;
    for (; at < end; at++) {
        bool letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z');
        if (!letter && (at == start || !((*at >= '0' && *at <= '9') || *at == '.' || *at == '_')))
            return NULL;
    }
    return at > start && at - start <= TYPE_LIMIT ? at : NULL;
}

enum line { LOG, HEAD_OF_ANSWER, BROKEN_HEAD, MEMORY_READY };

/* What the line is. One that begins with the id of the request under way and a blank can be nothing but a head. */
static enum line read_frame_head(struct exchange *exchange)
{
    static const char error[] = "error ";
    const char *id = exchange ? exchange->event->id : "";
    size_t length = strlen(id);
    frames.in_memory = false;
    if (memory_size() && frames.size == strlen(READY_LINE) && memcmp(frames.head, READY_LINE, frames.size) == 0)
        return MEMORY_READY;
    if (!exchange || frames.size < length + 1 || memcmp(frames.head, id, length) != 0 || frames.head[length] != ' ')
        return LOG;
    const char *at = frames.head + length + 1, *end = frames.head + frames.size;
    exchange->failed = (size_t)(end - at) > strlen(error) && memcmp(at, error, strlen(error)) == 0;
    if (exchange->failed)
        at += strlen(error);
    frames.in_memory = memory_size() && !exchange->failed && at < end && *at == '@';
    if (frames.in_memory && (at = skip_length(at + 1, end, &frames.offset)))
        at = at < end && *at == ' ' ? at + 1 : NULL;
    if (at)
        at = skip_length(at, end, &frames.left);
    if (at && exchange->failed && end - at > 1 && *at == ' ') {
        const char *type = at + 1;
        at = skip_type(type, end);
        if (at)
            memcpy(exchange->type, type, (size_t)(at - type));
    }
    return at == end ? HEAD_OF_ANSWER : BROKEN_HEAD;
}

/* Read lines up to and with the head of our frame; how many of the bytes that took. What is no head is log. */
static size_t read_lines(struct exchange *exchange, const char *data, size_t size)
{
    for (size_t at = 0; at < size;) {
        const char *end = memchr(data + at, '\n', size - at);
        size_t more = end ? (size_t)(end - data) - at : size - at;
        if (frames.long_line || more > HEAD - frames.size) {
            log_line(frames.head, frames.size);
            log_line(data + at, more);
            frames.size = 0;
            frames.long_line = true;
        } else {
            memcpy(frames.head + frames.size, data + at, more);
            frames.size += more;
        }
        at += more + (end != NULL);
        if (!end)
            return at;
        enum line line = frames.long_line ? LOG : read_frame_head(exchange);
        if (line == MEMORY_READY) {
            memory_is_ready();
        } else if (line != HEAD_OF_ANSWER) {
            log_line(frames.head, frames.size);
            log_line("\n", 1);
        }
        frames.size = 0;
        frames.long_line = false;
        frames.place = line == HEAD_OF_ANSWER ? ANSWER : line == BROKEN_HEAD ? BROKEN : LINES;
        if (line == HEAD_OF_ANSWER || line == BROKEN_HEAD)
            return at;
    }
    return size;
}

static enum outcome end_broken(struct exchange *exchange, const char *how)
{
    if (exchange)
        exchange->breach = how;
    else
        note("the program wrote more than its answer had bytes; it is started anew");
    return BREACH;
}

/* The answer stands in the memory already. */
static enum outcome take_from_memory(struct exchange *exchange)
{
    size_t size = frames.left;
    frames.left = 0;
    exchange->answer = memory_answer(frames.offset, size);
    if (!exchange->answer.data)
        return end_broken(exchange, "told of a place in the memory where no answer of its own can be");
    if (!SHIM_STREAM) {
        exchange->answered = size;
        return GOING_ON;
    }
    exchange->answer.size = 0;
    return take(exchange, size);
}

/* Take what stdout said. Without an exchange, between events, it can be log only; behind the answer, too. */
static enum outcome parse(struct exchange *exchange, const char *data, size_t size)
{
    size_t at = 0;
    while (at < size) {
        if (frames.place == BEHIND) {
            if (data[at] != '\n')
                return end_broken(exchange,
                                  "wrote more than the length of its answer; the length counts bytes, not characters");
            frames.place = LINES;
            at++;
        } else if (frames.place == LINES) {
            at += read_lines(exchange && exchange->complete ? NULL : exchange, data + at, size - at);
            if (frames.place == BROKEN)
                return end_broken(exchange, "began an answer with a head that is none (it is the last line of the log); "
                                            "`<request id> <length>` or `<request id> error <length> <Type>`");
            if (frames.place == ANSWER && !is_fed(exchange))
                return end_broken(exchange, "answered before it had taken the whole event");
            if (frames.place == ANSWER && !SHIM_STREAM && frames.left > ANSWER_LIMIT)
                return TOO_LARGE;
            if (frames.place == ANSWER && frames.in_memory) {
                enum outcome outcome = take_from_memory(exchange);
                if (outcome != GOING_ON)
                    return outcome;
            } else if (frames.place == ANSWER) {
                if (!SHIM_STREAM)
                    room_for(&exchange->answer, frames.left);
            }
        } else {
            size_t part = frames.left < size - at ? frames.left : size - at;
            memcpy(room_for(&exchange->answer, part), data + at, part);
            frames.left -= part;
            at += part;
            enum outcome outcome = take(exchange, part);
            if (outcome != GOING_ON)
                return outcome;
        }
        if (frames.place == ANSWER && frames.left == 0) {
            frames.place = BEHIND;
            exchange->complete = true;
        }
    }
    return GOING_ON;
}

/* Read what stdout holds now: a piece that did not fill its place was the last. The body of an answer goes where it
   belongs without a stop in between. */
static enum outcome read_frames(struct exchange *exchange)
{
    static char some[8192];
    ssize_t size;
    size_t most;
    enum outcome outcome = GOING_ON;
    do {
        if (frames.place == ANSWER) {
            most = frames.left < PIECE ? frames.left : PIECE;
            size = read_out(room_for(&exchange->answer, most), most);
            if (size > 0) {
                frames.left -= (size_t)size;
                outcome = take(exchange, (size_t)size);
            }
            if (frames.left == 0) {
                frames.place = BEHIND;
                exchange->complete = true;
            }
        } else if ((size = read_out(some, most = sizeof some)) > 0) {
            outcome = parse(exchange, some, (size_t)size);
        }
    } while (size > 0 && (size_t)size == most && outcome == GOING_ON);
    return outcome;
}

/* Called when stdout speaks between events. */
void persistent_idle(void)
{
    if (read_frames(NULL) != GOING_ON || child.out < 0) {
        watch_idle(-1, NULL);
        child_kill();
    }
}

/* The answer begins a line of its own, whatever was said before the event. */
static void begin_line(void)
{
    if (frames.size > 0 || frames.long_line) {
        log_line(frames.head, frames.size);
        log_line("\n", 1);
    }
    persistent_reset();
    clear_passage();
}

enum outcome persistent(struct exchange *exchange)
{
    static struct pace pace;
    bool due = false;
    begin_line();
    for (;;) {
        if (child.in >= 0 && !feed(exchange)) {
            see_unread(exchange);
            child_close_in();
        }
        if (exchange->truncated)
            return TRUNCATED;
        if (is_fed(exchange) && !due)
            answer_is_due(&pace);
        due = is_fed(exchange);
        if (is_fed(exchange) && !await_program(exchange))
            return TIMED_OUT;
        bool ended = child.ended;
        enum outcome outcome = read_frames(exchange);
        if (outcome != GOING_ON)
            return outcome;
        if (exchange->complete) {
            answer_came(&pace);
            child.served = true;
            return exchange->failed ? FAILED : ANSWERED;
        }
        if (ended) {
            see_unread(exchange);
            return ENDED;
        }
        if (child.out < 0)
            break;
        if (!is_fed(exchange) && !await_program(exchange))
            return TIMED_OUT;
    }
    for (int64_t until = now_ms() + LAST_WORDS_MS; !child.ended;)
        if (!loop_wait(NULL, 0, until))
            return CLOSED;
    see_unread(exchange);
    return ENDED;
}
