"""What a start on Lambda meets: its variables, its shells, and options of its loader."""

from __future__ import annotations

from ..platform.layout import LIBRARY_PATH, PROGRAM_PATH, RUNTIME, TASK
from .expansion import UNKNOWN

SHELLS = frozenset({"sh", "bash", "dash", "ash"})
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
