"""Cost grows with the number of members and of symbols, and no faster: calls are counted, not seconds."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.lib.gate import judge
from tasks.lib.gate.lambda_root import Contents
from tasks.lib.platform.runtimes import platform
from tasks.lib.sysroot.member import Member
from tests.support import compiled

FEW, MANY = 300, 1200
GROWTH = MANY / FEW * 1.1


def calls(act: Callable[[], object]) -> int:
    """How many functions are called, those of C too."""
    count = 0

    def counted(_: object, event: str, __: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        act()
    finally:
        sys.setprofile(before)
    return count


def verdict(members: dict[str, Member]) -> None:
    judge.foreign(Contents(members), platform("provided.al2023", "x86_64"))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    made = compiled("int main(void) { return 0; }", tmp_path_factory.mktemp("cost") / "main").read_bytes()
    verdict({"bootstrap": Member.of(made, 0o755)})  # what is read once a process is not counted
    return made


@pytest.mark.parametrize("kind", ["data", "programs", "folders"])
def test_members(program: bytes, kind: str) -> None:
    def members(count: int) -> dict[str, Member]:
        name = {"data": "data/{}", "programs": "bin/{}", "folders": "a/{}/b/c"}[kind]
        other = Member.of(program if kind == "programs" else b"x", 0o755)
        return {"bootstrap": Member.of(program, 0o755), **{name.format(number): other for number in range(count)}}

    few, many = (calls(lambda count=count: verdict(members(count))) for count in (FEW, MANY))  # type: ignore[misc]
    assert many < few * GROWTH


@pytest.mark.usefixtures("program")
@pytest.mark.parametrize("kind", ["defined", "undefined"])
def test_symbols(tmp_path: Path, kind: str) -> None:
    """gcc -shared of as many functions; gcc main.c with as many calls of them."""

    def members(count: int) -> dict[str, Member]:
        names = [f"f{number}" for number in range(count)]
        library = compiled("".join(f"int {name}(void) {{ return 1; }}" for name in names), tmp_path / "libf.so",
                           "-shared", "-fPIC", "-nostdlib", "-Wl,-soname,libf.so")  # fmt: skip
        used = names if kind == "undefined" else names[:1]
        source = "".join(f"int {name}(void);" for name in names) + "int main(void) { return 0"
        main = compiled(f"{source}{''.join(f' + {name}()' for name in used)}; }}", tmp_path / "main",
                        "-Wl,--no-as-needed", str(library))  # fmt: skip
        return {"bootstrap": Member.of(main.read_bytes(), 0o755), "lib/libf.so": Member.of(library.read_bytes(), 0o644)}

    few, many = members(FEW), members(MANY)
    assert calls(lambda: verdict(many)) < calls(lambda: verdict(few)) * GROWTH
