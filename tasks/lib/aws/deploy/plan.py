"""The decision, as data: which steps lead from what stands on AWS to what is wanted. Pure; no step = unchanged.

in   Wanted, Remote (None: no such function)
out  `plan(wanted, remote)` → steps, in the one order that leaves no live function broken:

     wait → configuration → code → what is around (concurrency, log, tags) → version → alias, last

An alias is never moved to "the newest" version, which would undo a rollback, but to the one that is as wanted;
if that is published already, nothing is uploaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...base.errors import DeployError
from ...settings.model import OWN_TAGS
from . import compare
from .compare import Change
from .desired import AROUND_TAG, CONTENT_TAG, Wanted
from .remote import Answer, Remote, busy, failed
from .steps import Configure, Create, KeepLog, Point, Publish, Reserve, Step, Tag, Upload, Wait


def plan(wanted: Wanted, remote: Remote | None) -> tuple[Step, ...]:
    """The steps from `remote` to `wanted`."""
    return tuple(_creation(wanted) if remote is None else _update(wanted, remote))


def _creation(wanted: Wanted) -> Iterator[Step]:
    if wanted.package is None or not wanted.settings:
        raise DeployError(
            f"There is no function {wanted.name} on AWS, and only a part of it is to be deployed.",
            "Deploy all of it first: doit deploy",
        )
    if "Role" not in wanted.settings:
        raise DeployError(
            f"{wanted.label} cannot be created without an execution role.",
            f'Set role = "…" under [function.{wanted.label}] or [defaults]; doit role:{wanted.label} makes one.',
        )
    changes = compare.settings_changes(wanted, {})
    code = Change("code", None, _short(wanted.package.code_sha256))
    processor = Change("architecture", None, wanted.architecture)
    tags = _tags_wanted(wanted, {}, wanted.package.code_sha256)
    around = {name: tags.pop(name) for name in (AROUND_TAG,) if name in tags}  # true only once it is settled
    shown = tuple(Change(f"tags.{name}", None, value) for name, value in sorted((wanted.tags or {}).items()))
    yield Create((processor, *changes, code, *shown), tags=tags)
    yield from _around(wanted, -1, done=False)
    if around:
        yield Tag(put=around)
    if wanted.alias is not None:
        yield Publish()
        yield Point((Change(f"alias {wanted.alias}", None, "new version"),), wanted.alias)


def _update(wanted: Wanted, remote: Remote) -> Iterator[Step]:
    live, latest = remote.live, remote.latest or remote.live or {}
    if busy(latest):
        yield Wait()
    code_sha256: str | None = str(latest.get("CodeSha256"))
    publish = False
    target = next((version for version in (live, *remote.versions) if version and _good(wanted, version, remote)), None)
    if target is not None:
        # the tag speaks of $LATEST's code: after a rollback it is right as it is
        rolled_back = wanted.alias is not None and target is live
        code_sha256 = None if rolled_back else str(target.get("CodeSha256"))
    else:
        publish = wanted.alias is not None
        yield from _latest(wanted, latest, remote)
        if wanted.package is not None and not compare.same_code(wanted, latest, remote.tags):
            code_sha256 = wanted.package.code_sha256
    yield from _around(wanted, remote.concurrency, done=remote.tags.get(AROUND_TAG) == wanted.around)
    yield from _tags(wanted, remote, code_sha256)
    if publish:
        yield Publish()
    if wanted.alias is not None and (publish or target is not live):
        yield _pointing(wanted.alias, live, target)


def _good(wanted: Wanted, version: Answer, remote: Remote) -> bool:
    """True if a version is as wanted and can run."""
    same = compare.same_code(wanted, version, remote.tags) and not compare.settings_changes(wanted, version)
    return same and not failed(version)


def _latest(wanted: Wanted, latest: Answer, remote: Remote) -> Iterator[Step]:
    """Bring $LATEST to what is wanted."""
    live = remote.live or latest
    if wanted.package is None and live.get("CodeSha256") != latest.get("CodeSha256"):
        raise DeployError(
            f"$LATEST of {wanted.name} holds other code than alias {wanted.alias}; "
            "publishing a new configuration would publish that code, too.",
            "Deploy code and configuration together: doit deploy",
        )
    shown = compare.settings_changes(wanted, live)
    needed = compare.settings_changes(wanted, latest)
    reason = failed(latest)
    if reason and wanted.settings:
        needed = (*needed, Change("last update", f"failed: {reason}", "sent again"))
    if needed:
        yield Configure(tuple(dict.fromkeys((*shown, *needed))), settings=_whole_structures(wanted, latest))
    if not compare.same_code(wanted, latest, remote.tags):
        yield Upload(tuple(_code_changes(wanted, live)))


def _whole_structures(wanted: Wanted, latest: Answer) -> dict[str, Any]:
    """The managed fields, structures filled up with what AWS holds: an update replaces a structure as a whole."""
    there = compare.normal(latest)
    settings = dict(wanted.settings)
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


def _code_changes(wanted: Wanted, live: Answer) -> Iterator[Change]:
    if wanted.architecture != compare.architecture(live):
        yield Change("architecture", compare.architecture(live), wanted.architecture)
    if wanted.package is not None and wanted.package.code_sha256 != live.get("CodeSha256"):
        yield Change("code", _short(live.get("CodeSha256")), _short(wanted.package.code_sha256))


def _short(code_sha256: Any) -> str | None:
    return None if code_sha256 is None else str(code_sha256)[:12]


def _around(wanted: Wanted, concurrency: int | None, *, done: bool) -> Iterator[Step]:
    """Concurrency and the log; `done` says that an earlier run has settled just these, `concurrency` what AWS shows."""
    there = wanted.concurrency if concurrency is None and done else concurrency
    if wanted.concurrency is not None and wanted.concurrency != there:
        before, after = (None if copies == -1 else copies for copies in (there, wanted.concurrency))
        yield Reserve((Change("reserved concurrency", before, after),), copies=wanted.concurrency)
    if wanted.retention_days is not None and not done:
        days = f"{wanted.retention_days} days" if wanted.retention_days else "for ever"
        yield KeepLog((Change("log retention", "unknown", days),), group=wanted.log_group, days=wanted.retention_days)


def _tags_wanted(wanted: Wanted, there: Mapping[str, str], code_sha256: str | None) -> dict[str, str]:
    """All tags as they should be; what is not managed stays, and so does the content's if no code is named."""
    unmanaged = {name for name in there if wanted.tags is None or name.startswith((OWN_TAGS, "aws:"))}
    tags = {name: there[name] for name in unmanaged} | dict(wanted.tags or {})
    if wanted.package is not None and code_sha256 is not None:
        tags[CONTENT_TAG] = str(wanted.content_tag(code_sha256))
    if wanted.around is not None:
        tags[AROUND_TAG] = wanted.around
    elif wanted.settings:
        tags.pop(AROUND_TAG, None)
    return tags


def _tags(wanted: Wanted, remote: Remote, code_sha256: str | None) -> Iterator[Step]:
    tags = _tags_wanted(wanted, remote.tags, code_sha256)
    put = {name: value for name, value in tags.items() if remote.tags.get(name) != value}
    drop = tuple(sorted(remote.tags.keys() - tags.keys()))
    if put or drop:
        changes = tuple(
            Change(f"tags.{name}", remote.tags.get(name), tags.get(name))
            for name in sorted({*put, *drop})
            if not name.startswith(OWN_TAGS)
        )
        yield Tag(changes, put=put, drop=drop)


def _pointing(alias: str, live: Answer | None, target: Answer | None) -> Point:
    before = None if live is None else str(live.get("Version"))
    version = None if target is None else str(target["Version"])
    shown = "new version" if version is None else f"version {version}"
    change = Change(f"alias {alias}", None if before is None else f"version {before}", shown)
    return Point((change,), alias, version, before)
