"""`--verify`: what is read back from file and Jaeger, what is said of it, and how the command then exits."""

import io
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmarks.reports.terminal import LiveProgress
from benchmarks.results.read_back import delivered, read_back
from benchmarks.results.sources import FileSource, Found, JaegerSource, Source, Tell, Wanted, sources_of
from benchmarks.results.verification import Finding, Kind, Verification
from instrumentation.aggregator import PerformanceAggregator
from instrumentation.delivery.account import DeliveryReport
from instrumentation.exits import ExitCode
from instrumentation.reading.jaeger_api import JaegerApi
from instrumentation.telemetry import Telemetry
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.errors import ConfigurationError
from nanoagent.tracing import names
from tests.benchmarks.results_made import markdown, metrics
from tests.benchmarks.test_results import attempt, results
from tests.instrumentation.reading.otlp import as_line, as_otlp, read_span
from tests.instrumentation.reading.web_server import Behaviour, answer, closed_port, hang, serving

TRACE = "1" * 32
LIVE = metrics(run_id="r", trace_id=TRACE)


class Told(Source):
    """A source that has what it is told."""

    def __init__(self, *found: Found, label: str = "file") -> None:
        self._found = found
        self._label = label

    @property
    def name(self) -> str:
        return self._label.lower()

    @property
    def label(self) -> str:
        return self._label

    def check(self) -> None:
        pass

    def read(self, wanted: Sequence[Wanted], tell: Tell) -> Iterator[Found]:
        return iter(self._found)


class Shut(Telemetry):
    """Telemetry with these reports."""

    def __init__(self, *reports: DeliveryReport) -> None:
        super().__init__(aggregator=PerformanceAggregator(), notify=print)
        self._reports = reports

    def delivery(self) -> tuple[DeliveryReport, ...]:
        assert self.is_shut_down, "what is asked for before the last span is sent is not all"
        return self._reports


def sent(destination: str = "file", exported: int = 17, **others: Any) -> DeliveryReport:
    return DeliveryReport(destination=destination, exported_spans=exported, **others)


def verified(*sources: Source, live: Sequence[PerformanceMetrics] = (LIVE,), reports: Any = None) -> Verification:
    data = results(*(attempt(one, trace_id=one.trace_id) for one in live))
    return read_back(data, sources, Shut(*(reports or (sent(), sent("jaeger")))))


def test_the_same_numbers_from_every_source_are_verified_whatever_the_goal() -> None:
    other = replace(LIVE, run_id="s")
    found = verified(
        Told(Found(replace(LIVE, goal=None)), Found(other)),
        Told(Found(LIVE), Found(other), label="Jaeger"),
        live=[replace(LIVE, goal="secret"), other],
    )
    assert found == Verification(sources=("file", "Jaeger"), runs=2)
    assert found.lines == ["Verified: 2 of 2 runs give the same numbers from file and Jaeger"]
    assert found.exit_code is ExitCode.OK


def test_a_number_that_differs_is_named_with_goal_source_and_both_values() -> None:
    found = verified(Told(Found(replace(LIVE, input_tokens=6_001))), Told(Found(LIVE), label="Jaeger"))
    text = "file: input_tokens is 6001, and was 6000 in the run"
    assert found.findings == (Finding(goal_id="goal-0", attempt=1, source="file", kind=Kind.DIFFERENT, text=text),)
    assert found.lines == [
        "Not verified: 0 of 1 run gives the same numbers from file and Jaeger",
        f"  goal-0: {text}",
    ]
    assert found.exit_code is ExitCode.FAILED


def test_a_run_that_is_not_all_there_is_never_compared() -> None:
    found = verified(Told(Found(None, "incomplete, 12 of 17 spans")))
    assert [finding.kind for finding in found.findings] == [Kind.LACKING]
    assert found.lines[1] == "  goal-0: file: incomplete, 12 of 17 spans; all spans were sent"
    assert found.exit_code is ExitCode.INCONCLUSIVE


def test_a_difference_weighs_more_than_what_is_lacking() -> None:
    found = verified(
        Told(Found(None, "not there"), Found(replace(LIVE, run_id="t"))), live=[LIVE, replace(LIVE, run_id="s")]
    )
    assert found.exit_code is ExitCode.FAILED
    assert found.summary == "Not verified: 0 of 2 runs give the same numbers from file"


@pytest.mark.parametrize(
    ("reports", "said"),
    [
        ([sent()], "all spans were sent"),
        ([sent(pending_spans=3)], "3 of 20 spans did not arrive"),
        (
            [sent(spooled_spans=2, dropped_spans=1, last_reason="answered 500")],
            "3 of 20 spans did not arrive (answered 500)",
        ),
        (
            [sent(exported=0, spooled_spans=17, last_reason="nothing listens")],
            "nothing was ever sent (nothing listens)",
        ),
        ([sent(exported=0)], "nothing was ever sent"),
        ([sent("jaeger")], "nothing was ever sent"),
    ],
)
def test_what_is_not_there_yet_is_told_from_what_was_never_sent(reports: list[DeliveryReport], said: str) -> None:
    assert delivered(Told(), reports) == said


def test_attempts_that_came_to_no_run_are_not_read_back() -> None:
    found = verified(Told(), live=[PerformanceMetrics()])
    assert (found.lines, found.exit_code) == (["Verified: nothing, as no goal came to a run"], ExitCode.OK)


def test_ctrl_c_ends_it_with_what_is_known() -> None:
    class Stopped(Told):
        def read(self, wanted: Sequence[Wanted], tell: Tell) -> Iterator[Found]:
            yield Found(None, "not there")
            raise KeyboardInterrupt

    found = verified(Stopped(), live=[LIVE, LIVE])
    assert (found.interrupted, len(found.findings)) == (True, 1)
    assert found.summary == "Not verified: interrupted while the traces were read back"


def run_spans(trace_id: str = TRACE, run_id: str = "r", *, chats: int = 1, spans: int = 2) -> list[Any]:
    """An agent's run whose root says so many spans."""
    own = {names.RUN_ID: run_id}
    root = {**own, names.OPERATION_NAME: names.OP_AGENT, names.STATUS: "completed", names.RUN_SPANS: spans}
    called = {**own, names.OPERATION_NAME: names.OP_CHAT}
    return [
        read_span("a" * 16, trace_id=trace_id, attributes=root),
        *(
            read_span(f"{n + 1:016}", trace_id=trace_id, parent_span_id="a" * 16, attributes=called)
            for n in range(chats)
        ),
    ]


def lacks(source: Source, *wanted: Wanted) -> list[str | None]:
    return [found.lack for found in source.read(wanted or [Wanted("goal", "r", TRACE)], lambda line: None)]


def test_a_run_is_found_in_a_file_between_others(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    lines = [as_line(*run_spans("2" * 32, "old")), as_line(*run_spans()), as_line(*run_spans("3" * 32, "s", spans=9))]
    path.write_bytes(b"\n".join(lines))
    wanted = [Wanted("a", "s", "3" * 32), Wanted("b", "r", TRACE), Wanted("c", "t", "4" * 32)]
    found = [*FileSource(str(path)).read(wanted, lambda line: None)]
    assert [one.metrics.run_id if one.metrics else None for one in found] == [None, "r", None]
    assert [one.lack for one in found] == ["incomplete, 2 of 9 spans", None, "not there"]


def test_what_was_wrong_with_a_file_is_said_beside_what_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    path.write_bytes(as_line(*run_spans())[:-9])
    (lack,) = lacks(FileSource(str(path)))
    assert lack is not None
    assert f" ({path}:1: " in lack
    assert "cut off" in lack


def test_a_file_that_is_gone_lacks_everything(tmp_path: Path) -> None:
    (lack,) = lacks(FileSource(str(tmp_path / "gone.jsonl")))
    assert lack is not None
    assert "a trace file must exist" in lack


def test_a_file_is_found_from_any_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "traces.jsonl").write_bytes(as_line(*run_spans()))
    monkeypatch.chdir(tmp_path)
    source = FileSource("traces.jsonl")
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert lacks(source) == [None]


NOT_FOUND = answer('{"error":{"httpCode":404,"message":"No traces found"}}\n', 404)
WHOLE = answer(json.dumps({"result": as_otlp(*run_spans())}))
HALF = answer(json.dumps({"result": as_otlp(*run_spans(chats=3, spans=9))}))


@pytest.mark.parametrize(
    ("behaviours", "lack"),
    [
        ([WHOLE], None),
        ([NOT_FOUND, HALF, WHOLE], None),
        ([NOT_FOUND], "not there after 0.5 s"),
        ([HALF], "incomplete, 4 of 9 spans, after 0.5 s"),
    ],
    ids=["at once", "bit by bit", "never", "half"],
)
def test_a_trace_is_waited_for_in_jaeger(behaviours: list[Behaviour], lack: str | None) -> None:
    with serving(*behaviours) as server:
        assert lacks(JaegerSource(JaegerApi(server.url), limit_s=0.5)) == [lack]


def test_what_is_waited_for_is_told() -> None:
    told: list[str] = []
    with serving(HALF, WHOLE) as server:
        source = JaegerSource(JaegerApi(server.url))
        assert len([*source.read([Wanted("sum", "r", TRACE)], told.append)]) == 1
    assert told == ["reading sum from Jaeger", "waiting for sum: incomplete, 4 of 9 spans"]


def test_a_jaeger_that_hangs_holds_nobody_up_once_for_every_trace() -> None:
    started_s = time.monotonic()
    with serving(hang) as server:
        source = JaegerSource(JaegerApi(server.url, deadline_s=0.2), limit_s=0.3)
        found = lacks(source, *(Wanted(f"goal-{n}", f"r{n}", TRACE) for n in range(50)))
    assert time.monotonic() - started_s < 3
    assert len(found) == 50
    assert all(lack is not None and "cannot be read: Jaeger must answer in time" in lack for lack in found)


def test_a_jaeger_that_is_gone_is_not_asked_again() -> None:
    source = JaegerSource(JaegerApi(f"http://127.0.0.1:{closed_port()}"))
    found = lacks(source, Wanted("a", "r", TRACE), Wanted("b", "s", TRACE))
    assert len(found) == 2
    assert all(lack is not None and "nothing listens at" in lack for lack in found)


@pytest.mark.parametrize(
    ("exporters", "env", "said"),
    [
        ((), {}, "--verify reads traces back from file or jaeger, got the exporters none: set OTEL_EXPORTER=file"),
        (("console", "otlp"), {}, "got the exporters console, otlp"),
        (("file",), {"OTEL_TRACES_SAMPLER": "traceidratio"}, "got OTEL_TRACES_SAMPLER='traceidratio': unset it"),
        (
            ("file",),
            {"OTEL_EXPORTER_FILE_PATH": "/dev/null"},
            "OTEL_EXPORTER_FILE_PATH='/dev/null': name a regular one",
        ),
    ],
)
def test_nothing_to_read_back_from_is_refused(exporters: tuple[str, ...], env: dict[str, str], said: str) -> None:
    telemetry = Telemetry(aggregator=PerformanceAggregator(), exporters=exporters, notify=print)
    with pytest.raises(ConfigurationError) as refused:
        sources_of(telemetry, env, "http://localhost:16686")
    assert said in str(refused.value)
    telemetry.shutdown()


def test_sources_are_the_exporters_that_can_be_read_the_file_first() -> None:
    telemetry = Telemetry(aggregator=PerformanceAggregator(), exporters=("console", "jaeger", "file"), notify=print)
    with serving(answer("{}")) as server:
        env = {"OTEL_TRACES_SAMPLER": "parentbased_always_on"}
        assert [source.name for source in sources_of(telemetry, env, server.url)] == ["file", "jaeger"]
    telemetry.shutdown()


def test_what_is_read_back_stays_on_the_line_of_the_progress() -> None:
    screen = io.StringIO()
    with LiveProgress(1, console=Console(file=screen, force_terminal=True, width=80)) as progress:
        progress.reading("waiting for sum: " + "x" * 100)
    assert f"waiting for sum: {'x' * 22}…" in screen.getvalue()
    assert "x" * 23 not in screen.getvalue()


def test_the_report_and_the_results_carry_the_outcome() -> None:
    finding = Finding(goal_id="goal-0", attempt=1, source="file", kind=Kind.LACKING, text="file: not *there*")
    data = replace(results(attempt(LIVE)), verification=Verification(sources=("file",), runs=1, findings=(finding,)))
    assert json.loads(json.dumps(data.to_dict()["verification"])) == {
        "sources": ["file"],
        "runs": 1,
        "findings": [
            {"goal_id": "goal-0", "attempt": 1, "source": "file", "kind": "lacking", "text": "file: not *there*"}
        ],
        "interrupted": False,
    }
    text = markdown(data)
    assert "\nNot verified: 0 of 1 run gives the same numbers from file.\n" in text
    assert r"- goal-0: file: not \*there\*" in text
    assert "erified" not in markdown(results(attempt(LIVE)))
    assert results(attempt(LIVE)).to_dict()["verification"] is None
