/* Streamed answers: they go out in chunks as they come, an error behind the first one as trailers. */
#include "api.h"

#include <stdio.h>

static const char *stream_type = "application/octet-stream";
static bool streaming; /* the head of a streamed answer is out, its end is not */

static bool send_chunk(const char *data, size_t size, int64_t until)
{
    char head[32];
    int length = snprintf(head, sizeof head, "%zx\r\n", size);
    struct iovec parts[] = {{head, (size_t)length}, {(void *)data, size}, {(void *)"\r\n", 2}};
    return api_send(parts, 3, until);
}

/* What streamed answers are from now on; `type` stays the caller's. */
void api_stream_type(const char *type)
{
    stream_type = type;
}

/* Where the answer is for an HTTP client: its status and headers, eight NULs, and then the body. */
static const char prelude[] = "{\"statusCode\":200,\"headers\":{\"content-type\":" SHIM_CONTENT_TYPE "}}\0\0\0\0\0\0\0";

/* Send a piece of the answer as it comes; the first one opens the request. False: nobody takes it any more. */
bool api_stream(const struct event *event, const char *data, size_t size, int64_t until)
{
    if (!streaming) {
        struct buffer head = {0};
        append_format(&head,
                      "POST " PATH "invocation/%s/response HTTP/1.1\r\nHost: %s\r\n"
                      "Content-Type: %s\r\n"
                      "Lambda-Runtime-Function-Response-Mode: streaming\r\n",
                      event->id, connection.host, stream_type);
        api_append_invocation(&head, event);
        append_text(&head, "Transfer-Encoding: chunked\r\nTrailer: " ERROR_TYPE ", " ERROR_BODY "\r\n\r\n");
        api_be_connected();
        struct iovec part = {head.data, head.size};
        streaming = api_send(&part, 1, until);
        release(&head);
        if (SHIM_CONTENT == TYPED && SHIM_PROCESS != HTTP)
            streaming = streaming && send_chunk(prelude, sizeof prelude, until);
    }
    streaming = streaming && send_chunk(data, size, until);
    if (!streaming)
        api_hang_up();
    return streaming;
}

static void append_base64(struct buffer *out, const struct buffer *in)
{
    size_t size = base64_size(in->size);
    encode_base64(room_for(out, size) + size, in->data, in->size);
    out->size += size;
}

/* The end of a streamed answer; `failure` (may be NULL) goes out as trailers. */
void api_stream_end(const struct failure *failure)
{
    struct buffer end = {0};
    append_text(&end, "0\r\n");
    if (failure) {
        struct buffer body = {0};
        api_append_failure(&body, failure);
        append_text(&end, ERROR_TYPE ": ");
        api_append_type(&end, failure->type);
        append_text(&end, "\r\n" ERROR_BODY ": ");
        append_base64(&end, &body);
        append_text(&end, "\r\n");
        release(&body);
        api_log_failure(failure);
    }
    append_text(&end, "\r\n");
    struct iovec parts[] = {{end.data, end.size}, api_next_request()};
    streaming = false;
    bool sent = api_send(parts, api_asks_ahead() ? 2 : 1, now_ms() + GRACE_MS);
    api_reply_is_sent();
    if (sent)
        api_act_on_status(api_read_verdict(api_asks_ahead()));
    else
        api_hang_up();
    release(&end);
}
