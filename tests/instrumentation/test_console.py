import io
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, AlwaysRecordSampler, Sampler
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags
from rich.console import Console

from instrumentation.console import ConsoleTreeProcessor
from instrumentation.rendering.quantities import duration_text
from instrumentation.rendering.trace_text import MAX_ROWS, time_lines
from instrumentation.rendering.tree import Row, render_tree
from nanoagent.core.performance import IterationCounts, PerformanceMetrics
from nanoagent.tracing import names

T0_NS = 1_700_000_000_000_000_000
MS = 1_000_000


class Drawing:
    """A provider whose spans are drawn into `stream`; times are milliseconds from its start."""

    def __init__(self, *, sampler: Sampler | None = None, max_rows: int = MAX_ROWS, **console: Any) -> None:
        self.stream = io.StringIO()
        settings: dict[str, Any] = {"file": self.stream, "width": 80} | console
        self.processor = ConsoleTreeProcessor(console=lambda: Console(**settings), max_rows=max_rows)
        self._provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        self._provider.add_span_processor(self.processor)
        self._tracer = self._provider.get_tracer("test")

    def start(self, name: str, start_ms: float = 0, parent: trace.Span | None = None, **attributes: Any) -> Span:
        dotted = {key.replace("__", "."): value for key, value in attributes.items()}
        context = trace.set_span_in_context(parent) if parent is not None else Context()
        span = self._tracer.start_span(name, context, attributes=dotted, start_time=T0_NS + int(start_ms * MS))
        assert isinstance(span, Span)
        return span

    @property
    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()


def end(span: Span, end_ms: float, *, error: str | None = None, **attributes: Any) -> None:
    span.set_attributes({key.replace("__", "."): value for key, value in attributes.items()})
    if error is not None:
        span.set_attribute(names.ERROR_TYPE, error)
        span.set_status(Status(StatusCode.ERROR))
    span.end(T0_NS + int(end_ms * MS))


def chat(drawing: Drawing, parent: Span, start_ms: float, end_ms: float, **usage: Any) -> None:
    span = drawing.start("chat m-1", start_ms, parent)
    span.set_attributes({names.OPERATION_NAME: names.OP_CHAT, names.REQUEST_MODEL: "m-1"})
    end(span, end_ms, **usage)


def draw_a_run(drawing: Drawing, tool: str = "calculate") -> None:
    root = drawing.start(names.ROOT_SPAN, 0)
    root.set_attributes({names.STATUS: "incomplete", names.STOP_REASON: "max_iterations"})
    plan = drawing.start("plan task_planner", 1, root)
    chat(drawing, plan, 2, 412, gen_ai__usage__input_tokens=1_812, gen_ai__usage__output_tokens=95)
    end(plan, 413)
    iteration = drawing.start(names.ITERATION_SPAN, 500, root)
    iteration.set_attributes({names.ITERATION: 1, names.TASK_OUTCOME: "failed"})
    agent = drawing.start("invoke_agent executor", 501, iteration)
    call = drawing.start(f"execute_tool {tool}", 502, agent)
    end(call, 502.95, error="builtins.ValueError")
    invented = drawing.start("execute_tool unknown", 503, agent)
    invented.set_attributes({names.OPERATION_NAME: names.OP_TOOL, names.TOOL_NAME: "frobnicate"})
    end(invented, 507.1, error="x.UnknownTool")
    chat(drawing, agent, 600, 800, error="asyncio.exceptions.CancelledError")
    end(agent, 900)
    end(iteration, 1_000, nanoagent__usage__input_tokens=7, nanoagent__usage__output_tokens=3)
    root.set_attributes({names.RUN_INPUT_TOKENS: 1_819, names.RUN_OUTPUT_TOKENS: 98, names.RUN_COST_USD: 0.0123})
    end(root, 2_000)


def test_a_run_is_drawn_as_a_tree_in_order_of_start() -> None:
    drawing = Drawing()
    draw_a_run(drawing)
    assert drawing.lines == [
        "span                                              time  share    tokens     cost",
        "invoke_workflow nanoagent max_iterations        2.00 s   100%  1,819/98  $0.0123",
        "├ plan task_planner                             412 ms    21%",
        "│ └ chat m-1                                    410 ms    20%  1,812/95",
        "└ iteration 1 failed                            500 ms    25%       7/3",
        "  └ invoke_agent executor                       399 ms    20%",
        "    ├ execute_tool calculate ! ValueError       950 us    <1%",
        "    ├ execute_tool …n frobnicate ! UnknownTool  4.1 ms    <1%",
        "    └ chat m-1 ! CancelledError                 200 ms    10%         -",
        "",
        "       time  in models  in tools    rest",
        "run  2.00 s     610 ms    4.1 ms  1.39 s",
    ]


def row(span_id: int, parent_id: int | None = None, label: str = "x", **values: Any) -> Row:
    parent = None if parent_id is None else str(parent_id)
    return Row(span_id=str(span_id), parent_id=parent, label=label, **({"start_ns": 0, "end_ns": 10 * MS} | values))


def labels(rows: list[Row], **options: Any) -> list[str]:
    """The lines without the numbers."""
    return [line.plain.partition("  10.0 ms")[0].rstrip() for line in render_tree(rows, **options)][1:]


def test_a_span_whose_parent_is_not_known_hangs_below_the_root() -> None:
    rows = [row(3, 99, "orphan", start_ns=1), row(4, 3, "its child", start_ns=1), row(2, 1, "child"), row(1, None)]
    assert labels(rows) == ["x", "├ child", "└ ? orphan", "    └ its child"]


def test_below_the_tree_stands_how_the_time_of_each_run_and_iteration_was_spent() -> None:
    drawing = Drawing()
    root = drawing.start("both", 0)
    for run_id, start_ms in (("a" * 32, 0), ("b" * 32, 500)):
        run = drawing.start(names.ROOT_SPAN, start_ms, root)
        run.set_attributes({names.RUN_ID: run_id, names.STATUS: "completed"})
        iteration = drawing.start(names.ITERATION_SPAN, start_ms + 100, run)
        iteration.set_attributes({names.RUN_ID: run_id, names.ITERATION: 1})
        call = drawing.start("chat m-1", start_ms + 100, iteration)
        call.set_attributes({names.RUN_ID: run_id, names.ITERATION: 1, names.OPERATION_NAME: names.OP_CHAT})
        end(call, start_ms + 150)
        tool = drawing.start("execute_tool t", start_ms + 140, iteration)
        tool.set_attributes({names.RUN_ID: run_id, names.ITERATION: 1, names.OPERATION_NAME: names.OP_TOOL})
        end(tool, start_ms + 160)
        end(iteration, start_ms + 300)
        end(run, start_ms + 400)
    end(root, 1_000)
    assert drawing.lines[-6:] == [
        "",
        "                    time  in models  in tools    rest",
        "run aaaaaaaaaaaa  400 ms    50.0 ms   10.0 ms  340 ms",
        "iteration 1       200 ms    50.0 ms   10.0 ms  140 ms",
        "run bbbbbbbbbbbb  400 ms    50.0 ms   10.0 ms  340 ms",
        "iteration 1       200 ms    50.0 ms   10.0 ms  140 ms",
    ]


def test_the_time_of_many_runs_and_iterations_is_bounded() -> None:
    iterations = tuple(IterationCounts(iteration=number) for number in range(1, 23))
    runs = [PerformanceMetrics(run_id=f"{number}", api_calls=1, by_iteration=iterations) for number in range(22)]
    lines = [line.plain for line in time_lines(runs)]
    assert [line.split("  ")[0] for line in lines[21:26]] == [
        "iteration 20",
        "… and 2 more iterations",
        "run 1",
        "iteration 1",
        "iteration 2",
    ]
    assert (len(lines), lines[-1]) == (1 + 20 * 22 + 1, "… and 2 more runs")


def test_a_tree_without_a_root_starts_at_its_first_orphan() -> None:
    assert labels([row(3, 98, "b", start_ns=1), row(2, 99, "a")]) == ["a", "└ ? b"]


def test_two_local_roots_stand_one_after_the_other() -> None:
    rows = [row(1, None, "a"), row(2, None, "b", start_ns=1), row(3, 2, "c", start_ns=1)]
    assert labels(rows) == ["a", "b", "└ c"]


def test_broken_parent_links_are_counted_rather_than_followed() -> None:
    rows = [row(1, None), row(5, 6, "loop"), row(6, 5, "loop")]
    assert labels(rows, hidden=3) == ["x", "… and 5 more spans"]


def test_the_child_of_two_spans_with_one_id_is_drawn_once() -> None:
    rows = [row(1, None, "a"), row(1, None, "b", start_ns=1), row(2, 1, "c", start_ns=1)]
    assert labels(rows) == ["a", "└ c", "b"]


def test_columns_that_are_empty_are_left_out() -> None:
    assert [line.plain for line in render_tree([row(1, tokens="1/2")])] == [
        "span     time  share  tokens",
        "x     10.0 ms   100%     1/2",
    ]


@pytest.mark.parametrize(
    ("cost_usd", "text"),
    [
        ("0", "$0.00"),
        ("0.0000009", "<$0.000001"),
        ("0.00018325", "$0.00018"),
        ("0.0123", "$0.0123"),
        ("1.5", "$1.50"),
        ("1234.5", "$1,234.50"),
    ],
)
def test_costs_are_short(cost_usd: str, text: str) -> None:
    assert render_tree([row(1, cost_usd=Decimal(cost_usd))])[1].plain.split()[-1] == text


def test_a_span_that_took_no_time_has_no_share() -> None:
    assert [line.plain for line in render_tree([row(1, end_ns=0)])] == ["span  time", "x     0 us"]


@pytest.mark.parametrize(
    ("duration_ns", "text"),
    [
        (0, "0 us"),
        (950_000, "950 us"),
        (999_499, "999 us"),
        (999_500, "1.0 ms"),
        (4_100_000, "4.1 ms"),
        (99_949_999, "99.9 ms"),
        (99_950_000, "100 ms"),
        (410_000_000, "410 ms"),
        (999_500_000, "1.00 s"),
        (1_204_000_000, "1.20 s"),
        (9_995_000_000, "10.0 s"),
        (59_949_999_999, "59.9 s"),
        (59_950_000_000, "1 m 00 s"),
        (123_400_000_000, "2 m 03 s"),
        (3_599_600_000_000, "1 h 00 m"),
        (3_723_000_000_000, "1 h 02 m"),
    ],
)
def test_durations_are_short(duration_ns: int, text: str) -> None:
    assert duration_text(duration_ns) == text


ROWS = st.lists(
    st.builds(
        Row,
        span_id=st.integers(1, 30).map(str),
        parent_id=st.none() | st.integers(1, 40).map(str),
        label=st.text(st.characters(exclude_categories=["C", "Z", "M"]), max_size=100),
        start_ns=st.integers(0, 10**13),
        end_ns=st.integers(10**13, 2 * 10**13),
        tokens=st.sampled_from(["", "-", "12/-", "1,234,567/123,456"]),
        cost_usd=st.none() | st.decimals(0, 99_999),
        error=st.none() | st.text(st.characters(categories=["L"]), max_size=60),
    ),
    max_size=30,
)


@given(rows=ROWS, width=st.integers(70, 120))
def test_no_line_is_wider_than_the_console_and_every_span_is_there_or_counted(rows: list[Row], width: int) -> None:
    lines = render_tree(rows, width=width)
    assert max(line.cell_len for line in lines) <= width
    counted = [int(line.plain.split()[2]) for line in lines[1:] if line.plain.endswith(" more spans")]
    assert len(lines) - 1 - len(counted) + sum(counted) == len(rows)


def test_a_deep_tree_is_drawn_without_recursion() -> None:
    rows = [row(number, number - 1 or None) for number in range(1, 3_001)]
    lines = render_tree(rows)
    assert len(lines) == 3_001
    assert max(line.cell_len for line in lines) <= 80


def test_what_is_piped_has_no_escape_codes() -> None:
    drawing = Drawing()
    draw_a_run(drawing)
    assert "\x1b" not in drawing.stream.getvalue()


def test_a_terminal_shows_errors_in_red() -> None:
    drawing = Drawing(force_terminal=True, color_system="standard")
    draw_a_run(drawing)
    assert "\x1b[31m ! ValueError\x1b[0m" in drawing.stream.getvalue()


def test_no_color_is_plain_on_a_terminal_too() -> None:
    drawing = Drawing(force_terminal=True, color_system="standard", no_color=True)
    draw_a_run(drawing)
    assert "\x1b" not in drawing.stream.getvalue()


def test_a_tool_name_cannot_steer_the_terminal() -> None:
    drawing = Drawing(force_terminal=True, color_system="standard")
    draw_a_run(drawing, tool="\x1b[2J\n\r\x9b\u202e\u2028[r]\ud83e")
    text = drawing.stream.getvalue()
    assert "execute_tool �[2J�����[r]�" in text
    assert "\x1b[2J" not in text
    assert not set("\r\x9b\u202e\u2028\ud83e") & set(text)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_stream_that_is_not_unicode_gets_plain_guides(encoding: str) -> None:
    with io.TextIOWrapper(io.BytesIO(), encoding=encoding) as stream:
        drawing = Drawing(file=stream)
        root = drawing.start("root")
        end(drawing.start("日本", 0, root), 10)
        end(root, 10)
        stream.seek(0)
        assert [line.split("  ")[0] for line in stream.read().splitlines()] == ["span", "root", "` ??"]


def test_the_tree_waits_for_every_local_root_of_the_trace() -> None:
    drawing = Drawing()
    far = NonRecordingSpan(SpanContext(7, 8, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED)))
    first, second = drawing.start("first", 0, far), drawing.start("second", 1, far)
    end(drawing.start("child", 0, first), 10)
    end(first, 10)
    assert drawing.lines == []
    end(second, 11)
    assert [line.split("  ")[0] for line in drawing.lines] == ["span", "first", "└ child", "second"]


def test_what_ends_after_its_root_is_left_out() -> None:
    drawing = Drawing()
    root = drawing.start("root")
    late = drawing.start("late", 0, root)
    end(root, 10)
    printed = drawing.stream.getvalue()
    end(late, 11)
    assert "root" in printed
    assert drawing.stream.getvalue() == printed


def test_a_trace_that_is_not_sampled_is_not_drawn() -> None:
    drawing = Drawing(sampler=AlwaysRecordSampler(ALWAYS_OFF))
    draw_a_run(drawing)
    assert drawing.lines == []


def test_traces_that_are_not_sampled_push_no_other_one_out() -> None:
    drawing = Drawing()
    unsampled = TracerProvider(sampler=AlwaysRecordSampler(ALWAYS_OFF), shutdown_on_exit=False)
    unsampled.add_span_processor(drawing.processor)
    root = drawing.start("root")
    for _ in range(70):
        unsampled.get_tracer("test").start_span("unseen", Context()).end()
    end(root, 10)
    assert [line.split("  ")[0] for line in drawing.lines] == ["span", "root"]


def test_spans_beyond_the_bound_are_counted() -> None:
    drawing = Drawing(max_rows=2)
    root = drawing.start("root")
    for number in range(5):
        end(drawing.start(f"child {number}", number, root), 10)
    end(root, 10)
    assert [line.split("  ")[0] for line in drawing.lines] == [
        "span",
        "root",
        "├ child 0",
        "└ child 1",
        "… and 3 more spans",
    ]


def test_traces_beyond_the_bound_are_counted() -> None:
    drawing = Drawing()
    roots = [drawing.start(f"root {number}") for number in range(66)]
    for root in roots:
        end(root, 10)
    text = drawing.stream.getvalue()
    assert [f"root {number} " in text for number in range(66)] == [False, False] + [True] * 64
    assert text.count("2 traces are not shown: more than 64 were open") == 1


class Unwritable(io.StringIO):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def write(self, text: str) -> int:
        raise self._error


@pytest.mark.parametrize("error", [BrokenPipeError(), ValueError("I/O operation on closed file")])
def test_a_stream_that_cannot_be_written_does_no_harm(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    drawing = Drawing(file=Unwritable(error))
    draw_a_run(drawing)
    assert [message.splitlines()[0] for message in caplog.messages] == ["a trace could not be printed"]


def test_odd_attribute_values_do_no_harm() -> None:
    drawing = Drawing()
    root = drawing.start(names.ROOT_SPAN)
    chat(drawing, root, 0, 10, gen_ai__usage__input_tokens=float("nan"), gen_ai__usage__output_tokens="7")
    chat(drawing, root, 1, 10, gen_ai__usage__output_tokens=7, operation__cost="much")
    end(root, 10)
    assert [line.split()[-1] for line in drawing.lines[:4]] == ["tokens", "100%", "-", "-/7"]


def test_by_default_it_prints_on_the_stderr_of_the_moment(capsys: pytest.CaptureFixture[str]) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(ConsoleTreeProcessor())
    provider.get_tracer("test").start_span("root").end()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert [line.split()[0] for line in captured.err.splitlines()] == ["span", "root"]
