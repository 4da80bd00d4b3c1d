/* Whatever a persistent program writes: persistent.c finds the answer that the model finds, in one piece, byte by byte, and by
   thirteen bytes, in the stream and in the memory that they share. The model is written from shim/README.md. */
#include "shim.h"

enum { IN = 900, OUT = 901 };
static const unsigned char *said;
static size_t said_size, at, segment;
static bool torn_now;
static jmp_buf over;

static ssize_t fake_read(int descriptor, void *into, size_t room)
{
    if (descriptor != OUT || (segment && (torn_now = !torn_now))) {
        errno = EAGAIN;
        return -1;
    }
    size_t size = said_size - at < room ? said_size - at : room;
    if (segment && size > segment)
        size = segment;
    memcpy(into, said + at, size);
    at += size;
    return (ssize_t)size;
}

static ssize_t fake_writev(int descriptor, const struct iovec *parts, int count)
{
    ssize_t size = 0;
    (void)descriptor;
    for (int i = 0; i < count; i++)
        size += (ssize_t)parts[i].iov_len;
    return size;
}

static int fake_poll(struct pollfd *all, nfds_t count, int timeout)
{
    int ready = 0;
    (void)timeout;
    for (nfds_t i = 0; i < count; i++) {
        all[i].revents = all[i].fd == OUT || all[i].fd == STDERR_FILENO ? all[i].events : 0;
        ready += all[i].revents != 0;
    }
    return ready;
}

static int fake_ppoll(struct pollfd *all, nfds_t count, const struct timespec *limit, const sigset_t *open);

static int good(void)
{
    return 0;
}

#define read fake_read
#define writev fake_writev
#define write(descriptor, data, size) ((void)(data), (ssize_t)(size))
#define poll fake_poll
#define ppoll fake_ppoll
#define fcntl(...) good()
#define close(x) good()
#define kill(...) good()
#define ioctl(...) (-1)
#define exit(code) longjmp(over, 2)
#define sched_yield() good()
#define waitid(...) (-1)
#include "program.c"
#include "child.c"
#include "json_text.c"
#include "json.c"
#include "log.c"
#include "loop.c"
#undef fcntl
#undef close
#include "memory.c"
#define fcntl(...) good()
#define close(x) good()
#include "record.c"
#include "text.c"
bool api_stream(const struct event *event, const char *data, size_t size, int64_t until)
{
    (void)event, (void)data, (void)size, (void)until;
    return true;
}
ssize_t api_read_rest(struct event *event)
{
    (void)event;
    return 0;
}
ssize_t api_splice_rest(struct event *event, int pipe)
{
    (void)event, (void)pipe;
    return 0;
}
struct pollfd api_rest_interest(void)
{
    return (struct pollfd){.fd = -1};
}
#include "exchange.c"
#include "frame.c"
#include "persistent.c"

static int fake_ppoll(struct pollfd *all, nfds_t count, const struct timespec *limit, const sigset_t *open)
{
    int ready = fake_poll(all, count, 1);
    (void)limit;
    (void)open;
    child.ended = child.ended || at == said_size;
    return ready;
}

const char *const seeds[] = {"id-1 5\nhello",
                             "id-1 error 3 Bad.Input\nwhy\n",
                             "a line\nid-0 2\n{}\nid-1 2\n{}\n",
                             "id-1 0\n",
                             "id-1 2\n{}id",
                             "id-1 x\n",
                             "lambda-run takes memory\nid-1 @8388608 5\n\n",
                             "id-1 @16777215 1\n",
                             ""};
const char *const tokens[] = {"id-1 ",
                              "id-1",
                              "id-10 ",
                              "error ",
                              "error",
                              "@",
                              "@8388608 ",
                              "16777216",
                              "lambda-run takes memory\n",
                              "\n",
                              " ",
                              "0",
                              "10",
                              "6291557",
                              "99999999999",
                              "-",
                              "+",
                              "\r",
                              "Name",
                              "9x",
                              "................................................................................................"
                              "............................",
                              ""};

static bool is_letter(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Behind a number of at most ten digits; NULL where there is none. */
static const unsigned char *number(const unsigned char *from, const unsigned char *end, size_t *value)
{
    const unsigned char *start = from;
    for (*value = 0; from < end && *from >= '0' && *from <= '9'; from++)
        *value = *value * 10 + (size_t)(*from - '0');
    return from == start || from - start > 10 ? NULL : from;
}

/* Whether the rest of a line behind the id is a head, and what it says; `offset`: of the memory, 0 for bytes that follow. */
static bool is_head(const unsigned char *from, const unsigned char *end, size_t *length, bool *failed, size_t *offset)
{
    *offset = 0;
    *failed = end - from > 6 && !memcmp(from, "error ", 6);
    from += *failed ? 6 : 0;
    if (!*failed && from < end && *from == '@') {
        from = number(from + 1, end, offset);
        if (!from || from == end || *from++ != ' ')
            return false;
        *offset += 1;
    }
    if (!(from = number(from, end, length)))
        return false;
    if (from == end || !*failed || *from != ' ')
        return from == end;
    from++;
    if (from == end || !is_letter(*from) || end - from > 128)
        return false;
    while (from < end && (is_letter(*from) || (*from >= '0' && *from <= '9') || *from == '.' || *from == '_'))
        from++;
    return from == end;
}

/* The event stands in no memory, so an answer can be among the answers only. */
static bool is_place(size_t offset, size_t size)
{
    return offset >= 8388608 && offset < 16777216 && size <= 16777216 - offset;
}

/* The outcome, the answer's bytes and how many, and whether something follows them that is no line break. */
static enum outcome model(const unsigned char **body, size_t *length, bool *followed)
{
    const unsigned char *line = said, *end = said + said_size, *stop;
    bool failed;
    size_t offset; /* and 1 */
    *followed = false;
    for (; line < end && (stop = memchr(line, '\n', (size_t)(end - line))); line = stop + 1) {
        if (stop - line > HEAD || stop - line < 5 || memcmp(line, "id-1 ", 5) != 0)
            continue;
        if (!is_head(line + 5, stop, length, &failed, &offset))
            return BREACH;
        if (*length > ANSWER_LIMIT)
            return TOO_LARGE;
        if (offset) {
            *body = (unsigned char *)memory + offset - 1;
            *followed = stop + 1 < end && stop[1] != '\n';
            return is_place(offset - 1, *length) ? ANSWERED : BREACH;
        }
        *body = stop + 1;
        if ((size_t)(end - *body) < *length)
            return ENDED;
        *followed = *body + *length < end && (*body)[*length] != '\n';
        return failed ? FAILED : ANSWERED;
    }
    return ENDED;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t sizes[] = {0, 1, 13};
    static struct event event = {.id = "id-1"};
    static volatile enum outcome outcome;
    const unsigned char *body = NULL;
    size_t length = 0;
    bool followed;
    if (!memory)
        memory_open();
    said = data;
    said_size = size;
    enum outcome wanted = model(&body, &length, &followed);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct exchange exchange = {.event = &event, .until = NEVER};
        at = 0;
        segment = sizes[i];
        torn_now = false;
        child = (struct child){.pid = 7, .in = IN, .out = OUT};
        persistent_reset();
        memory_end();
        exchange.parts[0] = (struct iovec){(char *)"id-1 2\n{}", 9};
        exchange.to = 1;
        outcome = setjmp(over) ? ABANDONED : persistent(&exchange);
        bool same = outcome == wanted || (outcome == CLOSED && wanted == ENDED) || (outcome == BREACH && followed);
        if (same && (outcome == ANSWERED || outcome == FAILED) && outcome == wanted)
            same = exchange.answer.size == length && (length == 0 || !memcmp(exchange.answer.data, body, length));
        if (!same) {
            fprintf(stderr, "by %zu: outcome %d, the model's is %d\n", sizes[i], (int)outcome, (int)wanted);
            abort();
        }
        release(&exchange.answer);
    }
    return 0;
}
