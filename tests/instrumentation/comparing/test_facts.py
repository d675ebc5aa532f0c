"""What spans say beyond their counts, whichever way their producers write it."""

import json
from typing import Any

import pytest

from instrumentation.comparing.facts import Facts, facts_of
from tests.instrumentation.reading.otlp import read_span


def facts(operation: str | None, name: str = "span", **attributes: Any) -> Facts | None:
    written = {key.replace("__", "."): value for key, value in attributes.items()}
    return facts_of(read_span(name=name, attributes=written), operation)


@pytest.mark.parametrize(
    ("value", "finish"),
    [("stop", "stop"), (("stop",), "stop"), ('["a", "b"]', "a, b"), ((), None), ("[no JSON", "[no JSON"), (7, None)],
)
def test_why_an_answer_ended_is_one_text(value: Any, finish: str | None) -> None:
    found = facts("chat", gen_ai__response__finish_reasons=value)
    assert (found.finish if found else None) == finish


@pytest.mark.parametrize(
    ("one", "other", "are_same"),
    [
        ('{"a": 1, "b": [2]}', '{"b":[2],"a":1}', True),
        ('{"a": 1}', '{"a": 2}', False),
        ("no JSON", "no JSON", True),
        ("no JSON", "neither", False),
        (
            json.dumps({"input_str": "{'a': 1}", "tags": ["step:1"]}),
            json.dumps({"input_str": "{'a': 1}", "tags": ["step:2"]}),
            True,
        ),
        ("[" * 100_000, "[" * 100_000, True),
    ],
)
def test_arguments_are_the_same_however_they_are_written(one: str, other: str, *, are_same: bool) -> None:
    first, second = (facts("execute_tool", gen_ai__tool__call__arguments=text) for text in (one, other))
    assert first is not None
    assert first.arguments is not None
    assert (first == second) == are_same


def test_a_tool_without_arguments_on_its_span_is_known_by_its_name_alone() -> None:
    assert facts("execute_tool", tool__name="add") == Facts(name="add")
    assert facts("execute_tool", name="running tool") == Facts(name="running tool")


@pytest.mark.parametrize(
    ("messages", "goal"),
    [
        ('[{"role":"system","parts":[]},{"role":"user","parts":[{"type":"text","content":"Add"}]}]', "Add"),
        ('[{"role":"user","parts":[{"type":"blob"}]}]', None),
        ('[{"role":"user"}]', None),
        ("[1]", None),
        ("no JSON", None),
        (7, None),
    ],
)
def test_what_a_run_was_asked_is_the_first_text_of_its_user(messages: Any, goal: str | None) -> None:
    assert facts("invoke_agent", gen_ai__agent__name="a", gen_ai__input__messages=messages) == Facts(
        name="a", goal=goal
    )


def test_what_counts_nothing_says_nothing() -> None:
    assert facts(None, gen_ai__response__finish_reasons=("stop",)) is None
