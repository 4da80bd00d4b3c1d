"""What compilers and their tools say when a build cannot be, and what to do then; data, no look-ups.

in   what was printed, in one line, since cabal breaks its lines anywhere
out  `act_for(text)` → the next act; "" for what is not among the signs
"""

from __future__ import annotations

import re

SWITCHED_OFF = r"marked as\s+'buildable:\s+False'"
SIGNS = (
    (
        r"Error parsing project file \S*?(?P<a>[^/\s]+:\d+):",
        "",
        (
            "The installed cabal cannot read {a}: write what it knows there (`cabal --version`; what came later has "
            "its version in cabal's manual), or install a newer cabal."
        ),
    ),
    (
        r"Unrecognized (?:section '(?P<a>if|elif|else)'|field '(?P<b>import)')",
        r"no packages or optional-packages|No cabal\.project file",
        (
            "cabal.project has a condition or an `import`, known to cabal since 3.8; the installed one is older. "
            "Write what holds here without them, or install a newer cabal."
        ),
    ),
    (
        r"Byte-order mark found",
        "",
        "A cabal file begins with a byte-order mark, which Cabal refuses: save it as UTF-8 without one.",
    ),
    (
        r"No mirrors found|'\S*/(?:curl|wget)' exited with an error",
        "",
        (
            "cabal wants its index of packages from the network, which cannot be reached from here: run `cabal update` "
            "where it can be, or take the index away (the folder packages of cabal's own) to build with what is "
            "installed."
        ),
    ),
    (
        r"Could not resolve host|unable to access|Could not read from remote repository",
        r"Cloning into|git clone",
        (
            "`source-repository-package` or `extra-deps` names a git repository that cannot be reached from "
            "here: put its "
            "sources below the project (a submodule, say), and name the folder in `packages` in its place."
        ),
    ),
    (
        r"fatal: not a git repository",
        "",
        (
            "Code that runs while it is compiled asks git, and no repository is there: in a container, and above "
            "sources that lie in none. Build on the host, in a clone, or write what it asks for into a file of the "
            "sources, which it reads."
        ),
    ),
    (
        r"raw\.githubusercontent\.com",
        r"proxySecureMode|HttpException",
        (
            "`defaults` in package.yaml are fetched from GitHub, which cannot be reached from here: write them "
            "into a file "
            "of the project (`defaults: {{local: common.yaml}}`), or put the cabal file that hpack makes beside it."
        ),
    ),
    (
        (
            r"rejecting: (?P<a>[\w-]+?)-(?P<b>[\d.]+)/installed\S* \(constraint from project config (?P<c>\S+) "
            r"requires "
            r"(?P<d>[^)]+)\)"
        ),
        "",
        (
            "cabal.project or a file beside it (.freeze, .local) wants {a} {d}, and {b} is installed: take that "
            "line out, "
            "or run `cabal freeze` anew where it is to be built."
        ),
    ),
    (
        (
            r"rejecting: (?P<a>[\w-]+?)-[\d.]+/installed\S* \(conflict: (?P<b>[\w-]+)==(?P<c>[\d.]+), "
            r"(?P=a) => (?P=b)==(?P<d>[\d.]+)/installed"
        ),
        "",
        (
            "{a} is installed, and was built with {b} {d}; the project has {b} {c} of its own. Put the sources of "
            "{a} below the project, too (`cabal get {a}`), and name the folder in `packages` of cabal.project; or take "
            "{b} out of that, so that the installed one serves."
        ),
    ),
    (
        r"\(conflict: requires (?P<a>GHC20\d\d)",
        "",
        (
            "The installed GHC does not know {a}, which came with GHC 9.2 (GHC2021) or 9.10 (GHC2024): write "
            "`default-language: Haskell2010` and the extensions that are needed in `default-extensions`."
        ),
    ),
    (
        r"\(conflict: requires (?P<a>[A-Z]\w+)",
        "",
        "The installed GHC does not know the extension {a}: take it out of the cabal file, or build with a newer GHC.",
    ),
    (
        r"installed the profiling libraries for package",
        "",
        (
            "The options ask for profiling (-prof), and GHC's profiling libraries are not installed: take -prof out of "
            "ghc-options (or `profiling: True` out of cabal.project), or install them (Debian: ghc-prof, "
            "libghc-…-prof)."
        ),
    ),
    (
        r"Unsupported cabal-version (?P<a>\d+(?:\.\d+)*)",
        "",
        (
            "The installed cabal does not know `cabal-version: {a}`: lower it in the cabal file (3.4 goes with "
            "GHC 9.0), "
            "or install a newer cabal."
        ),
    ),
    (
        r"pkg-config package (?P<a>[\w.+-]+?)(?:[<>=^&|][^,)]*)?, (?:not found|conflicting)",
        "",
        "pkg-config finds no {a} here: install the development package of that C library (its .pc file).",
    ),
    (
        r"Missing \(or bad\) C librar(?:y|ies): (?P<a>[^:]+?) This problem",
        "",
        "The linker finds no lib{a}.so here: install the development package of that C library.",
    ),
    (
        r"Missing \(or bad\) header file: (?P<a>\S+)",
        "",
        "There is no {a} here: install the development package that has it, or correct `includes` and `include-dirs`.",
    ),
    (
        SWITCHED_OFF,
        "",
        (
            "The cabal file switches this executable off (`buildable: False`): if a flag switches it on, name that "
            "in `flags` of the function in lambda.toml."
        ),
    ),
    (
        r"The package (?:location|directory) '(?P<a>[^']+)' does not (?:exist|contain any)",
        "",
        (
            "{a} has no package. If it is a submodule, `git submodule update --init` fetches it; else correct "
            "`packages` of cabal.project."
        ),
    ),
    (
        r"Ambiguous target 'exe:(?P<a>[^']+)'",
        "",
        "Several packages of the project make an executable {a}: name the folder of one in `source`, or rename one.",
    ),
)


def act_for(text: str) -> str:
    """The next act for the first sign in what was printed."""
    for sign, beside, act in SIGNS:
        if (found := re.search(sign, text)) and re.search(beside, text):
            return act.format(**found.groupdict())
    return ""
