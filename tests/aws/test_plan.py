"""The plan of a deploy, as data: what a step says and sends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tasks.lib.aws.deploy.compare import Change
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
