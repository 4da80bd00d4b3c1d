"""Settings that are right one by one, and cannot be together.

in   the functions of one stage
out  `contradictions(functions, stage)` → the dotted key and what is wrong with it
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

from ..platform.layout import NODE_HANDLER
from ..platform.limits import ENVIRONMENT_BYTES
from . import answer_faults, image_faults, web_faults
from .forms import FUNCTION_NAME
from .model import Function
from .references import environment_bytes, plain
from .rules import Fault
from .words import Input, Process


def contradictions(functions: tuple[Function, ...], stage: str | None) -> Iterator[Fault]:
    """What cannot be in the functions of one stage, each with its dotted key."""
    named = Counter(function.function_name for function in functions)
    for function in functions:
        where = f"function.{function.name}"
        yield from _build(function, where)
        yield from _on_aws(function, where if stage is None else f"stage.{stage}.{where}")
        if named[function.function_name] > 1:
            at = f"{where}.function_name" if stage is None else f"stage.{stage}.{where}.function_name"
            yield at, f'another function is called "{function.function_name}" on AWS, too'


def _build(function: Function, where: str) -> Iterator[Fault]:
    if [function.source, function.binary, function.zip].count(None) != 2:  # noqa: PLR2004 - one of three is there
        yield (
            where,
            "needs exactly one of source (a folder to build), binary (a prebuilt executable), zip (a finished package)",
        )
    if not function.is_built:
        if function.is_image and function.zip:
            yield f"{where}.zip", 'is a zip, and package = "image" deploys an image; leave one of them out'
        return
    if function.source is not None and os.path.normpath(function.source) == "/":
        yield f"{where}.source", "is the root of the file system: name the folder of one program"
    if function.on_node and function.process is Process.NATIVE:
        yield f"{where}.process", f'"native" speaks the Runtime API itself and needs runtime = "{Function.runtime}"'
    if function.on_node and function.handler != NODE_HANDLER:
        yield f"{where}.handler", f'must be "{NODE_HANDLER}" on Node runtimes: that is what the shim exports'
    if function.process is Process.NATIVE and function.input is Input.ENVELOPE:
        yield f"{where}.input", '"envelope" is written by the shim, which process = "native" does without'
    yield from web_faults.contradictions(function, where)
    yield from answer_faults.contradictions(function, where)
    yield from image_faults.contradictions(function, where)
    if function.binary is not None and function.libc.is_linked_in:
        yield f"{where}.libc", '"static" is a way of linking, and a prebuilt binary is linked already; use "auto"'


def _on_aws(function: Function, where: str) -> Iterator[Fault]:
    for _, sentence in FUNCTION_NAME.faults(function.function_name.replace("{stage}", "s")):
        yield f"{where}.function_name", f'is "{function.function_name}", and {sentence}'
    size = environment_bytes(plain(function.environment))
    if size > ENVIRONMENT_BYTES:
        yield f"{where}.environment", f"has {size} bytes as JSON, at most {ENVIRONMENT_BYTES} are allowed"
    if function.layers is not None and len(function.layer_zips) > len(function.layers):
        yield f"{where}.layers", f"has {len(function.layers)} of the {len(function.layer_zips)} layers of layer_zips"
    vpc = function.vpc or {}
    if bool(vpc.get("subnets")) != bool(vpc.get("security_groups")):
        yield f"{where}.vpc", "needs both subnets and security_groups, or neither"
    logging = (function.aws or {}).get("LoggingConfig", {})
    if function.log_format is not None and isinstance(logging, dict) and "LogFormat" in logging:
        yield f"{where}.aws.LoggingConfig.LogFormat", "is said twice: log_format is its own key"
