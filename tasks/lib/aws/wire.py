"""What goes over the wire: request bodies that stream a file, and answers that a network has mangled.

in   a client fresh from boto3
out  `prepare(client)`: it streams files put by `pending(...)`, and takes no page, cut or foreign answer for AWS's

botocore writes a whole request in memory before it is sent. A marker stands for the file in that request, and
`StreamingBody` takes its place: it reads and encodes the file while it is sent.
"""

from __future__ import annotations

import base64
import io
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from ..base.errors import DeployError
from .errors import CLASSES, FOREIGN
from .reply import readable

ATTEMPTS = 6  # of one call, the first included
CUT_DELAY_S = 0.5
CHUNK = 3 * 16_384  # a multiple of 3, since base64 packs by threes

Progress = Callable[[int, int], None]


@dataclass
class PendingUpload:
    """A file that waits for its request; every attempt has a body of its own."""

    path: Path
    progress: Progress
    bodies: list[StreamingBody] = field(default_factory=list)


_pending: dict[bytes, PendingUpload] = {}  # by the marker in the request, as base64


class StreamingBody(io.RawIOBase):
    """A request body: bytes before, a file (in base64 if `encoded`), bytes after; seekable, since it is read twice."""

    def __init__(
        self,
        path: Path,
        before: bytes = b"",
        after: bytes = b"",
        *,
        encoded: bool = False,
        shown: Progress | None = None,
    ) -> None:
        self._file = path.open("rb")
        self._raw = path.stat().st_size
        self._encoded = encoded
        self._before, self._after = before, after
        self._middle = (self._raw + 2) // 3 * 4 if encoded else self._raw
        self._at = 0
        self.shown = shown
        self.progress: Progress | None = None

    def __len__(self) -> int:
        return len(self._before) + self._middle + len(self._after)

    def __bool__(self) -> bool:
        return True

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def seekable(self) -> bool:
        """Whether it can be read again."""
        return True

    def tell(self) -> int:
        """The place of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self)}[whence]
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to `size` bytes, encoded as they are read."""
        desired = len(self) - self._at if size is None or size < 0 else size
        found = bytearray()
        while len(found) < desired:
            piece = self._piece(desired - len(found))
            if not piece:
                break
            self._at += len(piece)
            found += piece
        if self.progress is not None:
            self.progress(self._at, len(self))
        return bytes(found)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()

    def _piece(self, size: int) -> bytes:
        at, first = self._at, len(self._before)
        if at < first:
            return self._before[at : at + size]
        if at >= first + self._middle:
            rest = at - first - self._middle
            return self._after[rest : rest + size]
        inside = at - first
        if not self._encoded:
            self._file.seek(inside)
            return self._file.read(min(size, CHUNK))
        self._file.seek(inside // 4 * 3)
        text = base64.b64encode(self._file.read(CHUNK))
        return text[inside % 4 : inside % 4 + size]


def prepare(client: Any) -> None:
    """Teach a fresh client to carry files, and to read what a network makes of answers.

    Once, since handlers must not come and go while other threads call.
    """
    readable(client)
    client.meta.events.register("before-call.lambda", _carry)
    client.meta.events.register("before-send", _show)
    client.meta.events.register("before-parse", _readable)
    client.meta.events.register("before-parse", _an_object)
    client.meta.events.register("needs-retry", _cut_short)


@contextmanager
def pending(path: Path, progress: Progress) -> Iterator[bytes]:
    """A marker for a blob parameter; inside the block, requests of prepared clients carry the file in its place."""
    marker = secrets.token_bytes(24)
    upload = PendingUpload(path, progress)
    _pending[base64.b64encode(marker)] = upload
    try:
        yield marker
    finally:
        del _pending[base64.b64encode(marker)]
        for body in upload.bodies:
            body.close()


def _carry(params: dict[str, Any], **_rest: Any) -> None:
    """Put a streaming body in the place of a body that holds a marker."""
    body = params["body"]
    for written, upload in list(_pending.items()):
        if isinstance(body, bytes) and written in body:
            first, _, last = body.partition(written)
            params["body"] = StreamingBody(upload.path, first, last, encoded=True, shown=upload.progress)
            upload.bodies.append(params["body"])


def _show(request: Any, **_rest: Any) -> None:
    """Show progress from the moment a streaming body is sent: it was read once before, for the signature."""
    if isinstance(request.body, StreamingBody):
        request.body.progress = request.body.shown


def _readable(operation_model: Any, response_dict: dict[str, Any], **_rest: Any) -> None:
    """Replace a non-AWS or truncated XML reply by an AWS-style error that botocore can parse."""
    status, body = response_dict["status_code"], response_dict["body"]
    xml = operation_model.service_model.resolved_protocol in {"query", "rest-xml"}
    if not xml or not isinstance(body, bytes) or operation_model.http.get("method") == "HEAD":
        return
    xml_starts = (b"<?xml", b"<Error")
    foreign = status >= HTTPStatus.BAD_REQUEST and body and not body.lstrip().startswith(xml_starts)
    output = operation_model.output_shape
    page = body.lstrip()[:14].lower().startswith((b"<html", b"<!doctype html")) or body.lstrip()[:1] in {b"{", b"["}
    holds_a_file = output is not None and "payload" in output.serialization
    if status == HTTPStatus.OK and page and not holds_a_file:
        raise DeployError(f"The answer is not AWS's own: HTTP {status}, and a page.", CLASSES[FOREIGN][1])
    if foreign or _lacking(response_dict["headers"], body):
        code = "Throttling" if status == HTTPStatus.TOO_MANY_REQUESTS else status
        error = f"<Error><Code>{code}</Code><Message>The answer is not AWS's own.</Message></Error>"
        response_dict |= {"body": f"<ErrorResponse>{error}</ErrorResponse>".encode(), "status_code": max(status, 400)}


def _an_object(operation_model: Any, response_dict: dict[str, Any], **_rest: Any) -> None:
    """Refuse an answer that should be a JSON object and is none: botocore takes a sign-in page for an empty answer."""
    status, body = response_dict["status_code"], response_dict["body"]
    xml = operation_model.service_model.resolved_protocol in {"query", "rest-xml"}
    if xml or not isinstance(body, bytes) or _lacking(response_dict["headers"], body):
        return
    if status >= HTTPStatus.BAD_REQUEST and body.lstrip()[:1] in {b"[", b'"', b"n", b"t", b"f"}:  # JSON, but no error
        response_dict["body"] = json.dumps({"message": body.decode(errors="replace")}).encode()
    shape = operation_model.output_shape
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES or (shape and "payload" in shape.serialization):
        return
    members = shape.members.values() if shape else ()
    awaited = any("location" not in member.serialization for member in members)
    page = body.lstrip().startswith(b"<")  # also where nothing is awaited: it would pass for done
    if page or (awaited and status == HTTPStatus.OK and not body.lstrip().startswith(b"{")):
        raise DeployError(f"The answer is not AWS's: HTTP {status}, and no JSON object.", CLASSES[FOREIGN][1])


def _cut_short(response: Any, operation: Any, attempts: int, **_rest: Any) -> float | None:
    """Ask again when the connection broke within the answer: botocore takes the rest for an empty answer."""
    if response is None or operation.has_streaming_output or operation.http.get("method") == "HEAD":
        return None
    http = response[0]
    if not _lacking(http.headers, http.content):
        return None
    if attempts >= ATTEMPTS:
        from botocore.exceptions import IncompleteReadError

        raise IncompleteReadError(actual_bytes=len(http.content), expected_bytes=http.headers["Content-Length"])
    return CUT_DELAY_S


def _lacking(headers: Any, body: bytes) -> bool:
    """True if an answer ended before its length."""
    length = headers.get("Content-Length")
    return length is not None and "Content-Encoding" not in headers and len(body) < int(length)
