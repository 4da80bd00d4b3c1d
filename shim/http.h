/* A web server as the program: what the parts of `process = "http"` know of each other.

     http_json.c     JSON inside an event: one forward scan, no tree
     http_event.c    which front sent an event, and where its fields stand
     http_target.c   path and query, encoded as that front encodes
     http_headers.c  the headers of the request, and the contexts of the event
     http_request.c  the event as the bytes of an HTTP request
     http_link.c     one connection to the server: when it is used again, sending, receiving
     http_response.c its response: head and body
     http_body.c     a body as text or base64
     http_answer.c   the response as the answer that the front expects, or as the prelude of a stream
     http_extension.c  SIGTERM before the end, where lambda.toml asks for it
     http_place.c    where the server listens in fact
     http_failure.c  what went wrong, in sentences
     http_server.c   the server's life: start, readiness, its successor
     http.c          one event, to its one answer

   The rules for each front stand in docs/web-servers.md. */
#ifndef HTTP_H
#define HTTP_H

#include "bootstrap.h"

#ifndef SHIM_PORT
#error "the SHIM_ settings of a web server come from tasks/lib/shim.py"
#endif

enum {
    REUSE_MS = 4000,       /* a connection is used again so long after the last response: a freeze makes older ones a trap */
    CONTEXT_LIMIT = 16384, /* bytes of the context headers; servers take some 50 KB of headers in all */
    RESPONSE_HEAD = 65536, /* bytes of a response's head, at most */
    SHOWN_BODY = 2048      /* bytes of a body in an error message */
};

/* ---- http_json.c ---- */

/* The text of a JSON value inside the event: strings with their quotes. NULL: absent, or null. */
struct json {
    char *at;
    size_t size;
};

char *json_skip_blanks(char *at, const char *end);
bool json_is(const struct json *value, const char *text);
bool json_next(struct json *rest, struct json *name, struct json *value);
bool json_next_item(struct json *rest, struct json *value);
bool json_is_map(const struct json *value);
size_t json_unescape(char *out, const struct json *value);
char *json_text(const struct json *value, size_t *size);
void append_unescaped(struct buffer *out, const struct json *value);

/* ---- http_event.c ---- */

enum front { OTHER, REST, HTTP_API_1, HTTP_API_2, FUNCTION_URL, ALB, ALB_MULTI, LATTICE_1, LATTICE_2 };

struct http_event {
    enum front front;
    struct json method, path, query;    /* strings */
    struct json headers, multi_headers; /* maps */
    struct json queries, multi_queries; /* maps */
    struct json cookies, body, base64;
    struct json context, authorizer, stage, domain; /* requestContext and what stands in it */
    struct json http_path;
};

void http_read_event(struct http_event *out, char *event, size_t size);

/* ---- http_target.c ---- */

bool is_unreserved(unsigned char c);
void append_target(struct buffer *out, const struct http_event *http);

/* ---- http_headers.c ---- */

bool is_one_of(const char *name, size_t size, const char *const names[]);
bool is_token(const char *text, size_t size);
void append_request_headers(struct buffer *out, const struct http_event *http, const struct event *event);
void append_contexts(struct buffer *out, const struct http_event *http, const struct event *event);

/* ---- http_request.c ---- */

struct http_request {
    struct buffer head;
    char *body; /* inside the event, decoded in its place */
    size_t size;
    bool is_head, resendable;
    const char *refused; /* why there is no request: the client is answered 400 */
};

void http_write_request(struct http_request *out, struct http_event *http, struct event *event);
void http_write_other(struct http_request *out, struct event *event);

/* ---- http_response.c ---- */

struct http_head {
    int status;
    struct buffer text; /* its lines */
    bool chunked, sized, last, bodiless;
    uint64_t size;
};

enum link_end { LINK_OPEN, LINK_DONE, LINK_CUT, LINK_RESET, LINK_TIMEOUT, LINK_BAD };

enum link_end link_read_head(struct http_head *head, bool is_head, int64_t until);
enum link_end link_read_body(struct buffer *body, int64_t until);
void link_settle(const struct http_head *head);
bool head_next(const struct http_head *head, size_t *at, struct iovec *name, struct iovec *value);
bool is_header(const struct iovec *name, const char *const names[]);

/* ---- http_link.c ---- */

/* The connection, shared with http_response.c. */
struct wire {
    int fd;
    int64_t used_ms; /* when the last response ended */
    bool fresh;      /* no request has gone over it yet */
    char input[65536];
    size_t from, to;
    struct iovec unsent[2]; /* what is left of the request */
    size_t size, written;   /* of the request */
    bool heard;             /* a byte of the response has come */
    bool dead_early;        /* it was closed before the last byte of the request was written */
    enum { BY_NOTHING, BY_LENGTH, BY_CHUNKS, BY_END } framed;
    uint64_t left; /* of the body, or of the chunk */
    bool in_chunk;
};

extern struct wire wire;

void link_set_address(int port, const char *path);
bool link_try(void);
bool link_is_fresh(void);
bool link_be_connected(int64_t until);
void link_hang_up(void);
void link_send(const struct http_request *request);
bool is_unsent(void);
size_t link_receive(char *into, size_t room, int64_t until, enum link_end *end);
bool link_heard_nothing(void);
bool link_was_dead_early(void);
const char *link_first_bytes(size_t *size);

/* ---- http_body.c ---- */

void http_end_answer(struct buffer *answer, size_t body_from, enum front front, const struct http_head *head);

/* ---- http_answer.c ---- */

size_t http_begin_answer(struct buffer *answer, enum front front, const struct http_head *head);
void http_write_prelude(struct buffer *out, enum front front, const struct http_head *head);
void http_write_refusal(struct buffer *answer, enum front front, const char *why);

/* ---- http_extension.c ---- */

void http_register_extension(void);

/* ---- http_place.c ---- */

void choose_port(void);
int server_port(void);
void append_elsewhere(struct buffer *out);

/* ---- http_failure.c ---- */

void expect_no_end(void);
bool end_is_told(void);
void say_how_it_ended(struct buffer *message);
struct failure failure_before_ready(void);
struct failure failure_not_ready(void);
struct failure failure_to_begin(int error);
struct failure failure_of_large_answer(size_t size);
struct failure failure_of_break(const struct event *event, enum link_end end, bool began, int64_t until);
bool is_error_status(int status);
struct failure failure_of_status(int status, const struct buffer *body, size_t from);

/* ---- http_server.c ---- */

struct failure be_ready(int64_t until);

#endif
