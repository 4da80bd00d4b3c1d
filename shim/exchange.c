/* One event in, one answer out, both at the same time: pipes and sockets hold little, and a program may answer while it reads.
   What both ways do: hand the event over, take the answer. */
#include "bootstrap.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { PASSAGE = 1 << 20 /* bytes, where the kernel gives as many */ };

/* Between the API's socket and the program's, where bytes pass us without a copy. */
static struct {
    int ends[2]; /* of a pipe, made when it is needed; the first is -1 when there is none */
    size_t size; /* bytes in it */
    bool barred; /* the kernel cannot do it */
} passage = {.ends = {-1, -1}};

/* No byte stays for another event. */
void clear_passage(void)
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
    if (exchange->begun && !passage.barred && passage.ends[0] < 0) {
        passage.barred = pipe2(passage.ends, O_CLOEXEC | O_NONBLOCK) != 0;
        fcntl(passage.ends[0], F_SETPIPE_SZ, PASSAGE);
    }
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

/* The kernel takes nothing out of the pipe for that socket: what is in it is written as all else is. */
static bool copy_passage(struct exchange *exchange)
{
    struct buffer *body = &exchange->event->body;
    const size_t size = passage.size;
    passage.barred = true;
    while (passage.size > 0) {
        ssize_t got = read(passage.ends[0], room_for(body, passage.size), passage.size);
        if (got <= 0)
            return false;
        body->size += (size_t)got;
        passage.size -= (size_t)got;
    }
    exchange->parts[exchange->from = 0] = (struct iovec){body->data + body->size - size, size};
    exchange->to = 1;
    return true;
}

/* Hand over what the program takes now; false when it has closed its stdin. */
bool feed(struct exchange *exchange)
{
    while (exchange->from < exchange->to || passage.size > 0 || (exchange->event->to_come > 0 && fetch_rest(exchange))) {
        struct iovec *part = exchange->parts + exchange->from;
        const bool passes = passage.size > 0;
        ssize_t size = passes ? splice(passage.ends[0], NULL, child.in, NULL, passage.size, SPLICE_F_NONBLOCK)
                              : writev(child.in, part, exchange->to - exchange->from);
        if (size < 0 && passes && !may_come(errno) && errno != EPIPE && errno != ECONNRESET && copy_passage(exchange))
            continue;
        if (size < 0)
            return may_come(errno);
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
void see_unread(struct exchange *exchange)
{
    int waiting;
    if (child.far_in >= 0)
        exchange->unread = ioctl(child.far_in, FIONREAD, &waiting) == 0 && (size_t)waiting == exchange->fed;
}

bool is_fed(const struct exchange *exchange)
{
    return exchange->from == exchange->to && passage.size == 0 && exchange->event->to_come == 0;
}

/* Read at most `size` bytes of stdout; -1: nothing there now, 0: no more will come. */
ssize_t read_out(char *into, size_t size)
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
enum outcome take(struct exchange *exchange, size_t size)
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
bool await_program(const struct exchange *exchange)
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
