/* Growing buffers of bytes. */
#include "bootstrap.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST = 256, SPARES = 8, FORMATTED = 128, SMALL = 65536 };

/* The size of a chunk in HTTP, by the line in front of it; false where that is none. */
bool read_chunk_size(const char *line, uint64_t *size)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    line += strspn(line, " \t");
    const size_t length = strspn(line, digits), zeros = strspn(line, "0");
    if (length > 0)
        *size = strtoull(line, NULL, 16); /* it would take a sign and 0x, too */
    return length > 0 && length - zeros <= 16 && strchr("; \t", line[length]);
}

/* Buffers wait here for the next event: fresh pages cost more than the copying of the bytes. */
static struct buffer spares[SPARES];
static void (*last_act)(size_t);

/* `act` gets the size that was asked for when there is no memory for it; it does not return. */
void on_out_of_memory(void (*act)(size_t))
{
    last_act = act;
}

_Noreturn void out_of_memory(size_t size)
{
    if (last_act)
        last_act(size);
    abort();
}

/* The smallest spare with that much room in place of `buffer`, if there is one. A head or a path does not take the room of a
   body, which would need new pages then. */
static bool take_spare(struct buffer *buffer, size_t room)
{
    struct buffer *best = NULL;
    for (struct buffer *spare = spares; spare < spares + SPARES; spare++)
        if (spare->room >= room && (room > SMALL || spare->room <= SMALL) && (!best || spare->room < best->room))
            best = spare;
    if (!best)
        return false;
    if (buffer->size > 0)
        memcpy(best->data, buffer->data, buffer->size);
    if (!buffer->lent)
        free(buffer->data);
    *buffer = (struct buffer){.data = best->data, .size = buffer->size, .room = best->room};
    *best = (struct buffer){0};
    return true;
}

static void grow(struct buffer *buffer, size_t room)
{
    char *data = buffer->lent ? malloc(room) : realloc(buffer->data, room);
    if (!data)
        out_of_memory(room);
    if (buffer->lent)
        memcpy(data, buffer->data, buffer->size);
    *buffer = (struct buffer){.data = data, .size = buffer->size, .room = room};
}

/* Room for `more` bytes behind what is there; buffers double, so that appending stays linear. */
char *room_for(struct buffer *buffer, size_t more)
{
    if (buffer->room - buffer->size < more) {
        size_t room = buffer->room ? buffer->room : FIRST;
        while (room - buffer->size < more)
            room *= 2;
        if (!take_spare(buffer, room))
            grow(buffer, room);
    }
    return buffer->data + buffer->size;
}

void release(struct buffer *buffer)
{
    if (buffer->lent)
        *buffer = (struct buffer){0};
    for (int i = 0; i < SPARES && buffer->data; i++) {
        if (!spares[i].data) {
            spares[i] = (struct buffer){.data = buffer->data, .room = buffer->room};
            *buffer = (struct buffer){0};
        }
    }
    free(buffer->data);
    *buffer = (struct buffer){0};
}

/* Nothing happens for a while: give the memory back. */
void release_spares(void)
{
    for (int i = 0; i < SPARES; i++) {
        free(spares[i].data);
        spares[i] = (struct buffer){0};
    }
}

void append(struct buffer *buffer, const void *data, size_t size)
{
    if (size == 0)
        return;
    memcpy(room_for(buffer, size), data, size);
    buffer->size += size;
}

void append_text(struct buffer *buffer, const char *text)
{
    append(buffer, text, strlen(text));
}

void append_format(struct buffer *buffer, const char *format, ...)
{
    va_list values, again;
    va_start(values, format);
    va_copy(again, values);
    char *end = room_for(buffer, FORMATTED);
    size_t room = buffer->room - buffer->size, size = (size_t)vsnprintf(end, room, format, values);
    if (size >= room)
        vsnprintf(room_for(buffer, size + 1), size + 1, format, again);
    va_end(again);
    va_end(values);
    buffer->size += size;
}
