"""What is taken for a trace id, and what is not."""

import pytest

from instrumentation.reading.trace_ids import trace_id_of
from nanoagent.errors import ConfigurationError

WHOLE = "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize(
    ("text", "trace_id"),
    [
        (WHOLE, WHOLE),
        (WHOLE.upper(), WHOLE),
        (f" {WHOLE}\n", WHOLE),
        (WHOLE[1:], WHOLE),
        ("8448eb211c80319c", "00000000000000008448eb211c80319c"),
    ],
)
def test_capitals_blanks_and_missing_leading_zeros_are_forgiven(text: str, trace_id: str) -> None:
    assert trace_id_of(text) == trace_id


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (WHOLE[:15], f"got the 15 of '{WHOLE[:15]}': copy the whole id"),
        ("1", "got the 1 of '1'"),
        (WHOLE + "0", f"got '{WHOLE}0': copy it from"),
        (WHOLE[:-1] + "g", f"32 hex digits that are not all zeros, got '{WHOLE[:-1]}g'"),
        ("0" * 32, "got '0000"),
        ("", "got ''"),
        ("٣" * 32, r"got '\u0663"),
        ("x" * 5_000, f"got '{'x' * 80}'...: copy"),
        ("\ud800", r"got '\ud800'"),
    ],
    ids=ascii,
)
def test_anything_else_is_refused_with_the_value(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        trace_id_of(text)
    assert said in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
