/* is_json against a model that is written as the grammar reads, with recursion, in one piece and in several, over every
   border of a block; and append_quoted always gives JSON. */
#include "json.c"
#include "json_text.c"
#include "shim.h"
#include "text.c"

#include <stdlib.h>
#include <string.h>

const char *const seeds[] = {"{\"a\":[1,-2.5e+3,true,null],\"b\":\"\\u00e4\\n\"}",
                             "[]",
                             "{}",
                             "\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\"",
                             "[[[[[[{\"x\":{\"y\":[]}}]]]]]]",
                             " -0.0E-1 ",
                             "[true,false,null,-1,0,10.25,1E9,1e-7]",
                             "{\"a\":\"\\\\\\\"\\u12aF\",\"\":{}}",
                             "{\"k\":[{\"a\":[1,{\"b\":2}],\"c\":3},[[4]],\"d\"]}",
                             "",
                             ""};
const char *const tokens[] = {"{",
                              "}",
                              "[",
                              "]",
                              ",",
                              ":",
                              "\"",
                              "\\",
                              "\\u",
                              "\\ud83d",
                              "0",
                              "-",
                              ".",
                              "e",
                              "true",
                              "null",
                              "\xED\xA0\x80",
                              "\xF4\x90\x80\x80",
                              "\xC0\x80",
                              "\xE0\x9F",
                              "\x1F",
                              "\x7F",
                              "abcdefghijklmnopqrstuvwxyz",
                              " ",
                              "\n",
                              ""};

enum { ROW = 5, BLOCK = 256 /* the largest; in it are borders of 64 */ };
typedef const unsigned char *at_t;
static at_t end;

static at_t space(at_t at)
{
    while (at < end && strchr(" \t\r\n", *at) && *at)
        at++;
    return at;
}

static at_t character(at_t at)
{
    int more = *at < 0x80                   ? 0
               : *at >= 0xC2 && *at <= 0xDF ? 1
               : *at >= 0xE0 && *at <= 0xEF ? 2
               : *at >= 0xF0 && *at <= 0xF4 ? 3
                                            : -1;
    unsigned long point = more > 0 ? *at & (0x3Fu >> more) : *at;
    if (more < 0 || end - at <= more)
        return NULL;
    for (int i = 1; i <= more; i++) {
        if ((at[i] & 0xC0) != 0x80)
            return NULL;
        point = point << 6 | (at[i] & 0x3F);
    }
    if ((more == 2 && point < 0x800) || (more == 3 && point < 0x10000) || point > 0x10FFFF ||
        (point >= 0xD800 && point < 0xE000))
        return NULL;
    return at + more + 1;
}

static at_t string(at_t at)
{
    if (at == end || *at++ != '"')
        return NULL;
    while (at && at < end && *at != '"') {
        if (*at < 0x20)
            return NULL;
        if (*at != '\\') {
            at = character(at);
            continue;
        }
        if (++at == end || !*at || !strchr("\"\\/bfnrtu", *at))
            return NULL;
        if (*at++ != 'u')
            continue;
        for (int i = 0; i < 4; i++)
            if (at == end || !*at || !strchr("0123456789abcdefABCDEF", *at++))
                return NULL;
    }
    return at && at < end ? at + 1 : NULL;
}

static at_t digits(at_t at)
{
    at_t start = at;
    while (at && at < end && *at >= '0' && *at <= '9')
        at++;
    return at == start ? NULL : at;
}

static at_t number(at_t at)
{
    if (at < end && *at == '-')
        at++;
    if (at < end && *at == '0')
        at++;
    else
        at = digits(at);
    if (at && at < end && *at == '.')
        at = digits(at + 1);
    if (at && at < end && (*at == 'e' || *at == 'E')) {
        at++;
        at = digits(at + (at < end && (*at == '+' || *at == '-')));
    }
    return at;
}

static at_t value(at_t at);

static at_t members(at_t at, char closing)
{
    at = space(at);
    if (at < end && *at == closing)
        return at + 1;
    for (;;) {
        if (closing == '}') {
            at = string(space(at));
            at = at ? space(at) : NULL;
            if (!at || at == end || *at++ != ':')
                return NULL;
        }
        at = value(at);
        if (!at || at == end || (*at != ',' && *at != closing))
            return NULL;
        if (*at++ == closing)
            return at;
    }
}

static at_t value(at_t at)
{
    at = space(at);
    if (at == end)
        return NULL;
    at_t behind = *at == '{'                                                            ? members(at + 1, '}')
                  : *at == '['                                                          ? members(at + 1, ']')
                  : *at == '"'                                                          ? string(at)
                  : end - at >= 4 && (!memcmp(at, "true", 4) || !memcmp(at, "null", 4)) ? at + 4
                  : end - at >= 5 && !memcmp(at, "false", 5)                            ? at + 5
                                                                                        : number(at);
    return behind ? space(behind) : NULL;
}

/* A copy of exactly that size, so that the sanitizers see what reads on. */
static char *copy_of(const char *text, size_t size)
{
    char *copy = malloc(size ? size : 1);
    memcpy(copy, text, size);
    return copy;
}

/* By one of the widths of vectors. */
static bool told_by(void (*blocks)(struct json_scan *, const unsigned char *, size_t, bool), const char *text, size_t size)
{
    struct json_scan scan = {0};
    json_feed(&scan, "", 0);
    blocks(&scan, (at_t)text, size, true);
    bool good = !scan.wrong && is_whole(&scan);
    release(&scan.outer);
    return good;
}

static bool told_in_steps(const char *text, size_t size, size_t first, size_t step)
{
    struct json_scan scan = {0};
    for (size_t seen = first; seen < size; seen += step) {
        char *part = copy_of(text, seen);
        json_feed(&scan, part, seen);
        free(part);
    }
    return json_end(&scan, text, size);
}

static void compare(const char *text, size_t size, size_t first)
{
    static const size_t steps[] = {1, 3, 64, 100, 256, 300};
    end = (at_t)text + size;
    const bool wanted = value((at_t)text) == end && size > 0;
    bool same = is_json(text, size) == wanted && told_by(scan_blocks_16, text, size) == wanted;
#ifdef __x86_64__
    if (wide_vectors())
        same = same && told_by(scan_blocks_32, text, size) == wanted;
#endif
    same = same && told_in_steps(text, size, first % BLOCK, steps[first % (sizeof steps / sizeof *steps)]) == wanted;
    if (!same)
        abort();
}

/* The text with `before` blanks, bytes of a string, or brackets in front of it: it lies over every border of a block. */
static void compare_moved(const char *text, size_t size, size_t before)
{
    static const char kinds[] = " x[";
    const size_t room = before + size + before + 8;
    char *moved = malloc(room);
    for (size_t kind = 0; kinds[kind]; kind++) {
        size_t at = 0;
        if (kinds[kind] == 'x')
            moved[at++] = '[', moved[at++] = '"';
        memset(moved + at, kinds[kind], before);
        at += before;
        if (kinds[kind] == 'x')
            moved[at++] = '"', moved[at++] = ',';
        memcpy(moved + at, text, size);
        at += size;
        if (kinds[kind] == 'x')
            moved[at++] = ']';
        if (kinds[kind] == '[')
            memset(moved + at, ']', before), at += before;
        char *exact = copy_of(moved, at);
        compare(exact, at, before * 7 + kind);
        free(exact);
    }
    free(moved);
}

/* Every row of so many tokens, over a border. */
static void compare_rows(char *text, size_t size, int more)
{
    static const char *const each[] = {"[", "]", "{", "}", ",", ":", "\"\"", "1", " "};
    compare(text, size, size);
    for (size_t i = 0; more > 0 && i < sizeof each / sizeof *each; i++) {
        memcpy(text + size, each[i], strlen(each[i]));
        compare_rows(text, size + strlen(each[i]), more - 1);
    }
}

/* A walk in and out of brackets of both kinds, as the data say: from `depth` on, next to nothing but brackets. It is JSON, and
   with one of them changed for another byte mostly none. */
static void compare_walk(const uint8_t *data, size_t size, size_t depth)
{
    struct buffer text = {0}, open = {0};
    bool behind_value = false;
    for (size_t i = 0; i < size + depth; i++) {
        const uint8_t say = i < depth ? (uint8_t)(2 | ((i * 7 / 3) & 1)) : data[i - depth];
        if (say & 2 || open.size < 2) {
            const bool in_object = open.size > 0 && open.data[open.size - 1] == '{';
            if (behind_value)
                append_text(&text, ",");
            if (in_object)
                append_text(&text, say & 4 ? "\"\":" : "\"}[\":");
            append_text(&text, say & 1 ? "{" : "[");
            append_text(&open, say & 1 ? "{" : "[");
            behind_value = false;
        } else {
            append_text(&text, open.data[--open.size] == '{' ? "}" : "]");
            behind_value = true;
        }
    }
    while (open.size > 0)
        append_text(&text, open.data[--open.size] == '{' ? "}" : "]");
    if (text.size > 0) {
        char *exact = copy_of(text.data, text.size);
        compare(exact, text.size, size);
        if (size > 0) {
            exact[(data[0] * 251u + data[size - 1] * 31u + size) % text.size] = "[]{},x"[data[size / 2] % 6];
            compare(exact, text.size, size);
        }
        free(exact);
    }
    release(&text);
    release(&open);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool met;
    static size_t before;
    char *text = copy_of((const char *)data, size);
    size_t length = 0;
    struct buffer quoted = {0};
    for (size_t place = 0; !met && place <= BLOCK; place++) { /* each text that is known at each place, once */
        for (size_t i = 0; *seeds[i]; i++)
            compare_moved(seeds[i], strlen(seeds[i]), place);
        for (size_t i = 0; *tokens[i]; i++)
            compare_moved(tokens[i], strlen(tokens[i]), place);
    }
    if (!met) {
        char row[BLOCK + 2 * ROW];
        memset(row, ' ', sizeof row);
        compare_rows(row, 64 - 2, ROW);
        compare_rows(row, BLOCK - 2, ROW);
    }
    met = true;
    compare(text, size, size);
    compare_walk(data, size, before % (BLOCK + 40));
    compare_moved(text, size, before++ % (2 * BLOCK + 2));
    end = (at_t)text + size;
    const bool wanted = value((at_t)text) == end && size > 0;
    if (wanted && space((at_t)text) < end && *space((at_t)text) == '{')
        json_text_member(text, size, "a", &length);
    append_quoted(&quoted, text, size);
    if (!is_json(quoted.data, quoted.size))
        abort();
    release(&quoted);
    free(text);
    return 0;
}
