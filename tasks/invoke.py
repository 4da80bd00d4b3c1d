"""One event through a function: on AWS, or with --local through its zip under Lambda's own emulator.

in   --payload JSON, @file or - (stdin); or --event with the name of a sample
out  the answer on stdout, the log on stderr; exit 1 when the function failed
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from . import products
from .graph.task import warn
from .graph.verb import Line, Verb, parse_with, verbs
from .lib.base.errors import InvokeError, UsageError
from .lib.platform.limits import DEFAULT_TIMEOUT_S, LEAST_MEMORY_MB, LEAST_TMP_MB

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from .lib.local.function import Package
    from .lib.settings.load import Function, Project

SAMPLES = (  # a test holds this against tasks/lib/local/samples.py, which `doit list` need not import
    "alb apigw authorizer cloudfront codepipeline cognito dynamodb firehose http-api kinesis lex logs "
    "s3 s3-delete schedule ses sns sqs url"
)
NO_ROOM = "with --local: in a plain folder, with this machine's files, programs and HOME, which Lambda has not"


def define(project: Project) -> Iterator[Verb]:
    """`doit invoke:<fn>`; with one function, `doit invoke`."""
    functions = {function.name: function for function in project.functions}
    doc = f"one event through a function, on AWS or with --local here; --payload JSON, or --event {SAMPLES}"

    def act(name: str, given: Any) -> None:
        from .lib.aws.verbs.invoke import payload

        if given.local and functions[name].zip == "":
            raise UsageError(
                f"{name} has no package here: its code is left to AWS.", "Invoke it there: without --local."
            )
        event = sample_event(given) if given.event else payload(given.payload)
        answer = (
            invoke_locally(functions[name], event, room=given.room)
            if given.local
            else invoke_on_aws(project, name, event)
        )
        sys.stdout.buffer.write(answer + b"\n" * (not answer.endswith(b"\n")))
        sys.stdout.buffer.flush()

    def needs(name: str, given: Any) -> list[str]:
        return [f"zip:{name}"] if given.local and functions[name].zip != "" else []

    return verbs(
        "invoke", doc, Line(parse_with(options), list(functions)), act, list(functions), needs=needs, alone=True
    )


def options(parser: ArgumentParser) -> None:
    """`doit invoke:<fn> [--local] [--payload JSON|@FILE|-]`."""
    parser.description = "Send one event; the answer goes to stdout, the log to stderr."
    parser.add_argument("--local", action="store_true", help="run the built zip here; no AWS account is needed")
    parser.add_argument("--no-room", dest="room", action="store_false", help=NO_ROOM)
    parser.add_argument("--payload", metavar="JSON", help="the event: JSON, @FILE, or - for stdin (default: {})")
    parser.add_argument("--event", metavar="NAME", help=f"a sample event in its place: {SAMPLES}")


def sample_event(given: Any) -> bytes:
    """The sample that --event names; UsageError beside --payload, or when there is none of that name."""
    from .lib.local.samples import sample

    if given.payload:
        raise UsageError("Both --payload and --event say what is sent.", "Give one of them.")
    return sample(given.event, products.downloads(), log)


def package(function: Function, *, room: bool = True) -> Package:
    """A function's zip and what it meets, as the emulator takes it; `room`: in one like Lambda's, where that can be."""
    from .lib.local import function as unpacked
    from .lib.local.variables import variables

    return unpacked.Package(
        name=function.name,
        zip=products.Products(function).zip,
        runtime=function.runtime,
        handler=function.handler,
        timeout_s=function.timeout_s or DEFAULT_TIMEOUT_S,
        memory_mb=function.memory_mb or LEAST_MEMORY_MB,
        environment=variables(function.name, function.environment, partial(warn_once, function.name)),
        log_format=str(function.log_format or "Text"),
        log_level=str((function.aws or {}).get("LoggingConfig", {}).get("ApplicationLogLevel", "")),
        layers=products.layers(function),
        tmp_mb=function.ephemeral_storage_mb or LEAST_TMP_MB,
        room=room,
    )


@cache
def warn_once(name: str, text: str) -> None:
    """Warn of the same thing once, however often the function is started."""
    warn(name, text)


def invoke_locally(function: Function, event: bytes, *, room: bool = True) -> bytes:
    """Invoke the zip under the emulator. On a function error the payload still goes to stdout; then InvokeError."""
    from .lib.local import emulator

    emulator.checked_event(event)

    with emulator.Emulated(package(function, room=room), products.downloads(), log) as running:
        answer = running.invoke(event)
    if answer.function_error:
        sys.stdout.buffer.write(answer.payload + b"\n")
        raise InvokeError(
            f"{function.name} failed ({answer.function_error}); its answer says why.",
            "Its own log is above; mend the program or the event. Which files it asked for in vain: "
            f"doit check {products.Products(function).zip} --run EVENT",
        )
    return answer.payload


def invoke_on_aws(project: Project, name: str, event: bytes) -> bytes:
    """Through the function on AWS, exactly once; InvokeError when the function itself fails."""
    from .lib.aws.verbs import invoke
    from .lib.aws.verbs.handle import find_function

    where = find_function(project, name, log)
    made = invoke.invoke(where, event)
    log(made.log.rstrip("\n"))
    if made.error:
        sys.stdout.buffer.write(made.answer + b"\n")
        raise invoke.failure(where, made)
    return made.answer


def log(line: str) -> None:
    """One line of a function's log."""
    print(line, file=sys.stderr, flush=True)
