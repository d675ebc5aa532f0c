from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanoagent.tools.builtin.text import Operation, find_text, text_statistics, transform_text


def test_a_text_is_counted() -> None:
    assert text_statistics("The cat,\nthe dog.\n") == {
        "characters": 18,
        "characters_without_spaces": 14,
        "letters": 12,
        "words": 4,
        "unique_words": 3,
        "lines": 2,
    }
    assert set(text_statistics("").values()) == {0}


@pytest.mark.parametrize(
    ("operation", "result"),
    [
        ("upper", "B A\n A  C\nB A"),
        ("lower", "b a\n a  c\nb a"),
        ("title", "B A\n A  C\nB A"),
        ("reverse", "a b\nc  A \na b"),
        ("reverse_words", "a b c A a b"),
        ("trim", "b a A c b a"),
        ("sort_lines", " A  c\nb a\nb a"),
        ("unique_lines", "b a\n A  c"),
    ],
)
def test_a_text_is_transformed(operation: Operation, result: str) -> None:
    assert transform_text("b a\n A  c\nb a", operation) == result


@given(st.text(max_size=200), st.sampled_from(get_args(Operation)))
def test_every_operation_takes_every_text(text: str, operation: Operation) -> None:
    assert len(transform_text(text, operation)) <= 3 * len(text)


def test_an_unknown_operation_is_answered_with_the_known_ones() -> None:
    unknown: Any = "shout"
    with pytest.raises(ValueError, match=r"operation must be one of upper, lower, .*, got 'shout'"):
        transform_text("a", unknown)


def test_occurrences_are_counted_and_located() -> None:
    assert find_text("strawberry", "r") == {"count": 3, "positions": [2, 7, 8]}
    assert find_text("aaaa", "aa") == {"count": 2, "positions": [0, 2]}
    assert find_text("abc", "x") == {"count": 0, "positions": []}


def test_a_pattern_is_literal_and_case_matters_unless_told() -> None:
    assert find_text("a.b axb", "a.b") == {"count": 1, "positions": [0]}
    assert find_text("Aa", "a") == {"count": 1, "positions": [1]}
    assert find_text("Aa", "a", ignore_case=True) == {"count": 2, "positions": [0, 1]}


def test_only_the_first_hundred_positions_are_listed() -> None:
    assert find_text("a" * 20_000, "a") == {"count": 20_000, "positions": list(range(100))}


@given(st.text(max_size=50), st.text(min_size=1, max_size=3))
def test_the_count_is_that_of_python(text: str, pattern: str) -> None:
    assert find_text(text, pattern)["count"] == text.count(pattern)


def test_a_text_that_is_too_long_or_empty_is_refused() -> None:
    long = "x" * 20_001
    with pytest.raises(ValueError, match="text must have at most 20000 characters, got 20001: give it in parts"):
        text_statistics(long)
    with pytest.raises(ValueError, match="text must have at most"):
        transform_text(long, "upper")
    with pytest.raises(ValueError, match="text must have at most"):
        find_text(long, "x")
    with pytest.raises(ValueError, match="pattern must have at most"):
        find_text("x", long)
    with pytest.raises(ValueError, match="pattern must have at least one character, got ''"):
        find_text("x", "")
