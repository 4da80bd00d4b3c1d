"""The tabulator key in bash, zsh and fish, each a real one."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import Workshop, make_workshop, need

SHELLS = ("bash", "zsh", "fish")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    made = make_workshop(tmp_path_factory.mktemp("completion") / "project", echo='binary = "/bin/true"')
    made.write("lambda.toml", (made.folder / "lambda.toml").read_text() + "\n[stage.prod]\nmemory_mb = 512\n")
    made.write("bin/doit", f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m doit "$@"\n').chmod(0o755)
    (made.folder / "bin/haskell-on-lambda").symlink_to("doit")
    for shell in SHELLS:
        made.write(f"script.{shell}", made.good("completion", shell).out)
    return made


def offered(project: Workshop, shell: str, line: str) -> set[str]:
    """What the key offers behind a line."""
    script, quoted, command = f"script.{shell}", shlex.quote(line), line.partition(" ")[0]
    ask = {
        "bash": f"source {script}; COMP_LINE={quoted}; COMP_POINT=${{#COMP_LINE}}; _haskell_on_lambda {command}; "
        'printf "%s\\n" "${COMPREPLY[@]}"',
        "zsh": f"compdef() {{ :; }}; source {script}; compadd() {{ shift; print -l -- $@; }}; line={quoted}; "
        'words=("${(@s: :)line}"); CURRENT=$#words; _haskell_on_lambda',
        "fish": f"source {script}; complete -C {quoted}",
    }[shell]
    path = f"{project.folder / 'bin'}:/usr/bin:/bin"
    done = subprocess.run(
        [need(shell), *(["--no-config"] if shell == "fish" else ["-f"] if shell == "zsh" else []), "-c", ask],
        cwd=project.folder,
        env=project.environment(PATH=path, HOME=str(project.folder)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {word.split("\t")[0] for word in done.stdout.split("\n") if word}


@pytest.mark.parametrize("shell", SHELLS)
def test_functions_options_and_stages_are_offered(project: Workshop, shell: str) -> None:
    tasks = offered(project, shell, "doit deploy:")
    assert {"deploy:echo", "echo"} & tasks
    assert "--dry-run" in offered(project, shell, "doit deploy:echo --")
    stages = offered(project, shell, "doit deploy stage=")
    assert {"stage=prod", "prod"} & stages


@pytest.mark.parametrize("shell", SHELLS)
def test_commands_are_offered_where_they_belong(project: Workshop, shell: str) -> None:
    commands = {"clean", "forget", "info", "list", "help"}
    assert commands | {"deploy"} <= offered(project, shell, "doit ")
    assert "init" not in offered(project, shell, "doit ")
    assert commands | {"init"} <= offered(project, shell, "haskell-on-lambda ")
    assert commands <= offered(project, shell, "doit help ")
    assert "clean" in offered(project, shell, "doit cle")
    behind = offered(project, shell, "doit clean ")
    assert "deploy" in behind
    assert not commands & behind


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_says_where_it_is_kept(project: Workshop, shell: str) -> None:
    last = Path(project.folder, f"script.{shell}").read_text().splitlines()[-1]
    assert f"doit completion {shell} >~/" in last
