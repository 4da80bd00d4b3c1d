"""The decision, as data: which steps lead from what stands on AWS to what is desired. Pure; no step = unchanged.

in   DesiredState, Remote (None: no such function)
out  `plan(desired, remote)` → steps, in the one order that leaves no live function broken:

     wait → image → configuration → code → what GetFunction does not list, and tags → version → alias, last

An alias is never moved to "the newest" version, which would undo a rollback, but to the one that is as desired;
if that is published already, nothing is uploaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ...base.errors import DeployError
from ...settings.forms import OWN_TAGS
from ...settings.words import PackageType
from . import compare
from .compare import Change
from .desired import CONTENT_TAG, UNLISTED_TAG, DesiredState
from .remote import NO_GROUP, Answer, Remote, busy, failure
from .steps import (
    Create,
    MoveAlias,
    Publish,
    PushImage,
    SetConcurrency,
    SetLogRetention,
    Step,
    Tag,
    UpdateCode,
    UpdateConfiguration,
    Wait,
)


def plan(desired: DesiredState, remote: Remote | None) -> tuple[Step, ...]:
    """The steps from `remote` to `desired`."""
    _check_layers(desired, {} if remote is None else remote.latest or remote.live or {})
    return tuple(_creation(desired) if remote is None else _update(desired, remote))


def _check_layers(desired: DesiredState, there: Answer) -> None:
    """A function that was proved with layers needs them: those that somebody attached by hand will do."""
    attached = len(there.get("Layers") or ())
    if desired.unnamed_layers > attached:
        raise DeployError(
            f"{desired.label} was proved with {desired.unnamed_layers} layers (layer_zips), and {desired.name} has "
            f"{attached or 'none'} on AWS: lambda.toml names no layers.",
            f'Publish them and set layers = ["arn:aws:lambda:…"] under [function.{desired.label}].',
        )


def visible_steps(steps: Iterable[Step]) -> tuple[Step, ...]:
    """The steps that change something for people; tags that are only the deploy's own memory do not."""
    return tuple(step for step in steps if step.changes or not isinstance(step, Tag))


def _creation(desired: DesiredState) -> Iterator[Step]:
    if desired.package is None or not desired.settings:
        raise DeployError(
            f"There is no function {desired.name} on AWS, and only a part of it is to be deployed.",
            "Deploy all of it first: doit deploy",
        )
    if "Role" not in desired.settings:
        raise DeployError(
            f"{desired.label} cannot be created without an execution role.",
            f'Set role = "…" under [function.{desired.label}] or [defaults]; doit role:{desired.label} makes one.',
        )
    changes = compare.settings_changes(desired, {})
    code = Change("code", None, desired.package.shown_code)
    processor = Change("architecture", None, desired.architecture)
    tags = _desired_tags(desired, {}, desired.package.code_sha256)
    unlisted = {name: tags.pop(name) for name in (UNLISTED_TAG,) if name in tags}  # true only once it is read back
    shown = tuple(Change(f"tags.{name}", None, value) for name, value in sorted((desired.tags or {}).items()))
    yield from _push(desired)
    yield Create((processor, *changes, code, *shown), tags=tags)
    yield from _unlisted_steps(desired, -1, None, done=False)
    if unlisted:
        yield Tag(put=unlisted)
    if desired.alias is not None:
        yield Publish()
        yield MoveAlias((Change(f"alias {desired.alias}", None, "new version"),), desired.alias)


def _update(desired: DesiredState, remote: Remote) -> Iterator[Step]:
    live, latest = remote.live, remote.latest or remote.live or {}
    there = latest.get("PackageType") or PackageType.ZIP.aws
    if there != desired.package_type.aws:
        raise DeployError(
            f"{desired.name} is a function of PackageType {there} on AWS, which never changes.",
            f"Make it anew: doit destroy:{desired.label}, doit deploy:{desired.label}; or give it another "
            "function_name in lambda.toml.",
        )
    if busy(latest):
        yield Wait()
    code_sha256: str | None = str(latest.get("CodeSha256"))
    publish = False
    target = next(
        (version for version in (live, *remote.versions) if version and _good(desired, version, remote)), None
    )
    if target is not None:
        # The content tag belongs to the function, not to a version, and speaks of $LATEST's code. Where the alias
        # already points at a good version, $LATEST may hold newer code (after a rollback): retagging it with this
        # version's content would make the next deploy take that newer code for unchanged.
        rolled_back = desired.alias is not None and target is live
        code_sha256 = None if rolled_back else str(target.get("CodeSha256"))
    else:
        publish = desired.alias is not None
        yield from _latest(desired, latest, remote)
        if desired.package is not None and not compare.same_code(desired, latest, remote.tags):
            code_sha256 = desired.package.code_sha256
    yield from _unlisted_steps(desired, remote.concurrency, remote.retention_days, done=desired.is_settled(remote.tags))
    yield from _tags(desired, remote, code_sha256)
    if publish:
        yield Publish()
    if desired.alias is not None and (publish or target is not live):
        yield _pointing(desired.alias, live, target)


def _good(desired: DesiredState, version: Answer, remote: Remote) -> bool:
    """True if a version is as desired and can run."""
    same = compare.same_code(desired, version, remote.tags) and not compare.settings_changes(desired, version)
    return same and not failure(version)


def _latest(desired: DesiredState, latest: Answer, remote: Remote) -> Iterator[Step]:
    """Bring $LATEST to what is desired."""
    live = remote.live or latest
    if desired.package is None and live.get("CodeSha256") != latest.get("CodeSha256"):
        raise DeployError(
            f"$LATEST of {desired.name} holds other code than alias {desired.alias}; "
            "publishing a new configuration would publish that code, too.",
            "Deploy code and configuration together: doit deploy",
        )
    if not compare.same_code(desired, latest, remote.tags):
        yield from _push(desired)
    shown = compare.settings_changes(desired, live)
    needed = compare.settings_changes(desired, latest)
    reason = failure(latest)
    if reason and desired.settings:
        needed = (*needed, Change("last update", f"failed: {reason}", "sent again"))
    if needed:
        yield UpdateConfiguration(tuple(dict.fromkeys((*shown, *needed))), settings=_whole_structures(desired, latest))
    if not compare.same_code(desired, latest, remote.tags):
        yield UpdateCode(tuple(_code_changes(desired, live)))


def _whole_structures(desired: DesiredState, latest: Answer) -> dict[str, Any]:
    """The managed fields, structures filled up with what AWS holds: an update replaces a structure as a whole."""
    there = compare.normal(latest)
    settings = dict(desired.settings)
    if "Role" in settings and compare.same_role(settings["Role"], str(latest.get("Role"))):
        settings["Role"] = latest["Role"]
    if "VpcConfig" in settings:
        settings["VpcConfig"] = {**there["VpcConfig"], **settings["VpcConfig"]}
        settings["VpcConfig"].pop("VpcId", None)
    if "LoggingConfig" in settings:
        logging = {**there["LoggingConfig"], **settings["LoggingConfig"]}
        if logging["LogFormat"] == "Text":  # levels exist in JSON logs only, and AWS refuses them elsewhere
            logging = {name: value for name, value in logging.items() if not name.endswith("LogLevel")}
        settings["LoggingConfig"] = logging
    return settings


def _code_changes(desired: DesiredState, live: Answer) -> Iterator[Change]:
    if desired.architecture != compare.architecture(live):
        yield Change("architecture", compare.architecture(live), desired.architecture)
    if desired.package is not None and desired.package.code_sha256 != live.get("CodeSha256"):
        there = live.get("CodeSha256")
        yield Change("code", None if there is None else str(there)[:12], desired.package.shown_code)


def _push(desired: DesiredState) -> Iterator[Step]:
    """An image has to be in a repository before Lambda is told of it."""
    if desired.package is not None and desired.package.image is not None:
        yield PushImage(repository=desired.repository)


def _unlisted_steps(desired: DesiredState, concurrency: int | None, days: int | None, *, done: bool) -> Iterator[Step]:
    """Steps for settings that GetFunction does not list; `done`: the tag says that they were read back already.

    `concurrency` and `days` are what AWS shows of them, None where it was not asked.
    """
    there = desired.concurrency if concurrency is None and done else concurrency
    if desired.concurrency is not None and desired.concurrency != there:
        before, after = (None if copies == -1 else copies for copies in (there, desired.concurrency))
        yield SetConcurrency((Change("reserved_concurrency", before, after),), copies=desired.concurrency)
    kept = desired.retention_days if days is None and done else days
    if desired.retention_days is not None and desired.retention_days != kept:
        shown = "unknown" if kept is None else None if kept == NO_GROUP else kept
        change = Change("log_retention_days", shown, desired.retention_days)
        yield SetLogRetention((change,), group=desired.log_group, days=desired.retention_days)


def _desired_tags(desired: DesiredState, there: Mapping[str, str], code_sha256: str | None) -> dict[str, str]:
    """All tags as they should be; what is not managed stays, and so does the content's if no code is named."""
    unmanaged = {name for name in there if desired.tags is None or name.startswith((OWN_TAGS, "aws:"))}
    tags = {name: there[name] for name in unmanaged} | dict(desired.tags or {})
    if desired.package is not None and code_sha256 is not None:
        tags[CONTENT_TAG] = str(desired.content_tag(code_sha256))
    if desired.unlisted_digest is not None and not desired.is_settled(there):
        tags[UNLISTED_TAG] = f"{desired.unlisted_digest}/{desired.run}"
    elif desired.unlisted_digest is None and desired.settings:
        tags.pop(UNLISTED_TAG, None)
    tags.pop(f"{OWN_TAGS}around", None)  # as older versions of this tool called it
    return tags


def _tags(desired: DesiredState, remote: Remote, code_sha256: str | None) -> Iterator[Step]:
    tags = _desired_tags(desired, remote.tags, code_sha256)
    put = {name: value for name, value in tags.items() if remote.tags.get(name) != value}
    drop = tuple(sorted(remote.tags.keys() - tags.keys()))
    if put or drop:
        changes = tuple(
            Change(f"tags.{name}", remote.tags.get(name), tags.get(name))
            for name in sorted({*put, *drop})
            if not name.startswith(OWN_TAGS)
        )
        yield Tag(changes, put=put, drop=drop)


def _pointing(alias: str, live: Answer | None, target: Answer | None) -> MoveAlias:
    before = None if live is None else str(live.get("Version"))
    version = None if target is None else str(target["Version"])
    shown = "new version" if version is None else f"version {version}"
    change = Change(f"alias {alias}", None if before is None else f"version {before}", shown)
    return MoveAlias((change,), alias, version, before)
