/* Memory that a persistent program shares with us, in place of the pipes: large events in the one half of it, large answers
   in the other.

   Two files without a name, mapped one behind the other. The program has the first as its descriptor 3, to read
   only, and the second as 4. By the line `lambda-run takes memory` on its stdout it says that it waits for an event there
   and needs the last one no more; a frame's head then tells where the bytes stand, `<request id> @<offset> <length>`.

   Nothing of one event stands there in the next: what is left of a longer one, and every answer, is wiped. */
#include "bootstrap.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    HALF = 1 << 23,
    FRONT = 64,       /* before an event, for what stands around it */
    LEAST = 65536,    /* smaller ones go through the pipes, and cost no more there */
    OWN_NUMBERS = 10, /* our descriptors; the program's are 3 and 4 */
    EVENT_NUMBER = 3,
    ANSWER_NUMBER /* the program's */
};

static char *memory; /* NULL: there is none */
static int files[2] = {-1, -1};
static int reader = -1;               /* of the first, the program's */
static bool ready;                    /* the program waits for an event in it */
static size_t event_start, event_end; /* of the one under way, in the first half; 0: there is none */
static size_t dirty[2];               /* of each half, the bytes that may be something else than 0 */

/* A descriptor that the program's own do not meet; the given one is closed. */
static int high_descriptor(int file)
{
    int own = file < 0 ? -1 : fcntl(file, F_DUPFD_CLOEXEC, OWN_NUMBERS);
    close(file);
    return own;
}

static int make_half(const char *name, char *place)
{
    int file = high_descriptor(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    bool made = file >= 0 && ftruncate(file, HALF) == 0 &&
                fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0 &&
                mmap(place, HALF, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0) != MAP_FAILED;
    return made ? file : -1;
}

/* Make it, where the kernel can; without it, all goes through the pipes. */
void memory_open(void)
{
    char path[32], *place = mmap(NULL, 2 * HALF, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (place == MAP_FAILED)
        return;
    files[0] = make_half("events", place);
    files[1] = make_half("answers", place + HALF);
    snprintf(path, sizeof path, "/proc/self/fd/%d", files[0]);
    reader = high_descriptor(open(path, O_RDONLY | O_CLOEXEC));
    if (files[0] >= 0 && files[1] >= 0 && reader >= 0)
        memory = place;
}

/* The size of each half, for the program's environment; NULL where there is none. */
const char *memory_size(void)
{
    static char text[16];
    snprintf(text, sizeof text, "%d", HALF);
    return memory ? text : NULL;
}

/* Between vfork and exec: the program's own descriptors. */
void memory_hand_on(void)
{
    if (memory && (dup2(reader, EVENT_NUMBER) < 0 || dup2(files[1], ANSWER_NUMBER) < 0))
        _exit(127);
}

/* Give the pages from there on back; what is read there next is 0. */
static void drop_pages(int half, size_t from)
{
    size_t page = (from + 4095) / 4096 * 4096;
    if (page > from)
        memset(memory + half * HALF + from, 0, page - from);
    if (page < HALF)
        fallocate(files[half], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)page, HALF - (off_t)page);
    dirty[half] = dirty[half] < from ? dirty[half] : from;
}

/* Another program: it sees the event under way at most, and has not said that it can. */
void memory_renew(void)
{
    ready = false;
    if (!memory)
        return;
    drop_pages(0, event_end);
    drop_pages(1, 0);
}

/* The program has said that it takes the next event there. */
void memory_is_ready(void)
{
    ready = memory != NULL;
}

/* Make it the place of an event, where it is ready and large enough; `size`: 0 where that is not known. */
void memory_lend(struct buffer *body, size_t size)
{
    if (!ready || (size > 0 && size < LEAST) || size > HALF - FRONT)
        return;
    *body = (struct buffer){.data = memory + FRONT, .room = HALF - FRONT, .lent = true};
    event_end = size > 0 ? FRONT + size : HALF;
}

/* The event is whole, in its place or elsewhere. */
void memory_settle(const struct buffer *body)
{
    if (event_end > 0 && !body->lent)
        dirty[0] = HALF;
    event_end = body->lent ? FRONT + body->size : 0;
    dirty[0] = dirty[0] > event_end ? dirty[0] : event_end;
}

/* Whether the event goes through the memory. */
bool memory_takes(const struct buffer *body)
{
    return body->lent && body->size >= LEAST;
}

/* The event, with `before` in front of it, is handed over: where it begins. */
size_t memory_hand_over(const struct buffer *body, const char *before)
{
    size_t front = strlen(before);
    memcpy(body->data - front, before, front);
    memory_settle(body);
    if (dirty[0] > event_end)
        memset(memory + event_end, 0, dirty[0] - event_end);
    dirty[0] = event_end;
    ready = false;
    event_start = FRONT - front;
    return event_start;
}

/* The answer that stands there; without data where that is no place for one. */
struct buffer memory_answer(size_t offset, size_t size)
{
    bool of_event = offset >= event_start && offset < event_end && size <= event_end - offset;
    bool in_answers = offset >= HALF && offset < 2 * HALF && size <= 2 * HALF - offset;
    if (!memory || !(of_event || in_answers))
        return (struct buffer){0};
    if (in_answers)
        dirty[1] = dirty[1] > offset - HALF + size ? dirty[1] : offset - HALF + size;
    return (struct buffer){.data = memory + offset, .size = size, .room = size, .lent = true};
}

/* The event has its answer: no trace of that one is left. */
void memory_end(void)
{
    event_start = event_end = 0;
    if (dirty[1] > 0) {
        size_t written = dirty[1];
        drop_pages(1, written); /* whatever a program wrote behind what it told of */
        memset(memory + HALF, 0, written);
        dirty[1] = 0;
    }
}

/* Nothing happens for a while: give the pages back. */
void memory_release(void)
{
    if (ready && event_end == 0) {
        drop_pages(0, 0);
        drop_pages(1, 0);
    }
}
