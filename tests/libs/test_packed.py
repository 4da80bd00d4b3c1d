"""needed-libs.json and lib/: the document, and the folder that follows it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tasks.lib.base import files
from tasks.lib.base.errors import PackageError
from tasks.lib.libs import bundle, needed
from tasks.lib.libs import packed as packed_files
from tasks.lib.sysroot import root as sysroot
from tests.elf_fixtures import Yard
from tests.libs.lists import HOST, found, names
from tests.support import need

SCHEMA = Path(needed.__file__).with_name("needed-libs.schema.json")


pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="judges this machine's programs as x86_64")


def test_document_fits_its_schema(plain: Path, newer: Path) -> None:
    import jsonschema  # a second or more, which no other worker need spend

    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    for libc in ("auto", "runtime", "bundled", "static"):
        for program in (plain, newer):
            document = json.loads(files.as_json(found(program, libc=libc)))
            jsonschema.validate(document, schema)


def test_schema_names_every_key(plain: Path) -> None:
    schema = json.loads(SCHEMA.read_text())
    document = json.loads(files.as_json(found(plain)))
    assert set(schema["properties"]) == set(schema["required"]) == set(document)
    for kind, item in (("problem", "Problem"), ("object", "Object"), ("packed", "Packed")):
        model = getattr(needed, item)
        assert set(schema["$defs"][kind]["properties"]) == set(model.__dataclass_fields__)


def test_document_is_the_same_from_any_folder(plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = files.as_json(found(plain))
    other = tmp_path / "other"
    other.mkdir()
    (other / "program").write_bytes(plain.read_bytes())
    (other / "program").chmod(0o755)
    monkeypatch.chdir(other)
    monkeypatch.setenv("LD_LIBRARY_PATH", "/nonsense")
    assert files.as_json(found(Path("program"))) == first


def test_pack_removes_what_an_earlier_list_had_and_nothing_else(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    target = Path("build/f/lib")
    files.write(target / "gconv/stale.so", b"")
    files.write(target / "stale.so", b"")
    result = found(plain)
    assert packed_files.pack(result, HOST, target) == 3
    assert [path.relative_to(target).as_posix() for path in sorted(target.rglob("*"))] == names(result)
    (target / "mine.so").touch()
    before = (target / "libgmp.so.10").stat().st_mtime_ns
    assert packed_files.pack(result, HOST, target) == 0
    assert (target / "libgmp.so.10").stat().st_mtime_ns == before
    assert (target / "mine.so").exists()


def test_pack_refuses_what_changed_since(tmp_path: Path) -> None:
    yard = Yard(tmp_path / "yard")
    yard.program("/main", ["liba.so"])
    yard.lib("/lib64/liba.so")
    root = sysroot.Folder(yard.root)
    result = found(yard.at("/main"), root)
    yard.lib("/lib64/liba.so", (), "-Wl,-z,now")
    with pytest.raises(PackageError, match="has changed"):
        packed_files.pack(result, root, tmp_path / "lib")
    yard.at("/lib64/liba.so").unlink()
    with pytest.raises(PackageError, match="cannot be read"):
        packed_files.pack(result, sysroot.Folder(yard.root), tmp_path / "lib")


def test_what_origin_reaches_keeps_its_place_beside_the_program(tmp_path: Path) -> None:
    """A prebuilt program is walked where it lies, not in its copy; in the zip the folder is the same."""
    need("gcc")
    home = tmp_path / "app"
    (home / "d").mkdir(parents=True)
    (home / "foo.c").write_text("int foo(void) { return 1; }")
    (home / "a.c").write_text("int foo(void);\nint main(void) { return foo(); }")
    shared = ["gcc", "-shared", "-fPIC", "-nostdlib", "-Wl,-soname,libfoo.so", "-o", "d/libfoo.so", "foo.c"]
    subprocess.run(shared, cwd=home, check=True)
    subprocess.run(["gcc", "-o", "prog", "a.c", "d/libfoo.so", "-Wl,-rpath,$ORIGIN/d"], cwd=home, check=True)
    copy = tmp_path / "build" / "prog"
    copy.parent.mkdir()
    copy.write_bytes((home / "prog").read_bytes())
    copy.chmod(0o755)
    asked = {"sysroot": sysroot.Host(), "runtime": "provided.al2023", "architecture": "x86_64"}
    walked = needed.needed(copy, origin=home / "prog", **asked)  # type: ignore[arg-type]
    assert [bundle.zip_name(item.name) for item in walked.pack] == ["d/libfoo.so"]
    assert walked.verdict == "starts"
    assert needed.needed(copy, **asked).verdict == "does not start"  # type: ignore[arg-type]
