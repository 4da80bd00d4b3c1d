"""The zip's way to Lambda: within the request up to some 50 MB, else through S3; its bytes are never all in memory.

in   Package, the bucket of lambda.toml
out  `check_size(package, bucket)`: the size rules, before any call; `within_request`, `through_s3`: the parameters that
     carry the zip, or name it

boto3 would hold a zip four times over (raw, base64, JSON, bytes): 269 MB for 40 MB; wire.py streams it instead.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...base.errors import DeployError
from ...platform.limits import REQUEST_BYTES, UNZIPPED_BYTES, fits_a_request
from ..errors import code, missing
from ..wire import Progress, StreamingBody, pending

if TYPE_CHECKING:
    from .desired import Package


def check_size(package: Package, bucket: str | None) -> None:
    """The size rules of a zip; DeployError with the limit beside the value."""
    if package.image is not None:
        return
    if package.unzipped_bytes > UNZIPPED_BYTES:
        raise DeployError(
            f"{package.zip} unpacks to {package.unzipped_bytes:,} bytes; Lambda allows {UNZIPPED_BYTES:,} "
            "(layers included).",
            'Make it smaller: fewer files under include, or libc = "runtime"; doit report shows what is in it.',
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


@contextmanager
def within_request(package: Package, progress: Progress) -> Iterator[dict[str, Any]]:
    """The parameters of a direct upload; inside the block, requests of prepared clients carry the file."""
    with pending(package.zip, progress) as marker:
        yield {"ZipFile": marker}


def through_s3(client: Any, package: Package, bucket: str, key: str, progress: Progress) -> dict[str, Any]:
    """Put the zip under its own hash unless it is there, and name it."""
    try:
        client.head_object(Bucket=bucket, Key=key)
    except client.exceptions.ClientError as error:
        if not missing(error) and code(error) != "403":  # so S3 answers about a missing key without s3:ListBucket
            raise
        with StreamingBody(package.zip, shown=progress) as carrier:
            client.put_object(Bucket=bucket, Key=key, Body=carrier, ChecksumSHA256=package.code_sha256)
    return {"S3Bucket": bucket, "S3Key": key}


def s3_key(prefix: str, name: str, code_sha256: str) -> str:
    """S3 key made of the zip's SHA-256, so the same zip is uploaded once."""
    return "/".join(part for part in (prefix.strip("/"), name, f"{base64.b64decode(code_sha256).hex()}.zip") if part)


def code_sha256_of(path: Path) -> str:
    """CodeSha256 of a file: base64 of its SHA-256."""
    with path.open("rb") as file:
        return base64.b64encode(hashlib.file_digest(file, "sha256").digest()).decode()
