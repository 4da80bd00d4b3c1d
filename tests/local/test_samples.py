"""Sample events: every name leads to an event without blanks, and what fronts send is what the shims understand."""

from __future__ import annotations

import json

import pytest

from tasks import invoke
from tasks.lib.base.errors import ToolError, UsageError
from tasks.lib.local import samples
from tests.support import ROOT, lacking

CACHE = ROOT / "build/.cache"


@pytest.mark.parametrize("name", samples.NAMES)
def test_a_sample_is_an_event_without_blanks(name: str) -> None:
    try:
        text = samples.sample(name, CACHE, lambda _: None)
    except ToolError as error:
        lacking(str(error))
    assert b"{{{" not in text
    assert json.loads(text)


def test_the_command_line_lists_them_all() -> None:
    assert invoke.SAMPLES.split() == samples.NAMES


def test_a_name_that_is_none_is_told_with_those_that_are() -> None:
    with pytest.raises(UsageError, match="no sample event 's4'") as caught:
        samples.sample("s4", CACHE, lambda _: None)
    assert "s3, s3-delete" in caught.value.hint
