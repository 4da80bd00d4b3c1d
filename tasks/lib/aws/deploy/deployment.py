"""All functions of one run, in parallel: read → plan → apply, and again when somebody else was quicker.

in   Project, the names of the functions chosen
out  `Deployment.deploy(name, package)`, `.diff(name, package)` → Outcome, each callable from its own doit subtask
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING

from ...base import processes
from ...base.errors import DeployError, UsageError, typable
from ...settings.references import Reference
from ..errors import errors_while
from ..events import wiring
from ..pace import daemons, silent
from ..references import References
from ..reply import account_of
from ..session import Aws, connect
from ..verbs.handle import FunctionHandle
from ..wire import Progress
from . import fronts, ownership, upload
from .apply import Run
from .calls import Calls, Clock, Replan
from .desired import DesiredState, Package, Part, desired_state, name_on_aws
from .outcome import Outcome, Target
from .plan import plan, visible_steps
from .reader import Reader
from .registry import with_repository
from .remote import Answer, Remote
from .steps import MoveAlias, Publish, SetConcurrency, SetLogRetention, Step, UpdateConfiguration, Wait

if TYPE_CHECKING:
    from ...settings.model import Function
    from ...settings.project import Project

WRITING = 8  # functions deployed at a time, within the quotas of pace.py
ROUNDS = 6  # plans made for one function before giving up: somebody else keeps changing it


def no_progress(_function: str) -> Progress:
    """Show no progress."""
    return lambda _sent, _total: None


class Deployment:
    """The chosen functions of a project; safe to use from several threads, each function from one at a time."""

    def __init__(  # noqa: PLR0913 - all but the first two have defaults
        self,
        project: Project,
        chosen: Iterable[str],
        *,
        part: Part = "all",
        deep: bool = False,
        triggers: bool = False,
        takes_over: bool = True,
        report: Callable[[str], None] = silent,
        progress: Callable[[str], Progress] = no_progress,
        clock: Clock | None = None,
        connected: Callable[[], Aws] | None = None,
    ) -> None:
        known = {function.name: function for function in project.functions}
        self._project = project
        self._functions: dict[str, Function] = {}
        for name in chosen:
            if name not in known:
                raise UsageError(f"lambda.toml has no function {name}.", f"Declared: {', '.join(known)}.")
            self._functions[name] = known[name]
            name_on_aws(known[name])
        self._deep, self._triggers, self._takes_over = deep, triggers, takes_over
        self._part, self._report, self._progress = part, report, progress
        self._clock = clock or Clock()
        self._connected = connected or (lambda: connect(project.deploy))
        self._lock = Lock()
        self._aws: Aws | None = None
        self._references = References(lambda: self.aws)
        self._reader = Reader(lambda: self.aws, self._functions)

    def deploy(self, name: str, package: Package | None) -> Outcome:
        """Bring one function to what is desired; unchanged costs the one call that was made for all at first."""
        desired = self._desired_state(name, package)
        with errors_while(desired.secrets):
            return self._deploy_one(desired, package)

    def diff(self, name: str, package: Package | None) -> Outcome:
        """What a deploy would do; changes nothing."""
        desired = self._desired_state(name, package)
        with errors_while(desired.secrets):
            started = self._clock.now()
            remote = self._reader.read(desired, first=True, deep=self._deep)
            steps = visible_steps(with_repository(self.aws, plan(desired, remote)))
            action = "would be created" if remote is None else "would be updated" if steps else "unchanged"
            outcome = self._outcome(desired, package, action, steps, remote, {}, self._clock.now() - started)
            return self._with_triggers(outcome) if self._triggers else outcome

    def _with_triggers(self, outcome: Outcome) -> Outcome:
        """The outcome of a diff, and what doit events would change; with `deep` also what is not declared any more."""
        function = self._functions[outcome.target.function]
        if function.triggers is None and not self._deep:
            return outcome
        planned = wiring.planned_steps(FunctionHandle(self.aws, function, outcome.target), self._report)
        return outcome.with_changes("events", (change for step in planned for change in step.changes))

    def run(self, packages: Mapping[str, Callable[[], Package | None]], *, changes: bool) -> dict[str, Future[Outcome]]:
        """Deploy (or without `changes` only diff) all of these, WRITING at a time; each has an outcome of its own."""
        act = self.deploy if changes else self.diff
        return daemons(WRITING, {name: partial(_outcome_of, act, name, made) for name, made in packages.items()})

    def _desired_state(self, name: str, package: Package | None) -> DesiredState:
        """What is desired of one function, once its package is known to be small enough and its values were read."""
        function, part = self._functions[name], self._part
        if package is not None:
            upload.check_size(package, self._project.deploy.s3_bucket)
        elif part == "code":
            raise UsageError(f"The code of {name} is left to AWS: zip is empty in lambda.toml.", "Name its source.")
        else:
            part = "config"
        state = partial(desired_state, package=package, part=part, repository=self._project.deploy.ecr_repository)
        if part == "code":
            return state(function)
        variables = function.environment or {}
        references = {name: str(said) for name, said in variables.items() if isinstance(said, Reference)}
        return state(self._references.with_values(function), references=references)

    def _deploy_one(self, desired: DesiredState, package: Package | None) -> Outcome:
        started, action = self._clock.now(), "unchanged"
        done: dict[str, Step] = {}
        durations: dict[str, float] = {}
        calls = Calls(self.aws, desired, self._report, self._clock)
        run: Run | None = None
        deep = self._deep
        for turn in range(ROUNDS):
            if turn > 1:
                calls.step_aside(self._clock.now() - started)
            remote = self._reader.read(desired, first=turn == 0, deep=deep)
            steps = with_repository(self.aws, plan(desired, remote))
            if not steps or (run and self._is_dropped(run, steps, remote, desired)):
                break
            if not self._takes_over:
                ownership.check(desired, remote, steps)
            if self._project.deploy.account is not None:
                self.aws.account()  # before the first write: is it the right one?
            if action == "unchanged" and any(not isinstance(step, Wait) for step in steps):
                action = "created" if remote is None else "updated"
            done = {step.title: step for step in steps} | done
            run = Run(calls, self._project.deploy, self._progress(desired.label), durations)
            try:
                run.apply(steps, remote)
            except Replan as turned:
                self._report(f"{desired.label}: looks again: {turned}")
                run = None
                continue
            hidden = any(isinstance(step, SetConcurrency | SetLogRetention) for step in steps)
            remote = self._reader.after(desired, hidden=hidden)
            steps = plan(desired, remote)
            if not steps or self._is_dropped(run, steps, remote, desired):
                break
            self._report(f"{desired.label}: looks again: somebody else changed it meanwhile")
            deep = deep or hidden  # the tag is ours by now, and would hide what the other run wrote
            run = None
        else:
            raise DeployError(
                f"{desired.name} was changed by somebody else {ROUNDS} times while it was deployed.",
                "Run the same command again when the other deploy is over.",
            )
        steps = tuple(done.values())
        return self._outcome(desired, package, action, steps, remote, durations, self._clock.now() - started)

    def _is_dropped(self, run: Run, steps: tuple[Step, ...], remote: Remote | None, desired: DesiredState) -> bool:
        """True if AWS took what was sent and does not show it, and nobody else is at work: sending it again is idle."""
        ours = remote is not None and remote.live is not None and run.is_ours(remote.live)
        idle = ours and all(isinstance(step, UpdateConfiguration | Publish | MoveAlias) for step in steps)
        if idle:
            fields = ", ".join(dict.fromkeys(change.field for step in steps for change in step.changes))
            self._report(f"{desired.label}: AWS took these and shows them otherwise: {fields}")
        return idle

    @property
    def aws(self) -> Aws:
        """The session, made at the first use."""
        with self._lock:
            if self._aws is None:
                self._aws = self._connected()
                self._aws.report = self._report
                processes.at_end.add(processes.end_soon)
            return self._aws

    def _target(self, desired: DesiredState, remote: Remote | None) -> Target:
        account = self.aws.account() if remote is None else account_of(remote.arn)
        self.aws.check(account)
        return Target(desired.label, desired.name, desired.alias, self._project.stage, account, self.aws.region)

    def _outcome(  # noqa: PLR0913, PLR0917 - it gathers
        self,
        desired: DesiredState,
        package: Package | None,
        action: str,
        steps: tuple[Step, ...],
        remote: Remote | None,
        durations: dict[str, float],
        seconds: float,
    ) -> Outcome:
        live: Answer = {} if remote is None or remote.live is None else remote.live
        arn = "" if remote is None else remote.arn
        return Outcome(
            self._target(desired, remote),
            action,
            tuple(dict.fromkeys(change for step in steps for change in step.changes)),
            tuple(step.title for step in steps),
            durations,
            seconds,
            code_sha256=str(live.get("CodeSha256", "")),
            version=str(live.get("Version", "")),
            arn=f"{arn}:{desired.alias}" if arn and desired.alias else arn,
            url=self._url(desired) if durations else "",
            notes=(*self._notes(desired, remote), *ownership.notes(desired, remote, steps)) if steps else (),
            package=package,
        )

    def _url(self, desired: DesiredState) -> str:
        """The function's URL if it has one and it may be read."""
        client = self.aws.client("lambda")
        qualifier = {} if desired.alias is None else {"Qualifier": desired.alias}
        try:
            return str(client.get_function_url_config(FunctionName=desired.name, **qualifier)["FunctionUrl"])
        except client.exceptions.ClientError:
            return ""

    def _notes(self, desired: DesiredState, remote: Remote | None) -> tuple[str, ...]:
        """What the fronts that ask it would do to it; the policy is read where one of them could do something."""
        function = self._functions[desired.label]
        services: frozenset[str] = frozenset()
        if remote and not function.fronts and fronts.is_at_risk(function):
            qualifier = {} if desired.alias is None else {"Qualifier": desired.alias}
            services = fronts.invokers(self.aws.client("lambda"), desired.name, qualifier)
        made_by = typable(f"its triggers are made by doit events:{function.name}.")
        events = () if remote or not function.triggers else (made_by,)
        return (*fronts.notes(function, services), *events)


def _outcome_of(
    act: Callable[[str, Package | None], Outcome], name: str, package: Callable[[], Package | None]
) -> Outcome:
    return act(name, package())
