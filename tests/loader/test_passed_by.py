"""Files of the right name that are passed by, and those that end the search."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from tests.elf_fixtures import Yard


def patched(path: Path, offset: int, data: bytes) -> None:
    content = bytearray(path.read_bytes())
    content[offset : offset + len(data)] = data
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("offset", "data"), [(18, struct.pack("<H", 183)), (4, b"\1")], ids=["other machine", "other class"]
)
def test_other_processors_files_are_passed_by(yard: Yard, offset: int, data: bytes) -> None:
    main = yard.program("/app/main", ["liba.so"], runpath="/wrong:/right")
    patched(yard.lib("/wrong/liba.so"), offset, data)
    yard.lib("/right/liba.so")
    assert yard.found(main) == ["/right/liba.so"]
    assert len(yard.walk(main).objects[1].skipped) == 1


FATAL = {
    "byte order": (5, b"\2"),
    "version": (6, b"\0"),
    "system": (7, b"\x09"),
    "padding": (12, b"\1"),
    "relocatable": (16, struct.pack("<H", 1)),
    "header size": (54, struct.pack("<H", 57)),
}


@pytest.mark.parametrize("fault", FATAL)
def test_what_the_loader_refuses_is_never_replaced_by_the_next(yard: Yard, fault: str) -> None:
    main = yard.program("/app/main", ["liba.so"], runpath="/wrong:/right")
    patched(yard.lib("/wrong/liba.so"), *FATAL[fault])
    yard.lib("/right/liba.so")
    walked = yard.walk(main)
    assert [item.name for item in walked.missing] == ["liba.so"]
    assert "/wrong/liba.so" in walked.missing[0].refused


@pytest.mark.parametrize(
    "content", [b"", b"\x7fELF", b"INPUT(libb.so)\n", b"x" * 100], ids=["0", "4", "script", "text"]
)
def test_a_file_that_is_no_library_ends_the_search(yard: Yard, content: bytes) -> None:
    main = yard.program("/app/main", ["liba.so"], runpath="/wrong:/right")
    yard.at("/wrong/liba.so").write_bytes(content)
    yard.lib("/right/liba.so")
    assert yard.walk(main).missing[0].refused


def test_a_folder_in_a_library_s_place_ends_the_search(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so"], runpath="/wrong:/right")
    yard.at("/wrong/liba.so/x").write_text("")
    yard.lib("/right/liba.so")
    assert "directory" in yard.walk(main).missing[0].refused


def test_a_program_cannot_be_loaded_as_a_library(yard: Yard) -> None:
    main = yard.program("/app/main", ["tool"], runpath="/app")
    yard.program("/app/tool", (), "-pie")
    assert "programs cannot be loaded" in yard.walk(main).missing[0].refused


def test_symlink_loop_ends_its_path_list_only(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so"], runpath="/loop:/never")
    yard.link("/loop/liba.so", "liba.so")
    yard.lib("/never/liba.so")
    yard.lib("/lib64/liba.so")
    assert yard.found(main) == ["/lib64/liba.so"]


@pytest.mark.parametrize("target", ["/gone", "/app/main/x"])
def test_dangling_links_are_passed_by(yard: Yard, target: str) -> None:
    main = yard.program("/app/main", ["liba.so"], runpath="/bad:/good")
    yard.link("/bad/liba.so", target)
    yard.lib("/good/liba.so")
    assert yard.found(main) == ["/good/liba.so"]


def test_fifo_in_a_library_s_place_does_not_block(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so"], runpath="/pipe")
    os.mkfifo(yard.at("/pipe/liba.so"))
    assert "Not a regular file" in yard.walk(main).missing[0].refused
