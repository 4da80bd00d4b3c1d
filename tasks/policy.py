"""The smallest IAM policy of whoever deploys these functions, generated from the calls that a plan can make.

in   lambda.toml; the account and region that [deploy] pins, else those of the credentials in use
out  the policy on stdout, ready for `aws iam put-role-policy`; with --json what each function adds to it
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .graph.verb import Documents, Line, Verb, json_option, parse_with, verbs
from .lib.base.errors import UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from .lib.settings.load import Project


def define(project: Project) -> Iterator[Verb]:
    """`doit policy[:<fn>] [--json]`: one policy for all functions that are named."""
    functions = {function.name: function for function in project.functions}
    line = Line(parse_with(options), list(functions))
    documents = Documents(line)
    rights: list[Any] = []

    def act(name: str, given: Any) -> None:
        from .lib.aws.deploy.desired import name_on_aws
        from .lib.aws.verbs.deployer import deployers
        from .lib.aws.verbs.rights import document, union

        name_on_aws(functions[name])
        needed = deployers([functions[name]], project.deploy, *place(project), verbs=chosen_verbs(given))
        rights.append(needed)
        documents[name] = document(needed)
        if not given.json and name == line.chosen[-1]:
            print(json.dumps(document(union(*rights)), indent=2))

    return verbs("policy", "the smallest policy of whoever deploys", line, act, list(functions))


def options(parser: ArgumentParser) -> None:
    """`doit policy [--for VERB … | --all] [--json]`."""
    parser.description = "Print the IAM policy that deploying these functions needs, and no more."
    either = parser.add_mutually_exclusive_group()
    either.add_argument(
        "--for", action="append", dest="verbs", metavar="VERB", help="for this verb, in place of deploy"
    )
    either.add_argument("--all", action="store_true", help="for every verb")
    json_option(parser)


def chosen_verbs(given: Any) -> list[str]:
    """The verbs that the policy is for; UsageError for one that asks no AWS."""
    from .lib.aws.verbs.deployer import VERBS

    verbs: list[str] = list(VERBS) if given.all else given.verbs or ["deploy", "diff"]
    for verb in verbs:
        if verb not in VERBS:
            raise UsageError(f"{verb!r} is no verb about a function on AWS.", f"Choose of {', '.join(VERBS)}.")
    return verbs


def place(project: Project) -> tuple[str, str, str]:
    """Partition, region and account: pinned in lambda.toml, else asked of AWS."""
    from .lib.aws.session import connect, partition_of

    deploy = project.deploy
    if deploy.account and deploy.region:
        return partition_of(deploy.region), deploy.region, deploy.account
    aws = connect(deploy)
    return aws.partition, aws.region, aws.account()
