/* `shutdown = true`: an internal extension, registered for no event. Its mere registration makes Lambda send SIGTERM half a
   second before the end, where a runtime alone is killed without a word; the bootstrap passes that on to the server.

   The request for the next event of the extension stays open for as long as we live: Lambda takes it for readiness. */
#include "api.h"
#include "http.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define EXTENSION "/2020-01-01/extension/"
enum { EXTENSION_REPLY_S = 2 };

static int connect_to_api(void)
{
    for (const struct addrinfo *address = addresses; address; address = address->ai_next) {
        int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct timeval limit = {.tv_sec = EXTENSION_REPLY_S};
        if (fd >= 0 && connect(fd, address->ai_addr, address->ai_addrlen) == 0) {
            setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
            return fd;
        }
        if (fd >= 0)
            close(fd);
    }
    return -1;
}

/* The identifier in the reply to a registration; false when there is none. */
static bool read_identifier(int fd, char *out, size_t room)
{
    static const char name[] = "\nlambda-extension-identifier:";
    char reply[4096];
    size_t size = 0;
    for (ssize_t got; size + 1 < sizeof reply && (got = recv(fd, reply + size, sizeof reply - 1 - size, 0)) > 0;) {
        size += (size_t)got;
        reply[size] = 0;
        if (strstr(reply, "\r\n\r\n"))
            break;
    }
    reply[size] = 0;
    const char *found = strcasestr(reply, name);
    if (strncmp(reply, "HTTP/1.1 200", 12) != 0 || !found)
        return false;
    found += strlen(name);
    found += strspn(found, " \t");
    size_t length = strcspn(found, "\r\n");
    if (length == 0 || length >= room)
        return false;
    memcpy(out, found, length);
    out[length] = 0;
    return true;
}

/* Register, and leave the request for the next event open; a refusal costs the SIGTERM alone, and is noted. */
void http_register_extension(void)
{
    static const char body[] = "{\"events\":[]}";
    char text[1024], identifier[256];
    int fd = connect_to_api();
    int size = snprintf(text, sizeof text,
                        "POST " EXTENSION "register HTTP/1.1\r\nHost: %s\r\nLambda-Extension-Name: bootstrap\r\n"
                        "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                        connection.host, strlen(body), body);
    bool good =
        fd >= 0 && send(fd, text, (size_t)size, MSG_NOSIGNAL) == size && read_identifier(fd, identifier, sizeof identifier);
    if (fd >= 0)
        close(fd); /* the reply's body is of no use, and the next request begins on a clean line */
    fd = good ? connect_to_api() : -1;
    if (fd >= 0) {
        size = snprintf(text, sizeof text,
                        "GET " EXTENSION "event/next HTTP/1.1\r\nHost: %s\r\nLambda-Extension-Identifier: %s\r\n\r\n",
                        connection.host, identifier);
        good = send(fd, text, (size_t)size, MSG_NOSIGNAL) == size; /* and the descriptor stays open */
    }
    if (!good || fd < 0)
        note("no extension could be registered: the server will get no SIGTERM before the end");
}
