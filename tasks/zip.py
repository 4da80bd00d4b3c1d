"""The package of each function, and the proof that it starts.

in   executable, needed-libs.json and lib/, shim, what `include` names
out  build/<fn>/lambda.zip, build/<fn>/lambda.sha256 (its CodeSha256)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from tasks import adapter, needed_libs, paths
from tasks.lib import files, package
from tasks.lib.config import Function, Project
from tasks.lib.errors import PackageError

CODE = ("zip.py", "lib/archive.py", "lib/package.py", *needed_libs.GATE)


def define(project: Project) -> Iterator[dict[str, Any]]:
    """One task a function."""
    for function in project.functions:
        yield zipped(function)


def zipped(function: Function) -> dict[str, Any]:
    """Prove, then pack."""
    made = paths.Products(function)
    source = Path(function.source or ".")
    extra: dict[str, Path] = {}
    with suppress(PackageError):  # said when the task runs
        extra = package.included(function.include, source)

    def make() -> str:
        from tasks.lib import archive, shim
        from tasks.lib.gate import gate

        libs = {f"lib/{path.relative_to(made.libs)}": path for path in sorted(made.libs.rglob("*")) if path.is_file()}
        own = {function.program: made.executable, made.shim.name: made.shim}
        everything = package.joined(own, libs, package.included(function.include, source))
        verdict = gate.examine(
            everything,
            runtime=function.runtime,
            architecture=function.architecture,
            program=function.program,
            opened=package.libraries(function.include),
        )
        if not verdict.starts:
            raise gate.error(verdict)
        if function.process == "per-event" and (warning := shim.rts_warning(made.executable)):
            adapter.warn(function.name, warning)
        content = archive.packed(package.members(everything), paths.CACHE / "deflated")
        files.write(made.zip, content)
        files.write(made.sha256, f"{archive.code_sha256(content)}\n".encode())
        libraries = f"{len(libs)} {'library' if len(libs) == 1 else 'libraries'}"
        return f"{made.zip}  {files.human(len(content))}, {libraries}, starts on {function.runtime}"

    return adapter.task(
        name=function.name,
        doc=f"{made.folder}/* → {made.zip}",
        file_dep=[made.executable, made.needed_libs, made.shim, *extra.values(), *adapter.recipe(*CODE)],
        targets=[made.zip, made.sha256],
        reads={
            "include": [function.include, sorted(extra)],
            "runtime": function.runtime,
            "architecture": function.architecture,
            "program": function.program,
            "process": function.process,
        },
        action=make,
        cleans=[made.deployed_hash],
    )
