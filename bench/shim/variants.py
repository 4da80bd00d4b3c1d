"""What bench/shim/compare.py compares: our shims and their peers, each a task root and the command that serves it.

in   the programs' sources in bench/shim and hs/lambda-run, a folder with the peers' programs
out  `compiled(folder)` makes ours; `variants(folder, peers)` is everything that can be measured here
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tasks.lib import shim
from tasks.lib.local.function import CLIENT, RUNTIME_JS
from tasks.lib.platform.architecture import own_architecture
from tasks.lib.settings.words import Process
from tasks.lib.shim import ShimSettings

ROOT = Path(__file__).parents[2]
PARTS = ROOT / "bench/shim"
PEERS = ("aws-lambda-cpp", "hal", "aws-lambda-haskell-runtime")
FLOOR = "C echo, in process (floor)"
PERSISTENT, NATIVE = "bootstrap, persistent Haskell", "native: Haskell with lambda-run"
COPY, FRAMES = "the same, an answer of its own", "bootstrap, persistent, plain frames"
PER_EVENT, NOT_AHEAD = "bootstrap, process an event", "bootstrap, process an event, not ahead"
PER_EVENT_C, PER_EVENT_MUSL = "bootstrap, process an event, in C", "the same, in C with musl"


@dataclass(frozen=True)
class Variant:
    """A task root and the command that serves it."""

    root: Path
    command: tuple[str, ...]
    slow: bool = False  # a process or two an event: fewer events are enough

    def environment(self) -> dict[str, str]:
        """What it is started with."""
        return {
            "PATH": os.environ["PATH"],
            "LAMBDA_TASK_ROOT": str(self.root),
            "_HANDLER": "handler",
            "LANG": "en_US.UTF-8",
            "AWS_REGION": "us-east-1",
            "AWS_LAMBDA_FUNCTION_NAME": "f",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
            "AWS_LAMBDA_FUNCTION_TIMEOUT": "60",
            "AWS_LAMBDA_LOG_GROUP_NAME": "g",
            "AWS_LAMBDA_LOG_STREAM_NAME": "s",
        }


def compiled(folder: Path) -> None:
    """Our own programs."""
    for name in ("api", "echo", "spawn", "interact"):
        _link("gcc", folder / name, name)
    if shutil.which("musl-gcc"):
        _link("musl-gcc", folder / "interact-musl", "interact")
    for name in ("Echo", "Copy", "Frames", "Interact"):
        objects = folder / f"{name}.o"
        command = ["ghc", "-v0", "-O2", "-optl-static", "-optl-pthread", "-outputdir", str(objects)]
        command += [f"-i{ROOT}/hs/lambda-run/src", "-o", str(folder / name), str(PARTS / f"{name}.hs")]
        subprocess.run(command, check=True)


def _link(compiler: str, target: Path, name: str) -> None:
    subprocess.run([compiler, "-O2", "-static", "-o", str(target), str(PARTS / f"{name}.c")], check=True)


def variants(folder: Path, peers: Path, *, with_node: bool = True) -> dict[str, Variant]:
    """Everything that can be measured here; what cannot is named."""
    found = {
        FLOOR: Variant(folder, (str(folder / "echo"),)),
        NATIVE: _native(folder, "native", "Echo", ShimSettings("main", process=Process.NATIVE)),
        PERSISTENT: _native(folder, "persistent", "Echo", ShimSettings("main", process=Process.PERSISTENT)),
        COPY: _native(folder, "copy", "Copy", ShimSettings("main", process=Process.PERSISTENT)),
        FRAMES: _native(folder, "frames", "Frames", ShimSettings("main", process=Process.PERSISTENT)),
        PER_EVENT: _native(folder, "per-event", "Interact", ShimSettings("main")),
        PER_EVENT_C: _native(folder, "per-event-c", "interact", ShimSettings("main")),
    }
    if (folder / "interact-musl").exists():
        found[PER_EVENT_MUSL] = _native(folder, "per-event-musl", "interact-musl", ShimSettings("main"))
    else:
        print("skipped: a process an event in C with musl (musl-gcc is not installed)")
    found[NOT_AHEAD] = _native(folder, "not-ahead", "Interact", ShimSettings("main", prestart=False))
    if with_node:
        found |= _on_node(folder)
        if shutil.which("curl"):
            found["bash and curl"] = Variant(folder, (str(PARTS / "curl.sh"),), slow=True)
    for name in PEERS:
        if (peers / name).exists():
            found[name] = Variant(folder, (str((peers / name).absolute()),))
        else:
            print(f"skipped: {name} (no such program in {peers})")
    return found


def _task_root(folder: Path, name: str, program: str = "") -> Path:
    root = folder / name
    root.mkdir()
    if program:
        shutil.copy(folder / program, root / "main")
    return root


def _native(folder: Path, name: str, program: str, settings: ShimSettings) -> Variant:
    root = _task_root(folder, name, program)
    shim.bootstrap(ROOT / "shim", settings, root / "bootstrap", shim.compilers(own_architecture()))
    return Variant(root, (str(root / "bootstrap"),), slow=settings.process == Process.PER_EVENT)


def _on_node(folder: Path) -> dict[str, Variant]:
    """run.js, the wrapper that this project began with, and a plain handler."""
    node = shutil.which("node")
    if not node:
        print("skipped: everything on Node (node is not installed)")
        return {}
    client = CLIENT.absolute() / "bin/index.mjs"
    command = (node, str(client if client.exists() else RUNTIME_JS), "run.handle")

    def with_shim(name: str, program: str, settings: ShimSettings) -> Variant:
        root = _task_root(folder, name, program)
        (root / "run.js").write_text(shim.run_js(ROOT / "shim", settings))
        return Variant(root, command, slow=True)

    def script(name: str, program: str = "") -> Variant:
        root = _task_root(folder, name, program)
        shutil.copy(PARTS / f"{name}.js", root / "run.js")
        return Variant(root, command, slow=True)

    return {
        "Node shim, persistent Haskell": with_shim(
            "node-persistent", "Echo", ShimSettings("main", process=Process.PERSISTENT)
        ),
        "Node shim, process an event": with_shim("node-per-event", "Interact", ShimSettings("main")),
        "the old Node wrapper": script("wrapper", "Interact"),
        "plain Node handler": script("plain"),
    }
