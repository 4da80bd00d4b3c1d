"""Values that lambda.toml names the place of, read from there: Parameter Store, Secrets Manager, or this process.

in   a Function, the session
out  `References.resolved(function)`: the same function, all its variables text; DeployError before anything is written
     when one is not there

Each place is read once a run, however many functions name it. What is read goes to the sanitiser first, then into
memory, and nowhere else.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Any

from ..base import secrets
from ..base.errors import DeployError
from ..platform.limits import ENVIRONMENT_BYTES
from ..settings.references import Reference, Source, environment_bytes
from .errors import code, errors_while, missing

if TYPE_CHECKING:
    from ..settings.model import Function
    from .session import Aws


class References:
    """The values of one run's references; `aws` gives the session, made only where a reference needs it."""

    def __init__(self, aws: Callable[[], Aws]) -> None:
        self._aws = aws
        self._lock = Lock()
        self._locks: dict[Reference, Lock] = {}
        self._known: dict[Reference, str] = {}

    def with_values(self, function: Function) -> Function:
        """The function with the values themselves.

        DeployError for one that cannot be read, or when all are too large together.
        """
        if not any(isinstance(said, Reference) for said in (function.environment or {}).values()):
            return function
        values = {
            name: self._value(said, f"environment.{name} of {function.name}") if isinstance(said, Reference) else said
            for name, said in (function.environment or {}).items()
        }
        size = environment_bytes(values)
        if size > ENVIRONMENT_BYTES:
            raise DeployError(
                f"The variables of {function.name} have {size} bytes as JSON, the values of references included; "
                f"at most {ENVIRONMENT_BYTES} are allowed.",
                "Let the function read the largest of them itself, by its AWS SDK.",
            )
        return replace(function, environment=values)

    def _value(self, reference: Reference, wanted_by: str) -> str:
        with self._lock:
            lock = self._locks.setdefault(reference, Lock())
        with lock:
            if reference not in self._known:
                found = self._read(reference, f"{wanted_by} is {reference}")
                secrets.keep([found])
                if "\0" in found:
                    raise DeployError(
                        f"{wanted_by} is {reference}, whose value has a NUL, which no variable can hold.",
                        "Store it as text.",
                    )
                self._known[reference] = found
            return self._known[reference]

    def _read(self, reference: Reference, asked: str) -> str:
        match reference.source:
            case Source.ENV:
                return _of_process(reference, asked)
            case Source.SSM:
                client, operation, parameters = self._aws().client("ssm"), "get_parameter", {"WithDecryption": True}
                answer = _answer(client, operation, asked, Name=reference.name, **parameters)
                return str(answer["Parameter"]["Value"])
            case Source.SECRET:
                client = self._aws().client("secretsmanager")
                answer = _answer(client, "get_secret_value", asked, SecretId=reference.name)
                return _of_secret(reference, answer, asked)


def _of_process(reference: Reference, asked: str) -> str:
    found = os.environ.get(reference.name)
    if found is None:
        raise DeployError(f"{asked}, and this process has no variable {reference.name}.", f"export {reference.name}=…")
    return found


def _answer(client: Any, operation: str, asked: str, **parameters: Any) -> Mapping[str, Any]:
    """One read; what is not there is said with the command that makes it."""
    with errors_while():
        try:
            answer: Mapping[str, Any] = getattr(client, operation)(**parameters)
        except client.exceptions.ClientError as error:
            if not missing(error) and code(error) not in {"ParameterNotFound", "ParameterVersionNotFound"}:
                raise
            make = (
                f"aws ssm put-parameter --type SecureString --name {parameters['Name']} --value …"
                if operation == "get_parameter"
                else f"aws secretsmanager create-secret --name {parameters['SecretId']} --secret-string …"
            )
            region = client.meta.region_name
            raise DeployError(f"{asked}, which does not exist in region {region}.", f"Make it: {make}") from error
    return answer


def _of_secret(reference: Reference, answer: Mapping[str, Any], asked: str) -> str:
    text = answer.get("SecretString")
    if text is None:
        raise DeployError(f"{asked}, which is binary, and a variable is text.", "Store it as text, base64 for one.")
    secrets.keep([str(text)])
    if not reference.key:
        return str(text)
    try:
        table = json.loads(text)
    except ValueError:
        table = None  # the error would quote it
    if not isinstance(table, dict) or reference.key not in table:
        raise DeployError(
            f"{asked}, and that secret is no JSON object with such a member.",
            "Correct key in lambda.toml, or the secret; without key it is taken whole.",
        )
    found = table[reference.key]
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
