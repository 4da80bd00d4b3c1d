"""The main job, whole: samples built by a real GHC, run under the real emulator, deployed over HTTP, only once."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.aws.proxy import Proxy, proxy
from tests.aws.served import moto
from tests.support import BUILD, PARTS, ROOT, Workshop, make_workshop, need

SAMPLES = ("echo", "matrix", "failing", "counter", "orders", "pages", "site")
OF_EACH_KIND = ("echo", "matrix", "pages")  # on Node, with libraries, with lambda-run


def clone(folder: Path) -> Workshop:
    """A copy of the project as it is checked out: nothing derived."""
    folder.mkdir(parents=True)
    for part in (*PARTS, "hs", "lambda.toml"):
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns(".stack-work"))
        else:
            shutil.copy(ROOT / part, folder / part)
    settings = (folder / "lambda.toml").read_text()
    build = '[build]\nbuilder = "host"\nghc_options = ["-O0"]\n'  # the optimizer takes most of the time
    (folder / "lambda.toml").write_text(BUILD.sub(lambda _: build, settings))
    return Workshop(folder)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    need("ghc")
    need("stack")
    made = clone(tmp_path_factory.mktemp("samples") / "project")
    made.good("-n", "2")
    return made


def test_every_sample_is_a_zip_with_its_hash(samples: Workshop) -> None:
    for name in SAMPLES:
        package = (samples.folder / f"build/{name}/lambda.zip").read_bytes()
        expected = base64.b64encode(hashlib.sha256(package).digest()).decode()
        assert (samples.folder / f"build/{name}/lambda.sha256").read_text().strip() == expected


def test_another_clone_umask_zone_locale_and_home_give_the_same_bytes(samples: Workshop, tmp_path: Path) -> None:
    other = clone(tmp_path / "another folder" / "clone")
    before = os.umask(0o077)
    try:
        environment = {"TZ": "Pacific/Kiritimati", "LANG": "C", "LC_ALL": "C", "HOME": str(tmp_path), "USER": "nobody"}
        other.good("run", "-n", "2", *(f"zip:{name}" for name in OF_EACH_KIND), **environment)
    finally:
        os.umask(before)
    for name in OF_EACH_KIND:
        package = f"build/{name}/lambda.zip"
        assert (other.folder / package).read_bytes() == (samples.folder / package).read_bytes(), name


def test_the_sources_stay_as_they_are(samples: Workshop) -> None:
    written = {str(path.relative_to(samples.folder)) for path in (samples.folder / "hs").rglob("*") if path.is_file()}
    assert written == {
        str(path.relative_to(ROOT))
        for path in (ROOT / "hs").rglob("*")
        if path.is_file() and ".stack-work" not in path.parts
    }


def test_echo_answers_event_and_context(samples: Workshop) -> None:
    need("node")
    run = samples.good("invoke:echo", "--local", "--payload", '{"foo": "foo", "a=b": "ü"}')
    answer = json.loads(run.out)
    assert answer["event"] == {"foo": "foo", "a=b": "ü"}
    assert answer["context"]["awsRequestId"]


def test_matrix_solves_a_system_with_lapack(samples: Workshop) -> None:
    run = samples.good("invoke:matrix", "--local", "--payload", '{"a": [[2, 1], [1, 3]], "b": [3, 5]}')
    assert json.loads(run.out)["x"] == pytest.approx([0.8, 1.4])


def test_orders_fail_alone(samples: Workshop) -> None:
    records = [{"messageId": str(count), "body": json.dumps({"item": "tea", "quantity": count})} for count in (0, 1)]
    run = samples.good("invoke:orders", "--local", "--payload", json.dumps({"Records": records}))
    assert json.loads(run.out) == {"batchItemFailures": [{"itemIdentifier": "0"}]}


def test_pages_come_with_status_and_headers(samples: Workshop) -> None:
    run = samples.good("invoke:pages", "--local", "--payload", "{}")
    assert "<li>2</li><li>3</li>" in run.out
    assert "text/html" in run.out


def test_the_site_answers_a_request_of_a_function_url(samples: Workshop) -> None:
    run = samples.good("invoke:site", "--local", "--event", "url")
    answer = json.loads(run.out)
    assert answer["statusCode"] == 404
    assert answer["body"].startswith("nothing here: ")


def test_counter_stays_and_counts(samples: Workshop) -> None:
    """`doit local` serves all functions, by the Lambda API too; a persistent program remembers."""
    run = samples.start("local", "--port", "0")
    try:
        assert run.stderr
        api = next(line for line in run.stderr if "is the Lambda API" in line).split()[0]
        url = f"{api}2015-03-31/functions/counter/invocations"
        answers = [json.loads(urllib.request.urlopen(url, b"[1]").read()) for _ in range(3)]
    finally:
        run.terminate()
        run.communicate(timeout=20)
    assert answers == [{"served": number, "event": [1]} for number in (1, 2, 3)]
    assert run.returncode == 143


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ('{"exit": 3}', "3"),
        ('{"throw": "a reason"}', "a reason"),
        ('{"stderr": "a line of the log", "exit": 1}', "a line of the log"),
    ],
)
def test_a_failure_is_said_and_counted(samples: Workshop, event: str, said: str) -> None:
    run = samples.doit("invoke:failing", "--local", "--payload", event)
    assert run.code == 1
    assert said in run.err
    assert "Traceback" not in run.err


def test_an_answer_that_is_no_json_becomes_a_string(samples: Workshop) -> None:
    run = samples.good("invoke:failing", "--local", "--payload", '{"print": "not JSON"}')
    assert json.loads(run.out) == "not JSON"


def test_an_event_that_is_no_json_is_refused(samples: Workshop) -> None:
    run = samples.doit("invoke:matrix", "--local", "--payload", "{no json")
    assert run.code == 3
    assert "not JSON" in run.err
    assert "Traceback" not in run.err


def test_the_smallest_way_invokes_and_fails_when_the_handler_fails(samples: Workshop) -> None:
    command = [need("node"), "shim/test.js", "build/echo/run.js", '{"foo": "foo"}']
    done = subprocess.run(command, cwd=samples.folder, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["event"] == {"foo": "foo"}
    program = samples.folder / "build/echo/echo"
    hidden = program.rename(program.with_name("hidden"))
    try:
        assert subprocess.run(command, cwd=samples.folder, capture_output=True, check=False).returncode != 0
    finally:
        hidden.rename(program)


@pytest.mark.parametrize("runtime", ["provided.al2023", "nodejs24.x"])
def test_the_event_is_one_line(tmp_path: Path, runtime: str) -> None:
    """As the old manual's program reads it; the emulator hands a pretty-printed event on as it is."""
    need("ghc")
    made = make_workshop(tmp_path / "project", line=f'source = "hs/line"\nruntime = "{runtime}"')
    made.write("hs/line/Main.hs", "main :: IO ()\nmain = getLine >>= putStrLn\n")
    run = made.good("invoke:line", "--local", "--payload", '{\n  "a": [1,\r\n 2],\n  "b": "c\\nd"\n}')
    assert json.loads(run.out) == {"a": [1, 2], "b": "c\nd"}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """AWS as far as moto knows it, behind a door that writes down who came."""
    with moto() as port, proxy(port) as door:
        yield door


def keys_to(aws: Proxy) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }


@pytest.mark.parametrize("words", [("deploy",), ("deploy:a", "deploy:b", "--json"), ("diff",), ("-n", "2", "deploy")])
def test_a_deploy_builds_what_it_needs(tmp_path: Path, aws: Proxy, words: tuple[str, ...]) -> None:
    function = 'binary = "/bin/true"\nruntime = "nodejs24.x"\nrole = "a-role"'  # no shim is compiled for it
    made = make_workshop(tmp_path / "project", a=function, b=function)
    made.good("role", **keys_to(aws))
    run = made.good(*words, **keys_to(aws))
    assert {"zip:a", "zip:b"} <= run.ran
    created = "would be created" if words == ("diff",) else "created"
    assert run.out.count(created) == 2


def test_the_second_deploy_uploads_nothing(samples: Workshop, aws: Proxy) -> None:
    account = keys_to(aws)
    lacking = samples.doit("deploy", "--json", **account)
    assert lacking.code == 1
    assert "doit role" in json.loads(lacking.out)["errors"][0]["hint"]
    samples.good("role", **account)
    first = samples.good("deploy", **account)
    assert first.out.count("created") == len(SAMPLES)
    for name in SAMPLES:
        record = json.loads((samples.folder / f"build/{name}/deployed-hash").read_text())
        assert record["code_sha256"] == (samples.folder / f"build/{name}/lambda.sha256").read_text().strip()
    aws.calls.clear()
    second = samples.good("deploy", "--json", **account)
    assert second.err.count("unchanged") == len(SAMPLES)
    assert {name: made["action"] for name, made in json.loads(second.out)["functions"].items()} == dict.fromkeys(
        SAMPLES, "unchanged"
    )
    assert len(aws.calls) == len(SAMPLES)
    assert all(call.startswith("GET ") for call in aws.calls), aws.calls


@pytest.mark.parametrize("lacking", ["AWS_DEFAULT_REGION", "AWS_SECRET_ACCESS_KEY"])
def test_a_missing_credential_or_region_is_named(samples: Workshop, lacking: str, tmp_path: Path) -> None:
    account = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "HOME": str(tmp_path),
    }
    del account[lacking]
    run = samples.doit("deploy:echo", **account)
    assert run.code == 1
    assert "Traceback" not in run.err
    assert "→" in run.err
    assert ("region" if "REGION" in lacking else "credential") in run.err.lower()
