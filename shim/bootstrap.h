/* What the parts of the bootstrap know of each other.

     name.c       the program's name
     text.c       growing buffers
     base64.c     base64
     json_text.c  text as a JSON string
     json.c       is it JSON
     record.c     a line of the log as JSON
     log.c        the program's stderr on its way to ours
     memory.c     memory that a persistent program shares with us
     loop.c       waiting, clocks, signals, the end
     program.c    the program as a file: its command line, its environment
     child.c      the program as a child: start, end, its group
     api_link.c   the connection to the Runtime API (api.h: what these five share)
     api_reply.c  what it replies: HTTP/1.1
     api_rest.c   the rest of a large event, which comes while the program reads
     api.c        events that are asked for, answers that are sent
     api_stream.c answers in pieces
     failure.c    why there is no answer
     envelope.c   the event with its context around it
     exchange.c   one event in, one answer out, both at the same time
     per_event.c  a process an event
     frame.c      is a line the head of an answer
     persistent.c a process for all events: frames
     http.c       the program is a web server (http.h: its parts)
     handle.c     one event: the program that waits for it, exactly one answer
     bootstrap.c  start-up, the loop: the next event

   Each file uses only those above it. Everything runs in one thread, and everything that waits waits in `loop_wait`. */
#ifndef BOOTSTRAP_H
#define BOOTSTRAP_H

#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/* Settings: tasks/lib/shim.py compiles them in. */
#ifndef SHIM_PROCESS
#error "SHIM_PROCESS, SHIM_ENVELOPE, SHIM_PRESTART, SHIM_STREAM, SHIM_ANSWER_BYTES and more come from tasks/lib/shim.py"
#endif
enum process { PER_EVENT, PERSISTENT, NATIVE, HTTP };
enum content { OCTETS, TYPED, PRELUDED }; /* of a stream: bytes; with a type; the program writes the prelude itself */

enum {
    ANSWER_LIMIT = SHIM_ANSWER_BYTES,
    GRACE_MS = 300,    /* we answer this long before Lambda's own deadline */
    CONNECT_MS = 2000, /* the emulator starts us before it listens */
    IDLE_MS = 100,     /* without an event for so long, memory is given back */
    ID_LIMIT = 512,    /* bytes of a request id, with its NUL */
    TYPE_LIMIT = 128,  /* bytes of an error's name */
    NEVER = -1
};

/* ---- name.c ---- */

#define MARK "haskell-on-lambda starts: " /* read by tasks/lib/gate/own.py, so that a zip tells which program it starts */
extern const char mark[];                 /* with the program's name behind it */
#define program_name (mark + sizeof MARK - 1)

/* ---- text.c ---- */

struct buffer {
    char *data;
    size_t size, room;
    bool lent; /* the memory is not the buffer's own: it is never freed, and one that grows beyond it moves out */
};

char *room_for(struct buffer *buffer, size_t more);
void append(struct buffer *buffer, const void *data, size_t size);
void append_text(struct buffer *buffer, const char *text);
void append_format(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void release(struct buffer *buffer);
void release_spares(void);
bool read_chunk_size(const char *line, uint64_t *size);
void on_out_of_memory(void (*act)(size_t));
_Noreturn void out_of_memory(size_t size);

/* ---- base64.c ---- */

size_t base64_size(size_t size);
void encode_base64(char *end, const char *data, size_t size);
ssize_t decode_base64(char *text, size_t size);

/* ---- json_text.c ---- */

void append_quoted(struct buffer *buffer, const char *text, size_t size);
const char *json_text_member(const char *object, size_t size, const char *name, size_t *length);

/* ---- json.c ---- */

/* What goes on from one block of a text into the next: a bit or a few, for the first bytes there. */
enum json_carry {
    FOLLOWERS, /* of a character in UTF-8 */
    BEHIND_E0,
    BEHIND_ED,
    BEHIND_F0,
    BEHIND_F4,
    ESCAPED,
    HEX_DIGITS,
    INSIDE, /* a string */
    BEHIND_SCALAR,
    BEHIND_MINUS,
    BEHIND_ZERO,
    WHOLE, /* digits of a number */
    BEHIND_DOT,
    DECIMALS,
    BEHIND_LETTER, /* of an exponent */
    BEHIND_SIGN,
    EXPONENT,
    TRUES, /* the first letters of words */
    FALSES,
    NULLS,
    SPACE_BEHIND_STRING, /* nothing but blanks since */
    SPACE_BEHIND_SCALAR,
    SPACE_BEHIND_OPEN,
    SPACE_BEHIND_CLOSE,
    AFTER_COLON, /* no bracket, comma or colon since */
    BEFORE_NAME,
    AFTER_EITHER,
    CARRIES
};

/* Zero before the first byte. */
struct json_scan {
    size_t at;          /* of the text, seen so far */
    bool begun, opened; /* opened: an outermost bracket */
    uint64_t wrong;     /* anything but 0: it is no JSON */
    uint64_t carry[CARRIES];
    unsigned queued;                  /* brackets to be compared */
    uint64_t opens, claims;           /* a bit for each, the first lowest: does it open? Does it claim to be in an object? */
    uint64_t last_opens, last_claims; /* of the one before */
    uint64_t around;     /* a bit for each open bracket, the innermost lowest: what it claimed. A one stands before them */
    struct buffer outer; /* the same of those around them, where they are too many */
};

bool is_json(const char *text, size_t size);
void json_feed(struct json_scan *scan, const char *text, size_t size);
bool json_end(struct json_scan *scan, const char *text, size_t size);

/* ---- record.c ---- */

enum level { LEVEL_TRACE, LEVEL_DEBUG, LEVEL_INFO, LEVEL_WARN, LEVEL_ERROR, LEVEL_FATAL };

bool records_wanted(void);
void record_request(const char *id);
void append_record(struct buffer *out, enum level level, const char *type, const char *message, size_t size);
void append_line_record(struct buffer *out, const char *line, size_t size);

/* ---- log.c ---- */

bool log_open(void);
int log_descriptor(void);
void log_forward(void);
void log_forget(void);
void log_tail(struct buffer *out);
void log_line(const char *data, size_t size);
void log_finish(void);
struct pollfd log_interest(void);
void log_progress(const struct pollfd *seen, bool looked);
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void note_list(enum level level, const char *format, va_list values) __attribute__((format(printf, 2, 0)));
void log_failure(const char *type, const char *message, size_t size);
void log_request(const char *id);

/* ---- memory.c ---- */

void memory_open(void);
const char *memory_size(void);
void memory_hand_on(void);
void memory_renew(void);
void memory_is_ready(void);
void memory_lend(struct buffer *body, size_t size);
void memory_settle(const struct buffer *body);
bool memory_takes(const struct buffer *body);
size_t memory_hand_over(const struct buffer *body, const char *before);
struct buffer memory_answer(size_t offset, size_t size);
void memory_end(void);
void memory_release(void);

/* ---- loop.c ---- */

struct loop_acts {
    bool (*reap)(void); /* a child has ended; true when it was the program */
    void (*stop)(void); /* the bootstrap ends: end the program */
};

void loop_open(const struct loop_acts *given);
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
int64_t now_us(void);
int64_t now_ms(void);
bool loop_wait(struct pollfd *watched, nfds_t count, int64_t until);
short loop_wait_one(int descriptor, short events, int64_t until);
void watch_idle(int descriptor, void (*ready)(void));
bool idle_is_silent(void);

/* How quickly one kind of answer comes. */
struct pace {
    int64_t asked_us;
    bool slow; /* the last one was */
};

void answer_is_due(struct pace *pace);
void answer_came(struct pace *pace);
bool answer_is_near(const struct pace *pace);

/* ---- program.c ---- */

void program_prepare(void);
void program_tell_of_memory(void);
void program_set_arguments(char *const arguments[]);
const char *program_path(void);
bool program_contains(const char *text);
int program_startable(void);
char *const *program_command(void);
char **program_environment(void);
char **program_environment_with(char *const more[]);

/* ---- child.c ---- */

struct child {
    pid_t pid;   /* 0: none */
    int in, out; /* our ends of its stdin and stdout; -1 when closed */
    int far_in;  /* persistent: its own end of its stdin, which tells what it has not read */
    bool ended;  /* it is a zombie, and `status` is what waitpid will say */
    int status;
    bool served; /* persistent: it has answered an event */
    bool fluent; /* persistent: it has shown that it knows frames */
};

extern struct child child;

void child_prepare(void);
int child_become(void);
void pin_to_cpu(void);
int child_start(char *const more[]);
void child_close_in(void);
void child_close_out(void);
void child_kill(void);
bool children_reap(void);
void child_stop(void);

/* ---- api_link.c ---- */

void api_open(const char *address);

/* ---- api_rest.c ---- */

struct event {
    char id[ID_LIMIT];
    char *invocation;    /* goes back with the answer, so that the API can tell a late one */
    int64_t deadline_ms; /* since 1970; 0: none was given */
    char *arn, *trace, *client, *identity, *tenant;
    struct buffer body;
    size_t to_come; /* of the body, and not with us yet */
    bool whole;     /* false: the connection broke in the middle of the body, or its length is none */
};

ssize_t api_read_rest(struct event *event);
ssize_t api_splice_rest(struct event *event, int pipe);
struct pollfd api_rest_interest(void);
void api_drop_rest(struct event *event);

/* ---- api.c ---- */

struct failure {
    const char *type; /* (Runtime|Function).[A-Z][a-zA-Z]+, or the name that the program or lambda.toml gives */
    struct buffer message;
    size_t told; /* bytes of the message in front of the end of stderr, which is in the log already; 0: all of it */
};

void api_ask(void);
void api_ask_ahead(void);
bool api_next(struct event *event);
void api_on_reply_sent(void (*work)(void));
void api_answer(const struct event *event, const struct buffer *answer);
void api_fail(const struct event *event, const struct failure *failure);
void api_fail_init(const struct failure *failure);

/* ---- api_stream.c ---- */

bool api_stream(const struct event *event, const char *data, size_t size, int64_t until);
#define PRELUDE_TYPE "application/vnd.awslambda.http-integration-response" /* status and headers come first */
void api_stream_type(const char *type);
void api_stream_end(const struct failure *failure);

/* ---- failure.c ---- */

struct failure failure_to_start(int error);
struct failure failure_at_end(size_t thrown_away, bool unread);
bool exit_is_success(int status);
struct failure failure_at_deadline(const struct event *event);
struct failure failure_of_truncation(void);
struct failure failure_of_silence(void);
struct failure failure_of_size(void);
struct failure failure_from_program(const char *type, const struct buffer *message);
struct failure failure_of(const char *type, const char *what);

/* ---- envelope.c ---- */

void make_line(struct buffer *event);
void fill_empty(struct buffer *event);
void append_context(struct buffer *out, const struct event *event);

/* ---- exchange.c ---- */

enum outcome { GOING_ON, ANSWERED, FAILED, ENDED, TIMED_OUT, CLOSED, TOO_LARGE, BREACH, ABANDONED, TRUNCATED };

struct exchange {
    struct event *event;
    struct iovec parts[4]; /* what goes to its stdin; [from, to) are still to be written */
    int from, to;
    int64_t until; /* on now_ms' clock */
    struct buffer answer;
    size_t fed;                /* persistent: bytes that its stdin took */
    bool begun;                /* persistent: it has read some of them */
    bool truncated;            /* persistent: the event has no end */
    bool unread;               /* persistent: it ended, and read none of them */
    size_t answered;           /* bytes of the answer so far, with those that were streamed */
    struct json_scan scan;     /* of the answer, as it comes */
    bool complete;             /* persistent: the frame was read to its end */
    bool failed;               /* persistent: it is an error, and its bytes are the message */
    char type[TYPE_LIMIT + 1]; /* persistent: the error's name, where the program gives one */
    const char *breach;        /* persistent: how the program broke the frames */
};

bool feed(struct exchange *exchange);
bool is_fed(const struct exchange *exchange);
void see_unread(struct exchange *exchange);
void clear_passage(void);
ssize_t read_out(char *into, size_t size);
enum outcome take(struct exchange *exchange, size_t size);
bool await_program(const struct exchange *exchange);

/* ---- per_event.c ---- */

enum outcome per_event(struct exchange *exchange);

/* ---- frame.c ---- */

enum line { LOG, HEAD_OF_ANSWER, BROKEN_HEAD, MEMORY_READY };

struct frame {
    size_t left;    /* bytes still to come */
    bool in_memory; /* the head told of them by their place, and none come */
    size_t offset;
};

enum line read_frame_head(const char *line, size_t size, struct exchange *exchange, struct frame *frame);

/* ---- persistent.c ---- */

enum outcome persistent(struct exchange *exchange);
void persistent_idle(void);
void persistent_reset(void);

/* ---- http.c, where the program is a web server ---- */

int http_start(void);
void http_replace(bool alone);
void http_handle(struct event *event, int64_t until);

/* ---- handle.c ---- */

int first_start(void);
void prestart(void);
void handle(struct event *event);

#endif
