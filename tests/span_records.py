"""Span records for tests."""

from collections.abc import Iterable
from typing import Any

from nanoagent.core.performance import PerformanceMetrics
from nanoagent.core.records import SpanRecord
from nanoagent.core.runs import runs_in
from nanoagent.tracing import names

RUN = "run-1"


def fold(records: Iterable[SpanRecord], *, run_id: str | None = None) -> PerformanceMetrics:
    """The numbers of one run in these records: by default the oldest of those that are nested in none of the others."""
    runs = [run.metrics for run in runs_in(records)]
    ids = {run.run_id for run in runs}
    outermost = [run for run in runs if run.parent_run_id not in ids]
    return next(run for run in (runs if run_id else outermost) if run_id in (None, run.run_id))


def record(
    operation: str, span_id: str, start: int, end: int, *, error: str | None = None, **options: Any
) -> SpanRecord:
    """A record of the run; `attributes` are added to those of every span of it."""
    attributes: dict[str, Any] = {names.OPERATION_NAME: operation, names.RUN_ID: RUN}
    if operation == names.ITERATION_SPAN:
        del attributes[names.OPERATION_NAME]
    if error is not None:
        attributes[names.ERROR_TYPE] = error
    attributes |= {names.PHASE: options["phase"]} if options.get("phase") else {}
    attributes |= {names.ITERATION: options["iteration"]} if options.get("iteration") else {}
    return SpanRecord.of(
        trace_id=options.get("trace_id", "t" * 32),
        span_id=span_id,
        parent_span_id=options.get("parent", "root"),
        start_ns=start,
        end_ns=end,
        name=operation,
        attributes=attributes | options.get("attributes", {}),
        failed=error is not None,
    )


def chat(span_id: str, start: int, end: int, *, tokens: tuple[Any, Any] = (None, None), **options: Any) -> SpanRecord:
    own = {names.INPUT_TOKENS: tokens[0], names.OUTPUT_TOKENS: tokens[1], names.REQUEST_MODEL: "m"}
    if "cost" in options:
        own[names.OPERATION_COST] = options.pop("cost")
    extra = {key: value for key, value in (own | options.pop("attributes", {})).items() if value is not None}
    return record(names.OP_CHAT, span_id, start, end, attributes=extra, **options)


def tool(span_id: str, start: int, end: int, **options: Any) -> SpanRecord:
    return record(names.OP_TOOL, span_id, start, end, **options)


def root(start: int, end: int, **summary: Any) -> SpanRecord:
    """The run's root; `summary` are the counts that it carries, by the last part of their names."""
    keys = {
        "iterations": names.RUN_ITERATIONS,
        "api_calls": names.RUN_API_CALLS,
        "tool_calls": names.RUN_TOOL_CALLS,
        "input_tokens": names.RUN_INPUT_TOKENS,
        "output_tokens": names.RUN_OUTPUT_TOKENS,
        "cost": names.RUN_COST_USD,
        "spans": names.RUN_SPANS,
        "completed": names.TASKS_COMPLETED,
        "total": names.TASKS_TOTAL,
    }
    attributes = {keys[key]: value for key, value in summary.items() if value is not None}
    attributes |= {names.STATUS: "completed", names.STOP_REASON: "goal_reached"}
    return record(names.OP_WORKFLOW, "root", start, end, parent=None, attributes=attributes)
