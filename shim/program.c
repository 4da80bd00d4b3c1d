/* The program as a file: its command line and its environment. */
#include "bootstrap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

// releases of clang-format differ on these lists
// clang-format off
#if defined __x86_64__
#define LOADERS {"ld-linux-x86-64.so.2", "ld-musl-x86_64.so.1"}
#elif defined __aarch64__
#define LOADERS {"ld-linux-aarch64.so.1", "ld-musl-aarch64.so.1"}
#else
#error "Lambda has no such architecture"
#endif
// clang-format on

static char *program;
static char *command[64];
static char **environment; /* without the variables of a single event */
static size_t environment_size;
extern char **environ;

static char *join(const char *one, const char *two, const char *three)
{
    struct buffer text = {0};
    append_text(&text, one);
    append_text(&text, two);
    append(&text, three, strlen(three) + 1);
    return text.data;
}

static bool is_set(const char *name)
{
    const char *value = getenv(name);
    return value && *value;
}

static void set(const char *name, const char *value)
{
    size_t length = strlen(name);
    size_t at = 0;
    while (at < environment_size && !(strncmp(environment[at], name, length) == 0 && environment[at][length] == '='))
        at++;
    environment[at] = join(name, "=", value);
    if (at == environment_size)
        environment_size++;
}

static void unset(const char *name)
{
    size_t length = strlen(name);
    for (size_t at = 0; at < environment_size; at++)
        if (strncmp(environment[at], name, length) == 0 && environment[at][length] == '=')
            environment[at--] = environment[--environment_size];
    environment[environment_size] = NULL;
}

/* Lambda itself sets LANG=en_US.UTF-8, a locale that Amazon Linux 2023 does not have: a Haskell program would fall back
   to ASCII and die at the first other character. Any other name is the user's wish. */
static bool user_names_locale(void)
{
    return is_set("LC_ALL") || is_set("LC_CTYPE") || (is_set("LANG") && strcmp(getenv("LANG"), "en_US.UTF-8") != 0);
}

/* The program is started through the loader of its own C library when the package has one. Its folder must not stand
   in LD_LIBRARY_PATH then: whatever the program starts would get a C library that does not fit the system's loader. */
static void prepare_command(const char *root, const char *lib)
{
    static const char *const loaders[] = LOADERS;
    const char *old = getenv("LD_LIBRARY_PATH");
    char *path = old && *old ? join(lib, ":", old) : strdup(lib);
    program = join(root, "/", program_name);
    for (size_t i = 0; i < sizeof loaders / sizeof *loaders; i++) {
        char *loader = join(lib, "/", loaders[i]);
        if (access(loader, F_OK) == 0) {
            char *through[] = {loader, "--library-path", path, program, NULL};
            memcpy(command, through, sizeof through);
            return;
        }
        free(loader);
    }
    command[0] = program;
    if (access(lib, F_OK) == 0)
        set("LD_LIBRARY_PATH", path);
    free(path);
}

/* Each package that the zip has data files of looks for them where <package>_datadir says; the user's own word stays.
   Without `sets` they are counted alone. */
static size_t point_to_data(const char *root, bool sets)
{
    size_t count = 0;
    char *folder = join(root, "/", SHIM_DATA);
    DIR *listed = opendir(folder);
    for (struct dirent *entry; listed && (entry = readdir(listed));) {
        if (entry->d_name[0] == '.')
            continue;
        count++;
        char *name = join(entry->d_name, "_datadir", ""), *place = join(folder, "/", entry->d_name);
        if (sets && !getenv(name))
            set(name, place);
        free(name);
        free(place);
    }
    if (listed)
        closedir(listed);
    free(folder);
    return count;
}

void program_prepare(void)
{
    static const char *const ways[] = {"per-event", "persistent", "native", "http"};
    const char *root = is_set("LAMBDA_TASK_ROOT") ? getenv("LAMBDA_TASK_ROOT") : "/var/task";
    size_t count = 0;
    while (environ[count])
        count++;
    environment = calloc(count + point_to_data(root, false) + 16, sizeof *environment);
    if (!environment)
        out_of_memory(count * sizeof *environment);
    memcpy(environment, environ, count * sizeof *environment);
    environment_size = count;

    char *lib = join(root, "/", SHIM_LIB);
    char *gconv = join(lib, "/gconv", "");
    prepare_command(root, lib);
    if (!user_names_locale()) {
        set("LANG", "C.UTF-8");
        set("LC_ALL", "C.UTF-8");
    }
    point_to_data(root, true);
    if (access(gconv, F_OK) == 0)
        set("GCONV_PATH", gconv);
    free(lib);
    free(gconv);
    if (SHIM_PROCESS == HTTP)
        unset("AWS_LAMBDA_RUNTIME_API"); /* a server that links a runtime must not fetch events */
    set("LAMBDA_SHIM_PROCESS", ways[SHIM_PROCESS]);
    unset("LAMBDA_SHIM_MEMORY");
    set("LAMBDA_SHIM_RESPONSE", !SHIM_STREAM ? "buffered" : SHIM_CONTENT == PRELUDED ? "prelude" : "stream");
    set("LAMBDA_SHIM_INPUT", SHIM_ENVELOPE ? "envelope" : "event");
    if (chdir(root))
        note("cannot enter %s: %s", root, strerror(errno));
}

/* Where there is memory to share, the program's environment says so. */
void program_tell_of_memory(void)
{
    if (memory_size())
        set("LAMBDA_SHIM_MEMORY", memory_size());
}

/* What stands behind the program in its command line; the texts stay the caller's. */
void program_set_arguments(char *const arguments[])
{
    size_t at = 0;
    while (command[at] && command[at] != program)
        at++;
    for (at++; *arguments && at + 1 < sizeof command / sizeof *command; at++)
        command[at] = *arguments++;
    command[at] = NULL;
}

/* The program's path, for messages. */
const char *program_path(void)
{
    return program;
}

/* Whether the text stands in the program's file. */
bool program_contains(const char *text)
{
    struct stat status;
    bool found = false;
    int file = open(program, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    if (fstat(file, &status) == 0 && status.st_size > 0) {
        void *content = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
        if (content != MAP_FAILED) {
            found = memmem(content, (size_t)status.st_size, text, strlen(text)) != NULL;
            munmap(content, (size_t)status.st_size);
        }
    }
    close(file);
    return found;
}

/* 0, or errno as a start would give it, as far as that can be told without one. */
int program_startable(void)
{
    struct stat status;
    if (stat(program, &status) || access(command[0], X_OK))
        return errno;
    return S_ISREG(status.st_mode) ? 0 : EACCES;
}

/* What exec takes. */
char *const *program_command(void)
{
    return command;
}

char **program_environment(void)
{
    return environment;
}

static bool is_named(const char *variable, char *const variables[])
{
    size_t length = strcspn(variable, "=");
    for (; *variables; variables++)
        if (strncmp(variable, *variables, length) == 0 && (*variables)[length] == '=')
            return true;
    return false;
}

/* The environment with `more` in place of what has the same names, for one event; whoever asks frees the list. */
char **program_environment_with(char *const more[])
{
    size_t extra = 0;
    size_t count = 0;
    while (more[extra])
        extra++;
    char **all = calloc(environment_size + extra + 1, sizeof *all);
    if (!all)
        out_of_memory(environment_size * sizeof *all);
    for (size_t i = 0; i < environment_size; i++)
        if (!is_named(environment[i], more))
            all[count++] = environment[i];
    memcpy(all + count, more, extra * sizeof *all);
    return all;
}
