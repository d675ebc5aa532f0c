"""The file of thresholds, good and bad."""

from pathlib import Path

import pytest

from benchmarks.comparing.comparison import Threshold
from benchmarks.comparing.thresholds import THRESHOLDS, Thresholds, read_thresholds
from benchmarks.judging.measures import LABELS
from nanoagent.errors import ConfigurationError

GOALS = ("addition", "squares")


def file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "thresholds.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_file_of_the_project_names_every_number() -> None:
    found = read_thresholds(GOALS)
    assert set(found.metrics) == set(LABELS)
    assert (found.tiers, found.goals) == ({}, {})


def test_a_goals_own_goes_before_its_tiers_and_that_before_the_numbers(tmp_path: Path) -> None:
    text = """
significance = 0.05
suspicion = 0.1
[metrics.tokens_used]
relative = 0.1
[metrics.iterations]
absolute = 1
[tiers.simple.tokens_used]
relative = 0.2
[goals.addition.tokens_used]
relative = 0.3
"""
    found = read_thresholds(GOALS, file(tmp_path, text))
    asked = [("tokens_used", "simple", "addition"), ("tokens_used", "simple", "squares"), ("tokens_used", None, None)]
    assert [found.of(metric, tier=tier, goal_id=goal) for metric, tier, goal in asked] == [
        Threshold(relative=0.3),
        Threshold(relative=0.2),
        Threshold(relative=0.1),
    ]
    assert found.of("iterations", tier="simple", goal_id="addition") == Threshold(absolute=1)
    assert found.of("cost_usd", tier="simple", goal_id="addition") == Threshold()
    assert (found.significance, found.suspicion) == (0.05, 0.1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "significance = 0.01\nsuspicion = 0.05\n[metrics.token_used]",
            r"\[metrics\] has no 'token_used'; the nearest are tokens_used, ",
        ),
        (
            "significance = 0.01\nsuspicion = 0.05\n[tiers.simpel.iterations]",
            r"\[tiers\] has no 'simpel'; the nearest are simple, ",
        ),
        (
            "significance = 0.01\nsuspicion = 0.05\n[goals.adition.iterations]",
            r"\[goals\] has no 'adition'; the nearest are addition, ",
        ),
        ("significance = 0.01\nsuspicion = 0.05\n[tiers.simple.x]", r"\[tiers.simple\] has no 'x'; the nearest are "),
        (
            "significance = 0.01\nsuspicion = 0.05\n[goals.squares.cost]",
            r"\[goals.squares\] has no 'cost'; the nearest are cost_usd",
        ),
        (
            "significance = 0.01\nsuspicion = 0.05\n[metrics.iterations]\nrelative = -1",
            r"metrics.iterations.relative: .* got '-1'",
        ),
        (
            "significance = 0.01\nsuspicion = 0.05\n[metrics.iterations]\nrelative = nan",
            r"metrics.iterations.relative: .* got 'nan'",
        ),
        (
            "significance = 0.01\nsuspicion = 0.05\n[metrics.iterations]\nrelative = '5 %'",
            r"metrics.iterations.relative: .* got '5 %'",
        ),
        ("significance = 0.01\nsuspicion = 0.05\n[metrics.iterations]\nshare = 1", r"metrics.iterations.share: "),
        ("significance = 0\nsuspicion = 1", r"significance: .* got '0'"),
        ("", r"significance: Field required"),
        ("significance = ", r"it is no TOML: "),
    ],
)
def test_what_is_wrong_is_said_with_what_is_nearest(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(
        ConfigurationError, match=rf"^thresholds must be a file of them, got '.*thresholds.toml': {said}"
    ):
        read_thresholds(GOALS, file(tmp_path, text))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        read_thresholds(GOALS, tmp_path / "none.toml")
    (tmp_path / "thresholds.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="it is no text"):
        read_thresholds(GOALS, tmp_path / "thresholds.toml")


@pytest.mark.parametrize(
    ("threshold", "text", "exceeded"),
    [
        (Threshold(), "0", [False, True, True, True]),
        (Threshold(relative=0.1), "10 %", [False, False, True, True]),
        (Threshold(absolute=15), "15", [False, False, False, True]),
        (Threshold(relative=0.1, absolute=15), "10 % and 15", [False, False, False, True]),
    ],
)
def test_a_difference_must_exceed_both(threshold: Threshold, text: str, exceeded: list[bool]) -> None:
    assert str(threshold) == text
    assert [threshold.is_exceeded(100, now) for now in (100, 110, 111, 120)] == exceeded
    assert [threshold.is_exceeded(100, now) for now in (100, 90, 89, 80)] == exceeded


def test_beside_a_baseline_of_0_only_the_absolute_one_holds() -> None:
    assert Threshold(relative=0.5).is_exceeded(0, 1)
    assert not Threshold(relative=0.5, absolute=1).is_exceeded(0, 1)


def test_without_any_the_levels_are_those_of_the_file() -> None:
    of_file = read_thresholds(GOALS, THRESHOLDS)
    assert Thresholds() == Thresholds(significance=of_file.significance, suspicion=of_file.suspicion)
