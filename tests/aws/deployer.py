"""One deploy in a process of its own: python deployer.py lambda.toml function zip digest; JSON on stdout."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tasks.lib.aws.deploy.deployment import Deployment
from tasks.lib.aws.deploy.desired import Package
from tasks.lib.aws.deploy.upload import hashed
from tasks.lib.base.errors import BuildError
from tasks.lib.settings import load

if __name__ == "__main__":
    settings, function, path, digest = sys.argv[1:]
    package = Package(Path(path), hashed(Path(path)), digest, 5000)
    try:
        outcome = Deployment(load.load(Path(settings)), [function]).deploy(function, package)
    except BuildError as error:
        sys.exit(str(error))
    sys.stdout.write(json.dumps(outcome.document()))
