/* The program as a child process: its environment, its start, its end.

   It leads a process group of its own, so that nothing it started outlives its event, and it dies with us. */
#include "bootstrap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

// releases of clang-format differ on these lists
// clang-format off
#if defined __x86_64__
#define LOADERS {"ld-linux-x86-64.so.2", "ld-musl-x86_64.so.1"}
#elif defined __aarch64__
#define LOADERS {"ld-linux-aarch64.so.1", "ld-musl-aarch64.so.1"}
#else
#error "Lambda has no such architecture"
#endif
// clang-format on

enum {
    STOP_MS = 250,        /* Lambda's own patience after SIGTERM is 300 ms or more */
    SOCKET_ROOM = 1 << 18 /* more would not stay in the processor's cache from the writing to the reading */
};

struct child child = {.in = -1, .out = -1, .far_in = -1};

static char *program;
static char *command[64];
static char **environment; /* without the variables of a single event */
static size_t environment_size;
static cpu_set_t processors; /* that we were given */
static bool pinned;          /* we keep to one of them */
static sigset_t ignored;     /* signals that whoever started us ignores: a program is not to inherit that */
static bool ignores;
extern char **environ;

static char *join(const char *one, const char *two, const char *three)
{
    struct buffer text = {0};
    append_text(&text, one);
    append_text(&text, two);
    append(&text, three, strlen(three) + 1);
    return text.data;
}

static bool is_set(const char *name)
{
    const char *value = getenv(name);
    return value && *value;
}

static void set(const char *name, const char *value)
{
    size_t length = strlen(name);
    size_t at = 0;
    while (at < environment_size && !(strncmp(environment[at], name, length) == 0 && environment[at][length] == '='))
        at++;
    environment[at] = join(name, "=", value);
    if (at == environment_size)
        environment_size++;
}

static void unset(const char *name)
{
    size_t length = strlen(name);
    for (size_t at = 0; at < environment_size; at++)
        if (strncmp(environment[at], name, length) == 0 && environment[at][length] == '=')
            environment[at--] = environment[--environment_size];
    environment[environment_size] = NULL;
}

/* Lambda itself sets LANG=en_US.UTF-8, a locale that Amazon Linux 2023 does not have: a Haskell program would fall back
   to ASCII and die at the first other character. Any other name is the user's wish. */
static bool user_names_locale(void)
{
    return is_set("LC_ALL") || is_set("LC_CTYPE") || (is_set("LANG") && strcmp(getenv("LANG"), "en_US.UTF-8") != 0);
}

/* The program is started through the loader of its own C library when the package has one. Its folder must not stand
   in LD_LIBRARY_PATH then: whatever the program starts would get a C library that does not fit the system's loader. */
static void prepare_command(const char *root, const char *lib)
{
    static const char *const loaders[] = LOADERS;
    const char *old = getenv("LD_LIBRARY_PATH");
    char *path = old && *old ? join(lib, ":", old) : strdup(lib);
    program = join(root, "/", SHIM_MAIN);
    for (size_t i = 0; i < sizeof loaders / sizeof *loaders; i++) {
        char *loader = join(lib, "/", loaders[i]);
        if (access(loader, F_OK) == 0) {
            char *through[] = {loader, "--library-path", path, program, NULL};
            memcpy(command, through, sizeof through);
            return;
        }
        free(loader);
    }
    command[0] = program;
    if (access(lib, F_OK) == 0)
        set("LD_LIBRARY_PATH", path);
    free(path);
}

/* Each package that the zip has data files of looks for them where <package>_datadir says; the user's own word stays.
   Without `sets` they are counted alone. */
static size_t point_to_data(const char *root, bool sets)
{
    size_t count = 0;
    char *folder = join(root, "/", SHIM_DATA);
    DIR *listed = opendir(folder);
    for (struct dirent *entry; listed && (entry = readdir(listed));) {
        if (entry->d_name[0] == '.')
            continue;
        count++;
        char *name = join(entry->d_name, "_datadir", ""), *place = join(folder, "/", entry->d_name);
        if (sets && !getenv(name))
            set(name, place);
        free(name);
        free(place);
    }
    if (listed)
        closedir(listed);
    free(folder);
    return count;
}

static void find_ignored(void)
{
    sigemptyset(&ignored);
    for (int number = 1; number < NSIG; number++) {
        struct sigaction action;
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
            ignores = sigaddset(&ignored, number) == 0;
    }
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

void child_prepare(void)
{
    find_ignored();
    static const char *const ways[] = {"per-event", "persistent", "native", "http"};
    const char *root = is_set("LAMBDA_TASK_ROOT") ? getenv("LAMBDA_TASK_ROOT") : "/var/task";
    size_t count = 0;
    while (environ[count])
        count++;
    environment = calloc(count + point_to_data(root, false) + 16, sizeof *environment);
    if (!environment)
        out_of_memory(count * sizeof *environment);
    memcpy(environment, environ, count * sizeof *environment);
    environment_size = count;

    char *lib = join(root, "/", SHIM_LIB);
    char *gconv = join(lib, "/gconv", "");
    prepare_command(root, lib);
    if (!user_names_locale()) {
        set("LANG", "C.UTF-8");
        set("LC_ALL", "C.UTF-8");
    }
    point_to_data(root, true);
    if (access(gconv, F_OK) == 0)
        set("GCONV_PATH", gconv);
    free(lib);
    free(gconv);
    if (SHIM_PROCESS == HTTP)
        unset("AWS_LAMBDA_RUNTIME_API"); /* a server that links a runtime must not fetch events */
    set("LAMBDA_SHIM_PROCESS", ways[SHIM_PROCESS]);
    unset("LAMBDA_SHIM_MEMORY");
    set("LAMBDA_SHIM_RESPONSE", !SHIM_STREAM ? "buffered" : SHIM_CONTENT == PRELUDED ? "prelude" : "stream");
    set("LAMBDA_SHIM_INPUT", SHIM_ENVELOPE ? "envelope" : "event");
    if (chdir(root))
        note("cannot enter %s: %s", root, strerror(errno));
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* Where there is memory to share, the program's environment says so. */
void child_tell_of_memory(void)
{
    if (memory_size())
        set("LAMBDA_SHIM_MEMORY", memory_size());
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

/* The program's path, for messages. */
const char *child_program(void)
{
    return program;
}

/* native: become the program; returns errno when that fails. */
int child_become(void)
{
    reset_signals();
    execve(command[0], command, environment);
    int error = errno;
    signal(SIGPIPE, SIG_IGN);
    return error;
}

/* Whether the text stands in the program's file. */
bool child_contains(const char *text)
{
    struct stat status;
    bool found = false;
    int file = open(program, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    if (fstat(file, &status) == 0 && status.st_size > 0) {
        void *content = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
        if (content != MAP_FAILED) {
            found = memmem(content, (size_t)status.st_size, text, strlen(text)) != NULL;
            munmap(content, (size_t)status.st_size);
        }
    }
    close(file);
    return found;
}

/* 0, or errno as a start would give it, as far as that can be told without one. */
int child_startable(void)
{
    struct stat status;
    if (stat(program, &status) || access(command[0], X_OK))
        return errno;
    return S_ISREG(status.st_mode) ? 0 : EACCES;
}

static bool is_named(const char *variable, char *const variables[])
{
    size_t length = strcspn(variable, "=");
    for (; *variables; variables++)
        if (strncmp(variable, *variables, length) == 0 && (*variables)[length] == '=')
            return true;
    return false;
}

/* The environment with `more` in place of what has the same names, for one event. */
static char **environment_with(char *const more[])
{
    size_t extra = 0;
    size_t count = 0;
    while (more[extra])
        extra++;
    char **all = calloc(environment_size + extra + 1, sizeof *all);
    if (!all)
        out_of_memory(environment_size * sizeof *all);
    for (size_t i = 0; i < environment_size; i++)
        if (!is_named(environment[i], more))
            all[count++] = environment[i];
    memcpy(all + count, more, extra * sizeof *all);
    return all;
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
        execve(command[0], command, variables);
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

/* What stands behind the program in its command line; the texts stay the caller's. */
void child_set_arguments(char *const arguments[])
{
    size_t at = 0;
    while (command[at] && command[at] != program)
        at++;
    for (at++; *arguments && at + 1 < sizeof command / sizeof *command; at++)
        command[at] = *arguments++;
    command[at] = NULL;
}

/* Start the program; 0 or errno. `more`: further variables, or NULL. */
int child_start(char *const more[])
{
    if (!more)
        return start_with(environment);
    char **variables = environment_with(more);
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
