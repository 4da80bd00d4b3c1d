"""A project of every kind of source at once, edited at random: packages that need each other, each with its own tools.

in   a source of chance
out  `Mixture.edit()` → what was done, in words; `files(…)` → the sources, by name

Library `c`: C sources with a header of their own, hsc2hs, a module with CPP. Library `s`: a Setup of its own that
writes a module from a file. Library `g`: a lexer of alex, a grammar of happy, where they are installed. Program `p`:
files compiled in by TemplateHaskell, Paths_ with data files, modules that come and go. Descriptions are cabal files, or
package.yaml for stack.
"""

from __future__ import annotations

import shutil
from random import Random

GENERATES = bool(shutil.which("alex") and shutil.which("happy"))
HEAD = "cabal-version: 2.4\nname: {}\nversion: {}\n"
LIBRARY = "library\n  exposed-modules: {}\n  default-language: Haskell2010\n  build-depends: base{}\n"
SETUP = """import Distribution.Simple
import Distribution.Simple.Setup (buildVerbosity)
main :: IO ()
main = defaultMainWithHooks simpleUserHooks { buildHook = \\p l h f -> do
  text <- readFile "numbers.txt"
  let number = show (sum (map read (lines text) :: [Int]))
  writeFile "Made.hs" ("module Made where\\nmade :: Int -> Int\\nmade x = x + " ++ number ++ "\\n")
  buildHook simpleUserHooks p l h f }
"""
LEXER = """{{
module Lexer where
}}
%wrapper "basic"
tokens :-
  $white+ ;
  [0-9]+ {{ \\s -> Number (read s + {n}) }}
  [\\+\\{o}] {{ \\_ -> Plus }}
{{
data Token = Number Int | Plus deriving (Eq, Show)
}}
"""
GRAMMAR = """{{
module Grammar where
import Lexer
}}
%name calculate
%tokentype {{ Token }}
%error {{ failed }}
%token
  number {{ Number $$ }}
  '+' {{ Plus }}
%%
Sum : Sum '+' number {{ $1 + $3 + {n} }}
    | number {{ $1 }}
{{
failed :: [Token] -> a
failed _ = error "no sum"
}}
"""
TABLE = '{{-# LANGUAGE CPP #-}}\nmodule Table where\n#include "own.h"\ntable :: [Int]\ntable = map (* OWN) [{n} .. 9]\n'
FOREIGN = """module Outer where
import Foreign.C.Types
#include "own.h"
#include <errno.h>
foreign import ccall "own_add" ownAdd :: CInt -> CInt
errno :: Int
errno = #{{const EDOM}} + #{{const OWN}} + {n}
"""
C_SOURCE = '#include "own.h"\nint own_add(int x) {{ return x + OWN + {n}; }}\n'
MAIN = """{{-# LANGUAGE TemplateHaskell #-}}
module Main (main) where
import Outer (errno, ownAdd)
import Language.Haskell.TH
import Language.Haskell.TH.Syntax
import Made (made)
import Paths_p
import Table
{imports}
main :: IO ()
main = do
  folder <- getDataFileName "data.txt"
  let text = $(do {{ addDependentFile "{embedded}"; runIO (readFile "{embedded}") >>= litE . stringL }})
  interact (\\s -> folder ++ text ++ show (table, errno, ownAdd {n}, made (length s), version, [{uses}]))
"""
GENERATED = "build-tools: [alex, happy]\nlibrary:\n  source-dirs: .\n"
YAML = "name: {}\nversion: '{}'\ndependencies: [base{}]\n"


class Mixture:
    """The project and its edits. `described`: package.yaml in place of cabal files, for stack."""

    def __init__(self, chance: Random, *, described: bool) -> None:
        self.chance, self.described = chance, described
        self.generates = GENERATES
        names = ("c", "header", "table", "foreign", "lexer", "grammar", "setup", "main", "version")
        self.numbers = dict.fromkeys(names, 1)
        self.texts = {"p/mail.txt": "one", "p/data.txt": "data", "README.md": "read"}
        self.comments: dict[str, int] = {}
        self.extra: dict[str, int] = {"E1": 1}
        self.options = 0
        self.made = 1
        self.past = [self._state()]

    def _state(self) -> tuple[dict[str, int], dict[str, str], dict[str, int], dict[str, int], int]:
        return dict(self.numbers), dict(self.texts), dict(self.comments), dict(self.extra), self.options

    def modules(self) -> list[str]:
        """Names of the program's modules but Main."""
        return sorted(self.extra)

    def files(self) -> dict[str, str]:
        """The sources."""
        n = self.numbers
        uses = [f"{name}.value" for name in self.modules()] + (
            ["calculate (alexScanTokens s)"] if self.generates else []
        )
        imports = "".join(f"import qualified {name}\n" for name in self.modules())
        imports += "import Grammar\nimport Lexer\n" if self.generates else ""
        found = dict(self.texts) | {
            "c/Table.hs": TABLE.format(n=n["table"]),
            "c/Outer.hsc": FOREIGN.format(n=n["foreign"]),
            "c/cbits/own.c": C_SOURCE.format(n=n["c"]),
            "c/include/own.h": f"#define OWN {n['header']}\n",
            "s/Setup.hs": SETUP,
            "s/numbers.txt": f"{n['setup']}\n2\n",
            "p/Main.hs": MAIN.format(n=n["main"], imports=imports, uses=", ".join(uses), embedded="mail.txt"),
        }
        for name, value in self.extra.items():
            found[f"p/{name}.hs"] = f"module {name} where\nvalue :: Int\nvalue = {value}\n"
        if self.generates:
            found["g/Lexer.x"] = LEXER.format(n=n["lexer"], o="-")
            found["g/Grammar.y"] = GRAMMAR.format(n=n["grammar"])
        for name, times in self.comments.items():
            if name in found:
                found[name] += f"-- said {times}\n" if times else ""
        return found | (self._yaml() if self.described else self._cabal())

    def _cabal(self) -> dict[str, str]:
        version, needs = f"1.{self.numbers['version']}", ", g" if self.generates else ""
        options = "  ghc-options: -O0\n" if self.options else ""
        c = "  include-dirs: include\n  includes: own.h\n  c-sources: cbits/own.c\n"
        found = {
            "cabal.project": "packages: c/*.cabal s/*.cabal p/*.cabal"
            + (" g/*.cabal" if self.generates else "")
            + "\n",
            "c/c.cabal": HEAD.format("c", 1) + LIBRARY.format("Table, Outer", "") + c,
            "s/s.cabal": HEAD.format("s", 1)
            + "build-type: Custom\ncustom-setup\n  setup-depends: base, Cabal\n"
            + LIBRARY.format("Made", ""),
            "p/p.cabal": HEAD.format("p", version)
            + "data-files: data.txt\nexecutable p\n  main-is: Main.hs\n  default-language: Haskell2010\n"
            + f"  other-modules: Paths_p, {', '.join(self.modules())}\n  autogen-modules: Paths_p\n"
            + f"  build-depends: base, template-haskell, c, s{needs}\n{options}",
        }
        if self.generates:
            found["g/g.cabal"] = HEAD.format("g", 1) + LIBRARY.format("Lexer, Grammar", ", array")
            found["g/g.cabal"] += "  build-tool-depends: alex:alex, happy:happy\n"
        return found

    def _yaml(self) -> dict[str, str]:
        options = "    ghc-options: -O0\n" if self.options else ""
        c = "library:\n  source-dirs: .\n  include-dirs: include\n  c-sources: cbits/own.c\n"
        s = "custom-setup:\n  dependencies: [base, Cabal]\nlibrary:\n  source-dirs: .\n  exposed-modules: Made\n"
        needs, more = (
            (", g", {"g/package.yaml": YAML.format("g", 1, ", array") + GENERATED}) if self.generates else ("", {})
        )
        p = YAML.format("p", f"1.{self.numbers['version']}", f", template-haskell, c, s{needs}")
        return more | {
            "stack.yaml": f"resolver: ghc-9.0.2\npackages: [c, s, p{needs}]\n",
            "c/package.yaml": YAML.format("c", 1, "") + c,
            "s/package.yaml": YAML.format("s", 1, "") + s,
            "p/package.yaml": f"{p}data-files: data.txt\nexecutables:\n  p:\n    main: Main.hs\n{options}",
        }

    def edit(self) -> str:
        """A few changes; what was done."""
        acts = [self._number] * 4 + [self._text] * 2 + [self._comment] * 2
        acts += [self._come, self._go, self._option, self._undo, self._undo]
        done = [self.chance.choice(acts)() for _ in range(self.chance.randint(1, 5))]
        self.past = [*self.past[-20:], self._state()]
        return ", ".join(done)

    def _number(self) -> str:
        name = self.chance.choice(sorted(self.numbers))
        self.numbers[name] = self.chance.randrange(1, 9)
        return f"number of {name}"

    def _text(self) -> str:
        name = self.chance.choice(sorted(self.texts))
        self.texts[name] = self.chance.choice(["one", "two", "", "one\ntwo\n"])
        return name

    def _comment(self) -> str:
        name = self.chance.choice(["c/Table.hs", "p/Main.hs", "s/Setup.hs", "p/E1.hs"])
        self.comments[name] = self.chance.randrange(3)
        return f"comment in {name}"

    def _come(self) -> str:
        self.made += 1
        self.extra[f"E{self.made}"] = self.made
        return "a module more"

    def _go(self) -> str:
        if len(self.extra) > 1:
            del self.extra[self.chance.choice(sorted(self.extra))]
        return "a module less"

    def _option(self) -> str:
        self.options = 1 - self.options
        return "option"

    def _undo(self) -> str:
        numbers, texts, comments, extra, self.options = self.chance.choice(self.past)
        self.numbers, self.texts, self.comments, self.extra = dict(numbers), dict(texts), dict(comments), dict(extra)
        return "undone"
