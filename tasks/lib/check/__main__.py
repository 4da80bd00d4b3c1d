"""`python -m tasks.lib.check FILE …`: the command without doit."""

from __future__ import annotations

import sys

from ..base.streams import speak_utf8
from .command import run

speak_utf8()
sys.exit(run(sys.argv[1:], sys.stdout))
