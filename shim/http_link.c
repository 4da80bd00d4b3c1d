/* One connection to the server: when it is used again, how a request goes out and its response comes in, both at once.

   A connection that has been idle for long may have been closed by the server while the sandbox was frozen, and a request
   written to it would be lost: it is used again within 4 s of the last response only, and one that the server has
   closed or spoken on never. */
#include "http.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct wire wire = {.fd = -1};

static union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
} link_addresses[2];
static socklen_t link_lengths[2];
static int link_count;

/* Where the server listens: a port of 127.0.0.1 or else of ::1, or a socket's path. */
void link_set_address(int port, const char *path)
{
    link_count = 0;
    if (*path) {
        link_addresses[0].local.sun_family = AF_UNIX;
        strncpy(link_addresses[0].local.sun_path, path, sizeof link_addresses[0].local.sun_path - 1);
        link_lengths[link_count++] = sizeof(struct sockaddr_un);
        return;
    }
    link_addresses[0].v4 = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    link_lengths[link_count++] = sizeof(struct sockaddr_in);
    link_addresses[1].v6 =
        (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    link_lengths[link_count++] = sizeof(struct sockaddr_in6);
}

void link_hang_up(void)
{
    if (wire.fd >= 0)
        close(wire.fd);
    wire.fd = -1;
    wire.from = wire.to = 0;
}

/* Connect now; false when nobody listens. */
bool link_try(void)
{
    link_hang_up();
    for (int i = 0; i < link_count; i++) {
        int fd = socket(link_addresses[i].any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, &link_addresses[i].any, link_lengths[i]) == 0) {
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
            fcntl(fd, F_SETFL, O_NONBLOCK);
            wire.fd = fd;
            wire.fresh = true;
            wire.used_ms = now_ms();
            return true;
        }
        if (fd >= 0)
            close(fd);
    }
    return false;
}

/* Whether no request has gone over the connection yet: what breaks then is never sent again. */
bool link_is_fresh(void)
{
    return wire.fresh;
}

static bool link_is_usable(void)
{
    struct pollfd one = {.fd = wire.fd, .events = POLLIN};
    return wire.fd >= 0 && wire.from == wire.to && now_ms() - wire.used_ms <= REUSE_MS && poll(&one, 1, 0) == 0;
}

/* A connection for the next request; false when there is none until `until`. */
bool link_be_connected(int64_t until)
{
    if (link_is_usable())
        return true;
    while (!link_try()) {
        children_reap();
        if (child.ended || !loop_wait(NULL, 0, until != NEVER && until < now_ms() + 2 ? until : now_ms() + 2)) {
            if (child.ended || (until != NEVER && now_ms() >= until))
                return false;
        }
    }
    return true;
}

void link_send(const struct http_request *request)
{
    wire.unsent[0] = (struct iovec){request->head.data, request->head.size};
    wire.unsent[1] = (struct iovec){request->body, request->size};
    wire.size = request->head.size + request->size;
    wire.written = 0;
    wire.heard = wire.dead_early = false;
}

/* No byte of the response has come. */
bool link_heard_nothing(void)
{
    return !wire.heard;
}

/* The server had closed the connection before the request was written to its end. */
bool link_was_dead_early(void)
{
    return wire.dead_early;
}

/* What the server said, for a message about it. */
const char *link_first_bytes(size_t *size)
{
    *size = wire.to - wire.from;
    return wire.input + wire.from;
}

bool is_unsent(void)
{
    return wire.unsent[0].iov_len + wire.unsent[1].iov_len > 0;
}

static void write_some(void)
{
    while (is_unsent()) {
        struct iovec *first = wire.unsent[0].iov_len ? wire.unsent : wire.unsent + 1;
        ssize_t size = writev(wire.fd, first, (int)(wire.unsent + 2 - first));
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0 && errno != EAGAIN) { /* it wants no more of it; perhaps it has said why */
            wire.dead_early = true;
            wire.unsent[0].iov_len = wire.unsent[1].iov_len = 0;
        }
        if (size < 0)
            return;
        wire.written += (size_t)size;
        for (int i = 0; i < 2; i++) {
            size_t part = (size_t)size < wire.unsent[i].iov_len ? (size_t)size : wire.unsent[i].iov_len;
            wire.unsent[i].iov_base = (char *)wire.unsent[i].iov_base + part;
            wire.unsent[i].iov_len -= part;
            size -= (ssize_t)part;
        }
    }
}

/* Up to `room` bytes as they come, while the request goes out; 0 with `end` said when no more will. */
size_t link_receive(char *into, size_t room, int64_t until, enum link_end *end)
{
    for (;;) {
        write_some();
        ssize_t size = recv(wire.fd, into, room, 0);
        if (size > 0) {
            wire.heard = true;
            return (size_t)size;
        }
        if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
            wire.dead_early = wire.dead_early || is_unsent();
            *end = size == 0 ? LINK_CUT : LINK_RESET;
            return 0;
        }
        struct pollfd one = {.fd = wire.fd, .events = (short)(POLLIN | (is_unsent() ? POLLOUT : 0))};
        if (!loop_wait(&one, 1, until)) {
            *end = LINK_TIMEOUT;
            return 0;
        }
    }
}
