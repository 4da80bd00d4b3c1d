/* Whatever a program does with the memory that it shares: memory.c gives it the event under way and zeros, takes an answer from
   nowhere else than an answer can be, and neither size nor seals move. Each byte of the input begins a deed, of the bootstrap
   or of the program; a thread of the program changes bytes while they are read as an answer. */
#include "shim.h"

#include <pthread.h>
#include <stdatomic.h>

#include "json_text.c"
#include "json.c"
#include "memory.c"
#include "text.c"

const char *const seeds[] = {"1e\x40\x01p1e\x20\x02wwt", "1c\xff\x03w\x10\x20t\x11\x22pe1c\x7f\x02n",
                             "1e\x90\x01kwtwrt1e\x09\x01x", ""};
const char *const tokens[] = {
    "1", "e", "c", "l", "w", "t", "o", "p", "x", "k", "r", "n", "1e\x80\x01", "1c\x40\x05", "o\xff\xff\xff\x7f", ""};

static const uint8_t *from, *end;
static char *seen_events, *seen_answers; /* by the program */
static bool told;                        /* of an answer in the memory, in this event */
static uint8_t number;                   /* of the event, in each of its bytes */
static struct buffer body;

static size_t any(size_t bytes)
{
    size_t value = 0;
    for (; bytes > 0 && from < end; bytes--)
        value = value << 8 | *from++;
    return value;
}

static void must(bool true_, const char *what)
{
    if (true_)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

static bool is_all(const char *at, size_t size, uint8_t value)
{
    return size == 0 || ((uint8_t)*at == value && !memcmp(at, at + 1, size - 1));
}

/* Nothing else than zeros outside [start, stop): only what holds data is looked at. */
static bool is_zero(int half, off_t start, off_t stop)
{
    const char *all = memory + half * HALF;
    off_t at = 0, hole;
    for (; (at = lseek(files[half], at, SEEK_DATA)) >= 0 && at < HALF; at = hole) {
        hole = lseek(files[half], at, SEEK_HOLE);
        off_t before = start < at ? at : start < hole ? start : hole, behind = stop > at ? (stop < hole ? stop : hole) : at;
        behind = behind > before ? behind : before;
        if (!is_all(all + at, (size_t)(before - at), 0) || !is_all(all + behind, (size_t)(hole - behind), 0))
            return false;
    }
    return true;
}

static void end_event(void)
{
    memory_end();
    if (told)
        must(is_zero(1, 0, 0), "an answer is left behind its event");
    told = false;
    release(&body);
}

static void begin_event(bool sized, const char *behind)
{
    static const char before[] = "{\"event\":";
    static char block[65536];
    size_t size = any(2) * 128 + (any(1) & 3), declared = sized ? size + (any(1) == 7) : 0;
    end_event();
    number = (uint8_t)(number % 255 + 1);
    memset(block, number, sizeof block);
    memory_lend(&body, declared);
    for (size_t left = size, part; left > 0; left -= part)
        append(&body, block, part = left < sizeof block ? left : sizeof block);
    memory_settle(&body);
    if (!memory_takes(&body))
        return;
    append(&body, behind, strlen(behind));
    if (!memory_takes(&body))
        return; /* it grew beyond its place */
    size_t offset = memory_hand_over(&body, before), length = strlen(before) + body.size;
    const char *seen = seen_events + offset;
    must(offset + length <= HALF, "an event beyond the memory");
    must(!memcmp(seen, before, strlen(before)) && !memcmp(seen + strlen(before) + size, behind, strlen(behind)),
         "not its envelope");
    must(is_all(seen + strlen(before), size, number), "not the event");
    must(is_zero(0, (off_t)offset, (off_t)(offset + length)), "bytes of another event");
}

static atomic_bool changing;

static void *change(void *place)
{
    for (unsigned n = 1; atomic_load(&changing); n = n * 1103515245u + 12345u)
        ((volatile char *)place)[n % 4096] = "\"\\{}[]x0\xC3\xA4\n"[n >> 16 & 7];
    return NULL;
}

static void answer(size_t offset, size_t size)
{
    struct buffer found = memory_answer(offset, size), quoted = {0};
    bool of_event = event_end > 0 && offset >= event_start && offset <= event_end && size <= event_end - offset;
    bool in_answers = offset >= HALF && offset <= 2 * (size_t)HALF && size <= 2 * (size_t)HALF - offset;
    must(!found.data || ((of_event || in_answers) && found.data == memory + offset && found.size == size),
         "no place of an answer");
    must(found.data || !(of_event || in_answers) || offset == event_end || offset == 2 * (size_t)HALF, "a place that is one");
    if (!found.data)
        return;
    told = told || in_answers;
    pthread_t thread;
    bool races = in_answers && offset < 2 * (size_t)HALF - 4096 && size > 0 && size < 100000 && any(1) % 4 == 0;
    atomic_store(&changing, races);
    races = races && pthread_create(&thread, NULL, change, seen_answers + (offset - HALF)) == 0;
    is_json(found.data, found.size);
    if (found.size < 100000)
        append_quoted(&quoted, found.data, found.size);
    atomic_store(&changing, false);
    if (races)
        pthread_join(thread, NULL);
    if (races) /* what it wrote behind the answer is told of, too */
        memory_answer(HALF, offset - HALF + 4096);
    release(&quoted);
}

/* The program's own descriptors, as memory_hand_on gives them. */
static void attack(void)
{
    size_t size = any(3);
    must(ftruncate(files[1], (off_t)size) < 0 || size == HALF, "the answers changed their size");
    must(fallocate(files[1], 0, HALF, (off_t)size + 1) < 0, "the answers grew");
    must(fcntl(files[1], F_ADD_SEALS, 1 << any(1) % 5) < 0, "another seal");
    must(ftruncate(reader, (off_t)size) < 0, "the events changed their size");
    must(write(reader, "x", 1) < 0, "the events were written");
    must(fcntl(reader, F_ADD_SEALS, F_SEAL_WRITE) < 0, "the events were sealed");
    must(mmap(NULL, HALF, PROT_WRITE, MAP_SHARED, reader, 0) == MAP_FAILED, "the events can be written");
    must(fallocate(reader, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) < 0, "a hole in the events");
}

static void act(void)
{
    size_t at, size;
    switch (*from++) {
    case 'e': begin_event(true, ""); break;
    case 'c': begin_event(false, ",\"context\":{}}"); break;
    case 'l': end_event(); break;
    case '1': memory_is_ready(); break;
    case 'w': /* an answer, told of or not */
        at = any(2) * 128;
        size = any(2);
        memset(seen_answers + at, 'w', size < HALF - at ? size : HALF - at);
        if (any(1) % 2)
            answer(HALF + at, size);
        break;
    case 't': answer(any(3), any(2)); break;
    case 'o': answer(any(8), any(8)); break;
    case 'p': answer(event_start + any(1), event_end - event_start - any(1)); break;
    case 'x': attack(); break;
    case 'k': /* another program in its place; the event under way is for that one */
        memory_renew();
        told = false;
        must(is_zero(1, 0, 0) && is_zero(0, 0, (off_t)event_end), "the next program sees what was");
        break;
    case 'n': fallocate(files[1], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)any(2) * 128, 8192); break;
    case 'r': /* the bootstrap waits for an event */
        end_event();
        memory_release();
        break;
    default: break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!memory) {
        memory_open();
        must(memory, "there is no memory");
        seen_events = mmap(NULL, HALF, PROT_READ, MAP_SHARED, reader, 0);
        seen_answers = mmap(NULL, HALF, PROT_READ | PROT_WRITE, MAP_SHARED, files[1], 0);
    }
    from = data;
    end = data + (size < 64 ? size : 64);
    while (from < end)
        act();
    end_event();
    memory_renew();
    must(is_zero(0, 0, 0) && is_zero(1, 0, 0), "something is left at the end");
    return 0;
}
