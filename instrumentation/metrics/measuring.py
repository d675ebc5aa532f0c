"""From what the counting rule counts to what the instruments record."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from opentelemetry.context import Context
from opentelemetry.metrics import Meter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import NonRecordingSpan, SpanContext, set_span_in_context
from opentelemetry.util.types import AttributeValue

from instrumentation.metrics.instruments import Instruments
from instrumentation.metrics.labels import MODEL_LABELS, TIME, TOKEN_TYPE, LabelMaker, Labels
from instrumentation.observing import Filed
from nanoagent.core.budgets import Measure
from nanoagent.core.performance import Counts, PerformanceMetrics
from nanoagent.core.records import NS_PER_S, SpanRecord
from nanoagent.tracing import names
from nanoagent.tracing.watch import LIMIT_KEYS

_INVENTED_TOOL: Final = f"{names.OP_TOOL} {names.UNKNOWN_TOOL}"
_SPAN_KEYS: Final = (*MODEL_LABELS, names.TOOL_NAME, names.TOOL_TYPE, names.AGENT_NAME)
_ROOT_KEYS: Final = (
    names.WORKFLOW_NAME,
    names.AGENT_NAME,
    names.AGENT_VERSION,
    *LIMIT_KEYS.values(),
)


class Counted(NamedTuple):
    """A span that the counting rule has counted, without its content."""

    record: SpanRecord
    span: Mapping[str, Any]
    """Those of its attributes that labels are chosen by."""
    filed: Filed
    context: SpanContext | None
    invented: bool
    """Whether it is the call of a tool that the model invented."""

    @classmethod
    def of(cls, span: ReadableSpan, record: SpanRecord, attributes: Mapping[str, Any], filed: Filed) -> "Counted":
        """Take of a span what is measured of it."""
        return cls(record, _picked(attributes, _SPAN_KEYS), filed, span.context, span.name == _INVENTED_TOOL)


class Ended(NamedTuple):
    """What the root of an outermost run says that its numbers do not."""

    root: Mapping[str, Any]
    """Those of its attributes that labels and limits are read from."""
    context: SpanContext | None
    passed: tuple[tuple[str, str], ...]
    """The budgets that the run passed while running, each with what was done about it."""

    @classmethod
    def of(cls, span: ReadableSpan, attributes: Mapping[str, Any]) -> "Ended":
        """Take of a root what is measured of it."""
        events = (event.attributes or {} for event in span.events if event.name == names.BUDGET_EVENT)
        passed = tuple((str(event.get(names.BUDGET)), str(event.get(names.ACTION))) for event in events)
        return cls(_picked(attributes, _ROOT_KEYS), span.context, passed)


def is_measured(record: SpanRecord) -> bool:
    """Whether a metric is recorded of such a span: of model calls, tool calls and agents."""
    return record.call is not None or record.operation in (names.OP_TOOL, names.OP_AGENT)


class Measuring:
    """Records what is counted, by instruments that it creates from a meter."""

    def __init__(self, meter: Meter) -> None:
        """Create the instruments."""
        self._instruments = Instruments(meter)
        self._labels = LabelMaker()
        self._begun: set[tuple[tuple[str, AttributeValue], ...]] = set()
        """The labels of calls that there were; the cap of each bounds them."""

    def count_anew(self) -> None:
        """In a forked child: there has been no series so far."""
        self._begun.clear()

    def span_counted(self, counted: Counted) -> None:
        """Record a model call, a tool call or an agent's work."""
        record, context = counted.record, _context_of(counted.context)
        seconds = max(0, record.end_ns - record.start_ns) / NS_PER_S
        error = self._labels.of_error(record.error_type)
        if record.call is not None:
            self._call(counted, seconds, error, context)
        elif record.operation == names.OP_TOOL:
            labels = self._labels.of_tool(counted.span, counted.filed, is_known=not counted.invented)
            self._instruments.tool_duration.record(seconds, labels | error, context)
        else:
            labels = self._labels.of_agent(counted.span, counted.filed)
            self._instruments.agent_duration.record(seconds, labels | error, context)

    def run_ended(self, metrics: PerformanceMetrics, ended: Ended) -> None:
        """Record an outermost run."""
        to, context, run = self._instruments, _context_of(ended.context), self._labels.of_run(ended.root)
        status: Labels = {names.STATUS: metrics.status}
        reason: Labels = {} if metrics.stop_reason is None else {names.STOP_REASON: metrics.stop_reason}
        to.runs.add(1, run | status | reason | self._labels.of_error(metrics.error_type))
        to.run_duration.record(metrics.duration_seconds(), run | status, context)
        for histogram, value in (
            (to.run_iterations, metrics.iterations),
            (to.run_tokens, metrics.tokens_used),
            (to.run_calls, metrics.api_calls),
            (to.run_tool_calls, metrics.tool_calls),
            (to.run_cost, None if metrics.cost_usd is None else float(metrics.cost_usd)),
        ):
            if value is not None:
                histogram.record(value, run, context)
        for time, seconds in _times(metrics):
            to.run_time.add(seconds, run | {TIME: time})
        for phase in metrics.by_phase:
            for time, seconds in _times(phase):
                to.phase_time.add(seconds, run | {names.PHASE: phase.phase, TIME: time})
        for budget, share in _budget_usage(metrics, ended.root):
            to.budget_usage.record(share, run | {names.BUDGET: budget}, context)
        for budget, action in ended.passed:
            to.budgets_passed.add(1, run | self._labels.of_budget(budget, action))

    def _call(self, counted: Counted, seconds: float, error: Labels, context: Context) -> None:
        to, call = self._instruments, counted.record.call
        if call is None:
            return
        labels = self._labels.of_call(counted.span, counted.filed, counted.record.operation)
        to.call_duration.record(seconds, labels | error, context)
        for kind, tokens in (("input", call.input_tokens), ("output", call.output_tokens)):
            if tokens is not None:
                to.call_tokens.record(tokens, labels | {TOKEN_TYPE: kind}, context)
        if call.cost_usd is not None:
            to.call_cost.add(float(call.cost_usd), labels)
        is_answered = counted.record.error_type is None
        is_unmeasured = is_answered and not call.is_measured
        is_unpriced = is_answered and call.cost_usd is None
        series = tuple(labels.items())
        for counter, happened in ((to.unmeasured_calls, is_unmeasured), (to.unpriced_calls, is_unpriced)):
            # Once 0, for the series to be there: else an alert on its growth would not see the first one.
            if happened or series not in self._begun:
                counter.add(int(happened), labels)
        self._begun.add(series)


def _budget_usage(metrics: PerformanceMetrics, root: Mapping[str, Any]) -> Iterable[tuple[str, float]]:
    """The share of each limit that the run used, of those that it had."""
    used: dict[Measure, float | None] = {
        Measure.ITERATIONS: metrics.iterations,
        Measure.TOKENS: metrics.tokens_used,
        Measure.COST: float(metrics.cost_usd_known),
        Measure.TASKS: metrics.tasks_total,
        Measure.TIME: metrics.duration_seconds(),
    }
    for measure, amount in used.items():
        limit = root.get(LIMIT_KEYS[measure])
        if amount is not None and limit:
            yield measure.value, amount / limit


def _times(counts: Counts) -> Iterable[tuple[str, float]]:
    return ("llm", counts.llm_seconds), ("tool", counts.tool_seconds), ("other", counts.other_seconds)


def _context_of(context: SpanContext | None) -> Context:
    """What an exemplar names: the span that was measured, not whichever is current where it is recorded."""
    return set_span_in_context(NonRecordingSpan(context), Context()) if context is not None else Context()


def _picked(attributes: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    return {key: attributes[key] for key in keys if key in attributes}
