"""No-op deploys of 1, 10 and 100 functions: calls, wall time of the whole process, and the AWS CLI asking once.

python bench/deploy.py [--delay-ms 50] [--rounds 5] [--aws path/to/aws]

A server in a process of its own answers every GetFunction after the delay, so that what is measured is us, not it.
Rounds are interleaved and medians compared, all in one run. What is not installed is skipped by name.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import Process, Queue
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
ACCOUNT, REGION = "123456789012", "eu-central-1"
CONTENT = b"a zip, as far as a no-op is concerned"
CODE_SHA256 = base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()
SETTINGS = '[function.{0}]\nbinary = "{0}"\nrole = "hello"\nmemory_mb = 128\nalias = "live"\n'
NO_OP = """
import sys
from pathlib import Path
from tasks.lib.aws.deploy.deployment import Deployment
from tasks.lib.aws.deploy.desired import Package
from tasks.lib.settings import load

project = load.load(Path(sys.argv[1]))
package = Package(Path(sys.argv[2]), sys.argv[3], "digest", 1)
names = [function.name for function in project.functions]
deployment = Deployment(project, names)
outcomes = [deployment.deploy(name, package) for name in names]
assert {outcome.action for outcome in outcomes} == {"unchanged"}, outcomes[0].block()
"""


class Handler(BaseHTTPRequestHandler):
    """GetFunction and GetFunctionConfiguration, late."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    delay_s = 0.0
    calls = 0
    lock = threading.Lock()

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer; /calls tells how often that was, and begins to count again."""
        if self.path == "/calls":
            with self.lock:
                answer: Any = Handler.calls
                Handler.calls = 0
        else:
            with self.lock:
                Handler.calls += 1
            time.sleep(self.delay_s)
            name = self.path.split("?")[0].split("/")[3]
            answer = configuration(name)
            if not self.path.split("?")[0].endswith("/configuration"):
                answer = {"Configuration": answer, "Tags": {"haskell-on-lambda:content": f"digest/{CODE_SHA256}"}}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def configuration(name: str) -> dict[str, Any]:
    """A function as lambda.toml wants it."""
    return {
        "FunctionName": name,
        "FunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}",
        "Runtime": "provided.al2023",
        "Handler": name,
        "Role": f"arn:aws:iam::{ACCOUNT}:role/hello",
        "MemorySize": 128,
        "CodeSha256": CODE_SHA256,
        "Version": "7",
        "State": "Active",
        "LastUpdateStatus": "Successful",
    }


class Server(ThreadingHTTPServer):
    """A hundred connections at once are no reason to refuse one."""

    request_queue_size = 256
    daemon_threads = True


def serve(ports: Queue[int], delay_s: float) -> None:
    """The server's process."""
    Handler.delay_s = delay_s
    server = Server(("127.0.0.1", 0), Handler)
    ports.put(server.server_address[1])
    server.serve_forever()


def seconds_of(command: list[str], environment: dict[str, str]) -> float:
    """Seconds of a whole process."""
    started = time.perf_counter()
    subprocess.run(command, env=environment, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    """Measure, and print one line each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--delay-ms", type=float, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--aws", default=shutil.which("aws"))
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ports: Queue[int] = Queue()
        server = Process(target=serve, args=(ports, options.delay_ms / 1000), daemon=True)
        server.start()
        stack.callback(server.terminate)
        url = f"http://127.0.0.1:{ports.get(timeout=30)}"
        compare(folder, url, options)


def compare(folder: Path, url: str, options: argparse.Namespace) -> None:
    """Interleave the commands, take medians."""
    import urllib.request

    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": REGION}
    environment = {**os.environ, **keys, "AWS_ENDPOINT_URL": url, "PYTHONPATH": str(ROOT)}
    package = folder / "lambda.zip"
    package.write_bytes(CONTENT)
    commands = {"import of boto3": [sys.executable, "-c", "import boto3"]}
    for count in (1, 10, 100):
        settings = folder / f"{count}.toml"
        settings.write_text("".join(SETTINGS.format(f"f{at}") for at in range(count)))
        commands[f"deploy of {count}"] = [sys.executable, "-c", NO_OP, str(settings), str(package), CODE_SHA256]
    if options.aws:
        words = ["lambda", "get-function-configuration", "--function-name", "f0", "--qualifier", "live"]
        commands["aws CLI, one read"] = [options.aws, *words]
    else:
        print("skipped: the AWS CLI is not installed")
    times: dict[str, list[float]] = {name: [] for name in commands}
    calls: dict[str, set[int]] = {name: set() for name in commands}
    for command in commands.values():
        seconds_of(command, environment)  # warm the disk's cache
    urllib.request.urlopen(f"{url}/calls").close()
    for _ in range(options.rounds):
        for name, command in commands.items():
            times[name].append(seconds_of(command, environment))
            with urllib.request.urlopen(f"{url}/calls") as answer:
                calls[name].add(json.load(answer))
    medians = {name: statistics.median(found) for name, found in times.items()}
    for name, median in medians.items():
        counted = "/".join(map(str, sorted(calls[name])))
        print(f"{name:<18} {median * 1000:7.0f} ms   {counted:>3} calls   {median / medians['deploy of 1']:.2f} x one")
    if any(calls[f"deploy of {count}"] != {count} for count in (1, 10, 100)):
        sys.exit("a no-op made other than one call a function")


if __name__ == "__main__":
    main()
