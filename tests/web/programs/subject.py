#!/usr/bin/env python3
"""A web server for the tests of `process = "http"`: tells what it saw, or behaves as badly as the path asks.

usage: main PORT|SOCKET; START=late:SECONDS, exit:CODE or elsewhere:PORT says how it begins
Every connection and request is a line of the file SEEN names, so that what came twice is found out.
"""

import base64
import json
import os
import signal
import socket
import struct
import sys
import threading
import time

SEEN = os.environ.get("SEEN", "/dev/null")
connections = 0
guard = threading.Lock()


def seen(line):
    with guard, open(SEEN, "a") as file:
        file.write(line + "\n")


def reply(connection, status, headers, body, *, length=True, version="1.1"):
    head = f"HTTP/{version} {status}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers)
    head += f"Content-Length: {len(body)}\r\n" * length
    connection.sendall(head.encode("utf-8", "surrogateescape") + b"\r\n" + body)


def chunked(connection, pieces, pause=0.0, end=b"0\r\nX-Trailer: 1\r\n\r\n", status="200 OK", more=""):
    connection.sendall(f"HTTP/1.1 {status}\r\n{more}Transfer-Encoding: chunked\r\n\r\n".encode())
    for piece in pieces:
        connection.sendall(b"%04x;x=1\r\n%b\r\n" % (len(piece), piece))
        time.sleep(pause)
    connection.sendall(end)


def behave(connection, method, target, headers, body):
    """Returns False when the connection is to be closed behind the answer."""
    _, _, what = target.partition("?")[0].rpartition("/do/")
    what, _, value = what.partition("=")
    number = int(value) if value.isdigit() else 0
    if what == "status":
        reply(
            connection,
            f"{number} Word",
            [("Content-Type", "text/plain")],
            b"" if number in (204, 304) else b"said",
            length=number not in (204, 304),
        )
    elif what == "text":
        reply(connection, "200 OK", [("Content-Type", "text/html; charset=utf-8")], 'grüße "\\ \n\x01 €😀'.encode())
    elif what == "heir":
        parent = os.getpid()
        if (heir := os.fork()) > 0:
            while os.getsid(heir) != heir:  # with the group of one that has gone, all in it is killed
                time.sleep(0.001)
            os._exit(0)
        os.setsid()
        while os.path.exists(f"/proc/{parent}") and " Z " not in open(f"/proc/{parent}/stat").read():
            time.sleep(0.005)
        reply(connection, "200 OK", [("Content-Type", "text/plain"), ("Connection", "close")], b"said")
        os._exit(0)
    elif what == "byte":
        reply(connection, "200 OK", [("Content-Type", "text/plain")], b"\x80")
    elif what == "all":
        reply(connection, "200 OK", [("Content-Type", "image/png")], bytes(range(256)))
    elif what == "gzip":
        reply(connection, "200 OK", [("Content-Type", "application/json"), ("Content-Encoding", "gzip")], b"plain")
    elif what == "lines":
        reply(connection, "200 OK", [("Content-Type", "text/plain")], b"\tone line with columns\r\n")
    elif what == "woff":
        reply(connection, "200 OK", [("Content-Type", "font/woff2")], b"text")
    elif what == "cookies":
        cookies = [("Set-Cookie", "a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT"), ("set-cookie", "b=2")]
        reply(connection, "200 OK", [*cookies, ("Vary", "Accept"), ("Vary", "Cookie"), ("X-Word", "größe")], b"")
    elif what == "hop":
        reply(
            connection, "200 OK", [("Connection", "keep-alive"), ("Keep-Alive", "timeout=5"), ("Upgrade", "h2c")], b"x"
        )
    elif what == "chunked":
        chunked(connection, [b"one", b"two" * 100, b"three"])
    elif what == "fade":  # some of a response, then nobody listens, and the end comes later
        chunked(connection, [b"some"], end=b"")
        LISTENERS.pop().shutdown(socket.SHUT_RDWR)
        connection.shutdown(socket.SHUT_RDWR)
        time.sleep(0.4)
        os._exit(7)
    elif what == "slow":
        chunked(connection, [b"one", b"two", b"three"], 0.3)
    elif what == "old":
        connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nto the end")
        return False
    elif what == "interim":
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
        reply(connection, "200 OK", [], b"real")
    elif what == "short":
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345")
        return False
    elif what == "grumble":
        print("out of flour", file=sys.stderr, flush=True)
        time.sleep(0.1)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345")
        return False
    elif what == "nochunk":
        chunked(connection, [b"some"], end=b"")
        return False
    elif what == "size":
        reply(connection, "200 OK", [("Content-Type", "application/octet-stream")], b"\xff" * number)
    elif what == "close":
        reply(connection, "200 OK", [("Connection", "close")], b"closed")
        return False
    elif what == "redirect":
        reply(connection, "302 Found", [("Location", "/there"), ("Set-Cookie", "c=3")], b"")
    elif what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    elif what == "exit":
        print("last words", file=sys.stderr, flush=True)
        os._exit(number)
    elif what == "later":
        reply(connection, "200 OK", [], b"going")
        threading.Timer(0.1, os._exit, [7]).start()
    elif what == "sleep":
        time.sleep(number)
        reply(connection, "200 OK", [], b"late")
    elif what == "noise":
        print("a banner", flush=True)
        sys.stderr.write("e" * 1_000_000 + "\n")
        reply(connection, "200 OK", [], b"said")
    elif what == "garbage":
        connection.sendall(b"\x16\x03\x01 no HTTP\n")
        return False
    elif what in {"alert", "frames"}:  # of TLS; of HTTP/2, which then waits
        connection.sendall(b"\x15\x03\x01\x00\x02\x02F" if what == "alert" else b"\0\0\0\4\0\0\0\0\0")
        while what == "frames" and connection.recv(4096):
            pass
        return False
    elif what == "signed":
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nhi")
    elif what == "signed-chunk":
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n+2\r\nhi\r\n0\r\n\r\n")
    elif what == "hidden":
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nhi")
    elif what == "heads":
        reply(connection, "200 OK", [("X-Long", "x" * 70_000)], b"")
    elif what == "json":
        reply(connection, "200 OK", [("Content-Type", "application/json")], b'{"answer": [1, 2.50]}')
    elif what == "environment":
        reply(connection, "200 OK", [], json.dumps([dict(os.environ), sys.argv]).encode())
    else:
        with guard:
            about = {
                "line": f"{method} {target}",
                "headers": headers,
                "body": base64.b64encode(body).decode(),
                "connections": connections,
            }
        text = json.dumps(about).encode()
        reply(
            connection,
            "200 OK",
            [("Content-Type", "application/json")],
            b"" if method == "HEAD" else text,
            length=method != "HEAD",
        )
        if method == "HEAD":
            return False
    return True


def serve(connection):
    global connections
    with guard:
        connections += 1
    stream = connection.makefile("rb")
    first = True
    while True:
        line = stream.readline()
        if not line:
            break
        method, target, _ = line.decode("latin-1").split(" ", 2)
        headers = []
        while (raw := stream.readline()) not in (b"\r\n", b""):
            name, _, value = raw.decode("latin-1").rstrip("\r\n").partition(":")
            headers.append([name, value.strip()])
        seen(f"{method} {target}")
        if target == "/do/early":
            reply(connection, "413 Too Large", [("Connection", "close")], b"enough")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            time.sleep(0.05)
            break
        if target == "/do/once" and not first:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            break
        first = False
        size = int({name.lower(): value for name, value in headers}.get("content-length", 0))
        body = stream.read(size)
        if not behave(connection, method, target, headers, body):
            break
    stream.close()
    connection.close()


def stopped(*_):
    seen("SIGTERM")
    os._exit(0)


LISTENERS = []


def main():
    signal.signal(signal.SIGTERM, stopped)
    where = sys.argv[1]
    how, _, value = os.environ.get("START", "").partition(":")
    if how == "late":
        time.sleep(float(value))
    elif how == "exit":
        print("cannot go on", file=sys.stderr, flush=True)
        sys.exit(int(value))
    elif how == "elsewhere":
        where = value
    if where.startswith("/"):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(where)
        listener.listen()
    else:
        listener = socket.create_server(("127.0.0.1", int(where)))
    seen("listening")
    LISTENERS.append(listener)
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            time.sleep(60)
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


main()
