"""`nanoagent score`: the run is found, the score goes where traces go, and it is said whether it has arrived."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from instrumentation.configuration import _forget
from tests.instrumentation.command_line import FOREIGN, Done, a_run, exported, lines, nanoagent
from tests.instrumentation.delivery.doubles import dead_endpoint, receiving, spooled_in
from tests.instrumentation.reading.otlp import as_line, read_span

pytestmark = pytest.mark.usefixtures("no_global_state")

KEY = "AIzaSyA1234567890abcdefghijklmnopqrstuv"
OTHERS = FOREIGN / "util_genai.workflow.jsonl"


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that traces go to."""
    monkeypatch.setenv("OTEL_EXPORTER", "file")
    monkeypatch.setenv("OTEL_EXPORTER_FILE_PATH", str(tmp_path / "kept.jsonl"))
    monkeypatch.setenv("NANOAGENT_JAEGER_URL", dead_endpoint())
    return tmp_path / "kept.jsonl"


@pytest.fixture
def traces(kept: Path) -> Path:
    """That file, with a run in it."""
    return exported(kept, asyncio.run(a_run()).captured.spans)


def scored(*arguments: object) -> Done:
    """As by a process of its own."""
    done = nanoagent("score", *arguments)
    _forget()
    return done


def test_a_run_of_a_file_is_scored_and_keeps_its_numbers(traces: Path) -> None:
    before = nanoagent("metrics", traces, "--json").out

    done = scored("run-1", "--value", "1", "--label", "good", "--explanation", "it adds", "--in", traces)

    assert (done.code, done.err) == (0, "")
    said, where = done.out.splitlines()
    assert said == f"run run-1 of trace {1:032x} is scored: user good 1"
    score_id = where.removeprefix("trace ")
    [span] = json.loads(traces.read_text().splitlines()[-1])["resourceSpans"][0]["scopeSpans"][0]["spans"]
    root = next(span for span in _spans(traces) if not span.get("parentSpanId"))
    assert (span["traceId"], span["name"], span["links"]) == (
        score_id,
        "score",
        [
            {
                "traceId": f"{1:032x}",
                "spanId": root["spanId"],
                "attributes": [{"key": "nanoagent.score.run_id", "value": {"stringValue": "run-1"}}],
                "flags": span["links"][0]["flags"],
            }
        ],
    )
    assert nanoagent("metrics", traces, "--json").out == before


def test_a_score_is_drawn_with_its_verdict_and_is_no_run(traces: Path, tmp_path: Path) -> None:
    scored("run-1", "--value", "0.5", "--label", "so so", "--in", traces)
    alone = lines(tmp_path / "score.jsonl", [traces.read_bytes().splitlines()[-1]])

    tree, metrics = nanoagent("tree", alone), nanoagent("metrics", alone)

    assert (tree.code, tree.err) == (0, "")
    assert tree.out.splitlines()[2].startswith("score user so so 0.5 ")
    assert (metrics.code, metrics.out) == (3, "")
    assert metrics.err.startswith("no runs: none of the 1 spans")


def test_a_run_of_others_is_found_by_the_id_that_metrics_shows(kept: Path) -> None:
    [run] = json.loads(nanoagent("metrics", OTHERS, "--json", "--prices", "none").out)
    done = scored(run["run_id"], "--label", "bad", "--in", OTHERS)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"run {run['run_id']} of trace {run['trace_id']} is scored: user bad\n")
    [link] = _spans(kept)[0]["links"]
    assert (link["traceId"], link["spanId"]) == (run["trace_id"], run["run_id"])


def test_a_trace_that_is_given_is_not_looked_for(kept: Path) -> None:
    done = scored("any run", "--name", "accuracy", "--value", "0.25", "--trace", "5BD66EF5095369C7")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"run any run of trace {'5bd66ef5095369c7':0>32} is scored: accuracy 0.25\n")
    [link] = _spans(kept)[0]["links"]
    assert link["traceId"] == "5bd66ef5095369c7".zfill(32)


def test_a_run_whose_root_is_missing_is_found_by_its_other_spans(kept: Path, tmp_path: Path) -> None:
    part = read_span(attributes={"nanoagent.run.id": "r"}, trace_id="a" * 32)
    done = scored("r", "--value", "1", "--in", lines(tmp_path / "part.jsonl", [as_line(part)]))
    assert done.code == 0
    assert done.out.startswith(f"run r of trace {'a' * 32} is scored")


@pytest.mark.parametrize("root_first", [True, False])
def test_the_root_is_what_is_linked_to_wherever_in_the_file_it_stands(
    kept: Path, tmp_path: Path, root_first: bool
) -> None:
    root = read_span("1" * 16, attributes={"nanoagent.run.id": "r", "nanoagent.status": "completed"})
    part = read_span("2" * 16, attributes={"nanoagent.run.id": "r"}, parent_span_id="1" * 16)
    spans = [root, part] if root_first else [part, root]
    assert scored("r", "--value", "1", "--in", lines(tmp_path / "r.jsonl", map(as_line, spans))).code == 0
    [link] = _spans(kept)[0]["links"]
    assert link["spanId"] == "1" * 16


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run-1", "--in", "TRACES"], "a score needs a value, a label or both, got neither"),
        (["run-1", "--value", "nan", "--in", "TRACES"], "value must be a finite number, got nan"),
        (["run-1", "--value", "good", "--in", "TRACES"], "Invalid value for '--value'"),
        (["run-1", "--label", "\x1b[2Jgood", "--in", "TRACES"], r"label must be a text of 1 to 256"),
        (["\x1b[2J", "--label", "good", "--in", "TRACES"], r"run_id must be a text of 1 to 256"),
        (["nosuch", "--label", "good", "--in", "TRACES"], "got no run nosuch there: give the run's trace with --trace"),
        (["run-1", "--label", "good", "--in", "nosuch.jsonl"], "nosuch.jsonl"),
        (["run-1", "--label", "good", "--trace", "12"], "a trace id must have 32 hex digits"),
        (["run-1", "--label", "good", "--trace", "a" * 32, "--in", "TRACES"], "give one of them"),
        (["run-1", "--label", "good"], "nothing listens at"),
        (["run-1", "--label", "good"], "or give the run's trace with --trace TRACE_ID, or a file that it is in"),
        (["run-1", "--label", "good", "--jaeger", "localhost"], "--jaeger must start with http"),
    ],
)
def test_bad_input_is_one_line_with_the_way_out_and_sends_nothing(
    traces: Path, arguments: list[str], said: str
) -> None:
    before = traces.read_bytes()
    done = scored(*(str(traces) if argument == "TRACES" else argument for argument in arguments))
    assert (done.code, done.out) == (4, "")
    assert said in done.err
    assert "\x1b" not in done.err
    assert traces.read_bytes() == before


def test_of_several_traces_with_the_run_one_must_be_chosen(kept: Path, tmp_path: Path) -> None:
    spans = [
        read_span(attributes={"nanoagent.run.id": "r", "nanoagent.status": "completed"}, trace_id=digit * 32)
        for digit in "ab"
    ]
    file = lines(tmp_path / "two.jsonl", map(as_line, spans))
    done = scored("r", "--value", "1", "--in", file)
    assert (done.code, done.out) == (4, "")
    assert done.err.endswith(f"choose one with --trace, out of {'a' * 32}, {'b' * 32}\n")


@pytest.mark.parametrize("exporter", ["", "none", "console"])
def test_what_would_be_kept_nowhere_is_no_score(traces: Path, exporter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER", exporter)
    done = scored("run-1", "--value", "1", "--in", traces)
    assert (done.code, done.out) == (4, "")
    assert "set OTEL_EXPORTER to jaeger, otlp or file, as it was for the run" in done.err


def test_where_tracing_is_off_a_score_is_an_error(traces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    done = scored("run-1", "--value", "1", "--in", traces)
    assert (done.code, done.out) == (4, "")
    assert "unset OTEL_SDK_DISABLED" in done.err


def test_a_score_that_arrives_is_shown_with_its_page(traces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER", "jaeger")
    with receiving() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint)
        done = scored("run-1", "--value", "1", "--in", traces, "--jaeger", "https://tools.example/jaeger")
    assert (done.code, done.err) == (0, "")
    assert receiver.spans == ["score"]
    assert done.out.splitlines()[1].startswith("https://tools.example/jaeger/trace/")


def test_a_score_that_does_not_arrive_is_spooled_and_said(
    traces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = dead_endpoint()
    monkeypatch.setenv("OTEL_EXPORTER", "jaeger")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    monkeypatch.setenv("NANOAGENT_SPOOL_DIR", str(tmp_path / "spool"))
    done = scored("run-1", "--value", "1", "--in", traces)
    assert (done.code, done.out) == (3, "")
    assert "traces did not arrive: 1 of 1 spans for jaeger" in done.err
    assert "send them with nanoagent resend" in done.err
    assert spooled_in(tmp_path / "spool") == ["score"]


def test_secrets_of_a_verdict_reach_neither_the_file_nor_the_terminal(traces: Path) -> None:
    done = scored("run-1", "--label", f"key={KEY}", "--explanation", f"my key is {KEY}", "--in", traces)
    assert done.code == 0
    assert KEY not in done.out + done.err
    assert KEY not in traces.read_text()


def test_help_shows_examples_and_exit_codes() -> None:
    done = nanoagent("score", "--help")
    assert done.code == 0
    assert "Exit code: 0 it has arrived, 3 it has not" in done.out
    assert "nanoagent score RUN_ID --label bad" in done.out


def _spans(path: Path) -> list[dict[str, Any]]:
    return [
        span
        for line in path.read_text().splitlines()
        for resource in json.loads(line)["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]
