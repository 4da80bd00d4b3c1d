"""`python -m tasks.lib.check FILE …`: the command without doit."""

from __future__ import annotations

import sys

from .command import run

sys.exit(run(sys.argv[1:], sys.stdout))
