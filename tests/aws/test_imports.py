"""What a `doit list` would pay for: nothing here imports boto3 before it is needed, and one place does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

LIBRARY = Path(__file__).parents[2] / "tasks" / "lib"
MODULES = sorted(
    ".".join(path.relative_to(LIBRARY.parents[1]).with_suffix("").parts)
    for path in (LIBRARY / "aws").rglob("*.py")
    if path.stem != "__init__"
)


def test_importing_all_of_it_imports_no_boto3() -> None:
    unwanted = "{'boto3', 'botocore', 'doit'} & set(sys.modules)"
    program = f"import sys, {', '.join(MODULES)}; print(*{unwanted})"
    said = subprocess.run([sys.executable, "-c", program], cwd=LIBRARY.parents[1], capture_output=True, check=True)
    assert said.stdout.strip() == b""


def test_boto3_is_imported_where_one_connects_and_where_the_doctor_looks() -> None:
    found = [
        path.name for path in LIBRARY.rglob("*.py") if "import boto3" in path.read_text().replace("no module here", "")
    ]
    assert sorted(name for name in found if name != "__init__.py") == ["doctor.py", "session.py"]
