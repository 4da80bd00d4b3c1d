"""The zip: the same bytes everywhere, read by everybody's unzip."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import random
import stat
import subprocess
import tracemalloc
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.lib.base.errors import PackageError
from tasks.lib.package import members, unzip
from tasks.lib.package import zip as archive
from tasks.lib.platform.limits import UNZIPPED_BYTES
from tasks.lib.sysroot.member import Member
from tests.support import need

MEMBERS = {
    "bootstrap": Member.of(b"\x7fELF" + bytes(range(256)) * 400, 0o755),
    "lib/libgmp.so.10": Member.of(b"g" * 100_000, 0o644),
    "empty": Member.of(b"", 0o644),
    "noise": Member.of(random.Random(1).randbytes(5000), 0o644),
    "grüße.txt": Member.of("Λ".encode(), 0o644),
}


def plain(found: Mapping[str, Member]) -> dict[str, tuple[bytes, int]]:
    return {name: (member.content(), member.mode) for name, member in found.items()}


def test_order_and_cache_do_not_matter(tmp_path: Path) -> None:
    first = archive.zip_bytes(MEMBERS, tmp_path / "a")
    assert archive.zip_bytes(dict(reversed(MEMBERS.items())), tmp_path / "b") == first
    assert archive.zip_bytes(MEMBERS, tmp_path / "a") == first, "from the cache"


def test_how_many_small_members_are_packed_at_once_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = random.Random(5)
    small = {f"{n}": Member.of(made.randbytes(n) + bytes(n), 0o644 if n % 3 else 0o755) for n in range(0, 3000, 7)}
    first = archive.zip_bytes(small, tmp_path)
    for room in (1, 5000):
        monkeypatch.setattr(archive, "BATCH_BYTES", room)
        assert archive.zip_bytes(small, tmp_path) == first
    with zipfile.ZipFile(io.BytesIO(first)) as opened:
        assert {name: opened.read(name) for name in opened.namelist()} == {n: m.content() for n, m in small.items()}


def test_the_bytes_are_pinned(tmp_path: Path) -> None:
    """Another codec or layout would redeploy every function of every user: that has to be a decision."""
    found = hashlib.sha256(archive.zip_bytes(MEMBERS, tmp_path)).hexdigest()
    assert found == "2ab132333bc76571150c8c4d261dc0e445a1a9113f2db65ac23f358a50d30099"


def test_the_level_is_pinned_too(tmp_path: Path) -> None:
    words = random.Random(2).choices(["lambda", "haskell", "bootstrap", "zip", "layer", " ", "\n"], k=20_000)
    found = hashlib.sha256(archive.zip_bytes({"text": Member.of("".join(words).encode(), 0o644)}, tmp_path)).hexdigest()
    assert found == "b1a02bc85017241ed6aba2552a3d92194cda27b75ace55e04b7992d4eca493ae"


def test_what_was_packed_once_is_not_packed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for small members, which are packed quicker than found."""
    large = {name: member for name, member in MEMBERS.items() if member.size > archive.SMALL_BYTES}
    first = archive.zip_bytes(large, tmp_path)
    monkeypatch.setattr("deflate.deflate_compress", None)
    assert archive.zip_bytes(large, tmp_path) == first


def test_a_damaged_cache_is_not_believed(tmp_path: Path) -> None:
    first = archive.zip_bytes(MEMBERS, tmp_path)
    for kept in tmp_path.iterdir():
        kept.write_bytes(b"junk")
    assert archive.zip_bytes(MEMBERS, tmp_path) == first


def test_python_reads_names_modes_and_content(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(archive.zip_bytes(MEMBERS, tmp_path))) as opened:
        assert opened.testzip() is None
        assert opened.namelist() == sorted(MEMBERS, key=str.encode)
        for info in opened.infolist():
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
            assert stat.S_ISREG(info.external_attr >> 16)
            assert info.external_attr >> 16 & 0o777 == MEMBERS[info.filename].mode
            assert opened.read(info) == MEMBERS[info.filename].content()
            assert info.flag_bits & 8 == 0, "no data descriptors"


def test_unzip_restores_the_files(tmp_path: Path) -> None:
    need("unzip")
    package_file = tmp_path / "lambda.zip"
    package_file.write_bytes(archive.zip_bytes(MEMBERS, tmp_path / "cache"))
    subprocess.run(["unzip", "-q", package_file, "-d", tmp_path / "out"], check=True)
    assert os.access(tmp_path / "out/bootstrap", os.X_OK)
    assert not os.access(tmp_path / "out/lib/libgmp.so.10", os.X_OK)
    assert (tmp_path / "out/grüße.txt").read_text() == "Λ"
    assert plain(archive.members_of(package_file)) == plain(MEMBERS)


def test_code_sha256_is_what_lambda_says() -> None:
    assert base64.b64decode(archive.code_sha256(b"zip")) == hashlib.sha256(b"zip").digest()


def test_the_digest_speaks_of_content_not_of_packing(tmp_path: Path) -> None:
    digest = archive.content_digest(MEMBERS)
    assert archive.content_digest(dict(reversed(MEMBERS.items()))) == digest
    for changed in (
        {"empty": Member.of(b"", 0o755)},
        {"empty": Member.of(b"x", 0o644)},
        {"more": Member.of(b"", 0o644)},
    ):
        assert archive.content_digest(MEMBERS | changed) != digest


def test_too_large_a_package_is_refused_with_its_largest_members(tmp_path: Path) -> None:
    large = {"big": Member.of(bytes(UNZIPPED_BYTES), 0o644), "small": Member.of(b"x", 0o644)}
    with pytest.raises(PackageError, match=r"262,144,001 bytes unzipped.*big 262\.1 MB"):
        archive.zip_bytes(large, tmp_path)


def test_the_limit_itself_is_packed_and_a_byte_more_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert UNZIPPED_BYTES == 262_144_000
    monkeypatch.setattr(archive, "UNZIPPED_BYTES", 100)
    halves = {"a": Member.of(bytes(50), 0o644), "b": Member.of(bytes(50), 0o644)}
    assert len(archive.zip_bytes(halves, tmp_path))
    with pytest.raises(PackageError, match="is 101 bytes unzipped, Lambda takes 100"):
        archive.zip_bytes(halves | {"c": Member.of(b"x", 0o644)}, tmp_path)


def lying(path: Path, count: int, size: int, said: int) -> None:
    """A zip of so many members, each of which its headers call smaller than it is."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for number in range(count):
            made.writestr(str(number), bytes(size))
    content = bytearray(path.read_bytes())
    for signature, place in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        start = content.find(signature)
        while start >= 0:
            content[start + place : start + place + 4] = said.to_bytes(4, "little")
            start = content.find(signature, start + 1)
    path.write_bytes(content)


@pytest.mark.parametrize("size", [1000, 200_000])
def test_many_small_lies_come_to_no_more_than_they_say(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Members that stay in memory, and those that go to a file."""
    said = size // 2
    monkeypatch.setattr(unzip, "SMALL", 10_000)
    lying(tmp_path / "lies.zip", 20, size, said)
    (tmp_path / "out").mkdir()
    with pytest.raises(PackageError, match="Pack it anew"):
        unzip.unpack(tmp_path / "lies.zip", tmp_path / "out")
    assert sum(path.stat().st_size for path in (tmp_path / "out").iterdir()) <= 20 * said


def test_a_name_that_leads_out_and_a_member_without_a_mode_are_noted(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as made:
        made.writestr("/etc/x", b"x")
        made.writestr("a/../../x", b"x")
        made.writestr("plain", b"x")
        made.infolist()[-1].external_attr = 0
        made.writestr("good", b"x")
    found = unzip.unpack(tmp_path / "odd.zip", tmp_path / "out")
    assert len(found.notes) == 3
    assert not (tmp_path / "x").exists()


def test_the_sum_of_what_is_said_is_held_against_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unzip, "UNZIPPED_BYTES", 100)
    for count, faults in ((10, 0), (11, 1)):
        with zipfile.ZipFile(tmp_path / "small.zip", "w") as made:
            for number in range(count):
                made.writestr(str(number), bytes(10))
        assert len(unzip.unpack(tmp_path / "small.zip", tmp_path / "out").problems) == faults


@given(
    st.dictionaries(st.from_regex(r"[a-zé]{1,8}(/[a-z]{1,8})?", fullmatch=True), st.binary(max_size=300), max_size=6)
)
def test_any_members_come_back(contents: dict[str, bytes]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        packed = archive.zip_bytes({name: Member.of(data, 0o644) for name, data in contents.items()}, Path(folder))
    with zipfile.ZipFile(io.BytesIO(packed)) as opened:
        assert {name: opened.read(name) for name in opened.namelist()} == contents


def test_included_files_keep_their_place_below_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("hs/f/data/a.txt", "hs/f/data/deep/b.txt", "assets/c.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    found = members.included_files(["hs/f/data", "assets/*.txt", "libz.so.1"], Path("hs/f"))
    assert sorted(found) == ["assets/c.txt", "data/a.txt", "data/deep/b.txt"]
    assert members.libraries(["hs/f/data", "libz.so.1"]) == ("libz.so.1",)
    absolute = members.included_files([str(tmp_path / "assets")], Path("hs/f"))
    assert list(absolute) == [f"{str(tmp_path)[1:]}/assets/c.txt"]


def test_an_include_without_a_file_names_the_place_that_may_be_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hs/f").mkdir(parents=True)
    (tmp_path / "hs/f/a.txt").touch()
    with pytest.raises(PackageError, match="no such file") as caught:
        members.included_files(["a.txt"], Path("hs/f"))
    assert "hs/f/a.txt" in caught.value.hint


def test_links_are_followed_and_loops_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "far.txt").write_text("far")
    (tmp_path / "data/link").symlink_to("../far.txt")
    (tmp_path / "data/loop").symlink_to(".")
    found = members.included_files(["data"], Path("hs"))
    assert plain(members.members(found)) == {"data/link": (b"far", 0o644)}


def test_a_fifo_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    with pytest.raises(PackageError, match="no regular file"):
        members.included_files(["pipe"], Path("hs"))


def test_two_files_of_one_name_are_refused() -> None:
    with pytest.raises(PackageError, match="want to be bootstrap"):
        members.joined_files({"bootstrap": Path("a")}, {"bootstrap": Path("b")})


def test_the_zip_that_is_written_is_the_one_of_the_bytes_and_rests_when_equal(tmp_path: Path) -> None:
    target = tmp_path / "lambda.zip"
    sha256 = archive.pack(MEMBERS, tmp_path / "cache", target)
    content = archive.zip_bytes(MEMBERS, tmp_path / "cache")
    assert target.read_bytes() == content
    assert sha256 == archive.code_sha256(content)
    before = target.stat().st_mtime_ns
    assert archive.pack(MEMBERS, tmp_path / "cache", target) == sha256
    assert target.stat().st_mtime_ns == before


@pytest.mark.parametrize("kind", ["zeros", "noise"])
def test_packing_holds_little_beside_the_members(tmp_path: Path, kind: str) -> None:
    size = 24 << 20
    content = bytes(size) if kind == "zeros" else random.Random(1).randbytes(size)
    large = {f"{number}": Member.of(content, 0o644) for number in range(4)}
    archive.pack(large, tmp_path / "cache", tmp_path / "first.zip")
    tracemalloc.start()
    archive.pack(large, tmp_path / "cache", tmp_path / "second.zip")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < len(large) * size + (16 << 20), "content() may copy; nothing of the zip itself is held"


def test_members_on_the_disk_are_held_one_a_processor(tmp_path: Path) -> None:
    size, count = 3 << 20, 8 * (os.cpu_count() or 1)
    files = {str(number): tmp_path / str(number) for number in range(count)}
    for number, path in enumerate(files.values()):
        path.write_bytes(random.Random(number).randbytes(size // 2) + bytes(size // 2))
    archive.pack(members.members(files), tmp_path / "cache", tmp_path / "warm.zip")
    tracemalloc.start()
    archive.pack(members.members(files), tmp_path / "cold", tmp_path / "first.zip")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < count * size / 2
    assert plain(archive.members_of(tmp_path / "first.zip")) == plain(members.members(files))


def test_a_file_that_changes_between_proof_and_packing_is_not_packed(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(3 << 20))
    found = members.members({"large": tmp_path / "large"})
    assert found["large"].size == 3 << 20
    (tmp_path / "large").write_bytes(b"x" * (3 << 20))
    with pytest.raises(OSError, match="changed while it was packed"):
        archive.pack(found, tmp_path / "cache", tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()


@pytest.mark.parametrize("damage", ["cut", "more", "other"])
def test_a_kept_member_that_is_cut_longer_or_anothers_is_not_believed(tmp_path: Path, damage: str) -> None:
    first = archive.zip_bytes(MEMBERS, tmp_path)
    for kept in tmp_path.iterdir():
        data = kept.read_bytes()
        other = zlib.compressobj(9, zlib.DEFLATED, -15)
        anothers = other.compress(b"x" * 100_000) + other.flush()
        kept.write_bytes({"cut": data[:-1], "more": data + b"\0", "other": anothers}[damage])
    assert archive.zip_bytes(MEMBERS, tmp_path) == first
