/* Preloaded into doit and all that it starts: counts the calls to the file system below some folders, and refuses one.

   REFUSE        "how calls errno number": how is `once` or `on` (from there on); calls is `writes` or `all`
   REFUSE_BELOW  the folders and files, with colons between them
   REFUSE_COUNT  a file of eight bytes, the count of all processes
   REFUSE_LOG    where each call is written, `! ` in front of what was refused
*/
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { READS, WRITES };

static char below[4 * PATH_MAX];
static volatile uint64_t *count;
static int log_fd = -1, from_there_on, reads_too, refusal;
static uint64_t chosen;

__attribute__((constructor)) static void begin(void)
{
    const char *told = getenv("REFUSE"), *where = getenv("REFUSE_BELOW"), *counted = getenv("REFUSE_COUNT");
    const char *logged = getenv("REFUSE_LOG");
    char how[8], calls[8];
    unsigned long number;
    if (!told || !where || !counted || !logged || sscanf(told, "%7s %7s %d %lu", how, calls, &refusal, &number) != 4)
        return;
    chosen = number;
    from_there_on = !strcmp(how, "on");
    reads_too = !strcmp(calls, "all");
    snprintf(below, sizeof below, "%s", where);
    int fd = syscall(SYS_openat, AT_FDCWD, counted, O_RDWR | O_CLOEXEC, 0);
    if (fd < 0)
        return;
    void *shared = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    fd = syscall(SYS_openat, AT_FDCWD, logged, O_WRONLY | O_APPEND | O_CLOEXEC, 0);
    log_fd = syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 700); /* out of the way of who numbers descriptors */
    if (fd >= 0)
        syscall(SYS_close, fd);
    if (shared != MAP_FAILED)
        count = shared;
}

static int is_below(const char *path)
{
    for (const char *one = below; *one;) {
        size_t length = strcspn(one, ":");
        if (!strncmp(path, one, length) && (path[length] == '/' || !path[length] || path[length] == ' ' || path[length] == '-'))
            return 1;
        one += length + (one[length] == ':');
    }
    return 0;
}

/* Whether this call is the one; errno is set then. */
static int is_refused(const char *call, int kind, const char *path)
{
    if (!count || (kind == READS && !reads_too) || !is_below(path))
        return 0;
    uint64_t now = __atomic_add_fetch(count, 1, __ATOMIC_SEQ_CST);
    int refuse = chosen && (from_there_on ? now >= chosen : now == chosen);
    char line[PATH_MAX + 128];
    int length = snprintf(line, sizeof line, "%s%lu %s %s\n", refuse ? "! " : "", (unsigned long)now, call, path);
    syscall(SYS_write, log_fd, line, length);
    if (refuse)
        errno = refusal;
    return refuse;
}

static int is_refused_fd(const char *call, int kind, int fd)
{
    if (!count || (kind == READS && !reads_too))
        return 0;
    int before = errno;
    char link[64], path[PATH_MAX + 1];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX);
    errno = before;
    if (length < 0)
        return 0;
    path[length] = 0;
    return is_refused(call, kind, path);
}

static int is_refused_at(const char *call, int kind, int folder, const char *path)
{
    if (!count || !path || (kind == READS && !reads_too))
        return 0;
    if (*path == '/')
        return is_refused(call, kind, path);
    int before = errno;
    char whole[3 * PATH_MAX] = "", link[64];
    if (folder == AT_FDCWD) {
        syscall(SYS_getcwd, whole, PATH_MAX);
    } else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, whole, PATH_MAX);
        if (length >= 0)
            whole[length] = 0;
    }
    errno = before;
    size_t length = strlen(whole);
    snprintf(whole + length, sizeof whole - length, "%s%s", *path ? "/" : "", path);
    return is_refused(call, kind, whole);
}

#define FIND(name)                                                                                                             \
    static __typeof__(&name) real;                                                                                             \
    if (!real)                                                                                                                 \
    real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define AT(result, name, kind, folder, path, types, ...)                                                                       \
    result name types                                                                                                          \
    {                                                                                                                          \
        FIND(name);                                                                                                            \
        return is_refused_at(#name, kind, folder, path) ? (result)-1 : real(__VA_ARGS__);                                      \
    }
#define FD(result, name, kind, fd, types, ...)                                                                                 \
    result name types                                                                                                          \
    {                                                                                                                          \
        FIND(name);                                                                                                            \
        return is_refused_fd(#name, kind, fd) ? (result)-1 : real(__VA_ARGS__);                                                \
    }
#define OPEN(name, folder, types, ...)                                                                                         \
    int name types                                                                                                             \
    {                                                                                                                          \
        FIND(name);                                                                                                            \
        va_list more;                                                                                                          \
        va_start(more, flags);                                                                                                 \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;                                                \
        va_end(more);                                                                                                          \
        int writes = flags & (O_WRONLY | O_RDWR | O_CREAT);                                                                    \
        if (is_refused_at(writes ? "open to write" : "open", writes ? WRITES : READS, folder, path))                           \
            return -1;                                                                                                         \
        return real(__VA_ARGS__, mode);                                                                                        \
    }
#define STREAM(name)                                                                                                           \
    FILE *name(const char *path, const char *mode)                                                                             \
    {                                                                                                                          \
        FIND(name);                                                                                                            \
        return is_refused_at(#name, strpbrk(mode, "wa+") ? WRITES : READS, AT_FDCWD, path) ? NULL : real(path, mode);          \
    }

OPEN(open, AT_FDCWD, (const char *path, int flags, ...), path, flags)
OPEN(open64, AT_FDCWD, (const char *path, int flags, ...), path, flags)
OPEN(openat, folder, (int folder, const char *path, int flags, ...), folder, path, flags)
OPEN(openat64, folder, (int folder, const char *path, int flags, ...), folder, path, flags)
STREAM(fopen)
STREAM(fopen64)

FD(ssize_t, write, WRITES, fd, (int fd, const void *data, size_t size), fd, data, size)
FD(ssize_t, pwrite, WRITES, fd, (int fd, const void *data, size_t size, off_t at), fd, data, size, at)
FD(ssize_t, pwrite64, WRITES, fd, (int fd, const void *data, size_t size, off64_t at), fd, data, size, at)
FD(ssize_t, writev, WRITES, fd, (int fd, const struct iovec *parts, int number), fd, parts, number)
FD(int, fsync, WRITES, fd, (int fd), fd)
FD(int, fdatasync, WRITES, fd, (int fd), fd)
FD(int, ftruncate, WRITES, fd, (int fd, off_t size), fd, size)
FD(int, ftruncate64, WRITES, fd, (int fd, off64_t size), fd, size)
FD(int, fchmod, WRITES, fd, (int fd, mode_t mode), fd, mode)
AT(int, rename, WRITES, AT_FDCWD, to, (const char *from, const char *to), from, to)
AT(int, renameat, WRITES, b, to, (int a, const char *from, int b, const char *to), a, from, b, to)
AT(int, unlink, WRITES, AT_FDCWD, path, (const char *path), path)
AT(int, unlinkat, WRITES, folder, path, (int folder, const char *path, int flags), folder, path, flags)
AT(int, rmdir, WRITES, AT_FDCWD, path, (const char *path), path)
AT(int, mkdir, WRITES, AT_FDCWD, path, (const char *path, mode_t mode), path, mode)
AT(int, mkdirat, WRITES, folder, path, (int folder, const char *path, mode_t mode), folder, path, mode)
AT(int, chmod, WRITES, AT_FDCWD, path, (const char *path, mode_t mode), path, mode)
AT(int, fchmodat, WRITES, folder, path, (int folder, const char *path, mode_t mode, int flags), folder, path, mode, flags)
AT(int, link, WRITES, AT_FDCWD, to, (const char *from, const char *to), from, to)
AT(int, symlink, WRITES, AT_FDCWD, to, (const char *from, const char *to), from, to)
AT(int, utimensat, WRITES, folder, path, (int folder, const char *path, const struct timespec times[2], int flags), folder,
   path, times, flags)

FD(ssize_t, read, READS, fd, (int fd, void *data, size_t size), fd, data, size)
FD(ssize_t, pread, READS, fd, (int fd, void *data, size_t size, off_t at), fd, data, size, at)
FD(ssize_t, pread64, READS, fd, (int fd, void *data, size_t size, off64_t at), fd, data, size, at)
FD(int, fstat, READS, fd, (int fd, struct stat *status), fd, status)
FD(int, fstat64, READS, fd, (int fd, struct stat64 *status), fd, status)
AT(int, stat, READS, AT_FDCWD, path, (const char *path, struct stat *status), path, status)
AT(int, stat64, READS, AT_FDCWD, path, (const char *path, struct stat64 *status), path, status)
AT(int, lstat, READS, AT_FDCWD, path, (const char *path, struct stat *status), path, status)
AT(int, lstat64, READS, AT_FDCWD, path, (const char *path, struct stat64 *status), path, status)
AT(int, fstatat, READS, folder, path, (int folder, const char *path, struct stat *status, int flags), folder, path, status,
   flags)
AT(int, fstatat64, READS, folder, path, (int folder, const char *path, struct stat64 *status, int flags), folder, path, status,
   flags)
AT(int, access, READS, AT_FDCWD, path, (const char *path, int mode), path, mode)
AT(ssize_t, readlink, READS, AT_FDCWD, path, (const char *path, char *text, size_t size), path, text, size)

DIR *opendir(const char *path)
{
    FIND(opendir);
    return is_refused_at("opendir", READS, AT_FDCWD, path) ? NULL : real(path);
}

/* A network's file system says at the end what it could not keep; the descriptor has gone all the same. */
int close(int fd)
{
    FIND(close);
    int flags = count ? syscall(SYS_fcntl, fd, F_GETFL) : 0;
    int refused = flags > 0 && flags & (O_WRONLY | O_RDWR) && is_refused_fd("close", WRITES, fd);
    int done = real(fd);
    if (refused)
        errno = refusal;
    return refused ? -1 : done;
}
