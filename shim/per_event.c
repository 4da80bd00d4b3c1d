/* A process an event: stdin gets the event and its end; all of stdout, to the end of the program, is the answer. */
#include "bootstrap.h"

#include <fcntl.h>
#include <sched.h>

enum {
    PIPE = 65536, /* what a pipe holds */
    WIDE_PIPE = 1 << 20
};

/* A wide pipe spares the two of us most of our turns; the kernel may refuse, and then it takes more of them. */
static void widen_pipe(const struct exchange *exchange)
{
    size_t size = 0;
    for (int i = exchange->from; i < exchange->to; i++)
        size += exchange->parts[i].iov_len;
    if (size > PIPE && fcntl(child.in, F_GETPIPE_SZ) < WIDE_PIPE)
        fcntl(child.in, F_SETPIPE_SZ, WIDE_PIPE);
}

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
