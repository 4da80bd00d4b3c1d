"""Every sentence that says what went wrong is reviewed, and those about lambda.toml are all provoked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tasks.lib.base.errors import BuildError
from tasks.lib.settings.load import load
from tests.newcomer.catalogue import CATALOGUE, catalogue, sentences

COMMAND = "python -m tests.newcomer.catalogue, and read the diff as the person who meets it would"
WITHOUT_NEXT_ACT = ("tasks/lib/elf/", "tasks/lib/loader/")  # parts of the gate's own sentences, which have one

QUEUE = "arn:aws:sqs:eu-central-1:123456789012:jobs"
ONE = "[function.f]\nsource = 's'\n"
WEB = f"{ONE}process = 'http'\n"
IMAGE = f"{ONE}package = 'image'\n"
LAYER = "arn:aws:lambda:eu-central-1:111111111111:layer:x:1"
LONG = "x" * 300


def raw(text: str) -> str:
    return f"{ONE}[function.f.aws]\n{text}\n"


LAMBDA_TOML = [
    *("", "[function.'a b']\nsource = 's'", "defaults = 1", "strange = 1\n", "[function.f", "a = " + "[" * 3000),
    *(
        f"memory_mb = 1\n{ONE}",
        f"source = 1\n{ONE}",
        f"stage = 1\n{ONE}",
        f"[stage.'a b']\n{ONE}",
        f"stage.p = 1\n{ONE}",
    ),
    *(f"[stage.p]\nfunction = 1\n{ONE}", f"[stage.p.function.g]\nmemory_mb = 128\n{ONE}"),
    f"[stage.p]\nprocess = 'native'\n{ONE}",
    "[function.f]\n",
    "[function.f]\nsource = '/'\n",
    "[function.f]\nzip = 'z'\npackage = 'image'\n",
    f"{ONE}process = 'native'\nruntime = 'nodejs24.x'\n",
    f"{ONE}runtime = 'nodejs24.x'\nhandler = 'a.b'\n",
    f"{ONE}process = 'native'\ninput = 'envelope'\nresponse = 'stream'\n",
    "[function.f]\nbinary = 'b'\nlibc = 'static'\n",
    f"{ONE}function_name = 'g'\n[function.g]\nsource = 's'\n",
    f"{ONE}function_name = 'a b'\n",
    f"{ONE}function_name = '{{stage}}{'x' * 64}'\n",
    f"{ONE}[function.f.environment]\n" + "".join(f"V{name} = '{LONG}'\n" for name in "ABCDEFGHIJKLMNOP"),
    f"{ONE}vpc = {{ subnets = ['subnet-1'] }}\n",
    f"{ONE}triggers = {{ a = 1, b = {{ queue = 'x', colour = 1 }}, c = {{ bucket = 'inbox', events = [] }} }}\n",
    f"{ONE}triggers = {{ d = {{ queue = '{QUEUE}', batch_size = 20 }}, e = {{ bucket = 'b', schedule = 'x' }} }}\n",
    f"{ONE}triggers = {{ f = {{ queue = '{QUEUE}.fifo', batch_window_s = 1, batch_size = 20 }} }}\n",
    f"{ONE}triggers = {{ g = {{ schedule = 'rate(1 day)', input = '{{' }} }}\n",
    f"{ONE}log_format = 'JSON'\n[function.f.aws.LoggingConfig]\nLogFormat = 'JSON'\n",
    f"{ONE}content_type = 'text/plain'\n",
    f"{ONE}process = 'persistent'\nsuccess = [1]\n",
    f"{ONE}success = [1]\nerrors = {{ 1 = 'Bad' }}\n",
    f"{ONE}success = []\n",
    f"{ONE}port = 8080\n",
    f"{ONE}memory_mb = '128'\n",
    f"{ONE}image_base = 'scratch'\n[function.f.aws.ImageConfig]\nCommand = ['x']\n",
    f"{IMAGE}layers = ['{LAYER}']\n[function.f.aws.SnapStart]\nApplyOn = 'None'\n",
    f"{ONE}environment = {{ DB = {{ ssm = '/a', key = 'b' }}, TOKEN = {{ ssm = '/a', secret = 'b' }} }}\n",
    f"{IMAGE}runtime = 'nodejs24.x'\nimage_base = 'scratch'\n",
    f"{IMAGE}[deploy]\ns3_bucket = 'my-zips'\n",
    f"{WEB}runtime = 'nodejs24.x'\n",
    f"{WEB}input = 'envelope'\n",
    f"{WEB}response = 'stream'\nfronts = ['alb']\n",
    f"{WEB}socket = '/tmp/s'\nport = 8080\n",
    f"{WEB}error_status = ['500-400']\n",
    f"{ONE}memory_mb = 'x'\n[build]\nbuilder = 'dokcer'\n",
    f"{ONE}description = '{LONG}'\nmemry_mb = 1\n",
    f"{ONE}layers = []\nlayer_zips = ['a.zip']\n",
    f"{ONE}layers = 1\ntags = 1\nvpc = 1\nprestart = 1\n",
    f"{ONE}layers = [1, 2, 3, 4, 5, 6]\nvpc = {{ subnts = [] }}\n",
    f"{ONE}[function.f.tags]\n" + "".join(f"a{number} = 'x'\n" for number in range(60)),
    f"{ONE}[function.f.tags]\n'aws:x' = 'x'\n'' = 'y'\n",
    f"{ONE}[function.f.environment]\n'a b' = 'x'\nAWS_REGION = 'x'\n",
    *(
        raw(f"{name} = {value}")
        for name in ("SnapStart", "Layers", "Strange", "MemorySize")
        for value in ("1", "{}", "[]")
    ),
    *(raw(f"SnapStart.{name}") for name in ("ApplyOn = 'x'", "ApplyOn = 1", "Strange = 1")),
    *(raw(f"EphemeralStorage.Size = {value}") for value in ("'x'", "true", "1", "99999")),
    *(raw(f"ImageConfig.{name}") for name in ("Command = 1", "Command = [1]", f"WorkingDirectory = '{'x' * 2000}'")),
    *(
        raw(text)
        for text in (
            "FileSystemConfigs = [{}]",
            "FileSystemConfigs = [{Arn='x',LocalMountPath='y'}]",
            "FileSystemConfigs = [1]",
        )
    ),
    *(
        raw(text)
        for text in (
            "Publish = 1",
            *(f"DurableConfig = {{ExecutionTimeout = {value}}}" for value in ("0", "'x'", "true", "999999999999")),
            "VpcConfig.Ipv6AllowedForDualStack = 1",
        )
    ),
    *(
        raw(text)
        for text in (
            "DeadLetterConfig.TargetArn = 'x'",
            "Environment.Variables = 1",
            "KMSKeyArn = '!'",
            "CapacityProviderConfig = {}",
        )
    ),
    *(raw(f"FileSystemConfigs = [{', '.join(['{}'] * count)}]") for count in (0, 2, 3, 9)),
    *(
        raw(text)
        for text in (
            "LoggingConfig.LogGroup = ''",
            "Description = 1",
            "TracingConfig.Mode = 'x'",
            "ImageConfig.Strange = 1",
        )
    ),
]


def test_every_sentence_is_reviewed() -> None:
    assert CATALOGUE.read_text() == catalogue(), COMMAND


def test_a_new_sentence_is_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    text = 'def act(x):\n    why = f"{x} broke." if x else "Nothing broke."\n    raise UsageError(why, "Mend it.")\n'
    (tmp_path / "tasks/new.py").write_text(text)
    monkeypatch.setattr("tests.newcomer.catalogue.ROOT", tmp_path)
    monkeypatch.setattr("tests.newcomer.catalogue.TASKS", tmp_path / "tasks")
    assert sentences() == [("tasks/new.py", "UsageError", text, "Mend it.") for text in ("Nothing broke.", "… broke.")]


def test_every_sentence_is_one_and_has_a_next_act() -> None:
    parts = {"rule", "ArgumentTypeError", "ValueError", "FrontError", "WireError", "AssertionError"}  # or of ours alone
    errors = [(name, said, then) for name, kind, said, then in sentences() if kind not in parts]
    assert not [said for _, said, _ in errors if not said.endswith((".", "…", ")"))]
    assert not [said for name, said, then in errors if not then and not name.startswith(WITHOUT_NEXT_ACT)]


def said_of(tmp_path: Path, content: bytes, stage: str | None = None) -> str:
    path = tmp_path / "lambda.toml"
    path.write_bytes(content)
    try:
        load(path, stage)
    except BuildError as error:
        return str(error)
    return ""


def pattern(sentence: str) -> re.Pattern[str]:
    """The sentence, with something in each gap."""
    return re.compile("(?s:.*)".join(re.escape(part.strip("⏎ ")) for part in re.split("…", sentence)))


def test_every_sentence_about_lambda_toml_is_provoked(tmp_path: Path) -> None:
    said = [said_of(tmp_path, text.encode()) for text in LAMBDA_TOML]
    said += [said_of(tmp_path, ONE.encode("utf-16")), said_of(tmp_path, f"{ONE}# caf\xe9".encode("latin-1"))]
    said += [said_of(tmp_path, ONE.encode(), "nope"), said_of(tmp_path, f"[stage.prod]\n{ONE}".encode(), "prd")]
    (tmp_path / "lambda.toml").unlink()
    (tmp_path / "around").symlink_to("around")
    for path in (tmp_path / "lambda.toml", tmp_path, tmp_path / "around", Path("/proc/self/mem")):
        with pytest.raises(BuildError) as refused:
            load(path)
        said.append(str(refused.value))
    everything = "\n\n".join(said)
    assert "Traceback" not in everything
    ours = [(kind, text) for name, kind, text, _ in sentences() if name.startswith("tasks/lib/settings/")]
    assert len(ours) > 60
    assert not [text for _, text in ours if not pattern(text).search(everything)]
