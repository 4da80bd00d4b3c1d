/* A process for all events: stdin gets a frame, `<request id> <length>` on a line and then the event; a frame of the same form
   and the same id on stdout is the answer, and `<request id> error <length> <Type>` the message of a failure. Whatever else
   stands on stdout is log: no answer reaches another request. `<request id> @<offset> <length>` tells of bytes in the memory
   that we share (memory.c). */
#include "bootstrap.h"

#include <stdlib.h>
#include <string.h>

enum {
    PIECE = 1 << 20,                   /* of an answer, at most, that is read at once */
    HEAD = ID_LIMIT + TYPE_LIMIT + 32, /* a frame's head is shorter */
    LAST_WORDS_MS = 100 /* from the end of stdout to the end of the program, where the one follows from the other */
};

static struct {
    /* In stdout; BEHIND: directly after a frame, where a line break may stand; BROKEN: after a head that is none. */
    enum { LINES, ANSWER, BEHIND, BROKEN } place;
    char head[HEAD]; /* the line so far */
    size_t size;
    bool long_line; /* it is too long for a head, and its beginning is in the log already */
    struct frame answer;
} frames;

/* A new process says nothing yet. */
void persistent_reset(void)
{
    frames.place = LINES;
    frames.size = frames.answer.left = 0;
    frames.long_line = false;
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
        enum line line = frames.long_line ? LOG : read_frame_head(frames.head, frames.size, exchange, &frames.answer);
        if (line == MEMORY_READY) {
            child.fluent = true;
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
    size_t size = frames.answer.left;
    frames.answer.left = 0;
    exchange->answer = memory_answer(frames.answer.offset, size);
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
            if (frames.place == ANSWER && !SHIM_STREAM && frames.answer.left > ANSWER_LIMIT)
                return TOO_LARGE;
            if (frames.place == ANSWER && frames.answer.in_memory) {
                enum outcome outcome = take_from_memory(exchange);
                if (outcome != GOING_ON)
                    return outcome;
            } else if (frames.place == ANSWER) {
                if (!SHIM_STREAM)
                    room_for(&exchange->answer, frames.answer.left);
            }
        } else {
            size_t part = frames.answer.left < size - at ? frames.answer.left : size - at;
            memcpy(room_for(&exchange->answer, part), data + at, part);
            frames.answer.left -= part;
            at += part;
            enum outcome outcome = take(exchange, part);
            if (outcome != GOING_ON)
                return outcome;
        }
        if (frames.place == ANSWER && frames.answer.left == 0) {
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
            most = frames.answer.left < PIECE ? frames.answer.left : PIECE;
            size = read_out(room_for(&exchange->answer, most), most);
            if (size > 0) {
                frames.answer.left -= (size_t)size;
                outcome = take(exchange, (size_t)size);
            }
            if (frames.answer.left == 0) {
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
            child.served = child.fluent = true;
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
