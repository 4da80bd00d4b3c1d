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
from tasks.lib.shim import ShimSettings

ROOT = Path(__file__).parents[2]
PARTS = ROOT / "bench/shim"
PEERS = ("aws-lambda-cpp", "hal", "aws-lambda-haskell-runtime")
FLOOR = "C echo, in process (floor)"
PERSISTENT, NATIVE = "bootstrap, persistent Haskell", "native: Haskell with lambda-run"
COPY, FRAMES = "the same, an answer of its own", "bootstrap, persistent, plain frames"
PER_EVENT, NOT_AHEAD = "bootstrap, process an event", "bootstrap, process an event, not ahead"


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
    for name in ("api", "echo", "spawn"):
        subprocess.run(["gcc", "-O2", "-static", "-o", str(folder / name), str(PARTS / f"{name}.c")], check=True)
    for name in ("Echo", "Copy", "Frames", "Interact"):
        objects = folder / f"{name}.o"
        command = ["ghc", "-v0", "-O2", "-optl-static", "-optl-pthread", "-outputdir", str(objects)]
        command += [f"-i{ROOT}/hs/lambda-run/src", "-o", str(folder / name), str(PARTS / f"{name}.hs")]
        subprocess.run(command, check=True)


def variants(folder: Path, peers: Path) -> dict[str, Variant]:
    """Everything that can be measured here; what cannot is named."""
    client = CLIENT.absolute() / "bin/index.mjs"
    node = [shutil.which("node") or "", str(client if client.exists() else RUNTIME_JS), "run.handle"]

    def rooted(name: str, program: Path | None = None) -> Path:
        root = folder / name
        root.mkdir()
        if program:
            shutil.copy(program, root / "main")
        return root

    def native(name: str, program: str, **settings: object) -> Variant:
        root = rooted(name, folder / program)
        chosen = ShimSettings("main", **settings)  # type: ignore[arg-type]
        shim.bootstrap(ROOT / "shim", chosen, root / "bootstrap", shim.compilers(own_architecture()))
        return Variant(root, (str(root / "bootstrap"),), slow=settings.get("process") is None)

    def on_node(name: str, program: str, **settings: object) -> Variant:
        root = rooted(name, folder / program)
        (root / "run.js").write_text(shim.run_js(ROOT / "shim", ShimSettings("main", **settings)))  # type: ignore[arg-type]
        return Variant(root, tuple(node), slow=True)

    def script(name: str, program: Path | None = None) -> Variant:
        root = rooted(name, program)
        shutil.copy(PARTS / f"{name}.js", root / "run.js")
        return Variant(root, tuple(node), slow=True)

    found = {
        FLOOR: Variant(folder, (str(folder / "echo"),)),
        NATIVE: native("native", "Echo", process="native"),
        PERSISTENT: native("persistent", "Echo", process="persistent"),
        COPY: native("copy", "Copy", process="persistent"),
        FRAMES: native("frames", "Frames", process="persistent"),
        PER_EVENT: native("per-event", "Interact"),
        NOT_AHEAD: native("not-ahead", "Interact", prestart=False),
    }
    if node[0]:
        found |= {
            "Node shim, persistent Haskell": on_node("node-persistent", "Echo", process="persistent"),
            "Node shim, process an event": on_node("node-per-event", "Interact"),
            "the old Node wrapper": script("wrapper", folder / "Interact"),
            "plain Node handler": script("plain"),
        }
    else:
        print("skipped: everything on Node (node is not installed)")
    if shutil.which("curl"):
        found["bash and curl"] = Variant(folder, (str(PARTS / "curl.sh"),), slow=True)
    for name in PEERS:
        if (peers / name).exists():
            found[name] = Variant(folder, (str((peers / name).absolute()),))
        else:
            print(f"skipped: {name} (no such program in {peers})")
    return found
