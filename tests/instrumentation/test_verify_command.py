"""`nanoagent verify`: the same numbers from every source, or the first that differs, or what is missing."""

import asyncio
import json
import re
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
import requests

from instrumentation.commands.sides import Side
from instrumentation.commands.verify import findings
from nanoagent.core.performance import PerformanceMetrics, PhaseCounts
from nanoagent.core.runs import CountedRun
from tests.instrumentation.command_line import FOREIGN, a_run, exported, lines, nanoagent
from tests.instrumentation.reading.otlp import TRACE, as_line, as_otlp, read_span
from tests.instrumentation.reading.web_server import Behaviour, answer, closed_port, hang, serving
from tests.jaeger.plugin import Jaeger
from tests.runs import Ran

WORKFLOW = FOREIGN / "util_genai.workflow.jsonl"
WORKFLOW_TRACE = "f3ff410260598d778beeb43416e64685"
MISSING = answer('{"error": {"message": "trace not found"}}', 404)


@pytest.fixture
def run() -> Ran:
    return asyncio.run(a_run())


@pytest.fixture
def file(run: Ran, tmp_path: Path) -> Path:
    return exported(tmp_path / "traces.jsonl", run.captured.spans)


def traces(file: Path, change: Any = lambda spans: spans) -> Any:
    """What a file of one line holds, its spans gone through `change`, which takes their list and gives another one."""
    data = json.loads(file.read_bytes())
    for resource in data["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            scope["spans"] = change(scope["spans"])
    return data


def changed(file: Path, path: Path, change: Any) -> Path:
    return lines(path, [json.dumps(traces(file, change)).encode()])


def stored(file: Path, change: Any = lambda spans: spans) -> Behaviour:
    """Jaeger's answer when it has what the file has, changed."""
    return answer(json.dumps({"result": traces(file, change)}))


def without_tools(spans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [span for span in spans if "execute_tool" not in span["name"]]


def with_more_output(spans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for span in spans:
        for attribute in span["attributes"]:
            if attribute["key"] == "gen_ai.usage.output_tokens":
                attribute["value"]["intValue"] = str(int(attribute["value"]["intValue"]) + 1)
                return spans
    raise AssertionError


def test_the_same_runs_are_a_line_each_and_exit_code_0(file: Path, tmp_path: Path) -> None:
    backwards = changed(file, tmp_path / "again.jsonl", lambda spans: [*spans[::-1], spans[0]])
    done = nanoagent("verify", file, backwards)
    assert done == (0, f"run run-1: the same in {file} and {backwards}, 16 spans\n", "")


def test_the_first_number_that_differs_is_named_with_both_values_and_sources(file: Path, tmp_path: Path) -> None:
    other = changed(file, tmp_path / "other.jsonl", with_more_output)
    done = nanoagent("verify", file, other)
    assert done == (1, f"run run-1: output_tokens is 70 in {file} and 71 in {other}\n", "")


def test_a_run_that_lost_spans_is_incomplete_rather_than_different(file: Path, tmp_path: Path) -> None:
    part = changed(file, tmp_path / "part.jsonl", lambda spans: spans[3:])
    done = nanoagent("verify", file, part)
    assert done == (3, f"run run-1: incomplete, 13 of 16 spans, in {part}\n", "")


def test_a_run_that_does_not_say_how_many_spans_it_has_is_measured_by_the_other_source(tmp_path: Path) -> None:
    part = changed(WORKFLOW, tmp_path / "part.jsonl", without_tools)
    for sources in ((WORKFLOW, part), (part, WORKFLOW)):
        done = nanoagent("verify", *sources)
        assert done == (3, f"run 66c47f1018ebb301: incomplete, 8 of 10 spans, in {part}\n", "")


def test_a_run_that_one_source_does_not_have_is_missing(file: Path) -> None:
    done = nanoagent("verify", file, WORKFLOW)
    assert done.code == 3
    assert done.out.splitlines() == [f"run run-1: not in {WORKFLOW}", f"run 66c47f1018ebb301: not in {file}"]


def test_what_could_not_be_read_leaves_a_doubt(file: Path, tmp_path: Path) -> None:
    broken = lines(tmp_path / "broken.jsonl", [file.read_bytes().strip(), b"nonsense"])
    done = nanoagent("verify", file, broken)
    assert (done.code, done.err.count("\n")) == (3, 1)
    assert done.out == f"run run-1: the same in {file} and {broken}, 16 spans\n"


def test_nothing_to_compare_is_no_success(tmp_path: Path) -> None:
    empty = [lines(tmp_path / name, [b'{"resourceSpans": []}']) for name in ("a", "b")]
    done = nanoagent("verify", *empty)
    assert done == (3, "", f"no runs in {empty[0]} and {empty[1]}: nothing was compared\n")


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        ([], "a source is needed, got none"),
        ([str(WORKFLOW)], f"verify compares two or more sources, got only {WORKFLOW}: name another file"),
        ([str(WORKFLOW), str(WORKFLOW)], "verify compares two or more sources"),
        (["a" * 32, "b" * 32], "verify compares two or more sources, got only 2 traces in Jaeger"),
        ([str(WORKFLOW), "nosuch"], "there is no such file"),
        ([str(WORKFLOW), WORKFLOW_TRACE, "--wait", "-1"], "--wait"),
    ],
)
def test_what_cannot_be_compared_is_exit_code_4(sources: list[str], said: str) -> None:
    done = nanoagent("verify", *sources)
    assert (done.code, done.out) == (4, "")
    assert said in done.err


def test_a_trace_that_arrives_bit_by_bit_is_waited_for(file: Path, run: Ran) -> None:
    trace_id = str(run.live.trace_id)
    behaviours = [MISSING, stored(file, lambda spans: spans[:1]), stored(file, lambda spans: spans[:9]), stored(file)]
    with serving(*behaviours) as server:
        done = nanoagent("verify", file, trace_id, "--jaeger", server.url)
    assert (done.code, done.out) == (0, f"run run-1: the same in {file} and Jaeger, 16 spans\n")
    assert len(server.asked) == 4
    assert done.err.count("\n") == 1
    assert done.err.startswith(f"waiting for trace {trace_id} in Jaeger: ")


def test_a_trace_of_others_is_waited_for_until_it_is_as_large_as_in_the_file() -> None:
    with serving(stored(WORKFLOW, without_tools), stored(WORKFLOW)) as server:
        done = nanoagent("verify", WORKFLOW, WORKFLOW_TRACE, "--jaeger", server.url)
    assert done.out == f"run 66c47f1018ebb301: the same in {WORKFLOW} and Jaeger, 10 spans\n"
    assert done.err == f"waiting for trace {WORKFLOW_TRACE} in Jaeger: incomplete, 8 of 10 spans\n"


def test_a_trace_of_which_the_file_has_less_is_the_files_loss(tmp_path: Path) -> None:
    part = changed(WORKFLOW, tmp_path / "part.jsonl", without_tools)
    with serving(stored(WORKFLOW)) as server:
        done = nanoagent("verify", part, WORKFLOW_TRACE, "--jaeger", server.url)
    assert done == (3, f"run 66c47f1018ebb301: incomplete, 8 of 10 spans, in {part}\n", "")


@pytest.mark.parametrize("early", [0, 1])
def test_every_run_of_the_trace_is_waited_for(early: int, tmp_path: Path) -> None:
    agent = {"gen_ai.operation.name": "invoke_agent"}
    both = [read_span(digit * 16, attributes=agent) for digit in "12"]
    file = lines(tmp_path / "two.jsonl", [as_line(*both)])
    first = answer(json.dumps({"result": as_otlp(both[early])}))
    with serving(first, stored(file)) as server:
        done = nanoagent("verify", file, TRACE, "--jaeger", server.url)
    assert done.out.splitlines() == [f"run {digit * 16}: the same in {file} and Jaeger, 1 span" for digit in "12"]
    assert len(server.asked) == 2


def test_half_a_trace_is_never_taken_for_the_numbers(file: Path, run: Ran) -> None:
    with serving(stored(file, lambda spans: spans[3:])) as server:
        done = nanoagent("verify", file, run.live.trace_id, "--wait", "0.3", "--jaeger", server.url)
    assert (done.code, done.out) == (3, "run run-1: incomplete, 13 of 16 spans, in Jaeger\n")
    assert len(server.asked) > 1


def test_a_trace_that_was_never_sent_is_missing(file: Path, run: Ran) -> None:
    with serving(MISSING) as server:
        done = nanoagent("verify", file, run.live.trace_id, "b" * 32, "--wait", "0", "--jaeger", server.url)
    assert done.code == 3
    [one, two] = done.out.splitlines()
    assert one.startswith("run run-1: not in Jaeger: Jaeger at ")
    assert two.startswith(f"trace {'b' * 32}: Jaeger at ")
    assert f"has no trace {'b' * 32}, or not yet" in two


def test_a_number_that_differs_in_jaeger_is_exit_code_1(file: Path, run: Ran) -> None:
    with serving(stored(file, with_more_output)) as server:
        done = nanoagent("verify", run.live.trace_id, file, "--jaeger", server.url)
    assert (done.code, done.out) == (1, f"run run-1: output_tokens is 71 in Jaeger and 70 in {file}\n")


def test_a_jaeger_that_is_down_is_not_waited_for(file: Path, run: Ran) -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    done = nanoagent("verify", file, run.live.trace_id, "--jaeger", url)
    assert (done.code, done.out, done.err.count("\n")) == (4, "", 1)


def test_a_jaeger_that_does_not_answer_is_waited_for_no_longer_than_asked(file: Path, run: Ran) -> None:
    began_s = time.monotonic()
    with serving(hang) as server:
        done = nanoagent("verify", file, run.live.trace_id, "b" * 32, "--wait", "0.2", "--jaeger", server.url)
    # A second for each, when the time is over.
    assert time.monotonic() - began_s < 5
    late = re.compile("Jaeger must answer in time, got no (?:whole )?answer within 1 s from")
    assert [late.split(line)[0] for line in done.out.splitlines()] == [
        "run run-1: not in Jaeger: ",
        f"trace {'b' * 32}: ",
    ]
    assert done.code == 3


def test_with_trace_ids_only_the_runs_in_them_are_compared(file: Path, run: Ran, tmp_path: Path) -> None:
    both = lines(tmp_path / "both.jsonl", [file.read_bytes().strip(), WORKFLOW.read_bytes().strip()])
    with serving(stored(file)) as server:
        done = nanoagent("verify", both, run.live.trace_id, "--jaeger", server.url)
    assert done == (0, f"run run-1: the same in {both} and Jaeger, 16 spans\n", "")


def side(name: str, *, lack: str | None = None, **values: Any) -> Side:
    """A side with one run of two spans."""
    plain: dict[str, Any] = {"run_id": "r", "trace_id": "t", "status": "completed", "end_time_unix_ns": 1}
    metrics = PerformanceMetrics(**(plain | values))
    return Side(name, {"r": CountedRun(metrics, 2, 2)}, {"t": lack} if lack else {})


def test_numbers_are_compared_down_to_phases_and_with_every_source() -> None:
    one, two = (PhaseCounts(phase="plan", api_calls=calls) for calls in (1, 2))
    same, other = side("a", by_phase=(one,)), side("c", by_phase=(two,))
    assert list(findings([same, side("b", by_phase=(one,)), other])) == [
        (1, "run r: by_phase[0].api_calls is 1 in a and 2 in c")
    ]


def test_a_run_that_says_how_many_spans_it_has_is_believed() -> None:
    one, other = side("a"), side("b")
    other.runs["r"] = other.runs["r"]._replace(spans=3)
    assert list(findings([one, other])) == [
        (3, "run r: not in order, 3 spans where the run's root says 2, in b"),
    ]


def test_a_run_that_is_the_same_but_not_complete_is_no_success() -> None:
    both = [side(name, complete=False) for name in "ab"]
    assert list(findings(both)) == [
        (3, "run r: the same in a and b, but not complete: 2 of 2 spans found, but the run's own counts are others")
    ]


def test_a_difference_weighs_more_than_what_is_missing(file: Path, tmp_path: Path) -> None:
    other = changed(file, tmp_path / "other.jsonl", with_more_output)
    more = lines(tmp_path / "more.jsonl", [file.read_bytes().strip(), WORKFLOW.read_bytes().strip()])
    done = nanoagent("verify", more, other)
    assert done.code == 1
    assert len(done.out.splitlines()) == 2


@pytest.mark.jaeger
def test_a_file_and_a_real_jaeger_say_the_same_of_a_run(jaeger: Jaeger, run: Ran, tmp_path: Path) -> None:
    # Counted ids would meet those of other runs.
    ids = {f"{1:032x}": uuid.uuid4().hex, "run-1": f"run-{uuid.uuid4().hex}"}
    text = exported(tmp_path / "traces.jsonl", run.captured.spans).read_text()
    for counted, unique in ids.items():
        text = text.replace(counted, unique)
    file = tmp_path / "unique.jsonl"
    file.write_text(text)
    url, headers = f"{jaeger.otlp_http_endpoint}/v1/traces", {"Content-Type": "application/json"}
    requests.post(url, data=text.encode(), headers=headers, timeout=10).raise_for_status()
    done = nanoagent("verify", file, ids[f"{1:032x}"], "--jaeger", jaeger.ui_url)
    assert (done.code, done.out) == (0, f"run {ids['run-1']}: the same in {file} and Jaeger, 16 spans\n")
