"""The guard that keeps a run going whatever a tool does."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from pydantic_ai import RunContext
from pydantic_ai.exceptions import (
    ApprovalRequired,
    CallDeferred,
    ModelRetry,
    RunCancelled,
    SkipToolExecution,
    ToolFailed,
    ToolFailedError,
    ToolRetryError,
)
from pydantic_ai.tools import AgentDepsT
from pydantic_ai.toolsets import ToolsetTool, WrapperToolset

from nanoagent.core.amounts import positive_integer
from nanoagent.tools.results import clean, fit_result, shorten

DEFAULT_MAX_RESULT_CHARS: Final = 20_000
"""Characters of a result's text that a model is shown."""
MAX_MESSAGE_CHARS: Final = 2_000
"""Characters of an error's message that a model is shown."""

_CONTROL_FLOW = (ApprovalRequired, CallDeferred, RunCancelled, SkipToolExecution, ToolFailedError, ToolRetryError)


@dataclass
class GuardedToolset(WrapperToolset[AgentDepsT]):
    """A toolset whose failures and odd results are shown to the model instead of ending the run.

    Put it outermost: what it wraps, tracing included, sees the tool's own exceptions and results.

    Example:
        >>> toolset = GuardedToolset(registry.toolset(timeout_s=10))
        >>> agent = Agent(model, toolsets=[toolset])
    """

    max_result_chars: int = DEFAULT_MAX_RESULT_CHARS
    """Characters of a result's JSON text beyond which it is shortened; the marker that says so is not counted."""

    def __post_init__(self) -> None:
        positive_integer("max_result_chars", self.max_result_chars)

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[AgentDepsT], tool: ToolsetTool[AgentDepsT]
    ) -> Any:
        """Call the tool; return its result as a model can be shown it.

        Raises:
            ToolFailed: The tool raised an exception or took too long. pydantic-ai shows the text to the model and
                goes on; unlike a `ModelRetry`, it uses up no retries.
            ModelRetry: The tool asked for other arguments.
        """
        try:
            result = await self.wrapped.call_tool(name, tool_args, ctx, tool)
            return fit_result(result, self.max_result_chars)
        except _CONTROL_FLOW:
            raise
        except (ModelRetry, ToolFailed) as error:
            told = _retold(error, self.max_result_chars)
            if told is error:
                raise
            raise told from error
        except asyncio.CancelledError as error:
            if _being_cancelled():
                raise
            raise ToolFailed("CancelledError: what the tool waited for was cancelled") from error
        except Exception as error:
            text = f"{type(error).__name__}: {_message(error)}"
            raise ToolFailed(clean(shorten(text, MAX_MESSAGE_CHARS))) from error


def _being_cancelled() -> bool:
    """Whether someone cancels this task, rather than the tool having met a cancellation of its own."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _retold(error: ModelRetry | ToolFailed, max_chars: int) -> ModelRetry | ToolFailed:
    """Return what a tool's own message to the model becomes: `error` itself when nothing is wrong with it."""
    message = clean(shorten(_message(error), max_chars))
    if isinstance(error, ModelRetry) and _timed_out(error):
        # A tool that hangs would use up the retries, which are there for arguments that can be put right.
        return ToolFailed(message)
    if message == error.message:
        return error
    return ModelRetry(message) if isinstance(error, ModelRetry) else ToolFailed(message)


def _timed_out(error: BaseException) -> bool:
    return isinstance(error.__cause__, TimeoutError) or isinstance(error.__context__, TimeoutError)


def _message(error: Exception) -> str:
    try:
        return str(error)
    except Exception:
        return "its message cannot be shown"
