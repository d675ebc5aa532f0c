"""The registry and the guard in a pydantic-ai agent: whatever a tool does, the model is told and the run goes on."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic_ai import Agent, ModelRetry, RunContext, ToolReturn
from pydantic_ai.messages import ModelRequest, RetryPromptPart, TextPart, ToolReturnPart

from nanoagent.tools.builtin import register_builtin_tools
from nanoagent.tools.guard import GuardedToolset
from nanoagent.tools.registry import ToolRegistry
from tests.models import CannedModel, call, response

Outcome = tuple[str, str]


@pytest.fixture
def released() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


async def run(registry: ToolRegistry, name: str, *, calls: int = 1, **arguments: Any) -> list[Outcome]:
    """What the model was told of each call, as outcome and text; the agent answers after the last one."""
    replies = [response(call(name, f"c{number}", **arguments)) for number in range(calls)]
    agent = Agent(
        CannedModel([*replies, response(TextPart("done"))]),
        toolsets=[GuardedToolset(registry.toolset(timeout_s=0.4), max_result_chars=100)],
        retries=0,
    )
    result = await agent.run("go")
    assert result.output == "done"
    result.all_messages_json()
    parts = [part for message in result.all_messages() if isinstance(message, ModelRequest) for part in message.parts]
    return [
        (part.outcome, part.model_response_str(wrap_if_error=False))
        for part in parts
        if isinstance(part, ToolReturnPart)
    ]


async def told(tool: Callable[..., Any], *, calls: int = 1, **arguments: Any) -> list[Outcome]:
    registry = ToolRegistry()
    registry.register("tool", tool)
    return await run(registry, "tool", calls=calls, **arguments)


async def test_a_raising_tool_is_told_as_often_as_it_is_called() -> None:
    def fail(city: str) -> str:
        raise LookupError(f"no {city}")

    assert await told(fail, calls=3, city="Ys") == [("failed", "LookupError: no Ys")] * 3


async def test_a_hanging_async_tool_uses_up_no_retries() -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    assert await told(hang, calls=2) == [("failed", "Timed out after 0.4 seconds.")] * 2


async def test_a_hanging_sync_tool_is_left_behind(released: threading.Event) -> None:
    def hang() -> None:
        released.wait(10)

    assert await told(hang) == [("failed", "Timed out after 0.4 seconds.")]
    assert not released.is_set()


async def test_a_huge_result_is_shortened() -> None:
    assert await told(lambda: "x" * 10**6) == [("success", "x" * 100 + " [shortened: 100 of 1000000 characters shown]")]


async def test_a_result_that_is_not_json_is_told_as_its_repr() -> None:
    assert await told(lambda: {"mean": float("nan")}) == [("success", "{'mean': nan}")]


async def test_a_result_that_holds_itself_is_told_as_its_repr() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert await told(lambda: loop) == [("success", "[[...]]")]


async def test_a_lone_surrogate_is_replaced() -> None:
    assert await told(lambda: ["\ud800"]) == [("success", '["\ufffd"]')]


async def test_a_misused_tool_return_does_not_end_the_run() -> None:
    ((outcome, text),) = await told(lambda: [ToolReturn(return_value=1)])
    assert (outcome, text.startswith("[ToolReturn(")) == ("success", True)


async def test_bound_methods_async_functions_and_run_contexts_all_work() -> None:
    class Shop:
        price = 3

        def total(self, count: int) -> int:
            return self.price * count

        async def later(self, count: int) -> int:
            await asyncio.sleep(0)
            return self.price + count

    async def where(ctx: RunContext[None], suffix: str) -> str:
        return f"{ctx.tool_name}{suffix}"

    assert await told(Shop().total, count=2) == [("success", "6")]
    assert await told(Shop().later, count=2) == [("success", "5")]
    assert await told(where, suffix="!") == [("success", "tool!")]


async def test_a_tool_may_still_ask_for_other_arguments() -> None:
    def picky(n: int) -> int:
        if n > 3:
            raise ModelRetry("n must be at most 3")
        return n

    registry = ToolRegistry()
    registry.register("picky", picky)
    model = CannedModel([response(call("picky", n=9)), response(call("picky", n=2)), response(TextPart("done"))])
    result = await Agent(model, toolsets=[GuardedToolset(registry.toolset())], retries=1).run("go")
    parts = [part for message in result.all_messages() for part in message.parts]
    assert not [part for part in parts if isinstance(part, RetryPromptPart)]
    assert [part.outcome for part in parts if isinstance(part, ToolReturnPart)] == ["retried", "success"]


async def test_a_built_in_tool_tells_the_model_what_to_do_instead() -> None:
    registry = ToolRegistry()
    register_builtin_tools(registry)
    assert await run(registry, "calculate", expression="2 ** 10") == [("success", "1024")]
    assert await run(registry, "calculate", expression="2^3") == [
        (
            "failed",
            "ValueError: expression must write powers as **, got '2^3': write 2 ** 3 for 2 to the power of 3",
        )
    ]
