/* The connection to the Runtime API, which is kept. It never blocks: all waiting is `loop_wait`'s. */
#include "api.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char input[INPUT_ROOM]; /* apart: what begins with zeros has no place in the file */
struct connection connection = {.fd = -1, .input = input};
static struct addrinfo *addresses;

void api_hang_up(void)
{
    if (connection.fd >= 0)
        close(connection.fd);
    connection.fd = -1;
    connection.from = connection.to = 0;
    connection.asked = false;
}

static bool connect_to(const struct addrinfo *address)
{
    connection.fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection.fd >= 0 && connect(connection.fd, address->ai_addr, address->ai_addrlen) == 0) {
        setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        fcntl(connection.fd, F_SETFL, O_NONBLOCK);
        return true;
    }
    int error = errno;
    api_hang_up();
    errno = error;
    return false;
}

/* The emulator starts us before it listens, and an API that restarts is back in a moment. */
static void reconnect(void)
{
    int64_t until = now_ms() + CONNECT_MS;
    api_hang_up();
    for (;;) {
        for (const struct addrinfo *address = addresses; address; address = address->ai_next)
            if (connect_to(address))
                return;
        int error = errno;
        if (now_ms() >= until)
            fail("no connection to the Runtime API at %s: %s", connection.host, strerror(error));
        poll(NULL, 0, 5);
    }
}

/* A connection for the next request. A server that speaks before it was asked has hung up, or is out of step: its connection
   is not used again. */
void api_be_connected(void)
{
    struct pollfd one = {.fd = connection.fd, .events = POLLIN};
    if (connection.fd < 0 || connection.from < connection.to || poll(&one, 1, 0) > 0)
        reconnect();
}

/* `address` is the value of AWS_LAMBDA_RUNTIME_API: host:port, host or [v6]:port. */
void api_open(const char *address)
{
    char name[sizeof connection.host];
    snprintf(connection.host, sizeof connection.host, "%s", address);
    snprintf(name, sizeof name, "%s", address);
    char *start = name, *port = strrchr(name, ':');
    if (name[0] == '[') {
        char *end = strchr(name, ']');
        port = end && end[1] == ':' ? end + 1 : NULL;
        start = name + 1;
        if (end)
            *end = 0;
    }
    if (port)
        *port++ = 0;
    struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    int error = getaddrinfo(start, port ? port : "80", &wanted, &addresses);
    if (error) {
        wanted.ai_flags = 0;
        error = getaddrinfo(start, port ? port : "80", &wanted, &addresses);
    }
    if (error)
        fail("AWS_LAMBDA_RUNTIME_API=%s: %s", address, gai_strerror(error));
    reconnect();
}

/* Whether what stands in the socket is 100 Continue or the like, not yet the reply. */
static bool is_interim(void)
{
    char start[10];
    return recv(connection.fd, start, sizeof start, MSG_PEEK) == sizeof start && !memcmp(start, "HTTP/1.", 7) &&
           start[9] == '1';
}

/* Send it all; false when the connection broke, the server answered already, or `until` came. Consumes `parts`. */
bool api_send(struct iovec *parts, int count, int64_t until)
{
    short heard = POLLIN;
    while (count > 0) {
        ssize_t size = writev(connection.fd, parts, count);
        if (size < 0 && errno == EAGAIN) {
            short state = loop_wait_one(connection.fd, POLLOUT | heard, until);
            if (state & POLLIN && !(state & (POLLERR | POLLHUP)) && is_interim())
                heard = 0; /* read_head passes over it */
            else if (state & ~POLLOUT || (until != NEVER && now_ms() >= until))
                return false; /* whoever answers before the end of the request does not want the rest of it */
            continue;
        }
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return false;
        while (count > 0 && (size_t)size >= parts->iov_len) {
            size -= (ssize_t)parts->iov_len;
            parts++;
            count--;
        }
        if (count > 0) {
            parts->iov_base = (char *)parts->iov_base + size;
            parts->iov_len -= (size_t)size;
        }
    }
    return true;
}

/* Up to `room` bytes, as they come; 0 at the end of the connection, however it ended (`ended_in_error`: not in order). */
size_t api_receive(char *into, size_t room)
{
    for (;;) {
        ssize_t size = recv(connection.fd, into, room, 0);
        if (size >= 0)
            return (size_t)size;
        if (errno == EAGAIN)
            loop_wait_one(connection.fd, POLLIN, NEVER);
        else if (errno != EINTR)
            break;
    }
    connection.failed = true;
    return 0;
}
