"""build/ has one owner: nothing outside changes, nothing of somebody else's goes, links are replaced as links."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import chdir, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.graph.task import removal
from tasks.lib.base import derived, files

NAMES = ("one", "two", "lib", "a", "lambda.zip", ".work", "photos")
PATHS = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map("/".join)
KINDS = st.sampled_from(("file", "folder", "out", "up", "file out", "dangling"))
ENTRIES = st.lists(st.tuples(PATHS, KINDS), max_size=12)
OURS = ("one/lambda.zip", "one/lib/a", "two/lambda.zip", ".work/one/a", "a")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    derived._noted.clear()
    return tmp_path


def tree(folder: Path, *, less: str = "") -> dict[str, object]:
    """Everything below a folder, no link followed."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not less or not (name == less or name.startswith(f"{less}/")):
            kind = path.readlink() if path.is_symlink() else "folder" if path.is_dir() else path.read_bytes()
            found[name] = (kind, path.lstat().st_mode)
    return found


def plant(entries: list[tuple[str, str]]) -> Iterator[str]:
    """Put what somebody else may have put into build/."""
    for number, (name, kind) in enumerate(entries):
        path = Path("build", name)
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            if os.path.lexists(path) or path.parent.resolve() != Path.cwd().resolve() / path.parent:
                continue
            if kind == "file":
                path.write_text(f"foreign {number}")
                yield path.as_posix()
            elif kind == "folder":
                path.mkdir()
            else:
                leads = {"out": "outside", "up": "", "file out": "outside/keep", "dangling": "nowhere"}[kind]
                path.symlink_to(Path.cwd() / leads)


@settings(max_examples=150)
@given(ENTRIES)
def test_whatever_is_in_build_nothing_outside_changes_and_nothing_foreign_goes(entries: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as name, chdir(name):
        derived._noted.clear()
        for path in ("outside/deep/keep", "outside/keep", "hs/Main.hs"):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(path)
        foreign = [
            path for path in plant(entries) if path.removeprefix("build/") not in OURS and "/.work" not in f"/{path}"
        ]
        before = tree(Path.cwd(), less="build")
        derived.settle(Path("build", name).parent for name in OURS)
        for path in OURS:
            with suppress(OSError):  # a foreign file stands where a folder should be
                files.write(Path("build", path), path.encode())
                assert Path("build", path).resolve() == Path(name).resolve() / "build" / path
        assert tree(Path.cwd(), less="build") == before
        removal([Path("build", path) for path in (*OURS, "one/lib", ".work")], dryrun=False)
        derived.tidy()
        assert tree(Path.cwd(), less="build") == before
        kept = [path for path in foreign if not any(path.startswith(f"build/{own}/") for own in (".work",))]
        assert [path for path in kept if not os.path.lexists(path)] == []


def test_build_may_be_the_persons_own_link(place: Path) -> None:
    (place / "disk/photos").mkdir(parents=True)
    (place / "disk/photos/p.jpg").touch()
    Path("build").symlink_to("disk")
    files.write(Path("build/one/lambda.zip"), b"x")
    removal([Path("build/one/lambda.zip")], dryrun=False)
    derived.tidy()
    assert sorted(path.name for path in (place / "disk").rglob("*")) == ["p.jpg", "photos"]
    assert Path("build").is_symlink()


def test_a_link_where_a_folder_belongs_is_replaced_and_said(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "victim").mkdir()
    (place / "victim/lambda.zip").write_text("keep")
    Path("build").mkdir()
    Path("build/one").symlink_to("../victim")
    files.write(Path("build/one/lambda.zip"), b"x")
    assert (place / "victim/lambda.zip").read_text() == "keep"
    assert not Path("build/one").is_symlink()
    assert "build/one was a link to ../victim" in capsys.readouterr().err


def test_clean_takes_what_was_made_and_leaves_what_was_not() -> None:
    files.write(Path("build/gone/lambda.zip"), b"x")
    Path("build/gone/mine.txt").write_text("mine")
    Path("build/photos").mkdir()
    assert derived.made_files() == [Path("build/gone/lambda.zip")]
    removal(derived.made_files(), dryrun=False)
    derived.tidy()
    assert sorted(path.as_posix() for path in Path("build").rglob("*")) == [
        "build/gone",
        "build/gone/mine.txt",
        "build/photos",
    ]


def test_backups_are_told_to_leave_build_out() -> None:
    files.write(Path("build/one/a"), b"x")
    assert Path("build/CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55\n")


@pytest.mark.parametrize("damage", ["", '"one/a', "null\n3\n", '"../hs/Main.hs"\n"/etc/passwd"\n', "\udcff\n"])
def test_a_damaged_list_names_nothing_outside(damage: str) -> None:
    files.write(Path("build/one/a"), b"x")
    Path("build/.made").write_bytes(damage.encode(errors="surrogateescape"))
    assert all(path.parts[0] == "build" and ".." not in path.parts for path in derived.made_files())


def test_what_a_killed_process_left_is_swept(place: Path) -> None:
    folder = place / "build/.tmp"
    folder.mkdir(parents=True)
    dead, alive, foreign = (folder / f".a.{pid}.x.tmp" for pid in ("99999999", os.getpid(), "name"))
    for path in (dead, alive, foreign):
        path.touch()
    (folder / ".b.99999998.x.tmp").mkdir()  # cannot be removed, and stops nobody
    derived.sweep()
    assert sorted(folder.iterdir()) == sorted([alive, foreign, folder / ".b.99999998.x.tmp"])


def test_a_name_of_255_bytes_can_be_written() -> None:
    target = Path("build/one") / ("ü" * 127 + "x")
    files.write(target, b"x")
    assert target.read_bytes() == b"x"


def test_what_the_disk_refuses_names_the_target() -> None:
    with pytest.raises(OSError, match="No space") as caught, files.replacement(Path("build/one/big")):
        raise OSError(28, "No space left on device")
    assert caught.value.filename == "build/one/big"


def test_a_foreign_file_in_place_of_a_folder_of_ours_stays() -> None:
    Path("build/one").mkdir(parents=True)
    Path("build/one/lib").write_text("mine")
    removal([Path("build/one/lib"), Path("build/one/lambda.zip")], dryrun=False)
    assert Path("build/one/lib").read_text() == "mine"
