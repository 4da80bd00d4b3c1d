/* A program that does what its event asks for, {"do":"..."}, or what the variable DEED asks for before it reads.

   Under LAMBDA_SHIM_PROCESS=persistent it speaks frames; else the event is all of stdin. Compiled by the tests:
   gcc -O1 -o main subject.c */
#define _GNU_SOURCE
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;
static int persistent;
static char id[512];

static void put(const char *data, size_t size)
{
    for (ssize_t done; size > 0; data += done, size -= (size_t)done)
        if ((done = write(1, data, size)) < 0)
            _exit(111);
}

static void frame(const char *whose, const char *data, size_t declared, size_t size)
{
    char head[600];
    if (persistent)
        put(head, (size_t)sprintf(head, "%s %zu\n", whose, declared));
    put(data, size);
}

static void answer(const char *data, size_t size)
{
    frame(id, data, size, size);
}

static void answer_text(const char *text)
{
    answer(text, strlen(text));
}

static int is(const char *deed, const char *name)
{
    return strncmp(deed, name, strlen(name)) == 0 && (deed[strlen(name)] == '"' || deed[strlen(name)] == 0 || deed[strlen(name)] == ' ');
}

static void leave_behind(int own_session)
{
    if (fork() == 0) {
        if (own_session)
            setsid();
        sleep(20);
        _exit(0);
    }
}

static void answer_environment(void)
{
    char *text = calloc(1, 1 << 17), *at = text;
    at += sprintf(at, "{\"\":\"\"");
    for (char **one = environ; *one; one++) {
        char *value = strchr(*one, '=');
        at += sprintf(at, ",\"%.*s\":\"", (int)(value - *one), *one);
        for (value++; *value; value++)
            at += sprintf(at, *value == '"' || *value == '\\' ? "\\%c" : "%c", *value);
        at += sprintf(at, "\"");
    }
    at += sprintf(at, "}");
    answer_text(text);
    free(text);
}

static void answer_descriptors(void)
{
    char text[8192] = "[", *at = text + 1;
    DIR *all = opendir("/proc/self/fd");
    for (struct dirent *one; (one = readdir(all));)
        if (one->d_name[0] != '.' && atoi(one->d_name) != dirfd(all))
            at += sprintf(at, "%s%d", text[1] ? "," : "", atoi(one->d_name));
    closedir(all);
    strcpy(at, "]");
    answer_text(text);
}

static void answer_big(size_t size)
{
    char *text = malloc(size);
    memset(text, 'x', size);
    text[0] = text[size - 1] = '"';
    answer(text, size);
    free(text);
}

static void flood(void)
{
    static char line[1024];
    memset(line, 'e', sizeof line);
    line[sizeof line - 1] = '\n';
    for (int i = 0; i < 10240; i++)
        if (write(2, line, sizeof line) < 0)
            _exit(112);
}

static void act(const char *deed, const char *event, size_t size)
{
    if (is(deed, "exit3")) {
        fputs("about to leave with 3\n", stderr);
        exit(3);
    } else if (is(deed, "partial")) {
        put("half an ans", 11);
        exit(4);
    } else if (is(deed, "segv")) {
        raise(SIGSEGV);
    } else if (is(deed, "sleep")) {
        fputs("sleeping\n", stderr);
        sleep(60);
    } else if (is(deed, "stubborn")) {
        signal(SIGTERM, SIG_IGN);
        sleep(60);
    } else if (is(deed, "flood")) {
        flood();
        answer_text("\"flooded\"");
    } else if (is(deed, "silent")) {
        if (persistent)
            answer("", 0);
    } else if (is(deed, "last")) {
        answer_text("\"last\"");
        close(1);
        sleep(persistent ? 20 : 0);
    } else if (is(deed, "deep")) {
        enum { DEPTH = 100000 };
        char *text = malloc(2 * DEPTH + 1);
        memset(text, '[', DEPTH);
        memset(text + DEPTH, ']', DEPTH);
        text[2 * DEPTH] = 0;
        answer_text(text);
        free(text);
    } else if (is(deed, "close")) {
        close(1);
        sleep(60);
    } else if (is(deed, "daemon")) {
        leave_behind(0);
        answer_text("\"daemon\"");
    } else if (is(deed, "escape")) {
        leave_behind(1);
        answer_text("\"escaped\"");
    } else if (is(deed, "big")) {
        answer_big(strtoul(deed + 4, NULL, 10));
    } else if (is(deed, "binary")) {
        answer("a\0\"\xff\xed\xa0\x80\xe2\x82\n", 10);
    } else if (is(deed, "nothing-json")) {
        answer_text("{\"a\": }");
    } else if (is(deed, "json")) {
        answer_text(" {\"b\": [1.50, -0.1e+2, \"\\ud800\\u0000 \xc3\xbc\"],\n\"a\": null}\n");
    } else if (is(deed, "numbers")) {
        answer_text("[9007199254740993, 0.1, 12345678901234567890, 12345678901.123456789, -0, 1E400]");
    } else if (is(deed, "stray")) {
        if (persistent)
            put("a stray line\n", 13);
        answer_text("\"strayed\"");
        if (persistent)
            put("\nanother\nand a part ", 20);
    } else if (is(deed, "stray-flood")) {
        static char line[1024];
        memset(line, 's', sizeof line);
        line[sizeof line - 1] = '\n';
        for (int i = 0; i < 3072; i++)
            put(line, sizeof line);
        answer_text("\"flooded\"");
    } else if (is(deed, "stale")) {
        frame("00000000-0000-0000-0000-000000000000", "\"not yours\"", 11, 11);
        put("\n", 1);
        answer_text("\"mine\"");
    } else if (is(deed, "frames")) { /* all of them at once, @ for the request's id */
        char text[2048], *at = text;
        for (const char *from = deed + 7; *from && *from != '"'; from++)
            at += *from == '@' ? sprintf(at, "%s", id) : *from == '/' ? sprintf(at, "\n") : sprintf(at, "%c", *from);
        put(text, (size_t)(at - text));
        usleep(100000);
        put("more\n", 5);
    } else if (is(deed, "big-failure")) {
        size_t length = strtoul(deed + 12, NULL, 10);
        char head[600], *text = calloc(length, 1);
        put(head, (size_t)sprintf(head, "%s error %zu\n", id, length));
        put(memset(text, 'x', length), length);
        free(text);
    } else if (is(deed, "long-line")) {
        for (int i = 0; i < 500; i++)
            fputs("0123456789", stderr);
        fputs("\n", stderr);
        exit(3);
    } else if (is(deed, "complaint")) {
        fputs("nothing to say\n", stderr);
        if (persistent)
            answer("", 0);
    } else if (is(deed, "chat")) {
        static const char words[] = "plain \"words\"\n\n{\"n\":{\"level\":\"FATAL\"},\"level\":\"DEBUG\",\"message\":\"low\"}\n"
                                    "{\"level\": \"ERROR\", \"message\": \"high\"}\n{\"level\": no JSON\nunended";
        fputs(words, stderr);
        if (strstr(event, "fail"))
            exit(3);
        if (persistent)
            put("stray words\n", 12);
        answer_text("\"chatted\"");
    } else if (is(deed, "miscount")) {
        frame(id, "\"\xc3\xbc\xc3\xbc\xc3\xbc\"", 5, 8);
    } else if (is(deed, "late-extra")) {
        answer_text("\"first\"");
        usleep(100000);
        put("extra", 5);
    } else if (is(deed, "leave")) {
        answer_text("\"bye\"");
        exit(0);
    } else if (is(deed, "leave-slowly")) {
        answer_text("\"bye\"");
        usleep(5000);
        exit(0);
    } else if (is(deed, "leave-with-a-byte")) {
        char byte;
        answer_text("\"bye\"");
        exit(read(STDIN_FILENO, &byte, 1) == 1 ? 5 : 6);
    } else if (is(deed, "stray-group")) {
        setpgid(0, getppid());
        sleep(60);
    } else if (is(deed, "orphan")) {
        if (fork() == 0) {
            if (fork() == 0)
                usleep(10000);
            _exit(0);
        }
        answer_text("\"orphan\"");
    } else if (is(deed, "failure")) {
        if (persistent)
            put(id, strlen(id)), put(" error 8\n", 9), put("no \"way\"", 8);
        else
            fputs("no \"way\"", stderr), exit(1);
    } else if (is(deed, "ignored")) {
        char text[400] = "[0";
        for (int number = 1; number < 65; number++) {
            struct sigaction action;
            if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
                sprintf(text + strlen(text), ",%d", number);
        }
        answer_text(strcat(text, "]"));
    } else if (is(deed, "environment")) {
        answer_environment();
    } else if (is(deed, "descriptors")) {
        answer_descriptors();
    } else if (is(deed, "drip") || is(deed, "drip-slow")) {
        for (int i = 0; i < 5; i++) {
            usleep(is(deed, "drip") ? 100000 : 600000);
            if (i == 0)
                frame(id, "drip ", 25, 5);
            else
                put("drip ", 5);
        }
    } else if (is(deed, "drip-fail")) {
        frame(id, "first", 25, 5);
        usleep(50000);
        fputs("out of water\n", stderr);
        exit(5);
    } else {
        answer(event, size);
    }
}

static const char *deed_of(const char *event)
{
    const char *deed = strstr(event, "\"do\":");
    return deed ? deed + 5 + strspn(deed + 5, " \"") : "echo";
}

static void per_event(void)
{
    size_t size = 0, room = 1 << 16;
    char *event = malloc(room + 1);
    for (ssize_t got; (got = read(0, event + size, room - size)) > 0;) {
        size += (size_t)got;
        if (size == room)
            event = realloc(event, (room *= 2) + 1);
    }
    event[size] = 0;
    act(deed_of(event), event, size);
    free(event);
}

static void serve(void)
{
    static size_t length;
    static int served;
    while (scanf("%511s %zu", id, &length) == 2 && getchar() == '\n') {
        char *event = malloc(length + 1);
        if (fread(event, 1, length, stdin) != length)
            exit(113);
        event[length] = 0;
        if (is(deed_of(event), "count")) {
            char text[32];
            sprintf(text, "%d", served);
            answer_text(text);
        } else {
            act(deed_of(event), event, length);
        }
        served++;
        free(event);
    }
}

static void say_last_words(int number)
{
    const char *words = getenv("LAST_WORDS");
    _exit(write(2, words, strlen(words)) < 0 || number == 0);
}

int main(void)
{
    const char *way = getenv("LAMBDA_SHIM_PROCESS"), *deed = getenv("DEED");
    if (getenv("LAST_WORDS"))
        signal(SIGTERM, say_last_words);
    persistent = way && strcmp(way, "persistent") == 0;
    if (deed && is(deed, "ignore")) {
        put("\"never read\"", 12);
        return 0;
    }
    if (deed && is(deed, "early")) {
        static char spaces[300000];
        memset(spaces, ' ', sizeof spaces);
        put(spaces, sizeof spaces);
    }
    if (deed && is(deed, "half")) {
        char some[10];
        if (read(0, some, sizeof some) != sizeof some)
            return 114;
        put("\"half\"", 6);
        return 0;
    }
    if (deed && is(deed, "crash"))
        return fputs("cannot begin\n", stderr), 9;
    if (deed && is(deed, "deaf"))
        sleep(60);
    if (persistent)
        serve();
    else
        per_event();
    return 0;
}
