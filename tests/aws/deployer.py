"""Deploys in processes of their own.

python deployer.py lambda.toml function zip digest    one, from nothing; JSON on stdout
python deployer.py                                    one for each such list of words on stdin, as JSON: forked from a
                                                      process that has everything loaded, which saves a second each.
                                                      Says the child's pid at once, then its exit code and output.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from tasks.lib.aws.deploy.deployment import Deployment
from tasks.lib.aws.deploy.desired import Package
from tasks.lib.aws.deploy.upload import code_sha256_of
from tasks.lib.aws.session import Aws, connect
from tasks.lib.base.errors import BuildError
from tasks.lib.settings import load


def deploy(words: list[str], connected: Callable[[], Aws] | None = None) -> str:
    settings, function, path, digest = words
    package = Package(Path(path), code_sha256_of(Path(path)), digest, 5000)
    made = Deployment(load.load(Path(settings)), [function], connected=connected)
    return json.dumps(made.deploy(function, package).document())


def forked(words: list[str], aws: Aws) -> None:
    """One deploy in a child; its pid, and in the end what became of it."""
    ours, its = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.write(its, deploy(words, lambda: aws).encode())
            code = 0
        except BuildError as error:
            os.write(its, str(error).encode())
        finally:
            os._exit(code)
    os.close(its)
    print(child, flush=True)
    with os.fdopen(ours) as output:
        said = output.read()
    print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said]), flush=True)


if __name__ == "__main__":
    if sys.argv[1:]:
        try:
            sys.stdout.write(deploy(sys.argv[1:]))
        except BuildError as error:
            sys.exit(str(error))
    else:
        shared = connect(load.Deploy())
        for service in ("lambda", "logs", "iam", "sts"):
            shared.client(service)
        shared.uploader()
        for line in sys.stdin:
            forked(json.loads(line), shared)
