"""A user's own agent: what `--agent` takes, how its runs are judged, and the one line that says why it cannot run."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.judging.outcomes import Ending, ending_of
from benchmarks.results.results import Attempt
from benchmarks.subjects.agents import subject_of
from benchmarks.suite import checks
from benchmarks.suite.goals import GOALS, Goal, Tier
from instrumentation.testing import Capture, TickingClock
from nanoagent.core.result import StopReason
from nanoagent.errors import ConfigurationError
from tests.benchmarks.attempted import attempted
from tests.commands import results_in, run_benchmark

GOAL = dataclasses.replace(GOALS[0], timeout_s=30.0)
OWN = "tests.benchmarks.own_agents"


def said_of(refused: pytest.ExceptionInfo[ConfigurationError]) -> str:
    return str(refused.value).replace(OWN, "OWN")


async def attempts_at(
    name: str, goals: Sequence[Goal] = (GOAL,), *, model: str | None = None, **options: Any
) -> list[Attempt]:
    return await attempted(subject_of(f"{OWN}:{name}", model, goals[0]), goals, **options)


def judged(attempt: Attempt) -> tuple[str, str | None, list[str]]:
    verdict = attempt.verdict
    return verdict.word.value, verdict.cause.value if verdict.cause else None, verdict.reasons


async def test_an_agent_is_judged_by_ending_answer_and_tokens_and_has_no_iterations() -> None:
    (attempt,) = await attempts_at("eight")
    assert [criterion.text for criterion in attempt.verdict.criteria] == [
        "status completed",
        "answer holds 8",
        f"tokens {attempt.metrics.tokens_used} of <10,000",
    ]
    metrics = attempt.metrics
    assert (metrics.goal, metrics.iterations, metrics.tasks_total, metrics.stop_reason, metrics.api_calls) == (
        GOAL.text,
        None,
        None,
        None,
        1,
    )
    assert (attempt.verdict.word.value, metrics.complete, attempt.answer) == ("pass", True, "It is 8.")


async def test_a_function_may_make_the_agent() -> None:
    (attempt,) = await attempts_at("make_agent")
    assert judged(attempt) == ("pass", None, [])


async def test_a_structured_output_is_judged_as_json() -> None:
    (attempt,) = await attempts_at("structured")
    assert attempt.answer == '{"total":8,"terms":[5,3]}'


async def test_a_wrong_answer_and_a_spent_budget_fail() -> None:
    goal = dataclasses.replace(GOAL, check=checks.number(9))
    (attempt,) = await attempts_at("eight", [goal])
    assert judged(attempt) == ("fail", None, ["answer does not hold 9; its numbers are 8"])
    wordy = dataclasses.replace(GOAL, text="word " * 12_000)
    (attempt,) = await attempts_at("eight", [wordy])
    assert judged(attempt) == ("fail", None, [f"tokens {attempt.metrics.tokens_used:,} of <10,000"])


async def test_an_agent_that_raises_fails_and_says_why() -> None:
    said: list[str] = []
    (attempt,) = await attempts_at("failing", said=said)
    assert judged(attempt) == (
        "fail",
        None,
        ["status failed (LookupError), expected completed", "answer does not hold 8; its numbers are none"],
    )
    assert (attempt.metrics.failed_tool_calls, attempt.metrics.status) == (1, "failed")
    assert said == ["addition: LookupError: no such number"]


async def test_a_model_that_refuses_is_an_error() -> None:
    said: list[str] = []
    (attempt,) = await attempts_at("refused", said=said)
    word, cause, reasons = judged(attempt)
    assert (word, cause, reasons[1]) == ("error", "model_error", "status failed (ModelHTTPError), expected completed")
    assert said == ["addition: ModelHTTPError: status_code: 401, model_name: told, body: bad key"]
    (attempt,) = await attempts_at("refused", [dataclasses.replace(GOAL, stop_reason=StopReason.MODEL_ERROR)])
    assert (attempt.verdict.word.value, attempt.verdict.criteria[0].text) == ("fail", "status failed (ModelHTTPError)")


async def test_an_agent_is_stopped_at_the_time_limit_of_the_goal() -> None:
    (attempt,) = await attempts_at("waiting", [dataclasses.replace(GOAL, timeout_s=0.05)])
    word, cause, reasons = judged(attempt)
    assert (word, cause, reasons[0]) == (
        "fail",
        None,
        "status incomplete (time limit of 0.05 s), expected completed",
    )
    assert (attempt.metrics.status, attempt.metrics.cancelled_api_calls) == ("cancelled", 1)


async def test_a_stop_reason_is_not_asked_of_an_agent() -> None:
    impossible = dataclasses.replace(
        GOAL, tier=Tier.IMPOSSIBLE, check=checks.any_answer(), stop_reason=StopReason.NO_PROGRESS
    )
    (attempt,) = await attempts_at("eight", [impossible])
    assert judged(attempt) == ("pass", None, [])


async def test_an_agent_is_traced_from_outside_under_its_attempt() -> None:
    captured = Capture()
    (attempt,) = await attempts_at("adding", tracer_provider=captured.provider, make_clock=TickingClock)
    assert sorted(span.name for span in captured.spans) == [
        "benchmark goal",
        "chat test",
        "chat test",
        "execute_tool add",
        "invoke_agent adding",
    ]
    assert {f"{span.context.trace_id:032x}" for span in captured.spans} == {attempt.trace_id}
    (top,) = [span for span in captured.spans if span.parent is None]
    assert (top.attributes or {})["nanoagent.benchmark.model"] == f"agent {OWN}:adding (test:test)"
    live = captured.aggregator.get(attempt.metrics.run_id or "")
    assert live is not None
    assert dataclasses.replace(live, goal=GOAL.text) == attempt.metrics


async def test_an_agent_with_tracing_of_its_own_is_counted_once() -> None:
    captured = Capture()
    (attempt,) = await attempts_at("traced", tracer_provider=captured.provider)
    assert (attempt.metrics.api_calls, attempt.verdict.word.value) == (1, "pass")
    assert sorted(span.name for span in captured.spans) == ["benchmark goal", "chat told", "invoke_agent own"]
    (root,) = [span for span in captured.spans if span.name == "invoke_agent own"]
    assert (root.attributes or {})["gen_ai.agent.version"] == "7"


async def test_an_agent_is_stopped_at_its_own_budget() -> None:
    said: list[str] = []
    (attempt,) = await attempts_at("frugal", said=said)
    word, cause, reasons = judged(attempt)
    assert (word, cause, reasons[0]) == (
        "fail",
        None,
        "status incomplete (the budget of 20 tokens), expected completed",
    )
    assert (attempt.metrics.status, attempt.metrics.api_calls, said) == ("incomplete", 1, [])
    assert ending_of(attempt) is Ending.LIMIT


async def test_an_agent_has_the_tools_that_a_goal_brings() -> None:
    (stock,) = [goal for goal in GOALS if goal.id == "silent-warehouse"]
    (attempt,) = await attempts_at("eight", [stock], model="test")
    assert attempt.metrics.tool_calls >= 1


async def test_an_agent_runs_with_the_model_that_is_asked_for() -> None:
    assert subject_of(f"{OWN}:eight", None, GOAL).name == f"agent {OWN}:eight (function:told)"
    assert subject_of(f"{OWN}:without_model", "test", GOAL).name == f"agent {OWN}:without_model (test)"
    (attempt,) = await attempts_at("eight", model="test")
    assert attempt.metrics.models == ("test",)


async def test_an_orchestrator_of_ones_own_is_judged_in_everything() -> None:
    (attempt,) = await attempts_at("orchestrator")
    assert judged(attempt) == ("pass", None, [])
    assert [criterion.name for criterion in attempt.verdict.criteria] == [
        "status",
        "stop_reason",
        "answer",
        "iterations",
        "tokens",
        "max_iterations",
    ]
    assert (attempt.metrics.iterations, attempt.metrics.goal) == (1, GOAL.text)


async def test_a_function_that_makes_orchestrators_is_given_what_it_takes() -> None:
    captured = Capture()
    goal = dataclasses.replace(GOAL, max_iterations=2)
    (attempt,) = await attempts_at("endless", [goal], tracer_provider=captured.provider)
    assert (attempt.metrics.iterations, attempt.metrics.stop_reason) == (2, "max_iterations")
    assert {"benchmark goal", "invoke_workflow nanoagent"} <= {span.name for span in captured.spans}


@pytest.mark.parametrize("name", ["slow", "slow_and_told"])
async def test_an_orchestrator_is_stopped_at_the_time_limit_of_the_goal(name: str) -> None:
    (attempt,) = await attempts_at(name, [dataclasses.replace(GOAL, timeout_s=0.05)])
    word, cause, reasons = judged(attempt)
    assert (word, cause, reasons[:2]) == (
        "fail",
        None,
        ["status incomplete, expected completed", "stop reason time_budget, expected goal_reached"],
    )


KINDS = (
    "--agent must name a pydantic-ai Agent, a function without arguments that makes one, or a function that takes a "
    "goal's text and makes an Orchestrator"
)


@pytest.mark.parametrize(
    ("reference", "line"),
    [
        (
            "own_agents",
            "--agent must be written MODULE:OBJECT, got 'own_agents'; such as my_agents:agent for agent of "
            "my_agents.py in the current directory",
        ),
        (
            "no_such.module:agent",
            "--agent must name a module that can be imported, got 'no_such.module:agent': there is no module no_such "
            "in the current directory or among the installed packages; correct the name, or change to the "
            "directory that holds it",
        ),
        (
            f"{OWN}:eigth",
            "--agent must name an object of its module, got 'OWN:eigth': there is no eigth; nearest first, there "
            "are eight, leaving, wait, make_exit, Agent",
        ),
        (f"{OWN}:number", f"{KINDS}, got 'OWN:number', which is an object of type int"),
        (
            f"{OWN}:make_number",
            f"{KINDS}, got 'OWN:make_number', which is a function that makes an object of type int",
        ),
        (
            f"{OWN}:number_for",
            f"{KINDS}, got 'OWN:number_for', which is a function that makes an object of type int",
        ),
        (f"{OWN}:make_later", f"{KINDS}, got 'OWN:make_later', which is an async function"),
        (
            f"{OWN}:make_nothing",
            "--agent must name what can be made, got 'OWN:make_nothing': it raised OSError: no license; correct "
            "it, or set or install what is missing",
        ),
        (
            f"{OWN}:make_exit",
            "--agent must name what can be made, got 'OWN:make_exit': it raised SystemExit: 3; correct it, or set "
            "or install what is missing",
        ),
        (
            f"{OWN}:without_model",
            "--agent must name an agent whose model can be used, got 'OWN:without_model': it has no model; set "
            "what is missing, or choose another model",
        ),
        (
            f"{OWN}:without_models",
            "--agent must name an agent whose model can be used, got 'OWN:without_models': no model is "
            "configured: set NANOAGENT_MODEL (for example openai:gpt-5-mini), or pass model=; set what is missing, or "
            "choose another model",
        ),
    ],
)
def test_what_cannot_be_benchmarked_is_refused_in_one_line(reference: str, line: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        subject_of(reference, None, GOAL)
    assert said_of(refused) == line


def test_a_missing_key_or_package_is_found_before_anything_runs() -> None:
    with pytest.raises(ConfigurationError) as refused:
        subject_of(f"{OWN}:without_key", None, GOAL)
    assert said_of(refused).startswith("--agent must name an agent whose model can be used, got 'OWN:without_key': ")
    assert str(refused.value).endswith("; set what is missing, or choose another model")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "model", "line"),
    [
        (
            "eight",
            "nosuch:model",
            "--model must name a model that can be used, got 'nosuch:model': Unknown model: nosuch:model; set what is "
            "missing, or leave --model out for the agent's own model",
        ),
        (
            "eight",
            "scripted",
            "--model must be a model that agents can use, got 'scripted': its rules are for the benchmark's own "
            "orchestrator; leave out --model for the agent's own model, or choose another one",
        ),
        (
            "orchestrator",
            "test",
            "--model must be left out with --agent 'OWN:orchestrator', got 'test': that function makes an "
            "Orchestrator, which has models of its own; choose them there, or by NANOAGENT_MODEL",
        ),
    ],
)
def test_a_model_that_an_agent_cannot_run_with_is_refused(name: str, model: str, line: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        subject_of(f"{OWN}:{name}", model, GOAL)
    assert said_of(refused) == line


@pytest.mark.slow
def test_the_command_refuses_an_agent_in_one_line_and_leaves_results_as_they_were(tmp_path: Path) -> None:
    done = run_benchmark(tmp_path / "out", "--agent", "no_such_module:agent")
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith("error: --agent must name a module that can be imported, got 'no_such_module:agent'")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
    done = run_benchmark(tmp_path / "out", "--agent", "no_such_module:agent", "--save-baseline")
    assert (done.returncode, done.stderr) == (
        4,
        "error: --save-baseline without a FILE is for the benchmark's own goals and orchestrator, got --agent "
        "'no_such_module:agent'; say in which file to keep the results\n",
    )


@pytest.mark.slow
def test_an_agent_that_ends_the_process_ends_the_run_in_one_line_with_what_is_done(tmp_path: Path) -> None:
    done = run_benchmark(tmp_path, "--agent", f"{OWN}:leaving", "--goal", "addition")
    assert (done.returncode, done.stderr) == (
        4,
        f"error: agent {OWN}:leaving (test:test) must not end the process, got sys.exit(5) in a run; let it raise "
        "another exception instead\n",
    )
    assert "Interrupted: 0 of 1 goal is judged and kept; go on with:\n" in done.stdout
    assert results_in(tmp_path)["interrupted"] is True


@pytest.mark.slow
def test_the_report_of_an_agent_leaves_out_what_it_does_not_have(tmp_path: Path) -> None:
    options = ["--agent", "tests.benchmarks.own_agents:adding", "--goal", "addition", "--goal", "phone-call"]
    done = run_benchmark(tmp_path / "out", *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert "addition    simple      pass              -" in done.stdout
    report = (tmp_path / "out/RESULTS.md").read_text()
    assert "once each, on the agent tests.benchmarks.own\\_agents:adding (test:test); token counts are the" in report
    assert "An agent of your own is one piece: its work has no phases." in report
    assert "iterations |" not in report.split("## Success criteria")[1]
    assert "| phone-call | Telephone the office and ask when it closes | completed; any answer |" in report
    results = results_in(tmp_path / "out")
    assert [goal["attempts"][0]["metrics"]["iterations"] for goal in results["goals"]] == [None, None]
