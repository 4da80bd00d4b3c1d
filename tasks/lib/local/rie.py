"""The real Runtime Interface Emulator, fetched once.

in   a cache folder; the network, the first time
out  the path of the emulator's program for this machine

AWS publishes it inside the Python package aws-sam-cli, whose wheel is pinned here by its hash. pip fetches it, so that
whatever index, proxy or certificate the person has configured is used.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

from ..base.errors import ToolError
from ..base.files import PROGRAM_MODE, replacement, scratch

VERSION = "1.170.0"
SHA256 = "24ebaf5ecba38dc1758089968cb89ab61e124b84e92a344fc7a2771a47f4d0bf"
MEMBER = "samcli/local/rapid/aws-lambda-rie-{architecture}"

Log = Callable[[str], None]


def emulator(cache: Path, architecture: str, log: Log) -> Path:
    """The emulator for "x86_64" or "arm64", from the cache or else from the wheel; ToolError when it cannot be had."""
    target = cache / f"aws-lambda-rie-{VERSION}-{architecture}"
    if target.exists():
        return target
    log(f"fetching the Lambda emulator (once, 8 MB: aws-sam-cli {VERSION})")
    with scratch("emulator") as folder:
        wheel = wheel_of_the_emulator(folder)
        with zipfile.ZipFile(wheel) as archive, replacement(target, PROGRAM_MODE) as temporary:
            temporary.write_bytes(archive.read(MEMBER.format(architecture=architecture)))
    return target


def wheel_of_the_emulator(folder: Path) -> Path:
    """The pinned wheel, fetched into `folder`; ToolError when it cannot be had."""
    wanted = folder / "wanted.txt"
    wanted.write_text(f"aws-sam-cli=={VERSION} --hash=sha256:{SHA256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary=:all:", "--ignore-requires-python"]
    command += ["--require-hashes", "-r", str(wanted), "-d", str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    wheels = list(folder.glob("*.whl"))
    if result.returncode or not wheels:
        told = [line for line in result.stderr.splitlines() if line.strip()]
        said = [line for line in told if line.startswith("ERROR") or "No module" in line]
        if said == ["ERROR: Exception:"]:  # pip's own fault, whose last line names it
            said = told[-1:]
        raise ToolError(
            f"The Lambda emulator cannot be fetched: {' '.join(said) or result.stderr.strip()}",
            "It needs pip and the package index once; later runs use the copy. "
            f"To see more: {sys.executable} -m pip download --no-deps aws-sam-cli=={VERSION}",
        )
    return wheels[0]
