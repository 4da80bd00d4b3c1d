/* The program as a child process: its start, its end.

   It leads a process group of its own, so that nothing it started outlives its event, and it dies with us. */
#include "bootstrap.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    STOP_MS = 250,        /* Lambda's own patience after SIGTERM is 300 ms or more */
    SOCKET_ROOM = 1 << 18 /* more would not stay in the processor's cache from the writing to the reading */
};

struct child child = {.in = -1, .out = -1, .far_in = -1};

static cpu_set_t processors; /* that we were given */
static bool pinned;          /* we keep to one of them */
static sigset_t ignored;     /* signals that whoever started us ignores: a program is not to inherit that */
static bool ignores;

static void find_ignored(void)
{
    sigemptyset(&ignored);
    for (int number = 1; number < NSIG; number++) {
        struct sigaction action;
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
            ignores = sigaddset(&ignored, number) == 0;
    }
}

void child_prepare(void)
{
    find_ignored();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* SIGPIPE is ignored by us. */
static void reset_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    for (int number = 1; ignores && number < NSIG; number++)
        if (sigismember(&ignored, number) == 1)
            signal(number, SIG_DFL);
}

/* Keep to the processor we are on; the program may use all of them. Each event wakes us four times for a few
   microseconds, and a kernel that looks for the idlest processor each time spends more than it gains. */
void pin_to_cpu(void)
{
    cpu_set_t here;
    int number = sched_getcpu();
    if (pinned || number < 0 || number >= CPU_SETSIZE || sched_getaffinity(0, sizeof processors, &processors))
        return;
    CPU_ZERO(&here);
    CPU_SET(number, &here);
    pinned = sched_setaffinity(0, sizeof here, &here) == 0;
}

/* native: become the program; returns errno when that fails. */
int child_become(void)
{
    reset_signals();
    execve(program_command()[0], program_command(), program_environment());
    int error = errno;
    signal(SIGPIPE, SIG_IGN);
    return error;
}

/* Between vfork and exec: our memory is the child's, so it touches nothing and leaves by _exit. */
static void exec_child(int in, int out, char *const variables[], volatile int *error)
{
    if (setpgid(0, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && dup2(in, STDIN_FILENO) >= 0 &&
        dup2(out, STDOUT_FILENO) >= 0 && dup2(log_descriptor(), STDERR_FILENO) >= 0) {
        reset_signals();
        if (pinned)
            sched_setaffinity(0, sizeof processors, &processors);
        memory_hand_on();
        execve(program_command()[0], program_command(), variables);
    }
    *error = errno;
    _exit(127);
}

/* A server reads no stdin, and what it writes is log. */
static __attribute__((noinline)) int start_server_with(char *const variables[])
{
    volatile int error = 0;
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    pid_t pid = vfork();
    if (pid == 0)
        exec_child(nothing, log_descriptor(), variables, &error);
    if (pid < 0)
        error = errno;
    close(nothing);
    if (error && pid > 0)
        waitpid(pid, NULL, 0);
    if (!error)
        child = (struct child){.pid = pid, .in = -1, .out = -1, .far_in = -1};
    return error;
}

static void close_once(int *descriptor)
{
    if (*descriptor >= 0)
        close(*descriptor);
    *descriptor = -1;
}

/* Two ends, to be read at [0] and written to at [1]. A persistent program gets sockets: their bytes cost two thirds of a
   pipe's. Each carries one direction only, so that an end of file is one. A program of one event keeps its pipes, for what
   opens /dev/stdin by name. */
static int make_pair(int ends[2])
{
    if (SHIM_PROCESS != PERSISTENT)
        return pipe2(ends, O_CLOEXEC);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        return -1;
    setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &(int){SOCKET_ROOM}, sizeof(int)); /* as far as net.core.wmem_max allows */
    shutdown(ends[0], SHUT_WR);
    return 0;
}

/* Not inlined: what lives in the frame of a vfork must not be anybody else's. */
static __attribute__((noinline)) int start_with(char *const variables[])
{
    int in[2], out[2];
    if (SHIM_PROCESS == HTTP)
        return start_server_with(variables);
    if (make_pair(in))
        return errno;
    if (make_pair(out)) {
        int error = errno;
        close(in[0]);
        close(in[1]);
        return error;
    }
    volatile int error = 0;
    pid_t pid = vfork();
    if (pid == 0)
        exec_child(in[0], out[1], variables, &error);
    if (pid < 0)
        error = errno;
    close(out[1]);
    if (error) {
        close(in[0]);
        close(in[1]);
        close(out[0]);
        if (pid > 0)
            waitpid(pid, NULL, 0);
        return error;
    }
    fcntl(in[1], F_SETFL, O_NONBLOCK);
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    child = (struct child){.pid = pid, .in = in[1], .out = out[0], .far_in = in[0]};
    if (SHIM_PROCESS != PERSISTENT)
        close_once(&child.far_in);
    return 0;
}

/* Start the program; 0 or errno. `more`: further variables, or NULL. */
int child_start(char *const more[])
{
    if (!more)
        return start_with(program_environment());
    char **variables = program_environment_with(more);
    int error = start_with(variables);
    free(variables);
    return error;
}

/* End of file on its stdin. */
void child_close_in(void)
{
    close_once(&child.in);
}

void child_close_out(void)
{
    close_once(&child.out);
}

/* The end of the program and of all that it started in its group; its zombie is reaped when it comes. The group is killed
   while the zombie of its leader still holds the number, so that it can be nobody else's. */
void child_kill(void)
{
    if (child.pid)
        kill(-child.pid, SIGKILL);
    if (child.pid && !child.ended)
        kill(child.pid, SIGKILL); /* it may have left its group */
    if (child.ended)
        waitpid(child.pid, NULL, 0);
    child_close_in();
    child_close_out();
    close_once(&child.far_in);
    child = (struct child){.in = -1, .out = -1, .far_in = -1};
}

/* Reap orphans of earlier programs, and see whether ours has ended: child_kill reaps that one, when its answer is on its
   way. */
bool children_reap(void)
{
    while (!child.ended) {
        siginfo_t ended = {0};
        if (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) || ended.si_pid == 0)
            break;
        if (ended.si_pid == child.pid) {
            child.status = ended.si_code == CLD_EXITED ? ended.si_status << 8 : ended.si_status;
            child.ended = true;
        } else {
            waitpid(ended.si_pid, NULL, 0);
        }
    }
    return child.ended;
}

/* We are asked to go: pass that on, and give the program time to tidy up. */
void child_stop(void)
{
    if (!child.pid)
        return;
    kill(-child.pid, SIGTERM);
    child_close_in();
    for (int waited = 0; waited < STOP_MS && !child.ended; waited += 10) {
        poll(NULL, 0, 10);
        log_forward();
        children_reap();
    }
    child_kill();
}
