"""Scores: what a user thinks of a run that is over, as a span of its own that is linked to the run.

The verdict is the GenAI conventions' evaluation event. It may come hours after the run: in the run's own trace it would
stretch the time until nothing of the run can be seen, and what keeps or drops whole traces has decided long before. So
a score is a trace of its own, and no number of the run depends on it.
"""

import logging
import math
import re
import time
from dataclasses import dataclass
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    NoOpTracerProvider,
    ProxyTracerProvider,
    SpanContext,
    TraceFlags,
    TracerProvider,
    format_trace_id,
    get_tracer_provider,
)
from opentelemetry.util.types import AttributeValue

from instrumentation.configuration import configured
from instrumentation.reading.trace_ids import trace_id_of
from nanoagent.content.shown import MAX_NAME_LENGTH, shown
from nanoagent.errors import ConfigurationError
from nanoagent.tracing import names
from nanoagent.tracing.failures import log_failure
from nanoagent.tracing.tracer import tracer_of

_logger = logging.getLogger(__name__)

MAX_EXPLANATION: Final = 4_000
"""Characters of an explanation; a longer one is shortened, with an ellipsis as its last character."""
SPAN_NS: Final = 1_000
"""How long a score lasts: Jaeger warns of spans without a duration."""
_SPAN_ID: Final = re.compile(r"(?!0+$)[0-9a-f]{16}")
_LONGEST_QUOTE: Final = 80


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What somebody thinks of a run; one that can be sent, or a `ConfigurationError`."""

    name: str = "user"
    """What was judged, or who did it."""
    value: float | None = None
    """The verdict as a number, such as 1 for good and 0 for bad."""
    label: str | None = None
    """The verdict as a word."""
    explanation: str | None = None
    """Why, in words."""

    def __post_init__(self) -> None:
        """Check it.

        Raises:
            ConfigurationError: There is neither a value nor a label, or a part of it cannot be sent.
        """
        _checked_word("name", self.name)
        if self.value is None and self.label is None:
            raise ConfigurationError(
                "a score needs a value, a label or both, got neither: give a value such as 1 or a label such as good"
            )
        if self.value is not None:
            _checked_value(self.value)
        if self.label is not None:
            _checked_word("label", self.label)
        if not isinstance(self.explanation, str | None):
            raise ConfigurationError(
                f"explanation must be a text, got {_quoted(self.explanation)}; leave it out for none"
            )

    def said(self) -> dict[str, AttributeValue]:
        """The verdict in attributes that one searches for."""
        said: dict[str, AttributeValue] = {names.EVALUATION_NAME: shown(self.name)}
        if self.label is not None:
            said[names.EVALUATION_LABEL] = shown(self.label)
        if self.value is not None:
            said[names.EVALUATION_VALUE] = float(self.value)
        return said

    def explained(self) -> dict[str, AttributeValue]:
        """The verdict in the attributes of the conventions' event."""
        if not self.explanation:
            return self.said()
        return self.said() | {names.EVALUATION_EXPLANATION: shown(self.explanation, MAX_EXPLANATION)}


def score(
    run_id: str,
    *,
    trace_id: str | None = None,
    span_id: str | None = None,
    name: str = "user",
    value: float | None = None,
    label: str | None = None,
    explanation: str | None = None,
    tracer_provider: TracerProvider | None = None,
) -> str | None:
    """Send what a user thinks of a run that is over, where the spans of this process go.

    Example:
        >>> score(run_id, trace_id=result.metrics.trace_id, value=1, label="good")
        'a3c0e1d5bb0b4e1c9f7f2f7d6f1c2b3a'

    It waits for nothing, and once the arguments are found good nothing of it raises.

    Args:
        run_id: The run's, as `result.metrics.run_id` has it.
        trace_id: The trace of the run, as `result.metrics.trace_id` has it. By default that of the run of this process
            that has this id and goes on, or ended recently.
        span_id: The root of the run in that trace, 16 hex digits, where it is known.
        name: What is judged, or who judges.
        value: The verdict as a number, such as 1 for good and 0 for bad.
        label: The verdict as a word, such as `good`.
        explanation: Why, in words; it is sent whether content is captured or not, redacted and in 4,000 characters.
        tracer_provider: By default the one that is installed.

    Returns:
        The trace id of the score; `None` where it goes nowhere, since nothing is traced or its sampler dropped it.

    Raises:
        ConfigurationError: There is no such score, or the trace of the run is not known.
    """
    checked_run_id(run_id)
    verdict = Verdict(name=name, value=value, label=label, explanation=explanation)
    place = _checked_place(trace_id, span_id)
    provider = tracer_provider or get_tracer_provider()
    if isinstance(provider, ProxyTracerProvider | NoOpTracerProvider):
        return None
    return _sent(provider, run_id, place or _place_here(run_id), verdict)


def checked_run_id(run_id: str) -> None:
    """Refuse what is no id of a run that can be sent.

    Raises:
        ConfigurationError: It is no text that can be shown, or too long.
    """
    _checked_word("run_id", run_id)


def _sent(provider: TracerProvider, run_id: str, place: SpanContext, verdict: Verdict) -> str | None:
    """Start and end the span; its trace id, where it is exported."""
    run: dict[str, AttributeValue] = {names.SCORE_RUN_ID: shown(run_id)}
    start_ns = time.time_ns()
    try:
        span = tracer_of(provider).start_span(
            names.SCORE_SPAN,
            Context(),  # what goes on around the call is no part of it
            attributes=run | {names.SCORE_TRACE_ID: format_trace_id(place.trace_id)} | verdict.said(),
            # With an attribute, a link stands where the span at its other end is not known.
            links=[Link(place, run)],
            start_time=start_ns,
        )
        span.add_event(names.EVALUATION_EVENT, verdict.explained(), start_ns)
        span.end(start_ns + SPAN_NS)
        ids = span.get_span_context()
    except Exception:
        log_failure(_logger, "the score of a run could not be sent")
        return None
    return format_trace_id(ids.trace_id) if ids.trace_flags.sampled else None


def _place_here(run_id: str) -> SpanContext:
    """Where the run of this process is."""
    telemetry = configured()
    metrics = telemetry.aggregator.get(run_id) if telemetry is not None else None
    if metrics is None or metrics.trace_id is None:
        raise ConfigurationError(
            f"the trace of a run must be known to score it, but run {_quoted(run_id)} is not among the recent ones of "
            "this process: give trace_id=, as result.metrics.trace_id has it"
        )
    return _place(metrics.trace_id, None)


def _checked_place(trace_id: Any, span_id: Any) -> SpanContext | None:
    if trace_id is None:
        if span_id is not None:
            raise ConfigurationError("span_id is that of a span in a trace, which is missing: give trace_id=, too")
        return None
    if not isinstance(trace_id, str):
        raise ConfigurationError(f"trace_id must be a text of 32 hex digits, got {_quoted(trace_id)}")
    if span_id is not None and not (isinstance(span_id, str) and _SPAN_ID.fullmatch(span_id.lower())):
        raise ConfigurationError(
            f"span_id must be 16 hex digits that are not all zeros, got {_quoted(span_id)}; leave it out where it is "
            "not known"
        )
    return _place(trace_id_of(trace_id), span_id)


def _place(trace_id: str, span_id: str | None) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span_id or "0", 16), is_remote=True, trace_flags=TraceFlags.get_default())


def _checked_value(value: Any) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    try:
        is_finite = is_number and math.isfinite(value)
    except OverflowError:  # an integer that no float can hold
        is_finite = False
    if not is_finite:
        raise ConfigurationError(f"value must be a finite number, got {_quoted(value)}: give 1 for good and 0 for bad")


def _checked_word(what: str, word: Any) -> None:
    if not isinstance(word, str) or not word.strip() or len(word) > MAX_NAME_LENGTH or not word.isprintable():
        raise ConfigurationError(
            f"{what} must be a text of 1 to {MAX_NAME_LENGTH} characters that can be printed, got {_quoted(word)}"
        )


def _quoted(value: object) -> str:
    try:
        quoted = ascii(value[: _LONGEST_QUOTE + 1] if isinstance(value, str) else value)
    except Exception:  # it cannot be shown, as an integer of 5,000 digits
        return f"one of {type(value).__name__}"
    return quoted if len(quoted) <= _LONGEST_QUOTE else f"{quoted[:_LONGEST_QUOTE]}..."
