"""The plan of a deploy, as data: what a step says and sends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tasks.lib.aws.deploy.compare import Change, same_code, same_role, settings_changes
from tasks.lib.aws.deploy.desired import CONTENT_TAG, Package, desired_state
from tasks.lib.aws.deploy.plan import plan
from tasks.lib.aws.deploy.remote import NO_GROUP, Remote, remote_of_latest
from tasks.lib.aws.deploy.steps import SetLogRetention, Step, Tag, UpdateConfiguration
from tests.aws.support import PLAIN, function, project, version


def planned(text: str, package: Package, remote: Remote) -> tuple[Step, ...]:
    return plan(desired_state(project(f"{PLAIN}{text}\n").functions[0], package), remote)


def there(package: Package, **more: Any) -> Remote:
    return remote_of_latest(function(package, **more), version(package, **more))


def test_text_logs_are_asked_for_without_the_levels_of_json(one: Package) -> None:
    """AWS refuses them together."""
    levels = {"ApplicationLogLevel": "INFO", "SystemLogLevel": "WARN"}
    logging = {"LogFormat": "JSON", "LogGroup": "/aws/lambda/hello"} | levels
    (step,) = planned('log_format = "Text"', one, there(one, LoggingConfig=logging))
    assert isinstance(step, UpdateConfiguration)
    assert step.settings["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "/aws/lambda/hello"}
    (step,) = planned('log_format = "JSON"\ntimeout_s = 9', one, there(one, LoggingConfig=logging))
    assert isinstance(step, UpdateConfiguration)
    assert step.settings["LoggingConfig"] == logging


def test_how_long_a_log_was_kept_is_said_as_it_was_found(one: Package) -> None:
    for found, said in ((NO_GROUP, None), (30, 30), (None, "unknown")):
        steps = planned("log_retention_days = 7", one, replace(there(one), retention_days=found))
        (step,) = (step for step in steps if isinstance(step, SetLogRetention))
        assert step.changes == (Change("log_retention_days", said, 7),)


def test_a_function_without_an_alias_is_given_the_tag_of_its_own_content(one: Package) -> None:
    (step,) = planned("", one, replace(there(one), tags={}))
    assert isinstance(step, Tag)
    assert f"{one.digest}/{one.code_sha256}" in str(step)
    assert CONTENT_TAG in str(step)


def changed(text: str, package: Package, **more: Any) -> list[str]:
    desired = desired_state(project(f"{PLAIN}{text}\n").functions[0], package)
    return [str(change) for change in settings_changes(desired, version(package, **more))]


def test_of_a_group_of_settings_only_what_differs_is_named(one: Package) -> None:
    there = {"LogFormat": "JSON", "LogGroup": "/aws/lambda/hello"}
    assert changed('log_format = "Text"', one, LoggingConfig=there) == ["log_format: JSON -> Text"]


def test_a_variable_that_is_equal_is_no_change(one: Package) -> None:
    text = 'environment = { SAME = "same-word", OTHER = "other-word" }'
    there = {"Variables": {"SAME": "same-word", "OTHER": "else", "GONE": "gone"}}
    assert changed(text, one, Environment=there) == [
        "environment.GONE: *** -> (none)",
        "environment.OTHER: *** -> ***",
    ]


def test_code_for_another_processor_is_other_code(one: Package) -> None:
    desired = desired_state(project(PLAIN).functions[0], one)
    assert same_code(desired, version(one), {})
    assert not same_code(desired, version(one, Architectures=["arm64"]), {})
    assert same_code(desired, version(one, Architectures=None), {}), "x86_64 is what AWS leaves out"
    assert same_code(replace(desired, package=None), version(one, Architectures=["arm64"]), {}), "no code is desired"


def test_a_role_is_the_same_by_its_name_and_by_its_arn() -> None:
    arn = "arn:aws:iam::123456789012:role/path/worker"
    assert same_role("worker", arn)
    assert same_role(arn, arn)
    assert not same_role("path", arn)
    assert not same_role(arn.replace("worker", "other"), arn)
