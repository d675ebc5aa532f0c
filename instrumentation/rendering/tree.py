"""The tree: a trace as lines that a person reads."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from rich.cells import cell_len
from rich.text import Text

from instrumentation.rendering.quantities import count_text, duration_text, money_text
from instrumentation.rendering.visible import shortened, visible
from nanoagent.core.records import UNSPECIFIED_ERROR_TYPE, SpanRecord, as_cost_usd, as_count
from nanoagent.tracing import names


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """What one line says about one span."""

    span_id: str
    parent_id: str | None
    """`None` for the local root of a trace."""
    label: str
    """The span's name, and what tells it apart."""
    start_ns: int
    end_ns: int
    tokens: str = ""
    """Input and output tokens as `in/out`, `-` for one that is not known; empty where none are expected."""
    cost_usd: Decimal | None = None
    error: str | None = None
    """The short name of the error; `None` where the span did not fail."""


def row_of(name: str, attributes: Mapping[str, Any], record: SpanRecord, *, is_local_root: bool = False) -> Row:
    """The row of a span.

    Args:
        name: The span's.
        attributes: The span's.
        record: What is counted of it.
        is_local_root: Whether its parent, if it has one, is known to be in another process.
    """
    return Row(
        span_id=record.span_id,
        parent_id=None if is_local_root else record.parent_span_id,
        label=visible(" ".join([name, *_details(name, attributes)])),
        start_ns=record.start_ns,
        end_ns=max(record.start_ns, record.end_ns),
        tokens=_tokens(attributes, record),
        cost_usd=record.call.cost_usd if record.call else as_cost_usd(attributes.get(names.RUN_COST_USD)),
        error=None if record.error_type is None else visible(_short(record.error_type)),
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
    children: defaultdict[str | None, list[Row]] = defaultdict(list)
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
    cost = "" if row.cost_usd is None else money_text(row.cost_usd)
    share = f"{spent_ns / whole_ns:.0%}" if whole_ns else ""
    return duration_text(spent_ns), "<1%" if share == "0%" and spent_ns else share, row.tokens, cost


def _head(branch: _Branch, room: int) -> Text:
    row, guides = branch.row, branch.guides
    if len(guides) > room // 3:
        guides = "…" + guides[1 - room // 3 :]
    error = f" ! {shortened(row.error, min(24, room // 3))}" if row.error else ""
    label = shortened(row.label, room - len(guides) - cell_len(error))
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


def _details(name: str, attributes: Mapping[str, Any]) -> Iterator[str]:
    """What tells spans of one name apart, as far as the name does not say it."""
    if name == names.ROOT_SPAN and attributes.get(names.STATUS, "completed") != "completed":
        yield str(attributes.get(names.STOP_REASON, attributes[names.STATUS]))
    keys = [names.ITERATION] if name == names.ITERATION_SPAN else []
    keys += _TELLING.get(str(attributes.get(names.OPERATION_NAME, name)), [])
    keys += _VERDICT
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
_VERDICT: Final = (names.EVALUATION_NAME, names.EVALUATION_LABEL, names.EVALUATION_VALUE)
"""On a score, which is the verdict of a user; other verdicts are events."""


def _tokens(attributes: Mapping[str, Any], record: SpanRecord) -> str:
    if record.call is not None:
        counts = [record.call.input_tokens, record.call.output_tokens]
    else:
        counts = [as_count(attributes.get(key)) for key in (names.RUN_INPUT_TOKENS, names.RUN_OUTPUT_TOKENS)]
    if counts == [None, None]:
        return "-" if record.call else ""
    return "/".join(map(count_text, counts))


def _short(error_type: str) -> str:
    """The last part of an error's name."""
    return "error" if error_type == UNSPECIFIED_ERROR_TYPE else error_type.rpartition(".")[2]
