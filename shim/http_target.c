/* Path and query of a request exactly as the front that sent the event encodes them: each byte that must be is encoded,
   and none twice. */
#include "http.h"

#include <string.h>

bool is_unreserved(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c && strchr("-._~", c));
}

/* A path that was decoded: all that a path may hold stays, "%" not. */
static bool stays_in_decoded_path(unsigned char c)
{
    return is_unreserved(c) || (c && strchr("/!$&'()*+,;=:@", c));
}

/* A path or query as it was sent: only what no request line may hold is encoded. */
static bool stays_in_query(unsigned char c)
{
    return c > 0x20 && c < 0x7F && !strchr("\"<>\\^`{|}#", c);
}

static bool stays_in_path(unsigned char c)
{
    return stays_in_query(c) && c != '?';
}

static void append_encoded(struct buffer *out, const char *text, size_t size, bool (*stays)(unsigned char))
{
    static const char digits[] = "0123456789ABCDEF";
    for (const char *end = text + size; text < end;) {
        const char *plain = text;
        while (plain < end && stays((unsigned char)*plain))
            plain++;
        append(out, text, (size_t)(plain - text));
        if ((text = plain) == end)
            break;
        unsigned char c = (unsigned char)*text++;
        char three[] = {'%', digits[c >> 4], digits[c & 15]};
        append(out, three, sizeof three);
    }
}

static void append_encoded_json(struct buffer *out, const struct json *value, bool (*stays)(unsigned char))
{
    struct buffer text = {0};
    append_unescaped(&text, value);
    append_encoded(out, text.data, text.size, stays);
    release(&text);
}

static bool starts_segment(const char *path, size_t size, const char *prefix, size_t length)
{
    return length > 0 && size >= length && memcmp(path, prefix, length) == 0 && (size == length || path[length] == '/');
}

static void cut(struct buffer *path, size_t from, size_t length)
{
    memmove(path->data + from, path->data + from + length, path->size - from - length);
    path->size -= length;
}

/* The stage in front of an HTTP API's path, and the base path of a custom domain, each once and at the end of a segment. */
static void strip_prefixes(struct buffer *out, size_t from, const struct http_event *http)
{
    if (!SHIM_STAGE_KEEP && (http->front == HTTP_API_1 || http->front == HTTP_API_2) && http->stage.at &&
        !json_is(&http->stage, "$default")) {
        struct buffer stage = {0};
        append_text(&stage, "/");
        append_encoded_json(&stage, &http->stage, stays_in_decoded_path);
        if (starts_segment(out->data + from, out->size - from, stage.data, stage.size))
            cut(out, from, stage.size);
        release(&stage);
    }
    if (starts_segment(out->data + from, out->size - from, SHIM_BASE_PATH, strlen(SHIM_BASE_PATH)))
        cut(out, from, strlen(SHIM_BASE_PATH));
}

static void append_path(struct buffer *out, const struct http_event *http)
{
    bool decoded = http->front == HTTP_API_1 || http->front == HTTP_API_2;
    struct buffer path = {0};
    append_unescaped(&path, &http->path);
    size_t size = path.size, from = out->size;
    const char *mark = http->front == LATTICE_1 && size ? memchr(path.data, '?', size) : NULL;
    if (mark)
        size = (size_t)(mark - path.data); /* there the query is in the path */
    if (size == 0 || *path.data != '/')
        append_text(out, "/");
    append_encoded(out, path.data, size, decoded ? stays_in_decoded_path : stays_in_path);
    strip_prefixes(out, from, http);
    if (out->size == from || out->data[from] != '/') {
        struct buffer rest = {0};
        append(&rest, out->data + from, out->size - from);
        out->size = from;
        append_text(out, "/");
        append(out, rest.data, rest.size);
        release(&rest);
    }
    if (mark && mark + 1 < path.data + path.size)
        append_encoded(out, mark, path.size - size, stays_in_query);
    release(&path);
}

static void append_pair(struct buffer *out, char *between, const struct json *name, const struct json *value,
                        bool (*stays)(unsigned char))
{
    append(out, between, 1);
    *between = '&';
    append_encoded_json(out, name, stays);
    append_text(out, "=");
    append_encoded_json(out, value, stays);
}

static void append_query(struct buffer *out, const struct http_event *http)
{
    if (http->front == HTTP_API_2 || http->front == FUNCTION_URL) {
        if (http->query.size > 2) {
            append_text(out, "?");
            append_encoded_json(out, &http->query, stays_in_query);
        }
        return;
    }
    if (http->front == LATTICE_1)
        return;
    bool (*stays)(unsigned char) = http->front == ALB || http->front == ALB_MULTI ? stays_in_query : is_unreserved;
    struct json map = json_is_map(&http->multi_queries) ? http->multi_queries : http->queries, name, value, item;
    char between = '?';
    if (!json_is_map(&map))
        return;
    while (json_next(&map, &name, &value)) {
        if (value.at && *value.at == '[') {
            while (json_next_item(&value, &item))
                append_pair(out, &between, &name, &item, stays);
        } else {
            append_pair(out, &between, &name, &value, stays);
        }
    }
}

/* The target of the request: path, and the query where there is one. */
void append_target(struct buffer *out, const struct http_event *http)
{
    append_path(out, http);
    append_query(out, http);
}
