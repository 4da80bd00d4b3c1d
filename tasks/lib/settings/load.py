"""lambda.toml, the only file a user edits, read into the frozen model of `tasks.lib.settings`.

in   lambda.toml and the name of a stage
out  `load(path, stage)` → Project; every problem at once as one ConfigError

A value is looked up in [stage.<name>.function.<fn>], [stage.<name>], [function.<fn>], [defaults], in this order;
tables (environment, tags, vpc, aws) are joined on the way, and an empty one clears what stands below it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..base.errors import ConfigError, UsageError
from ..base.frozen import Frozen, Row
from ..base.resources import resource
from ..platform.layout import NODE_HANDLER
from ..platform.runtimes import on_node
from . import image_faults, references
from .contradictions import contradictions
from .forms import FUNCTION_NAME, STAGE_NAME
from .model import RENAMED, Build, Deploy, Function, keys
from .project import Project
from .references import Variable
from .rules import Fault, Word, hinted_faults, nearest
from .tables import Many, Pairs
from .text import read

__all__ = ["OWN", "Build", "Deploy", "Function", "Project", "load", "project_of"]

OWN = frozenset({"source", "binary", "zip", "executable"})  # never a default of all functions


def load(path: Path, stage: str | None = None) -> Project:
    """Read lambda.toml; ConfigError lists every problem with dotted key, value and rule."""
    text, raw = read(path)
    return project_of(raw, path, stage, text)


def every_stage(path: Path) -> tuple[Project, ...]:
    """lambda.toml without a stage, and as each of its stages has it; ConfigError as for `load`."""
    text, raw = read(path)
    return tuple(project_of(raw, path, stage, text) for stage in (None, *raw.get("stage", {})))


def project_of(raw: Mapping[str, Any], path: Path, stage: str | None = None, text: str = "") -> Project:
    """The model of a decoded lambda.toml at `stage`; ConfigError with all its faults, UsageError for no such stage."""
    raw, warnings = _modern(raw)
    faults = list(_faults(raw))
    functions: tuple[Function, ...] = ()
    if not faults:
        names = list(raw.get("stage", {}))
        every = {name: _functions(raw, name) for name in (None, *names)}
        faults = list(dict.fromkeys(fault for name in every for fault in contradictions(every[name], name)))
        for name, found in every.items():
            where = "deploy" if name is None else f"stage.{name}"
            faults += image_faults.of_deploy(found, _deploy(raw, name), f"{where}.s3_bucket")
        if not faults and stage not in every:
            declared = f"Declared: {', '.join(names)}{nearest(stage, names)}." if names else "No [stage.…] is declared."
            raise UsageError(f"{path.name} has no stage {stage!r}.", declared)
        functions = every.get(stage, ())
    if faults:
        listed = "\n".join(
            f"  {where}{_shown_value(raw, where)}: {sentence}{_at(text, where)}" for where, sentence in faults
        )
        count = "1 problem" if len(faults) == 1 else f"{len(faults)} problems"
        raise ConfigError(
            f"{path.name} has {count}:\n{listed}",
            f"Mend {path.name}; its keys are in {resource('docs/lambda-toml.md')}.",
        )
    build = Build(**_values(raw.get("build", {}), Build))
    return Project(path.parent, build, _deploy(raw, stage), stage, functions, warnings)


def _deploy(raw: Mapping[str, Any], stage: str | None) -> Deploy:
    staged = raw.get("stage", {}).get(stage, {})
    return Deploy(**raw.get("deploy", {}) | {name: value for name, value in staged.items() if name in keys(Deploy)})


def _modern(raw: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The same settings with today's words in place of old ones, and a warning for each old word."""
    warnings: list[str] = []

    def table(found: Any, where: str) -> Any:
        if not isinstance(found, dict):
            return found
        old = [name for name in found if name in RENAMED and RENAMED[name] not in found]
        warnings.extend(f"{where}.{name} is now called {RENAMED[name]}; write that." for name in old)
        return {RENAMED[name] if name in old else name: value for name, value in found.items()}

    modern = dict(raw)
    if "defaults" in raw:
        modern["defaults"] = table(raw["defaults"], "defaults")
    if isinstance(functions := raw.get("function"), dict):
        modern["function"] = {name: table(own, f"function.{name}") for name, own in functions.items()}
    return modern, tuple(warnings)


def _faults(raw: Mapping[str, Any]) -> Iterator[Fault]:
    known = ("defaults", "build", "deploy", "function", "stage")
    for name in raw:
        if name not in known:
            home = " or ".join(_homes(name))
            unknown = f"unknown table{nearest(name, known)}"
            yield name, f"stands above all tables, and belongs to {home}" if home else unknown
    yield from _table_faults(raw.get("build", {}), "build", keys(Build))
    yield from _table_faults(raw.get("deploy", {}), "deploy", keys(Deploy))
    shared = {name: item for name, item in keys(Function).items() if name not in OWN}
    yield from _table_faults(raw.get("defaults", {}), "defaults", shared)
    functions = raw.get("function", {})
    if not isinstance(functions, dict) or not functions:
        yield "function", "at least one table [function.<name>] is needed"
        return
    for name, table in functions.items():
        for _, sentence in FUNCTION_NAME.faults(name):
            yield f"function.{name}", f"the name {sentence}"
        yield from _table_faults(table, f"function.{name}", keys(Function))
    yield from _stage_faults(raw.get("stage", {}), functions)


def _homes(name: str) -> list[str]:
    """The tables that a key belongs to; none for an unknown one."""
    homes = [f"[{table}]" for table, model in (("build", Build), ("deploy", Deploy)) if name in keys(model)]
    if name in keys(Function):
        homes = [*([] if name in OWN else ["[defaults]"]), "[function.<name>]"]
    return homes


def _at(text: str, where: str) -> str:
    """The place of a dotted key, and its line where that holds no secret."""
    from .places import place, shown_line

    path = where.split("[", maxsplit=1)[0].split(".")
    found = place(text, path)
    if found is None:
        return ""
    line = "" if {"environment", "aws"} & set(path) else shown_line(text, found[0])
    return f" (line {found[0]}, column {found[1]})" + (f"\n    {found[0]} | {line}" if line else "")


def _stage_faults(stages: Any, functions: Mapping[str, Any]) -> Iterator[Fault]:
    if not isinstance(stages, dict):
        yield "stage", "must be tables [stage.<name>]"
        return
    staged = keys(Function, overridable=True)
    for stage, table in stages.items():
        where = f"stage.{stage}"
        for _, sentence in STAGE_NAME.faults(stage):
            yield where, f"the name {sentence}"
        plain = dict(table) if isinstance(table, dict) else table
        overrides = plain.pop("function", {}) if isinstance(plain, dict) else {}
        yield from _table_faults(plain, where, keys(Deploy) | staged)
        if not isinstance(overrides, dict):
            yield f"{where}.function", f"must be tables [{where}.function.<name>]"
            continue
        for name, own in overrides.items():
            if name not in functions:
                yield f"{where}.function.{name}", f"there is no [function.{name}]{nearest(name, functions)}"
            else:
                yield from _table_faults(own, f"{where}.function.{name}", staged)


def _table_faults(table: Any, where: str, known: Mapping[str, Row]) -> Iterator[Fault]:
    if not isinstance(table, dict):
        yield where, f"must be a table [{where}]"
        return
    for name, value in table.items():
        if name in known:
            found = list(hinted_faults(known[name].metadata["rule"], value))
            if name == "aws" and value and not found:
                from . import raw

                found = list(raw.faults(value))
            yield from ((f"{where}.{name}{suffix}", sentence) for suffix, sentence in found)
        elif where.startswith("stage.") and name in keys(Function):
            yield f"{where}.{name}", "decides what is built, and that is one for all stages"
        else:
            homes = ["one function, not to all"] if name in OWN and where == "defaults" else _homes(name)
            reason = f"belongs to {' or '.join(homes)}" if homes else f"unknown key{nearest(name, known)}"
            yield f"{where}.{name}", reason


def _functions(raw: Mapping[str, Any], stage: str | None) -> tuple[Function, ...]:
    """All functions as one stage has them."""
    defaults = raw.get("defaults", {})
    table = raw.get("stage", {}).get(stage, {})
    staged = {name: value for name, value in table.items() if name in keys(Function, overridable=True)}
    overrides = table.get("function", {})
    return tuple(
        _function(name, stage, defaults, own, staged, overrides.get(name, {})) for name, own in raw["function"].items()
    )


def _function(name: str, stage: str | None, *tables: Mapping[str, Any]) -> Function:
    joined: dict[str, Any] = {}
    for table in tables:
        for own, value in table.items():
            below = joined.get(own)
            joined[own] = {**below, **value} if isinstance(below, dict) and isinstance(value, dict) and value else value
    values = _values(joined, Function)
    values.setdefault("executable", name)
    node = on_node(str(values.get("runtime", Function.runtime)))
    values.setdefault("handler", NODE_HANDLER if node else values["executable"])
    on_aws = str(values.get("function_name", Function.function_name)).replace("{function}", name)
    values["function_name"] = on_aws if stage is None else on_aws.replace("{stage}", stage)
    return Function(name=name, **values)


def _values(table: Mapping[str, Any], model: type[Frozen]) -> dict[str, Any]:
    known = keys(model)
    return {name: _read(known[name].metadata["rule"], value) for name, value in table.items()}


def _read(rule: Any, value: Any) -> Any:
    if isinstance(rule, Pairs) and isinstance(rule.value, Variable):
        return {name: references.value(said) for name, said in value.items()}
    if isinstance(rule, Many) and isinstance(rule.item, Word):
        return tuple(map(rule.item.kind, value))
    return rule.kind(value) if isinstance(rule, Word) else _frozen(value)


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_frozen(item) for item in value)
    return {name: _frozen(item) for name, item in value.items()} if isinstance(value, dict) else value


def _shown_value(raw: Mapping[str, Any], where: str) -> str:
    """` = value` of a dotted key, where there is one and it is no secret."""
    value: Any = raw
    for part in where.split("[", maxsplit=1)[0].split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if value is None or isinstance(value, dict) or "environment" in where.split("."):
        return ""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return f" = {text if len(text) <= 60 else text[:57] + '…'}"  # noqa: PLR2004 - what fits on a line
