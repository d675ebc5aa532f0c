"""`Tracing`: any pydantic-ai agent, with the same spans and the same numbers."""

from typing import Any

import pytest
from pydantic_ai import Agent, ApprovalRequired, DeferredToolRequests, DeferredToolResults, RunContext, Tool
from pydantic_ai.direct import model_request
from pydantic_ai.exceptions import ModelHTTPError, UnexpectedModelBehavior
from pydantic_ai.messages import ModelRequest, TextPart
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.toolsets import FunctionToolset

from instrumentation.testing import Capture, TickingClock, tree_text
from nanoagent import ConfigurationError, Orchestrator, PerformanceMetrics, Tracing, traced, traced_run, traced_toolset
from tests.models import CannedModel, call, priced, response
from tests.runs import add, broken
from tests.snapshot import assert_matches


def tracing(captured: Capture, **options: Any) -> Tracing:
    return Tracing(tracer_provider=captured.provider, clock=TickingClock(), run_id="run-1", **options)


def live(captured: Capture) -> PerformanceMetrics:
    metrics = captured.aggregator.get("run-1")
    assert metrics is not None
    return metrics


def text(words: str = "done", **usage: Any) -> Any:
    return response(TextPart(words), **usage)


def root(captured: Capture) -> dict[str, Any]:
    return dict(captured.spans[-1].attributes or {})


async def test_an_agents_run_is_a_tree_with_the_same_spans_and_self_counts() -> None:
    captured, own = Capture(), list[PerformanceMetrics]()
    model = CannedModel(
        [
            response(call("add", a=5, b=3), call("broken", "c2", why="secret"), call("nope", "c3"), **priced("0.25")),
            text("8", **priced("0.5")),
        ]
    )
    agent = Agent(
        model,
        name="calculator",
        instructions="Be brief.",
        toolsets=[FunctionToolset([add])],
        tools=[Tool(broken, name="broken")],
        capabilities=[tracing(captured, attributes={"user.id": "42"}, agent_version="1.4.0", on_complete=own.append)],
    )
    with pytest.raises(ValueError, match="secret"):
        await agent.run("What is 5 + 3?")
    model._replies = [response(call("add", a=5, b=3)), text("8")]
    assert (live(captured).status, live(captured).error_type, live(captured).complete) == ("failed", "ValueError", True)
    again = Capture()
    result = await agent.run("What is 5 + 3?", capabilities=[tracing(again, on_complete=own.append, agent_version="2")])
    assert_matches("traced_agent", tree_text(again.spans))
    metrics = live(again)
    assert own == [live(captured), metrics]
    assert (metrics.api_calls, metrics.tool_calls) == (result.usage.requests, result.usage.tool_calls) == (2, 1)
    assert (metrics.input_tokens, metrics.output_tokens) == (result.usage.input_tokens, result.usage.output_tokens)
    assert (metrics.status, metrics.stop_reason, metrics.iterations, metrics.tasks_completed, metrics.tasks_total) == (
        "completed",
        None,
        None,
        None,
        None,
    )
    assert (metrics.by_phase, metrics.by_iteration, metrics.complete) == ((), (), True)
    assert PerformanceMetrics.from_dict(metrics.to_dict()) == metrics


async def test_the_callers_facts_the_version_and_the_hash_of_the_prompts_are_on_the_root() -> None:
    hashes = []
    for instructions in ("Be brief.", "Be brief.", "Be long."):
        captured = Capture()
        facts = {"user.id": "42", "gen_ai.conversation.id": "c-7", "experiment.arms": ["a", "b"], "beta": True}
        agent = Agent(
            CannedModel([text()]),
            instructions=instructions,
            capabilities=[tracing(captured, attributes=facts, agent_version="1.4.0")],
        )
        await agent.run("go")
        attributes = root(captured)
        assert {key: attributes[key] for key in facts} == facts | {"experiment.arms": ("a", "b")}
        assert attributes["gen_ai.agent.version"] == "1.4.0"
        hashes.append(attributes["nanoagent.prompts.hash"])
    assert hashes[0] == hashes[1] != hashes[2]
    captured = Capture()
    await Agent(CannedModel([text()]), capabilities=[tracing(captured)]).run("go")
    assert "nanoagent.prompts.hash" not in root(captured)


async def test_given_for_one_run_it_takes_the_place_of_the_agents_own() -> None:
    agents_own, for_the_run = Capture(), Capture()
    agent = Agent(CannedModel([text(), text()]), capabilities=[tracing(agents_own)])
    await agent.run("go", capabilities=[tracing(for_the_run)])
    assert (len(agents_own.spans), len(for_the_run.spans)) == (0, 2)
    await agent.run("go")
    assert (len(agents_own.spans), len(for_the_run.spans)) == (2, 2)


async def test_given_twice_it_traces_once() -> None:
    captured = Capture()
    agent = Agent(CannedModel([text()]), capabilities=[tracing(captured), tracing(captured)])
    await agent.run("go")
    assert [span.name for span in captured.spans] == ["chat canned", "invoke_agent agent"]


async def test_a_model_that_is_given_to_a_run_is_traced() -> None:
    captured = Capture()
    agent = Agent(CannedModel([]), capabilities=[tracing(captured)])
    await agent.run("go", model=CannedModel([text()], name="other"))
    with agent.override(model=CannedModel([text()], name="third")):
        await agent.run("go")
    assert [span.name for span in captured.spans if span.name.startswith("chat")] == ["chat other", "chat third"]


async def test_every_attempt_of_a_fallback_model_is_a_call() -> None:
    captured = Capture()
    model = FallbackModel(CannedModel([ModelHTTPError(503, "first")], name="first"), CannedModel([text()], name="next"))
    result = await Agent(model, capabilities=[tracing(captured)]).run("go")
    assert [span.name for span in captured.spans] == ["chat first", "chat next", "invoke_agent"]
    metrics = live(captured)
    assert (metrics.api_calls, metrics.failed_api_calls, result.usage.requests) == (2, 1, 1)


async def test_an_answer_that_a_fallback_model_rejects_is_billed_and_counted() -> None:
    captured = Capture()

    def too_short(answer: Any) -> bool:
        return bool(answer.text == "no")

    too_short.__annotations__["answer"] = type(text())
    model = FallbackModel(
        CannedModel([text("no")], name="first"), CannedModel([text("yes")], name="next"), fallback_on=too_short
    )
    result = await Agent(model, capabilities=[tracing(captured)]).run("go")
    assert (live(captured).api_calls, live(captured).input_tokens) == (2, 200)
    assert result.usage.input_tokens == 200


async def test_a_model_that_is_traced_by_hand_too_makes_one_span_a_call() -> None:
    captured = Capture()
    agent = Agent(
        traced(CannedModel([response(call("add", a=1, b=2)), text()])),
        toolsets=[traced_toolset(FunctionToolset([add]))],
        capabilities=[tracing(captured)],
    )
    await agent.run("go")
    assert live(captured).api_calls == 2


async def test_a_toolset_that_is_traced_inside_another_wrapper_makes_one_span_a_call() -> None:
    captured = Capture()
    agent = Agent(
        CannedModel(
            [response(call("p_add", a=1, b=2), call("p_add", "c2", a="x", b=2), call("add", "c3", a=1, b=2)), text()]
        ),
        toolsets=[traced_toolset(FunctionToolset([add])).prefixed("p"), traced_toolset(FunctionToolset([add]))],
        capabilities=[tracing(captured)],
    )
    result = await agent.run("go")
    metrics = live(captured)
    assert (metrics.tool_calls, metrics.failed_tool_calls, result.usage.tool_calls) == (3, 1, 2)
    assert sorted(span.name for span in captured.spans if span.name.startswith("execute_tool")) == [
        "execute_tool add",
        "execute_tool p_add",
        "execute_tool p_add",
    ]


async def test_a_payment_that_is_asked_for_and_then_approved_is_one_call_however_it_asks() -> None:
    def pay(ctx: RunContext[None], euros: int) -> str:
        if not ctx.tool_call_approved:
            raise ApprovalRequired
        return "paid"

    captured = Capture()
    agent = Agent(
        CannedModel([response(call("pay", euros=5)), text("done")]),
        tools=[Tool(pay)],
        output_type=[str, DeferredToolRequests],
        capabilities=[tracing(captured)],
    )
    asked = await agent.run("go")
    assert (live(captured).tool_calls, asked.usage.tool_calls) == (0, 0)
    again = Capture()
    approved = await agent.run(
        message_history=asked.all_messages(),
        deferred_tool_results=DeferredToolResults(approvals={"c1": True}),
        capabilities=[tracing(again)],
    )
    assert (live(again).tool_calls, live(again).failed_tool_calls, approved.usage.tool_calls) == (1, 0, 1)


def test_a_callback_that_would_have_to_be_awaited_is_refused() -> None:
    async def later(metrics: PerformanceMetrics) -> None:
        raise AssertionError

    with pytest.raises(ConfigurationError, match="on_complete must be a function that is called and not awaited"):
        Tracing(on_complete=later)


async def test_an_answer_that_makes_no_sense_is_a_call_and_a_failed_run() -> None:
    captured = Capture()
    agent = Agent(CannedModel([text("x"), text("y")]), output_type=int, capabilities=[tracing(captured)])
    with pytest.raises(UnexpectedModelBehavior):
        await agent.run("go")
    metrics = live(captured)
    assert (metrics.status, metrics.api_calls, metrics.failed_api_calls) == ("failed", 2, 0)


async def test_a_tool_that_waits_for_approval_ends_the_agents_run_in_good_order() -> None:
    captured = Capture()
    agent = Agent(
        CannedModel([response(call("add", a=1, b=2))]),
        tools=[Tool(add, requires_approval=True)],
        output_type=[str, DeferredToolRequests],
        capabilities=[tracing(captured)],
    )
    result = await agent.run("go")
    assert isinstance(result.output, DeferredToolRequests)
    assert (live(captured).status, live(captured).tool_calls) == ("completed", result.usage.tool_calls)


async def test_a_callback_that_raises_is_logged_and_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def fail(metrics: PerformanceMetrics) -> None:
        raise KeyError("mine")

    captured = Capture()
    result = await Agent(CannedModel([text()]), capabilities=[tracing(captured, on_complete=fail)]).run("go")
    assert result.output == "done"
    assert [record.getMessage().splitlines()[0] for record in caplog.records] == ["a callback failed on the run run-1"]


async def test_the_pieces_work_by_hand_in_a_traced_run() -> None:
    captured, own = Capture(), list[PerformanceMetrics]()
    with traced_run(
        "by hand", tracer_provider=captured.provider, clock=TickingClock(), run_id="run-1", on_complete=own.append
    ) as span:
        await model_request(traced(CannedModel([text()])), [ModelRequest.user_text_prompt("go")])
        with traced_run("inner"):
            await model_request(traced(CannedModel([text()])), [ModelRequest.user_text_prompt("go")])
        assert span.run.metrics().tokens_used == 220
    assert [span.name for span in captured.spans] == [
        "chat canned",
        "chat canned",
        "invoke_agent inner",
        "invoke_agent by hand",
    ]
    assert own == [live(captured)]


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        (
            ["user.id"],
            "attributes must be a mapping, got ['user.id']; attributes map keys such as 'gen_ai.conversation.id' or "
            "'user.id' to a text, bool, int, float or a list of one",
        ),
        ({f"k{n}": n for n in range(33)}, "attributes must be at most 32, got 33; leave some out"),
        (
            {"": 1},
            "an attribute's key must be a text of 1 to 128 characters, got ''; attributes map keys such as "
            "'gen_ai.conversation.id' or 'user.id' to a text, bool, int, float or a list of one",
        ),
        (
            {7: 1},
            "an attribute's key must be a text of 1 to 128 characters, got 7; attributes map keys such as "
            "'gen_ai.conversation.id' or 'user.id' to a text, bool, int, float or a list of one",
        ),
        ({"nanoagent.run.id": "x"}, "the attribute 'nanoagent.run.id' is set by nanoagent itself; choose another key"),
        ({"error": "x"}, "the attribute 'error' is set by nanoagent itself; choose another key"),
        (
            {"user": {"id": 1}},
            "the attribute 'user' must be a text, bool, 64-bit int, finite float or a list of one, got {'id': 1}",
        ),
        (
            {"user": None},
            "the attribute 'user' must be a text, bool, 64-bit int, finite float or a list of one, got None",
        ),
        (
            {"big": 2**63},
            "the attribute 'big' must be a text, bool, 64-bit int, finite float or a list of one, "
            "got 9223372036854775808",
        ),
        (
            {"x": float("nan")},
            "the attribute 'x' must be a text, bool, 64-bit int, finite float or a list of one, got nan",
        ),
        ({"x": ["a", 1]}, "the attribute 'x' must hold items of one type, got ['a', 1]"),
        ({"x": ["a"] * 65}, "the attribute 'x' must have at most 64 items, got 65"),
        (
            {"x": [["a"]]},
            "the attribute 'x' must be a text, bool, 64-bit int, finite float or a list of one, got ['a']",
        ),
    ],
)
def test_attributes_that_no_span_can_carry_are_refused_when_they_are_given(attributes: Any, message: str) -> None:
    for give in (
        lambda: Tracing(attributes=attributes),
        lambda: Orchestrator("goal", attributes=attributes),
        lambda: traced_run("x", attributes=attributes).__enter__(),
    ):
        with pytest.raises(ConfigurationError) as raised:
            give()
        assert str(raised.value) == message


def test_a_version_that_is_no_text_is_refused() -> None:
    with pytest.raises(ConfigurationError) as raised:
        Tracing(agent_version=1.4)  # type: ignore[arg-type]
    assert str(raised.value) == "agent_version must be a text such as '1.4.0', got 1.4"


async def test_long_and_odd_texts_are_made_fit_for_a_span() -> None:
    captured = Capture()
    facts = {"long": "x" * 2_000, "odd": "a\ud83eb", "limit": "y" * 1_024}
    await Agent(CannedModel([text()]), capabilities=[tracing(captured, attributes=facts)]).run("go")
    assert {key: root(captured)[key] for key in facts} == {
        "long": "x" * 1_023 + "…",
        "odd": "a\ufffdb",
        "limit": "y" * 1_024,
    }
