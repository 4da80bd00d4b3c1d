"""What the strict API answers when it refuses, and the rules by which a test makes it do so."""

from __future__ import annotations

from dataclasses import dataclass

ACCOUNT, REGION = "123456789012", "eu-central-1"
PREFIX = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"
BUSY = "The operation cannot be performed at this time. "
STALE = "The Revision Id provided does not match the latest Revision Id."
TRUST = '{"Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}'


class Refusal(Exception):  # noqa: N818 - an answer of the API
    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status, self.kind, self.message = status, kind, message


def missing(what: str) -> Refusal:
    return Refusal(404, "ResourceNotFoundException", f"{what} not found")


@dataclass
class Rule:
    """Calls whose name matches `call` get another answer (`status`, `kind`, `message`), or the true one late."""

    call: str
    status: int = 0
    kind: str = ""
    message: str = ""
    times: int = 1
    before_s: float = 0.0  # how long the call takes to arrive
    after_s: float = 0.0  # and its answer to come back
