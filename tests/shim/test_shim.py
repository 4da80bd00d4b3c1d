"""Making the shims: any name, the same bytes anywhere, and clear words when that fails; and the JSON they know."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.lib import shim
from tasks.lib.base.errors import BuildError, ToolError
from tasks.lib.build.compiler import compile_c
from tasks.lib.platform.layout import DATA, LIB
from tasks.lib.settings.words import Input, Process, Response
from tasks.lib.shim import ShimSettings
from tests.shim.shims import CHECKED, PROGRAMS, SHIM
from tests.support import lacking, need

NAMES = ["main", "two words", "it's", 'a"b', "$& $1 $$", "ü-λ", "\\n", "%s", "`${x}`", "<!-- x -->", "\u2028", "\n"]


# ---- run.js ----


@pytest.mark.parametrize("name", NAMES)
def test_any_name_arrives_in_run_js(name: str, tmp_path: Path) -> None:
    template = "process.stdout.write(JSON.stringify(['$$main$$', JSON.parse('$$settings$$')]))"
    (tmp_path / "run.js").write_text(shim.filled_in(template, ShimSettings(name, input=Input.ENVELOPE, prestart=False)))
    seen = json.loads(subprocess.run([need("node"), tmp_path / "run.js"], capture_output=True, check=True).stdout)
    settings = {"process": "per-event", "input": "envelope", "prestart": False, "response": "buffered"}
    settings |= {
        "http": None,
        "content_type": "",
        "success": [0],
        "errors": {},
        "arguments": [],
        "answer_bytes": 6291556,
        "stream_mb": 200,
        "lib": LIB,
        "data": DATA,
    }
    assert seen == [name, settings]


@pytest.mark.parametrize("name", ["", "a/b", "a\0b"])
def test_what_is_no_file_name_is_refused(name: str) -> None:
    with pytest.raises(BuildError, match="no file name"):
        ShimSettings(name)


# ---- bootstrap ----


def test_the_bootstrap_is_the_same_anywhere_and_any_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = shim.compilers("x86_64")
    shim.bootstrap(SHIM, ShimSettings("main"), tmp_path / "one", compiler)
    shutil.copytree(SHIM, tmp_path / "elsewhere/shim", copy_function=shutil.copyfile)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    monkeypatch.setenv("LC_ALL", "POSIX")
    monkeypatch.chdir(tmp_path)
    os.umask(0o077)
    time.sleep(1)
    shim.bootstrap(Path("elsewhere/shim"), ShimSettings("main"), Path("two"), compiler)
    os.umask(0o022)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert (tmp_path / "two").stat().st_mode & 0o777 == 0o755
    assert str(tmp_path).encode() not in (tmp_path / "one").read_bytes()


def test_functions_driven_in_the_same_way_share_what_is_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[str] = []

    def noted(command: Sequence[str], sources: Path, target: Path) -> None:
        compiled.append(command[-1])
        compile_c(command, sources, target)

    monkeypatch.setattr(shim, "compile_c", noted)
    monkeypatch.setattr(shim, "_objects", {})
    sources = shutil.copytree(SHIM, tmp_path / "shim")

    def make(name: str, **settings: Any) -> bytes:
        compiled.clear()
        shim.bootstrap(sources, ShimSettings(name, **settings), tmp_path / name, shim.compilers("x86_64"))
        return (tmp_path / name).read_bytes()

    make("first")
    assert len(compiled) == 2
    second = make("second")
    assert len(compiled) == 1
    assert b"starts: second\0" in second
    make("third", prestart=False)
    assert len(compiled) == 2
    (sources / "text.c").write_text((sources / "text.c").read_text() + "\n/* edited meanwhile */\n")
    make("second")
    assert len(compiled) == 2
    monkeypatch.setattr(shim, "_objects", {})
    assert make("second") == second
    assert [path.name for path in tmp_path.iterdir() if path.suffix in {".tmp", ".o"}] == []


def test_the_bootstrap_is_small_and_static(tmp_path: Path) -> None:
    target = tmp_path / "bootstrap"
    if shim.compilers("x86_64") != ("musl-gcc",):
        lacking("musl-gcc is not installed")
    shim.bootstrap(SHIM, ShimSettings("main"), target, shim.compilers("x86_64"))
    assert target.stat().st_size < 150_000
    headers = subprocess.run([need("readelf"), "-lW", target], capture_output=True, text=True, check=True).stdout
    assert "INTERP" not in headers


COMPILERS = [name for name in ("musl-gcc", "gcc", "aarch64-linux-gnu-gcc") if shutil.which(name)]


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("process", ["per-event", "persistent", "native"])
def test_every_compiler_finds_nothing_to_warn_of(compiler: str, process: str, tmp_path: Path) -> None:
    for response in ("buffered", "stream"):
        chosen = ShimSettings("main", process=Process(process), input=Input.ENVELOPE, response=Response(response))
        shim.bootstrap(SHIM, chosen, tmp_path / "bootstrap", (compiler, "-Wall", "-Wextra", "-Werror"))


def test_a_failed_compile_keeps_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "bootstrap"
    target.write_bytes(b"old")
    shutil.copytree(SHIM, tmp_path / "shim")
    (tmp_path / "shim/api.c").write_text("#error mend me\n")
    with pytest.raises(ToolError, match=r"api\.c:.*error.*mend me"):
        shim.bootstrap(tmp_path / "shim", ShimSettings("main"), target, shim.compilers("x86_64"))
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".tmp"] == []


def test_a_missing_compiler_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for architecture, package in {"x86_64": "musl-tools", "arm64": "gcc-aarch64-linux-gnu"}.items():
        with pytest.raises(ToolError) as caught:
            shim.compilers(architecture)
        assert f"apt-get install {package}" in caught.value.hint
    with pytest.raises(ToolError, match="gone is not installed"):
        shim.bootstrap(SHIM, ShimSettings("main"), tmp_path / "bootstrap", ("gone",))


# ---- the RTS ----


def test_a_threaded_program_is_warned_of_and_one_with_the_cure_is_not(tmp_path: Path) -> None:
    ghc = need("ghc")
    (tmp_path / "Main.hs").write_text("main :: IO ()\nmain = interact id\n")

    def warning(name: str, *options: str) -> str | None:
        command = [ghc, "-v0", "-outputdir", str(tmp_path / f"{name}.o"), "-o", str(tmp_path / name), *options]
        subprocess.run([*command, str(tmp_path / "Main.hs")], check=True)
        subprocess.run(["strip", str(tmp_path / name)], check=True)
        return shim.rts_warning(tmp_path / name)

    assert warning("plain") is None
    assert warning("cured", "-threaded", "-with-rtsopts=-V0") is None
    threaded = warning("threaded", "-threaded") or ""
    assert "-with-rtsopts=-V0" in threaded
    assert "threaded is linked with -threaded" in threaded


# ---- JSON ----


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[bytes], tuple[bool, str]]]:
    target = tmp_path_factory.mktemp("text") / "text"
    command = [*CHECKED, "-std=c11", "-D_GNU_SOURCE", f"-I{SHIM}", *shim._macros(ShimSettings("text"))]
    subprocess.run([*command, "-o", str(target), str(PROGRAMS / "is_json.c")], check=True)
    with subprocess.Popen([target], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        stdin, stdout = process.stdin, process.stdout
        assert stdin
        assert stdout

        def ask(data: bytes) -> tuple[bool, str]:
            stdin.write(b"%d\n" % len(data) + data)
            stdin.flush()
            verdict, _, quoted = stdout.readline().partition(b" ")
            return verdict == b"1", json.loads(quoted)

        yield ask
        stdin.close()
        assert process.wait() == 0


def is_json(data: bytes) -> bool:
    def refuse(_: str) -> None:
        raise ValueError

    try:
        json.loads(data.decode(), parse_constant=refuse, parse_int=str)
    except ValueError:
        return False
    return not data.startswith("\ufeff".encode())


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
PIECES = st.sampled_from(
    [*'{}[],:" \\/-+.eE019tfn\n\0', "true", "false", "null", '"a"', "\\u00", "\\uD800", '"\\u12aB"', "1.5e3", "\x7f"]
)


@settings(max_examples=400)
@given(value=VALUES, cut=st.integers(0, 60), pretty=st.booleans())
def test_json_is_told_from_its_pieces(
    text: Callable[[bytes], tuple[bool, str]], value: object, cut: int, *, pretty: bool
) -> None:
    whole = json.dumps(value, ensure_ascii=not pretty, indent=2 if pretty else None).encode(errors="surrogatepass")
    for data in (whole, whole[:cut], whole[cut:], whole + b",", b"[" * cut + whole + b"]" * cut):
        assert text(data)[0] == is_json(data), data


@settings(max_examples=1000)
@given(data=st.lists(PIECES).map("".join).map(str.encode) | st.binary() | st.text().map(lambda t: f'"{t}"'.encode()))
def test_other_text_is_told_and_quoted_as_it_is(text: Callable[[bytes], tuple[bool, str]], data: bytes) -> None:
    verdict, quoted = text(data)
    assert verdict == is_json(data), data
    assert quoted == data.decode(errors="replace")


def test_depth_is_the_senders_choice(text: Callable[[bytes], tuple[bool, str]]) -> None:
    assert text(b"[" * 1_000_000 + b"]" * 1_000_000)[0]
    assert not text(b"[" * 1_000_000)[0]


def test_each_c_file_uses_only_those_before_it() -> None:
    declared = dict.fromkeys(shim.SOURCES, "")
    for header in ("bootstrap.h", "api.h"):
        sections = re.split(r"/\* ---- (\w+\.c) ---- \*/", (SHIM / header).read_text())
        for source, text in zip(sections[1::2], sections[2::2], strict=True):
            declared[source] = declared.get(source, "") + text
    owner = {
        name: source
        for source, text in declared.items()
        for name in re.findall(r"^[\w _]+?\*?(\w+)\(", text, re.MULTILINE)
    }
    assert {"append", "is_json", "note", "loop_wait", "child_start", "api_next", "per_event"} <= set(owner)
    for position, source in enumerate(shim.SOURCES):
        used = set(re.findall(r"\b\w+\b(?=\()", (SHIM / source).read_text()))
        above = {name for name in used & set(owner) if shim.SOURCES.index(owner[name]) > position}
        assert not above, f"{source} uses {above}"
