"""Where the files are that the tasks work with and that are no Python: shim/, ghc-centos/, hs/lambda-run.

in   a name below the top of a clone
out  `resource(name)` → its path: in a clone relative to where doit runs, so that messages stay short; once installed,
     in the package's own folder `resources`
"""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parents[2]
INSTALLED = PACKAGE / "resources"
ROOT = INSTALLED if INSTALLED.is_dir() else PACKAGE.parent


def resource(name: str) -> Path:
    """The path of one of our own files or folders, relative where it lies below the current folder of a clone."""
    found = ROOT / name
    return Path(name) if Path.cwd() == ROOT else found
