"""The strict API over HTTP on loopback; `strict()` serves one for as long as a block lasts."""

from __future__ import annotations

import json
import re
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from xml.sax.saxutils import escape

from tests.aws.strict.account import Lambda
from tests.aws.strict.answers import ACCOUNT, TRUST, Refusal
from tests.aws.strict.function import CONTENTS


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Server

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle_any(self) -> None:
        there = self.server.there
        if self.path.startswith("/_code/"):
            self.answer(200, CONTENTS[self.path.rpartition("/")[2].partition("?")[0]])
            return
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        time.sleep(there.latency_s)
        found = re.search(r"/([\w-]+)/aws4_request", self.headers.get("Authorization") or "")
        service = found[1] if found else ""
        form = dict(urllib.parse.parse_qsl(raw.decode())) if service in {"iam", "sts"} else {}
        action = form.get("Action") or (self.headers.get("X-Amz-Target") or "").rpartition(".")[2]
        call = f"{service} {action}" if action else f"{self.command} {self.path}"
        with there.lock:
            there.calls.append(call)
            rule = there.rule(call)
        try:
            if rule and rule.status:
                raise Refusal(rule.status, rule.kind, rule.message)  # noqa: TRY301 - one way out
            time.sleep(rule.before_s if rule else 0)
            with there.lock:
                content = json.dumps(self.served(service, action, form, raw)).encode()
            time.sleep(rule.after_s if rule else 0)
            if service == "s3":
                self.answer(200, json.loads(content).encode(), Content_Type="application/xml")
            elif service in {"iam", "sts"}:
                text = f"<{action}Response><{action}Result>{json.loads(content)}</{action}Result></{action}Response>"
                self.answer(200, text.encode(), Content_Type="text/xml")
            else:
                self.answer(200, b"" if content == b"null" else content, Content_Type="application/json")
        except Refusal as refusal:
            self.refuse(service, refusal)

    def refuse(self, service: str, refusal: Refusal) -> None:
        if service == "s3":
            error = f"<Error><Code>{refusal.kind}</Code><Message>{escape(refusal.message)}</Message></Error>"
            self.answer(refusal.status, error.encode(), Content_Type="application/xml")
        elif service in {"iam", "sts"}:
            error = f"<Error><Code>{refusal.kind}</Code><Message>{escape(refusal.message)}</Message></Error>"
            self.answer(refusal.status, f"<ErrorResponse>{error}</ErrorResponse>".encode(), Content_Type="text/xml")
        else:
            body = {"__type": refusal.kind, "Type": "User", "Message": refusal.message, "message": refusal.message}
            self.answer(refusal.status, json.dumps(body).encode(), x_amzn_ErrorType=refusal.kind)

    def served(self, service: str, action: str, form: dict[str, str], raw: bytes) -> Any:  # noqa: PLR0911
        there = self.server.there
        if service == "sts":
            return f"<Arn>arn:aws:iam::{ACCOUNT}:user/me</Arn><UserId>X</UserId><Account>{ACCOUNT}</Account>"
        if service == "iam":
            return there.iam(action, form)
        if service == "logs":
            return there.logs(action, json.loads(raw))
        if service == "ecr":
            return there.ecr(action, json.loads(raw))
        url = urllib.parse.urlsplit(self.path)
        if service == "events":
            return there.bus(action, json.loads(raw))
        if service == "s3":
            return there.s3(self.command, url.path, url.query, raw)
        if service == "apigateway":
            return there.apigateway(self.command, url.path, json.loads(raw or b"{}"))
        there.counted()
        body = json.loads(raw) if raw[:1] == b"{" else {}
        return there.serve(self.command, url.path, urllib.parse.parse_qs(url.query), body)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = handle_any  # noqa: N815 - http.server's names


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, there: Lambda, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.there = there
        there.port = self.server_address[1]


@contextmanager
def strict(**behaviour: Any) -> Iterator[Lambda]:
    """A strict Lambda for as long as the block lasts; the role `hello` is there and trusts Lambda."""
    there = Lambda(**behaviour)
    there.roles["hello"] = {"trust": TRUST, "policies": {}, "managed": []}
    server = Server(there)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield there
    finally:
        server.shutdown()
        server.server_close()
