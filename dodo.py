"""The map: a Haskell program becomes a zip that starts on AWS Lambda, and is deployed only when it changed.

    ghc-centos/ ──image──► toolchain ──binary──► executable ──needed-libs──► lib/ ─┐
    shim/ ────────────────────────────────────────shim──► run.js | bootstrap ──────┴─zip─► lambda.zip ─deploy─► AWS

lambda.toml says what is built; each task lives in tasks/<task>.py, and what it knows in tasks/lib/.
"""

from tasks import binary, check, deploy, image, invoke, local, needed_libs, report, shim
from tasks import zip as package
from tasks.graph import aws_verb
from tasks.graph import task as adapter

PROJECT = adapter.load_project()
DOIT_CONFIG = adapter.config(default_tasks=["zip"])


def task_image() -> adapter.Tasks:
    """the toolchain: ghc-centos/ → build/image.json"""
    return image.define(PROJECT)


def task_binary() -> adapter.Tasks:
    """each function's executable: its sources → build/<fn>/<executable>"""
    return binary.define(PROJECT)


def task_needed_libs() -> adapter.Tasks:
    """the libraries it needs: DT_NEEDED, transitively → build/<fn>/needed-libs.json, lib/"""
    return needed_libs.define(PROJECT)


def task_shim() -> adapter.Tasks:
    """what stands between Lambda and the executable: shim/ → build/<fn>/run.js or bootstrap"""
    return shim.define(PROJECT)


def task_zip() -> adapter.Tasks:
    """the package, proved to start: all of the above → build/<fn>/lambda.zip"""
    return package.define(PROJECT)


def task_deploy() -> adapter.Tasks:
    """each function on AWS, changed only where it differs: lambda.zip → build/<fn>/deployed-hash"""
    return deploy.define(PROJECT)


def task_diff() -> adapter.Tasks:
    """what a deploy would change, field by field"""
    return deploy.define_diff(PROJECT)


def task_invoke() -> adapter.Tasks:
    """one event through a function, on AWS or with --local here"""
    return invoke.define(PROJECT)


def task_local() -> adapter.Tasks:
    """the functions served at 127.0.0.1:9000 as Lambda serves them"""
    return local.define(PROJECT)


def task_check() -> adapter.Tasks:
    """would it start on Lambda? any executable or zip"""
    return check.define(PROJECT)


def task_report() -> adapter.Tasks:
    """what is in each zip, as a page to look at"""
    return report.define(PROJECT)


def task_operate() -> adapter.Tasks:
    """verbs about functions that are on AWS already"""
    return aws_verb.define(PROJECT)


def task_purge() -> adapter.Tasks:
    """remove what is in the container engine: image, volumes, containers"""
    return image.define_purge()
