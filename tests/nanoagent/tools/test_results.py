import itertools
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic_ai import BinaryContent, ToolReturn
from pydantic_core import to_json

from nanoagent.tools.results import clean, fit_result, shorten

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
SURROGATE = "\ud800"
IMAGE = BinaryContent(data=b"x" * 500, media_type="image/png")


class Point(BaseModel):
    x: int


@dataclass
class Node:
    next: list["Node"] = field(default_factory=list, repr=False)


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError("no")


def numbers() -> Iterator[int]:
    yield 1


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


@given(JSON)
def test_small_json_passes_as_the_same_object(value: Any) -> None:
    assert fit_result(value, 10**9) is value


@pytest.mark.parametrize("value", [Point(x=1), date(2026, 3, 9), Decimal("1.5"), (1, 2), {1, 2}, {1: "a"}, IMAGE])
def test_what_pydantic_makes_json_of_passes_too(value: Any) -> None:
    assert fit_result(value, 100) is value


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        {"a": [-math.inf]},
        object(),
        [int],
        {(1, 2): 3},
        b"\xff",
        range(3),
        itertools.count(),
        [itertools.count()],
        numbers(),
        ToolReturn,
    ],
    ids=lambda value: re.sub(" at 0x[0-9a-f]+", "", repr(value)),  # the same in every process
)
def test_what_is_not_json_becomes_its_repr(value: Any) -> None:
    assert fit_result(value, 1_000) == repr(value)


def test_a_structure_that_holds_itself_becomes_its_repr() -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    node = Node()
    node.next.append(node)
    assert fit_result(loop, 100) == "[1, [...]]"
    assert fit_result(node, 100) == "Node()"


@pytest.mark.parametrize("value", [Unprintable(), nested(100_000), 10**5000], ids=["object", "depth", "digits"])
def test_what_has_no_repr_either_is_named(value: Any) -> None:
    assert fit_result(value, 100) == f"<{type(value).__name__} that cannot be shown>"


@pytest.mark.parametrize("levels", range(200, 270, 10))
def test_what_passes_can_be_stored_in_a_message_history(levels: int) -> None:
    shown = fit_result(nested(levels), 1_000)
    to_json({"messages": [{"parts": [{"content": shown}]}]})


def test_text_up_to_the_limit_is_whole_and_beyond_it_is_marked() -> None:
    assert fit_result("x" * 10, 10) == "x" * 10
    value = [1, 2]
    assert fit_result(value, len("[1, 2]")) is value
    assert fit_result("x" * 11, 10) == "x" * 10 + " [shortened: 10 of 11 characters shown]"


def test_a_large_structure_becomes_the_first_part_of_its_json() -> None:
    assert fit_result({"é": [1, 2, 3]}, 8) == '{"é": [1 [shortened: 8 of 16 characters shown]'


def test_the_limit_holds_for_a_repr_too() -> None:
    assert fit_result({"a": math.nan}, 5) == "{'a': [shortened: 5 of 10 characters shown]"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (f"a{SURROGATE}b", "a\ufffdb"),
        ({f"k{SURROGATE}": [SURROGATE, 1]}, {"k\ufffd": ["\ufffd", 1]}),
        ([SURROGATE, math.nan], r"['\ud800', nan]"),
    ],
)
def test_lone_surrogates_are_replaced(value: Any, shown: Any) -> None:
    assert fit_result(value, 100) == shown


@given(st.text(st.characters(exclude_categories=[])))
def test_clean_text_can_always_be_encoded(text: str) -> None:
    assert len(clean(text).encode().decode()) == len(text)


@given(st.text(), st.integers(1, 50))
def test_shortened_text_begins_as_the_text_did(text: str, most: int) -> None:
    short = shorten(text, most)
    assert short == text if len(text) <= most else short.startswith(text[:most] + " [shortened: ")


def test_files_pass_and_the_values_beside_them_are_fitted() -> None:
    assert fit_result([IMAGE, "x" * 11, math.nan], 10) == [
        IMAGE,
        "x" * 10 + " [shortened: 10 of 11 characters shown]",
        "nan",
    ]


def test_a_list_with_a_file_may_hold_itself() -> None:
    loop: list[Any] = [IMAGE]
    loop.append(loop)
    assert fit_result(loop, 100_000)[0] is IMAGE


def test_the_parts_of_a_tool_return_are_fitted() -> None:
    result = ToolReturn(return_value=math.inf, content="x" * 11, metadata={"kept": 1})
    assert fit_result(result, 10) == ToolReturn(
        return_value="inf", content="x" * 10 + " [shortened: 10 of 11 characters shown]", metadata={"kept": 1}
    )
    files = ToolReturn(return_value="see", content=["picture", IMAGE])
    assert fit_result(files, 10) == files


def test_a_tool_return_inside_a_list_is_shown_as_text() -> None:
    value = [ToolReturn(return_value=1)]
    assert fit_result(value, 1_000) == repr(value)


def test_content_that_a_prompt_cannot_hold_is_an_error_of_the_tool() -> None:
    result = ToolReturn(return_value=1)
    result.content = [object()]  # type: ignore[list-item]
    with pytest.raises(ValueError, match="must be a `UserContent` item"):
        fit_result(result, 10)
