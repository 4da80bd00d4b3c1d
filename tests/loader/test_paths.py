"""Where a library is looked for: RPATH, RUNPATH, LD_LIBRARY_PATH and the tokens in them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tasks.lib.loader.search import DynamicLoader, split
from tests.elf_fixtures import Yard


def test_runpath_is_not_inherited(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so"], runpath="/own")
    yard.lib("/own/liba.so", ["libb.so"])
    yard.lib("/own/libb.so")
    assert yard.found(main) == ["/own/liba.so", "libb.so?"]


def test_rpath_is_inherited(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so"], rpath="/own")
    yard.lib("/own/liba.so", ["libb.so"])
    yard.lib("/own/libb.so")
    assert yard.found(main) == ["/own/liba.so", "/own/libb.so"]


def test_rpath_of_every_ancestor_counts(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so"])
    yard.lib("/lib64/liba.so", ["libb.so"], rpath="/deep")
    yard.lib("/deep/libb.so", ["libc1.so"])
    yard.lib("/deep/libc1.so")
    assert yard.found(main)[-1] == "/deep/libc1.so"


def test_own_runpath_switches_the_chain_off(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so"], rpath="/own")
    yard.lib("/own/liba.so", ["libb.so"], runpath="/elsewhere")
    yard.lib("/own/libb.so")
    assert yard.found(main) == ["/own/liba.so", "libb.so?"]


def test_runpath_of_an_ancestor_is_only_passed_over(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so"], rpath="/own")
    yard.lib("/own/liba.so", ["libb.so"], runpath="/middle")
    yard.lib("/middle/libb.so", ["libc1.so"])
    yard.lib("/own/libc1.so")
    assert yard.found(main)[-1] == "/own/libc1.so"


def test_rpath_comes_before_library_path_and_runpath_after(yard: Yard) -> None:
    for folder in ("env", "own"):
        yard.lib(f"/{folder}/liba.so")
    by_rpath = yard.program("/app/rpath", ["liba.so"], rpath="/own")
    by_runpath = yard.program("/app/runpath", ["liba.so"], runpath="/own")
    assert yard.found(by_rpath, library_path="/env") == ["/own/liba.so"]
    assert yard.found(by_runpath, library_path="/env") == ["/env/liba.so"]


def test_library_path_takes_colons_and_semicolons(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so", "libb.so"])
    yard.lib("/one/liba.so")
    yard.lib("/two/libb.so")
    assert yard.found(main, library_path="/one;/two:/three") == ["/one/liba.so", "/two/libb.so"]


def test_empty_element_is_the_working_folder(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so"])
    yard.lib("/work/liba.so")
    assert yard.found(main, library_path="/none::/lib64", cwd="/work") == ["/work/liba.so"]


def test_trailing_slashes_are_dropped(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so"], runpath="/own///")
    yard.lib("/own/liba.so")
    assert yard.found(main) == ["/own/liba.so"]


@pytest.mark.parametrize("token", ["$ORIGIN", "${ORIGIN}"])
def test_origin_in_both_spellings(yard: Yard, token: str) -> None:
    main = yard.program("/app/bin/main", ["liba.so"], runpath=f"{token}/../lib")
    yard.lib("/app/lib/liba.so")
    assert yard.found(main) == ["/app/bin/../lib/liba.so"]


def test_a_longer_word_is_no_token(yard: Yard) -> None:
    main = yard.program(
        "/app/main",
        ["liba.so"],
        runpath="$ORIGINAL:$ORIGIN_2",
    )
    yard.lib("/app/liba.so")
    assert yard.found(main) == ["liba.so?"]


def test_lib_token_is_the_distribution_s_word(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so"], runpath="/own/$LIB")
    yard.lib("/own/lib64/liba.so")
    assert yard.found(main) == ["/own/lib64/liba.so"]


def test_lib_token_on_debian(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    yard.loader("/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2")
    yard.link("/lib64", "usr/lib64")
    yard.link("/usr/lib64/ld-linux-x86-64.so.2", "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2")
    main = yard.program("/app/main", ["liba.so", "libsys.so", "libold.so"], runpath="/own/${LIB}/$PLATFORM")
    yard.lib("/own/lib/x86_64-linux-gnu/x86_64/liba.so")
    yard.lib("/usr/lib/x86_64-linux-gnu/libsys.so")
    yard.lib("/usr/lib/libold.so")
    assert yard.found(main) == [
        "/own/lib/x86_64-linux-gnu/x86_64/liba.so",
        "/usr/lib/x86_64-linux-gnu/libsys.so",
        "/usr/lib/libold.so",
    ]


def test_a_folder_whose_token_has_no_value_is_left_out() -> None:
    """It is not the working folder, as an empty element is."""
    loader = SimpleNamespace(lib="lib64", abi=SimpleNamespace(platform=""), absolute=lambda path: path or "/work")
    found = split("/a:$PLATFORM/b::/c", "/app", cast("DynamicLoader", loader), ":")
    assert found == ("/a", "/work", "/c")
    assert split("/a:$PLATFORM/b", "/app", cast("DynamicLoader", loader), ":") == ("/a",)


def test_origin_of_a_linked_program_is_where_it_really_lies(yard: Yard) -> None:
    yard.program("/app/bin/main", ["liba.so"], runpath="$ORIGIN")
    yard.lib("/app/bin/liba.so")
    yard.link("/usr/bin/tool", "/app/bin/main")
    assert yard.found("/usr/bin/tool") == ["/app/bin/liba.so"]  # ldd says: not found


def test_origin_of_a_linked_library_is_where_its_link_lies(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so"], runpath="/links")
    yard.lib("/real/liba.so", ["libb.so"], runpath="$ORIGIN")
    yard.link("/links/liba.so", "/real/liba.so")
    yard.lib("/links/libb.so")
    yard.lib("/real/libb.so")
    assert yard.found(main)[-1] == "/links/libb.so"


def test_name_with_a_slash_is_opened_as_it_stands(yard: Yard) -> None:
    main = yard.program("/app/main", ["sub/liba.so", "$ORIGIN/libb.so"])
    yard.lib("/work/sub/liba.so")
    yard.lib("/app/libb.so")
    assert yard.found(main, cwd="/work") == ["/work/sub/liba.so", "/app/libb.so"]
    assert yard.found(main, cwd="/")[-1] == "sub/liba.so?"
