"""Functions as container images: made of the zip's files, pushed by a real engine to a real registry, deployed."""

from __future__ import annotations

import json
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tasks.lib.engine.find import Engine
from tasks.lib.local.invocation import Invocation, Report
from tasks.lib.local.runtime_api import RuntimeApi
from tests.aws.strict import Lambda, strict
from tests.engine import registry
from tests.engine.engines import docker
from tests.support import Workshop, make_workshop, need

HELLO = 'binary = "hello"\nrole = "hello"\npackage = "image"\nimage_base = "scratch"\n'
ECHO = "#include <stdio.h>\nint main(void) {{ int c; while ((c = getchar()) != EOF) putchar(c); return {0}; }}\n"
REPOSITORY = "haskell-on-lambda/hello"


@dataclass
class Shop(Workshop):
    """A project whose function is a C program, an engine, and the clouds that it is deployed to."""

    engine: Engine
    there: Lambda
    registry: registry.Registry

    def environment(self, **more: str) -> dict[str, str]:
        keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-central-1"}
        own = {"DOCKER_HOST": self.engine.address, "AWS_ENDPOINT_URL": self.there.url} | keys
        return super().environment(**own | more)

    def compile(self, text: str, *options: str) -> None:
        self.write("hello.c", text)
        subprocess.run([need("gcc"), *options, "-o", "hello", "hello.c"], cwd=self.folder, check=True)

    @property
    def image(self) -> str:
        return str(json.loads((self.folder / "build/hello/image.json").read_bytes())["id"])

    @property
    def archive(self) -> bytes:
        return (self.folder / "build/hello/image.tar").read_bytes()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[registry.Registry]:
    with registry.running(tmp_path_factory.mktemp("registry")) as found:
        yield found


@pytest.fixture
def shop(tmp_path: Path, engine: Engine, running: registry.Registry) -> Iterator[Shop]:
    made = make_workshop(tmp_path / "project", hello=HELLO)
    with strict(registry=running.address, password=registry.PASSWORD) as there:
        shop = Shop(made.folder, engine, there, running)
        shop.compile(ECHO.format(0), "-static")
        yield shop


def test_the_same_files_are_the_same_image_and_no_time_is_in_it(shop: Shop) -> None:
    shop.good()
    first, name = shop.archive, shop.image
    shop.good("clean", "-a")
    assert not (shop.folder / "build/hello").exists()
    time.sleep(1.1)
    shop.good()
    assert (shop.archive, shop.image) == (first, name)
    with tarfile.open(shop.folder / "build/hello/image.tar") as outer:
        layer = outer.extractfile("layer.tar")
        assert layer
        with tarfile.open(fileobj=layer) as inner:
            found = {info.name: info for info in inner}
    assert {info.mtime for info in found.values()} == {0}
    assert (found["var/task/bootstrap"].mode, found["var/task/hello"].mode) == (0o755, 0o755)
    assert "oci:hello" in shop.good().rested


def test_an_image_is_deployed_by_its_digest_and_rests_when_it_is_the_same(shop: Shop) -> None:
    shown = shop.good("diff").out
    assert f"ecr_repository: (none) -> {REPOSITORY}" in shown
    assert shop.there.functions == {}
    assert shop.there.repositories == set()
    run = shop.good("deploy", "--json")
    told = json.loads(run.out)["functions"]["hello"]
    live = shop.there.functions["hello"].latest
    assert (told["action"], live["PackageType"]) == ("created", "Image")
    assert told["code_sha256"] == live["CodeSha256"]
    assert shop.registry.has(REPOSITORY, told["code_sha256"])
    pushed = shop.registry.uploads
    shop.there.calls.clear()
    again = json.loads(shop.good("deploy", "--json").out)["functions"]["hello"]
    assert (again["action"], len(shop.there.calls), shop.registry.uploads) == ("unchanged", 1, pushed)
    shop.there.functions["hello"].tags.clear()  # the memory is lost; the digest is still the same
    assert json.loads(shop.good("deploy", "--json").out)["functions"]["hello"]["steps"][0]["step"] == "tags"
    shop.compile(ECHO.format(3), "-static")
    changed = json.loads(shop.good("deploy", "--json").out)["functions"]["hello"]
    assert [change["field"] for change in changed["changes"]] == ["code"]
    assert shop.there.functions["hello"].latest["CodeSha256"] == changed["code_sha256"] != told["code_sha256"]
    assert docker(shop.engine, "image", "ls", "-q", "--filter", "reference=*/hello*") == ""


def test_the_password_is_in_no_file_and_no_sentence(shop: Shop) -> None:
    good = shop.good("deploy")
    shop.there.password = "CANARY-of-nobody"
    shop.compile(ECHO.format(4), "-static")
    refused = shop.doit("deploy")
    assert refused.code == 1
    assert "ecr:PutImage" in refused.err
    assert "CANARY" not in good.out + good.err + refused.out + refused.err
    written = [path for path in shop.folder.rglob("*") if path.is_file() and path.name != "strict.py"]
    assert [path for path in written if b"CANARY" in path.read_bytes()] == []
    home = Path("~/.docker/config.json").expanduser()
    assert not home.exists() or "CANARY" not in home.read_text()


def test_the_image_that_lambda_would_start_answers(shop: Shop) -> None:
    shop.good("deploy")
    digest = shop.there.functions["hello"].latest["CodeSha256"]
    address = f"{shop.registry.address}/{REPOSITORY}@sha256:{digest}"
    login = ["docker", "-H", shop.engine.address, "--config", str(shop.folder / "login")]
    words = [*login, "login", "-u", "AWS", "--password-stdin", shop.registry.address]
    subprocess.run(words, input=registry.PASSWORD, text=True, check=True, capture_output=True)
    subprocess.run([*login, "pull", "-q", address], check=True, capture_output=True)
    api = RuntimeApi()
    api.start()
    name = f"oci-test-{shop.there.port}"
    command = ["run", "--rm", "--name", name, "--network", "host", "--read-only"]
    command += ["-e", f"AWS_LAMBDA_RUNTIME_API={api.address}", address]
    started = threading.Thread(target=lambda: subprocess.run([*login, *command], capture_output=True, check=False))
    started.start()
    try:
        assert api.wait(lambda: api.ready, 120)
        event = Invocation(b'{"a": 1}', "arn:aws:lambda:eu-central-1:123456789012:function:hello")
        api.hand(event, int(time.time() * 1000) + 60_000)
        assert api.wait(lambda: api.answered, 60)
        event.finish(None, Report(0.0, 0, None))
        assert event.payload() == b'{"a": 1}'
    finally:
        api.close()
        subprocess.run([*login, "kill", name], capture_output=True, check=False)
        started.join(30)
        subprocess.run([*login, "image", "rm", "-f", address], capture_output=True, check=False)


def test_a_base_lies_below_and_its_own_settings_stay(shop: Shop, bookworm: str) -> None:
    text = (shop.folder / "lambda.toml").read_text().replace('"scratch"', f'"{bookworm}"')
    shop.write("lambda.toml", text)
    shop.compile(ECHO.format(0))
    run = shop.good()
    assert "not proved: what haskell-on-lambda-test-base:bookworm has" in run.err
    first, name = shop.archive, shop.image
    shop.good("deploy")
    assert shop.registry.has(REPOSITORY, shop.there.functions["hello"].latest["CodeSha256"])
    shop.good("clean", "-a")
    shop.good()
    assert (shop.archive, shop.image) == (first, name)
    with tarfile.open(shop.folder / "build/hello/image.tar") as outer:
        config = outer.extractfile(f"{name}.json")
        assert config
        found = json.load(config)
    assert len(found["rootfs"]["diff_ids"]) == 2
    assert found["config"]["Entrypoint"] == ["/var/task/bootstrap"]


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ("layers = ['arn:aws:lambda:eu-central-1:123456789012:layer:a:1']", "function.hello.layers"),
        ("aws = { SnapStart = { ApplyOn = 'None' } }", "function.hello.aws.SnapStart"),
        ("[deploy]\ns3_bucket = 'zips'", "deploy.s3_bucket"),
    ],
)
def test_what_only_a_zip_may_have_is_refused(shop: Shop, more: str, named: str) -> None:
    with (shop.folder / "lambda.toml").open("a") as file:
        file.write(f"{more}\n")
    run = shop.doit("list")
    assert run.code == 3
    assert named in run.err


def test_without_an_engine_the_next_act_is_said(shop: Shop) -> None:
    shop.good()
    run = shop.doit("deploy", DOCKER_HOST="unix:///nowhere/docker.sock")
    assert run.code == 1
    assert "needs a container engine" in run.err
    assert 'package = "zip"' in run.err
    assert shop.there.functions == {}


def test_scratch_has_nothing_of_the_runtimes(shop: Shop) -> None:
    shop.compile(ECHO.format(0))
    run = shop.doit()
    assert run.code == 1
    assert "libc.so.6" in run.err
    assert 'libc = "static"' in run.err


def test_a_zip_on_aws_does_not_become_an_image(shop: Shop) -> None:
    text = (shop.folder / "lambda.toml").read_text()
    shop.write("lambda.toml", text.replace('package = "image"\nimage_base = "scratch"\n', ""))
    shop.good("deploy")
    shop.write("lambda.toml", text)
    run = shop.doit("deploy")
    assert run.code == 1
    assert "PackageType Zip" in run.err
    assert "doit destroy:hello" in run.err
