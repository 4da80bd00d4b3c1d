"""Which right a call needs: what the tests hold `doit policy` to.

`called` has every call of our own clients since the process began or since a test cleared it. Source: "Actions,
resources, and condition keys" of each service.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tasks.lib.aws.pace import Pace
from tasks.lib.aws.verbs.deployer import VERBS, deployers
from tests.aws.support import project

called: set[str] = set()
FREE = {"sts:GetCallerIdentity"}
HERE = ("aws", "eu-central-1", "123456789012")
OTHERWISE = {
    "lambda:Invoke": "lambda:InvokeFunction",
    "s3:HeadObject": "s3:GetObject",
    "s3:GetBucketNotificationConfiguration": "s3:GetBucketNotification",
    "s3:PutBucketNotificationConfiguration": "s3:PutBucketNotification",
}
METHODS = {"Get": "GET", "Create": "POST", "Update": "PATCH", "Delete": "DELETE"}  # of API Gateway
ALL = """
[deploy]
s3_bucket = "zips"
[function.zip]
binary = "x"
role = "hello"
alias = "live"
reserved_concurrency = 1
log_retention_days = 7
environment = { ONE = { ssm = "/a" }, TWO = { secret = "b" } }
triggers = { a = { bucket = "inbox" } }
"""
IMAGE = '[function.image]\nbinary = "x"\npackage = "image"\nimage_base = "scratch"\nlibc = "bundled"\n'


def action_of(call: str) -> str:
    """The IAM action of `service:Operation`."""
    service, _, operation = call.partition(":")
    if service == "apigatewayv2":
        return f"apigateway:{next(verb for word, verb in METHODS.items() if operation.startswith(word))}"
    return OTHERWISE.get(call, call)


def actions(settings: str, *verbs: str) -> set[str]:
    """What doit policy allows for these verbs, or for a deploy."""
    wish = project(settings)
    return set(deployers(wish.functions, wish.deploy, *HERE, verbs=verbs or ("deploy", "diff")))


@contextmanager
def noting(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Note each call; AssertionError in the end for one that the table of no verb has."""
    real = Pace._take_turn

    def noted(self: Pace, model: Any, params: dict[str, Any], **rest: Any) -> None:
        operation = model.name.replace("20150331", "")
        call = f"{model.service_model.service_name}:{operation}"
        called.update({call} - FREE)
        real(self, model, params, **rest)

    patch.setattr(Pace, "_take_turn", noted)
    yield
    known: set[str] = set()
    for settings in (ALL, IMAGE):
        wish = project(settings)
        known |= deployers(wish.functions, wish.deploy, "aws", "r", "1", verbs=VERBS).keys()
    unknown = {call for call in called if action_of(call) not in known}
    assert not unknown, f"doit policy knows nothing of {', '.join(sorted(unknown))}"
