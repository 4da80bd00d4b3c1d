"""Lambda's facts: each once, with its date, and read by all who need it."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from tasks.lib.aws.deploy import upload
from tasks.lib.check import options
from tasks.lib.platform import fronts, limits, runtimes
from tasks.lib.platform.libc import Libc
from tasks.lib.settings import model
from tests.support import ROOT


def test_what_aws_has_and_we_have_not_is_named() -> None:
    """A new runtime in botocore's enum: give it a table in runtimes.toml, or a line under [unknown]."""
    botocore = pytest.importorskip("botocore.session")
    enum = botocore.get_session().get_service_model("lambda").shape_for("Runtime").enum
    ours = {name for name in enum if re.match(r"provided|custom|nodejs(1[6-9]|[2-9]\d)\.x", name)}
    known = {*runtimes.RUNTIMES, *runtimes.RETIRED, *runtimes.UNKNOWN}
    assert ours - known == set(), "new at AWS: see the docstring"
    assert known - ours == set(), "gone at AWS"


def test_every_runtime_that_lambda_toml_takes_is_known_to_the_gate() -> None:
    rule = model.Function.rows["runtime"].metadata["rule"]
    for name in runtimes.RUNTIMES:
        assert list(rule.faults(name)) == []
        assert runtimes.platform(name, "x86_64").libraries
    for name in (*runtimes.RETIRED, *runtimes.UNKNOWN):
        assert list(rule.faults(name)) != []


def test_every_retired_runtime_names_one_that_is_not() -> None:
    assert set(runtimes.RETIRED.values()) <= set(runtimes.RUNTIMES)
    assert {runtimes.runtime(name).successor for name in runtimes.RUNTIMES} - {""} <= set(runtimes.RUNTIMES)


@pytest.mark.parametrize(
    ("today", "words"),
    [
        (date(2026, 10, 1), ""),
        (date(2026, 11, 28), "ends on 2027-04-30 (no new functions from 2027-06-01, no updates from 2027-07-01)"),
        (date(2027, 5, 1), "ended on 2027-04-30"),
    ],
)  # fmt: skip
def test_an_end_is_announced_with_its_date_and_the_successor(today: date, words: str) -> None:
    found = runtimes.ending("nodejs22.x", today)
    assert words in found
    assert ("nodejs24.x" in found) == bool(words)


def test_a_zip_that_check_lets_through_can_be_uploaded(tmp_path: Path) -> None:
    """The upload's limit follows from the request's; both sides of it agree."""
    path = tmp_path / "a.zip"
    for size, fits in ((limits.DIRECT_ZIP_BYTES, True), (limits.DIRECT_ZIP_BYTES + 1, False)):
        path.touch()
        with path.open("r+b") as file:
            file.truncate(size)
        assert upload.fits(path) is fits
        assert limits.fits_a_request(size) is fits
        encoded = (size + 2) // 3 * 4
        assert (encoded + limits.REQUEST_REST_BYTES <= limits.REQUEST_BYTES) is fits


def test_no_limit_is_written_a_second_time() -> None:
    figures = {name: value for name, value in vars(limits).items() if name.isupper()}
    numbers = {
        str(value) for name, value in figures.items() if value > 1 << 20 or (name.endswith("_MB") and value > 1000)
    }
    for path in [*(ROOT / "tasks").rglob("*.py"), *(ROOT / "shim").glob("*.[chj]*")]:
        text = path.read_text().replace("_", "") if path.suffix == ".py" else path.read_text()
        if path.name != "limits.py":
            assert not [number for number in numbers if number in text], path


def test_lambda_run_which_stands_alone_has_the_same_limits() -> None:
    text = (ROOT / "hs/lambda-run/src/AWS/Lambda/Run/Limit.hs").read_text()
    found = dict(re.findall(r"(\w+Limit) = (\d+)", text))
    assert found == {"answerLimit": str(limits.ANSWER_BYTES), "streamLimit": str(limits.STREAM_BYTES)}


def test_a_type_that_several_languages_must_know_is_one_word() -> None:
    written = [*(ROOT / "shim").glob("*.[chj]*"), *(ROOT / "hs/lambda-run/src").rglob("*.hs")]
    found = {word for path in written for word in re.findall(r"application/vnd\.awslambda[\w.-]*", path.read_text())}
    assert found == {fronts.PRELUDE_TYPE}


def test_the_command_takes_the_c_libraries_that_lambda_toml_takes() -> None:
    rule = model.Function.rows["libc"].metadata["rule"]
    action = next(item for item in options.parser()._actions if item.dest == "libc")
    assert action.choices
    for word in action.choices:
        assert list(rule.faults(word)) == []
        assert Libc(word)
