"""What a machine has for building, running and deploying functions.

in   PATH, the container engine that answers, /proc, boto3's own chain of credentials
out  a `Finding` a thing: its version, or the exact command that gets it

Only programs of the toolchain are started, for their versions. AWS is asked at most three things, with short limits.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .base.errors import BuildError
from .settings.words import Builder

if TYPE_CHECKING:
    from .settings.load import Build, Project

WAIT_S = 10
ON_HOST = frozenset({"ghc", "gcc", "strip"})  # without an engine nothing is built without them
DEBIAN = "apt-get install "  # as root
USER_NAMESPACES = Path("/proc/sys/user/max_user_namespaces")
DEBIANS_SWITCH = Path("/proc/sys/kernel/unprivileged_userns_clone")


class Finding(NamedTuple):
    """One thing: there with `detail`, or lacking with a `cure`."""

    name: str
    good: bool
    detail: str
    cure: str = ""
    optional: bool = True


def program(name: str, words: Sequence[str], package: str, why: str) -> Finding:
    """A program on PATH with its version, or the package that brings it."""
    where = shutil.which(name)
    cure = f"{DEBIAN}{package}"
    if where is None:
        return Finding(name, good=False, detail=f"not installed; {why}", cure=cure)
    try:
        done = subprocess.run([where, *words], capture_output=True, text=True, timeout=WAIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding(name, good=False, detail=f"{where} does not run: {error}", cure=cure)
    if done.returncode:
        cure = f"{' '.join([where, *words])} says why; {cure} brings a new one"
        return Finding(name, good=False, detail=f"{where} fails with exit {done.returncode}; {why}", cure=cure)
    version = re.search(r"\d+(?:\.\d+)+", done.stdout + done.stderr)
    return Finding(name, good=True, detail=f"{version[0] if version else 'there'}  {where}")


def building(build: Build) -> Iterator[Finding]:
    """What executables are made with."""
    yield engine(build)
    yield program("ghc", ["--numeric-version"], "ghc", "builds on this host need it")
    yield program("cabal", ["--numeric-version"], "cabal-install", "for packages with a cabal file")
    yield program("stack", ["--numeric-version"], "haskell-stack", "for packages with a stack.yaml")
    yield program("gcc", ["--version"], "gcc libc6-dev", "it links, and compiles the native bootstrap")
    yield program("strip", ["--version"], "binutils", "executables are stripped with it")
    yield program("musl-gcc", ["--version"], "musl-tools", "it makes the native bootstrap static and small")


def engine(build: Build) -> Finding:
    """The container engine that a build would use."""
    from .engine import find

    if build.builder == Builder.HOST:
        return Finding("engine", good=True, detail='not asked: builder = "host" in lambda.toml')
    try:
        place, answer = find.answering_engine()
    except BuildError as error:
        reason = error.message.splitlines()[0]
        return Finding("engine", good=False, detail=reason, cure=f"{DEBIAN}docker.io (or podman), or install GHC here")
    return Finding("engine", good=True, detail=f"{answer.server} at {place.address}")


def running(cache: Path) -> Iterator[Finding]:
    """What functions are run with on this machine."""
    yield program("node", ["--version"], "nodejs", "for functions on the Node runtimes")
    kept = sorted(path.name for path in cache.glob("*rie*")) if cache.is_dir() else []
    detail = f"kept: {', '.join(kept)}" if kept else "not fetched yet; the first doit invoke --local or doit local does"
    yield Finding("emulator", good=True, detail=detail)
    yield namespaces()


def namespaces() -> Finding:
    """Whether a plain user may make name spaces, which rootless engines need."""
    try:
        most = int(USER_NAMESPACES.read_text())
        allowed = not DEBIANS_SWITCH.exists() or DEBIANS_SWITCH.read_text().strip() != "0"
    except (OSError, ValueError):
        most, allowed = 0, False
    if most and allowed:
        return Finding("namespaces", good=True, detail=f"user namespaces: at most {most}")
    switch = "kernel.unprivileged_userns_clone=1" if most else "user.max_user_namespaces=15000"
    return Finding(
        "namespaces", good=False, detail="no user namespaces; rootless engines need them", cure=f"sysctl -w {switch}"
    )


def deploying(project: Project) -> Iterator[Finding]:
    """Who AWS takes us for, where, and whether the roles are there."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    from .aws.session import region_for

    settings = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 1})
    try:
        session = boto3.Session()
        credentials = session.get_credentials()
    except BotoCoreError as error:
        yield Finding("credentials", good=False, detail=str(error), cure="Mend ~/.aws/config or AWS_PROFILE.")
        return
    try:
        region = region_for(session, project.deploy)
        yield Finding("region", good=True, detail=region)
    except BuildError as error:
        region = "us-east-1"  # IAM and STS answer there as everywhere
        yield Finding("region", good=False, detail=error.message, cure=error.hint)
    if credentials is None:
        cure = "aws configure, or aws sso login, or set AWS_PROFILE"
        yield Finding("credentials", good=False, detail="boto3 finds none; only deploying needs them", cure=cure)
        return
    yield Finding("credentials", good=True, detail=f"from {credentials.method}")
    identity, lacks = _answer("account", lambda: session.client("sts", region, config=settings).get_caller_identity())
    if lacks is not None:
        yield lacks
        return
    pinned = project.deploy.account
    right = pinned in (None, identity["Account"])
    detail = f"{identity['Account']}  {identity['Arn']}" + ("" if right else f"; lambda.toml allows only {pinned}")
    yield Finding("account", good=right, detail=detail, cure="" if right else "Set AWS_PROFILE to one of that account.")
    for role in sorted({function.role for function in project.functions if function.role}):
        name = role.rpartition("/")[2]
        found, lacks = _answer(
            f"role {name}", partial(session.client("iam", region, config=settings).get_role, RoleName=name)
        )
        yield lacks or Finding(f"role {name}", good=True, detail=found["Role"]["Arn"])


def _answer(name: str, ask: Callable[[], Any]) -> tuple[Any, Finding | None]:
    """What AWS answers, or the finding that it does not, with the next act."""
    from .aws.errors import errors_while

    try:
        with errors_while():
            return ask(), None
    except BuildError as error:
        if name.startswith("role ") and "NoSuchEntity" in f"{error}{error.__cause__}":
            return None, Finding(name, good=False, detail="not there yet", cure="doit role")
        return None, Finding(name, good=False, detail=error.message, cure=error.hint)


def can_build(found: Sequence[Finding], builder: Builder) -> bool:
    """Whether anything could be built here: in a container, or with GHC and a linker, as lambda.toml wants it."""
    there = {item.name for item in found if item.good}
    in_container = builder != Builder.HOST and "engine" in there
    return in_container or (builder != Builder.DOCKER and there >= ON_HOST)


def mark_needed(found: Sequence[Finding], builder: Builder) -> list[Finding]:
    """The same things; those without which nothing can be built here are not optional."""
    needed = {"engine"} if builder == Builder.DOCKER else set() if can_build(found, builder) else ON_HOST
    return [item._replace(optional=item.name not in needed) for item in found]
