/* Waiting: for descriptors, for children, for a time; clocks, signals, and the end of the bootstrap.

   Everything that waits waits in `loop_wait`, and the log is carried on meanwhile. */
#include "bootstrap.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { QUICK_US = 150 /* an answer that comes in this time is not slept for */ };

static struct loop_acts acts;
static int idle_descriptor = -1;
static void (*idle_ready)(void);
static bool idle_silent;    /* when `loop_wait` looked last */
static int64_t eager_until; /* on now_us' clock: so long the next wait looks before it sleeps; 0: not at all */
static volatile sig_atomic_t stop_asked;

static void say_last_words(void)
{
    acts.stop();
    log_finish();
}

/* The end of the bootstrap; Lambda starts a new one. */
_Noreturn void fail(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    note_list(LEVEL_FATAL, format, values);
    va_end(values);
    if (acts.stop)
        say_last_words();
    exit(1);
}

static void fail_for_memory(size_t size)
{
    fail("out of memory at %zu bytes; give the function more memory", size);
}

static void on_child(int number)
{
    (void)number; /* it only has to end ppoll */
}

static void on_stop(int number)
{
    stop_asked = number;
}

/* `given`: what the loop does for those who come after it. SIGCHLD and SIGTERM stay blocked outside ppoll, so that none
   can slip in between a check and the wait. */
void loop_open(const struct loop_acts *given)
{
    acts = *given;
    on_out_of_memory(fail_for_memory);

    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    sigaction(SIGCHLD, &(struct sigaction){.sa_handler = on_child}, NULL);
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_stop}, NULL);
    signal(SIGPIPE, SIG_IGN);
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

/* While `loop_wait` waits, `ready` is called when `descriptor` has something to read; -1: nothing more. */
void watch_idle(int descriptor, void (*ready)(void))
{
    idle_descriptor = descriptor;
    idle_ready = ready;
}

/* The descriptor of watch_idle had nothing to say when `loop_wait` looked last. */
bool idle_is_silent(void)
{
    return idle_silent;
}

/* The next `loop_wait` looks for a moment before it sleeps, when the last answer of this kind was quick: waking up takes as
   long as many an answer. */
void answer_is_due(struct pace *pace)
{
    pace->asked_us = now_us();
    eager_until = pace->slow ? 0 : pace->asked_us + QUICK_US;
}

void answer_came(struct pace *pace)
{
    pace->slow = now_us() - pace->asked_us >= QUICK_US;
    eager_until = 0;
}

/* Whether it is worth to look for it rather than to sleep. */
bool answer_is_near(const struct pace *pace)
{
    return !pace->slow && now_us() - pace->asked_us < QUICK_US;
}

static int spin_briefly(struct pollfd *all, nfds_t count)
{
    int ready;
    while ((ready = poll(all, count, 0)) == 0 && now_us() < eager_until)
        sched_yield(); /* whoever shares our processor goes first */
    eager_until = 0;
    return ready;
}

static void stop(void)
{
    say_last_words();
    _exit(0);
}

/* Wait until one of `watched` is ready, a child has ended, or `until` has come (NEVER: it does not); false if it has.
   The caller looks at `revents` and at the child again. */
bool loop_wait(struct pollfd *watched, nfds_t count, int64_t until)
{
    struct pollfd all[5];
    nfds_t tee = count, idle = count + 1, total = count + 1;
    for (nfds_t i = 0; i < count; i++)
        all[i] = watched[i];
    all[tee] = log_interest();
    if (idle_descriptor >= 0)
        all[total++] = (struct pollfd){.fd = idle_descriptor, .events = POLLIN};

    int64_t left = until == NEVER ? 0 : until - now_ms();
    if (until != NEVER && left <= 0)
        return false;
    struct timespec limit = {.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000};
    sigset_t open;
    sigemptyset(&open);
    int ready = eager_until ? spin_briefly(all, total) : 0;
    if (ready == 0)
        ready = ppoll(all, total, until == NEVER ? NULL : &limit, &open);
    if (stop_asked)
        stop();
    if (ready < 0 && errno != EINTR)
        fail("cannot wait: %s", strerror(errno));
    for (nfds_t i = 0; i < count; i++)
        watched[i].revents = ready < 0 ? 0 : all[i].revents;
    idle_silent = ready > 0 && total > idle && !all[idle].revents;
    if (ready < 0 && acts.reap() && idle_ready) { /* between events nobody else asks how it ended */
        idle_ready();
        acts.reap();
    }
    log_progress(&all[tee], ready > 0);
    if (ready > 0 && total > idle && all[idle].revents)
        idle_ready();
    return true;
}

/* `loop_wait` for a single descriptor, until it is ready: what poll says of it, 0 when the time ran out. */
short loop_wait_one(int descriptor, short events, int64_t until)
{
    struct pollfd one = {.fd = descriptor, .events = events};
    while (!one.revents)
        if (!loop_wait(&one, 1, until))
            return 0;
    return one.revents;
}
