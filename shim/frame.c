/* Is this line of a persistent program's stdout the head of a frame: `<request id> <length>`, `<request id> error <length>
   <Type>`, or `<request id> @<offset> <length>`? */
#include "bootstrap.h"

#include <string.h>

enum { LENGTH_DIGITS = 10 };

#define READY_LINE "lambda-run takes memory" /* of a program that waits for a frame with a place in the memory */

/* Past a number of at most LENGTH_DIGITS digits, or NULL. */
static const char *skip_length(const char *at, const char *end, size_t *value)
{
    const char *start = at;
    *value = 0;
    for (; at < end && *at >= '0' && *at <= '9'; at++)
        *value = *value * 10 + (size_t)(*at - '0');
    return at > start && at - start <= LENGTH_DIGITS ? at : NULL;
}

/* Past the name of an error: letters, digits and dots, a letter first; or NULL. */
static const char *skip_type(const char *at, const char *end)
{
    const char *start = at;
    for (; at < end; at++) {
        bool letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z');
        if (!letter && (at == start || !((*at >= '0' && *at <= '9') || *at == '.' || *at == '_')))
            return NULL;
    }
    return at > start && at - start <= TYPE_LIMIT ? at : NULL;
}

/* What the line is. One that begins with the id of the request under way and a blank can be nothing but a head. */
enum line read_frame_head(const char *line, size_t size, struct exchange *exchange, struct frame *frame)
{
    static const char error[] = "error ";
    const char *id = exchange ? exchange->event->id : "";
    size_t length = strlen(id);
    frame->in_memory = false;
    if (memory_size() && size == strlen(READY_LINE) && memcmp(line, READY_LINE, size) == 0)
        return MEMORY_READY;
    if (!exchange || size < length + 1 || memcmp(line, id, length) != 0 || line[length] != ' ')
        return LOG;
    const char *at = line + length + 1, *end = line + size;
    exchange->failed = (size_t)(end - at) > strlen(error) && memcmp(at, error, strlen(error)) == 0;
    if (exchange->failed)
        at += strlen(error);
    frame->in_memory = memory_size() && !exchange->failed && at < end && *at == '@';
    if (frame->in_memory && (at = skip_length(at + 1, end, &frame->offset)))
        at = at < end && *at == ' ' ? at + 1 : NULL;
    if (at)
        at = skip_length(at, end, &frame->left);
    if (at && exchange->failed && end - at > 1 && *at == ' ') {
        const char *type = at + 1;
        at = skip_type(type, end);
        if (at)
            memcpy(exchange->type, type, (size_t)(at - type));
    }
    return at == end ? HEAD_OF_ANSWER : BROKEN_HEAD;
}
