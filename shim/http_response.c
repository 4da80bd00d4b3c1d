/* A response as it comes over the connection: its head, then its body piece by piece, whichever way the server ends it. */
#include "http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { LINK_STEP = 1 << 20 };

/* More of what the server says, where all that came is read. */
static bool link_fill(int64_t until, enum link_end *end)
{
    wire.from = 0;
    wire.to = link_receive(wire.input, sizeof wire.input, until, end);
    return wire.to > 0;
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
        if (!link_fill(until, end))
            return false;
    }
}

/* Whether what has come may begin a response. A server of TLS or HTTP/2 sends bytes without a line's end, and waits. */
static bool may_be_http(void)
{
    static const char begin[] = "HTTP/1.";
    size_t size = wire.to - wire.from;
    return memcmp(wire.input + wire.from, begin, size < strlen(begin) ? size : strlen(begin)) == 0;
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

/* Whether a header has one of the names; the list ends with NULL. */
bool is_header(const struct iovec *name, const char *const names[])
{
    for (; *names; names++)
        if (is_named_as(name, *names))
            return true;
    return false;
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
        while (colon > line && (colon[-1] == ' ' || colon[-1] == '\t'))
            colon--; /* no blank may stand there, but one that hid the length would let us wait */
        *name = (struct iovec){(void *)line, (size_t)(colon - line)};
        *value = (struct iovec){(void *)from, (size_t)(to - from)};
        return true;
    }
    return false;
}

/* What was wrong, for the message. */
static enum link_end bad_words(const char *words, size_t size)
{
    wire.from = 0;
    wire.to = size < sizeof wire.input ? size : sizeof wire.input;
    memcpy(wire.input, words, wire.to);
    return LINK_BAD;
}

static enum link_end understand(struct http_head *head)
{
    struct iovec name, value;
    for (size_t at = 0; head_next(head, &at, &name, &value);) {
        if (is_named_as(&name, "content-length")) {
            char digits[20] = {0};
            memcpy(digits, value.iov_base, value.iov_len < sizeof digits ? value.iov_len : sizeof digits - 1);
            uint64_t size = strtoull(digits, NULL, 10);
            if (!value.iov_len || strspn(digits, "0123456789") != value.iov_len || (head->sized && size != head->size))
                return bad_words(name.iov_base, (size_t)((char *)value.iov_base + value.iov_len - (char *)name.iov_base));
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
        if (wire.from == wire.to && !link_fill(until, &end))
            goto done;
        if (!may_be_http()) {
            end = LINK_BAD;
            goto done;
        }
        if (!link_read_line(&line, RESPONSE_HEAD, until, &end))
            goto done;
        append(&line, "", 1);
        if (strncmp(line.data, "HTTP/1.", 7) || strlen(line.data) < 12 || line.data[8] != ' ' || atoi(line.data + 9) < 100) {
            end = bad_words(line.data, line.size - 1);
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
        append(&line, "", 1);
        if (!read_chunk_size(line.data, &wire.left))
            end = bad_words(line.data, line.size - 1);
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
