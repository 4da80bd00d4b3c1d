"""The processors that Lambda has, under every name they are called by."""

from __future__ import annotations

import os
from enum import StrEnum


class Architecture(StrEnum):
    """A processor in Lambda's own word."""

    X86_64 = "x86_64"
    ARM64 = "arm64"

    @property
    def elf_machine(self) -> int:
        """e_machine of its programs, which are 64-bit and little-endian: EM_X86_64, EM_AARCH64."""
        return {"x86_64": 62, "arm64": 183}[self]

    @property
    def machine(self) -> str:
        """Its name in uname(2), in qemu's file names and in those of cross compilers."""
        return {"x86_64": "x86_64", "arm64": "aarch64"}[self]

    @property
    def oci(self) -> str:
        """Its name in container images and in Debian."""
        return {"x86_64": "amd64", "arm64": "arm64"}[self]

    @property
    def loader(self) -> str:
        """The path of glibc's dynamic loader that its programs name."""
        return {"x86_64": "/lib64/ld-linux-x86-64.so.2", "arm64": "/lib/ld-linux-aarch64.so.1"}[self]


def architecture_of(name: str) -> str:
    """Lambda's word for what uname, an image or Debian calls a processor; a name that Lambda lacks stays as it is."""
    aliases = {alias: str(known) for known in Architecture for alias in (known.value, known.machine, known.oci)}
    return aliases.get(name.lower(), name)


def own_architecture() -> str:
    """This machine's processor, in Lambda's word where it has one."""
    return architecture_of(os.uname().machine)


def with_elf_machine(number: int) -> Architecture | None:
    """The processor whose programs bear this e_machine; None for one that Lambda lacks."""
    return next((known for known in Architecture if known.elf_machine == number), None)
