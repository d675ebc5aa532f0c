"""The tree: a trace as lines that a person reads."""

import math
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode
from rich.cells import cell_len, set_cell_size
from rich.text import Text

from nanoagent.tracing import names


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """What one line says about one span."""

    span_id: int
    parent_id: int | None
    """`None` for the local root of a trace."""
    label: str
    """The span's name, and what tells it apart."""
    start_ns: int
    end_ns: int
    tokens: str = ""
    """Input and output tokens as `in/out`, `-` for one that is not known; empty where none are expected."""
    cost_usd: float | None = None
    error: str | None = None
    """The short name of the error; `None` where the span did not fail."""


def row_of(span: ReadableSpan) -> Row:
    """The row of an ended span."""
    attributes = span.attributes or {}
    context, start_ns = span.get_span_context(), span.start_time or 0
    error = str(attributes.get(names.ERROR_TYPE, "error")).rpartition(".")[2]
    return Row(
        span_id=context.span_id if context else 0,
        parent_id=None if span.parent is None or span.parent.is_remote else span.parent.span_id,
        label=_visible(" ".join([span.name, *_details(span.name, attributes)])),
        start_ns=start_ns,
        end_ns=max(start_ns, span.end_time or 0),
        tokens=_tokens(attributes),
        cost_usd=_number(attributes.get(names.OPERATION_COST, attributes.get(names.RUN_COST_USD))),
        error=_visible(error) if span.status.status_code is StatusCode.ERROR else None,
    )


def render_tree(rows: Sequence[Row], *, width: int = 80, hidden: int = 0) -> list[Text]:
    """The lines of a trace: a header, then a line a span in order of start, none wider than `width` from 70 on.

    Args:
        rows: The spans of one trace, in any order. One whose parent is not among them hangs below the first root
            behind a `?`.
        width: Cells of a line; a name takes at least 20 of them.
        hidden: Spans that are not among the rows; a last line counts them.
    """
    branches = _branches(rows)
    cells = [_HEADER, *(_cells(branch) for branch in branches)]
    widths = [max(map(len, column)) if any(column[1:]) else 0 for column in zip(*cells, strict=True)]
    room = max(20, width - sum(2 + column for column in widths if column))
    heads = [Text("span"), *(_head(branch, room) for branch in branches)]
    room = max(head.cell_len for head in heads)
    lines = [_line(head, row, room, widths) for head, row in zip(heads, cells, strict=True)]
    lines[0].stylize("bold")
    hidden += len(rows) - len(branches)
    return [*lines, Text(f"… and {hidden} more spans", style="dim")] if hidden else lines


@dataclass(frozen=True, kw_only=True, slots=True)
class _Branch:
    row: Row
    root: Row
    guides: str = ""
    """Before the label."""
    below: str = ""
    """Before the guides of its children."""


_HEADER: Final = ("time", "share", "tokens", "cost")


_STYLES: Final = ("cyan", "dim", "", "green")


_MAX_GUIDES: Final = 240


def _branches(rows: Sequence[Row]) -> list[_Branch]:
    known, ordered = {row.span_id for row in rows}, sorted(rows, key=lambda row: row.start_ns)
    roots = [row for row in ordered if row.parent_id is None]
    orphans = [row for row in ordered if row.parent_id is not None and row.parent_id not in known]
    children: defaultdict[int | None, list[Row]] = defaultdict(list)
    for row in ordered:
        children[row.parent_id].append(row)
    top = roots or orphans[:1]
    branches, seen = [], set()
    open_branches = [_Branch(row=row, root=row) for row in reversed(top)]
    while open_branches:
        branch = open_branches.pop()
        # Spans with one id, which only broken data has, have the same children.
        if id(branch.row) not in seen:
            seen.add(id(branch.row))
            branches.append(branch)
            lost = [row for row in orphans if row is not branch.row] if branch.row is top[0] else []
            open_branches.extend(reversed(list(_twigs(branch, children[branch.row.span_id], lost))))
    return branches


def _twigs(branch: _Branch, children: Sequence[Row], orphans: Sequence[Row]) -> Iterator[_Branch]:
    rows = [*children, *orphans]
    for number, row in enumerate(rows, start=1):
        guide, below = ("└ ", "  ") if number == len(rows) else ("├ ", "│ ")
        mark = "? " if number > len(children) else ""
        yield _Branch(
            row=row,
            root=branch.root,
            guides=branch.below + guide + mark,
            below=(branch.below + below + " " * len(mark))[-_MAX_GUIDES:],
        )


def _cells(branch: _Branch) -> tuple[str, str, str, str]:
    row, whole_ns = branch.row, branch.root.end_ns - branch.root.start_ns
    spent_ns = row.end_ns - row.start_ns
    share = f"{spent_ns / whole_ns:.0%}" if whole_ns else ""
    return duration_text(spent_ns), "<1%" if share == "0%" and spent_ns else share, row.tokens, _cost(row.cost_usd)


def _head(branch: _Branch, room: int) -> Text:
    row, guides = branch.row, branch.guides
    if len(guides) > room // 3:
        guides = "…" + guides[1 - room // 3 :]
    error = f" ! {_shortened(row.error, min(24, room // 3))}" if row.error else ""
    label = _shortened(row.label, room - len(guides) - cell_len(error))
    style = "bold red" if row.error else "bold" if row is branch.root else ""
    return Text.assemble((guides, "dim"), (label, style), (error, "red"))


def _line(head: Text, cells: Sequence[str], room: int, widths: Sequence[int]) -> Text:
    line = head.copy()
    line.append(" " * (room - head.cell_len))
    for cell, width, style in zip(cells, widths, _STYLES, strict=True):
        if width:
            line.append("  " + cell.rjust(width), "" if cells is _HEADER else style)
    line.rstrip()
    return line


def duration_text(duration_ns: int) -> str:
    """A duration in three digits or so: `950 us`, `4.1 ms`, `410 ms`, `1.20 s`, `12.3 s`, `2 m 03 s`, `1 h 02 m`."""
    for limit_ns, unit_ns, digits, unit in _UNITS:
        if duration_ns < limit_ns:
            return f"{duration_ns / unit_ns:.{digits}f} {unit}"
    seconds = round(duration_ns / 1e9)
    if seconds < 3_600:
        return f"{seconds // 60} m {seconds % 60:02} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02} m"


# The limits lie where the number would be rounded up to one digit more.
_UNITS: Final = (
    (999_500, 1e3, 0, "us"),
    (99_950_000, 1e6, 1, "ms"),
    (999_500_000, 1e6, 0, "ms"),
    (9_995_000_000, 1e9, 2, "s"),
    (59_950_000_000, 1e9, 1, "s"),
)


def _details(name: str, attributes: Mapping[str, Any]) -> Iterator[str]:
    """What tells spans of one name apart, as far as the name does not say it."""
    if name == names.ROOT_SPAN and attributes.get(names.STATUS, "completed") != "completed":
        yield str(attributes.get(names.STOP_REASON, attributes[names.STATUS]))
    keys = [names.ITERATION] if name == names.ITERATION_SPAN else []
    keys += _TELLING.get(str(attributes.get(names.OPERATION_NAME, name)), [])
    for value in (str(attributes[key]) for key in keys if key in attributes):
        if value not in name.split():
            yield value
    if attributes.get(names.TASK_OUTCOME) == "failed":
        yield "failed"


_TELLING: Final = {
    names.OP_CHAT: [names.REQUEST_MODEL],
    names.OP_TOOL: [names.TOOL_NAME],
    names.BENCHMARK_SPAN: [names.BENCHMARK_GOAL_ID, names.BENCHMARK_VERDICT],
}


def _tokens(attributes: Mapping[str, Any]) -> str:
    is_call = attributes.get(names.OPERATION_NAME) in (names.OP_CHAT, "generate_content", "text_completion")
    keys = (names.INPUT_TOKENS, names.OUTPUT_TOKENS) if is_call else (names.RUN_INPUT_TOKENS, names.RUN_OUTPUT_TOKENS)
    counts = [_number(attributes.get(key)) for key in keys]
    if counts == [None, None]:
        return "-" if is_call else ""
    return "/".join("-" if count is None else f"{count:,.0f}" for count in counts)


def _cost(cost_usd: float | None) -> str:
    if cost_usd is None:
        return ""
    if 0 < cost_usd < 0.000_05:
        return "<$0.0001"
    return f"${cost_usd:.2f}" if cost_usd >= 1 or not cost_usd else f"${cost_usd:.4f}"


def _number(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return value if is_number else None  # type: ignore[return-value]


def _shortened(text: str, room: int) -> str:
    """The text in at most `room` cells, the middle left out where it is longer."""
    room = max(room, 3)
    if cell_len(text) <= room:
        return text
    start, end = set_cell_size(text, room // 2), text[-((room - 1) // 2) :]
    while cell_len(start) + 1 + cell_len(end) > room:
        end = end[1:]
    return f"{start}…{end}"


def _visible(text: str) -> str:
    """The text without characters that steer a terminal: controls, formats such as bidi marks, line separators."""
    return "".join("\ufffd" if unicodedata.category(char) in _STEERING else char for char in text)


_STEERING: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
