"""A user's goals file: what it may hold, and the one line that says what is wrong with it."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.judging.verdict import Cause, VerdictWord, judge
from benchmarks.scripted.model import check_scripts
from benchmarks.suite.goals import Goal, Tier
from benchmarks.suite.goals_file import read
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.core.result import Status, StopReason
from nanoagent.errors import ConfigurationError
from tests.commands import results_in, run_benchmark

SUM = {"id": "sum", "tier": "simple", "goal": "What is 5 + 3?", "check": {"number": 8}}
WAY_OUT = "; docs/benchmarks.md says what may stand in it"
KNOWN = "number, numbers_in_order, contains, all_of, any_answer, function"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with a module of a user's checks; what it puts on the path goes again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "own_checks", raising=False)
    (tmp_path / "own_checks.py").write_text(
        "import sys\n"
        "limit = 3\n"
        "def short(answer): return len(answer) < 10\n"
        "def polite(answer): return 'please' in answer, 'says \\ud800 please'\n"
        "def broken(answer): raise LookupError('no')\n"
        "def odd(answer): return 1\n"
        "def leaving(answer): sys.exit(5)\n"
    )
    (tmp_path / "raising.py").write_text("raise RuntimeError('first line\\nsecond line')\n")
    return tmp_path


def goals_of(*goals: Any, **others: Any) -> tuple[Goal, ...]:
    Path("goals.json").write_text(json.dumps({"goals": goals, **others}))
    return read("goals.json")


def refusal_of(*goals: Any, **others: Any) -> str:
    with pytest.raises(ConfigurationError) as refused:
        goals_of(*goals, **others)
    return str(refused.value)


def refusal(text: bytes) -> str:
    Path("goals.json").write_bytes(text)
    with pytest.raises(ConfigurationError) as refused:
        read("goals.json")
    return str(refused.value)


def test_a_goal_has_what_its_fields_say_and_else_the_defaults() -> None:
    every = {
        **SUM,
        "id": "every.field_2",
        "tier": "multi-step",
        "stop_reason": "no_progress",
        "max_iterations": 4,
        "timeout_s": 7,
    }
    plain, full = goals_of(SUM, every, **{"$schema": "goals.schema.json"})
    assert (plain.id, plain.tier, plain.text, plain.check.name) == ("sum", Tier.SIMPLE, "What is 5 + 3?", "number 8")
    assert (plain.stop_reason, plain.max_iterations, plain.timeout_s, plain.tools) == (
        StopReason.GOAL_REACHED,
        20,
        300.0,
        (),
    )
    assert (full.id, full.tier, full.stop_reason, full.max_iterations, full.timeout_s) == (
        "every.field_2",
        Tier.MULTI_STEP,
        StopReason.NO_PROGRESS,
        4,
        7.0,
    )


@pytest.mark.parametrize(
    ("check", "name", "good", "bad"),
    [
        ({"number": 8}, "number 8", "8", "9"),
        ({"number": 8.5, "tolerance": 0.1}, "number 8.5 within 0.1", "8.45", "8"),
        ({"numbers_in_order": [1, 4]}, "numbers in order 1, 4", "1, 2, 4", "4, 1"),
        ({"contains": ["Tuesday", "July"]}, "contains 'Tuesday', 'July'", "a tuesday in july", "Tuesday"),
        ({"any_answer": True}, "any answer", "x", " "),
        ({"all_of": [{"number": 8}, {"contains": ["x"]}]}, "number 8; contains 'x'", "8 x", "8"),
        ({"function": "own_checks:short"}, "function own_checks:short", "8", "much too long"),
        ({"function": "own_checks:polite"}, "function own_checks:polite", "8, please", "8"),
    ],
    ids=str,
)
def test_a_check_of_each_kind_judges(check: dict[str, Any], name: str, good: str, bad: str) -> None:
    (goal,) = goals_of({**SUM, "check": check})
    assert (goal.check.name, goal.check.judge(good)[0], goal.check.judge(bad)[0]) == (name, True, False)


def test_a_byte_order_mark_does_no_harm() -> None:
    Path("goals.json").write_bytes(b"\xef\xbb\xbf" + json.dumps({"goals": [SUM]}).encode())
    assert [goal.id for goal in read("goals.json")] == ["sum"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b" \n", "it is empty" + WAY_OUT),
        (b'{"goals": [', "it is no JSON: EOF while parsing a list at line 1 column 11" + WAY_OUT),
        (b'{"goals": [], "goals": []}', "'goals' stands twice in one object; leave one of them out"),
        (b'{"goals":\n  [,]}', "it is no JSON: expected value at line 2 column 4" + WAY_OUT),
        (b'{"goals": [NaN]}', "it is no JSON: expected value at line 1 column 12" + WAY_OUT),
        (b"[" * 9_999, "it is no JSON: recursion limit exceeded at line 1 column 202" + WAY_OUT),
        (b'{"goals": "\xff"}', "it is no text in UTF-8 (byte 11); save it as UTF-8"),
        (b"[]", "it must be an object, got []" + WAY_OUT),
        (b"{}", "goals is missing" + WAY_OUT),
        (b'{"goals": []}', "goals must have at least one item, got []" + WAY_OUT),
        (b'{"goals": [7]}', "goal 1: it must be an object, got 7" + WAY_OUT),
        (b'{"goals": [{}]}', "goal 1: id is missing (and 3 more)" + WAY_OUT),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_is_no_list_of_goals_is_refused(text: bytes, problem: str) -> None:
    assert refusal(text) == f"--goals must be a file of goals, got 'goals.json': {problem}"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        (
            {"tier": "easy"},
            "tier must be 'simple', 'medium', 'complex', 'multi-step', 'iterative', 'tool-error' or 'impossible', "
            'got "easy"',
        ),
        (
            {"chekc": {"number": 1}},
            "unknown field 'chekc'; nearest first, the fields are check, tier, timeout_s, stop_reason, max_iterations, "
            "id, goal",
        ),
        ({"id": "a b"}, 'id must be letters, digits and . _ - after a letter or a digit, got "a b"'),
        ({"id": 7}, "id must be a text, got 7"),
        ({"goal": " "}, 'goal must not be empty, got " "'),
        ({"max_iterations": 0}, "max_iterations must be greater than or equal to 1, got 0"),
        ({"max_iterations": 2.5}, "max_iterations must be a whole number, got 2.5"),
        ({"timeout_s": 0}, "timeout_s must be greater than 0, got 0"),
        ({"timeout_s": "5"}, 'timeout_s must be a number, got "5"'),
        (
            {"stop_reason": "done"},
            "stop_reason must be 'goal_reached', 'max_iterations', 'token_budget', 'cost_budget', 'time_budget', "
            "'task_budget', 'policy', 'needs_clarification', 'no_progress', 'planning_failed', 'model_error', 'error' "
            "or 'cancelled', "
            'got "done"',
        ),
        ({"check": {}}, f"check must be an object with one of the known checks {KNOWN}, got {{}}"),
        (
            {"check": {"numbr": 1}},
            f'check must be an object with one of the known checks {KNOWN}, got {{"numbr": 1}}',
        ),
        ({"check": {"number": "8"}}, 'check.number must be a number, got "8"'),
        ({"check": {"number": True}}, "check.number must be a number, got true"),
        (
            {"check": {"number": 8, "contains": ["x"]}},
            "unknown field 'check.contains'; a check has one kind and its fields; all_of holds several",
        ),
        (
            {"check": {"number": 8, "tolerance": -1}},
            "check.tolerance must be greater than or equal to 0, got -1",
        ),
        ({"check": {"contains": []}}, "check.contains must have at least one item, got []"),
        ({"check": {"contains": ["x", 3]}}, "check.contains[1] must be a text, got 3"),
        (
            {"check": {"all_of": [{"number": 1}, {"all_of": [{"any_answer": False}]}]}},
            "check.all_of[1].all_of[0].any_answer must be true, got false",
        ),
        ({"check": {"function": "short"}}, 'check.function must be written module:name, got "short"'),
    ],
    ids=str,
)
def test_a_goal_that_will_not_do_is_named_with_its_field_and_value(fields: dict[str, Any], problem: str) -> None:
    good, bad = {**SUM, "id": "good"}, {**SUM, **fields}
    name = f" ('{bad['id']}')" if isinstance(bad["id"], str) else ""
    assert refusal_of(good, bad) == (
        f"--goals must be a file of goals, got 'goals.json': goal 2{name}: {problem}{WAY_OUT}"
    )


def test_a_long_value_is_quoted_in_part() -> None:
    assert refusal_of({**SUM, "tier": "x" * 5_000}).endswith(f'got "{"x" * 59}...{WAY_OUT}')


def test_ids_that_occur_more_than_once_are_named() -> None:
    two = {**SUM, "id": "two"}
    assert refusal_of(SUM, two, SUM, two, {**SUM, "id": "three"}) == (
        "--goals must be a file of goals, got 'goals.json': ids must be different, got more than once: sum, two; "
        "rename them"
    )


def test_an_unknown_field_beside_the_goals_is_named() -> None:
    assert refusal_of(SUM, goal=1) == (
        "--goals must be a file of goals, got 'goals.json': unknown field 'goal'; the fields are $schema, goals"
        + WAY_OUT
    )


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (
            "no_such_module:f",
            "must name a module that can be imported, got 'no_such_module:f': there is no module no_such_module in the "
            "current directory or among the installed packages; correct the name, or change to the directory that "
            "holds it",
        ),
        (
            "raising:f",
            "must name a module that can be imported, got 'raising:f': its import raised RuntimeError: first line; "
            "correct it, or set or install what is missing",
        ),
        (
            "own_checks:polight",
            "must name an object of its module, got 'own_checks:polight': there is no polight; nearest first, there "
            "are polite, limit, leaving, short, odd",
        ),
        (
            "own_checks:limit",
            "must name a function, got 'own_checks:limit', which is an object of type int; name a function that takes "
            "the answer",
        ),
        (
            "own_checks:1",
            "must be written MODULE:OBJECT, got 'own_checks:1'; such as my_agents:agent for agent of my_agents.py in "
            "the current directory",
        ),
    ],
)
def test_a_function_that_cannot_be_had_is_refused(function: str, problem: str) -> None:
    refused = refusal_of({**SUM, "check": {"all_of": [{"function": function}]}})
    assert refused == f"--goals 'goals.json': check.function of the goal sum {problem}"


@pytest.mark.parametrize(
    ("function", "raised"), [("broken", "LookupError"), ("odd", "TypeError"), ("leaving", "RuntimeError")]
)
def test_a_function_that_raises_or_says_neither_makes_the_verdict_an_error(function: str, raised: str) -> None:
    (goal,) = goals_of({**SUM, "check": {"function": f"own_checks:{function}"}})
    verdict = judge(goal, outcome("8"))
    assert (verdict.word, verdict.cause) == (VerdictWord.ERROR, Cause.CHECK)
    assert verdict.reasons == ["cause check", f"answer not judged: its check raised {raised}"]


def test_a_reason_that_no_file_can_hold_is_made_writable() -> None:
    (goal,) = goals_of({**SUM, "check": {"function": "own_checks:polite"}})
    assert judge(goal, outcome("8")).reasons == ["answer says \ufffd please"]


def test_goals_that_the_scripted_model_has_no_rules_for_are_refused() -> None:
    known, other, third = goals_of(SUM, {**SUM, "id": "own", "goal": "Tell a joke"}, {**SUM, "id": "x", "goal": "Sing"})
    check_scripts([known])
    with pytest.raises(ConfigurationError) as refused:
        check_scripts([known, other, third])
    assert str(refused.value) == (
        "--model scripted has no rules for goals of your own, got 'own' and 1 more; choose a model with --model, or an "
        "agent with --agent"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["--goals", "no/such.json"],
            "--goals must be a file that can be read, got 'no/such.json': No such file or directory; check the path",
        ),
        (
            ["--goals", "{folder}/goals.json"],
            "--model scripted has no rules for goals of your own, got 'own'; choose a model with --model, or an agent "
            "with --agent",
        ),
        (
            ["--goals", "{folder}/goals.json", "--save-baseline"],
            "--save-baseline without a FILE is for the benchmark's own goals and orchestrator, got --goals "
            "'{folder}/goals.json'; say in which file to keep the results",
        ),
        (
            ["--goals", "{folder}/goals.json", "--goal", "addition"],
            "--goal must be a known one, got 'addition'; the nearest are own",
        ),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_the_command_refuses_in_one_line(here: Path, arguments: list[str], line: str) -> None:
    goals_of({**SUM, "id": "own", "goal": "Tell a joke"})
    done = run_benchmark(here / "out", *(argument.format(folder=here) for argument in arguments))
    assert (done.returncode, done.stdout, done.stderr) == (4, "", f"error: {line.format(folder=here)}\n")
    assert not (here / "out").exists()


@pytest.mark.slow
def test_a_goals_file_is_listed_and_run_and_named_in_the_results(here: Path) -> None:
    goals_of({**SUM, "goal": "What is\n 5 + 3?"}, SUM | {"id": "a-goal-with-a-rather-long-id", "tier": "medium"})
    goals = str(here / "goals.json")
    listed = run_benchmark(here / "out", "--goals", goals, "--list")
    assert listed.stdout == (
        "sum                          simple     What is 5 + 3?\n"
        "a-goal-with-a-rather-long-id medium     What is 5 + 3?\n"
    )
    done = run_benchmark(here / "out", "--goals", goals, "--tier", "medium")
    assert (done.returncode, done.stderr) == (0, "")
    results = results_in(here / "out")
    assert [goal["id"] for goal in results["goals"]] == ["a-goal-with-a-rather-long-id"]
    assert (results["provenance"]["model"], results["provenance"]["goals_file"]) == ("scripted", goals)
    assert "10 or more goals" not in (here / "out/RESULTS.md").read_text()


def outcome(output: str) -> Any:
    from benchmarks.subjects.subject import Outcome

    metrics = PerformanceMetrics(iterations=1, input_tokens=9, output_tokens=1)
    return Outcome(output=output, status=Status.COMPLETED, stop_reason=StopReason.GOAL_REACHED, metrics=metrics)
