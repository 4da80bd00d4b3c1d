/* The rest of a large event, which comes while a persistent program reads its beginning.

   Once the program has begun to read, nobody else will get this event, and so the rest need not stand in our memory: it goes
   from the one socket to the other through a pipe, by splice(2), which hands on the kernel's own pages and copies nothing.
   Until then it is kept, for the next process. */
#include "api.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

enum {
    REST_LEAST = 1 << 16, /* smaller events come whole */
    REST_ROOM = 1 << 20,  /* for what is kept: more than the program's socket takes */
    REST_PIECE = 1 << 16, /* that is read at once */
    REST_WAIT_MS = 100    /* for more of a rest that nobody wants */
};

/* Leave the body behind this head for later, where that can be. */
bool api_leave_rest(const struct reply *reply, struct event *event)
{
    if (SHIM_PROCESS != PERSISTENT || SHIM_ENVELOPE || reply->status != 200 || !reply->sized || reply->chunked ||
        reply->damaged || reply->last || reply->size < REST_LEAST || event->body.lent)
        return false;
    room_for(&event->body, REST_ROOM);
    event->to_come = reply->size;
    event->whole = true;
    return true;
}

/* Some more of the event, behind what is there of its body: how much, 0 when the connection has ended, or -1 and errno. */
ssize_t api_read_rest(struct event *event)
{
    const size_t most = event->to_come < REST_PIECE ? event->to_come : REST_PIECE, ready = connection.to - connection.from;
    ssize_t got = (ssize_t)(ready < most ? ready : most);
    if (ready > 0) {
        append(&event->body, connection.input + connection.from, (size_t)got);
        connection.from += (size_t)got;
    } else {
        got = recv(connection.fd, room_for(&event->body, most), most, 0);
        event->body.size += got > 0 ? (size_t)got : 0;
    }
    event->to_come -= got > 0 ? (size_t)got : 0;
    return got;
}

/* The same, past us into a pipe. */
ssize_t api_splice_rest(struct event *event, int pipe)
{
    if (connection.from < connection.to) {
        errno = EINVAL; /* the beginning is with us already */
        return -1;
    }
    ssize_t got = splice(connection.fd, NULL, pipe, NULL, event->to_come, SPLICE_F_NONBLOCK);
    event->to_come -= got > 0 ? (size_t)got : 0;
    return got;
}

/* To wait for more of it. */
struct pollfd api_rest_interest(void)
{
    return (struct pollfd){.fd = connection.fd, .events = POLLIN};
}

/* Nobody wants the rest; the connection goes on behind it. */
void api_drop_rest(struct event *event)
{
    while (event->to_come > 0) {
        event->body.size = 0;
        ssize_t got = api_read_rest(event);
        if (got > 0 || (got < 0 && errno == EAGAIN && loop_wait_one(connection.fd, POLLIN, now_ms() + REST_WAIT_MS)))
            continue;
        api_hang_up();
        event->to_come = 0;
    }
}
