"""The zip's way to AWS: the size rules, the streamed request, S3, progress, memory."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.lib.aws import wire
from tasks.lib.aws.deploy import upload
from tasks.lib.aws.deploy.desired import Package
from tasks.lib.base.errors import DeployError
from tests.aws.support import REGION, packed

MB = 1024 * 1024
SEND = """
import resource, sys
from pathlib import Path
import boto3
from tasks.lib.aws import wire
from tasks.lib.aws.deploy import upload
from tasks.lib.aws.deploy.desired import Package
path = Path(sys.argv[1])
client = boto3.client("lambda", region_name="eu-central-1")
try:
    client.get_function(FunctionName="hello")  # warm: connection, endpoint rules
except client.exceptions.ClientError:
    pass
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
wire.prepare(client)
with upload.within_request(Package(path, "", "", 1), lambda *_: None) as parameters:
    client.update_function_code(FunctionName="hello", **parameters)
print(before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


class Sink(BaseHTTPRequestHandler):
    """Takes any request, hashes the zip in it, holds nothing."""

    protocol_version = "HTTP/1.1"
    lengths: list[int]

    def log_message(self, *_arguments: object) -> None:
        pass

    def do_PUT(self) -> None:
        left = int(self.headers["Content-Length"])
        while left:
            left -= len(self.rfile.read(min(left, MB)))
        self.reply(200)

    def do_GET(self) -> None:
        self.reply(404)

    def reply(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")


@pytest.fixture
def sink() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def package(path: Path, unzipped_bytes: int = 1000) -> Package:
    return Package(path, upload.code_sha256_of(path), "digest", unzipped_bytes)


def test_a_direct_upload_of_40_mb_needs_no_10_mb_of_memory(sink: str, tmp_path: Path) -> None:
    path = tmp_path / "big.zip"
    path.write_bytes(os.urandom(MB) * 40)
    environment = {**os.environ, "AWS_ENDPOINT_URL": sink, "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
    said = subprocess.run(
        [sys.executable, "-c", SEND, path], env=environment | {"PYTHONPATH": "."}, capture_output=True, check=True
    )
    before, after = map(int, said.stdout.split())
    assert after - before < 10 * 1024, f"{(after - before) / 1024:.0f} MB"


@given(st.binary(max_size=200_000), st.binary(max_size=20), st.lists(st.integers(1, 70_000), min_size=1), st.booleans())
def test_a_carrier_reads_as_the_whole_would(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, edge: bytes, sizes: list[int], encoded: object
) -> None:
    path = tmp_path_factory.mktemp("carrier") / "zip"
    path.write_bytes(content)
    whole = edge + (base64.b64encode(content) if encoded else content) + edge[::-1]
    with wire.StreamingBody(path, edge, edge[::-1], encoded=bool(encoded)) as carrier:
        assert len(carrier) == len(whole)
        place = 0
        for size in sizes:
            assert carrier.tell() == place
            assert carrier.read(size) == whole[place : place + size]
            place = min(place + size, len(whole))
        carrier.seek(0)
        assert carrier.read() == whole
        assert carrier.seek(0, io.SEEK_END) == len(whole)


def test_what_arrives_is_the_zip(sink: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []

    def keep(self: Sink) -> None:
        sent.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.reply(200)

    monkeypatch.setattr(Sink, "do_PUT", keep)
    one = packed(tmp_path, "one")
    client = boto3.client("lambda", REGION, endpoint_url=sink, aws_access_key_id="k", aws_secret_access_key="s")
    seen: list[tuple[int, int]] = []
    wire.prepare(client)
    with upload.within_request(one, lambda done, total: seen.append((done, total))) as parameters:
        client.update_function_code(FunctionName="hello", **parameters)
    assert base64.b64decode(json.loads(sent[0])["ZipFile"]) == one.zip.read_bytes()
    assert seen[-1] == (len(sent[0]), len(sent[0]))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_250_mib_unzipped_is_the_first_rule(tmp_path: Path) -> None:
    one = packed(tmp_path, "one")
    fat = Package(one.zip, one.code_sha256, one.digest, 262_144_001)
    with pytest.raises(DeployError, match="262,144,001") as caught:
        upload.check_size(fat, "bucket")
    assert "262,144,000" in caught.value.message


@pytest.mark.parametrize(("size", "fits"), [(52_400_000, True), (52_428_800, False)])
def test_a_zip_that_is_too_large_for_a_request_needs_a_bucket(tmp_path: Path, size: int, *, fits: bool) -> None:
    path = tmp_path / "big.zip"
    with path.open("wb") as file:
        file.truncate(size)
    assert upload.fits(path) is fits
    big = Package(path, "", "", 1)
    upload.check_size(big, "bucket")
    if not fits:
        with pytest.raises(DeployError, match="52,428,800 bytes") as caught:
            upload.check_size(big, None)
        assert "s3_bucket" in caught.value.hint


def test_the_key_on_s3_is_the_content(tmp_path: Path) -> None:
    one = packed(tmp_path, "one")
    digest = hashlib.sha256(one.zip.read_bytes()).hexdigest()
    assert upload.s3_key("a/b/", "hello", one.code_sha256) == f"a/b/hello/{digest}.zip"
    assert upload.s3_key("", "hello", one.code_sha256) == f"hello/{digest}.zip"
