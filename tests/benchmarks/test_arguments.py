"""The value of `--save-baseline`, which may be left out."""

import pytest

from benchmarks.arguments import completed


@pytest.mark.parametrize(
    ("typed", "made"),
    [
        ([], []),
        (["--save-baseline"], ["--save-baseline=base.json"]),
        (["--save-baseline", "--verify"], ["--save-baseline=base.json", "--verify"]),
        (["--save-baseline", "mine.json"], ["--save-baseline", "mine.json"]),
        (["--save-baseline=mine.json", "--verify"], ["--save-baseline=mine.json", "--verify"]),
        (["--goal", "a", "--save-baseline"], ["--goal", "a", "--save-baseline=base.json"]),
    ],
    ids=" ".join,
)
def test_the_committed_baseline_stands_in_for_a_value_that_is_left_out(typed: list[str], made: list[str]) -> None:
    assert completed(typed, baseline="base.json") == made
