/* The bootstrap: stands between Lambda's Runtime API and a program that knows only stdin and stdout.

   start-up    program.c prepares the environment; a program that cannot be started is an init error
   the loop    ask for the next event, start the program meanwhile, exchange event and answer, send exactly one answer
   native      the program knows the Runtime API itself: become it
   http        the program is a web server: http.c starts it, asks it and answers */
#include "bootstrap.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static bool is_worker; /* of several that serve at once */

/* The answer is on its way: whoever gave it has done its work, and the next can start while the API takes it. */
static void prestart_next(void)
{
    log_forget();
    if (SHIM_PROCESS == PER_EVENT) {
        sched_yield(); /* whoever shares our processor takes the answer first */
        child_kill();
        prestart();
    }
}

_Noreturn static void give_up(int error)
{
    struct failure failure = failure_to_start(error);
    api_fail_init(&failure);
    exit(1);
}

_Noreturn static void serve(void)
{
    static struct event event;
    int error = SHIM_PROCESS == HTTP ? http_start() : first_start();
    if (error)
        give_up(error);
    api_on_reply_sent(prestart_next);
    for (;;) {
        api_ask();
        memory_end();
        if (SHIM_PROCESS == PERSISTENT)
            children_reap();
        prestart();
        if (SHIM_PROCESS == PERSISTENT)
            watch_idle(child.out, persistent_idle);
        else if (SHIM_PROCESS != HTTP)  /* a server that ends between two events is missed with the next */
            watch_idle(-1, child_kill); /* one that has ended before its event */
        while (!api_next(&event))
            api_ask();
        if (SHIM_PROCESS == PERSISTENT && child.pid && !idle_is_silent())
            persistent_idle();
        watch_idle(-1, NULL);
        log_request(event.id);
        handle(&event);
        log_request(NULL);
        if (SHIM_PROCESS == HTTP)
            http_replace(!is_worker);
    }
}

/* Managed instances send several events at once: as many copies of us serve them, true in each of them. When one goes,
   all go. */
static bool fork_workers(void)
{
    const char *wanted = getenv("AWS_LAMBDA_MAX_CONCURRENCY");
    int copies = wanted ? atoi(wanted) : 1;
    if (copies < 2 || (SHIM_PROCESS == NATIVE && program_contains("lambda-run serves several events at once")))
        return false; /* one, or the program has threads for them */
    for (int i = 0; i < copies; i++) {
        pid_t pid = fork();
        if (pid < 0)
            fail("cannot make %d copies of the bootstrap: %s", copies, strerror(errno));
        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGTERM);
            is_worker = true;
            prctl(PR_SET_CHILD_SUBREAPER, 1); /* a fork does not inherit it */
            return true;
        }
    }
    int status;
    wait(&status);
    exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

int main(void)
{
    const char *api = getenv("AWS_LAMBDA_RUNTIME_API");
    for (int some = 0; some >= 0 && some <= STDERR_FILENO;) /* nothing of ours may stand in a standard place */
        if ((some = open("/dev/null", O_RDWR | (SHIM_PROCESS == NATIVE ? 0 : O_CLOEXEC))) > STDERR_FILENO)
            close(some);
    if (!api)
        fail("AWS_LAMBDA_RUNTIME_API is not set; Lambda starts this program, and locally `doit invoke` and `doit local` do");
    program_prepare();
    child_prepare();
    if (SHIM_PROCESS != HTTP) /* a web server's hold its port, and are set when that is known */
        program_set_arguments((char *const[]){SHIM_ARGUMENTS NULL});
    if (!fork_workers() && (SHIM_PROCESS == PER_EVENT || SHIM_PROCESS == PERSISTENT))
        pin_to_cpu();
    if (SHIM_PROCESS == PERSISTENT) { /* each copy has its own: nothing of one may be seen in another */
        memory_open();
        program_tell_of_memory();
    }
    int error = SHIM_PROCESS == NATIVE ? child_become() : 0;
    if (!log_open())
        fail("cannot make a pipe: %s", strerror(errno));
    loop_open(&(struct loop_acts){.reap = children_reap, .stop = child_stop});
    if (SHIM_CONTENT != OCTETS)
        api_stream_type(PRELUDE_TYPE);
    api_open(api);
    if (is_worker)
        api_ask_ahead();
    if (error || SHIM_PROCESS == NATIVE) /* that serves itself: all that follows is left out */
        give_up(error);
    serve();
}
