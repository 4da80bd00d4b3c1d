"""Small ELF files, each made by a gcc line that its method shows; they hold no code worth running."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tasks.lib.loader import closure as loaded
from tasks.lib.loader import search as ldpaths
from tasks.lib.loader import walk as closure
from tasks.lib.sysroot import root as sysroot
from tests.support import need

LOADER = "/lib64/ld-linux-x86-64.so.2"
SOURCE = "void _start(void) {}\nint of_no_use;\n"


@dataclass
class Yard:
    """A root file system in a folder, with just what a test puts into it."""

    folder: Path
    root: Path = field(init=False)

    def __post_init__(self) -> None:
        need("gcc")
        self.root = self.folder / "root"
        self.source = self.folder / "empty.c"
        self.stubs = self.folder / "stubs"
        for made in (self.root, self.stubs):
            made.mkdir(parents=True)
        self.source.write_text(SOURCE)

    def at(self, path: str) -> Path:
        """A path of the root, with its folder made."""
        found = self.root / path.lstrip("/")
        found.parent.mkdir(parents=True, exist_ok=True)
        return found

    def gcc(self, target: Path, *options: str) -> Path:
        subprocess.run(["gcc", "-nostdlib", "-o", target, self.source, *options], check=True)
        return target

    def stub(self, name: str) -> Path:
        """A library to link with, so that DT_NEEDED holds `name`: gcc -shared -Wl,-soname,<name>."""
        made = self.stubs / f"{len(name)}-{abs(hash(name))}.so"
        return made if made.exists() else self.gcc(made, "-shared", f"-Wl,-soname,{name}")

    def lib(
        self,
        path: str,
        needs: Sequence[str] = (),
        *options: str,
        soname: str | None = None,
        rpath: str = "",
        runpath: str = "",
    ) -> Path:
        """gcc -shared -Wl,-soname,<file name> -Wl,--no-as-needed <stubs>; soname "" for none."""
        name = Path(path).name if soname is None else soname
        named = [f"-Wl,-soname,{name}"] if name else []
        return self.gcc(self.at(path), "-shared", *named, *self.linked(needs, rpath, runpath), *options)

    def program(self, path: str, needs: Sequence[str] = (), *options: str, rpath: str = "", runpath: str = "") -> str:
        """gcc -nostartfiles -Wl,--no-as-needed <stubs>; its path in the root."""
        self.gcc(self.at(path), f"-Wl,--dynamic-linker={LOADER}", *self.linked(needs, rpath, runpath), *options)
        return path

    def linked(self, needs: Sequence[str], rpath: str, runpath: str) -> list[str]:
        options = ["-Wl,--no-as-needed", "-Wl,--allow-shlib-undefined", *(str(self.stub(name)) for name in needs)]
        options += [f"-Wl,--disable-new-dtags,-rpath,{rpath}"] if rpath else []
        options += [f"-Wl,--enable-new-dtags,-rpath,{runpath}"] if runpath else []
        return options

    def loader(self, path: str = LOADER) -> None:
        """Something that passes for the dynamic linker."""
        self.lib(path, soname=Path(path).name)

    def link(self, path: str, target: str) -> None:
        self.at(path).symlink_to(target)

    def walk(self, path: str, **search: object) -> loaded.Closure:
        return closure.closure(sysroot.Folder(self.root), path, ldpaths.Search(**search))  # type: ignore[arg-type]

    def found(self, path: str, **search: object) -> list[str]:
        """Paths in load order, without the program and its interpreter; what is missing as `name?`."""
        walked = self.walk(path, **search)
        objects = [item.path for item in walked.objects[1:] if item is not walked.interpreter]
        return objects + [f"{item.name}?" for item in walked.missing]
