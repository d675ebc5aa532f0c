"""`nanoagent diff`: where the runs of two sources part, with what each took."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from instrumentation.jaeger import compare_url
from instrumentation.reading.spans import ReadSpan
from nanoagent.tracing import names
from tests.instrumentation.command_line import FOREIGN, lines, nanoagent
from tests.instrumentation.comparing.recording import BASELINE, nested_spans, spans_of_run, with_changes
from tests.instrumentation.reading.otlp import as_line, as_otlp, read_span
from tests.instrumentation.reading.web_server import answer, serving
from tests.models import call, executed, plan, reflected, response

CALLED = response(call("add", a=5, b=3))
TWICE = {1: [CALLED, CALLED]}
WORKFLOW = FOREIGN / "util_genai.workflow.jsonl"


def of_run(spans: Sequence[ReadSpan], run_id: str, *, goal: str | None = None) -> list[ReadSpan]:
    """The spans as those of a run with this id, in a trace of its own, below the span of a benchmark's goal."""
    trace_id = run_id.encode().hex().ljust(32, "0")[:32]
    above = read_span("e" * 16, name=names.BENCHMARK_SPAN, attributes={names.BENCHMARK_GOAL_ID: goal})
    moved = [
        span._replace(
            trace_id=trace_id,
            parent_span_id=span.parent_span_id or (above.span_id if goal else None),
            attributes={**span.attributes, names.RUN_ID: run_id},
        )
        for span in spans
    ]
    return [above._replace(trace_id=trace_id), *moved] if goal else moved


@pytest.fixture(scope="module")
def plain() -> list[ReadSpan]:
    return spans_of_run()


@pytest.fixture(scope="module")
def twice() -> list[ReadSpan]:
    return spans_of_run(with_changes(BASELINE, TWICE))


def written(path: Path, *runs: Sequence[ReadSpan]) -> Path:
    return lines(path, [as_line(*spans) for spans in runs])


@pytest.fixture
def a(tmp_path: Path, plain: list[ReadSpan]) -> Path:
    return written(tmp_path / "a.jsonl", plain)


@pytest.fixture
def b(tmp_path: Path, twice: list[ReadSpan]) -> Path:
    return written(tmp_path / "b.jsonl", of_run(twice, "run-2"))


def test_two_runs_that_part_are_shown_with_where_and_what_each_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, a: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    changes = {
        0: [plan("Add", "Break it", output_tokens=17)],
        1: [CALLED, CALLED],
        2: [executed("8", input_tokens=1_412)],
    }
    written(tmp_path / "b.jsonl", of_run(spans_of_run(with_changes(BASELINE, changes)), "run-2"))
    done = nanoagent("diff", "a.jsonl", "b.jsonl")
    assert (done.code, done.err) == (1, "")
    assert done.out.splitlines() == [
        "A          run run-1 of a.jsonl: completed, goal_reached",
        "B          run run-2 of b.jsonl: completed, goal_reached",
        "differ     plan: the answer of the model call has 10 output tokens in A, 17 in B",
        "           (+7)",
        "part       iteration 1: A called `add` once, B twice; +1,412 input and +10",
        "           output tokens",
        "",
        "      iterations  calls  tools   input  output  cost     time",
        "A              2      6      2     600      60     -  31.0 ms",
        "B              2      7      3   2,012      77     -  35.0 ms",
        "more           0     +1     +1  +1,412     +17",
        "",
        "         input A      B    more  output A   B  more",
        "plan         100    100       0        10  17    +7",
        "execute      400  1,812  +1,412        40  50   +10",
        "reflect      100    100       0        10  10     0",
        "",
        "             first prompt A    B  more  last prompt A      B    more",
        "iteration 1             100  100     0            100  1,412  +1,312",
        "iteration 2             100  100     0            100    100       0",
    ]


def test_runs_that_did_the_same_are_exit_code_0(a: Path, tmp_path: Path, plain: list[ReadSpan]) -> None:
    done = nanoagent("diff", a, written(tmp_path / "again.jsonl", of_run(plain, "run-2")))
    assert (done.code, done.err) == (0, "")
    assert "differ     no: both did the same" in done.out.splitlines()


def test_runs_that_differ_in_lengths_alone_do_not_part_and_differ_all_the_same(a: Path, tmp_path: Path) -> None:
    longer = spans_of_run(with_changes(BASELINE, {2: [executed("8", output_tokens=11)]}))
    done = nanoagent("diff", a, written(tmp_path / "longer.jsonl", longer))
    assert done.code == 1
    assert "part       no: both did the same, at other lengths" in done.out.splitlines()


def test_a_run_that_lost_spans_cannot_be_compared(a: Path, tmp_path: Path, twice: list[ReadSpan]) -> None:
    part = written(tmp_path / "part.jsonl", twice[:-3])
    done = nanoagent("diff", a, part)
    assert done.code == 3
    assert "differ     run: B is incomplete, 14 spans without the run's root" in done.out


def test_runs_of_other_producers_are_compared_as_far_as_they_have_spans() -> None:
    done = nanoagent("diff", FOREIGN / "strands.agents.jsonl", FOREIGN / "agent_framework.agents.jsonl")
    assert done.code == 0
    done = nanoagent("diff", WORKFLOW, FOREIGN / "strands.agents.jsonl", "--json")
    assert done.code == 1
    [told] = json.loads(done.out)
    assert told["first"]["where"] == "run"


def test_json_has_the_whole_comparison(a: Path, b: Path) -> None:
    done = nanoagent("diff", a, b, "--json")
    assert (done.code, done.err) == (1, "")
    [told] = json.loads(done.out)
    assert (told["same"], told["first"]["kind"], told["first"]["input_tokens"]) == (False, "tool_count", 100)
    assert told["first"]["sentence"] == "iteration 1: A called `add` once, B twice; +100 input and +10 output tokens"
    assert told["parting"] == told["first"]
    assert [run["metrics"]["run_id"] for run in told["runs"]] == ["run-1", "run-2"]


def test_several_runs_are_paired_by_their_goals_and_attempts(
    tmp_path: Path, plain: list[ReadSpan], twice: list[ReadSpan]
) -> None:
    one = [of_run(plain, f"a{number}", goal=goal) for number, goal in enumerate(["sum", "sum", "break", "gone"])]
    other = [
        of_run(spans, f"b{number}", goal=goal)
        for number, (spans, goal) in enumerate([(plain, "break"), (plain, "sum"), (twice, "sum")])
    ]
    files = written(tmp_path / "one.jsonl", *one), written(tmp_path / "other.jsonl", *other)
    done = nanoagent("diff", *files)
    assert done.code == 1
    assert done.out.splitlines() == [
        "sum: the same",
        "sum: iteration 1: A called `add` once, B twice; +100 input and +10 output tokens",
        "break: the same",
    ]
    assert done.err == f"goal gone: run a3 of {files[0]} has none to be compared with in {files[1]}\n"
    alone = nanoagent("diff", *files, "--run", "break")
    assert alone.code == 0
    assert " ".join(alone.out.split()).startswith(
        f"A run a2 of {files[0]}, goal break: completed, goal_reached B run b0"
    )


def test_a_run_with_nested_ones_is_one_run(tmp_path: Path) -> None:
    file = written(tmp_path / "nested.jsonl", nested_spans([plan("Add"), CALLED, executed("8"), reflected("8")]))
    assert nanoagent("diff", file, file).code == 0
    inner = nanoagent("diff", file, file, "--run", "inner", "--json")
    assert json.loads(inner.out)[0]["runs"][0]["metrics"]["parent_run_id"] == "run-1"


def test_a_goal_without_a_partner_alone_is_exit_code_3(tmp_path: Path, plain: list[ReadSpan]) -> None:
    one = written(tmp_path / "one.jsonl", *(of_run(plain, f"a{goal}", goal=goal) for goal in ("sum", "gone")))
    other = written(tmp_path / "other.jsonl", of_run(plain, "b1", goal="sum"))
    done = nanoagent("diff", one, other)
    assert (done.code, done.err.count("\n")) == (3, 1)


def test_what_a_run_was_asked_is_its_goal_where_content_was_captured(tmp_path: Path, plain: list[ReadSpan]) -> None:
    asked = '[{"role":"user","parts":[{"type":"text","content":"What is 5 + 3?"}]}]'
    spans = [
        span._replace(attributes={**span.attributes, names.INPUT_MESSAGES: asked})
        if names.STATUS in span.attributes
        else span
        for span in plain
    ]
    one = written(tmp_path / "one.jsonl", of_run(spans, "a1"), of_run(plain, "a2"))
    done = nanoagent("diff", one, one, "--run", "What is 5 + 3?")
    assert done.code == 0
    assert "goal What is 5 + 3?: completed" in " ".join(done.out.split())


def test_two_runs_of_one_file_are_chosen_one_for_each_side(
    tmp_path: Path, plain: list[ReadSpan], twice: list[ReadSpan]
) -> None:
    both = written(tmp_path / "both.jsonl", of_run(plain, "abc1"), of_run(twice, "abd2"))
    done = nanoagent("diff", both, both, "--run", "abd", "--run", "abc1", "--json")
    [told] = json.loads(done.out)
    assert told["first"]["what"] == "A called `add` twice, B once"
    undecided = nanoagent("diff", both, both)
    assert (undecided.code, undecided.out) == (3, "")
    assert undecided.err == (
        f"2 runs in {both} and 2 runs in {both}, and not all of them say their goal: choose with --run, once for both "
        "or once for each\n"
    )
    for choice, why in (("ab", "which fits abc1, abd2"), ("x", "there are abc1, abd2")):
        done = nanoagent("diff", both, both, "--run", choice)
        assert (done.code, done.out) == (4, "")
        assert why in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nosuch.jsonl", str(WORKFLOW)], "there is no such file"),
        ([str(WORKFLOW)], "Missing argument 'B'"),
        (["-", "-"], "stdin can be read once, got - twice"),
        ([str(WORKFLOW), str(WORKFLOW), "--run", "1", "--run", "2", "--run", "3"], "--run may be given once for both"),
    ],
)
def test_what_cannot_be_compared_is_exit_code_4(arguments: list[str], said: str) -> None:
    done = nanoagent("diff", *arguments)
    assert (done.code, done.out) == (4, "")
    assert said in done.err


def test_nothing_to_compare_is_no_success(tmp_path: Path, a: Path) -> None:
    empty = lines(tmp_path / "empty.jsonl", [b'{"resourceSpans": []}'])
    done = nanoagent("diff", a, empty)
    assert done == (3, "", f"no runs in {empty}: nothing was compared\n")


def test_what_could_not_be_read_leaves_a_doubt(a: Path, tmp_path: Path) -> None:
    broken = lines(tmp_path / "broken.jsonl", [a.read_bytes().strip(), b"nonsense"])
    done = nanoagent("diff", a, broken)
    assert (done.code, done.err.count("\n")) == (3, 1)


def test_traces_in_jaeger_are_compared_with_a_link_to_both(plain: list[ReadSpan], twice: list[ReadSpan]) -> None:
    runs = [of_run(plain, "run-1"), of_run(twice, "run-2")]
    traces = [spans[0].trace_id for spans in runs]
    with serving(*(answer(json.dumps({"result": as_otlp(*spans)})) for spans in runs)) as server:
        done = nanoagent("diff", *traces, "--jaeger", server.url)
        link = compare_url(server.url, *traces)
    assert done.code == 1
    assert "differ     iteration 1: A called `add` once, B twice" in done.out
    assert f"compare    {link}" in done.out
    assert link == f"{server.url}/trace/{traces[0]}...{traces[1]}"


def test_names_from_outside_steer_no_terminal(tmp_path: Path, plain: list[ReadSpan]) -> None:
    evil = "\x1b[31mred\u202e"
    spans = [
        span._replace(attributes={**span.attributes, names.TOOL_NAME: evil}) if "execute_tool" in span.name else span
        for span in plain
    ]
    files = [
        written(tmp_path / f"{number}.jsonl", of_run(run, f"{evil}{number}", goal=f"{evil}goal"))
        for number, run in enumerate((plain, spans))
    ]
    done = nanoagent("diff", *files)
    assert done.code == 1
    assert "`\ufffd[31mred\ufffd`" in done.out
    assert [char for char in done.out + done.err if char in "\x1b\u202e"] == []
