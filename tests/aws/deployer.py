"""One deploy in a process of its own: python deployer.py lambda.toml function zip digest; JSON on stdout."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tasks.lib import config
from tasks.lib.aws.deployment import Deployment
from tasks.lib.aws.upload import hashed
from tasks.lib.aws.wanted import Package
from tasks.lib.errors import BuildError

if __name__ == "__main__":
    settings, function, path, digest = sys.argv[1:]
    package = Package(Path(path), hashed(Path(path)), digest, 5000)
    try:
        outcome = Deployment(config.load(Path(settings)), [function]).deploy(function, package)
    except BuildError as error:
        sys.exit(str(error))
    sys.stdout.write(json.dumps(outcome.document()))
