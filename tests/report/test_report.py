"""build/report.html: one page that says it all, in a real browser, from files that may be half there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tasks.lib.base import files
from tasks.lib.libs import needed as needed_libs
from tasks.lib.libs import packed
from tasks.lib.report import graph
from tasks.lib.report import page as report
from tasks.lib.sysroot import root as sysroot
from tests.support import need

pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="reports on this machine's programs as x86_64")


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A function that starts, one that does not, one that is bundled, one that was never built."""
    build = tmp_path_factory.mktemp("report")
    found = {"later": build / "later"}
    for name, libc in (("listing", "auto"), ("broken", "runtime"), ("bundled", "bundled")):
        folder = found[name] = build / name
        program = Path("/bin/ls")
        needed = needed_libs.needed(
            program,
            sysroot=sysroot.Host(),
            runtime="provided.al2023",
            architecture="x86_64",
            libc=libc,
            include=("libexpat.so.1",) if name == "broken" else (),
        )
        packed.pack(needed, sysroot.Host(), folder / "lib")
        files.write_json(folder / "needed-libs.json", needed)
        with zipfile.ZipFile(folder / "lambda.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(program, "ls")
            archive.writestr("bootstrap", b"x")
            archive.writestr("data/<b>.txt", b"x" * 5000)
            for path in sorted((folder / "lib").rglob("*")):
                if path.is_file():
                    archive.write(path, f"lib/{path.relative_to(folder / 'lib').as_posix()}")
    return found


@pytest.fixture(scope="session")
def page(folders: dict[str, Path]) -> str:
    return report.page([report.FunctionReport.read(name, folder) for name, folder in folders.items()])


class Tags(HTMLParser):
    """Every tag that is opened is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [str(value) for name, value in attrs if name in {"src", "href"}]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Closed at once."""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_page_is_well_formed_and_asks_for_nothing(page: str) -> None:
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert all(link.startswith("#") for link in tags.links)
    assert not re.search(r"https?:|url\(|@import|<script", page)


def test_every_function_has_its_verdict(page: str) -> None:
    assert "4 functions, 3 built, 2 proved to start" in page
    assert (page.count("✓ starts"), page.count("✗ does not start"), page.count(">not built<")) == (4, 1, 2)
    assert "arc4random_buf" in page
    assert "ls → libexpat.so.1" in page


def test_members_have_tier_and_both_sizes(page: str, folders: dict[str, Path]) -> None:
    with zipfile.ZipFile(folders["listing"] / "lambda.zip") as archive:
        info = archive.getinfo("lib/libselinux.so.1")
    row = next(line for line in page.splitlines() if "lib/libselinux.so.1</td>" in line)
    assert ">T2<" in row
    assert files.human(info.file_size) in row
    assert files.human(info.compress_size) in row
    assert ">ls</td>" in row


def test_names_are_escaped(page: str) -> None:
    assert "data/&lt;b&gt;.txt" in page
    assert "<b>" not in page


def test_same_files_same_page(folders: dict[str, Path], tmp_path: Path) -> None:
    assert report.write(tmp_path / "report.html", folders)
    assert not report.write(tmp_path / "report.html", folders)


@pytest.mark.parametrize("damage", ["needed-libs.json", "lambda.zip"])
def test_half_a_build_counts_as_none(folders: dict[str, Path], tmp_path: Path, damage: str) -> None:
    for name in ("needed-libs.json", "lambda.zip"):
        (tmp_path / name).write_bytes((folders["listing"] / name).read_bytes())
    (tmp_path / damage).write_bytes(b"{")
    assert "not built" in report.page([report.FunctionReport.read("x", tmp_path)])


def test_graph_has_a_row_for_each_library_and_an_arc_for_each_need(folders: dict[str, Path]) -> None:
    objects = json.loads((folders["listing"] / "needed-libs.json").read_text())["objects"]
    found = {row.name: row.needs for row in graph.rows(objects)}
    assert found["ls"] == ("libselinux.so.1", graph.C_LIBRARY)
    assert found["libselinux.so.1"] == ("libpcre2-8.so.0", graph.C_LIBRARY)
    assert graph.graph(objects).count("<path") == 5
    assert graph.graph([]) == ""


@pytest.mark.parametrize("width", [360, 1200])
def test_a_browser_shows_it_without_sideways_scrolling(page: str, tmp_path: Path, width: int) -> None:
    chromium = need("chromium")
    probe = (
        "<script>const e=document.documentElement;const d=document.createElement('i');d.id='probe';"
        "d.textContent=[e.scrollWidth<=e.clientWidth,document.querySelectorAll('article').length,"
        "document.querySelectorAll('svg path').length>5,getComputedStyle(document.body).color].join('|');"
        "document.body.append(d)</script></body>"
    )
    path = tmp_path / "report.html"
    path.write_text(page.replace("</body>", probe))
    line = [chromium, "--headless", "--no-sandbox", "--disable-gpu"]
    line += [f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},900", "--dump-dom", path.as_uri()]
    done = subprocess.run(line, capture_output=True, text=True, check=True, timeout=120)
    told = re.search(r'<i id="probe">(.*?)</i>', done.stdout)
    assert told is not None
    fits, articles, arcs, _ = told[1].split("|")
    assert (fits, articles, arcs) == ("true", "5", "true")


def test_functions_are_compared_first(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "listing"
    shutil.copytree(folders["listing"], folder)
    (folder / "lambda.sha256").write_text("abc\n")
    (tmp_path / "change").write_text("2.9 → 3.1 MB, +libpcre2-8.so.0")

    def row(name: str) -> list[str]:
        known = folders | {"listing": folder}
        page = report.page(
            [report.FunctionReport.read(item, place, tmp_path / "change") for item, place in known.items()]
        )
        side = page.partition("</article>")[0]
        return next(
            [re.sub("<.*?>", "", cell) for cell in re.findall(r"<td.*?</td>", line)]
            for line in side.splitlines()
            if f'href="#{name}"' in line
        )

    name, size, verdict, floor, deployed, change = row("listing")
    assert (name, verdict, deployed) == ("listing", "✓ starts", "not from here")
    assert size.endswith("kB")
    assert re.fullmatch(r"2\.\d+ of 2\.34", floor)
    assert change == "2.9 → 3.1 MB, +libpcre2-8.so.0"
    assert row("bundled")[3] == "its own (bundled)"
    assert row("later")[2] == "not built"
    for there, said in (("abc", "yes"), ("other", "yes, an older one")):
        (folder / "deployed-hash").write_text(json.dumps({"code_sha256": there}))
        assert row("listing")[4] == said
