from typing import Any

from pydantic_ai import Agent, FunctionToolset, ModelRetry, RunContext, Tool
from pydantic_ai.exceptions import ApprovalRequired
from pydantic_ai.messages import TextPart
from pydantic_ai.toolsets import PrefixedToolset

from nanoagent.tracing.toolset import TracedToolset, traced_toolset
from tests.models import CannedModel, call, executed, plan, reflected, response
from tests.runs import Ran, add, prepared, ran


def tool_spans(run: Ran) -> list[dict[str, Any]]:
    spans = [dict(span.attributes or {}) for span in run.captured.spans if span.name.startswith("execute_tool")]
    return [{key: span.get(key) for key in ("gen_ai.tool.name", "gen_ai.tool.call.id", "error.type")} for span in spans]


def spanned(name: str, call_id: str, error_type: str | None = None) -> dict[str, Any]:
    return {"gen_ai.tool.name": name, "gen_ai.tool.call.id": call_id, "error.type": error_type}


async def test_outside_of_a_run_a_traced_toolset_only_forwards() -> None:
    model = CannedModel([response(call("add", a=1, b="x")), response(call("add", a=1, b=2)), response(TextPart("3"))])
    result = await Agent(model, toolsets=[traced_toolset(FunctionToolset([add]))], retries=2).run("add")
    assert (result.output, result.usage.tool_calls) == ("3", 1)


def test_a_traced_toolset_is_not_traced_again() -> None:
    traced = traced_toolset(FunctionToolset([add]))
    assert traced_toolset(traced) is traced


async def test_arguments_that_do_not_fit_are_told_apart_by_call_id_and_count_once_each() -> None:
    bad = response(call("add", "c1", a="x", b=1), call("add", "c2", a=1, b="y"), call("add", "c3", a=1, b=2))
    run = await ran(CannedModel([plan("a"), bad, executed("3"), reflected("3")]))
    validation = "pydantic_core._pydantic_core.ValidationError"
    assert tool_spans(run) == [
        spanned("add", "c1", validation),
        spanned("add", "c2", validation),
        spanned("add", "c3"),
    ]
    metrics = run.orchestrator.metrics
    assert (metrics.tool_calls, metrics.failed_tool_calls) == (3, 2)


async def test_arguments_that_come_as_broken_json_are_a_failed_call() -> None:
    broken_call = call("add", "c1")
    broken_call.args = '{"a": 1, "b":'
    run = await ran(CannedModel([plan("a"), response(broken_call), executed("?"), reflected("?")]))
    assert tool_spans(run) == [spanned("add", "c1", "pydantic_core._pydantic_core.ValidationError")]


async def test_a_tools_own_check_of_its_arguments_is_traced_where_it_refuses() -> None:
    def check(ctx: RunContext[None], a: int, b: int) -> None:
        if a < 0:
            raise ModelRetry("a must not be negative")

    async def check_later(ctx: RunContext[None], a: int, b: int) -> None:
        check(ctx, a, b)

    def plus(a: int, b: int) -> int:
        """Add."""
        return a + b

    tools = [
        Tool[None](add, name="add", args_validator=check),
        Tool[None](plus, name="plus", args_validator=check_later),
    ]
    calls = [call("add", "c1", a=-1, b=1), call("plus", "c2", a=-1, b=1), call("plus", "c3", a=1, b=1)]
    run = await ran(
        CannedModel([plan("a"), response(*calls), executed("2"), reflected("2")]),
        tools=(),
        toolsets=[FunctionToolset(tools)],
    )
    retry = "pydantic_ai.exceptions.ModelRetry"
    assert tool_spans(run) == [spanned("add", "c1", retry), spanned("plus", "c2", retry), spanned("plus", "c3")]


async def test_a_tool_that_takes_too_long_failed_by_its_time_limit() -> None:
    import asyncio

    async def hang() -> str:
        """Never answer."""
        await asyncio.Event().wait()
        return "never"

    model = CannedModel([plan("a"), response(call("hang")), executed("no", success=False), reflected("gave up")])
    orchestrator, captured = prepared(model, tools=())
    orchestrator.registry.register("hang", hang, timeout_s=0.02)
    await orchestrator.run()
    assert tool_spans(Ran(orchestrator=orchestrator, result=None, captured=captured)) == [
        spanned("hang", "c1", "TimeoutError")
    ]


async def test_a_question_for_approval_is_no_error_of_the_tool() -> None:
    def dangerous(ctx: RunContext[None]) -> str:
        """Ask first."""
        raise ApprovalRequired

    model = CannedModel([plan("a"), response(call("dangerous")), executed("asked"), reflected("asked")])
    orchestrator, captured = prepared(model, tools=(dangerous,))
    await orchestrator.run()
    (span,) = [span for span in captured.spans if span.name == "execute_tool dangerous"]
    assert "error.type" not in (span.attributes or {})


async def test_toolsets_of_the_caller_are_traced_under_the_names_that_the_model_sees() -> None:
    prefixed = PrefixedToolset(FunctionToolset([add]), "math")
    replies = [plan("a"), response(call("math_add", a=1, b=2)), executed("3"), reflected("3")]
    run = await ran(CannedModel(replies), tools=(), toolsets=[prefixed])
    assert tool_spans(run) == [spanned("math_add", "c1")]


def test_the_wrapper_is_a_dataclass_that_keeps_what_it_wraps() -> None:
    import dataclasses

    inner, other = FunctionToolset([add]), FunctionToolset([add])
    assert dataclasses.replace(TracedToolset(inner), wrapped=other).wrapped is other


async def test_calls_that_are_refused_for_the_same_arguments_keep_their_own_ids() -> None:
    bad = {"a": "x", "b": 1}
    model = CannedModel(
        [plan("Add"), response(call("add", "c1", **bad), call("add", "c2", **bad)), executed("no"), reflected("no")]
    )
    run = await ran(model)
    ids = [dict(span.attributes or {}).get("gen_ai.tool.call.id") for span in run.captured.spans]
    assert [one for one in ids if one] == ["c1", "c2"]


async def test_names_and_ids_that_no_exporter_can_send_are_made_fit() -> None:
    model = CannedModel([plan("Try"), response(call("no\ud83etool", "c\ud83e1")), executed("no"), reflected("no")])
    run = await ran(model)
    (tool,) = (span for span in run.captured.spans if span.name == "execute_tool unknown")
    attributes = dict(tool.attributes or {})
    assert (attributes["gen_ai.tool.name"], attributes["gen_ai.tool.call.id"]) == ("no\ufffdtool", "c\ufffd1")
