"""Toolsets of the caller's: any that pydantic-ai takes, an MCP server among them, and tools that need someone."""

import sys
from typing import Any

import pytest
from fastmcp.client.transports import StdioTransport
from pydantic_ai import ApprovalRequired, RunContext
from pydantic_ai.exceptions import CallDeferred
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.toolsets import AbstractToolset, ExternalToolset, FunctionToolset

from nanoagent import StopReason
from tests.models import CannedModel, call, executed, plan, reflected, response
from tests.runs import prepared, ran
from tests.snapshot import assert_matches


def stock_server() -> MCPToolset[Any]:
    return MCPToolset(StdioTransport(sys.executable, ["-m", "tests.mcp_server"]))


@pytest.mark.slow
async def test_an_mcp_server_over_stdio_is_a_toolset_like_any_other() -> None:
    model = CannedModel(
        [
            plan("Look up the stock"),
            response(call("stock_level", item="blue chair")),
            response(call("order", "c2", item="blue chair")),
            executed("37"),
            reflected("37"),
        ]
    )
    run = await ran(model, tools=(), toolsets=[stock_server()])
    assert run.result is not None
    assert (run.result.status, run.result.metrics.tool_calls, run.result.metrics.failed_tool_calls) == (
        "completed",
        2,
        1,
    )
    assert_matches("mcp_server", run.tree)
    assert "- stock_level: Tell how many pieces of an item are in stock." in model.prompts[0]
    assert "37" in model.prompts[2]


async def test_a_server_that_does_not_start_ends_the_run_with_its_error() -> None:
    toolset = MCPToolset(StdioTransport(sys.executable, ["-c", "raise SystemExit(3)"]), init_timeout=5)
    orchestrator, _ = prepared(CannedModel([]), tools=(), toolsets=[toolset])
    result = await orchestrator.run()
    assert (result.status, result.stop_reason, result.metrics.api_calls) == ("failed", StopReason.ERROR, 0)
    assert result.error is not None


async def test_the_planner_is_told_of_every_toolsets_tools() -> None:
    def look_up(item: str) -> str:
        """Look an item up.

        And more.
        """
        return item

    model = CannedModel([plan("Look up"), executed("x"), reflected("x")])
    await ran(model, toolsets=[FunctionToolset([look_up])])
    assert (
        "Tools of the executor:\n- add: Add two integers.\n- broken: Always fail.\n- look_up: Look an item up.\n"
        in (model.prompts[0])
    )


async def test_a_toolset_that_cannot_say_what_it_has_is_left_out_of_the_plan_with_a_word(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Shy(FunctionToolset[None]):
        asked = 0

        async def get_tools(self, ctx: RunContext[None]) -> Any:
            self.asked += 1
            if self.asked == 1:
                raise LookupError("not before the run")
            return await super().get_tools(ctx)

    await ran(CannedModel([plan("Answer"), executed("x"), reflected("x")]), tools=(), toolsets=[Shy(id="shy")])
    assert [record.getMessage().splitlines()[0] for record in caplog.records] == [
        "the planner is not told of the tools of Shy 'shy'"
    ]


def needing_approval() -> AbstractToolset[Any]:
    toolset: FunctionToolset[None] = FunctionToolset()

    @toolset.tool_plain(requires_approval=True)
    def delete(path: str) -> str:
        """Delete a file."""
        raise AssertionError

    return toolset


def asking_for_approval() -> AbstractToolset[Any]:
    toolset: FunctionToolset[None] = FunctionToolset()

    @toolset.tool
    def delete(context: RunContext[None], path: str) -> str:
        """Delete a file."""
        raise ApprovalRequired

    return toolset


def deferring() -> AbstractToolset[Any]:
    toolset: FunctionToolset[None] = FunctionToolset()

    @toolset.tool_plain
    def delete(path: str) -> str:
        """Delete a file."""
        raise CallDeferred

    return toolset


def external() -> AbstractToolset[Any]:
    schema = {"type": "object", "properties": {"path": {"type": "string"}}}
    return ExternalToolset([ToolDefinition(name="delete", parameters_json_schema=schema)])


@pytest.mark.parametrize(
    ("toolset", "output", "spans"),
    [
        (needing_approval, "Approval is needed: delete(path='/tmp/x')", 0),
        (asking_for_approval, "Approval is needed: delete(path='/tmp/x')", 1),
        (deferring, "A result is needed from outside: delete(path='/tmp/x')", 1),
        (external, "A result is needed from outside: delete(path='/tmp/x')", 0),
    ],
)
async def test_a_tool_that_needs_someone_ends_the_run_with_what_it_asks_for(
    toolset: Any, output: str, spans: int
) -> None:
    model = CannedModel([plan("Delete it", "Tell"), response(call("delete", path="/tmp/x"))])  # noqa: S108 - a name
    orchestrator, captured = prepared(model, toolsets=[toolset()])
    result = await orchestrator.run()
    assert (result.status, result.stop_reason, result.output) == (
        "incomplete",
        StopReason.NEEDS_CLARIFICATION,
        output,
    )
    assert result.deferred is not None
    asked = [*result.deferred.approvals, *result.deferred.calls]
    assert [(part.tool_name, part.args) for part in asked] == [("delete", {"path": "/tmp/x"})]  # noqa: S108 - a name
    assert [task.status for task in orchestrator.todo.tasks] == ["pending", "pending"]
    metrics = result.metrics
    assert (metrics.tool_calls, metrics.failed_tool_calls, metrics.tasks_completed) == (0, 0, 0)
    assert (metrics.error_type, metrics.complete) == (None, True)
    assert [span.status.status_code.name for span in captured.spans if span.name == "execute_tool delete"] == (
        ["UNSET"] * spans
    )
