"""doit's own commands in a clone: what the wheel's entry points do, for an environment without the wheel.

in   `[project.entry-points]` of pyproject.toml; ./setup.sh runs this by the Python of .venv
out  haskell_on_lambda_clone.py and its entry points in that environment's site-packages

Ctrl-C while doit is still being loaded ends it without a traceback; once dodo.py is read, with our line. Words and
settings that doit looks at before it loads a plugin load ours first.
The module asks in which folder doit was started, so that one environment serves several clones.
"""

from __future__ import annotations

import sys
import sysconfig
import tomllib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from tasks.lib.base.streams import GONE

NAME = "haskell_on_lambda_clone"
GROUP = "doit.COMMAND"
MODULE = '''"""doit's own commands, put right in a clone of haskell-on-lambda; made by make/at_home.py."""

import os
import sys

try:
    os.getcwd()
except FileNotFoundError:
    print("ERROR: {gone}", file=sys.stderr)
    raise SystemExit(3) from None
if os.path.isfile("lambda.toml") and os.path.isfile("tasks/graph/plugin.py"):
    sys.path.insert(0, os.getcwd())
    from tasks.graph.plugin import *
else:
    try:  # the package may be here, too
        from haskell_on_lambda.graph.plugin import *
    except ImportError:
'''

EARLY = Path("make/haskell_on_lambda.pth")  # one line, run by each Python of the environment as it starts


def files() -> dict[str, str]:
    """Each file by its path in site-packages."""
    points = tomllib.loads(Path("pyproject.toml").read_text())["project"]["entry-points"][GROUP]
    classes = {command: where.partition(":")[2] for command, where in points.items()}
    plain = "".join(f"        from doit.doit_cmd import {name}\n" for name in sorted(classes.values()))
    lines = "".join(f"{command} = {NAME}:{name}\n" for command, name in sorted(classes.items()))
    info = f"{NAME}-1.dist-info"
    found = {
        f"{NAME}.py": MODULE.replace("{gone}", GONE.replace("\n", "\\n")) + plain,
        f"{NAME}.pth": EARLY.read_text().replace("haskell_on_lambda.graph.plugin", NAME),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {NAME.replace('_', '-')}\nVersion: 1\n",
        f"{info}/entry_points.txt": f"[{GROUP}]\n{lines}",
        f"{info}/INSTALLER": "make/at_home.py\n",
    }
    return {**found, f"{info}/RECORD": "".join(f"{name},,\n" for name in [*found, f"{info}/RECORD"])}


for name, text in files().items():
    path = Path(sysconfig.get_path("purelib")) / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
