/* One connection to the server: when it is used again, how a request goes out and its response comes in, both at once.

   A connection that has been idle for long may have been closed by the server while the sandbox was frozen, and a request
   written to it would be lost: it is used again within 4 s of the last response only, and one that the server has
   closed or spoken on never. */
#include "http.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { LINK_STEP = 65536 };

static struct {
    int fd;
    int64_t used_ms; /* when the last response ended */
    bool fresh;      /* no request has gone over it yet */
    char input[16384];
    size_t from, to;
    struct iovec unsent[2]; /* what is left of the request */
    size_t size, written;   /* of the request */
    bool heard;             /* a byte of the response has come */
    bool dead_early;        /* it was closed before the last byte of the request was written */
    enum { BY_NOTHING, BY_LENGTH, BY_CHUNKS, BY_END } framed;
    uint64_t left; /* of the body, or of the chunk */
    bool in_chunk;
} wire = {.fd = -1};

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

static bool is_unsent(void)
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
static size_t link_receive(char *into, size_t room, int64_t until, enum link_end *end)
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

/* The next line to `out`, without its break; false at the end, or when the head is too long. */
static bool link_read_line(struct buffer *out, size_t most, int64_t until, enum link_end *end)
{
    for (;;) {
        char *start = wire.input + wire.from, *found = memchr(start, '\n', wire.to - wire.from);
        size_t size = found ? (size_t)(found - start) : wire.to - wire.from;
        if (out->size + size > most) {
            *end = LINK_BAD;
            return false;
        }
        append(out, start, size);
        wire.from += size + (found != NULL);
        if (found) {
            if (out->size && out->data[out->size - 1] == '\r')
                out->size--;
            return true;
        }
        wire.from = wire.to = 0;
        wire.to = link_receive(wire.input, sizeof wire.input, until, end);
        if (wire.to == 0)
            return false;
    }
}

static bool has_word(const struct iovec *value, const char *word)
{
    const char *at = value->iov_base, *end = at + value->iov_len;
    for (size_t size = strlen(word); (size_t)(end - at) >= size; at++)
        if (strncasecmp(at, word, size) == 0)
            return true;
    return false;
}

static bool is_named_as(const struct iovec *name, const char *word)
{
    return name->iov_len == strlen(word) && strncasecmp(name->iov_base, word, name->iov_len) == 0;
}

/* The next header of a head; `at` begins as 0. Lines that are no header are passed over. */
bool head_next(const struct http_head *head, size_t *at, struct iovec *name, struct iovec *value)
{
    while (*at < head->text.size) {
        const char *line = head->text.data + *at, *end = memchr(line, '\n', head->text.size - *at);
        const char *colon = memchr(line, ':', (size_t)(end - line));
        *at += (size_t)(end - line) + 1;
        if (!colon || colon == line)
            continue;
        const char *from = colon + 1, *to = end;
        while (from < to && (*from == ' ' || *from == '\t'))
            from++;
        while (to > from && (to[-1] == ' ' || to[-1] == '\t'))
            to--;
        *name = (struct iovec){(void *)line, (size_t)(colon - line)};
        *value = (struct iovec){(void *)from, (size_t)(to - from)};
        return true;
    }
    return false;
}

static enum link_end understand(struct http_head *head)
{
    struct iovec name, value;
    for (size_t at = 0; head_next(head, &at, &name, &value);) {
        if (is_named_as(&name, "content-length")) {
            char digits[24] = {0}, *end;
            memcpy(digits, value.iov_base, value.iov_len < 20 ? value.iov_len : 20);
            uint64_t size = strtoull(digits, &end, 10);
            if (*end || !value.iov_len || value.iov_len > 19 || (head->sized && size != head->size))
                return LINK_BAD;
            head->sized = true;
            head->size = size;
        } else if (is_named_as(&name, "transfer-encoding")) {
            head->chunked = has_word(&value, "chunked");
        } else if (is_named_as(&name, "connection")) {
            head->last = has_word(&value, "close") || (head->last && !has_word(&value, "keep-alive"));
        }
    }
    return LINK_DONE;
}

/* Status and headers of the response; interim ones (100, 103) are passed over. */
enum link_end link_read_head(struct http_head *head, bool is_head, int64_t until)
{
    enum link_end end = LINK_OPEN;
    struct buffer line = {0};
    do {
        struct buffer text = head->text;
        *head = (struct http_head){.text = text};
        head->text.size = line.size = 0;
        if (!link_read_line(&line, RESPONSE_HEAD, until, &end))
            goto done;
        append(&line, "", 1);
        if (strncmp(line.data, "HTTP/1.", 7) || strlen(line.data) < 12 || line.data[8] != ' ' || atoi(line.data + 9) < 100) {
            wire.from = 0; /* for the message: what it was */
            wire.to = line.size - 1 < sizeof wire.input ? line.size - 1 : sizeof wire.input;
            memcpy(wire.input, line.data, wire.to);
            end = LINK_BAD;
            goto done;
        }
        head->last = line.data[7] == '0';
        head->status = atoi(line.data + 9);
        for (;;) {
            size_t before = head->text.size;
            if (!link_read_line(&head->text, RESPONSE_HEAD, until, &end))
                goto done;
            if (head->text.size == before)
                break;
            append_text(&head->text, "\n");
        }
    } while (head->status < 200);
    end = understand(head);
    head->bodiless = is_head || head->status == 204 || head->status == 304;
    wire.framed = head->bodiless ? BY_NOTHING : head->chunked ? BY_CHUNKS : head->sized ? BY_LENGTH : BY_END;
    wire.left = head->chunked ? 0 : head->size;
    wire.in_chunk = false;
    if (is_head)
        head->last = true; /* some servers close behind it without a word */
done:
    release(&line);
    return end;
}

/* Up to `most` bytes of body behind `body`; LINK_OPEN when there may be more. */
static enum link_end link_take(struct buffer *body, uint64_t most, int64_t until)
{
    size_t ready = wire.to - wire.from, wanted = most < LINK_STEP ? (size_t)most : LINK_STEP;
    enum link_end end = LINK_OPEN;
    if (ready > 0) {
        wanted = ready < wanted ? ready : wanted;
        append(body, wire.input + wire.from, wanted);
        wire.from += wanted;
    } else {
        wanted = link_receive(room_for(body, wanted), wanted, until, &end);
        body->size += wanted;
    }
    if (wire.framed != BY_END)
        wire.left -= wanted;
    return end;
}

static enum link_end next_chunk(int64_t until)
{
    struct buffer line = {0};
    enum link_end end = LINK_OPEN;
    if (wire.in_chunk && !(link_read_line(&line, 8, until, &end) && line.size == 0))
        end = end == LINK_OPEN ? LINK_BAD : end;
    line.size = 0;
    if (end == LINK_OPEN && link_read_line(&line, 4096, until, &end)) {
        char *stop;
        append(&line, "", 1);
        errno = 0;
        wire.left = strtoull(line.data, &stop, 16);
        if (stop == line.data || errno || line.data[0] == '-' || !strchr("; \t", *stop))
            end = LINK_BAD;
        wire.in_chunk = true;
        while (end == LINK_OPEN && wire.left == 0) { /* trailers */
            line.size = 0;
            if (link_read_line(&line, RESPONSE_HEAD, until, &end) && line.size == 0)
                end = LINK_DONE;
        }
    }
    release(&line);
    return end;
}

/* Some more of the body behind `body`: LINK_OPEN and there may be more, LINK_DONE and there is none. */
enum link_end link_read_body(struct buffer *body, int64_t until)
{
    enum link_end end;
    switch (wire.framed) {
    case BY_NOTHING: return LINK_DONE;
    case BY_LENGTH: return wire.left == 0 ? LINK_DONE : link_take(body, wire.left, until);
    case BY_END: end = link_take(body, LINK_STEP, until); return end == LINK_CUT ? LINK_DONE : end;
    default:
        if (wire.left == 0 && (end = next_chunk(until)) != LINK_OPEN)
            return end;
        return link_take(body, wire.left, until);
    }
}

/* Behind a whole response: keep the connection where the server keeps it. */
void link_settle(const struct http_head *head)
{
    wire.used_ms = now_ms();
    wire.fresh = false;
    if (head->last || wire.framed == BY_END || is_unsent() || wire.dead_early || wire.from < wire.to)
        link_hang_up();
}
