"""lambda.toml: every key, every stage, every mistake at once."""

from __future__ import annotations

import json
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader

from tasks.lib.base.errors import ConfigError, UsageError
from tasks.lib.settings import load, managed, reference
from tasks.lib.settings.model import Deploy, Function, keys
from tasks.lib.settings.project import Project
from tasks.lib.settings.words import Libc, Process

BASE = """
[deploy]
account = "111111111111"
[defaults]
environment = { BOTH = "default", DEFAULT = "default" }
memory_mb = 128
[function.hello]
binary = "hello"
environment = { BOTH = "function" }
[function.other]
binary = "other"
[stage.prod]
account = "222222222222"
memory_mb = 1024
alias = "prod"
[stage.prod.function.hello]
memory_mb = 2048
environment = { STAGE = "prod" }
[stage.dev]
function_name = "{function}-{stage}"
environment = {}
"""


def read(text: str = BASE, stage: str | None = None) -> Project:
    return load.project_of(tomllib.loads(text), Path("lambda.toml"), stage)


def refused(text: str, stage: str | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        read(text, stage)
    return caught.value.message


def function(project: Project, name: str = "hello") -> Function:
    return next(item for item in project.functions if item.name == name)


def test_without_a_stage_stages_say_nothing() -> None:
    project = read()
    assert (project.stage, project.deploy.account) == (None, "111111111111")
    assert (function(project).memory_mb, function(project).alias) == (128, None)
    assert function(project).environment == {"BOTH": "function", "DEFAULT": "default"}


def test_a_stage_lies_above_the_function_and_its_own_function_above_that() -> None:
    project = read(stage="prod")
    assert project.deploy.account == "222222222222"
    assert (function(project).memory_mb, function(project, "other").memory_mb) == (2048, 1024)
    assert function(project).environment == {"BOTH": "function", "DEFAULT": "default", "STAGE": "prod"}
    assert function(project).alias == "prod"


def test_a_stage_names_functions_and_an_empty_table_clears() -> None:
    project = read(stage="dev")
    assert [item.function_name for item in project.functions] == ["hello-dev", "other-dev"]
    assert function(project).environment == {}


def test_an_unknown_stage_names_those_that_are_known() -> None:
    with pytest.raises(UsageError, match="no stage 'prd'") as caught:
        read(stage="prd")
    assert 'did you mean "prod"' in caught.value.hint


def test_a_stage_does_not_change_what_is_built() -> None:
    message = refused(BASE.replace('alias = "prod"', 'runtime = "nodejs24.x"\nsource = "x"'))
    assert "stage.prod.runtime" in message
    assert "stage.prod.source" in message
    assert message.count("decides what is built") == 2


def test_all_problems_of_all_stages_are_told_at_once() -> None:
    text = BASE.replace("memory_mb = 2048", "memory_mb = 1").replace(
        "[stage.prod.function.hello]", "[stage.prod.function.hallo]"
    )
    text = text.replace('account = "222222222222"', "account = 222222222222\nmemroy_mb = 1")
    message = refused(text)
    for part in ('did you mean "hello"', "12 digits in quotes", 'did you mean "memory_mb"', "3 problems"):
        assert part in message


def test_two_functions_do_not_share_a_name_on_aws() -> None:
    assert 'called "same" on AWS' in refused(BASE.replace('alias = "prod"', 'function_name = "same"'))


def test_a_secret_is_not_shown_in_a_problem() -> None:
    message = refused(BASE.replace('BOTH = "function"', 'BOTH = "function", AWS_REGION = "hunter2", X = "hunter2"'))
    assert "reserved by Lambda" in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("timeout_s = 901", "1 to 900"),
        ("log_retention_days = true", "one of 0, 1, 3"),
        ("log_retention_days = 2", "one of 0, 1, 3"),
        ("reserved_concurrency = -2", "-1 or more"),
        ('layers = ["latest"]', "layer version"),
        ('vpc = { subnets = ["subnet-1"] }', "both subnets and security_groups"),
        ('tracing = "On"', '"Active"'),
        ('tags = { "haskell-on-lambda:content" = "x" }', "the name must be"),
        ('tags = { "aws:x" = "x" }', "the name must be"),
        ('dead_letter = "queue"', "ARN"),
        ("aws = { MemorySize = 5 }", "memory_mb"),
        ("aws = { Publish = true }", "own business"),
        ('log_format = "JSON"\naws = { LoggingConfig = { LogFormat = "Text" } }', "said twice"),
        ('environment = { BIG = "' + "x" * 5000 + '" }', "at most 4096"),
        ('function_name = "a b"', "letters, digits"),
        ('alias = "7"', "alias"),
        ("success = []", "no event would ever have an answer"),
        ('process = "persistent"\nsuccess = []', "is about exit codes"),
        ('errors = { 0 = "Good" }', "an exit code (1 to 255)"),
        ('success = [0, 2]\nerrors = { 2 = "BadInput" }', "among the codes of success"),
    ],
)
def test_a_wrong_value_names_its_rule(line: str, part: str) -> None:
    message = refused(f'[function.hello]\nbinary = "hello"\n{line}\n')
    assert part in message
    assert "x" * 100 not in message


@pytest.mark.parametrize(
    ("table", "written"),
    [
        ('[function.f]\nmemory_mb = "256"', "(write 256)"),
        ("[function.f]\ntimeout_s = 3.0", "(write 3)"),
        ('[function.f]\nlog_retention_days = "7"', "(write 7)"),
        ('[function.f]\nprestart = "False"', "(write false)"),
        ('[function.f]\ndescription = ["ä"]', '(write "ä")'),
        ('[function.f]\ninclude = "x"', '(write ["x"])'),
        ('[function.f]\nvpc = { subnets = "subnet-1" }', '(write ["subnet-1"])'),
        ('[build]\nghc_options = "-O2"', '(write ["-O2"])'),
        ("[deploy]\naccount = 111111111111", '(write "111111111111")'),
    ],
)
def test_a_value_of_another_type_is_told_as_it_is_written(table: str, written: str) -> None:
    assert written in refused(f'{table}\n[function.hello]\nbinary = "hello"\n')


@pytest.mark.parametrize("line", ['= "hunter2"', '= ["hunter2"]', '.X_Y = ["hunter2"]', ".X_Y = 98765"])
def test_a_variable_of_another_type_is_not_shown(line: str) -> None:
    message = refused(f'[function.hello]\nbinary = "hello"\nenvironment{line}\n')
    assert "hunter2" not in message
    assert "98765" not in message


@pytest.mark.parametrize(
    ("table", "home"),
    [
        ('[function.f]\nghc_options = ["-O2"]', "belongs to [build]"),
        ('[build]\nsource = "x"', "belongs to [function.<name>]"),
        ("[deploy]\nmemory_mb = 256", "belongs to [defaults] or [function.<name>]"),
        ('[defaults]\nbinary = "x"', "belongs to one function, not to all"),
        ('[functions.f]\nbinary = "x"', '(did you mean "function"?)'),
    ],
)
def test_a_key_in_another_table_is_told_where_it_belongs(table: str, home: str) -> None:
    assert home in refused(f'{table}\n[function.hello]\nbinary = "hello"\n')


def test_a_variable_has_two_characters_at_least() -> None:
    assert "a letter, then one or more letters" in refused(BASE.replace("BOTH =", "B ="))


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("environment = {}", "environment", {}),
        ("layers = []", "layers", ()),
        ("vpc = {}", "vpc", {}),
        ("tags = {}", "tags", {}),
        ('dead_letter = ""', "dead_letter", ""),
        ('description = ""', "description", ""),
        ("reserved_concurrency = -1", "reserved_concurrency", -1),
        ("log_retention_days = 0", "log_retention_days", 0),
    ],
)
def test_empty_is_not_absent(line: str, name: str, value: Any) -> None:
    start = '[function.hello]\nbinary = "hello"\n'
    assert getattr(function(read(start)), name) is None
    assert getattr(function(read(start + line)), name) == value


def test_every_own_field_is_one_of_aws() -> None:
    shapes = Loader().load_service_model("lambda", "service-2")["shapes"]
    create, update = (
        set(shapes[f"{name}Request"]["members"]) for name in ("CreateFunction", "UpdateFunctionConfiguration")
    )
    rows = {row.field for row in managed.managed_rows()}
    assert rows <= create
    assert create - update - rows - set(managed.DEPLOYS_OWN) == set(managed.CREATE_ONLY)
    assert rows - set(managed.BY_OTHER_CALLS) <= update


def test_every_row_of_aws_is_sent_refused_and_called_by_its_key() -> None:
    lines = """
memory_mb = 512
timeout_s = 9
tracing = "Active"
vpc = { subnets = ["subnet-2", "subnet-1"], security_groups = ["sg-1"], ipv6 = true }
"""
    sent = managed.request(function(read(f'[function.hello]\nbinary = "hello"\n{lines}')))
    assert (sent["MemorySize"], sent["Timeout"], sent["TracingConfig"]) == (512, 9, {"Mode": "Active"})
    assert sent["VpcConfig"]["SubnetIds"] == ["subnet-1", "subnet-2"]
    assert [managed.label(path) for path in ("MemorySize", "VpcConfig.SubnetIds", "SnapStart.ApplyOn")] == [
        "memory_mb",
        "vpc.subnets",
        "aws.SnapStart.ApplyOn",
    ]
    assert managed.defaults()["EphemeralStorage"] == {"Size": 512}
    for row in managed.managed_rows():
        if row.field not in managed.SHARED:
            message = refused(f'[function.hello]\nbinary = "hello"\naws = {{ {row.field} = "x" }}\n')
            assert f"has a key of its own: {row.key}" in message


@pytest.mark.parametrize(
    ("raw", "part"),
    [
        ('Bogus = "x"', "unknown field of Lambda"),
        ('KMSKeyARN = "x"', 'did you mean "KMSKeyArn"'),
        ('SnapStart = { ApplyOn = "Always" }', '"PublishedVersions"'),
        ('SnapStart = { Apply = "None" }', 'did you mean "ApplyOn"'),
        ("SnapStart = 1", "must be a table"),
        ('FileSystemConfigs = [{ Arn = "x" }]', "needs LocalMountPath"),
        ('LoggingConfig = { LogGroup = "a b" }', "must match"),
        ("ImageConfig = { Command = [1] }", "must be text"),
        ('TenancyConfig = { TenantIsolationMode = "x" }', "PER_TENANT"),
    ],
)
def test_a_raw_field_that_no_deploy_could_send_is_refused(raw: str, part: str) -> None:
    message = refused(f'[function.hello]\nbinary = "hello"\naws = {{ {raw} }}\n')
    assert "function.hello.aws" in message
    assert part in message


def test_a_closed_word_is_a_member_of_its_type() -> None:
    hello = function(read('[function.hello]\nbinary = "x"\nprocess = "persistent"\n'))
    assert (hello.process, hello.libc) == (Process.PERSISTENT, Libc.AUTO)
    assert isinstance(hello.process, Process)


@pytest.mark.parametrize("table", ["function.hello", "defaults"])
def test_the_old_word_ahead_is_read_and_its_new_name_is_said(table: str) -> None:
    own = '[function.hello]\nbinary = "x"\n'
    project = read(f"{own}ahead = false\n" if table == "function.hello" else f"{own}[defaults]\nahead = false\n")
    assert function(project).prestart is False
    assert project.warnings == (f"{table}.ahead is now called prestart; write that.",)
    assert "unknown key" in refused(f"{own}ahead = false\nprestart = true\n")


def test_the_schema_on_disk_is_the_codes_and_takes_what_the_code_takes() -> None:
    schema = json.loads(reference.SCHEMA_FILE.read_text())
    assert schema == json.loads(json.dumps(reference.schema()))
    jsonschema: Any = import_module("jsonschema")  # without stubs; a second or more, which no other worker need spend
    jsonschema.validate(tomllib.loads(BASE), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tomllib.loads(BASE.replace("2048", "1")), schema)


def test_the_reference_lists_every_key() -> None:
    table = reference.table()
    assert all(f"`{name}`" in table for name in (*keys(Function), *keys(Deploy)))
