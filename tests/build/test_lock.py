"""lambda.lock: what a zip was made with; another library is told, or refused, before it is packed."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tasks.lib import lockfile
from tasks.lib.base.errors import PackageError
from tasks.lib.build.machine import Toolchain
from tasks.lib.settings.words import Builder
from tests.support import Workshop, lacking, need

GHC = Toolchain(Builder.HOST, "", "x86_64", "glibc 2.36", {"ghc": "9.0.2", "stack": "2.7.5"})
BLAS = {"name": "libblas.so.3", "path": "/usr/lib/libblas.so.3", "size_bytes": 37_100_000, "sha256": "b" * 64}
LOCK = lockfile.Lock(
    lockfile.toolchain_row(GHC), {"a": {"libblas.so.3": lockfile.Library(612_000, "a" * 64, "libblas3", "3.11.0-2")}}
)


def told(lock: lockfile.Lock, toolchain: Toolchain | None = GHC, *packed: dict[str, object]) -> list[str]:
    owners = {"/usr/lib/libblas.so.3": ("libopenblas0-pthread", "0.3.21+ds-4")}
    return list(lockfile.differences(lock, "a", toolchain, packed, lambda _: owners))


def test_another_provider_of_a_library_is_told_with_packages_and_sizes() -> None:
    (said,) = told(LOCK, GHC, BLAS)
    assert said == ("libblas.so.3 is libopenblas0-pthread 0.3.21+ds-4 (37.1 MB) now, was libblas3 3.11.0-2 (612.0 kB)")


def test_equal_content_is_equal_whatever_package_it_comes_from() -> None:
    assert told(LOCK, GHC, BLAS | {"sha256": "a" * 64}) == []


def test_what_came_and_what_has_gone_is_told() -> None:
    assert told(LOCK) == ["libblas.so.3, libblas3 3.11.0-2 (612.0 kB), is not there now"]
    new = {"name": "libgmp.so.10", "path": "/x", "size_bytes": 3, "sha256": "c" * 64}
    found = told(LOCK, GHC, BLAS | {"sha256": "a" * 64}, new)
    assert found == ["libgmp.so.10 is of no package (3 B) now, was not there"]


def test_another_compiler_counts_but_not_for_a_prebuilt_program() -> None:
    newer = Toolchain(Builder.HOST, "", "x86_64", "glibc 2.36", {"ghc": "9.4.7"})
    same = BLAS | {"sha256": "a" * 64}
    assert told(LOCK, newer, same) == ["ghc is 9.4.7 now, was 9.0.2"]
    assert told(LOCK, None, same) == []


def test_a_container_counts_by_what_it_is_made_of() -> None:
    made = Toolchain(Builder.DOCKER, "sha256:1", "x86_64", "glibc 2.36", {"ghc": "9.0.2"}, "debian@sha256:5 77")
    other = Toolchain(Builder.DOCKER, "sha256:2", "x86_64", "glibc 2.36", {"ghc": "9.0.2"}, "debian@sha256:6 77")
    lock = lockfile.Lock(lockfile.toolchain_row(made), {"a": {}})
    assert told(lock, made) == []
    assert told(lock, other) == ["image is debian@sha256:6 77 now, was debian@sha256:5 77"]


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "lambda.lock"
    odd = {"gconv/UTF-7.so": lockfile.Library(1, "d" * 64, 'a "b"', "1\\2")}
    lock = lockfile.Lock(LOCK.toolchain, {**LOCK.functions, "b": odd})
    assert lockfile.save(path, lock)
    assert lockfile.read(path) == lock
    assert not lockfile.save(path, lock)
    assert lockfile.read(tmp_path / "none") is None


@pytest.mark.parametrize(
    "text", ["<<<<<<< HEAD", "format = 1", "format = 9\n[toolchain]", 'format = 1\ntoolchain = "x"']
)
def test_a_damaged_one_is_refused_with_the_way_out(tmp_path: Path, text: str) -> None:
    (tmp_path / "lambda.lock").write_text(text)
    with pytest.raises(PackageError, match=r"doit lock|another version") as caught:
        lockfile.read(tmp_path / "lambda.lock")
    assert "doit lock" in str(caught.value)


def test_a_locked_project_packs_what_was_locked_or_nothing(tiny: Workshop) -> None:
    need("dpkg-query")
    settings, lock = tiny.folder / "lambda.toml", tiny.folder / "lambda.lock"
    settings.write_text(settings.read_text().replace("[build]\n", "[build]\nlocked = true\n"))
    assert "there is no lambda.lock" in tiny.doit().err
    assert "lambda.lock written: 2 functions" in tiny.good("lock").out
    assert "lambda.lock unchanged" in tiny.good("lock").out
    rows = tomllib.loads(lock.read_text())["function"]["two"]
    if "libgmp.so.10" not in rows:
        lacking("this GHC links no libgmp dynamically")
    assert rows["libgmp.so.10"]["package"] == "libgmp10"
    tiny.good()
    assert tiny.good().ran == set()
    before = (tiny.folder / "build/two/lambda.zip").read_bytes()

    lock.write_text(
        lock.read_text()
        .replace(rows["libgmp.so.10"]["sha256"], "0" * 64)
        .replace(rows["libgmp.so.10"]["version"], "1:0")
    )
    refused = tiny.doit()
    assert refused.code == 1
    assert "libgmp.so.10 is libgmp10 " in refused.err
    assert "was libgmp10 1:0 (" in refused.err
    assert "doit lock" in refused.err
    assert (tiny.folder / "build/two/lambda.zip").read_bytes() == before

    settings.write_text(settings.read_text().replace("locked = true\n", ""))
    assert "libgmp.so.10 is libgmp10 " in tiny.good().err
    tiny.good("lock")
    assert "libgmp" not in tiny.good().err
    assert (tiny.folder / "build/two/lambda.zip").read_bytes() == before
