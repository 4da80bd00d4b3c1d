"""The smallest IAM policy of whoever deploys these functions, generated from the calls that a plan can make.

in   lambda.toml; the account and region that [deploy] pins, else those of the credentials in use
out  the policy on stdout, ready for `aws iam put-role-policy`; with --json what each function adds to it
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .graph.verb import Documents, Line, Verb, json_option, parse_with, verbs

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
        needed = deployers([functions[name]], project.deploy, *place(project))
        rights.append(needed)
        documents[name] = document(needed)
        if not given.json and name == line.chosen[-1]:
            print(json.dumps(document(union(*rights)), indent=2))

    return verbs("policy", "the smallest policy of whoever deploys", line, act, list(functions))


def options(parser: ArgumentParser) -> None:
    """Nothing but --json."""
    parser.description = "Print the IAM policy that deploying these functions needs, and no more."
    json_option(parser)


def place(project: Project) -> tuple[str, str, str]:
    """Partition, region and account: pinned in lambda.toml, else asked of AWS."""
    from .lib.aws.session import connect, partition_of

    deploy = project.deploy
    if deploy.account and deploy.region:
        return partition_of(deploy.region), deploy.region, deploy.account
    aws = connect(deploy)
    return aws.partition, aws.region, aws.account()
