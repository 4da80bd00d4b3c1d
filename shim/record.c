/* The log in JSON: one record a line, where AWS_LAMBDA_LOG_FORMAT asks for it.

   in   a line of the program, or what we say ourselves
   out  {"timestamp":…,"level":…,"requestId":…,"errorType":…,"message":…}, or nothing where AWS_LAMBDA_LOG_LEVEL is higher

   A line of the program that is a JSON object already goes through as it is, and its own `level` counts; any other is INFO.
   Source: AWS's guide to Lambda, "Configuring JSON and plain text log formats". */
#include "bootstrap.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static const char *const level_names[] = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"};
static char request[ID_LIMIT]; /* whose event is under way; empty between events */

/* Whether the log is to be in JSON. */
bool records_wanted(void)
{
    static int wanted = -1;
    if (wanted < 0) {
        const char *format = getenv("AWS_LAMBDA_LOG_FORMAT");
        wanted = format && !strcasecmp(format, "JSON");
    }
    return wanted;
}

static int level_of(const char *name, size_t size)
{
    for (int i = LEVEL_TRACE; i <= LEVEL_FATAL; i++)
        if (strlen(level_names[i]) == size && !strncasecmp(level_names[i], name, size))
            return i;
    return -1;
}

static bool is_wanted(enum level level)
{
    static int least = -1;
    if (least < 0) {
        const char *name = getenv("AWS_LAMBDA_LOG_LEVEL");
        least = name ? level_of(name, strlen(name)) : -1;
        least = least < 0 ? LEVEL_TRACE : least;
    }
    return (int)level >= least;
}

/* Whose records come from here on; NULL: nobody's. */
void record_request(const char *id)
{
    size_t size = id ? strlen(id) : 0;
    memcpy(request, id ? id : "", size);
    request[size] = 0;
}

static void append_time(struct buffer *out)
{
    struct timespec now;
    struct tm parts;
    char text[32];
    clock_gettime(CLOCK_REALTIME, &now);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", gmtime_r(&now.tv_sec, &parts));
    append_format(out, "%s.%03dZ", text, (int)(now.tv_nsec / 1000000));
}

/* A record of our own, with its line break; `type` is an error's name, or NULL. */
void append_record(struct buffer *out, enum level level, const char *type, const char *message, size_t size)
{
    if (!is_wanted(level))
        return;
    append_text(out, "{\"timestamp\":\"");
    append_time(out);
    append_format(out, "\",\"level\":\"%s\"", level_names[level]);
    if (*request) {
        append_text(out, ",\"requestId\":");
        append_quoted(out, request, strlen(request));
    }
    if (type) {
        append_text(out, ",\"errorType\":");
        append_quoted(out, type, strlen(type));
    }
    append_text(out, ",\"message\":");
    append_quoted(out, message, size);
    append_text(out, "}\n");
}

/* The record of a line that the program wrote; an empty line is none. */
void append_line_record(struct buffer *out, const char *line, size_t size)
{
    while (size > 0 && (line[size - 1] == '\r' || line[size - 1] == ' ' || line[size - 1] == '\t'))
        size--;
    if (size == 0)
        return;
    if (*line != '{' || !is_json(line, size)) {
        append_record(out, LEVEL_INFO, NULL, line, size);
        return;
    }
    size_t length = 0;
    const char *name = json_text_member(line, size, "level", &length);
    int level = name ? level_of(name, length) : LEVEL_INFO;
    if (is_wanted(level < 0 ? LEVEL_INFO : (enum level)level)) {
        append(out, line, size);
        append_text(out, "\n");
    }
}
