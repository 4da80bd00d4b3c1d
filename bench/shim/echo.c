/* The floor: a Runtime API client in C that answers each event with itself. No program, no checks, no failures. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static int api;
static char input[65536];
static size_t from, to;

static void fill(void)
{
    if (from == to)
        from = to = 0;
    ssize_t got = recv(api, input + to, sizeof input - to, 0);
    if (got <= 0)
        exit(0);
    to += (size_t)got;
}

static char *line(void)
{
    char *end;
    while (!(end = memmem(input + from, to - from, "\r\n", 2))) {
        memmove(input, input + from, to - from);
        to -= from;
        from = 0;
        fill();
    }
    *end = 0;
    char *start = input + from;
    from = (size_t)(end + 2 - input);
    return start;
}

static void take(char *into, size_t size)
{
    size_t ready = to - from < size ? to - from : size;
    memcpy(into, input + from, ready);
    from += ready;
    for (ssize_t got; ready < size; ready += (size_t)got)
        if ((got = recv(api, into + ready, size - ready, 0)) <= 0)
            exit(0);
}

int main(void)
{
    char host[64], head[512], id[64] = "", *name = getenv("AWS_LAMBDA_RUNTIME_API"), *body = malloc(1 << 23);
    struct sockaddr_in address = {.sin_family = AF_INET};
    snprintf(host, sizeof host, "%s", name);
    *strchr(host, ':') = 0;
    inet_pton(AF_INET, host, &address.sin_addr);
    address.sin_port = htons((uint16_t)atoi(strchr(name, ':') + 1));
    for (int tries = 0; tries < 400; tries++) {
        api = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(api, (struct sockaddr *)&address, sizeof address) == 0)
            break;
        close(api);
        usleep(5000);
    }
    setsockopt(api, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    for (;;) {
        int size = snprintf(head, sizeof head, "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: %s\r\n\r\n", name);
        if (write(api, head, (size_t)size) != size)
            return 0;
        size_t length = 0, chunked = 0;
        for (char *one = line(); *one; one = line()) {
            if (!strncasecmp(one, "lambda-runtime-aws-request-id: ", 31))
                snprintf(id, sizeof id, "%s", one + 31);
            if (!strncasecmp(one, "content-length: ", 16))
                length = strtoul(one + 16, NULL, 10);
            if (!strncasecmp(one, "transfer-encoding: ", 19))
                chunked = 1;
        }
        if (chunked)
            for (size_t part; (part = strtoul(line(), NULL, 16)); line()) {
                take(body + length, part);
                length += part;
            }
        if (chunked)
            line();
        else
            take(body, length);
        size = snprintf(head, sizeof head,
                        "POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: %s\r\nContent-Length: %zu\r\n\r\n", id, name,
                        length);
        struct iovec parts[] = {{head, (size_t)size}, {body, length}};
        size_t sent = (size_t)writev(api, parts, 2);
        for (size_t more; sent < (size_t)size + length; sent += more)
            more = (size_t)write(api, body + sent - (size_t)size, length - (sent - (size_t)size));
        for (char *one = line(); *one; one = line())
            if (!strncasecmp(one, "content-length: ", 16))
                length = strtoul(one + 16, NULL, 10);
        take(body, length);
    }
}
