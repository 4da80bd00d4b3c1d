"""The map: a Haskell program becomes a zip that starts on AWS Lambda, and is deployed only when it changed.

    ghc-centos/ ──image──► toolchain ──binary──► executable ──needed-libs──► lib/ ─┐
    shim/ ────────────────────────────────────────shim──► run.js | bootstrap ──────┴─zip─► lambda.zip ─deploy─► AWS

lambda.toml says what is built; each task lives in tasks/<task>.py, and what it knows in tasks/lib/.
"""

from tasks import binary, image, needed_libs, oci, shim
from tasks import zip as package
from tasks.graph.named import verb
from tasks.graph.project import config, load_project
from tasks.graph.task import Tasks

PROJECT = load_project()
DOIT_CONFIG = config(default_tasks=["zip", "oci"])


def task_image() -> Tasks:
    """the toolchain: ghc-centos/ → build/image.json"""
    return image.define(PROJECT)


def task_binary() -> Tasks:
    """each function's executable: its sources → build/<fn>/<executable>"""
    return binary.define(PROJECT)


def task_needed_libs() -> Tasks:
    """the libraries it needs: DT_NEEDED, transitively → build/<fn>/needed-libs.json, lib/"""
    return needed_libs.define(PROJECT)


def task_shim() -> Tasks:
    """what stands between Lambda and the executable: shim/ → build/<fn>/run.js or bootstrap"""
    return shim.define(PROJECT)


def task_zip() -> Tasks:
    """the package, proved to start: all of the above → build/<fn>/lambda.zip"""
    return package.define(PROJECT)


def task_oci() -> Tasks:
    """the package as a container image, where lambda.toml asks for one: lambda.zip → build/<fn>/image.tar"""
    return oci.define(PROJECT)


def task_deploy() -> Tasks:
    """each function on AWS, changed only where it differs: lambda.zip → build/<fn>/deployed-hash"""
    return verb("deploy", PROJECT)


def task_lock() -> Tasks:
    """what the zips are made with, kept: compiler, image and each library → lambda.lock"""
    return verb("lock", PROJECT)


def task_diff() -> Tasks:
    """what a deploy would change, field by field"""
    return verb("diff", PROJECT)


def task_invoke() -> Tasks:
    """one event through a function, on AWS or with --local here"""
    return verb("invoke", PROJECT)


def task_local() -> Tasks:
    """the functions served at 127.0.0.1:9000 as Lambda serves them"""
    return verb("local", PROJECT)


def task_check() -> Tasks:
    """would it start on Lambda? any executable or zip"""
    return verb("check", PROJECT)


def task_report() -> Tasks:
    """what is in each zip, as a page to look at"""
    return verb("report", PROJECT)


def task_status() -> Tasks:
    """all functions in all stages: one table"""
    return verb("status", PROJECT)


def task_outputs() -> Tasks:
    """the zip, its hash, the ARN and the URL, for other tools"""
    return verb("outputs", PROJECT)


def task_render() -> Tasks:
    """the effective settings, secrets masked"""
    return verb("render", PROJECT)


def task_role() -> Tasks:
    """the execution role: made, with the least rights"""
    return verb("role", PROJECT)


def task_policy() -> Tasks:
    """the smallest policy of whoever deploys"""
    return verb("policy", PROJECT)


def task_logs() -> Tasks:
    """the log of a function, once or followed"""
    return verb("logs", PROJECT)


def task_versions() -> Tasks:
    """the published versions, and which alias points where"""
    return verb("versions", PROJECT)


def task_rollback() -> Tasks:
    """the alias back to where it pointed before"""
    return verb("rollback", PROJECT)


def task_prune() -> Tasks:
    """old versions that no alias needs: deleted"""
    return verb("prune", PROJECT)


def task_url() -> Tasks:
    """the function's own HTTPS address"""
    return verb("url", PROJECT)


def task_api() -> Tasks:
    """an HTTP API in front of a function"""
    return verb("api", PROJECT)


def task_events() -> Tasks:
    """what invokes the function: schedules, queues, buckets"""
    return verb("events", PROJECT)


def task_destroy() -> Tasks:
    """the function off AWS, with all its versions"""
    return verb("destroy", PROJECT)


def task_purge() -> Tasks:
    """remove what is in the container engine: image, volumes, containers"""
    return verb("purge")


def task_adopt() -> Tasks:
    """a live function as a table of lambda.toml"""
    return verb("adopt", PROJECT)


def task_new() -> Tasks:
    """a program of your own, which builds at once"""
    return verb("new")


def task_doctor() -> Tasks:
    """what this machine has and lacks, with the command that mends it"""
    return verb("doctor", PROJECT)


def task_completion() -> Tasks:
    """completion of tasks, commands, options and stages in the shell"""
    return verb("completion")


def task_graph() -> Tasks:
    """the tasks with their states, ages, durations and sizes, as a picture"""
    return verb("graph", PROJECT, module="picture")


def task_why() -> Tasks:
    """why a task would run now, or would not"""
    return verb("why", PROJECT)


# ---- of a clone of this project alone; an installed package ends above ---


def task_lint() -> Tasks:
    """linters, formatters and types, for each language"""
    return verb("lint")


def task_test() -> Tasks:
    """this repository's tests"""
    return verb("test")
