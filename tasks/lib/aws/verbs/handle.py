"""One function on AWS as the verbs see it: the session, the names, and the first line that says where one is.

in   Project, a function's name
out  `find_function(...)` → FunctionHandle; both pins are checked before a verb does anything
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...base.errors import DeployError, UsageError
from ..deploy.desired import log_group, name_on_aws
from ..deploy.outcome import Target
from ..deploy.remote import get_function
from ..errors import errors_while, missing
from ..session import Aws, connect

if TYPE_CHECKING:
    from ...settings.model import Function
    from ...settings.project import Project


@dataclass(frozen=True)
class FunctionHandle:
    """A function's place on AWS."""

    aws: Aws
    function: Function
    target: Target

    @property
    def client(self) -> Any:
        """The Lambda client."""
        return self.aws.client("lambda")

    @property
    def name(self) -> str:
        """The function's name on AWS."""
        return self.target.name

    @property
    def arn(self) -> str:
        """The function's ARN, with the managed alias."""
        target = self.target
        alias = f":{target.alias}" if target.alias else ""
        return f"arn:{self.aws.partition}:lambda:{target.region}:{target.account}:function:{target.name}{alias}"

    @property
    def log_group(self) -> str:
        """Where the function logs."""
        return log_group(self.function)

    @property
    def qualifier(self) -> dict[str, str]:
        """The parameter Qualifier where an alias is managed."""
        return {} if self.target.alias is None else {"Qualifier": self.target.alias}

    @property
    def alias(self) -> str:
        """The managed alias; UsageError without one."""
        if self.target.alias is None:
            raise UsageError(
                f"{self.function.name} has no alias, so it has no versions to choose from.",
                f'Set alias = "live" under [function.{self.function.name}] and deploy.',
            )
        return self.target.alias

    @contextmanager
    def calls(self) -> Iterator[None]:
        """Around calls: raise errors of AWS as DeployError, and a function that is not there as just that."""
        with errors_while():
            try:
                yield
            except self.client.exceptions.ClientError as error:
                if missing(error):
                    raise self._absent() from error
                raise

    def check_there(self) -> None:
        """DeployError where the function, or its alias, is not on AWS."""
        if get_function(self.client, self.name, self.target.alias) is None:
            raise DeployError(
                f"There is no function {self.name} ({self.target}).",
                f"Deploy it first: doit deploy:{self.function.name}",
            )

    def _absent(self) -> DeployError:
        """The error for a function that is not there."""
        return DeployError(
            f"There is no function {self.name} ({self.target}).", f"Deploy it: doit deploy:{self.function.name}"
        )


def find_function(
    project: Project, name: str, report: Callable[[str], None], connected: Callable[[], Aws] | None = None
) -> FunctionHandle:
    """Where the function of this name is; UsageError when lambda.toml has none. `report` gets the first line."""
    functions = {function.name: function for function in project.functions}
    if name not in functions:
        raise UsageError(f"lambda.toml has no function {name}.", f"Declared: {', '.join(functions)}.")
    function = functions[name]
    on_aws = name_on_aws(function)
    with errors_while():
        aws = connected() if connected else connect(project.deploy)
        aws.report = report
        target = Target(name, on_aws, function.alias, project.stage, aws.account(), aws.region)
    report(str(target))
    return FunctionHandle(aws, function, target)
