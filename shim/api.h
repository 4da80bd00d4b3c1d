/* How the Runtime API is spoken to: what api_link.c, api_reply.c, api.c and api_stream.c share. */
#ifndef API_H
#define API_H

#include "bootstrap.h"

#define PATH "/2018-06-01/runtime/"
#define ERROR_TYPE "Lambda-Runtime-Function-Error-Type"
#define ERROR_BODY "Lambda-Runtime-Function-Error-Body"

/* ---- api_link.c ---- */

enum { INPUT_ROOM = 65536 + 1024 /* the longest line of a head */ };

/* The connection that is kept. */
struct connection {
    char host[300];
    int fd;          /* -1: there is none */
    char *input;     /* INPUT_ROOM bytes */
    size_t from, to; /* of the input, not taken yet */
    bool failed;     /* it ended in an error */
    bool asked;      /* GET next has gone over it, and its reply has not come */
};

extern struct connection connection;

void api_hang_up(void);
void api_be_connected(void);
bool api_send(struct iovec *parts, int count, int64_t until);
size_t api_receive(char *into, size_t room);

/* ---- api_reply.c ---- */

struct reply {
    int status;
    bool chunked, sized, last; /* last: the server closes behind it */
    bool damaged;              /* its length is none, or it has two */
    size_t size;
};

bool api_read_head(struct reply *reply, struct event *event);
bool api_read_body(const struct reply *reply, struct buffer *body);
void api_settle(const struct reply *reply);

/* ---- api_rest.c ---- */

bool api_leave_rest(const struct reply *reply, struct event *event);

/* ---- api.c ---- */

bool api_asks_ahead(void);
struct iovec api_next_request(void);
void api_append_invocation(struct buffer *head, const struct event *event);
void api_append_failure(struct buffer *out, const struct failure *failure);
void api_append_type(struct buffer *out, const char *type);
void api_log_failure(const struct failure *failure);
void api_reply_is_sent(void);
int api_read_verdict(bool next_is_out);
void api_act_on_status(int status);

#endif
