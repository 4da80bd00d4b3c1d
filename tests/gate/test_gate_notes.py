"""What the gate notes, leaves unproved and knows of symbols, versions and odd names."""

from __future__ import annotations

import re
import struct
import subprocess
from pathlib import Path

import pytest

from tasks.lib.base.errors import UsageError
from tasks.lib.base.files import as_json
from tasks.lib.gate import judge
from tasks.lib.gate.verdict import Outcome, Topic, Verdict, family, printable, version_order
from tasks.lib.package import members as package_members
from tasks.lib.platform import runtimes
from tasks.lib.platform.layout import DATA
from tasks.lib.platform.runtimes import AT_LEAST, platform
from tasks.lib.sysroot.member import Member
from tests.elf_fixtures import Yard
from tests.gate.judging import SYSTEM, examined, lib, package

pytestmark = pytest.mark.skipif(not SYSTEM.exists(), reason="needs Debian on x86_64: its glibc is newer than Lambda's")


def test_of_a_helper_that_cannot_start_it_is_noted(programs: dict[str, Path]) -> None:
    found = examined(package(programs, "plain") | {"tools/helper": programs["hypot"]})
    assert found.starts
    note = next(note for note in found.notes if note.kind == "helper")
    assert note.file == "tools/helper"
    assert "GLIBC_2.35" in note.message


def test_what_nothing_loads_stops_nothing(programs: dict[str, Path], yard: Yard, tmp_path: Path) -> None:
    foreign = yard.lib("/foreign.so")
    content = bytearray(foreign.read_bytes())
    struct.pack_into("<H", content, 18, 183)
    foreign.write_bytes(content)
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF broken")
    members = package(programs, "plain", "libexpat.so.1") | {"data/foreign.so": foreign, "data/broken": broken}
    members["data/object.o"] = yard.gcc(yard.at("/a.o"), "-c")
    found = examined(members)
    assert found.starts
    assert {note.file for note in found.notes} >= {"lib/libexpat.so.1", "data/foreign.so", "data/broken"}


def test_what_is_opened_later_must_load(programs: dict[str, Path]) -> None:
    members = package(programs, "plain", "libexpat.so.1")
    found = judge.examine(
        package_members.members(members),
        runtime="provided.al2023",
        architecture="x86_64",
        program="main",
        dlopen_names=("libexpat.so.1",),
    )
    assert [problem.symbol for problem in found.problems] == ["arc4random_buf"]


def test_absolute_rpath_of_the_build_host_is_of_no_use(programs: dict[str, Path], yard: Yard) -> None:
    yard.program("/main", ["liba.so"], rpath="/home/me/.stack/lib")
    members = {"main": yard.at("/main"), "bootstrap": programs["static"]}
    assert not examined(members).starts
    assert examined(members | {"lib/liba.so": yard.lib("/liba.so")}).starts


def test_rpath_comes_before_what_travels(programs: dict[str, Path], yard: Yard) -> None:
    yard.program("/main", ["libz.so.1"], rpath="/lib64")
    members = {"main": yard.at("/main"), "bootstrap": programs["static"]} | lib("libz.so.1")
    found = examined(members)
    assert "/lib64/libz.so.1" in {item.name for item in found.objects}
    assert "lib/libz.so.1" in {note.file for note in found.notes}


def test_unknown_versions_are_not_proved(programs: dict[str, Path]) -> None:
    members = {"main": Path("/bin/ls"), "bootstrap": programs["static"]} | lib("libselinux.so.1")
    assert examined(members).starts
    members.pop("lib/libselinux.so.1")
    found = examined(members)
    assert (found.verdict, found.starts, found.problems) == (Outcome.UNPROVED, False, ())
    assert [(lack.kind, lack.file) for lack in found.unproved] == [("versions", "main")]
    assert "libselinux.so.1" in found.unproved[0].hint


def test_runtimes_have_dates_and_replacements() -> None:
    found = runtimes.runtime("provided.al2023")
    assert found.deprecated < found.create_blocked < found.update_blocked  # type: ignore[operator]
    with pytest.raises(UsageError, match=r"provided\.al2 is over") as error:
        runtimes.runtime("provided.al2")
    assert "provided.al2023" in error.value.hint
    with pytest.raises(UsageError, match="no runtime"):
        runtimes.runtime("nodejs99.x")
    with pytest.raises(UsageError, match="no architecture"):
        runtimes.platform("provided.al2023", "mips")


@pytest.mark.parametrize("architecture", runtimes.ARCHITECTURES)
def test_every_architecture_has_a_whole_c_library(architecture: str) -> None:
    where = runtimes.platform("provided.al2023", architecture)
    assert Path(where.loader).name in where.libraries
    assert "GLIBC_2.34" in where.versions["libc.so.6"]
    assert not any(
        version_order(version) > version_order("GLIBC_2.34")
        for version in where.versions["libc.so.6"]
        if "2." in version
    )
    tiers = {name: where.tier(name) for name in ("libc.so.6", "libgcc_s.so.1", "libgmp.so.10", "liblapack.so.3")}
    assert list(tiers.values()) == ["T0", "T1", "T2", "T3"]


def test_versions_are_ordered_by_number() -> None:
    assert version_order("GLIBC_2.4") < version_order("GLIBC_2.34") < version_order("GLIBC_2.34.1")
    assert [family(word) for word in ("GLIBC_2.3", "GLIBCXX_3.4.30", "CXXABI_FLOAT128")] == [
        "GLIBC",
        "GLIBCXX",
        "CXXABI_FLOAT128",
    ]


def test_names_are_shown_safely(programs: dict[str, Path]) -> None:
    assert printable("a\nb\udcff\u2028") == "a\\x0ab\\xff\\x2028"
    assert as_json(examined(package(programs, "plain")))


def test_a_verdict_is_the_same_each_time(programs: dict[str, Path]) -> None:
    members = package(programs, "gmp", "libgmp.so.10", "libexpat.so.1")
    backwards = dict(reversed(members.items()))
    assert as_json(examined(members)) == as_json(examined(backwards))


def versioned(yard: Yard, name: str, body: str) -> Path:
    """gcc -shared -Wl,--version-script=…: a library that defines X_1 for all it has."""
    (yard.folder / f"{name}.c").write_text(body)
    (yard.folder / "map").write_text("X_1 { *; };")
    made = yard.folder / name / "libx.so"
    made.parent.mkdir()
    line = ["gcc", "-nostdlib", "-shared", "-Wl,-soname,libx.so", f"-Wl,--version-script={yard.folder}/map"]
    subprocess.run([*line, "-o", made, yard.folder / f"{name}.c"], check=True)
    return made


@pytest.mark.parametrize(("binding", "starts"), [("now", False), ("lazy", True)])
def test_a_library_of_another_build_lacks_a_symbol(
    programs: dict[str, Path],
    yard: Yard,
    binding: str,
    starts: bool,  # noqa: FBT001
) -> None:
    newer = versioned(yard, "newer", "void first(void) {}\nvoid second(void) {}")
    older = versioned(yard, "older", "void first(void) {}")
    source = yard.folder / "main.c"
    source.write_text("void first(void), second(void);\nvoid _start(void) { first(); second(); }")
    main = yard.folder / "main"
    subprocess.run(["gcc", "-nostdlib", f"-Wl,-z,{binding}", "-o", main, source, newer], check=True)
    members = {"main": main, "bootstrap": programs["static"]}
    assert examined(members | {"lib/libx.so": newer}).starts
    found = examined(members | {"lib/libx.so": older})
    assert found.starts is starts
    said = [problem.message for problem in found.problems] + [note.message for note in found.notes]
    assert any("main needs second (X_1) of libx.so, which the one that is loaded lacks" in text for text in said)


def test_a_loader_without_x_bit(programs: dict[str, Path], tmp_path: Path) -> None:
    loader = tmp_path / "ld-linux-x86-64.so.2"
    loader.write_bytes(Path("/lib64/ld-linux-x86-64.so.2").read_bytes())
    members = package(programs, "hypot", "libc.so.6", "libm.so.6") | {f"lib/{loader.name}": loader}
    loader.chmod(0o644)
    assert [problem.file for problem in examined(members).problems] == ["lib/ld-linux-x86-64.so.2"]
    loader.chmod(0o755)
    assert examined(members).starts


@pytest.mark.parametrize("content", [b"#!\xff\n\n", b"\x7fELF\xff\xff"])
def test_stray_bytes_of_a_file_do_not_spoil_the_document(
    programs: dict[str, Path], tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "odd"
    path.write_bytes(content)
    path.chmod(0o755)
    member = Member.of(content, 0o755)
    members = {"main": member, "bootstrap": member, "lib/no\udcffutf8.so": member}
    assert as_json(judge.examine(members, runtime="provided.al2023", architecture="x86_64", program="main"))


def calls(yard: Yard, soname: str, *symbols: str, options: tuple[str, ...] = ()) -> Path:
    """gcc -nostdlib: a program that calls these of a library."""
    folder = yard.folder / f"{soname}-{len(options)}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "stub.c").write_text("".join(f"void {symbol}(void) {{}}\n" for symbol in symbols) or "int none;")
    (folder / "user.c").write_text(
        "".join(f"void {symbol}(void);\n" for symbol in symbols)
        + f"void _start(void) {{ {''.join(f'{symbol}();' for symbol in symbols)} }}"
    )
    line = ["gcc", "-nostdlib", "-shared", f"-Wl,-soname,{soname}", "-o", soname, "stub.c"]
    subprocess.run(line, cwd=folder, check=True)
    line = ["gcc", "-nostdlib", "-Wl,--no-as-needed", *options, "-o", "main", "user.c", f"./{soname}"]
    subprocess.run(line, cwd=folder, check=True)
    return folder / "main"


@pytest.mark.parametrize(
    ("soname", "symbol", "outcome", "said"),
    [
        ("libz.so.1", "deflate", Outcome.STARTS, ""),
        ("libz.so.1", "deflate_more", Outcome.FAILS, "which nothing that is loaded with it defines"),
        ("libgmp.so.10", "__gmpz_init", Outcome.STARTS, ""),
        ("libgmp.so.10", "__gmpz_new_one", Outcome.UNPROVED, "only libgmp.so.10 of the runtime can define"),
        ("libelf.so.1", "elf_begin", Outcome.FAILS, "neither in the package nor in"),
    ],
)
def test_names_of_the_runtimes_libraries(  # noqa: PLR0917 - a row, and fixtures
    programs: dict[str, Path], yard: Yard, soname: str, symbol: str, outcome: Outcome, said: str
) -> None:
    """Bound at the start: known whole, in part, or not at all."""
    main = calls(yard, soname, symbol, options=("-Wl,-z,now",))
    found = examined({"main": main, "bootstrap": programs["static"]})
    assert found.verdict is outcome
    texts = [item.message for item in found.problems] + [item.message for item in found.unproved]
    texts += [item.message for item in found.notes]
    assert any(said in text for text in texts) if said else not any(symbol in text for text in texts)


SONAME, SYMBOL = "libstands_for_any_other_soname.so.0", "stands_for_any_other_symbol_of_the_library"


def test_an_invented_symbol_of_a_library_of_the_runtime_is_never_passed_over(
    programs: dict[str, Path], yard: Yard
) -> None:
    """Of each library: bound at the start it is a problem or not proved, later a note; known names are there."""
    where, shim = platform("provided.al2023", "x86_64"), programs["static"].read_bytes()
    now = calls(yard, SONAME, SYMBOL, options=("-Wl,-z,now",)).read_bytes()
    later = calls(yard, SONAME, SYMBOL, options=("-Wl,-z,lazy", "-no-pie")).read_bytes()

    def verdict(program: bytes, soname: str, symbol: str) -> Verdict:
        for before, after in ((SONAME, soname), (SYMBOL, symbol)):
            program = program.replace(before.encode(), after.encode().ljust(len(before), b"\0"))
        members = {"main": Member.of(program, 0o755), "bootstrap": Member.of(shim, 0o755)}
        return judge.examine(members, runtime="provided.al2023", architecture="x86_64", program="main")

    for soname in sorted(where.libraries):
        names = where.symbols.get(soname, frozenset({AT_LEAST}))
        known = sorted(name for name in names if re.fullmatch(r"[a-z]\w{3,40}", name))
        found = verdict(now, soname, "invented_by_us")
        assert found.verdict is (Outcome.UNPROVED if AT_LEAST in names else Outcome.FAILS), soname
        found = verdict(later, soname, "invented_by_us")
        assert found.starts, soname
        assert any("invented_by_us" in note.message for note in found.notes), soname
        for name in known[:1]:
            found = verdict(now, soname, name)
            assert found.starts, soname
            assert not [note for note in found.notes if note.kind is Topic.SYMBOL], soname


def speaking_of(yard: Yard, text: str) -> Path:
    """gcc main.c: a program that prints this."""
    source = yard.at("/speaking.c")
    source.write_text(f'#include <stdio.h>\nint main(void) {{ return puts("{text}") < 0; }}')
    subprocess.run(["gcc", "-o", yard.at("/speaking"), source], check=True)
    return yard.at("/speaking")


def test_a_list_of_paths_is_noted_by_its_folders(programs: dict[str, Path], yard: Yard) -> None:
    """As Lua's: what is filled in is no name of a file."""
    program = speaking_of(yard, "/usr/share/some/5/?.lua;/usr/share/else/?/i.lua")
    notes = examined({"main": program, "bootstrap": programs["static"]}).notes
    (said,) = [note.message for note in notes if note.kind == Topic.DATA]
    assert 'include = ["/usr/share/else", "/usr/share/some/5"] ships' in said


def test_data_that_travel_in_another_place_are_not_noted(programs: dict[str, Path], yard: Yard) -> None:
    members = {"main": speaking_of(yard, "/usr/share/my-x/data"), "bootstrap": programs["static"]}
    assert [note.kind for note in examined(members).notes] == [Topic.DATA]
    assert examined(members | {f"{DATA}/my_x/a": yard.source}).notes == ()
