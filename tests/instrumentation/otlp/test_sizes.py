"""Sizes: what a span holds in memory, guessed in a moment."""

import time
from typing import Any

import pytest
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import INVALID_SPAN_CONTEXT, Link
from opentelemetry.util.types import Attributes

from instrumentation.otlp.sizes import HELD_BYTES, held_bytes_of
from tests.instrumentation.delivery.doubles import spans


@pytest.mark.parametrize(
    ("attributes", "texts"),
    [
        (None, 0),
        ({"count": 3, "ok": True, "share": 0.5}, 0),
        ({"a": "x" * 50_000, "b": "y" * 7}, 50_007),
        ({"reasons": ("stop", "x" * 100), "counts": (1, 2)}, 104),
    ],
)
def test_a_span_holds_its_texts(attributes: Attributes, texts: int) -> None:
    assert held_bytes_of(ReadableSpan("s", attributes=attributes)) == HELD_BYTES + texts
    event = Event("exception", attributes)
    assert held_bytes_of(ReadableSpan("s", events=[event, event])) == HELD_BYTES + 2 * texts
    link = Link(INVALID_SPAN_CONTEXT, attributes)
    assert held_bytes_of(ReadableSpan("s", links=[link, link])) == HELD_BYTES + 2 * texts


@pytest.mark.parametrize("value", [b"x" * 1_000, {"inner": "x" * 1_000}, ({"inner": ["x" * 1_000]},)])
def test_what_is_nested_is_held_too(value: Any) -> None:
    assert 1_000 <= held_bytes_of(ReadableSpan("s", attributes={"a": value})) - HELD_BYTES <= 1_200


def test_a_span_that_the_api_does_not_allow_has_a_size() -> None:
    odd: Any = 7
    assert held_bytes_of(ReadableSpan("s", events=odd)) == HELD_BYTES


def test_whoever_ends_a_span_hardly_waits_for_it() -> None:
    [span] = spans(1, **{f"gen_ai.attribute.{number}": "some value" for number in range(15)})
    took_s = []
    for _ in range(200):
        start_s = time.perf_counter()
        held_bytes_of(span)
        took_s.append(time.perf_counter() - start_s)
    # It takes a tenth of that; the best of many, as the machine does other things besides.
    assert min(took_s) < 15e-6
