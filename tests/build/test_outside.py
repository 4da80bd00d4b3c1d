"""What a build reads besides its sources: programs, headers, settings, variables; and files that were not fetched."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.lib.build.host import Host
from tasks.lib.build.outside import Outside, Surroundings
from tasks.lib.build.sources import tree
from tasks.lib.build.tools import chooses, program_files
from tests.build.trees import BUILD, put
from tests.support import Workshop, make_workshop, need

MACRO = "{-# LANGUAGE CPP #-}\nmodule Main (main) where\n#include <own.h>\nmain :: IO ()\nmain = print (N :: Int)\n"
READING = """{-# LANGUAGE CPP, TemplateHaskell #-}
module Main (main) where
import Language.Haskell.TH
#include <own.h>
main :: IO ()
main = putStrLn ($(runIO (readFile "TOP/word") >>= litE . stringL) ++ show (N :: Int))
"""
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def says(made: Workshop, name: str = "f") -> str:
    return subprocess.run(
        [made.folder / f"build/{name}/{name}"], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_a_header_of_the_system_is_read_anew(workshop: Callable[..., Workshop]) -> None:
    """So is one of another folder that a variable names."""
    need("ghc")
    made = workshop(f='source = "hs/f"')
    made.write("hs/f/Main.hs", MACRO)
    for place, number in (("one", 1), ("one", 2), ("two", 3)):
        made.write(f"{place}/own.h", f"#define N {number}\n")
        assert "binary:f" in made.good("binary", CPATH=str(made.folder / place)).ran
        assert says(made) == str(number)
        assert made.good("binary", CPATH=str(made.folder / place)).ran == set()


@pytest.mark.parametrize("described", [True, False])
def test_the_library_of_an_installed_package_counts_where_its_description_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, described: bool
) -> None:
    """An upgrade that changes what a function does changes no interface; what nobody needs does not count."""
    monkeypatch.chdir(tmp_path)
    put("db/package.cache")
    for name, more in (("q", "depends: r-1-Ab9\n"), ("r", "depends:\n    base-4\n    q-2-old\n"), ("s", "")):
        text = f'name: {name}\nexposed-modules:\n    {name.upper()}.In\nlibrary-dirs: "${{pkgroot}}/{name}"\n'
        put(f"db/{name}-1.conf", text=f"{text}hs-libraries: HS{name}-1\n{more}")
        put(f"{name}/libHS{name}-1.a", text="one")
    put("src/Main.hs", text="import qualified Q.In\nmain = Q.In.main\n")
    if described:
        put("src/p.cabal", text="name: p\nexecutable p\n  build-depends: base, q >=1\n")

    def outside() -> Outside:
        given = Surroundings({"STACK_ROOT": str(tmp_path)}, files=[str(tmp_path / "db/package.cache")])
        return Outside(Path("record"), tmp_path / "trace", tree(Path("src"), BUILD), given)

    found = outside()
    assert found.has_changed()
    found.begin(anew=True)
    found.keep()
    assert not outside().has_changed()
    put("s/libHSs-1.a", text="two")
    assert not outside().has_changed()
    put("r/libHSr-1.a", text="two")
    assert outside().has_changed()


ASKING = """{-# LANGUAGE TemplateHaskell #-}
module Main (main) where
import Control.Exception
import Data.List
import Language.Haskell.TH
import System.Directory
import System.Environment
main :: IO ()
main = putStrLn $(runIO (do
  text <- readFile "TOP/word" `catch` \\e -> pure (const "none" (e :: SomeException))
  word <- lookupEnv "OWN_WORD"
  names <- listDirectory "TOP/folder"
  pure (intercalate "," ([text, maybe "-" id word] ++ sort names))) >>= litE . stringL)
"""


def test_what_code_asks_for_while_it_is_compiled_counts(
    workshop: Callable[..., Workshop], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files, folders and variables that nothing else tells of."""
    need("ghc")
    top = tmp_path / "else where"
    (top / "folder").mkdir(parents=True)
    made = workshop(f='source = "hs/f"')
    made.write("hs/f/Main.hs", ASKING.replace("TOP", str(top)))
    monkeypatch.delenv("OWN_WORD", raising=False)
    words: dict[str, str] = {}
    for expected in ("none,-", "one,-", "one,b", "one,b,x", "two,b,x"):
        text, *rest = expected.split(",")
        if text != "none":
            (top / "word").write_text(text)
        words = {"OWN_WORD": rest[0]} if rest[0] != "-" else {}
        if rest[1:]:
            (top / "folder/x").write_text("")
        assert "binary:f" in made.good("binary", **words).ran
        assert says(made) == expected
        assert made.good("binary", **words).ran == set()
    assert "the variable OWN_WORD is not as it was" in made.good("why", OWN_WORD="c").out


def test_what_a_preprocessor_opens_as_a_stream_counts(workshop: Callable[..., Workshop], tmp_path: Path) -> None:
    """As sed does, and most that is written in C."""
    need("ghc")
    rules = tmp_path / "rules.sed"
    made = workshop(f='source = "hs/f"')
    made.write("hs/f/Main.hs", '{-# OPTIONS_GHC -F -pgmF ./pre.sh #-}\nmain :: IO ()\nmain = putStrLn "WORD"\n')
    made.write("hs/f/pre.sh", f'#!/bin/sh\nsed -f {rules} "$2" > "$3"\n')
    (made.folder / "hs/f/pre.sh").chmod(0o755)
    for word in ("one", "two"):
        rules.write_text(f"s/WORD/{word}/\n")
        assert "binary:f" in made.good("binary").ran
        assert says(made) == word
        assert made.good("binary").ran == set()


def test_what_is_read_counts_in_a_folder_with_blanks_that_has_no_fixed_name(tmp_path: Path) -> None:
    need("ghc")
    made = make_workshop(tmp_path / "a folder: with blanks", f='source = "hs/f"')
    made.write("hs/f/Main.hs", READING.replace("TOP", str(tmp_path)))
    program(tmp_path / "bin/unshare", "exit 1")
    for header, word in ((1, "a"), (2, "a"), (2, "b")):
        (tmp_path / "own.h").write_text(f"#define N {header}\n")
        (tmp_path / "word").write_text(word)
        words = {"CPATH": str(tmp_path), "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
        assert "binary:f" in made.good("binary", **words).ran
        assert says(made) == f"{word}{header}"
        assert made.good("binary", **words).ran == set()


TOOLED = {
    "f.cabal": "cabal-version: 2.4\nname: f\nversion: 1\nexecutable f\n  main-is: Main.hs\n  other-modules: L\n"
    "  build-depends: base\n  build-tool-depends: alex:alex >= 3\n  build-tools: alex\n\nflag x\n  manual: True\n",
    "package.yaml": "name: f\ndependencies: base\nbuild-tools:\n- alex\nexecutables:\n  f:\n    main: Main.hs\n"
    "    source-dirs: .\n",
}


@pytest.mark.parametrize(("tool", "description"), [("cabal", "f.cabal"), ("stack", "package.yaml")])
def test_another_build_tool_makes_its_modules_anew(
    tool: str, description: str, workshop: Callable[..., Workshop]
) -> None:
    """A tool of PATH is taken, though stack and cabal would have one of a package."""
    need(tool)
    if tool == "stack" and Path(need("ghc")).resolve().with_name("alex").exists():
        pytest.skip("stack takes the alex beside ghc, whatever PATH says")
    made = workshop(f='source = "hs/f"')
    settings = made.folder / "lambda.toml"
    settings.write_text(settings.read_text().replace('tool = "ghc"', f'tool = "{tool}"'))
    made.write(f"hs/f/{description}", TOOLED[description])
    made.write("hs/f/Main.hs", "module Main (main) where\nimport L\nmain :: IO ()\nmain = print n\n")
    made.write("hs/f/L.x", "nothing that it looks at")
    path = f"{made.folder}/bin:{os.environ['PATH']}"
    for number in (1, 2):
        text = (
            'case "$*" in --version) echo "Alex version 3.2.7.1"; exit;; esac; while test "$1" != -o; do shift; done\n'
        )
        module = f"module L (n) where\\nn :: Int\\nn = {number}\\n"
        program(made.folder / "bin/alex", f"{text}printf '{module}' > \"$2\"")
        assert "binary:f" in made.good("binary", PATH=path).ran
        assert says(made) == str(number)
        assert made.good("binary", PATH=path).ran == set()


def test_a_shim_that_chooses_is_asked_each_time_and_runs_where_it_was_asked(workshop: Callable[..., Workshop]) -> None:
    """As asdf and its like do: its own file stays, and a file above the folder it runs in says which version it is."""
    ghc = need("ghc")
    made = workshop(f='source = "hs/f"')
    made.write("hs/f/Main.hs", MACRO.replace("#include <own.h>\n", ""))
    shim = 'here=$PWD; while test ! -e "$here/.choice" && test "$here" != /; do here=$(dirname "$here"); done\n'
    shim += 'read -r v < "$here/.choice"; exec "$(dirname "$0")/../versions/$v" "$@"'
    program(made.folder / "bin/ghc", shim)
    for number in (1, 2):
        said = f'case "$*" in --numeric-version) echo 9.0.{number + 1};; *) exec {ghc} -DN={number} "$@";; esac'
        program(made.folder / f"versions/{number}", said)
    path = f"{made.folder}/bin:{os.environ['PATH']}"
    for number in (1, 2, 1):
        made.write(".choice", f"{number}\n")
        assert made.good("binary", PATH=path).ran == {"image", "binary:f"}
        assert says(made) == str(number)
        assert made.good("binary", PATH=path).ran == set()


def test_what_path_leads_to_is_followed_to_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link, and a script that names a file or its folder; not one that decides when it is run."""
    real = tmp_path / "ghc/9.2.8/bin/ghc-9.2.8"
    program(tmp_path / "x", "")
    real.parent.mkdir(parents=True)
    real.write_bytes(b"\x7fELF")
    real.chmod(0o755)
    bin_folder = tmp_path / "bin"
    monkeypatch.setenv("PATH", str(bin_folder))
    script = bin_folder / "ghc"
    for number, text in enumerate((f'exec "{real}" "$@"', f'exedir="{real.parent}"\nexec "$exedir/ghc-9.2.8"'), 1):
        monkeypatch.setenv("PATH", f"{bin_folder}{'/' * number}")  # what was found is known by PATH
        program(script, text)
        if number == 2:
            script.rename(bin_folder / "ghc-9.2.8")
            script.symlink_to("ghc-9.2.8")
        assert program_files("ghc")[-1] == real
        assert not chooses("ghc")
        script.unlink()
    for number, text in enumerate((f"exec {tmp_path}/x exec ghc", "exec stack exec ghc"), 3):
        monkeypatch.setenv("PATH", f"{bin_folder}{'/' * number}")
        program(script, text)
        assert chooses("ghc")
        script.unlink()
    script.symlink_to(tmp_path / "mise")
    (tmp_path / "mise").write_bytes(b"\x7fELF")
    (tmp_path / "mise").chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_folder}//////")
    assert chooses("ghc")
    assert not chooses("none")


def test_libraries_that_a_description_names_are_watched(here: Path) -> None:
    text = "executable f\n  extra-libraries: own,\n    other\n  extra-lib-dirs: lib\n  pkgconfig-depends: own-1 >= 2\n"
    put("f/f.cabal", text=text)
    put("f/lib/libown.a", "f/lib/libother.so", "pc/own-1.pc")
    put("f/cabal.project", text=f"extra-lib-dirs: {here}/third\n")
    put("third/libthird.a")
    host = Surroundings({"PKG_CONFIG_PATH": f"{here}/pc"}, "('-optl-lthird',)", files=[f"{here}/package.cache"])
    outside = Outside(here / "record", here / "trace", tree(Path("f"), BUILD), host)
    assert outside.has_changed()
    outside.begin(anew=True)
    outside.keep()
    found = {path.name for path in outside.files()}
    assert {str(path) for tool in ("ghc", "ld.gold") for path in program_files(tool)} <= set(map(str, outside.files()))
    assert {"libown.a", "libother.so", "own-1.pc", "libthird.a", "crt1.o", "package.cache", "config.yaml"} <= found
    again = Outside(here / "record", here / "trace", tree(Path("f"), BUILD), host)
    assert not again.has_changed()
    Path("f/lib/libown.a").touch()
    assert not again.has_changed()
    Path("pc/own-1.pc").write_text("x")
    assert again.has_changed()


LINKED = "  main-is: Main.hs\n  build-depends: base\n  default-language: Haskell2010\n"
FOREIGN = "foreign import ccall own :: IO Int\nmain :: IO ()\nmain = own >>= print\n"


def test_what_lies_among_the_sources_and_is_linked_counts(workshop: Callable[..., Workshop]) -> None:
    """Neither cabal nor GHC looks at an archive or an object again."""
    need("cabal")
    made = workshop(**dict.fromkeys("abc", 'source = "hs/p/sub"'))
    settings = made.folder / "lambda.toml"
    settings.write_text(settings.read_text().replace('tool = "ghc"', 'tool = "cabal"'))
    ways = {
        "a": "extra-lib-dirs: lib\n  extra-libraries: own",
        "b": "ld-options: lib/libown.a",
        "c": "ghc-options: lib/o.o",
    }
    parts = "".join(f"executable {name}\n{LINKED}  {way}\n" for name, way in ways.items())
    made.write("hs/p/cabal.project", "packages: sub\n")
    made.write("hs/p/sub/p.cabal", f"cabal-version: 2.4\nname: p\nversion: 1\n{parts}")
    made.write("hs/p/sub/Main.hs", f"module Main (main) where\n{FOREIGN}")
    folder = made.write("hs/p/sub/lib/own.c", "").parent
    for number in ("1", "2"):
        made.write("hs/p/sub/lib/own.c", f"long own(void) {{ return {number}; }}\n")
        subprocess.run(["gcc", "-c", "own.c", "-o", "o.o"], cwd=folder, check=True)
        subprocess.run(["ar", "rcs", "libown.a", "o.o"], cwd=folder, check=True)
        made.good("binary")
        assert [says(made, name) for name in "abc"] == [number] * 3


CUSTOM = """cabal-version: 2.4
name: f
version: 1
build-type : Custom
custom-setup
  setup-depends: base, Cabal
executable f
  main-is: Main.hs
  other-modules: G
  build-depends: base
"""
SETUP = """import Distribution.Simple
import Distribution.Simple.PreProcess
main :: IO ()
main = defaultMainWithHooks simpleUserHooks {hookedPreProcessors = [("made", \\_ _ _ -> PreProcessor True made)]}
 where
  made = mkSimplePreProcessor (\\_ to _ -> readFile "word" >>= writeFile to . ("module G where\\ng = " ++))
"""


def test_what_a_setups_own_preprocessor_reads_counts(workshop: Callable[..., Workshop]) -> None:
    """Cabal looks at the file that it is called for, and at no other."""
    need("cabal")
    made = workshop(f='source = "hs/f"')
    settings = made.folder / "lambda.toml"
    settings.write_text(settings.read_text().replace('tool = "ghc"', 'tool = "cabal"'))
    files = {"f.cabal": CUSTOM, "Setup.hs": SETUP, "G.made": "", "Main.hs": "import G\nmain :: IO ()\nmain = print g\n"}
    for name, text in files.items():
        made.write(f"hs/f/{name}", text)
    for word in ("1", "2"):
        made.write("hs/f/word", f"{word} :: Int")
        made.good("binary")
        assert says(made) == word


CONFIGURE = """cabal-version: 2.4
name: f
version: 1
build-type: Configure
executable f
  main-is: Main.hs
  build-depends: base
  include-dirs: .
"""
CONFIGURED = '{-# LANGUAGE CPP #-}\nmodule Main (main) where\n#include "f.h"\nmain :: IO ()\nmain = print (N :: Int)\n'


@pytest.mark.parametrize("tool", ["cabal", "stack"])
def test_what_a_configure_reads_counts(tool: str, workshop: Callable[..., Workshop]) -> None:
    """Nothing but a change of the description has cabal and stack configure again."""
    need(tool)
    made = workshop(f='source = "hs/f"')
    settings = made.folder / "lambda.toml"
    settings.write_text(settings.read_text().replace('tool = "ghc"', f'tool = "{tool}"'))
    version = subprocess.run([need("ghc"), "--numeric-version"], capture_output=True, text=True, check=True).stdout
    files = {"f.cabal": CONFIGURE, "Main.hs": CONFIGURED, "stack.yaml": f"resolver: ghc-{version}"}
    for name, text in files.items():
        made.write(f"hs/f/{name}", text)
    made.write("hs/f/Setup.hs", "import Distribution.Simple\nmain = defaultMainWithHooks autoconfUserHooks\n")
    program(made.folder / "hs/f/configure", 'echo "#define N $(cat "$(dirname "$0")/value")" > f.h')
    for value in ("1", "2"):
        made.write("hs/f/value", value)
        made.good("binary")
        assert says(made) == value


@pytest.mark.parametrize("name", ["trace", "trace.asked"])
def test_a_record_of_what_was_read_that_cannot_be_read_itself_is_not_taken_for_an_empty_one(
    here: Path, name: str
) -> None:
    put("f/Main.hs", text="main = pure ()\n")
    outside = Outside(here / "record", here / "trace", tree(Path("f"), BUILD), Surroundings({}))
    outside.begin(anew=True)
    (here / name).symlink_to("/proc/self/mem")
    with pytest.raises(OSError, match="Input/output error"):
        outside.keep()


def test_what_is_run_behind_a_build_is_none_of_it(here: Path) -> None:
    """Questions to the package manager were taken for what a compiler had read, and the next build began anew."""
    put("f/Main.hs", text="main = pure ()\n")
    sources, said = tree(Path("f"), BUILD), list[str]()
    for _ in range(2):
        host = Host(here / "work", here / "cache")
        with host.sync_sources(sources, "") as folder:
            host.run(["sh", "-c", "mkdir -p .ghc; mkdir .ghc/made && echo anew || echo kept"], folder, said.append)
        host.run(["ls", "/etc", "/usr/share"], folder, lambda _: None)
        put("f/other.txt", text="no source of it")
        sources = tree(Path("f"), BUILD)
    assert [line for line in said if line in {"anew", "kept"}] == ["anew", "kept"]


def test_files_that_git_lfs_has_not_fetched_are_named(workshop: Callable[..., Workshop]) -> None:
    made = workshop(f='source = "hs/f"\ninclude = ["data"]')
    made.write("data/big.bin", LFS)
    run = made.doit("zip:f")
    assert run.code == 1
    assert "data/big.bin, which is a Git LFS pointer" in run.err
    assert "`git lfs pull`" in run.err
    made.write("data/big.bin", "content")
    made.write("hs/f/mail.txt", LFS)
    assert "hs/f/mail.txt is a pointer of Git LFS" in made.good("zip:f").err


def test_packages_that_ghc_sees_count_and_none_of_a_folder_above_are_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An environment of packages in a folder above the copy would else hide what a program needs."""
    need("ghc")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    host = Host(tmp_path / "build/.work", tmp_path / "build/.cache")
    assert host.environment["GHC_ENVIRONMENT"] == "-"
    default = next(path for path in host._package_files if path.name == "default")
    put(str(default))
    assert host.environment["GHC_ENVIRONMENT"] == str(default)
    assert {"package.cache", "default"} <= {path.name for path in host._package_files}
