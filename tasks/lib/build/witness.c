/* What a compiler, and code that it runs, opens outside of its sources, and which variables it asks for.

   in   WITNESS, the file to tell it to; preloaded (LD_PRELOAD) into whatever a build runs
   out  lines at the end of that file: `f PATH` for a file or a folder that was opened to be read, or was not there;
        `v NAME` for a variable

   GHC notes what a module's code tells it (addDependentFile), and nothing of what that code does besides
   (runIO (readFile …), lookupEnv); of a Setup program nobody knows anything. These functions do what the C library's
   do, by the kernel's own call, so nothing of that library but `syscall`, `fdopen` and `fdopendir` is needed, in no version:
   the same file serves every C library whose programs may be met. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

extern char **environ;

enum { LONGEST = 4096, SEEN = 4096 };

/* Programs whose reading is known otherwise (headers by the C compiler itself), or that read the package database */
static const char *const quiet[] = {"cc1", "cc1plus", "lto1", "as",      "collect2", "cabal", "stack", "unshare", "mount",
                                    "ld",  "strip",   "ar",   "ghc-pkg", "clang",    "lld",   "mold",  NULL};
/* What lies in the package database, and what was compiled */
static const char *const known[] = {".hi", ".dyn_hi", ".p_hi", ".o", ".dyn_o", ".a", ".conf", ".cache", NULL};

static bool ends_with(const char *text, size_t length, const char *end)
{
    size_t part = strlen(end);
    return length >= part && !memcmp(text + length - part, end, part);
}

static bool is_quiet(void)
{
    static int answer; /* 0: not asked yet */
    if (answer)
        return answer == 1;
    char path[LONGEST];
    long length = syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", path, sizeof path - 1);
    path[length > 0 ? length : 0] = 0;
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    bool found = length <= 0 || strstr(name, "gcc") || strstr(name, "g++") || strstr(name, "-ld") || !strncmp(name, "ld.", 3);
    for (const char *const *each = quiet; *each && !found; each++) {
        size_t part = strlen(*each), whole = strlen(name); /* x86_64-linux-gnu-strip is strip */
        found = ends_with(name, whole, *each) && (whole == part || name[whole - part - 1] == '-');
    }
    answer = found ? 1 : 2;
    return found;
}

/* Once each, as far as this small table remembers */
static bool is_new(char kind, const char *text)
{
    static unsigned long long seen[SEEN];
    unsigned long long sum = 14695981039346656037ULL ^ (unsigned char)kind; /* FNV-1a */
    for (const char *at = text; *at; at++)
        sum = (sum ^ (unsigned char)*at) * 1099511628211ULL;
    unsigned long long *place = &seen[sum % SEEN];
    if (*place == sum)
        return false;
    *place = sum;
    return true;
}

static char *variable(const char *name)
{
    size_t length = strlen(name);
    for (char **each = environ; length && each && *each; each++)
        if (!strncmp(*each, name, length) && (*each)[length] == '=')
            return *each + length + 1;
    return NULL;
}

static void tell(char kind, const char *text)
{
    size_t length = strlen(text);
    const char *file = variable("WITNESS");
    if (!file || !length || length > LONGEST - 4 || strchr(text, '\n') || is_quiet() || !is_new(kind, text))
        return;
    char line[LONGEST] = {kind, ' '};
    memcpy(line + 2, text, length);
    line[length + 2] = '\n';
    int before = errno; /* getenv leaves it alone, and so does this */
    long to = syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (to >= 0) {
        syscall(SYS_write, to, line, length + 3);
        syscall(SYS_close, to);
    }
    errno = before;
}

static void tell_file(const char *path, int flags)
{
    if (path[0] != '/' || (flags & O_ACCMODE) != O_RDONLY || !strncmp(path, "/proc/", 6) || !strncmp(path, "/sys/", 5) ||
        !strncmp(path, "/dev/", 5))
        return;
    size_t length = strlen(path);
    for (const char *const *each = known; *each; each++)
        if (ends_with(path, length, *each))
            return;
    if (strstr(path, ".so.") || ends_with(path, length, ".so"))
        return;
    tell('f', path);
}

static int opened(int folder, const char *path, int flags, unsigned mode)
{
    tell_file(path, flags);
    return (int)syscall(SYS_openat, folder, path, flags, mode);
}

#define MODE(last)                                                                                                             \
    unsigned mode = 0;                                                                                                         \
    if (flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) {                                                                      \
        va_list more;                                                                                                          \
        va_start(more, last);                                                                                                  \
        mode = va_arg(more, unsigned);                                                                                         \
        va_end(more);                                                                                                          \
    }

int open(const char *path, int flags, ...)
{
    MODE(flags)
    return opened(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    MODE(flags)
    return opened(AT_FDCWD, path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...)
{
    MODE(flags)
    return opened(folder, path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...)
{
    MODE(flags)
    return opened(folder, path, flags, mode);
}

/* As the C library opens a stream (POSIX, fopen; x and e of C11 and glibc): what else is in the mode, fdopen knows */
static FILE *stream(const char *path, const char *mode)
{
    int flags = mode[0] == 'r' ? 0 : mode[0] == 'w' ? O_CREAT | O_TRUNC : O_CREAT | O_APPEND;
    int access = mode[0] == 'r' ? O_RDONLY : O_WRONLY;
    if (!strchr("rwa", mode[0]) || !mode[0]) {
        errno = EINVAL;
        return NULL;
    }
    for (const char *at = mode + 1; *at && *at != ','; at++) {
        if (*at == '+')
            access = O_RDWR;
        flags |= *at == 'x' ? O_EXCL : *at == 'e' ? O_CLOEXEC : 0;
    }
    int file = opened(AT_FDCWD, path, flags | access, 0666);
    FILE *made = file < 0 ? NULL : fdopen(file, mode);
    if (file >= 0 && !made)
        syscall(SYS_close, file);
    return made;
}

FILE *fopen(const char *path, const char *mode)
{
    return stream(path, mode);
}

FILE *fopen64(const char *path, const char *mode)
{
    return stream(path, mode);
}

DIR *opendir(const char *path)
{
    int folder = opened(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC, 0);
    return folder < 0 ? NULL : fdopendir(folder);
}

char *getenv(const char *name)
{
    tell('v', name);
    return variable(name);
}
