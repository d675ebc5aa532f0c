"""`nanoagent tree`: stored traces are drawn as the console exporter drew them when they ended."""

import asyncio
import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from instrumentation.commands.traces import IDLE_SPANS, traces_in
from instrumentation.console import ConsoleTreeProcessor
from instrumentation.reading.spans import ReadSpan
from tests.instrumentation.command_line import FOREIGN, a_run, exported, lines, nanoagent
from tests.instrumentation.reading.otlp import as_line, read_span
from tests.models import CannedModel, call, executed, plan, reflected, response
from tests.runs import prepared


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR", "NANOAGENT_JAEGER_URL"):
        monkeypatch.delenv(name, raising=False)


def trace_of(number: int, *spans: int, root: bool = True) -> list[ReadSpan]:
    """Spans of a trace with these ids, the root, if there is one, the last of them."""
    trace_id = f"{number:032x}"
    children = [
        read_span(f"{each:016x}", trace_id=trace_id, parent_span_id="f" * 16, name=f"s{each}") for each in spans
    ]
    return [*children, *([read_span("f" * 16, trace_id=trace_id, name="root")] if root else [])]


def drawn(
    batches: Sequence[Sequence[ReadSpan]], *, max_rows: int = 100, max_kept: int = 1_000
) -> list[tuple[str, int, bool]]:
    """The last digits of each trace's id, how many spans of it were drawn, and whether it is continued."""
    traces = traces_in(batches, max_rows=max_rows, max_kept=max_kept)
    return [(trace.trace_id.lstrip("0"), len(trace.rows), trace.is_continued) for trace in traces]


def test_a_stored_run_is_drawn_as_the_console_drew_it(tmp_path: Path) -> None:
    console = io.StringIO()
    replies = [plan("Break it"), response(call("broken", why="so")), executed("it broke"), reflected("broken")]
    orchestrator, captured = prepared(CannedModel(replies))
    captured.provider.add_span_processor(ConsoleTreeProcessor(console=lambda: Console(file=console, width=80)))
    asyncio.run(orchestrator.run())
    done = nanoagent("tree", exported(tmp_path / "traces.jsonl", captured.spans))
    assert (done.code, done.err) == (0, "")
    assert done.out == f"trace {1:032x}\n{console.getvalue()}"
    assert "execute_tool broken ! ValueError" in done.out
    assert "in models" in done.out


def test_traces_of_others_are_drawn_one_after_the_other() -> None:
    done = nanoagent(
        "tree", FOREIGN / "sdk_odd_values.missing_parent_only_orphan.jsonl", FOREIGN / "util_genai.workflow.jsonl"
    )
    assert done.out.splitlines() == [
        "trace abc0000000000000000000000000abcd",
        "span                 time  share  tokens",
        "chat m gpt-5-mini  1.00 s   100%    10/2",
        "",
        "       time  in models  in tools  rest",
        "run  1.00 s     1.00 s      0 us  0 us",
        "",
        "trace f3ff410260598d778beeb43416e64685",
        "span                                    time  share   tokens",
        "invoke_workflow nightly               1.5 ms   100%",
        "├ invoke_agent planner                1.0 ms    69%",
        "│ ├ chat gpt-5-mini                   172 us    12%   100/20",
        "│ ├ execute_tool add                   31 us     2%",
        "│ ├ execute_tool boom ! RuntimeError   51 us     3%",
        "│ ├ chat gpt-5-mini                   110 us     7%   150/10",
        "│ └ chat gpt-5-mini ! TimeoutError     67 us     5%        -",
        "└ invoke_agent writer                 296 us    20%",
        "  ├ chat gpt-5-mini                   118 us     8%  300/200",
        "  └ chat gpt-5-mini ! CancelledError   57 us     4%        -",
        "",
        "       time  in models  in tools    rest",
        "run  1.5 ms     525 us     82 us  871 us",
    ]
    assert done.err == "run dead00000000beef is not complete: 1 span found, missing parents: dead00000000beef\n"
    assert done.code == 3


def test_a_span_whose_parent_is_missing_is_marked_and_its_parent_named(tmp_path: Path) -> None:
    lost = read_span("2" * 16, parent_span_id="1" * 16, name="lost")
    done = nanoagent("tree", lines(tmp_path / "lost.jsonl", [as_line(read_span(name="root"), lost)]))
    heads = [line.split("  ")[0] for line in done.out.splitlines()]
    assert heads == ["trace 0123456789abcdef0123456789abcdef", "span", "root", "└ ? lost"]
    assert done.code == 3
    assert done.err.endswith("is not complete: missing parents: 1111111111111111\n")


async def test_a_run_that_lost_a_span_that_nothing_hangs_below_is_told_too(tmp_path: Path) -> None:
    spans = (await a_run()).captured.spans
    source = exported(tmp_path / "run.jsonl", [span for span in spans if span.name != "execute_tool add"])
    done = nanoagent("tree", source)
    found = f"{len(spans) - 1} of {len(spans)} spans found"
    assert (done.code, done.err) == (3, f"run run-1 is not complete: {found}\n")


async def test_the_time_of_an_iteration_whose_span_is_missing_is_unknown(tmp_path: Path) -> None:
    spans = (await a_run()).captured.spans
    source = exported(tmp_path / "run.jsonl", [span for span in spans if span.name != "iteration"])
    for command in ("tree", "metrics"):
        rows = [line.split() for line in nanoagent(command, source).out.splitlines()]
        assert ["iteration", "1", "-", "-", "-", "-"] in rows


def test_a_huge_trace_is_drawn_up_to_a_bound(tmp_path: Path) -> None:
    source = lines(tmp_path / "huge.jsonl", [as_line(*trace_of(1, *range(1, 11)))])
    done = nanoagent("tree", source, "--max-spans", 3)
    assert [line.split("  ")[0] for line in done.out.splitlines()[1:]] == [
        "span",
        "root",
        "├ s1",
        "├ s2",
        "└ s3",
        "… and 7 more spans",
    ]
    assert (done.code, done.err) == (0, "")


def test_a_parent_that_may_be_among_what_is_not_drawn_is_not_called_missing(tmp_path: Path) -> None:
    grandchild = read_span("3" * 16, parent_span_id="2" * 16)
    child = read_span("2" * 16, parent_span_id="1" * 16)
    source = lines(tmp_path / "cut.jsonl", [as_line(grandchild, child, read_span("1" * 16))])
    done = nanoagent("tree", source, "--max-spans", 1)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[-1] == "… and 1 more spans"


@pytest.mark.parametrize("order", [1, -1])
def test_of_a_span_that_comes_twice_the_one_that_ended_last_is_drawn(order: int, tmp_path: Path) -> None:
    versions = [read_span(name="early", end_ns=2), read_span(name="late", end_ns=3)]
    source = lines(tmp_path / "twice.jsonl", [as_line(*versions[::order])])
    done = nanoagent("tree", source)
    assert [line.split("  ")[0] for line in done.out.splitlines()[2:]] == ["late"]


def test_what_cannot_be_read_is_said_and_the_rest_drawn(tmp_path: Path) -> None:
    source = lines(tmp_path / "bad.jsonl", [b"nonsense", as_line(*trace_of(1, 1))])
    done = nanoagent("tree", source)
    assert (done.code, done.err.count("\n")) == (3, 1)
    assert done.err.startswith(f"{source}:1: is no JSON")
    assert done.out.splitlines()[-1].startswith("└ s1")


def test_no_spans_are_no_success(tmp_path: Path) -> None:
    source = lines(tmp_path / "none.jsonl", [b'{"resourceSpans": []}'])
    assert nanoagent("tree", source) == (3, "", f"no spans in {source}\n")


def test_a_source_that_is_none_is_one_line_and_exit_code_4() -> None:
    done = nanoagent("tree", "nosuch")
    assert (done.code, done.out, done.err.count("\n")) == (4, "", 1)
    assert nanoagent("tree", "--max-spans", 0, "-").code == 4


def test_spans_of_traces_that_come_mixed_are_drawn_trace_by_trace_the_oldest_first() -> None:
    one, two = trace_of(1, 1, 2), [span._replace(start_ns=0) for span in trace_of(2, 1, 2)]
    mixed = [span for pair in zip(one, two, strict=True) for span in pair]
    assert drawn([mixed[:2], mixed[2:]]) == [("2", 3, False), ("1", 3, False)]


def test_a_trace_is_drawn_when_its_root_was_seen_and_many_spans_of_others_came() -> None:
    others = trace_of(3, *range(1, IDLE_SPANS))
    batches = [trace_of(1, 1), trace_of(2, 1, root=False), others, trace_of(4, 1)]
    assert drawn(batches, max_kept=10 * IDLE_SPANS) == [
        ("1", 2, False),
        ("2", 1, False),
        ("3", 101, False),
        ("4", 2, False),
    ]
    left = iter(batches)
    assert next(traces_in(left, max_rows=100)).trace_id == f"{1:032x}"
    assert len(list(left)) == 1


def test_a_trace_whose_root_was_not_seen_is_kept_while_there_is_room() -> None:
    others = trace_of(2, *range(1, IDLE_SPANS + 1))
    assert drawn([trace_of(1, 1, root=False), others, trace_of(1, 2)], max_kept=10 * IDLE_SPANS) == [
        ("2", 101, False),
        ("1", 3, False),
    ]


def test_a_trace_whose_root_was_not_seen_makes_room_first() -> None:
    batches = [trace_of(1, 1, root=False), trace_of(2, *range(1, IDLE_SPANS + 1)), trace_of(3, 1)]
    assert drawn(batches, max_kept=103) == [("1", 1, False), ("2", 101, False), ("3", 2, False)]


def test_the_trace_that_came_longest_ago_makes_room() -> None:
    batches = [
        trace_of(1, 1, root=False),
        trace_of(2, 1, 2, root=False),
        trace_of(1, 2, root=False),
        trace_of(3, 1, root=False),
        trace_of(1, 3, root=False),
    ]
    assert drawn(batches, max_kept=4) == [("2", 2, False), ("3", 1, False), ("1", 3, False)]


def test_the_spans_that_are_kept_are_bounded_and_what_comes_later_says_so() -> None:
    batches = [trace_of(1, 1, 2, root=False), trace_of(2, 1, 2), trace_of(3, 1, 2), trace_of(1, 3)]
    assert drawn(batches, max_kept=6) == [("1", 2, False), ("2", 3, False), ("3", 3, False), ("1", 2, True)]
