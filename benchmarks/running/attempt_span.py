"""The span of a goal attempt: the root of its trace, with all that one searches for."""

from types import TracebackType
from typing import Self

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import (
    Span,
    Status,
    StatusCode,
    TracerProvider,
    format_trace_id,
    get_tracer,
    set_span_in_context,
)
from opentelemetry.util.types import AttributeValue

from benchmarks.judging.verdict import VerdictWord
from benchmarks.results.results import Attempt
from benchmarks.suite.goals import Goal
from nanoagent.tracing import names
from nanoagent.tracing.clock import Clock
from nanoagent.tracing.failures import error_type_of

_SCORES = {VerdictWord.PASS: 1.0, VerdictWord.FAIL: 0.0}
"""An error says nothing of the goal and has no score."""


class AttemptSpan:
    """`benchmark goal`: a new trace, whatever encloses it; current inside the block."""

    def __init__(
        self,
        goal: Goal,
        number: int,
        *,
        session_id: str,
        model: str,
        clock: Clock,
        tracer_provider: TracerProvider | None = None,
    ) -> None:
        """Start the span.

        Args:
            goal: What is attempted.
            number: The attempt's number, 1-based.
            session_id: The same for all attempts of a benchmark run.
            model: The model under test, as it was asked for.
            clock: Stamps it; the run inside must have the same.
            tracer_provider: By default the one that is installed.
        """
        self._clock = clock
        attributes: dict[str, AttributeValue] = {
            names.BENCHMARK_SESSION_ID: session_id,
            names.BENCHMARK_GOAL_ID: goal.id,
            names.BENCHMARK_TIER: goal.tier.value,
            names.BENCHMARK_ATTEMPT: number,
            names.BENCHMARK_MODEL: model,
        }
        tracer = get_tracer(names.SCOPE_NAME, tracer_provider=tracer_provider)
        self._span: Span = tracer.start_span(
            names.BENCHMARK_SPAN, Context(), attributes=attributes, start_time=clock.now_ns()
        )

    @property
    def trace_id(self) -> str | None:
        """32 hex digits; `None` when nothing is traced."""
        context = self._span.get_span_context()
        return format_trace_id(context.trace_id) if context.is_valid else None

    def conclude(self, attempt: Attempt) -> None:
        """Say how the attempt went. A failed verdict is not an error; a broken harness is."""
        metrics, word = attempt.metrics, attempt.verdict.word
        found: dict[str, AttributeValue | None] = {
            names.BENCHMARK_VERDICT: word.value,
            names.STATUS: metrics.status,
            names.STOP_REASON: metrics.stop_reason,
            names.RUN_ITERATIONS: metrics.iterations,
            names.RUN_INPUT_TOKENS: metrics.input_tokens,
            names.RUN_OUTPUT_TOKENS: metrics.output_tokens,
        }
        self._span.set_attributes({key: value for key, value in found.items() if value is not None})
        self._span.add_event(names.EVALUATION_EVENT, _evaluation(word), self._clock.now_ns())

    def fail(self, error_type: str) -> None:
        """Mark the span as failed."""
        self._span.set_attribute(names.ERROR_TYPE, error_type)
        self._span.set_status(Status(StatusCode.ERROR))

    def __enter__(self) -> Self:
        """Make the span current, and nothing else: the caller's context is no part of the trace."""
        self._token = otel_context.attach(set_span_in_context(self._span, Context()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the span; an exception, which here is a cancellation, marks it as failed."""
        otel_context.detach(self._token)
        if error is not None:
            self.fail(error_type_of(error))
        self._span.end(self._clock.now_ns())


def _evaluation(word: VerdictWord) -> dict[str, AttributeValue]:
    event: dict[str, AttributeValue] = {names.EVALUATION_NAME: "benchmark", names.EVALUATION_LABEL: word.value}
    return event | ({names.EVALUATION_VALUE: _SCORES[word]} if word in _SCORES else {})
