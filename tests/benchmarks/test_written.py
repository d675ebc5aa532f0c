"""JSON in pieces: the same as in one, however it is cut."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.results.written import compact, laid_out, printable_value

_TEXTS = st.text('aé"\ud83e', max_size=3)  # with half of a surrogate pair
_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(value=_VALUES, depth=st.integers(0, 4))
def test_pieces_are_what_one_piece_would_be(value: Any, depth: int) -> None:
    assert "".join(compact(value, depth)) == json.dumps(value, sort_keys=True, separators=(",", ":"))


@given(value=_VALUES, depth=st.integers(0, 4))
def test_what_is_printable_is_so_however_deep_it_is_looked_at(value: Any, depth: int) -> None:
    seen = printable_value(value, depth)
    assert seen == printable_value(value, 0)
    assert json.loads("".join(laid_out(seen, depth)).encode()) == seen


@pytest.mark.parametrize("depth", [0, 2])
def test_no_number_is_no_json_however_deep_it_stands(depth: int) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        printable_value([{"a": float("nan")}], depth)
