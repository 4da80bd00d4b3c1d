"""The map: a Haskell program becomes a zip that starts on AWS Lambda, and is deployed only when it changed.

    ghc-centos/ ──image──► toolchain ──binary──► executable ──needed-libs──► lib/ ─┐
    shim/ ────────────────────────────────────────shim──► run.js | bootstrap ──────┴─zip─► lambda.zip ─deploy─► AWS

lambda.toml says what is built; each task lives in tasks/<task>.py, and what it knows in tasks/lib/.
"""

from tasks import adapter, binary, image

PROJECT = adapter.load_project()
DOIT_CONFIG = adapter.config(default_tasks=["binary"])


def task_image() -> adapter.Tasks:
    """The toolchain: ghc-centos/ → build/image.json"""
    return image.define(PROJECT)


def task_binary() -> adapter.Tasks:
    """Each function's executable: sources → build/<fn>/<executable>"""
    return binary.define(PROJECT)
