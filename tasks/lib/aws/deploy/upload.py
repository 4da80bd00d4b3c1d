"""The zip's way to Lambda: within the request up to some 50 MB, else through S3; its bytes are never all in memory.

in   Package, the bucket of lambda.toml
out  `checked(package, bucket)`: the size rules, before any call; `code(...)`: the parameters that name or carry the zip

boto3 would hold a zip four times over (raw, base64, JSON, bytes): 269 MB for 40 MB. `Carrier` is a request body that
reads the file and encodes it while it is sent; it takes the place of a marker in the JSON that botocore wrote.
"""

from __future__ import annotations

import base64
import hashlib
import io
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...base.errors import DeployError
from ...platform.limits import REQUEST_BYTES, UNZIPPED_BYTES, fits_a_request
from ..errors import code, missing

if TYPE_CHECKING:
    from .desired import Package

CHUNK = 3 * 16_384  # a multiple of 3, since base64 packs by threes

Progress = Callable[[int, int], None]


@dataclass
class Parcel:
    """A file that waits for its request; every attempt has a carrier of its own."""

    path: Path
    progress: Progress
    carriers: list[Carrier] = field(default_factory=list)


PARCELS: dict[bytes, Parcel] = {}  # by the marker in the request, as base64


def checked(package: Package, bucket: str | None) -> None:
    """The size rules; DeployError with the limit beside the value."""
    if package.unzipped_bytes > UNZIPPED_BYTES:
        raise DeployError(
            f"{package.zip} unpacks to {package.unzipped_bytes:,} bytes; Lambda allows {UNZIPPED_BYTES:,} "
            "(layers included).",
            'Make it smaller: fewer files under include, strip = true, libc = "runtime"; doit check shows the sizes.',
        )
    if bucket is None and not fits(package.zip):
        raise DeployError(
            f"{package.zip} has {package.zip.stat().st_size:,} bytes, too many for a direct upload "
            f"(a request has at most {REQUEST_BYTES:,}, with the zip in base64).",
            'Set s3_bucket = "…" under [deploy] in lambda.toml, a bucket of the same region.',
        )


def fits(path: Path) -> bool:
    """True if a zip can travel within the request."""
    return fits_a_request(path.stat().st_size)


class Carrier(io.RawIOBase):
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
        wanted = len(self) - self._at if size is None or size < 0 else size
        found = bytearray()
        while len(found) < wanted:
            piece = self._piece(wanted - len(found))
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
    """Teach a fresh client to carry files; once, for handlers must not come and go while other threads call."""
    client.meta.events.register("before-call.lambda", _carry)
    client.meta.events.register("before-send", _show)


@contextmanager
def within_request(package: Package, progress: Progress) -> Iterator[dict[str, Any]]:
    """The parameters of a direct upload; inside the block, requests of prepared clients carry the file."""
    marker = secrets.token_bytes(24)
    parcel = Parcel(package.zip, progress)
    PARCELS[base64.b64encode(marker)] = parcel
    try:
        yield {"ZipFile": marker}
    finally:
        del PARCELS[base64.b64encode(marker)]
        for carrier in parcel.carriers:
            carrier.close()


def _carry(params: dict[str, Any], **_rest: Any) -> None:
    """Put a carrier in the place of a body that holds a marker."""
    body = params["body"]
    for written, parcel in list(PARCELS.items()):
        if isinstance(body, bytes) and written in body:
            first, _, last = body.partition(written)
            params["body"] = Carrier(parcel.path, first, last, encoded=True, shown=parcel.progress)
            parcel.carriers.append(params["body"])


def _show(request: Any, **_rest: Any) -> None:
    """Show progress from the moment a carrier is sent: it was read once before, for the signature."""
    if isinstance(request.body, Carrier):
        request.body.progress = request.body.shown


def through_s3(client: Any, package: Package, bucket: str, key: str, progress: Progress) -> dict[str, Any]:
    """Put the zip under its own hash unless it is there, and name it."""
    try:
        client.head_object(Bucket=bucket, Key=key)
    except client.exceptions.ClientError as error:
        if not missing(error) and code(error) != "403":  # so S3 answers about a missing key without s3:ListBucket
            raise
        with Carrier(package.zip, shown=progress) as carrier:
            client.put_object(Bucket=bucket, Key=key, Body=carrier, ChecksumSHA256=package.code_sha256)
    return {"S3Bucket": bucket, "S3Key": key}


def s3_key(prefix: str, name: str, code_sha256: str) -> str:
    """The zip's key: its content names it, so that a second upload is none."""
    return "/".join(part for part in (prefix.strip("/"), name, f"{base64.b64decode(code_sha256).hex()}.zip") if part)


def hashed(path: Path) -> str:
    """CodeSha256 of a file: base64 of its SHA-256."""
    with path.open("rb") as file:
        return base64.b64encode(hashlib.file_digest(file, "sha256").digest()).decode()
