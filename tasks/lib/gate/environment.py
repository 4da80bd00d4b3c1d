"""What a start on Lambda meets: its variables, its shells, and options of its loader."""

from __future__ import annotations

import re

from ..platform.layout import LIBRARY_PATH, PROGRAM_PATH, RUNTIME, TASK
from .expansion import UNKNOWN

SHELLS = frozenset({"sh", "bash", "dash", "ash"})
BUILT_IN = frozenset({  # of shells, and beyond this reader
    "alias", "bg", "bind", "caller", "complete", "coproc", "dirs", "disown", "enable", "fc", "fg", "getopts",
    "jobs", "kill", "let", "local", "logout", "mapfile", "popd", "pushd", "read", "readarray", "return", "suspend",
    "time", "times", "type", "unalias",
})  # fmt: skip
OF_LOADERS = re.compile(r"LD_(?!LIBRARY_PATH$|BIND_NOW$|ORIGIN_PATH$|WARN$|DEBUG_OUTPUT$|POINTER_GUARD$)[A-Z_]+")
ENVIRONMENT = {
    "LAMBDA_TASK_ROOT": TASK,
    "LAMBDA_RUNTIME_DIR": RUNTIME,
    "LD_LIBRARY_PATH": LIBRARY_PATH,
    "PATH": PROGRAM_PATH,
    "LANG": "en_US.UTF-8",
    "TZ": ":UTC",
    "_HANDLER": UNKNOWN,
    **dict.fromkeys(
        (
            "AWS_LAMBDA_RUNTIME_API",
            "AWS_REGION",
            "AWS_DEFAULT_REGION",
            "AWS_EXECUTION_ENV",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AWS_LAMBDA_FUNCTION_NAME",
            "AWS_LAMBDA_FUNCTION_VERSION",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            "AWS_LAMBDA_LOG_GROUP_NAME",
            "AWS_LAMBDA_LOG_STREAM_NAME",
            "AWS_LAMBDA_INITIALIZATION_TYPE",
        ),
        UNKNOWN,
    ),
}
