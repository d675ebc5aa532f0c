"""What is said at the end of what was recorded and spent."""

from decimal import Decimal
from pathlib import Path

import pytest

from benchmarks import tested
from benchmarks.subjects.models import subject_named
from benchmarks.subjects.recording import Recorder
from benchmarks.subjects.spending import Spending
from nanoagent.errors import ConfigurationError


def made(recorder: Recorder | None = None, spending: Spending | None = None) -> tested.Tested:
    return tested.Tested(subject=subject_named("scripted"), recorder=recorder, spending=spending)


@pytest.mark.parametrize(
    ("spent_usd", "reached", "line"),
    [
        ("0.25", False, "Spent: $0.250 of $1.00"),
        (
            "0.75",
            True,
            "Spent: $0.750 of $1.00; another call might have passed that: go on with a higher --max-cost and --resume "
            "--retry-errors",
        ),
        (
            "1.25",
            True,
            "Spent: $1.25 of $1.00; one call passed that: go on with a higher --max-cost and --resume --retry-errors",
        ),
    ],
    ids=["below", "at the limit", "beyond it"],
)
def test_what_was_spent_is_told_with_how_to_go_on(spent_usd: str, reached: bool, line: str) -> None:
    one = made(spending=Spending(limit_usd=Decimal(1), spent_usd=Decimal(spent_usd), reached=reached))
    assert (one.lines, one.is_over()) == ([line], reached)


def test_a_recording_that_could_not_be_written_fails_the_run_with_why(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    assert made(recorder).failure is None
    recorder.failure = "--record cannot write 'x': No space left on device; make room and run again"
    failure = made(recorder).failure
    assert isinstance(failure, ConfigurationError)
    assert str(failure) == recorder.failure


def test_nothing_is_told_of_what_was_neither_recorded_nor_limited() -> None:
    assert (made().lines, made().failure, made().is_over()) == ([], None, False)
