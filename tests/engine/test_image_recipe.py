"""ghc-centos/ as far as it can be judged without a base: linted, pinned, and in an order that saves work."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tasks.lib.engine.image import Recipe
from tasks.lib.settings.load import Build
from tests.support import ROOT, need

FOLDER = ROOT / "ghc-centos"
DOCKERFILE = (FOLDER / "Dockerfile").read_text()
PROVISION = (FOLDER / "provision.sh").read_text()


def recipe(folder: Path = FOLDER, project: str = "p", **build: object) -> Recipe:
    return Recipe(folder, Build(**build), project)  # type: ignore[arg-type]


def test_hadolint_has_nothing_to_say() -> None:
    beside = Path(sys.executable).with_name("hadolint")
    hadolint = str(beside) if beside.exists() else need("hadolint")
    done = subprocess.run([hadolint, FOLDER / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_shellcheck_has_nothing_to_say() -> None:
    command = [need("shellcheck"), str(FOLDER / "provision.sh")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_tool_is_pinned() -> None:
    for name in ("GHC", "CABAL", "STACK"):
        assert re.search(rf"^ARG {name}_VERSION=\d+(\.\d+)+$", DOCKERFILE, re.MULTILINE)
    for machine in ("x86_64", "aarch64"):
        assert re.search(rf"^GHCUP_SHA256_{machine}=[0-9a-f]{{64}}$", PROVISION, re.MULTILINE)


def test_packages_are_asked_for_after_the_compiler() -> None:
    compiler, packages = DOCKERFILE.index("provision.sh toolchain"), DOCKERFILE.index("ARG PACKAGES")
    assert compiler < packages


def test_the_base_can_be_chosen() -> None:
    assert DOCKERFILE.index("ARG BASE_IMAGE=quay.io/centos/centos:stream9") < DOCKERFILE.index("FROM ${BASE_IMAGE}")


def test_the_tag_tells_content_from_content(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(FOLDER, copy)
    assert recipe().tag == recipe(copy).tag
    others = [
        recipe(base_image="debian:bookworm"),
        recipe(packages=("git",)),
        recipe(packages={"apt": ("git",)}),
        recipe(build_args={"GHC_VERSION": "9.8.4"}),
        recipe(platform="linux/arm64"),
        recipe(project="q"),
    ]
    (copy / "provision.sh").write_text(PROVISION + "\n")
    tags = {each.tag for each in [recipe(), recipe(copy), *others]}
    assert len(tags) == len(others) + 2


def test_what_only_compiling_needs_does_not_make_another_image() -> None:
    assert recipe().tag == recipe(memory_mb=1000, cpus=1, network="none", ghc_options=("-O2",)).tag


def test_the_context_is_the_same_bytes_for_the_same_content(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(FOLDER, copy)
    (copy / "provision.sh").touch()
    (copy / "provision.sh").chmod(0o600)
    assert recipe().context() == recipe(copy).context()


def test_packages_become_arguments_by_package_manager() -> None:
    assert recipe(packages=("a", "b")).arguments == {"PACKAGES": "a b"}
    made = recipe(packages={"apt": ("a",), "dnf": ("b", "c")}).arguments
    assert made == {"PACKAGES_APT": "a", "PACKAGES_DNF": "b c"}
