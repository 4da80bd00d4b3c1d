"""What a start on Lambda meets: its variables, and programs that start others."""

from __future__ import annotations

from ..platform.layout import LIBRARY_PATH, PROGRAM_PATH, RUNTIME, TASK
from .expansion import UNKNOWN

SHELLS = frozenset({"sh", "bash", "dash", "ash"})
PASSES_ON = frozenset(
    {"nohup", "nice", "stdbuf", "setsid", "timeout"}
)  # start what follows; their options are not read
LOADER_VALUES = frozenset(
    {"--library-path", "--argv0", "--preload", "--audit", "--inhibit-rpath", "--glibc-hwcaps-mask"}
)
ENVIRONMENT = {
    "LAMBDA_TASK_ROOT": TASK,
    "LAMBDA_RUNTIME_DIR": RUNTIME,
    "LD_LIBRARY_PATH": LIBRARY_PATH,
    "PATH": PROGRAM_PATH,
    "LANG": "en_US.UTF-8",
    "TZ": ":UTC",
    "_HANDLER": UNKNOWN,
    "AWS_LAMBDA_RUNTIME_API": UNKNOWN,
}
