/* The floor of `process = "http"`: the same request to the same server over a plain kept connection.

     client COUNT SIZE GAP_US PORT COMMAND...     prints one line of JSON

   The server is started as COMMAND with PORT in its environment; `cold_us` runs from there to the end of its first response,
   a request from its first byte written to the last byte of its response. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int connected(int port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int tries = 0; tries < 20000; tries++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0) {
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
            return fd;
        }
        close(fd);
        usleep(500);
    }
    fprintf(stderr, "client: nobody listens on port %d\n", port);
    exit(1);
}

/* One request and its whole response, which is chunked or has a length; the body comes back while it goes out. */
static double exchange(int fd, const char *head, const char *body, size_t size)
{
    static char text[1 << 20];
    double start = now_us();
    size_t sent = 0, got = 0, whole = 0, kept = 0, length = strlen(head);
    int chunked = 0, over = 0;
    char last[5] = "";
    if (send(fd, head, length, MSG_NOSIGNAL | (size ? MSG_MORE : 0)) != (ssize_t)length)
        exit(1);
    while (!over) {
        if (sent < size) {
            ssize_t some = send(fd, body + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
            sent += some > 0 ? (size_t)some : 0;
        }
        ssize_t some = recv(fd, text + kept, sizeof text - 1 - kept, sent < size ? MSG_DONTWAIT : 0);
        if (some == 0)
            exit(1);
        if (some < 0)
            continue;
        for (ssize_t i = some > 5 ? some - 5 : 0; i < some; i++) {
            memmove(last, last + 1, 4);
            last[4] = text[kept + (size_t)i];
        }
        got += (size_t)some;
        if (whole == 0) {
            kept += (size_t)some;
            text[kept] = 0;
            char *end = strstr(text, "\r\n\r\n"), *field = end ? strcasestr(text, "\r\ncontent-length:") : NULL;
            char *chunks = end ? strcasestr(text, "\r\ntransfer-encoding: chunked") : NULL;
            chunked = chunks && chunks < end;
            if (end)
                whole = (size_t)(end + 4 - text) + (field && field < end ? strtoul(field + 17, NULL, 10) : 0);
            kept = end ? 0 : kept;
        }
        over = whole && (chunked ? memcmp(last, "0\r\n\r\n", 5) == 0 : got >= whole);
    }
    return now_us() - start;
}

static int by_size(const void *one, const void *two)
{
    double a = *(const double *)one, b = *(const double *)two;
    return (a > b) - (a < b);
}

int main(int argc, char **argv)
{
    if (argc < 6)
        return fprintf(stderr, "usage: client COUNT SIZE GAP_US PORT COMMAND...\n"), 2;
    int count = atoi(argv[1]), gap_us = atoi(argv[3]), warm = count / 10 + 1;
    size_t size = strtoul(argv[2], NULL, 10);
    char *body = malloc(size + 1), head[256];
    memset(body, 0xFF, size);
    snprintf(head, sizeof head,
             "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\nContent-Length: %zu\r\n\r\n",
             size);
    setenv("PORT", argv[4], 1);
    double started = now_us(), cold = 0, *times = calloc((size_t)(count + warm), sizeof *times);
    pid_t server = fork();
    if (server == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execvp(argv[5], argv + 5);
        _exit(127);
    }
    int fd = connected(atoi(argv[4]));
    for (int i = 0; i < count + warm; i++) {
        if (gap_us && i)
            usleep((useconds_t)gap_us);
        times[i] = exchange(fd, head, body, size);
        if (i == 0)
            cold = now_us() - started;
    }
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    qsort(times + warm, (size_t)count, sizeof *times, by_size);
    printf("{\"min_us\": %.1f, \"p50_us\": %.1f, \"p99_us\": %.1f, \"cold_us\": %.1f}\n", times[warm], times[warm + count / 2],
           times[warm + (size_t)count * 99 / 100], cold);
    return 0;
}
