/* Whatever bytes a server sends: api_reply.c reads the same events from them in one piece, byte by byte, and by seven bytes; it
   asks for the next event behind the answer to the last one, or in the same breath. */
#include "shim.h"

enum { CONNECTION = 900, EVENTS = 4, CALLS = 5000, RECONNECTS = 40, TRIES_OF_NEXT = 12 };
#define PART "\n%%\n" /* between the replies to one request and to the next */

static const unsigned char *stream;
static size_t stream_size, at, sent_to, next_part, segment;
static int calls, reconnects, pending; /* requests that went out together with another */
static bool torn_now;                  /* every other read finds nothing yet */
static jmp_buf over;

/* The next part of the stream is the reply to a request. */
static void reveal(void)
{
    if (next_part >= stream_size)
        return;
    const unsigned char *mark = memmem(stream + next_part, stream_size - next_part, PART, strlen(PART));
    if (at >= sent_to)
        at = next_part;
    sent_to = mark ? (size_t)(mark - stream) : stream_size;
    next_part = mark ? sent_to + strlen(PART) : stream_size;
    if (at > sent_to)
        at = sent_to;
}

/* The bytes that have come so far; at their end the server hangs up. */
static ssize_t fake_recv(int descriptor, void *into, size_t room, int flags)
{
    (void)descriptor;
    if (++calls > CALLS)
        longjmp(over, 3);
    if (!(flags & MSG_PEEK) && segment && (torn_now = !torn_now)) {
        errno = EAGAIN;
        return -1;
    }
    if (at >= sent_to && pending > 0 && !(flags & MSG_PEEK)) {
        pending--;
        reveal();
    }
    size_t size = sent_to - at < room ? sent_to - at : room;
    if (segment && size > segment && !(flags & MSG_PEEK))
        size = segment;
    memcpy(into, stream + at, size);
    if (!(flags & MSG_PEEK))
        at += size;
    return (ssize_t)size;
}

/* A request has gone out, or an answer and the next request. */
static ssize_t fake_writev(int descriptor, const struct iovec *parts, int count)
{
    ssize_t size = 0;
    (void)descriptor;
    for (int i = 0; i < count; i++)
        size += (ssize_t)parts[i].iov_len;
    pending = count == 3;
    reveal();
    return size;
}

static int fake_poll(struct pollfd *all, nfds_t count, int timeout)
{
    int ready = 0;
    for (nfds_t i = 0; i < count; i++) {
        bool says = timeout || count > 1 ? i == 0 : all[i].fd == CONNECTION && at < sent_to;
        all[i].revents = says ? (timeout || count > 1 ? all[i].events : POLLIN) : 0;
        ready += all[i].revents != 0;
    }
    return ready;
}

static int fake_ppoll(struct pollfd *all, nfds_t count, const struct timespec *limit, const sigset_t *open)
{
    (void)limit;
    (void)open;
    return fake_poll(all, count, 1);
}

static int fake_socket(void)
{
    if (++reconnects > RECONNECTS)
        longjmp(over, 4);
    at = sent_to;
    return CONNECTION;
}

static int good(void)
{
    return 0;
}

#define recv fake_recv
#define writev fake_writev
#define poll fake_poll
#define ppoll fake_ppoll
#define socket(...) fake_socket()
#define connect(...) good()
#define setsockopt(...) good()
#define fcntl(...) good()
#define close(x) good()
#define write(descriptor, data, size) ((void)(data), (ssize_t)(size))
#define exit(code) longjmp(over, 2)
#define sched_yield() good()
#include "api.c"
#include "api_link.c"
#include "api_reply.c"
#include "api_rest.c"
#include "api_stream.c"
#include "base64.c"
#include "child.c"
#include "json.c"
#include "json_text.c"
#include "log.c"
#include "loop.c"
#include "memory.c"
#include "program.c"
#include "record.c"
#include "text.c"
#undef close
#undef write

#define HEAD "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: id-1\r\n"
const char *const seeds[] = {
    HEAD "Content-Length: 2\r\n\r\n{}" PART "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nOK" PART HEAD
         "Transfer-Encoding: chunked\r\n\r\n3;x=1\r\n[1]\r\n0\r\nT: 1\r\n\r\n" PART "HTTP/1.1 202 A\r\n\r\n",
    HEAD "Lambda-Runtime-Deadline-Ms: 1\r\nLambda-Runtime-Trace-Id: Root=1\r\nConnection: close\r\n\r\n1" PART
         "HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n" HEAD "content-LENGTH:  4 \t\r\nLambda-Runtime-Invocation-Id: i\r\n\r\nnull" PART
    "HTTP/1.0 202 A\n\nx",
    "HTTP/1.1 500 X\r\n\r\nwhy", ""};
const char *const tokens[] = {"\r\n",
                              "\n",
                              "\r\n\r\n",
                              ":",
                              " ",
                              PART,
                              "Content-Length: 3\r\n",
                              "Content-Length: -1\r\n",
                              "Content-Length: 99999999999999999999\r\n",
                              "Transfer-Encoding: chunked\r\n",
                              "0\r\n\r\n",
                              "ffffffffffffffff\r\n",
                              "HTTP/1.1 100 C\r\n\r\n",
                              "HTTP/1.1 202 A\r\nContent-Length: 0\r\n\r\n",
                              HEAD,
                              "Connection: close\r\n",
                              "\x80",
                              ""};

/* What was read of the stream, in pieces of that size; 0: in one. */
static void read_in_pieces(size_t pieces, struct buffer *seen)
{
    static struct event event;
    static struct addrinfo one;
    static int end;
    at = sent_to = next_part = 0;
    segment = pieces;
    calls = reconnects = failures = 0;
    torn_now = streaming = connection.asked = false;
    pending = 0;
    asks_ahead = stream_size % 2;
    connection.fd = -1;
    connection.from = connection.to = 0;
    addresses = &one;
    end = setjmp(over);
    for (int i = 0; end == 0 && i < EVENTS; i++) {
        api_ask();
        for (int tries = 0; !api_next(&event); api_ask())
            if (++tries > TRIES_OF_NEXT)
                longjmp(over, 5);
        append_format(seen, "%s %lld %s %s %s %d:", event.id, (long long)event.deadline_ms, event.trace ? event.trace : "-",
                      event.arn ? event.arn : "-", event.invocation ? event.invocation : "-", event.whole);
        append(seen, event.body.data, event.body.size);
        if (strpbrk(event.id, "\r\n /?#%"))
            abort(); /* it would break the request that answers it */
        api_answer(&event, &(struct buffer){.data = (char *)"null", .size = 4, .room = 4});
    }
    append_format(seen, " end");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct buffer whole, pieces;
    static const size_t sizes[] = {1, 7};
    stream = data;
    stream_size = size;
    whole.size = 0;
    read_in_pieces(0, &whole);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        pieces.size = 0;
        read_in_pieces(sizes[i], &pieces);
        if (pieces.size != whole.size || memcmp(pieces.data, whole.data, whole.size) != 0) {
            fprintf(stderr, "by %zu:\n%.*s\nin one piece:\n%.*s\n", sizes[i], (int)pieces.size, pieces.data, (int)whole.size,
                    whole.data);
            abort();
        }
    }
    return 0;
}
