"""What doit render shows is lambda.toml again, all tables joined, without a secret."""

from __future__ import annotations

import tomllib
from pathlib import Path

from tasks.lib.base import toml
from tasks.lib.settings import load
from tasks.render import keys_with_values

TEXT = """
[defaults]
environment = { BOTH = "hunter1-hunter1", DEFAULT = "hunter2-hunter2" }
timeout_s = 9
[function.hello]
binary = "hello"
vpc = { subnets = ["subnet-1"], security_groups = ["sg-1"], ipv6 = true }
tags = { "a b" = "x: y" }
description = 'quo"te'
[stage.prod]
memory_mb = 512
"""


def test_it_reads_as_what_it_shows_and_shows_no_secret() -> None:
    project = load.project_of(tomllib.loads(TEXT), Path("lambda.toml"), "prod")
    shown = "\n".join(f"{name} = {toml.value(value)}" for name, value in keys_with_values(project.functions[0]).items())
    assert "hunter" not in shown
    again = load.project_of({"function": {"hello": tomllib.loads(shown)}}, Path("lambda.toml")).functions[0]
    hello = project.functions[0]
    for name in (
        "memory_mb",
        "timeout_s",
        "vpc",
        "tags",
        "description",
        "binary",
        "libc",
        "process",
        "handler",
        "runtime",
    ):
        assert getattr(again, name) == getattr(hello, name)
    assert dict(again.environment or {}) == {"BOTH": "***", "DEFAULT": "***"}
