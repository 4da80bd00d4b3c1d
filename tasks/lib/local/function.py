"""A function on this machine before it runs: its zip laid out as Lambda does, its command, its environment.

in   a `Package`: the zip, and the settings that a function meets beside it
out  `lay_out(package, folder)`, then `command(package, folder)` and `environment(package, folder)`; start.py starts it

A bootstrap is started as on Lambda. A Node handler runs in AWS's own client (npm aws-lambda-ric, from node_modules of
the folder doit runs in) where that is installed, else in shim/runtime.js.
"""

from __future__ import annotations

import calendar
import os
import shutil
import stat
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..base.errors import InvokeError, ToolError
from ..base.files import PROGRAM_MODE, room_or_error
from ..base.resources import resource
from ..platform.architecture import own_architecture, with_elf_machine
from ..platform.layout import BOOTSTRAP, LIBRARY_PATH, OPT, RUNTIME, TASK
from ..platform.limits import DEFAULT_TIMEOUT_S, LEAST_MEMORY_MB, LEAST_TMP_MB
from ..platform.runtimes import on_node
from . import folders

RUNTIME_JS = resource("shim/runtime.js").absolute()
CLIENT = Path("node_modules/aws-lambda-ric")  # AWS's own
CLIENT_LAYOUTS = (  # script, and the part of it that is compiled at installation; read on 2026-11-28
    ("index.mjs", "rapid-client.node"),  # 4.x
    ("bin/index.mjs", "dist/rapid-client.node"),  # 3.x
)
REGISTERED = Path("/proc/sys/fs/binfmt_misc")  # interpreters of foreign programs


@dataclass(frozen=True)
class Package:
    """A built zip, and what a function meets beside it."""

    name: str
    zip: Path
    runtime: str
    handler: str
    timeout_s: int = DEFAULT_TIMEOUT_S
    memory_mb: int = LEAST_MEMORY_MB
    environment: Mapping[str, str] = field(default_factory=dict)
    log_format: str = "Text"  # or JSON
    log_level: str = ""  # the least that is wanted; in JSON only, as on Lambda
    layers: tuple[Path, ...] = ()  # zips, in order
    tmp_mb: int = LEAST_TMP_MB
    room: bool = True  # whether it runs in a room like Lambda's, where there can be one

    @property
    def on_node(self) -> bool:
        """Whether it is a handler for Node rather than a bootstrap."""
        return on_node(self.runtime)


def lay_out(package: Package, folder: Path) -> Path:
    """The package in `folder`/task, its layers in `folder`/opt, as Lambda lays them out; returns the former.

    InvokeError for a zip that is none.
    """
    for archive in package.layers:
        if not archive.exists():
            raise InvokeError(f"There is no layer {archive}.", "Correct layer_zips in lambda.toml.")
    task, opt = folder / folders.TASK, folder / "opt"
    with room_or_error(folder):
        for place, zips in ((task, (package.zip,)), (opt, package.layers)):
            place.mkdir()
            place.chmod(PROGRAM_MODE)  # whatever the umask: the function's user is another one
            for archive in zips:
                unpack(archive, place)
    return task


def unpack(package: Path, folder: Path) -> None:
    """The zip's members with the modes and the times of it, as Lambda lays them out; InvokeError for what is no zip.

    Links are made last, and none leads a member out of the folder, nor one that an earlier layer has left there.
    """
    modes: dict[Path, int] = {}
    links: list[zipfile.ZipInfo] = []
    try:
        with zipfile.ZipFile(package) as archive:
            for member in archive.infolist():
                mode = member.external_attr >> 16
                if stat.S_ISLNK(mode):
                    links.append(member)
                    continue
                _make_place(package, member.filename, folder)
                path = Path(archive.extract(member, folder))
                os.utime(path, (written := calendar.timegm(member.date_time), written))
                for above in path.relative_to(folder).parents:
                    modes.setdefault(folder / above, PROGRAM_MODE)
                if mode:
                    modes[path] = stat.S_IMODE(mode)
            for path in sorted(modes, reverse=True):  # a folder after what lies in it
                path.chmod(modes[path])
            for member in links:
                place = _make_place(package, member.filename, folder)
                place.parent.mkdir(parents=True, exist_ok=True)
                if place.is_dir():
                    raise InvokeError(f"{package} has {member.filename!r} as a folder and as a link.", "Pack it anew.")
                place.unlink(missing_ok=True)
                place.symlink_to(archive.read(member).decode())
    except FileNotFoundError as error:
        raise InvokeError(f"{package} does not exist.", "Run doit, which builds it.") from error
    except zipfile.BadZipFile as error:
        raise InvokeError(
            f"{package} is no zip: {error}.", f"Remove it and run doit, which builds it: {package}"
        ) from error


def _make_place(package: Path, name: str, folder: Path) -> Path:
    """Where a member goes, free of a link of that name; InvokeError where its folder is not in ours."""
    path = folder.joinpath(*(part for part in name.split("/") if part not in {"", ".", ".."}))  # as zipfile has it
    if not Path(os.path.realpath(path.parent)).is_relative_to(os.path.realpath(folder)):
        raise InvokeError(
            f"{package} has {name!r} below a link that leads out of it.", "Pack it anew without that link."
        )
    if path.is_symlink():
        path.unlink()
    return path


def command(package: Package, root: Path) -> list[str]:
    """The command that serves the unpacked package; InvokeError for no bootstrap, or one for another processor."""
    if package.on_node:
        _check_architecture(root, [path for path in root.iterdir() if path.is_file()])
        return [node(), str(node_client(CLIENT.absolute()) or RUNTIME_JS), package.handler]
    bootstrap = root / BOOTSTRAP
    if not bootstrap.exists():
        raise InvokeError(
            f"{package.zip} has no bootstrap, which {package.runtime} starts.", "Run doit, which packs one."
        )
    _check_architecture(root, [bootstrap])
    return [str(bootstrap), package.handler]


def node_client(folder: Path) -> Path | None:
    """The script that starts AWS's client for Node, where `folder` holds one that was compiled; both its layouts."""
    for script, compiled in CLIENT_LAYOUTS:
        if (folder / script).exists() and (folder / compiled).exists():
            return folder / script
    return None


def node() -> str:
    """The path of Node.js; ToolError where it is not installed."""
    found = shutil.which("node")
    if not found:
        raise ToolError(
            "Node.js is not installed; a function on a Node runtime needs it here.", "apt-get install nodejs"
        )
    return found


def _check_architecture(root: Path, programs: list[Path]) -> None:
    """A program for another processor would fail with a riddle; one that qemu is registered for is welcome."""
    for path in programs:
        head = path.read_bytes()[:20] if path.stat().st_mode & 0o111 else b""
        made_for = with_elf_machine(int.from_bytes(head[18:20], "little")) if head[:4] == b"\x7fELF" else None
        if made_for and made_for != own_architecture() and not (REGISTERED / f"qemu-{made_for.machine}").exists():
            raise InvokeError(
                f"{path.relative_to(root)} is made for {made_for}, and this machine is {own_architecture()}.",
                "Install qemu-user-static, or invoke it on AWS.",
            )


def environment(package: Package, root: Path) -> dict[str, str]:
    """What a function in a plain folder of this machine finds; the person's own credentials, so that it may use AWS."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in {"PATH", "HOME"} or (name.startswith("AWS_") and not name.startswith("AWS_LAMBDA_"))
    }
    return as_on_lambda(package, str(root), kept, str(root.with_name("opt")))


def as_on_lambda(package: Package, root: str, kept: Mapping[str, str], opt: str = OPT) -> dict[str, str]:
    """What a function finds on Lambda, but for the sandbox's own; `kept` comes from this machine."""
    return {
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        **kept,
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "LAMBDA_TASK_ROOT": root,
        "LAMBDA_RUNTIME_DIR": RUNTIME,
        "LD_LIBRARY_PATH": LIBRARY_PATH.replace(TASK, root).replace(OPT, opt),
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{package.runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": package.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(package.timeout_s),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(package.memory_mb),
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{package.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "local",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_FORMAT": package.log_format,
        **({"AWS_LAMBDA_LOG_LEVEL": package.log_level} if package.log_level and package.log_format == "JSON" else {}),
        **package.environment,
    }
