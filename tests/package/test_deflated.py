"""Pieces that are packed alone make one deflate stream, which every reader of zips takes."""

from __future__ import annotations

import hashlib
import os
import random
import struct
import subprocess
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import deflate
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.lib.package import deflated, members
from tasks.lib.package import zip as archive
from tasks.lib.sysroot.member import Member
from tests.support import ROOT, need

RUNS = st.builds(lambda byte, count: bytes([byte]) * count, st.integers(0, 255), st.integers(0, 60_000))
NOISE = st.builds(lambda seed, size: random.Random(seed).randbytes(size), st.integers(0, 99), st.integers(0, 90_000))
WORDS = st.builds(
    lambda seed, count: " ".join(random.Random(seed).choices(["lambda", "zip", "layer", "echo"], k=count)).encode(),
    st.integers(0, 99),
    st.integers(0, 20_000),
)
CONTENTS = st.lists(RUNS | NOISE | WORDS | st.binary(max_size=9), min_size=1, max_size=6).map(b"".join).filter(len)


@settings(max_examples=60, deadline=None)
@given(pieces=st.lists(CONTENTS, min_size=1, max_size=3))
def test_pieces_of_any_content_are_one_stream(pieces: list[bytes]) -> None:
    """Blocks of each of the three kinds end pieces here, on every bit of a byte."""
    stream = b"".join(
        deflated.stream_of(piece, is_last=number == len(pieces)) for number, piece in enumerate(pieces, start=1)
    )
    inflater = zlib.decompressobj(-15)
    assert inflater.decompress(stream) == b"".join(pieces)
    assert inflater.eof
    assert not inflater.unused_data


@pytest.mark.parametrize("kind", ["text", "noise then text", "zeros", "text then noise"])
def test_a_piece_of_many_blocks_continues(kind: str) -> None:
    text = " ".join(random.Random(3).choices(["lambda", "haskell", "zip", "layer", "\n"], k=300_000)).encode()
    noise = random.Random(4).randbytes(400_000)
    piece = {"text": text, "noise then text": noise + text, "zeros": bytes(2 << 20), "text then noise": text + noise}
    stream = deflated.stream_of(piece[kind], is_last=False) + deflated.stream_of(b"end", is_last=True)
    assert zlib.decompress(stream, -15) == piece[kind] + b"end"


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of two pieces and a half: words, noise, zeros."""
    path = tmp_path_factory.mktemp("large") / "large"
    made = random.Random(5)
    with path.open("wb") as file:
        while file.tell() < 2.5 * deflated.PIECE_BYTES:
            file.write(" ".join(made.choices(["lambda", "haskell", "zip", "\n", "7"], k=9_000)).encode())
            file.write(made.randbytes(made.randrange(30_000)) + bytes(made.randrange(90_000)))
        file.truncate(deflated.PIECE_BYTES * 5 // 2)
    return path


def test_every_reader_takes_a_member_of_several_pieces(large: Path, tmp_path: Path) -> None:
    package = tmp_path / "large.zip"
    archive.pack(members.members({"large": large, "small": large.parent / "large"}), tmp_path / "cache", package)
    expected = hashlib.sha256(large.read_bytes()).hexdigest()
    with zipfile.ZipFile(package) as opened:
        assert hashlib.sha256(opened.read("large")).hexdigest() == expected
        assert all(info.flag_bits == 0 and not info.extra for info in opened.infolist()), "no data descriptors"
    need("unzip")
    shown = subprocess.run(["unzip", "-p", package, "large"], check=True, capture_output=True).stdout
    assert hashlib.sha256(shown).hexdigest() == expected
    assert len(list((tmp_path / "cache").iterdir())) == 3, "each piece is kept once, whichever member it is of"


def test_the_bytes_are_the_same_with_one_processor_and_with_many(
    large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = set()
    for count in (1, 5):
        monkeypatch.setattr(os, "cpu_count", lambda count=count: count)
        package = tmp_path / f"{count}.zip"
        archive.pack(members.members({"large": large}), tmp_path / f"cache-{count}", package)
        found.add(package.read_bytes())
    assert len(found) == 1


def test_the_bytes_of_several_pieces_are_pinned(tmp_path: Path) -> None:
    """Another size of the pieces, level or codec would redeploy every function of every user."""
    words = random.Random(2).choices(["lambda", "haskell", "bootstrap", "zip", "layer", " ", "\n"], k=1_100_000)
    found = archive.zip_bytes({"text": Member.of("".join(words).encode(), 0o644)}, tmp_path)
    assert hashlib.sha256(found).hexdigest() == "0cf2a205e67666fe95e9c7cd991b0349139d02cd568f7da18f2624d9caafad2f"


def test_one_large_member_is_held_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "large").write_bytes(random.Random(6).randbytes(1 << 20) * 64)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    tracemalloc.start()
    archive.pack(members.members({"large": tmp_path / "large"}), tmp_path / "cache", tmp_path / "a.zip")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * deflated.PIECE_BYTES, "of sixteen pieces"


@pytest.mark.parametrize("damage", ["cut", "more", "ended", "other"])
def test_a_kept_piece_that_is_not_open_or_not_of_its_content_is_not_believed(
    large: Path, tmp_path: Path, damage: str
) -> None:
    found = members.members({"large": large})
    archive.pack(found, tmp_path / "cache", tmp_path / "first.zip")
    for kept in (tmp_path / "cache").glob("*-open"):
        data = kept.read_bytes()
        other = {
            "cut": data[:-1],
            "more": data + b"\0",
            "ended": data + deflated.LAST_EMPTY_BLOCK,
            "other": deflated.stream_of(b"x" * 100_000, is_last=False),
        }
        kept.write_bytes(other[damage])
    archive.pack(found, tmp_path / "cache", tmp_path / "second.zip")
    assert (tmp_path / "second.zip").read_bytes() == (tmp_path / "first.zip").read_bytes()


def test_what_shrinks_much_or_has_few_different_bytes_is_packed_at_the_lower_level() -> None:
    made = random.Random(7)
    log = "".join(f"{number:09} INFO handler answers {made.randrange(9)}\n" for number in range(40_000)).encode()
    spread = log.translate(bytes((byte * 7 + place) % 256 for place, byte in enumerate(range(256)))) + bytes(range(256))
    rows = bytes(made.choices(b"0123456789,\n", k=len(log)))
    code = bytes(made.choices(bytes(range(60)), k=len(log)))
    for content, level in {
        log: deflated.QUICK_LEVEL,
        spread: deflated.QUICK_LEVEL,
        rows: deflated.QUICK_LEVEL,
        rows[:99_999]: deflated.QUICK_LEVEL,
        code: deflated.LEVEL,
        rows[:9999]: deflated.LEVEL,
    }.items():
        assert deflated.stream_of(content, is_last=True) == bytes(deflate.deflate_compress(content, level))


@pytest.mark.parametrize("kind", ["sources", "records"])
def test_small_members_of_a_kind_are_together_no_larger_than_by_zip_9(kind: str) -> None:
    sources = [path.read_bytes() for path in sorted((ROOT / "tasks").rglob("*.py"))]
    made = random.Random(7)
    records = [
        b"\n".join(b'{"id": %d, "price": %.2f}' % (number, made.random() * 1000) for number in range(count))
        for count in range(3, 900, 40)
    ]
    contents = {"sources": sources, "records": records}[kind]
    ours = sum(len(deflated.stream_of(content, is_last=True)) for content in contents)
    nine = sum(len(zlib.compress(content, 9)) - 6 for content in contents)  # less what zlib puts around a stream
    assert ours <= nine


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_what_is_short_is_packed_at_the_lower_level(more: int) -> None:
    content = bytes(number % 251 for number in range(deflated.SHORT_BYTES + more))
    assert deflated._level(content) == (deflated.LEVEL if more > 0 else deflated.QUICK_LEVEL)


def of_each_kind(made: random.Random, size: int) -> dict[str, bytes]:
    """Contents of so many bytes, by what is in them."""
    words = [made.randbytes(made.randrange(2, 9)) for _ in range(300)]
    text = b" ".join(made.choices(words, k=size))[:size]
    doubles, integers = struct.Struct(f"<{size // 8}d"), struct.Struct(f"<{size // 4}I")
    return {
        "noise": made.randbytes(size),
        "bits": bytes(made.choices(b"01", k=size)),
        "digits": bytes(made.choices(b"0123456789,\n", k=size)),
        "words": text,
        "records": b"".join(b'{"id": %d, "price": %.2f}\n' % (at, made.random() * 1000) for at in range(size // 28)),
        "repeats far apart": (made.randbytes(20_000) * (size // 20_000 + 1))[:size],
        "doubles": doubles.pack(*(made.gauss(0, 1) for _ in range(size // 8))),
        "few doubles": doubles.pack(*(round(made.random(), 1) for _ in range(size // 8))),
        "integers": integers.pack(*(made.randrange(1000) for _ in range(size // 4))),
        "zeros": bytes(size),
        "mixture": made.randbytes(size // 3) + text[: size // 3] + bytes(size // 3),
    }


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 9999), size=st.integers(0, 300) | st.integers(0, 100_000))
def test_no_kind_is_much_larger_than_by_zlib(seed: int, size: int) -> None:
    """Few doubles are a sixth larger than at level 9, which takes them ten times as long as level 6."""
    for kind, content in of_each_kind(random.Random(seed), size).items():
        level = 6 if kind == "few doubles" else 9
        other = len(zlib.compress(content, level)) - 6  # less what zlib puts around a stream
        ours, theirs = (min(packed, len(content)) for packed in (len(deflated.stream_of(content, is_last=True)), other))
        assert ours <= theirs * 1.03 + 24, kind
