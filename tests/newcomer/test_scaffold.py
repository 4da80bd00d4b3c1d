"""`new` and `init`: what they write builds, and what a person wrote stays."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tasks.lib.base.errors import UsageError
from tasks.lib.scaffold import init, new, project
from tasks.lib.scaffold.executables import cabal_executables, hpack_executables, survey
from tasks.lib.scaffold.templates import KINDS
from tests.newcomer.installed import Installed
from tests.support import ROOT, TINY, need

HOST = '\n[build]\nbuilder = "host"\nghc_options = ["-O0"]\n'  # the optimizer takes most of the time


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_new_program_builds_at_once_and_its_test_passes(
    repository: Installed, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("cabal")
    monkeypatch.setenv("CABAL_DIR", str(tmp_path / ".cabal"))  # of a machine that never reached Hackage
    repository.write("lambda.toml", f"# mine{HOST}")
    with monkeypatch.context() as new_home:
        new_home.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
        made = repository.good("new", "my-first_1", "--kind", kind)
    assert (repository.folder / "lambda.toml").read_text().startswith("# mine")
    assert "zip:my-first_1" in repository.good("zip:my-first_1", module="doit").ran
    (command,) = [line.partition(": ")[2] for line in made.out.splitlines() if line.startswith("Its test")]
    command += " -O0"  # the packages of lambda-run are compiled a second time
    tested = subprocess.run(command, shell=True, cwd=repository.folder, capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "1 of 1 test suites" in tested.stdout


def test_where_cabal_has_an_index_its_plain_test_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CABAL_DIR", str(tmp_path / ".cabal"))
    index = tmp_path / ".cabal/packages/hackage.haskell.org/01-index.tar"
    index.parent.mkdir(parents=True)
    index.touch()
    assert not [line for line in new.new(tmp_path, "a", "program") if line.startswith("Its test")]


def test_a_second_program_keeps_what_stands_there(tmp_path: Path) -> None:
    before = '# first\n[function.b]  # of mine\nsource = "b"'
    (tmp_path / "lambda.toml").write_text(before)
    new.new(tmp_path, "a", "program")
    after = (tmp_path / "lambda.toml").read_text()
    assert after.startswith(before)
    assert list(tomllib.loads(after)["function"]) == ["b", "a"]


@pytest.mark.parametrize("name", ["", "a b", "ä", "x" * 65, "../up", "a.b"])
def test_a_name_that_lambda_does_not_take_is_refused_with_one_that_it_does(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError) as refused:
        new.new(tmp_path, name, "program")
    assert refused.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_name_or_a_folder_that_is_taken_is_refused(tmp_path: Path) -> None:
    new.new(tmp_path, "a", "program")
    with pytest.raises(UsageError, match="already"):
        new.new(tmp_path, "a", "program")
    (tmp_path / "b").mkdir()
    (tmp_path / "b/other").write_text("")
    with pytest.raises(UsageError, match="exists"):
        new.new(tmp_path, "b", "program")


def test_a_program_that_was_made_in_half_is_made_whole_by_the_same_command(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "half").mkdir()
    new.new(tmp_path / "whole", "a", "typed")
    new.new(tmp_path / "half", "a", "typed")
    files = sorted(path for path in (tmp_path / "half").rglob("*") if path.is_file())
    for path in files[1::2]:
        path.unlink()
    (tmp_path / "half/lambda.toml").unlink(missing_ok=True)
    new.new(tmp_path / "half", "a", "typed")
    for path in (tmp_path / "whole").rglob("*"):
        if path.is_file():
            assert (tmp_path / "half" / path.relative_to(tmp_path / "whole")).read_bytes() == path.read_bytes()


def test_init_finds_the_programs_of_a_repository_and_changes_nothing_the_second_time(tmp_path: Path) -> None:
    (tmp_path / "one/app").mkdir(parents=True)
    (tmp_path / "one/one.cabal").write_text(
        "cabal-version: 2.2\nname: one\nversion: 1\n\ncommon shared\n  build-depends: base, hal\n\n"
        "-- executable not-this\nexecutable serve\n  import: shared\n  main-is: Main.hs\n\n"
        "Executable  work\n    main-is: W.hs\n    build-depends: base\n\nlibrary\n  build-depends: hal\n"
    )
    (tmp_path / "one/app/Main.hs").write_text(TINY)
    (tmp_path / "two").mkdir()
    (tmp_path / "two/package.yaml").write_text(
        "name: two\nexecutables:\n  work:\n    main: Main.hs\n  'other':\n    main: O.hs\n"
    )
    (tmp_path / "three").mkdir()
    (tmp_path / "three/Main.hs").write_text(TINY)
    (tmp_path / "dist-newstyle").mkdir()
    (tmp_path / "dist-newstyle/Main.hs").write_text(TINY)
    said = init.init(tmp_path)
    tables = tomllib.loads((tmp_path / "lambda.toml").read_text())["function"]
    assert tables == {
        "serve": {"source": "one", "process": "native"},
        "work": {"source": "one"},
        "three": {"source": "three"},
        "other": {"source": "two"},
        "two-work": {"source": "two", "executable": "work"},
    }
    assert any("dodo.py" in line for line in said)
    kept = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert init.init(tmp_path) == ["Nothing to do: every program is in lambda.toml."]
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == kept


PACKAGE = "cabal-version: 2.4\nname: p\nversion: 1\n"
SHAPES = {
    "a cabal.project with patterns": (
        {
            "cabal.project": "packages: services/*/*.cabal\n          libs/*\n",
            "services/a/a.cabal": PACKAGE + "executable a\n  main-is: A.hs\n",
            "libs/c/c.cabal": PACKAGE + "library\n",
            "testdata/odd/odd.cabal": PACKAGE + "executable odd\n  main-is: A.hs\n",
        },
        {"a": {"source": "services/a"}},
    ),
    "a submodule": (
        {
            "p.cabal": PACKAGE + "executable top\n  main-is: A.hs\n",
            "vendored/q/.git": "gitdir: ../../.git/modules/q\n",
            "vendored/q/q.cabal": PACKAGE + "executable theirs\n  main-is: A.hs\n",
        },
        {"top": {"source": "."}},
    ),
    "stack.yaml with package.yaml alone": (
        {
            "stack.yaml": "resolver: ghc-9.0.2\npackages:\n- api\n",
            "api/package.yaml": "name: api\nexecutables:\n  api-exe:\n    main: Main.hs\n    when: [x]\n",
            "other/package.yaml": "name: other\nexecutables:\n  no:\n    main: Main.hs\n",
        },
        {"api-exe": {"source": "api"}},
    ),
    "yaml's flow style": (
        {
            "package.yaml": "name: f\nexecutables: {one: {main: A.hs, needs: [base, warp]}, 'two': {main: B}}\n",
            "Main.hs": TINY,
        },
        {"one": {"source": ".", "process": "http"}, "two": {"source": "."}},
    ),
    "braces, and what is not built": (
        {
            "p.cabal": PACKAGE
            + "executable one {\n  main-is: A.hs\n}\nexecutable off\n  Buildable: False\n  main-is: B.hs\n"
            "executable on\n  main-is: B.hs\n  if os(windows)\n    buildable: False\n"
        },
        {"one": {"source": "."}, "on": {"source": "."}},
    ),
    "a server in the library": (
        {
            "api.cabal": "cabal-version: 2.4\nname: api\nversion: 1\nlibrary\n  build-depends: base, warp\n"
            "executable api-exe\n  main-is: A.hs\n  build-depends: base, api\n"
        },
        {"api-exe": {"source": ".", "process": "http"}},
    ),
    "tools beside a library": (
        {
            "api.cabal": "cabal-version: 2.4\nname: api\nversion: 1\nlibrary\n  build-depends: base, warp\n"
            "executable migrate\n  main-is: A.hs\n  build-depends: base, api\n"
            "executable serve\n  main-is: B.hs\n  build-depends: base, api, warp\n"
        },
        {"migrate": {"source": "."}, "serve": {"source": ".", "process": "http"}},
    ),
    "a foreign library beside a program": (
        {
            "flib/f.cabal": PACKAGE + "foreign-library f\n  type: native-shared\n",
            "o'tool.d/t.cabal": PACKAGE + "executable tool\n  main-is: A.hs\n",
        },
        {"tool": {"source": "o'tool.d"}},
    ),
    "a literate program alone": ({"deep/prog/Main.lhs": "> main = pure ()\n"}, {"prog": {"source": "deep/prog"}}),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_init_finds_what_a_repository_builds(tmp_path: Path, shape: str) -> None:
    given, expected = SHAPES[shape]
    for name, text in given.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for line in init.init(tmp_path):
        assert "left out" not in line or " is " in line
    assert tomllib.loads((tmp_path / "lambda.toml").read_text())["function"] == expected
    kept = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert init.init(tmp_path)[-1] == "Nothing to do: every program is in lambda.toml."
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == kept


def test_what_a_person_wrote_keeps_its_ends_of_lines_and_its_mark(tmp_path: Path) -> None:
    (tmp_path / "Main.hs").write_text(TINY)
    before = b'\xef\xbb\xbf# mine\r\n[function.x]\r\nsource = "x"\r\n'
    (tmp_path / "lambda.toml").write_bytes(before)
    (tmp_path / ".gitignore").write_bytes(b"*.o\r\n")
    init.init(tmp_path)
    after = (tmp_path / "lambda.toml").read_bytes()
    assert after.startswith(before)
    assert b"\n" not in after.replace(b"\r\n", b"")
    assert (tmp_path / ".gitignore").read_bytes() == b"*.o\r\n/build/\r\n/.doit.db*\r\n"


def test_init_leaves_a_dodo_file_and_names_the_line_for_it(tmp_path: Path) -> None:
    (tmp_path / "Main.hs").write_text(TINY)
    (tmp_path / "dodo.py").write_text("# mine\n")
    (tmp_path / ".gitignore").write_text("build\n*.o")
    said = init.init(tmp_path)
    assert (tmp_path / "dodo.py").read_text() == "# mine\n"
    assert any("from haskell_on_lambda.dodo import *" in line for line in said)
    assert said[-1].startswith("Next: write that line into dodo.py")
    assert (tmp_path / ".gitignore").read_text() == "build\n*.o\n/.doit.db*\n"


def test_init_without_a_program_names_new(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no Haskell program"):
        init.init(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_name_is_made_of_any_text() -> None:
    assert project.function_name("my repo/prog") == "my-repo-prog"
    assert project.function_name("ä") == "function"


@pytest.mark.parametrize("made", ["fifo", "folder", "nowhere"])
@pytest.mark.parametrize("name", ["lambda.toml", "dodo.py", ".gitignore"])
def test_what_is_no_file_is_said_and_left(tmp_path: Path, name: str, made: str) -> None:
    """Before anything is written."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app/Main.hs").write_text(TINY)
    path = tmp_path / name
    if made == "fifo":
        os.mkfifo(path)
    elif made == "folder":
        path.mkdir()
    else:
        path.symlink_to("no/where")
    before = path.lstat().st_ino
    for verb in (["init"], ["new", "one"]):
        run = subprocess.run(
            [sys.executable, "-m", "tasks", *verb],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert run.returncode == 3, run.stderr
        assert re.search(rf"{name} (is no file|leads to no/where, where no file is)", run.stderr)
        assert "\n  \u2192 " in run.stderr
        assert "Traceback" not in run.stderr
    assert path.lstat().st_ino == before
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted(["app", name])


def test_a_description_that_is_no_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/Main.hs").write_text(TINY)
    os.mkfifo(tmp_path / "app/app.cabal")
    os.mkfifo(tmp_path / "cabal.project")
    (tmp_path / "app/package.yaml").symlink_to("nowhere")
    (tmp_path / "folder.cabal").mkdir()
    assert [(item.folder, item.name) for item in survey(tmp_path).programs] == [(Path("app"), "app")]


def test_a_table_is_written_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "kept.toml").write_text("# mine\n")
    (tmp_path / "lambda.toml").symlink_to("kept.toml")
    new.new(tmp_path, "a", "program")
    assert (tmp_path / "lambda.toml").is_symlink()
    assert "[function.a]" in (tmp_path / "kept.toml").read_text()


def test_what_the_file_system_refuses_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/Main.hs").write_text(TINY)
    command = ["bash", "-c", f"ulimit -f 0; trap '' XFSZ; exec {sys.executable} -m tasks init"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert re.match(r"error: (.*: )?File too large\.\n  \u2192 ", run.stderr), run.stderr


def test_a_symbolic_link_in_a_circle_ends(tmp_path: Path) -> None:
    (tmp_path / "Main.hs").write_text(TINY)
    (tmp_path / "again").symlink_to(tmp_path)
    assert [item.folder for item in survey(tmp_path).programs] == [Path()]


def test_stanzas_are_read_as_cabal_and_hpack_read_them() -> None:
    assert [item.name for item in cabal_executables("executable a\n  x: y\ntest-suite executable\n")] == ["a"]
    assert [item.name for item in cabal_executables('executable "a b" -- one\nexecutable c {\n}\n')] == ["a b", "c"]
    assert [item.name for item in cabal_executables("  name: p\n-- all deeper\n  executable a\n    x: y\n")] == ["a"]
    off = "common off\n  buildable: False\nexecutable a\n  import: off\nexecutable b\n  x: y\n"
    assert [item.name for item in cabal_executables(off)] == ["b"]
    assert [item.name for item in hpack_executables("name: p\nexecutable:\n  main: Main.hs\n", "f")] == ["p"]
    assert [item.name for item in hpack_executables("library:\n  executables: no\n", "f")] == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("executables:\n  a: {main: A.hs}\n  'b c' : {main: B.hs,\n    when: []\n  }\n", ["a", "b c"]),
        ('executables:\n  a: &first\n    main: A.hs\n  "b":\n    <<: *first\n  <<: *more\n', ["a", "b"]),
        ("executables:\r\n    a:\r\n        main: A.hs\r\n    # b:\r\n", ["a"]),
        ("executable:\n  main: A.hs\n", ["folder"]),
    ],
)
def test_a_package_yaml_may_be_written_in_many_ways(text: str, names: list[str]) -> None:
    assert [item.name for item in hpack_executables(text, "folder")] == names
