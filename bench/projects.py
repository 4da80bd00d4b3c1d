"""Other people's programs: a zip, or the true reason why not, and how long that takes beside cabal alone.

    python bench/projects.py [--from FOLDER] [--rounds N] [--words] [NAME ...]     --words: all that a refusal said

in   source packages of Debian 12, pinned in PROJECTS and fetched by apt-get from this host's mirror, and repositories,
     pinned by commit and cloned from GitHub, in runs that name them; or FOLDER, where they lie as NAME-VERSION and
     OWNER+NAME. What they need comes from `libghc-*-dev`, and the command that installs what Debian's packages miss is
     printed first. All is done in a temporary folder that goes at the end
out  a table: what became of each, and for the zips the medians of N rounds by turns, ours to cabal's; exit 1 when one
     is not as PROJECTS expects it; N = 0 builds without comparing
"""

from __future__ import annotations

import argparse
import compileall
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from math import isnan
from pathlib import Path
from statistics import median
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support import Run, Workshop, make_workshop

CABAL = ["cabal", "build", "--offline", "--disable-tests", "--disable-benchmarks"]


class Project(NamedTuple):
    """A source package of Debian or a repository, an executable of it, and what is to become of that."""

    name: str  # or OWNER/NAME
    version: str  # Debian's, a whole one; or a commit
    executable: str
    expected: str = "zip"  # or words of the refusal
    flags: tuple[str, ...] = ()
    folder: str = "."  # of a repository: where the executable's package is

    @property
    def is_repository(self) -> bool:
        """Whether it comes from GitHub."""
        return "/" in self.name


PROJECTS = [
    Project("alex", "3.2.7.1-3", "alex"),
    Project("happy", "1.20.0-1", "happy"),
    Project("c2hs", "0.28.8-1", "c2hs"),
    Project("cpphs", "1.20.9.1-2", "cpphs"),
    Project("haskell-hpack", "0.34.7-1", "hpack"),
    Project("haskell-hindent", "5.3.4-1", "hindent"),
    Project("hscolour", "1.24.4-4", "HsColour"),
    Project("haskell-skylighting", "0.12.3.1-1", "skylighting", "name that in `flags`"),
    Project("haskell-markdown-unlit", "0.5.1-1", "markdown-unlit"),
    Project("haskell-lazy-csv", "0.5.1-5", "csvSelect"),
    Project("haskell-doctest", "0.18.2-1", "doctest"),
    Project("haskell-aeson-pretty", "0.8.9-1", "aeson-pretty"),
    Project("haskell-pretty-show", "1.10-2", "ppsh"),
    Project("haskell-tldr", "0.9.2-2", "tldr-hs"),
    Project("haskell-wai-app-static", "3.1.7.4-1", "warp"),
    Project("haskell-yaml", "0.11.8.0-1", "json2yaml", flags=("-no-exe",)),
    Project("haskell-texmath", "0.12.4-1", "texmath", flags=("executable",)),
    Project("hlint", "3.3.6-1", "hlint"),
    Project("haskell-hledger", "1.25-2", "hledger"),
    Project("xmonad", "0.17.1-1", "xmonad"),
    Project("haskell/hsc2hs", "2059c961fc28bbfd0cafdbef96d5d21f1d911b53", "hsc2hs"),
    Project("1g0rb0hm/hburg", "68f15224614c37325279850b3c4a38dc5f5bffd4", "hburg", "compiler's message is above"),
    Project("kosmikus/lhs2tex", "031efb894d4ded0151438b24faaa45c1d6dccd1e", "lhs2TeX"),
    Project("PromyLOPh/pesto", "03320dc7323641a769e5edcbd6faa092252c0959", "pesto"),
    Project("jgm/cheapskate", "abc76f14dd416f9221ab60980ddc4d9816a79b2f", "cheapskate"),
    Project(
        "jgm/unicode-collation", "d725f750e5b7c1cecd3f89c974d77bc9a868fa81", "unicode-collate", "name that in `flags`"
    ),
    Project("xmonad/xmonad", "a9a8b5c1b91b63b0836f5810634c9b28ec0af788", "xmonad"),
    Project("catseye/Robin", "107429527b19266b00251ddfa5763870c1f2d784", "robin", "wants random>=1.1"),
    Project("ephemient/aoc2016", "629d96c12b27f92953da0364c85cc5efe38965e0", "aoc2016-exe", "wants base>=4.9"),
    Project(
        "bollu/tiny-optimising-compiler", "57565bfc6f0f096241947b805f2a8a85e43fcceb", "imperative-compiler", "wants"
    ),
    Project(
        "haskell-servant/example-servant-minimal", "8dc074c2b0c6d1db2a26afbe6d088889965d8661", "example-servant-minimal"
    ),
    Project("kazu-yamamoto/cab", "5cb5840b302077956b2ebac7471db44050600ab6", "cab"),
    Project(
        "jgm/commonmark-hs",
        "293554219fef8e4b1efc42c6372451f5e433d5c7",
        "commonmark",
        "wants emojis",
        (),
        "commonmark-cli",
    ),
    Project("jameysharp/corrode", "34053342c2f1ca04f23ad94d67057f14e74d9fb9", "corrode", "wants language-c"),
    Project("mboes/hmk", "f1d8db39aa7f03d5029037fa0b1035896d313292", "hmk", "no package of pcre-light"),
    Project("cblp/lambdahs", "f51e59e86d1e7e4fd42b121c1e106affb1ac6c99", "zebra"),
    Project("soupi/hablog", "9607a44304cbbbc13fdb504f6fca3dff4298acf8", "hablog"),
    Project("gelisam/klister", "f3a52b640aac531987bf72d63956ee01d5dde4ce", "klister", "wants optparse-applicative"),
    Project("haskell/happy", "4613f8ba7ee92cb090403aad3cabe51cf217cd09", "happy"),
    Project("ndmitchell/ghcid", "f48626bf5b64067a84b644bcc56afac686046966", "ghcid"),
    Project("kazu-yamamoto/mighttpd2", "c472039beb4d1803f69ab54c99e0ca99346b228d", "mightyctl"),
    Project(
        *("danidiaz/really-small-backpack-example", "915c9c2b2887bba3f15e735d436ff311e920809a", "lesson3"),
        folder="lesson3-signature-merging",
    ),
    Project("WChargin/graphcount", "ac4026ab9f19f84667ce1ba2aa8b2a15800486fb", "graphcount", "wants base>=4.6"),
    Project("georgerogers42/format-status", "416cf3def9eca22082b7a938ea49c7eb49043a52", "format-status", "wants base"),
    Project("kmels/dart-haskell", "464f6a7e547202bed59a6c3921015bc93688645e", "dart-haskell", "wants base>=4.6"),
    Project("phadej/cabal-fmt", "1bde399e99c37f6b0b7692a7f7cbad85ea606cfc", "cabal-fmt", "wants base"),
    Project("jaspervdj/patat", "1c72d3b059fde7e6a17d466afbaf2490e424f5b5", "patat", "wants aeson>=0.9"),
    Project("jaspervdj/profiteur", "fb17a60ab72d90eb3e313ed21f33c3a0eae37b44", "profiteur", "no package of ghc-prof"),
    Project("39aldo39/klfc", "e07375b1459e416635100efe76b72ebe25f36c53", "klfc", "no package of fail"),
    Project("koka-lang/koka", "3e524872716531bca5a1a361a29571ab78570003", "koka-plain", "no package of text-rope"),
    Project("jgm/yst", "a074da8e3e20cf35eacca4e2caa82bdb694f96bb", "yst", "wants pandoc>=3.0.1"),
    Project(
        *("scotty-web/scotty", "b5f4dfbdbd6c94f3d21492ac7925e699c3b54e87", "scotty-urlshortener", "wants warp>=3.4.13"),
        folder="examples",
    ),
    Project(
        *("yesodweb/wai", "b2f0a48958a26c058c67707e89c9420275bc015c", "warp", "was built with wai"),
        folder="wai-app-static",
    ),
    Project(
        "0xd34df00d/hsqoi", "d68739eae48a0752bff7c5eb1e778a4268d74e9e", "hsqoi-exe", "no package of binary-generic"
    ),
    Project(
        "mgajda/json-autotype", "6244e1f2c0352e9a18657051b65df62b9af157cd", "json-autotype", "cannot read cabal.project"
    ),
]


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="place", type=Path, metavar="FOLDER")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--words", action="store_true")
    parser.add_argument("names", nargs="*")
    chosen = parser.parse_args()
    wanted = [each for each in PROJECTS if each.name in chosen.names or not (chosen.names or each.is_repository)]
    with tempfile.TemporaryDirectory(prefix="projects-") as folder:
        top = Path(folder)
        place = chosen.place or fetched(top / "fetched", wanted)
        packaged = [each for each in wanted if not each.is_repository]
        if missing := missing_packages([place / source_folder(each) for each in packaged]):
            print(f"missing here: apt-get install --no-install-recommends {' '.join(missing)}\n", flush=True)
        print("| program | version | result | from nothing | nothing to do | one line |\n|---|---|---|---|---|---|")
        right = [measured(top, place, each, chosen.rounds, words=chosen.words) for each in wanted]
    load = os.getloadavg()[0]
    print(f"\n{sum(right)} of {len(right)} as expected; seconds of cabal and of `doit zip`, load {load:.0f} at the end")
    return 0 if all(right) else 1


def source_folder(project: Project) -> str:
    """The folder that dpkg-source unpacks into: the version without its epoch and Debian's revision; a clone's."""
    if project.is_repository:
        return project.name.replace("/", "+")
    return f"{project.name}-{project.version.split(':')[-1].rpartition('-')[0]}"


def fetched(into: Path, projects: list[Project]) -> Path:
    """The sources, by apt-get from this host's mirrors, with lists of its own: nothing of the host changes."""
    parts, lists = into / "parts", into / "lists/partial"
    for folder in (parts, lists):
        folder.mkdir(parents=True)
    for given in [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")]:
        if given.suffix in {".list", ".sources"} and given.is_file():
            text = re.sub(r"(?m)^(Types:\s*|)deb(\s)", r"\1deb-src\2", given.read_text())
            (parts / given.name).write_text(text)
    options = ["-qq", "-o", "APT::Sandbox::User=root", "-o", "Dir::Etc::SourceList=/dev/null"]
    options += ["-o", f"Dir::Etc::SourceParts={parts}", "-o", f"Dir::State::Lists={lists.parent}"]
    if not all(each.is_repository for each in projects):
        subprocess.run(["apt-get", *options, "update"], check=True)
    for each in projects:
        if each.is_repository:
            clone = into / source_folder(each)
            subprocess.run(["git", "clone", "-q", f"https://github.com/{each.name}", clone], check=True)
            subprocess.run(["git", "-C", clone, "checkout", "-q", each.version], check=True)
            continue
        subprocess.run(["apt-get", *options, "source", f"{each.name}={each.version}"], cwd=into, check=True)
    return into


def missing_packages(folders: list[Path]) -> list[str]:
    """What the packages name in Build-Depends and is not installed."""
    wanted: set[str] = set()
    for folder in folders:
        depends = re.search(r"(?ms)^Build-Depends:(.*?)^\w", (folder / "debian/control").read_text())
        wanted |= set(re.findall(r"libghc-[a-z0-9-]+-dev|\b(?:alex|happy)\b", depends[1] if depends else ""))
    query = ["dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Package}, ${Provides}\n"]  # GHC has packages, too
    done = subprocess.run(query, capture_output=True, text=True, check=True)
    installed = {name for line in done.stdout.splitlines() if line[:2] == "ii" for name in re.split(r"[ ,]+", line)}
    return sorted(wanted - installed)


def measured(top: Path, place: Path, project: Project, rounds: int, *, words: bool) -> bool:
    """Print a row of the table; whether it is as expected."""
    place_of_it = os.path.normpath(f"hs/{project.executable}/{project.folder}")
    body = f'source = "{place_of_it}"\nexecutable = "{project.executable}"'
    if project.flags:
        body += f"\nflags = {list(project.flags)}"
    made = make_workshop(top / project.name, it=body)
    compileall.compile_dir(made.folder / "tasks", quiet=1)  # as after a person's first run
    settings = made.folder / "lambda.toml"
    settings.write_text(settings.read_text().replace('tool = "ghc"', 'tool = "auto"'))
    shutil.rmtree(made.folder / "hs")
    source, plain = made.folder / "hs" / project.executable, top / f"{project.name}-plain"
    for copy in (source, plain):
        shutil.copytree(place / source_folder(project), copy, ignore=shutil.ignore_patterns("debian", ".pc", ".git"))
    first, run = seconds_of(made, "zip:it")
    result = (
        f"zip, {(made.folder / 'build/it/lambda.zip').stat().st_size / 1e6:.1f} MB" if not run.code else refusal(run)
    )
    pair = Pair(made, source, plain, project)
    figures = compared(pair, rounds, first) if rounds and not run.code else f"{first:.1f} | | "
    print(f"| {project.executable} | {project.name} {project.version} | {result} | {figures} |", flush=True)
    if run.code and words:
        print(run.err, flush=True)
    for folder in (made.folder, plain):
        shutil.rmtree(folder)
    return result.startswith("zip") if project.expected == "zip" else project.expected in result


def refusal(run: Run) -> str:
    """What doit says last: the sentence, and the next act."""
    lines = [line.strip() for line in run.err.splitlines() if line.strip() and not line.startswith(("-- ", ".  "))]
    return " ".join(lines[-2:]).replace("|", "\\|")


class Pair(NamedTuple):
    """One program twice: in a project of ours, and in a folder where cabal alone builds it."""

    made: Workshop
    source: Path
    plain: Path
    project: Project


def compared(pair: Pair, rounds: int, first: float) -> str:
    """Seconds of cabal and of ours: from nothing once, then nothing to do and one line changed by turns."""
    made, source, plain, project = pair
    executable = project.executable
    home = plain.parent / "cabal-home"
    home.mkdir(exist_ok=True)
    (home / "config").write_text("-- none\n")

    def cabal() -> float:
        begun = time.monotonic()
        environment = os.environ | {"CABAL_DIR": str(home)}
        flags = [f"--flags={' '.join(project.flags)}"] if project.flags else []
        command = [*CABAL, *flags, f"exe:{executable}"]
        done = subprocess.run(command, cwd=plain, env=environment, capture_output=True, text=True, check=False)
        return time.monotonic() - begun if not done.returncode else float("nan")

    theirs_first = cabal()
    times: dict[str, list[float]] = {"plain": [], "ours": [], "plain rests": [], "ours rests": []}
    for number in range(rounds):
        for folder in (source, plain):
            edit(main_module(folder, executable), number)
        for suffix in ("", " rests"):
            times[f"plain{suffix}"].append(cabal())
            times[f"ours{suffix}"].append(seconds_of(made, "zip:it")[0])
    cells = [(theirs_first, first)]
    cells += [(median(times[f"plain{suffix}"]), median(times[f"ours{suffix}"])) for suffix in (" rests", "")]
    return " | ".join(
        f"{theirs:.1f}, {ours:.1f} ({ours / theirs:.2f})" if not isnan(theirs) else f"cabal fails, {ours:.1f}"
        for theirs, ours in cells
    )


def main_module(folder: Path, executable: str) -> Path:
    """The file that holds the executable's main, as its cabal file says."""
    text = next(folder.glob("*.cabal")).read_text()
    section = re.search(rf"(?mis)^executable\s+{re.escape(executable)}\b(.*?)(?=^\S|\Z)", text)
    assert section
    name = re.search(r"(?mi)^\s*main-is:\s*(\S+)", section[1])
    folders = re.search(r"(?mi)^\s*hs-source-dirs:\s*(\S+)", section[1])
    assert name
    return folder / (folders[1].rstrip(",") if folders else "") / name[1]


def edit(main: Path, number: int) -> None:
    """Another line at the end, which changes the program."""
    text = main.read_text().split("\n-- round")[0].rstrip("\n")
    main.write_text(f"{text}\n-- round {number}\nround{number} :: Int\nround{number} = {number}\n")


def seconds_of(made: Workshop, task: str) -> tuple[float, Run]:
    """How long doit takes, and what it did; it has an hour."""
    begun = time.monotonic()
    done = subprocess.run(
        made.command(task),
        cwd=made.folder,
        env=made.environment(),
        capture_output=True,
        text=True,
        timeout=3600,
        check=False,
    )
    return time.monotonic() - begun, Run(done.returncode, done.stdout, done.stderr)


if __name__ == "__main__":
    raise SystemExit(main())
