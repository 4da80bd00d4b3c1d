"""What is remembered of files and folders, and when it is the same: content decides, stat only spares reading."""

from __future__ import annotations

import os
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest
from doit.task import Task

from tasks.graph import state
from tasks.graph.state import ContentChecker, fingerprint, fingerprints, intact, is_intact, is_same, stat_of
from tasks.lib.base import asked


@pytest.fixture(autouse=True)
def _nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """As at the beginning of a run."""
    for name, kind in {"_digests": dict, "_remembered": dict, "refreshed": list, "_seen": dict, "_begun": set}.items():
        monkeypatch.setattr(state, name, kind())


def digest(content: bytes) -> str:
    return md5(content, usedforsecurity=False).hexdigest()


def written(path: Path, content: str, at: int | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    if at is not None:
        os.utime(path, ns=(at, at))
    return path


def test_a_fingerprint_is_the_files_stat_and_content(tmp_path: Path) -> None:
    path = written(tmp_path / "a", "abc", 1_000_000_007)
    status = path.stat()
    assert fingerprint(path) == [1_000_000_007, 3, status.st_ino, status.st_ctime_ns, digest(b"abc")]
    assert stat_of(str(path)) == (1_000_000_007, 3, status.st_ino, status.st_ctime_ns)
    assert (fingerprint(tmp_path / "gone"), stat_of(str(tmp_path / "gone"))) == (None, None)


def test_a_folders_fingerprint_is_the_tree_of_what_is_in_it(tmp_path: Path) -> None:
    written(tmp_path / "top/b/c", "c")
    written(tmp_path / "top/a", "a")
    (tmp_path / "top/empty").mkdir()
    found = fingerprint(tmp_path / "top")
    assert list(found) == ["a", "b", "empty"]
    assert (found["a"][4], found["b"]["c"][4], found["empty"]) == (digest(b"a"), digest(b"c"), {})


Change = Any
CHANGES: dict[str, tuple[Change, bool]] = {
    "nothing": (lambda top: None, True),
    "a new time": (lambda top: os.utime(top / "a", ns=(5, 5)), True),
    "other content": (lambda top: written(top / "a", "longer"), False),
    "other content of the same size": (lambda top: written(top / "a", "z"), False),
    "the same again": (lambda top: ((top / "a").unlink(), written(top / "a", "a")), True),
    "one more": (lambda top: written(top / "d", ""), False),
    "one less": (lambda top: (top / "a").unlink(), False),
    "another name": (lambda top: (top / "a").rename(top / "d"), False),
    "deep inside": (lambda top: written(top / "b/c", "!"), False),
    "a folder for a file": (lambda top: ((top / "a").unlink(), (top / "a").mkdir()), False),
    "a file for a folder": (lambda top: ((top / "b/c").unlink(), (top / "b").rmdir(), written(top / "b", "")), False),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_tree_is_the_same_while_its_names_and_contents_are(tmp_path: Path, change: str) -> None:
    written(tmp_path / "top/a", "a", 1)
    written(tmp_path / "top/b/c", "c")
    known = fingerprint(tmp_path / "top")
    make, same = CHANGES[change]
    make(tmp_path / "top")
    assert is_same(tmp_path / "top", known) is same
    assert is_intact({"intact": {str(tmp_path / "top"): known}}, [], tuple) is same


def test_what_is_absent_is_the_same_while_it_is_absent(tmp_path: Path) -> None:
    path = tmp_path / "a"
    assert is_same(path, None)
    known = fingerprint(written(path, "a"))
    assert not is_same(path, None)
    path.unlink()
    assert not is_same(path, known)
    path.mkdir()
    assert not is_same(path, None)
    assert not is_same(path, known)


def test_an_equal_file_is_read_once_and_known_by_its_new_stat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "a", "abc", 1)
    known = fingerprint(path)
    old = list(known)
    os.utime(path, ns=(2, 2))
    assert is_same(path, known)
    assert (known, known[0]) == (fingerprint(path), 2)
    assert state.refreshed == [known]
    monkeypatch.setattr(state, "get_file_md5", lambda _: pytest.fail("it was read again"))
    assert is_same(path, known)
    assert is_same(path, list(old)), "the digest of this very stat is known"
    assert state.refreshed == [known, known]


def test_a_file_that_differs_is_not_refreshed(tmp_path: Path) -> None:
    path = written(tmp_path / "a", "abc", 1)
    known = fingerprint(path)
    old = list(known)
    written(path, "abd", 2)
    assert not is_same(path, known)
    assert (known, state.refreshed) == (old, [])


def test_another_size_is_another_file_without_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "a", "abc")
    known = fingerprint(path)
    written(path, "abcd")
    monkeypatch.setattr(state, "get_file_md5", lambda _: pytest.fail("it was read"))
    assert not is_same(path, known)
    assert ContentChecker().check_modified(str(path), path.stat(), known)


def test_a_target_or_a_watched_file_that_is_not_remembered_is_not_intact(tmp_path: Path) -> None:
    path = written(tmp_path / "a", "a")
    values = {"intact": fingerprints([path])}
    assert is_intact(values, [str(path)], lambda: [path])
    assert not is_intact(values, [str(tmp_path / "b")], tuple)
    assert not is_intact(values, [], lambda: [tmp_path / "b"])
    assert not is_intact(values, [str(path), str(tmp_path / "b")], tuple)


@pytest.mark.parametrize("damaged", [{}, {"intact": 0}, {"intact": {"a": 3}}, {"intact": {"a": [1]}}, {"intact": []}])
def test_nonsense_is_not_intact(tmp_path: Path, damaged: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written(Path("a"), "a")
    assert intact(Task("t", None), damaged, ["a"], tuple) is False


def task_of(*paths: Path) -> Task:
    return Task("t", None, file_dep=list(map(str, paths)))


def saved(task: Task) -> None:
    for note in task.value_savers:
        note()


def test_what_was_edited_while_its_task_ran_is_unlike_any_content(tmp_path: Path) -> None:
    path, other = written(tmp_path / "a", "abc", 1), written(tmp_path / "b", "b", 1)
    task, checker = task_of(path, other), ContentChecker()
    assert not state.has_begun(task)
    state.before(task)
    assert state.has_begun(task)
    written(path, "abd", 2)
    saved(task)
    assert checker.get_state(str(path), None) == [0, -1, 0, 0, None]
    assert checker.check_modified(str(path), path.stat(), [0, -1, 0, 0, None])
    assert checker.get_state(str(other), None) == fingerprint(other)


def test_what_was_only_touched_while_its_task_ran_is_what_it_was(tmp_path: Path) -> None:
    path = written(tmp_path / "a", "abc", 1)
    known = fingerprint(path)
    task, checker = task_of(path), ContentChecker()
    state.before(task)
    os.utime(path, ns=(2, 2))
    saved(task)
    assert checker.get_state(str(path), known) in (None, fingerprint(path))
    assert not checker.check_modified(str(path), path.stat(), fingerprint(path))


def test_what_vanished_while_its_task_ran_is_unlike_any_content(tmp_path: Path) -> None:
    path = written(tmp_path / "a", "abc", 1)
    known = fingerprint(path)
    task, checker = task_of(path), ContentChecker()
    state.before(task)
    path.unlink()
    saved(task)
    assert checker.get_state(str(path), known) == [0, -1, 0, 0, None]
    assert checker.get_state(str(tmp_path / "never"), None) is None


def test_a_state_that_holds_is_not_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "a", "abc", 1)
    checker = ContentChecker()
    known = checker.get_state(str(path), None)
    assert known == fingerprint(path)
    assert checker.get_state(str(path), known) is None
    monkeypatch.setattr(state, "get_file_md5", lambda _: pytest.fail("it was read again"))
    assert not checker.check_modified(str(path), path.stat(), list(known or ()))


def test_each_task_notes_its_own_files(tmp_path: Path) -> None:
    one, two = written(tmp_path / "1", "1", 1), written(tmp_path / "2", "2", 1)
    first, second = task_of(one), task_of(two)
    state.before(first)
    state.before(second)
    written(one, "!", 2)
    saved(second)
    assert ContentChecker().get_state(str(one), None) == fingerprint(one), "it is no file of the second"
    saved(first)
    assert ContentChecker().get_state(str(one), None) == [0, -1, 0, 0, None]
    saved(second)
    assert ContentChecker().get_state(str(one), None) == fingerprint(one), "what the first one met is the first one's"


def test_what_rested_is_not_read_for_its_new_fingerprint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, other = written(tmp_path / "a", "abc", 1), written(tmp_path / "b", "b", 1)
    known = {str(path): [*(stat_of(str(path)) or ()), "of an earlier run"], str(other): fingerprint(other)}
    assert is_intact({"intact": known}, [], tuple)
    assert fingerprints([path]) == {str(path): known[str(path)]}
    written(path, "abd", 2)
    assert fingerprint(path)[4] == digest(b"abd")
    monkeypatch.setattr(state, "get_file_md5", lambda _: pytest.fail("it was read"))
    assert fingerprint(other) == known[str(other)]


def test_the_same_size_with_other_content_is_modified_and_a_touch_is_not(tmp_path: Path) -> None:
    path = written(tmp_path / "a", "abc", 1)
    known = fingerprint(path)
    os.utime(path, ns=(2, 2))
    assert not ContentChecker().check_modified(str(path), path.stat(), list(known))
    written(path, "abd", 3)
    assert ContentChecker().check_modified(str(path), path.stat(), list(known))


def test_what_is_asked_for_and_no_file_has_a_digest_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked, "is_asked", lambda name: name.startswith("asked:"))
    monkeypatch.setattr(asked, "digest", lambda name: f"digest of {name}")
    name = Path("asked:it")
    assert fingerprints([name]) == {"asked:it": "digest of asked:it"}
    assert is_same(name, "digest of asked:it")
    assert not is_same(name, "another")


def test_what_many_functions_read_is_read_once_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, read = written(tmp_path / "libHSbase.a", "abc"), list[str]()

    def reading(name: str) -> str:
        read.append(name)
        return digest(Path(name).read_bytes())

    monkeypatch.setattr(state, "get_file_md5", reading)
    assert fingerprint(path) == fingerprint(path)
    assert read == [str(path)]
    written(path, "abcd")
    assert (fingerprint(path)[4], len(read)) == (digest(b"abcd"), 2)
