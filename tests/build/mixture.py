"""A project of every kind of source at once, edited at random: packages that need each other, each with its own tools.

in   a source of chance
out  `Mixture.edit()` → what was done, in words; `files(…)` → the sources, by name

Library `c`: C sources with headers of their own, hsc2hs, modules with CPP. Library `s`: a Setup of its own that
writes a module from a file. Library `g`: a lexer of alex, a grammar of happy, where they are installed. Program `p`:
files compiled in by TemplateHaskell, Paths_ with data files, modules that come, go, move, turn literate and break, and
an internal library whose modules import each other. Descriptions are cabal files, or package.yaml for stack. Of what is
cheap to compile there are WIDTH, so that one build proves many edits.
"""

from __future__ import annotations

import shutil
from random import Random
from typing import NamedTuple

from tests.build.mixture_texts import (
    BOOT,
    BROKEN,
    C_SOURCE,
    CHAIN,
    FOREIGN,
    GENERATED,
    GRAMMAR,
    HEAD,
    LEXER,
    LIBRARY,
    MAIN,
    READER,
    RING,
    SETUP,
    TABLE,
    YAML,
)

GENERATES = bool(shutil.which("alex") and shutil.which("happy"))
WIDTH = 3
MENDED, BREAKING = 0.7, 0.05  # how often, of steps and of chances


class Extra(NamedTuple):
    """A module of the program that comes and goes."""

    value: int
    folder: str = ""
    literate: bool = False
    broken: bool = False


class State(NamedTuple):
    """All that edits change; what is not changed in place can be undone."""

    numbers: dict[str, int]
    texts: dict[str, str]
    comments: dict[str, int]
    extra: dict[str, Extra]
    deep: frozenset[int] = frozenset()  # headers in a folder further down
    options: bool = False

    def copy(self) -> State:
        """The same, apart."""
        dicts = dict(self.numbers), dict(self.texts), dict(self.comments), dict(self.extra)
        return State(*dicts, self.deep, self.options)


class Mixture:
    """The project and its edits. `described`: package.yaml in place of cabal files, for stack."""

    def __init__(self, chance: Random, *, described: bool) -> None:
        self.chance, self.described = chance, described
        self.generates = GENERATES
        of_each = ("c", "header", "table", "foreign", "mail")
        names = [*(f"{name}{i}" for name in of_each for i in range(WIDTH))]
        names += ["lexer", "grammar", "setup", "main", "version", "ring", "chain"]
        texts = {f"p/mail{i}.txt": "one" for i in range(WIDTH)} | {"p/data.txt": "data", "README.md": "read"}
        self.now = State(dict.fromkeys(names, 1), texts, {}, {"E1": Extra(1)})
        self.made = 1
        self.past = [self.now.copy()]

    def modules(self) -> list[str]:
        """Names of the program's modules but Main."""
        return sorted([*self.now.extra, *(f"Mail{i}" for i in range(WIDTH))])

    def files(self) -> dict[str, str]:
        """The sources."""
        n = self.now.numbers
        found = dict(self.now.texts) | {
            "s/Setup.hs": SETUP,
            "s/numbers.txt": f"{n['setup']}\n2\n",
            "p/Main.hs": self._main(),
            "p/inner/Ring.hs": RING.format(n=n["ring"]),
            "p/inner/Chain.hs": CHAIN.format(n=n["chain"]),
            "p/inner/Chain.hs-boot": BOOT,
        }
        for i in range(WIDTH):
            deep = "deep/" if i in self.now.deep else ""
            found |= {
                f"c/Table{i}.hs": TABLE.format(i=i, n=n[f"table{i}"]),
                f"c/Outer{i}.hsc": FOREIGN.format(i=i, n=n[f"foreign{i}"]),
                f"c/cbits/own{i}.c": C_SOURCE.format(i=i, n=n[f"c{i}"]),
                f"c/include/{deep}own{i}.h": f"#define OWN{i} {n[f'header{i}']}\n",
                f"p/Mail{i}.hs": READER.format(i=i, n=n[f"mail{i}"]),
            }
        for name, extra in self.now.extra.items():
            text = f"module {name} where\nvalue :: Int\nvalue = {extra.value}\n" + (BROKEN if extra.broken else "")
            text = "".join(f"> {line}\n" for line in text.splitlines()) if extra.literate else text
            found[f"p/{extra.folder}{name}.{'lhs' if extra.literate else 'hs'}"] = text
        if self.generates:
            found["g/Lexer.x"] = LEXER.format(n=n["lexer"], o="-")
            found["g/Grammar.y"] = GRAMMAR.format(n=n["grammar"])
        for name, times in self.now.comments.items():
            found[name] += f"-- said {times}\n" if times else ""
        return found | (self._yaml() if self.described else self._cabal())

    def _main(self) -> str:
        uses, texts = [f"{name}.value" for name in sorted(self.now.extra)], []
        names = self.modules()
        for i in range(WIDTH):
            names += [f"Table{i}", f"Outer{i}"]
            texts.append(f"Mail{i}.text")
            uses += [f"sum Table{i}.table", f"Outer{i}.errno", f"fromIntegral (Outer{i}.ownAdd {i})"]
        imports = "".join(f"import qualified {name}\n" for name in names)
        if self.generates:
            imports += "import Grammar\nimport Lexer\n"
            uses.append("calculate (alexScanTokens s)")
        n = self.now.numbers["main"]
        return MAIN.format(n=n, imports=imports, uses=", ".join(uses), texts=", ".join(texts))

    def _cabal(self) -> dict[str, str]:
        version, needs = f"1.{self.now.numbers['version']}", ", g" if self.generates else ""
        options = "  ghc-options: -O0\n" if self.now.options else ""
        sources = ", ".join(f"cbits/own{i}.c" for i in range(WIDTH))
        c = f"  include-dirs: include, include/deep\n  c-sources: {sources}\n"
        modules = ", ".join(f"Table{i}, Outer{i}" for i in range(WIDTH))
        inner = LIBRARY.replace("library", "library inner", 1).format("Ring, Chain", "")
        found = {
            "cabal.project": f"packages: c/*.cabal s/*.cabal p/*.cabal{' g/*.cabal' if self.generates else ''}\n",
            "c/c.cabal": HEAD.format("c", 1) + LIBRARY.format(modules, "") + c,
            "s/s.cabal": HEAD.format("s", 1)
            + "build-type: Custom\ncustom-setup\n  setup-depends: base, Cabal\n"
            + LIBRARY.format("Made", ""),
            "p/p.cabal": HEAD.format("p", version)
            + f"data-files: data.txt\n{inner}  hs-source-dirs: inner\n"
            + "executable p\n  main-is: Main.hs\n  default-language: Haskell2010\n  hs-source-dirs: ., more\n"
            + f"  other-modules: Paths_p, {', '.join(self.modules())}\n  autogen-modules: Paths_p\n"
            + f"  build-depends: base, template-haskell, inner, c, s{needs}\n{options}",
        }
        if self.generates:
            found["g/g.cabal"] = HEAD.format("g", 1) + LIBRARY.format("Lexer, Grammar", ", array")
            found["g/g.cabal"] += "  ghc-options: -O0\n  build-tool-depends: alex:alex, happy:happy\n"
        return found

    def _yaml(self) -> dict[str, str]:
        options = "    ghc-options: -O0\n" if self.now.options else ""
        c = "library:\n  source-dirs: .\n  include-dirs: [include, include/deep]\n  c-sources: cbits/*.c\n"
        s = "custom-setup:\n  dependencies: [base, Cabal]\nlibrary:\n  source-dirs: .\n  exposed-modules: Made\n"
        needs, more = (
            (", g", {"g/package.yaml": YAML.format("g", 1, ", array") + GENERATED}) if self.generates else ("", {})
        )
        p = YAML.format("p", f"1.{self.now.numbers['version']}", f", template-haskell, c, s{needs}")
        inner = "internal-libraries:\n  inner:\n    source-dirs: inner\n"
        program = "executables:\n  p:\n    main: Main.hs\n    source-dirs: [., more]\n    dependencies: inner\n"
        return more | {
            "stack.yaml": f"resolver: ghc-9.0.2\npackages: [c, s, p{needs}]\n",
            "c/package.yaml": YAML.format("c", 1, "") + c,
            "s/package.yaml": YAML.format("s", 1, "") + s,
            "p/package.yaml": f"{p}data-files: data.txt\n{inner}{program}{options}",
        }

    def edit(self) -> str:
        """A few changes, or many; what was done."""
        acts = [self._number] * 6 + [self._text] * 3 + [self._comment] * 2
        acts += [self._come, self._go, self._move, self._move, self._option, self._undo, self._break]
        if self.chance.random() < MENDED:
            self._mend()
        most = self.chance.choice([3, 60])
        done = [self.chance.choice(acts)() for _ in range(self.chance.randint(1, most))]
        self.past = [*self.past[-20:], self.now.copy()]
        return ", ".join(done)

    def _number(self) -> str:
        name = self.chance.choice(sorted(self.now.numbers))
        self.now.numbers[name] = self.chance.randrange(1, 9)
        return f"number of {name}"

    def _text(self) -> str:
        name = self.chance.choice(sorted(self.now.texts))
        self.now.texts[name] = self.chance.choice(["one", "two", "", "one\ntwo\n"])
        return name

    def _comment(self) -> str:
        names = ["c/Table0.hs", "p/Main.hs", "s/Setup.hs", "p/Mail0.hs", "p/inner/Ring.hs", "p/inner/Chain.hs-boot"]
        name = self.chance.choice(names)
        self.now.comments[name] = self.chance.randrange(3)
        return f"comment in {name}"

    def _come(self) -> str:
        self.made += 1
        self.now.extra[f"E{self.made}"] = Extra(self.made)
        return "a module more"

    def _go(self) -> str:
        if len(self.now.extra) > 1:
            del self.now.extra[self._some_extra()]
        return "a module less"

    def _some_extra(self) -> str:
        return self.chance.choice(sorted(self.now.extra))

    def _move(self) -> str:
        """A module to another folder, or to a literate file; a header further down, or up."""
        kind = self.chance.choice(["folder", "literate", "header"])
        if kind == "header":
            self.now = self.now._replace(deep=self.now.deep ^ {self.chance.randrange(WIDTH)})
            return "header moved"
        name = self._some_extra()
        extra = self.now.extra[name]
        if kind == "folder":
            self.now.extra[name] = extra._replace(folder="" if extra.folder else "more/")
        else:
            self.now.extra[name] = extra._replace(literate=not extra.literate)
        return f"{name}: other {kind}"

    def _option(self) -> str:
        self.now = self.now._replace(options=not self.now.options)
        return "option"

    def _undo(self) -> str:
        self.now = self.chance.choice(self.past).copy()
        return "undone"

    def _break(self) -> str:
        """One step in a few does not compile, until it is mended."""
        if self.chance.random() < BREAKING:
            name = self._some_extra()
            self.now.extra[name] = self.now.extra[name]._replace(broken=True)
            return f"{name} broken"
        return self._number()

    def _mend(self) -> None:
        self.now.extra.update({name: extra._replace(broken=False) for name, extra in self.now.extra.items()})
