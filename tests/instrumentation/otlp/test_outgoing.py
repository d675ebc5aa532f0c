"""What leaves the process of a span: lists are looked at whole, as a command line says what its items are."""

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, Status, StatusCode

from instrumentation.otlp.outgoing import cleaned
from instrumentation.resource import resource_of
from nanoagent.redaction.redactor import Redactor, use_redactor

ARGV = ("serve", "--password", "hunter2", "-v")
MASKED = ("serve", "--password", "[redacted: password]", "-v")
KEY = "sk-4kQ7ZrT1bVn8yXc3LmP6wHd9JfGs2EuA5tRoBiNqKzW0xY"
LISTS = [
    (ARGV, MASKED),
    (["--password", 1234], ("--password", "[redacted: password]")),
    ((1, "password=hunter2", True), (1, "password=[redacted: password]", True)),
    ((("nested", KEY), ARGV), (("nested", "[redacted: openai key]"), MASKED)),
    ({"argv": ARGV}, {"argv": MASKED}),
]


def attributes_of(span: ReadableSpan) -> Any:
    return dict(span.attributes or {})


def attributes_of_event(span: ReadableSpan) -> Any:
    return dict(span.events[0].attributes or {})


def attributes_of_link(span: ReadableSpan) -> Any:
    return dict(span.links[0].attributes or {})


def on_span(attributes: Any, scope: InstrumentationScope) -> ReadableSpan:
    return ReadableSpan("work", attributes=attributes, instrumentation_scope=scope)


def on_event(attributes: Any, scope: InstrumentationScope) -> ReadableSpan:
    return ReadableSpan("work", events=[Event("started", attributes)], instrumentation_scope=scope)


def on_link(attributes: Any, scope: InstrumentationScope) -> ReadableSpan:
    link = Link(SpanContext(1, 2, is_remote=False), attributes)
    return ReadableSpan("work", links=[link], instrumentation_scope=scope)


@pytest.mark.parametrize(("value", "seen"), LISTS)
@pytest.mark.parametrize("scope", ["nanoagent", "theirs"])
@pytest.mark.parametrize(
    ("made", "attributes"),
    [(on_span, attributes_of), (on_event, attributes_of_event), (on_link, attributes_of_link)],
)
def test_what_an_option_in_a_list_is_given_leaves_masked_wherever_the_list_is(
    value: Any, seen: Any, scope: str, made: Callable[..., ReadableSpan], attributes: Callable[[ReadableSpan], Any]
) -> None:
    span = made({"process.command_args": value, "count": 1}, InstrumentationScope(scope))
    assert attributes(cleaned(span)) == {"process.command_args": seen, "count": 1}


@pytest.mark.parametrize("value", [("serve", "--port", "8080"), ("--password", "--verbose"), (1, 2.5), b"\0", None, {}])
@pytest.mark.parametrize("made", [on_span, on_event, on_link])
def test_a_span_with_nothing_to_hide_leaves_as_it_is(value: Any, made: Callable[..., ReadableSpan]) -> None:
    span = made({"process.command_args": value}, InstrumentationScope("theirs"))
    assert cleaned(span) is span


@pytest.mark.parametrize(
    "span",
    [
        ReadableSpan(f"call {KEY}"),
        ReadableSpan("work", events=[Event(f"used {KEY}")]),
        ReadableSpan("work", attributes={KEY: 1}),
        ReadableSpan("work", attributes={"tags": (KEY,)}),
        ReadableSpan("work", status=Status(StatusCode.ERROR, f"no access with {KEY}")),
    ],
)
@pytest.mark.parametrize("scope", ["nanoagent", "theirs"])
def test_what_others_add_to_a_span_of_ours_is_masked_as_on_theirs(span: ReadableSpan, scope: str) -> None:
    made = ReadableSpan(
        span.name,
        attributes=span.attributes,
        events=span.events,
        status=span.status,
        instrumentation_scope=InstrumentationScope(scope),
    )
    shown = cleaned(made).to_json()
    assert KEY not in shown
    assert "[redacted: openai key]" in shown


@pytest.mark.parametrize(("value", "seen"), LISTS)
def test_the_resource_shows_no_more_of_a_list_than_a_span(value: Any, seen: Any) -> None:
    assert resource_of("mine", {"process.command_args": value}, {}).attributes["process.command_args"] == seen


def test_a_span_is_looked_at_once_by_each_redactor_that_comes_into_force() -> None:
    looked_at: list[str] = []

    def look(text: str) -> str:
        looked_at.append(text)
        return text

    first, second = Redactor(hook=look), Redactor(hook=str.upper)
    span = ReadableSpan("work", attributes={"question": "why"})
    before = use_redactor(first)
    try:
        assert (cleaned(span), cleaned(span), looked_at) == (span, span, ["work", "question", "why"])
        use_redactor(second)
        assert attributes_of(cleaned(span)) == {"QUESTION": "WHY"}
    finally:
        use_redactor(before)
