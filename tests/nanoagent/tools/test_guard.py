import asyncio
import dataclasses
from collections.abc import Callable
from typing import Any, NoReturn

import pytest
from pydantic_ai import FunctionToolset, ModelRetry, RunContext
from pydantic_ai.exceptions import (
    ApprovalRequired,
    CallDeferred,
    RunCancelled,
    SkipToolExecution,
    ToolFailed,
    UserError,
)
from pydantic_ai.toolsets import WrapperToolset
from pydantic_ai.usage import RunUsage

from nanoagent.errors import ConfigurationError
from nanoagent.tools.guard import GuardedToolset
from tests.models import CannedModel


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


class Raising(FunctionToolset[Any]):
    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self._error = error

    async def call_tool(self, *_: Any) -> NoReturn:
        raise self._error


async def call(tool: Callable[..., Any], *, timeout_s: float = 60.0, **settings: Any) -> Any:
    guarded = GuardedToolset(FunctionToolset([tool], timeout=timeout_s), **settings)
    tools = await guarded.get_tools(context())
    return await guarded.call_tool(tool.__name__, {}, context(), tools[tool.__name__])


async def raised_for(error: BaseException, **settings: Any) -> BaseException:
    tool: Any = None
    with pytest.raises((type(error), ToolFailed)) as caught:
        await GuardedToolset(Raising(error), **settings).call_tool("any", {}, context(), tool)
    return caught.value


def context() -> RunContext[Any]:
    return RunContext(deps=None, model=CannedModel([]), usage=RunUsage())


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("no such city"), "ValueError: no such city"),
        (KeyError("a"), "KeyError: 'a'"),
        (UserError("of a nested agent"), "UserError: of a nested agent"),
        (ExceptionGroup("two", [ValueError(), TypeError()]), "ExceptionGroup: two (2 sub-exceptions)"),
        (UnprintableError(), "UnprintableError: its message cannot be shown"),
        (ValueError("a\ud800"), "ValueError: a\ufffd"),
        (ValueError("x" * 3_000), f"ValueError: {'x' * 1_988} [shortened: 2000 of 3012 characters shown]"),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_an_exception_becomes_a_failure_that_the_model_is_told(error: Exception, text: str) -> None:
    raised = await raised_for(error)
    assert raised == ToolFailed(text)
    assert raised.__cause__ is error


@pytest.mark.parametrize(
    "error",
    [
        ModelRetry("try another city"),
        ToolFailed("closed today"),
        CallDeferred(),
        ApprovalRequired(),
        SkipToolExecution(1),
        RunCancelled("a nested run"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_control_flow_of_pydantic_ai_passes_unchanged(error: Exception) -> None:
    assert await raised_for(error) is error
    assert error.__cause__ is None


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1)])
async def test_what_ends_the_program_passes_unchanged(error: BaseException) -> None:
    assert await raised_for(error) is error


@pytest.mark.parametrize("kind", [ModelRetry, ToolFailed])
async def test_a_message_of_the_tool_is_made_fit_to_be_shown(kind: type[ModelRetry | ToolFailed]) -> None:
    raised = await raised_for(kind("a\ud800bc"), max_result_chars=3)
    assert raised == kind("a\ufffdb [shortened: 3 of 4 characters shown]")


async def test_a_tool_that_takes_too_long_is_a_failure_and_not_a_retry() -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    with pytest.raises(ToolFailed) as caught:
        await call(hang, timeout_s=0.01)
    assert caught.value == ToolFailed("Timed out after 0.01 seconds.")


async def test_a_result_is_returned_as_a_model_can_be_shown_it() -> None:
    result = {"a": [1, 2]}

    def small() -> Any:
        return result

    def large() -> str:
        return "x" * 20_001

    assert await call(small) is result
    assert await call(large) == "x" * 20_000 + " [shortened: 20000 of 20001 characters shown]"
    assert await call(large, max_result_chars=2) == "xx [shortened: 2 of 20001 characters shown]"


def test_the_limit_survives_what_pydantic_ai_does_to_wrappers() -> None:
    guarded = GuardedToolset(FunctionToolset(), max_result_chars=7)
    assert dataclasses.replace(guarded, wrapped=FunctionToolset()).max_result_chars == 7


@pytest.mark.parametrize("value", [0, -1, 1.5, True, None, "7"])
def test_a_limit_that_is_no_positive_integer_is_refused(value: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"max_result_chars must be a positive integer, got {value!r}"):
        GuardedToolset(FunctionToolset(), max_result_chars=value)


class Hanging(WrapperToolset[None]):
    async def call_tool(self, name: str, tool_args: dict[str, Any], ctx: RunContext[None], tool: Any) -> Any:
        await asyncio.Event().wait()


async def test_a_cancellation_from_outside_passes_unchanged() -> None:
    guarded: GuardedToolset[None] = GuardedToolset(Hanging(FunctionToolset()))
    tool: Any = None
    task = asyncio.create_task(guarded.call_tool("any", {}, context(), tool))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
