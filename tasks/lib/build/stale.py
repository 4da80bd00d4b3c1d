"""Which modules are compiled anew, whatever GHC thinks of them, so that the same sources give the same bytes.

in   the sources, and those of them that changed; the settings of the build
out  `stale_modules(tree, changed, settings)` → by package, the modules whose outputs go (outputs.py)

GHC reads a module's old interface when it compiles the module anew, and names things in another order then. Without it
the build is one from nothing, so the interfaces of changed modules go before the build. Which modules are compiled for
what they import is GHC's own business: it compares interfaces, not times. What Cabal generates (Paths_x) changes with
its description alone, and then all of the package goes.

Which files a module reads is decided by what it can do, never by a file's name: one that runs code or a preprocessor
while it is compiled (TemplateHaskell, QuasiQuotes, a plugin) may read any file, so every change counts for it. CPP and
C sources read what is included, so for them every change counts but those of modules that no `#include` names; the same
goes for a package whose description leads the linker to files. A package that does so as a whole (a Custom setup,
extensions in its cabal file, unknown build tools) is compiled anew with every change, and so is one of stack's
extra-deps with every change of its own, or of what it imports.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from .fields import package_name, values
from .sources import Tree, extra_deps

HASKELL = frozenset({".hs", ".lhs", ".hs-boot", ".lhs-boot", ".hsig"})
PREPROCESSED = frozenset({".x", ".y", ".ly", ".hsc", ".chs", ".gc", ".cpphs"})  # Cabal's knownSuffixHandlers
PROJECT = frozenset({"stack.yaml", "stack.yaml.lock", "cabal.project", "cabal.project.local", "cabal.project.freeze"})
YAML = frozenset({".yaml", ".yml"})  # hpack takes defaults from any of them
MODULE = re.compile(r"\b(?:module|signature)(?>\{-.*?-\}|--[^\n]*|\s)+([^\W\d_a-z][\w.']*)", re.DOTALL)
# Comments, pragmas, lines of CPP, marks of a literate module or a grammar, and then the first word
HEADER = re.compile(r"(?>\{-.*?-\}|--[^\n]*|#[^\n]*|[\s>%{])*+" + MODULE.pattern, re.DOTALL)
IMPORT = re.compile(
    r"(?:^>?|[;{]|\bwhere\b)\s*import\s+(?:\{-#.*?#-\}\s*)?(?:safe\s+)?(?:qualified\s+)?(?:\"[^\"]*\"\s*)?"
    r"([^\W\d_a-z][\w.']*)",
    re.MULTILINE,
)
RUNS = re.compile(r"TemplateHaskell|QuasiQuotes|CApiFFI|-F\b|-pgm|-fplugin|-optP")  # may read any file
INCLUDES = re.compile(r"\bCPP\b|-cpp\b|(?i:\b(?:c|cxx|asm|cmm|js)-sources\b)")
# Of a description or of options: objects, archives and scripts of the linker, which no compiler looks at again
LINKS = re.compile(r"(?i:\b(?:extra-lib-dirs|extra-bundled-libraries|ld-options)\b)|-optl|-L\S|[\w*]\.(?:o|a|so)\b")
READ_HEADERS = frozenset({".hsc", ".chs", ".gc", ".cpphs"})  # those of them whose tools read what is included
C = frozenset({".c", ".cc", ".cpp", ".cxx", ".m", ".S", ".cmm"})
# No name: a macro has it. c2hs writes `#{include`
INCLUDE = re.compile(r"^[ \t]*#\{?[ \t]*include[ \t]*(?:[\"<]([^\">\n]+)[\">])?", re.MULTILINE)
# A module with an optimisation of its own sees more of its neighbours when they are compiled in the same session
UNLIKE_OTHERS = re.compile(r"OPTIONS_GHC[^#]*\s-(?:O|f(?:no-)?(?:ignore|omit)-interface-pragmas)")
SETUP = re.compile(r"(?i:build-type[ \t]*:\s*(?!Simple)\w|custom-setup)")  # of its own, or a `configure`
RUNS_AS_A_WHOLE = re.compile(f"{RUNS.pattern}|{SETUP.pattern}")
UNBUILT = re.compile(r"(?ims)^(?:test-suite|benchmark)\b.*?(?=^\S|\Z)")  # sections of a cabal file
GENERATORS = frozenset({"alex", "happy"})  # read a grammar alone, whose change is one of the whole package
HEADER_READERS = frozenset({"c2hs", "hsc2hs", "cpphs"})


class Package(NamedTuple):
    """A package of the tree: its folder and the name that its outputs bear; the whole project where it has no parts."""

    folder: Path
    name: str


def stale_modules(sources: Tree, changed: Iterable[Path], settings: str = "") -> dict[Package, set[str] | None]:
    """Names of the modules to forget, by package: None for all of a package, none for one to be looked at."""
    changed = list(changed)
    packages = _packages(sources)
    texts = {path: path.read_text(errors="replace") for path in sources.files if _is_module(path) and path.exists()}
    modules = {path: (_package(path, packages), _name(path, text)) for path, text in texts.items()}
    defaults = _defaults(sources)
    reads = _reading(sources, changed, texts)
    everything = any(path.name in PROJECT or path.name in defaults for path in changed) or reads(settings, links=True)
    whole: set[Package] = (
        {package for package in packages if everything or _reads(package, sources, reads)} if changed else set()
    )
    found: set[tuple[Package, str]] = set()
    for path in changed:
        package = _package(path, packages)
        if path.suffix == ".cabal" or path.name == "package.yaml" or path.suffix in PREPROCESSED:
            whole.add(package)
        elif path.suffix in HASKELL:
            found.add(modules.get(path) or (package, _name_of_gone(path)))
    if changed:
        found |= {modules[path] for path, text in texts.items() if reads(text)}
        if reads("CPP"):
            whole |= {modules[path][0] for path in texts if path.suffix in READ_HEADERS}
        whole |= {modules[path][0] for path, text in texts.items() if UNLIKE_OTHERS.search(text)}
    stale: dict[Package, set[str] | None] = {package: set() for package in _importing(found, whole, modules, texts)}
    for package, name in found:
        stale[package] = (stale.get(package) or set()) | {name}
    vendored = set(extra_deps(sources))  # stack.py: compiled as a whole or not at all
    whole |= {package for package in stale if package.folder in vendored}
    return stale | dict.fromkeys(whole)


def has_setup(package: Package, sources: Tree) -> bool:
    """Whether a package, one of all where the tree has no parts, is configured by code that may read any file."""
    own = [path for path in sources.descriptions if path.parent == package.folder or not package.name]
    return any(SETUP.search(path.read_text(errors="replace")) for path in own if path.exists())


def _importing(
    found: set[tuple[Package, str]],
    whole: set[Package],
    modules: Mapping[Path, tuple[Package, str]],
    texts: Mapping[Path, str],
) -> set[Package]:
    """The packages that import these modules, by whatever way: cabal, killed in between, would take them for built."""
    reached = found | {module for module in modules.values() if module[0] in whole}
    while True:
        known = {name for _, name in reached}
        more = {modules[path] for path, text in texts.items() if known.intersection(IMPORT.findall(text))} - reached
        if not more:
            return {package for package, _ in reached}
        reached |= more


def _defaults(sources: Tree) -> set[str]:
    """Names of the files that package.yaml takes defaults from (`defaults`, `!include`), and those from others."""
    left = [path for path in sources.files if path.name == "package.yaml"]
    found: set[str] = set()
    while left:
        texts = [path.read_text(errors="replace") for path in left if path.exists()]
        named = {path for path in sources.files if path.suffix in YAML and path.name not in {*found, "package.yaml"}}
        left = [path for path in named if any(path.name in text for text in texts)]
        found |= {path.name for path in left}
    return found


def _is_module(path: Path) -> bool:
    return path.suffix in HASKELL or path.suffix in PREPROCESSED


def _packages(sources: Tree) -> list[Package]:
    """The packages of the tree, the deepest first; one for all of it where sources lie across their borders."""
    texts = {path: path.read_text(errors="replace") for path in sources.descriptions if path.exists()}
    crossing = any(".." in place for text in texts.values() for place in values("(?:hs-)?source-dirs?", text))
    if crossing or not texts:
        return [Package(Path(sources.base), "")]
    found: dict[Path, Package] = {}
    for path, text in texts.items():
        found[path.parent] = Package(path.parent, package_name(text) or path.stem)
    outer = [] if sources.folder in found else [Package(Path(sources.base), "")]
    return [*sorted(found.values(), key=lambda package: -len(package.folder.parts)), *outer]


def _package(path: Path, packages: list[Package]) -> Package:
    return next((package for package in packages if package.folder in path.parents), packages[-1])


def _reading(sources: Tree, changed: Iterable[Path], texts: Mapping[Path, str]) -> Callable[..., bool]:
    """Tells of a text whether it may read what changed: a module's, or, with `links`, a description's or of options."""
    modules = {path.name for path in changed if _is_module(path)}
    included = modules and _include_names(sources, texts)  # asked only when it decides
    may_be_included = any(not _is_module(path) for path in changed) or None in included or bool(modules & included)
    may_be_included |= any(name and name.endswith("_stub.h") for name in included)  # GHC's, of a `foreign export`
    kinds = [RUNS, INCLUDES] if may_be_included else [RUNS]
    of_links = [*kinds, LINKS] if may_be_included else kinds
    return lambda text, *, links=False: any(kind.search(text) for kind in (of_links if links else kinds))


def _include_names(sources: Tree, texts: Mapping[Path, str]) -> set[str | None]:
    """The names of files that `#include` names, in modules, C and what they include; None: one that a macro names."""
    found: set[str | None] = set()
    left = list(texts.values())
    left += [path.read_text(errors="replace") for path in sources.files if path.suffix in C and path.exists()]
    while left:
        new = {name.rpartition("/")[2] or None for text in left for name in INCLUDE.findall(text)} - found
        found |= new
        left = [path.read_text(errors="replace") for path in sources.files if path.name in new and path.exists()]
    return found


def _reads(package: Package, sources: Tree, reads: Callable[..., bool]) -> bool:
    """Whether a package's description says that what changed may be read while it is built."""
    described = [
        path
        for path in sources.files
        if (path.parent == package.folder and (path.suffix == ".cabal" or path.name == "package.yaml"))
        or path.name in {*PROJECT, *_defaults(sources)}
    ]
    found = [UNBUILT.sub("", path.read_text(errors="replace")) for path in described if path.exists()]
    tools = {tool for text in found for tool in named_tools(text)} - GENERATORS
    if tools - HEADER_READERS or (tools and reads("CPP")):
        return True
    return any(RUNS_AS_A_WHOLE.search(text) or reads(text, links=True) for text in found)


def named_tools(text: str) -> Iterator[str]:
    """The build tools that a description names: `alex:alex >=3, happy`, of hpack `- alex`."""
    for field in values("build-tools?(?:-depends)?", text):
        for item in re.split(r"[,\n]", field):
            if named := re.match(r"[\s\[\-\"']*(?:[\w-]+:)?([\w-]+)", item):
                yield named[1].lower()


def _name(path: Path, text: str) -> str:
    """The module that a source is: of those that it names, the one that it is called by; else as its header says."""
    place = path.with_suffix("").parts
    header = HEADER.match(text)
    said = header[1] if header else "Main"
    own = [name for name in MODULE.findall(text) if place[-len(parts := name.split(".")) :] == tuple(parts)]
    return said if said in own or (header and said == "Main") else max(own, key=len, default=said)


def _name_of_gone(path: Path) -> str:
    """The module of a file that has gone: the part of its path that is a module's name."""
    parts = path.with_suffix("").parts
    start = next((index for index, part in enumerate(parts) if part[:1].isupper()), len(parts) - 1)
    return ".".join(parts[start:])
