import asyncio
import threading
from typing import Any

import pytest
from pydantic_ai import Agent
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.messages import ModelResponse, TextPart
from pydantic_ai.usage import RequestUsage

from instrumentation.testing import Capture
from nanoagent import ConfigurationError, Event, ModelConfigurationError, Orchestrator, PerformanceMetrics, StopReason
from nanoagent.core.result import Status
from nanoagent.models.schemas import TaskSpec
from nanoagent.tracing.clock import RunClock
from nanoagent.tracing.model import traced
from tests.models import CannedModel, Reply, blocking, call, executed, final, plan, reflected, response
from tests.runs import Ran, add, prepared, ran


def ended(run: Ran) -> tuple[str, str, str]:
    assert run.result is not None
    return run.result.status, run.result.stop_reason, run.result.output


async def test_a_reached_goal_is_completed_with_the_reflectors_answer() -> None:
    model = CannedModel([plan("Add"), response(call("add", a=5, b=3)), executed("8"), reflected("It is 8.")])
    run = await ran(model)
    assert ended(run) == ("completed", "goal_reached", "It is 8.")
    assert (run.orchestrator.iteration, model.left) == (1, 0)


async def test_reflection_comes_at_every_third_iteration_and_when_nothing_is_pending() -> None:
    model = CannedModel(
        [
            plan("a", "b", "c", "d"),
            executed("A"),
            executed("B"),
            executed("C"),
            reflected(None),
            executed("D"),
            reflected("ABCD"),
        ]
    )
    run = await ran(model)
    assert ended(run) == ("completed", "goal_reached", "ABCD")
    assert run.orchestrator.metrics.api_calls == 7


async def test_tasks_are_executed_by_priority_then_by_age() -> None:
    tasks = [{"description": "low", "priority": 1}, {"description": "first"}, {"description": "second"}]
    urgent = {"description": "urgent", "priority": 10}
    model = CannedModel(
        [final({"tasks": [*tasks, urgent]}), *(executed(str(n)) for n in range(3)), reflected("done")],
    )
    run = await ran(model)
    asked = [prompt.rsplit(": ", 1)[-1] for prompt in model.prompts if "Your task" in prompt]
    assert asked == ["urgent", "first", "second"]
    assert ended(run)[1] == "goal_reached"


async def test_running_out_of_iterations_is_incomplete_and_keeps_the_results() -> None:
    model = CannedModel([plan("find a", "find b", "find c", "find d"), executed("A is 1"), executed("B is 2")])
    run = await ran(model, max_iterations=2)
    assert ended(run) == (
        "incomplete",
        "max_iterations",
        "Stopped at the limit of 2 iterations.\nResults so far:\n- find a: A is 1\n- find b: B is 2",
    )
    metrics = run.orchestrator.metrics
    assert (metrics.tasks_completed, metrics.tasks_total, model.left) == (2, 4, 0)


async def test_exactly_max_iterations_are_run_when_the_goal_never_ends() -> None:
    model = CannedModel(
        [
            plan("go on"),
            *(reply for n in range(3) for reply in (executed(f"step {n}"), reflected(None, new_tasks=[f"go on {n}"]))),
        ]
    )
    run = await ran(model, max_iterations=3)
    assert ended(run)[:2] == ("incomplete", "max_iterations")
    assert [row.iteration for row in run.orchestrator.metrics.by_iteration] == [1, 2, 3]


async def test_nothing_left_to_do_without_the_goal_is_no_progress() -> None:
    model = CannedModel([plan("Look it up"), executed("not found", success=False), reflected(None, gaps=["the fact"])])
    run = await ran(model)
    assert ended(run) == (
        "incomplete",
        "no_progress",
        "Stopped without reaching the goal: nothing is left to do.\n"
        "- missing: the fact\nResults so far:\n- Look it up: not found",
    )


async def test_new_tasks_that_repeat_old_ones_are_dropped_and_end_in_no_progress() -> None:
    model = CannedModel([plan("Look it up"), executed("no"), reflected(None, new_tasks=["  look IT up. "])])
    run = await ran(model)
    assert ended(run)[:2] == ("incomplete", "no_progress")
    assert run.orchestrator.metrics.tasks_total == 1


async def test_a_failed_task_is_not_retried_by_itself() -> None:
    model = CannedModel(
        [
            plan("try"),
            executed("broke", success=False),
            reflected(None, new_tasks=["other way"]),
            executed("ok"),
            reflected("ok"),
        ]
    )
    run = await ran(model)
    assert ended(run) == ("completed", "goal_reached", "ok")
    assert [task.status for task in run.orchestrator.todo.tasks] == ["failed", "done"]


async def test_questions_and_no_tasks_need_clarification() -> None:
    model = CannedModel([plan(questions=["Which year?", "Which city?"])])
    run = await ran(model)
    assert ended(run) == ("incomplete", "needs_clarification", "Which year?\nWhich city?")
    assert run.orchestrator.metrics.iterations == 0


async def test_a_nonsense_plan_is_asked_for_once_more_and_both_calls_count() -> None:
    nonsense = response(TextPart("I will do it!"), input_tokens=100, output_tokens=20)
    model = CannedModel([nonsense, plan("Add", input_tokens=120, output_tokens=15), executed("8"), reflected("8")])
    run = await ran(model)
    planning = run.orchestrator.metrics.by_phase[0]
    assert (planning.phase, planning.api_calls, planning.input_tokens, planning.output_tokens) == ("plan", 2, 220, 35)


@pytest.mark.parametrize(
    "answers",
    [
        [response(TextPart("no")), response(TextPart("plan"))],
        [plan(), plan()],
    ],
    ids=["nonsense", "empty"],
)
async def test_two_plans_that_are_none_are_planning_failed(answers: list[ModelResponse]) -> None:
    run = await ran(CannedModel(answers))
    assert ended(run) == ("failed", "planning_failed", "Stopped: no plan could be made.")
    assert run.result is not None
    assert run.result.error is not None
    assert run.result.error.startswith("UnexpectedModelBehavior: ")
    assert run.result.metrics.error_type == "pydantic_ai.exceptions.UnexpectedModelBehavior"


@pytest.mark.parametrize(
    "error",
    [ModelHTTPError(503, "canned"), RuntimeError("the client broke"), TimeoutError("the provider's own")],
    ids=["http", "any", "timeout"],
)
@pytest.mark.parametrize("before", [0, 1, 2], ids=["planning", "executing", "reflecting"])
async def test_a_provider_that_raises_is_a_model_error(error: Exception, before: int) -> None:
    good: list[Reply] = [plan("Add"), executed("8")]
    run = await ran(CannedModel([*good[:before], error]), timeout_s=60)
    assert ended(run)[:2] == ("failed", "model_error")
    assert run.result is not None
    assert run.result.error == f"{type(error).__name__}: {error}"
    assert run.result.metrics.failed_api_calls == 1


async def test_results_before_a_model_error_are_kept() -> None:
    run = await ran(CannedModel([plan("find a", "find b"), executed("A is 1"), ModelHTTPError(500, "canned")]))
    assert ended(run)[2].endswith("Results so far:\n- find a: A is 1")


async def test_an_error_that_is_not_the_models_is_an_error() -> None:
    class Faulty(Orchestrator):
        async def _iterate(self, *args: Any) -> Any:
            raise LookupError("our own bug")

    captured = Capture()
    orchestrator = Faulty("goal", model=CannedModel([plan("Add")]), tracer_provider=captured.provider)
    result = await orchestrator.run()
    assert (result.status, result.stop_reason, result.error) == ("failed", "error", "LookupError: our own bug")


async def test_the_token_budget_is_passed_by_at_most_one_call() -> None:
    def step(tokens: int) -> ModelResponse:
        return response(call("add", a=1, b=1), input_tokens=tokens, output_tokens=0)

    model = CannedModel([plan("Add", input_tokens=90, output_tokens=10), step(100), step(101), step(100)])
    run = await ran(model, max_tokens=300)
    assert ended(run) == ("incomplete", "token_budget", "Stopped at the budget of 300 tokens.")
    metrics = run.orchestrator.metrics
    assert (metrics.tokens_used, metrics.api_calls, metrics.error_type, model.left) == (301, 3, None, 1)
    assert "ERROR" not in run.tree


async def test_a_budget_that_is_spent_exactly_allows_no_further_call() -> None:
    model = CannedModel([plan("Add", input_tokens=290, output_tokens=10), executed("8")])
    run = await ran(model, max_tokens=300)
    assert (ended(run)[1], model.left) == ("token_budget", 1)


async def test_the_time_budget_cancels_the_call_in_flight() -> None:
    async def hang() -> ModelResponse:
        await asyncio.Event().wait()
        raise AssertionError

    run = await ran(CannedModel([plan("find a", "find b"), executed("A is 1"), hang]), timeout_s=0.5)
    assert ended(run) == (
        "incomplete",
        "time_budget",
        "Stopped at the time limit of 0.5 s.\nResults so far:\n- find a: A is 1",
    )
    metrics = run.orchestrator.metrics
    assert (metrics.cancelled_api_calls, metrics.failed_api_calls, metrics.error_type) == (1, 0, None)


async def test_tasks_beyond_the_task_budget_are_refused_and_the_rest_is_done() -> None:
    model = CannedModel([plan("a", "b", "c"), executed("A"), executed("B"), reflected(None)])
    run = await ran(model, max_tasks=2)
    assert ended(run)[:2] == ("incomplete", "task_budget")
    assert (run.orchestrator.metrics.tasks_completed, run.orchestrator.metrics.tasks_total) == (2, 2)


async def test_a_reflection_completes_and_cancels_pending_tasks_and_passes_over_unknown_ids() -> None:
    model = CannedModel(
        [
            plan("a", "b", "c", "d", "e"),
            *(executed(x) for x in "ABC"),
            reflected(None, complete_ids=["t4", "t99"], cancel_ids=["t5", "t1"]),
        ]
    )
    run = await ran(model)
    assert [task.status for task in run.orchestrator.todo.tasks] == ["done", "done", "done", "done", "cancelled"]
    assert ended(run)[:2] == ("incomplete", "no_progress")


async def test_a_reflection_that_makes_no_sense_leaves_the_goal_unreached() -> None:
    nonsense = [response(TextPart("well...")) for _ in range(3)]
    run = await ran(CannedModel([plan("a"), executed("A"), *nonsense]))
    assert ended(run)[:2] == ("incomplete", "no_progress")
    assert "no judgement: UnexpectedModelBehavior" in ended(run)[2]


async def test_done_without_an_answer_is_asked_for_again() -> None:
    model = CannedModel([plan("a"), executed("A"), final({"done": True, "answer": " "}), reflected("A")])
    run = await ran(model)
    assert ended(run) == ("completed", "goal_reached", "A")


async def test_an_executor_that_never_answers_in_form_fails_the_task_not_the_run() -> None:
    nonsense = [response(TextPart("hm")) for _ in range(3)]
    run = await ran(
        CannedModel([plan("a"), *nonsense, reflected(None, new_tasks=["b"]), executed("B"), reflected("B")])
    )
    assert ended(run) == ("completed", "goal_reached", "B")
    assert run.orchestrator.todo.tasks[0].status == "failed"


async def test_a_null_in_the_usage_details_is_unknown_and_harmless() -> None:
    def usage() -> RequestUsage:
        return RequestUsage(input_tokens=10, output_tokens=2, details={"reasoning_tokens": None})  # type: ignore[dict-item]

    model = CannedModel(
        [
            plan("a", usage=usage()),
            response(call("add", a=1, b=2), usage=usage()),
            executed("3", usage=usage()),
            reflected("3", usage=usage()),
        ]
    )
    run = await ran(model)
    metrics = run.orchestrator.metrics
    assert (metrics.input_tokens, metrics.output_tokens, metrics.reasoning_tokens) == (40, 8, None)
    assert (metrics.unmeasured_api_calls, metrics.cached_input_tokens) == (0, 0)


async def test_input_tokens_that_are_not_told_are_unknown_and_the_sum_is_a_lower_bound() -> None:
    untold = RequestUsage(input_tokens=None, output_tokens=98)
    run = await ran(CannedModel([plan(questions=["what?"], usage=untold)]))
    metrics = run.orchestrator.metrics
    assert (metrics.input_tokens, metrics.output_tokens, metrics.tokens_used) == (None, 98, 98)
    assert (metrics.api_calls, metrics.unmeasured_api_calls, metrics.complete) == (1, 1, True)


async def test_a_usage_that_says_nothing_is_unknown_not_zero() -> None:
    run = await ran(CannedModel([plan(questions=["what?"], usage=RequestUsage())]))
    metrics = run.orchestrator.metrics
    assert (metrics.input_tokens, metrics.output_tokens, metrics.unmeasured_api_calls) == (None, None, 1)


async def test_a_wall_clock_that_steps_back_does_not_move_the_run() -> None:
    wall = iter([1_700_000_000_000_000_000, 1_700_000_000_000_000_000 - 3_600_000_000_000])
    monotonic = iter(range(0, 10**9, 10**6))
    clock = RunClock(wall_ns=lambda: next(wall), monotonic_ns=lambda: next(monotonic))
    model = CannedModel([plan("a", "b"), executed("A"), executed("B"), reflected("AB")])
    run = await ran(model, clock=clock)
    spans = sorted(run.captured.spans, key=lambda span: span.start_time or 0)
    assert all((span.end_time or 0) >= (span.start_time or 0) for span in spans)
    assert [dict(span.attributes or {})["nanoagent.iteration"] for span in spans if span.name == "iteration"] == [1, 2]
    assert 0 < run.orchestrator.metrics.duration_seconds() < 1


async def test_the_stream_tells_what_happens_with_live_numbers() -> None:
    model = CannedModel([plan("a"), response(call("add", a=1, b=2)), executed("3"), reflected("3")])
    orchestrator, _ = prepared(model)
    events: list[Event] = []
    orchestrator.stream.subscribe(events.append)
    result = await orchestrator.run()
    assert [event.type for event in events] == [
        "run_started", "plan", "task", "reflection", "iteration", "run_finished",
    ]  # fmt: skip
    so_far: PerformanceMetrics = events[4].data["metrics"]
    assert (so_far.status, so_far.iterations, so_far.api_calls, so_far.tasks_completed) == ("running", 1, 4, 1)
    assert so_far.duration_seconds() > 0
    assert events[5].data == {
        "status": Status.COMPLETED,
        "stop_reason": StopReason.GOAL_REACHED,
        "output": "3",
        "metrics": result.metrics,
    }


async def test_a_subscriber_that_raises_is_logged_and_harms_nothing(caplog: pytest.LogCaptureFixture) -> None:
    orchestrator, _ = prepared(CannedModel([plan(questions=["?"])]))
    orchestrator.stream.subscribe(lambda event: 1 / 0)
    result = await orchestrator.run()
    assert result.stop_reason == "needs_clarification"
    assert "a subscriber failed on the event run_started" in caplog.text


async def test_an_orchestrator_runs_once() -> None:
    orchestrator, _ = prepared(CannedModel([plan(questions=["?"])]))
    await orchestrator.run()
    with pytest.raises(RuntimeError, match="make a new one for each run"):
        await orchestrator.run()


@pytest.mark.parametrize("goal", ["", "  \n", None, 5])
def test_a_goal_that_says_nothing_is_refused(goal: Any) -> None:
    with pytest.raises(ConfigurationError, match="goal must be a text"):
        Orchestrator(goal)


@pytest.mark.parametrize("limit", ["max_iterations", "max_tokens", "max_tasks", "timeout_s"])
@pytest.mark.parametrize("value", [0, -1, True, "3", float("nan"), float("inf")])
def test_a_limit_that_is_none_is_refused_with_its_name_and_value(limit: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=limit) as refused:
        Orchestrator("goal", **{limit: value})
    assert repr(value) in str(refused.value)


def test_a_model_for_all_and_one_for_each_are_not_both_taken() -> None:
    from nanoagent import ModelSettings

    with pytest.raises(ConfigurationError, match="model and models"):
        Orchestrator("goal", model="test", models=ModelSettings(model="test"))


async def test_without_a_model_the_error_names_the_setting() -> None:
    with pytest.raises(ModelConfigurationError, match="NANOAGENT_MODEL"):
        await Orchestrator("goal").run()


async def test_fifty_concurrent_runs_do_not_mix() -> None:
    captured = Capture()

    def orchestrator(n: int) -> Orchestrator:
        tokens: dict[str, Any] = {"input_tokens": n, "output_tokens": 1}
        replies = [
            plan(f"add {n}", **tokens), response(call("add", a=n, b=n), **tokens),
            executed(str(2 * n), **tokens), reflected(f"answer {n}", **tokens),
        ]  # fmt: skip
        made = Orchestrator(f"goal {n}", model=_Yielding(replies), run_id=f"run-{n}", tracer_provider=captured.provider)
        made.registry.register("add", add)
        return made

    runs = [orchestrator(n) for n in range(1, 51)]
    results = await asyncio.gather(*(run.run() for run in runs))
    for n, result in enumerate(results, start=1):
        assert (result.output, result.metrics.run_id) == (f"answer {n}", f"run-{n}")
        assert (result.metrics.input_tokens, result.metrics.output_tokens) == (4 * n, 4)
        assert result.metrics.complete is True
        live = captured.aggregator.get(f"run-{n}")
        assert live is not None
        assert live.to_dict() | {"goal": f"goal {n}"} == result.metrics.to_dict()
    trace_ids = {result.metrics.trace_id for result in results}
    assert (len(trace_ids), len(captured.spans)) == (50, 50 * 10)


class _Yielding(CannedModel):
    """Lets every other task go on before it answers."""

    async def request(self, *args: Any) -> ModelResponse:
        for _ in range(3):
            await asyncio.sleep(0)
        return await super().request(*args)


async def test_a_run_in_each_of_several_threads_keeps_to_itself() -> None:
    captured = Capture()
    outputs: dict[int, str] = {}

    def work(n: int) -> None:
        model = CannedModel([plan("a"), executed(str(n)), reflected(str(n))])
        result = asyncio.run(Orchestrator(f"goal {n}", model=model, tracer_provider=captured.provider).run())
        assert result.metrics.complete is True
        outputs[n] = result.output

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert outputs == {n: str(n) for n in range(8)}


async def test_cancelling_at_every_step_ends_every_span_and_is_raised_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def canned() -> CannedModel:
        return _Yielding(
            [plan("a", "b"), response(call("add", a=1, b=1)), executed("A"), executed("B"), reflected("AB")]
        )

    cancelled = 0
    for steps in range(1, 10_000):
        orchestrator, captured = prepared(canned())
        task = asyncio.create_task(orchestrator.run())
        for _ in range(steps):
            await asyncio.sleep(0)
        if not task.cancel():
            break
        cancelled += 1
        with pytest.raises(asyncio.CancelledError):
            await task
        _assert_all_ended(orchestrator, captured)
    assert cancelled > 50
    assert "detach" not in caplog.text


def _assert_all_ended(orchestrator: Orchestrator, captured: Capture) -> None:
    if orchestrator._run is None or not captured.spans:
        return  # cancelled before it began
    run = Ran(orchestrator=orchestrator, result=None, captured=captured)
    assert orchestrator.metrics == run.live
    assert (orchestrator.metrics.status, orchestrator.metrics.complete) == ("cancelled", True)
    root = captured.spans[-1]
    assert root.attributes is not None
    assert root.attributes["error.type"] == "asyncio.exceptions.CancelledError"


async def test_what_a_tool_leaves_running_ends_with_the_run_and_is_marked() -> None:
    left: list[asyncio.Task[object]] = []
    begun = asyncio.Event()
    inner = CannedModel([blocking(begun)], name="inner")

    async def start() -> str:
        """Start a call and do not wait for its end."""
        left.append(asyncio.get_running_loop().create_task(Agent(traced(inner)).run("hi")))
        await begun.wait()
        return "started"

    orchestrator, captured = prepared(
        CannedModel([plan("a"), response(call("start")), executed("A"), reflected("A")]), tools=(start,)
    )
    await orchestrator.run()
    run = Ran(orchestrator=orchestrator, result=None, captured=captured)
    assert orchestrator.metrics == run.live
    spans = {span.name: span for span in run.captured.spans}
    abandoned = spans["chat inner"]
    assert abandoned.attributes is not None
    assert abandoned.attributes["nanoagent.abandoned"] is True
    assert run.orchestrator.metrics.cancelled_api_calls == 1
    assert (abandoned.end_time or 0) < (spans["invoke_workflow nanoagent"].end_time or 0)
    left[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await left[0]
    assert len(run.captured.spans) == 11


def test_task_specs_take_plain_text() -> None:
    assert TaskSpec.model_validate("do it") == TaskSpec(description="do it", priority=5)


async def test_a_tool_that_awaits_something_cancelled_has_failed_and_the_run_goes_on() -> None:
    async def wait_for_cancelled() -> str:
        """Await a future that was cancelled."""
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        future.cancel()
        return await future

    replies = [plan("a"), response(call("wait_for_cancelled")), executed("no", success=False), reflected("gave up")]
    run = await ran(CannedModel(replies), tools=(wait_for_cancelled,))
    assert ended(run) == ("completed", "goal_reached", "gave up")
    assert run.orchestrator.metrics.failed_tool_calls == 1


async def test_nothing_of_a_run_starts_after_it_has_ended() -> None:
    left: list[asyncio.Task[Any]] = []
    over = asyncio.Event()
    inner = CannedModel([response(TextPart("late"))], name="inner")

    async def ask_later() -> str:
        await over.wait()
        return (await Agent(traced(inner)).run("hi")).output

    async def start() -> str:
        """Start something that calls a model when the run is over."""
        left.append(asyncio.create_task(ask_later()))
        return "started"

    run = await ran(CannedModel([plan("a"), response(call("start")), executed("A"), reflected("A")]), tools=(start,))
    spans, metrics = len(run.captured.spans), run.orchestrator.metrics
    over.set()
    assert await left[0] == "late"
    assert (len(run.captured.spans), run.orchestrator.metrics) == (spans, metrics)


def test_a_time_limit_that_no_clock_can_hold_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="timeout_s must be a positive number"):
        Orchestrator("goal", timeout_s=10**400)
