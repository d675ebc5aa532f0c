"""The numbers of one run as lines: what it was, its counts in all, by phase and by iteration, and what is unknown."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Final

from rich.text import Text

from instrumentation.rendering.columns import Column, table
from instrumentation.rendering.facts import fact_lines
from instrumentation.rendering.notes import completeness, notes
from instrumentation.rendering.quantities import UNKNOWN, count_text, money_text, part_text
from instrumentation.rendering.visible import visible
from nanoagent.core.performance import Counts
from nanoagent.core.runs import CountedRun
from nanoagent.texts import plural

MAX_ITERATIONS: Final = 100
"""Iterations that get a row; the others are counted in a line."""


def run_lines(run: CountedRun, *, width: int = 80) -> list[Text]:
    """The lines of one run.

    An unknown is a dash, and a sum with unknown parts is marked as a lower bound; columns in which nothing was counted
    are left out.

    Args:
        run: The run.
        width: Cells of a line.
    """
    metrics = run.metrics
    rows: list[Counts] = [metrics, *metrics.by_phase, *metrics.by_iteration[:MAX_ITERATIONS]]
    labels = ["run", *(row.phase for row in metrics.by_phase)]
    labels += [f"iteration {row.iteration}" for row in metrics.by_iteration[:MAX_ITERATIONS]]
    hidden = len(metrics.by_iteration) - MAX_ITERATIONS
    facts = [fact_lines(name, value, width=width) for name, value in _facts(run)]
    style = "red" if metrics.complete is False else ""
    remarks = [fact_lines("note", note, width=width, style="yellow") for note in notes(metrics)]
    return [
        *chain.from_iterable(facts),
        *fact_lines("complete", completeness(run), width=width, style=style),
        Text(),
        *table(list(map(visible, labels)), _groups(rows), width=width),
        *([Text(f"… and {plural(hidden, 'more iteration')}", "dim")] if hidden > 0 else []),
        *([Text(), *chain.from_iterable(remarks)] if remarks else []),
    ]


def _facts(run: CountedRun) -> Iterator[tuple[str, str]]:
    metrics = run.metrics
    yield "run", metrics.run_id or UNKNOWN
    if metrics.parent_run_id:
        yield "nested in", metrics.parent_run_id
    yield "trace", metrics.trace_id or UNKNOWN
    yield "status", ", ".join(filter(None, (metrics.status, metrics.stop_reason, metrics.error_type)))
    if metrics.start_time is not None:
        yield "started", f"{metrics.start_time:%Y-%m-%d %H:%M:%S} UTC"
    yield "models", ", ".join(metrics.models) or UNKNOWN
    if metrics.tasks_total:
        yield "tasks", f"{count_text(metrics.tasks_completed)} of {metrics.tasks_total:,} done"


def _groups(rows: Sequence[Counts]) -> list[list[Column]]:
    return [[column for column in group if column is not None] for group in _columns(rows)]


def _columns(rows: Sequence[Counts]) -> Iterator[list[Column | None]]:
    def counted(head: str, count: Callable[[Counts], int | None], *, always: bool = False) -> Column | None:
        counts = [count(row) for row in rows]
        return Column(head, list(map(count_text, counts))) if always or any(counts) else None

    def tokens(head: str, count: Callable[[Counts], int | None], *, always: bool = False) -> Column | None:
        cells = [count_text(count(row), is_lower_bound=row.unmeasured_api_calls > 0) for row in rows]
        return Column(head, cells) if always or any(map(count, rows)) else None

    def lasting(head: str, duration: Callable[[Counts], int | None], *, always: bool = False) -> Column | None:
        durations = [duration(row) for row in rows]
        cells = [part_text(row, ns) for row, ns in zip(rows, durations, strict=True)]
        return Column(head, cells, "cyan") if always or any(durations) else None

    yield [
        counted("calls", lambda row: row.api_calls, always=True),
        counted("failed", lambda row: row.failed_api_calls),
        counted("cancelled", lambda row: row.cancelled_api_calls),
        counted("tools", lambda row: row.tool_calls, always=True),
        counted("failed", lambda row: row.failed_tool_calls),
    ]
    yield [
        tokens("input", lambda row: row.input_tokens, always=True),
        tokens("output", lambda row: row.output_tokens, always=True),
        tokens("cached", lambda row: row.cached_input_tokens),
        tokens("cache writes", lambda row: row.cache_creation_input_tokens),
        tokens("reasoning", lambda row: row.reasoning_tokens),
        Column("cost", [money_text(row.cost_usd, row.cost_usd_known) for row in rows], "green"),
    ]
    yield [
        lasting("time", lambda row: row.duration_ns, always=True),
        lasting("in models", lambda row: row.llm_ns, always=True),
        lasting("in tools", lambda row: row.tool_ns, always=True),
        lasting("rest", lambda row: row.other_ns, always=True),
        lasting("parallel", lambda row: row.parallel_ns),
        lasting("first chunk", lambda row: row.first_chunk_ns),
    ]
