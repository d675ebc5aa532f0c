"""Fingerprints: whether a message is still what it was."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic_ai.messages import ModelRequest, ModelResponse, TextPart, ToolCallPart, ToolReturnPart, UserPromptPart

from nanoagent.content.fingerprints import MAX_DEPTH, MAX_VALUES, fingerprint
from tests.timing import timed


@dataclass
class Report:
    """What a tool returns."""

    rows: list[Any] = field(default_factory=lambda: [1, 2])
    note: str = "fine"


@dataclass
class Renamed:
    """As that, under other names."""

    lines: list[Any] = field(default_factory=lambda: [1, 2])
    note: str = "fine"


@dataclass
class Copied(Report):
    """As that, of another class."""


class Leaving:
    """It ends the interpreter wherever somebody asks what it is."""

    def __getattribute__(self, name: str) -> Any:
        raise SystemExit


class Interrupted:
    def __getattribute__(self, name: str) -> Any:
        raise KeyboardInterrupt


def returning(value: Any) -> ModelRequest:
    part = ToolReturnPart("look", "", "c1", timestamp=datetime(2026, 1, 1, tzinfo=UTC))
    part.content = value
    return ModelRequest([part])


def append(value: Any) -> None:
    value.rows.append(3)


def nested(depth: int, inmost: Any) -> Any:
    return inmost if depth == 0 else [nested(depth - 1, inmost)]


@pytest.mark.parametrize(
    ("value", "change"),
    [
        (["a"], lambda value: value.append("b")),
        ([["a"], []], lambda value: value[1].append("b")),
        ({"a": 1}, lambda value: value.update(b=2)),
        ({"a": 1, "b": 2}, lambda value: value.update(a=2, b=1)),
        ({"a": {"b": [1]}}, lambda value: value["a"]["b"].append(2)),
        (Report(), append),
        (Report(), lambda value: setattr(value, "note", "odd")),
        ([Report()], lambda value: append(value[0])),
        (({"a": []},), lambda value: value[0]["a"].append(1)),
        (list(range(MAX_VALUES)), lambda value: value.append(1)),
    ],
)
def test_what_is_changed_in_place_is_noticed_however_deep(value: Any, change: Callable[[Any], object]) -> None:
    message = returning(value)
    before = fingerprint(message)
    assert fingerprint(message) == before
    change(value)
    assert fingerprint(message) != before


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"b": 1}),
        ({"a": 1}, [1]),
        ([["a"], "b"], [["a", "b"]]),
        ([[], [1]], [[1], []]),
        (Report(), Renamed()),
        (Report(), Copied()),
        (SimpleNamespace(a=1), SimpleNamespace(b=1)),
        ("1", 1),
        ([None], []),
    ],
)
def test_what_is_told_apart(one: Any, other: Any) -> None:
    assert fingerprint(returning(one)) != fingerprint(returning(other))


def test_equal_messages_are_the_same_and_who_speaks_matters() -> None:
    made = [ModelResponse([TextPart("yes"), ToolCallPart("add", {"a": [1]}, "c1")], model_name="m") for _ in range(2)]
    assert fingerprint(made[0]) == fingerprint(made[1])
    empty = ModelRequest([]), ModelResponse([])
    assert fingerprint(empty[0]) != fingerprint(empty[1])


def test_beyond_the_depth_and_the_number_that_are_looked_at_it_counts_which_object_it_is() -> None:
    for inside, is_seen in ((MAX_DEPTH - 3, True), (MAX_DEPTH - 2, False)):
        inmost = ["a"]
        message = returning(nested(inside, inmost))
        before = fingerprint(message)
        inmost.append("b")
        assert (fingerprint(message) != before) is is_seen
    lists: list[list[int]] = [[] for _ in range(MAX_VALUES + 10)]
    message = returning(lists)
    before = fingerprint(message)
    lists[-1].append(1)
    assert fingerprint(message) == before
    lists[0].append(1)
    assert fingerprint(message) != before


def test_of_an_endless_value_no_more_is_looked_at() -> None:
    around: list[Any] = []
    around.extend([around] * 100)
    message = returning([around, list(range(2_000_000))])
    with timed() as took:
        fingerprint(message)
    assert took.seconds < 0.5


def test_code_of_others_that_fails_leaves_the_message_as_what_object_it_is() -> None:
    message = returning([Leaving()])
    assert fingerprint(message) == id(message)
    with pytest.raises(KeyboardInterrupt):
        fingerprint(returning([Interrupted()]))


def test_a_long_history_is_gone_through_in_milliseconds() -> None:
    history = [
        message
        for number in range(1_000)
        for message in (
            ModelResponse([ToolCallPart("look", {"q": "what", "n": number}, f"c{number}")], model_name="m"),
            ModelRequest([ToolReturnPart("look", f"line {number}\n" * 100, f"c{number}"), UserPromptPart("go on")]),
        )
    ]
    took_s = []
    for _ in range(5):
        with timed() as took:
            for message in history:
                fingerprint(message)
        took_s.append(took.seconds)
    # A third of that; the best of some, as the machine does other things besides.
    assert min(took_s) < 0.03
