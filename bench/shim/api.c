/* A bare Runtime API: serves events to one bootstrap at the speed of the sockets, and times it.

     api COUNT SIZE GAP_US COMMAND...     prints one line of JSON; @FILE in place of SIZE is the event itself

   An event is timed from the first byte we write to the last byte of its answer; `cold_us` runs from the start of the
   command to the end of the first answer. GAP_US lies between an answer and the next event. Memory is VmRSS of the
   command's own process a while after the last event (`idle_kb`; at once for a file or a single event), its peak
   (`peak_kb`). */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS = 16, HEAD = 65536, WARM_PARTS = 10 };

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void die(const char *what)
{
    fprintf(stderr, "api: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void send_all(int to, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t done = send(to, data, size, MSG_NOSIGNAL);
        if (done < 0)
            return; /* it will ask again */
        data += done;
        size -= (size_t)done;
    }
}

/* Reads a request: 'G' for next, 'P' for an answer (read to its end), 0 when the connection has ended. */
static char read_request(int from)
{
    static char text[HEAD + 1], sink[1 << 20];
    size_t size = 0;
    char *end;
    for (text[0] = 0; !(end = strstr(text, "\r\n\r\n")); text[size] = 0) {
        ssize_t got = recv(from, text + size, HEAD - size, 0);
        if (got <= 0)
            return 0;
        size += (size_t)got;
    }
    char *length = strcasestr(text, "\r\ncontent-length:"), *chunked = strcasestr(text, "\r\ntransfer-encoding: chunked");
    size_t ready = size - (size_t)(end + 4 - text), wanted = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
    if (strcasestr(text, "expect: 100-continue"))
        send_all(from, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    if (chunked && chunked < end) { /* its end is all we look for */
        char last[5] = "";
        memcpy(sink, end + 4, ready);
        for (size_t got = ready;;) {
            for (size_t i = got > 5 ? got - 5 : 0; i < got; i++) {
                memmove(last, last + 1, 4);
                last[4] = sink[i];
            }
            if (memcmp(last, "0\r\n\r\n", 5) == 0)
                return text[0];
            ssize_t more = recv(from, sink, sizeof sink, 0);
            if (more <= 0)
                return 0;
            got = (size_t)more;
        }
    }
    for (ssize_t got; ready < wanted; ready += (size_t)got)
        if ((got = recv(from, sink, sizeof sink, 0)) <= 0)
            return 0;
    return text[0];
}

static int by_size(const void *one, const void *two)
{
    double a = *(const double *)one, b = *(const double *)two;
    return (a > b) - (a < b);
}

static long memory_kb(pid_t pid, const char *what)
{
    char path[64], line[256];
    long value = 0;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, what, strlen(what)) == 0)
            value = atol(line + strlen(what) + 1);
    if (file)
        fclose(file);
    return value;
}

int main(int argc, char **argv)
{
    if (argc < 5)
        return fprintf(stderr, "usage: api COUNT SIZE GAP_US COMMAND...\n"), 2;
    int count = atoi(argv[1]), gap_us = atoi(argv[3]);
    size_t size = strtoul(argv[2], NULL, 10);
    static const char accepted[] = "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nOK";
    char address[64], head[512], *body;
    FILE *given = argv[2][0] == '@' ? fopen(argv[2] + 1, "rb") : NULL;
    if (argv[2][0] == '@') {
        if (!given || fseek(given, 0, SEEK_END))
            die(argv[2]);
        size = (size_t)ftell(given);
        rewind(given);
        body = malloc(size + 1);
        if (fread(body, 1, size, given) != size)
            die(argv[2]);
        fclose(given);
    } else {
        body = malloc(size + 1);
        memset(body, 'x', size);
        memcpy(body, "{\"data\":\"", 9);
        memcpy(body + size - 2, "\"}", 2);
    }

    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t name_size = sizeof name;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&name, sizeof name) || listen(listener, 16) ||
        getsockname(listener, (struct sockaddr *)&name, &name_size))
        die("listen");
    snprintf(address, sizeof address, "127.0.0.1:%d", ntohs(name.sin_port));
    setenv("AWS_LAMBDA_RUNTIME_API", address, 1);

    double started = now_us(), cold_us = 0, sent_at = 0, *times = calloc((size_t)count, sizeof *times);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        setpgid(0, 0);
        dup2(STDERR_FILENO, STDOUT_FILENO);
        execvp(argv[4], argv + 4);
        die(argv[4]);
    }

    struct pollfd all[CONNECTIONS] = {{.fd = listener, .events = POLLIN}};
    int open = 1, done = 0, warm = count / WARM_PARTS + 1;
    while (done < count + warm) {
        if (poll(all, (nfds_t)open, 20000) <= 0)
            return fprintf(stderr, "api: %s does nothing\n", argv[4]), kill(-child, SIGKILL), 1;
        if (all[0].revents && open < CONNECTIONS) {
            int one = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
            setsockopt(one, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
            all[open++] = (struct pollfd){.fd = one, .events = POLLIN};
        }
        for (int i = 1; i < open; i++) {
            if (!all[i].revents)
                continue;
            all[i].revents = 0;
            char kind = read_request(all[i].fd);
            if (kind == 'G') {
                if (gap_us)
                    usleep((useconds_t)gap_us);
                struct timespec wall;
                clock_gettime(CLOCK_REALTIME, &wall);
                int length = snprintf(head, sizeof head,
                                      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
                                      "Lambda-Runtime-Aws-Request-Id: 6f5b1d4e-0000-0000-0000-%012d\r\n"
                                      "Lambda-Runtime-Deadline-Ms: %lld\r\nLambda-Runtime-Trace-Id: Root=1\r\n"
                                      "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:0:function:f\r\n\r\n",
                                      size, done, (long long)(wall.tv_sec + 60) * 1000);
                sent_at = now_us();
                send_all(all[i].fd, head, (size_t)length);
                send_all(all[i].fd, body, size);
            } else if (kind == 'P') {
                double elapsed = now_us() - sent_at;
                if (done == 0)
                    cold_us = now_us() - started;
                if (done >= warm)
                    times[done - warm] = elapsed;
                done++;
                send_all(all[i].fd, accepted, sizeof accepted - 1);
            } else {
                close(all[i].fd);
                all[i--] = all[--open];
            }
        }
    }
    if (argv[2][0] != '@' && count > 1)
        usleep(300000); /* until it has given back what it gives back */
    long idle = memory_kb(child, "VmRSS:"), peak = memory_kb(child, "VmHWM:");
    siginfo_t ended = {0};
    kill(child, SIGTERM);
    for (int waited = 0; waited < 100 && ended.si_pid == 0; waited++) {
        usleep(1000);
        waitid(P_PID, (id_t)child, &ended, WEXITED | WNOHANG | WNOWAIT);
    }
    kill(-child, SIGKILL);
    waitpid(child, NULL, 0);
    struct rusage used;
    getrusage(RUSAGE_CHILDREN, &used);
    double cpu =
        (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
    qsort(times, (size_t)count, sizeof *times, by_size);
    printf("{\"min_us\": %.1f, \"p50_us\": %.1f, \"p99_us\": %.1f, \"cold_us\": %.1f, \"cpu_us\": %.1f, \"idle_kb\": %ld, "
           "\"peak_kb\": %ld}\n",
           times[0], times[count / 2], times[(size_t)count * 99 / 100], cold_us, cpu / done, idle, peak);
    return 0;
}
