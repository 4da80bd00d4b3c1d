/* Where a server is to listen, and where it does: /proc tells which sockets its processes hold, for a message that helps. */
#include "http.h"

#include <dirent.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int port; /* 0: a socket */

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), found = 0;
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, length) == 0 &&
        getsockname(fd, (struct sockaddr *)&address, &length) == 0)
        found = ntohs(address.sin_port);
    if (fd >= 0)
        close(fd);
    return found;
}

void choose_port(void)
{
    port = *SHIM_SOCKET ? 0 : SHIM_PORT ? SHIM_PORT : free_port();
}

int server_port(void)
{
    return port;
}

static bool owns_socket(const char *inode)
{
    char path[300], target[64];
    DIR *processes = opendir("/proc");
    bool found = false;
    for (struct dirent *one; processes && !found && (one = readdir(processes));) {
        pid_t pid = (pid_t)atoi(one->d_name);
        if (pid <= 0 || getpgid(pid) != child.pid)
            continue;
        snprintf(path, sizeof path, "/proc/%d/fd", pid);
        DIR *descriptors = opendir(path);
        for (struct dirent *fd; descriptors && !found && (fd = readdir(descriptors));) {
            snprintf(path, sizeof path, "/proc/%d/fd/%.20s", pid, fd->d_name);
            ssize_t size = readlink(path, target, sizeof target - 1);
            target[size < 0 ? 0 : size] = 0;
            found = strncmp(target, "socket:[", 8) == 0 && strncmp(target + 8, inode, strlen(inode)) == 0 &&
                    target[8 + strlen(inode)] == ']';
        }
        if (descriptors)
            closedir(descriptors);
    }
    if (processes)
        closedir(processes);
    return found;
}

/* A port of this kind of address on which the server's processes listen; 0: none. */
static int listens_in(const char *table)
{
    char line[512], inode[32];
    unsigned number = 0, state;
    int found = 0;
    FILE *file = fopen(table, "re");
    while (file && !found && fgets(line, sizeof line, file))
        if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*d %*d %31s", &number, &state, inode) == 3 &&
            state == 10 && owns_socket(inode))
            found = (int)number;
    if (file)
        fclose(file);
    return found;
}

void append_elsewhere(struct buffer *out)
{
    int elsewhere = listens_in("/proc/net/tcp");
    elsewhere = elsewhere ? elsewhere : listens_in("/proc/net/tcp6");
    if (elsewhere == port && port)
        append_format(out, "; it listens on that port of another address, and 127.0.0.1 is needed");
    else if (elsewhere)
        append_format(out,
                      "; it listens on port %d: let it take the port from PORT or from {port} in `arguments`, or set port = %d",
                      elsewhere, elsewhere);
}
