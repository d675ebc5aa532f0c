"""A traced toolset: a span around every tool call, and one for each call whose arguments are bad."""

from collections.abc import Callable, Set
from contextvars import ContextVar
from copy import copy
from dataclasses import dataclass
from typing import Any

from opentelemetry.context import get_current
from pydantic import ValidationError
from pydantic_ai import RunContext, ToolsetTool
from pydantic_ai.exceptions import ApprovalRequired, CallDeferred, ModelRetry
from pydantic_ai.messages import ModelResponse, ToolCallPart
from pydantic_ai.toolsets import AbstractToolset, WrapperToolset

from nanoagent.content.messages import tool_input, tool_output
from nanoagent.tracing import names
from nanoagent.tracing.run import current_place, place_in
from nanoagent.tracing.spans import tool_span

_calling: ContextVar[tuple[str | None, str, int] | None] = ContextVar("calling", default=None)
"""The call that a traced toolset further out has made a span of."""


def traced_toolset(toolset: AbstractToolset[Any]) -> "TracedToolset":
    """The toolset with every call traced; what is traced already is left alone."""
    return toolset if isinstance(toolset, TracedToolset) else TracedToolset(toolset)


@dataclass
class TracedToolset(WrapperToolset[Any]):
    """Wraps a toolset and makes a span of each tool call inside a run; elsewhere it only forwards."""

    async def get_tools(self, ctx: RunContext[Any]) -> dict[str, ToolsetTool[Any]]:
        """The tools, with validators that also trace the calls they refuse."""
        tools = await self.wrapped.get_tools(ctx)
        if current_place() is None:
            return tools
        return {name: _with_traced_validation(tool, ctx) for name, tool in tools.items()}

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[Any], tool: ToolsetTool[Any]
    ) -> Any:
        """Call the tool in a span of its own."""
        context, description = get_current(), tool.tool_def.description
        place = place_in(context)
        if place is None or _calling.get() == (ctx.tool_call_id, place.span_id, id(ctx.messages)):
            return await self.wrapped.call_tool(name, tool_args, ctx, tool)
        with tool_span(place, name, call_id=ctx.tool_call_id, description=description, context=context) as span:
            span.show(tool_input, tool_args)
            token = _calling.set((ctx.tool_call_id, span.place.span_id, id(ctx.messages)))
            try:
                result = await self.wrapped.call_tool(name, tool_args, ctx, tool)
                span.show(tool_output, result)
                return result
            except (CallDeferred, ApprovalRequired) as question:
                deferred = question  # a question to the caller, neither an error nor a call that was made
                span.set(names.DEFERRED, value=True)
            except Exception as error:
                span.fail(_cause(error))
                raise
            finally:
                _calling.reset(token)
        raise deferred


def _cause(error: BaseException) -> BaseException:
    """pydantic-ai turns a tool's time limit into a request to retry: the time limit is what happened."""
    context = error.__context__
    return context if isinstance(error, ModelRetry) and isinstance(context, TimeoutError) else error


def _with_traced_validation(tool: ToolsetTool[Any], ctx: RunContext[Any]) -> ToolsetTool[Any]:
    validator = _TracedValidator(tool, ctx)
    traced = copy(tool)
    traced.args_validator = validator
    if tool.args_validator_func is not None:
        untraced = getattr(tool.args_validator_func, "untraced", tool.args_validator_func)
        traced.args_validator_func = _traced_check(untraced, validator)
    return traced


class _TracedValidator:
    """Validates as a tool's own validator does; arguments that it refuses become a failed tool span."""

    __slots__ = ("_ctx", "_refused_ids", "_tool", "_wrapped")

    def __init__(self, tool: ToolsetTool[Any], ctx: RunContext[Any]) -> None:
        self._tool = tool
        self._ctx = ctx
        self._refused_ids: Set[str | None] = frozenset()
        validator: Any = tool.args_validator
        self._wrapped: Any = validator._wrapped if isinstance(validator, _TracedValidator) else validator

    def validate_python(self, input: Any, **options: Any) -> Any:  # noqa: A002 - pydantic's name for it
        return self._validate(self._wrapped.validate_python, input, options)

    def validate_json(self, input: str | bytes | bytearray, **options: Any) -> Any:  # noqa: A002
        return self._validate(self._wrapped.validate_json, input, options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wrapped, name)

    def refused(self, error: Exception, call_id: str | None, arguments: Any) -> None:
        """Make the span of a call that was refused before the tool ran."""
        place = current_place()
        if place is None:
            return
        definition = self._tool.tool_def
        with tool_span(place, definition.name, call_id=call_id, description=definition.description) as span:
            span.show(tool_input, arguments)
            span.fail(error)

    def _validate(self, validate: Callable[..., Any], value: Any, options: dict[str, Any]) -> Any:
        try:
            return validate(value, **options)
        except ValidationError as error:
            # Arguments that are still streaming in are validated again and again; the last time decides.
            if options.get("allow_partial", "off") == "off":
                self.refused(error, self._call_id(value), value)
            raise

    def _call_id(self, arguments: Any) -> str | None:
        """The id of the call with these arguments, which the validator is not told: of equal ones, the next."""
        last = self._ctx.messages[-1] if self._ctx.messages else None
        if not isinstance(last, ModelResponse):
            return None
        calls = [part for part in last.parts if isinstance(part, ToolCallPart)]
        named = [call for call in calls if call.tool_name == self._tool.tool_def.name]
        ids = [call.tool_call_id for call in named if (call.args or {}) == (arguments or {})]
        call_id = next((one for one in ids if one not in self._refused_ids), ids[0] if ids else None)
        self._refused_ids = {*self._refused_ids, call_id}
        return call_id


def _traced_check(check: Callable[..., Any], validator: _TracedValidator) -> Callable[..., Any]:
    """The tool's own check of its arguments, traced where it refuses them."""

    async def traced_check(ctx: RunContext[Any], **arguments: Any) -> Any:
        try:
            result = check(ctx, **arguments)
            return await result if hasattr(result, "__await__") else result
        except (CallDeferred, ApprovalRequired):
            raise
        except Exception as error:
            validator.refused(error, ctx.tool_call_id, arguments)
            raise

    traced_check.untraced = check  # type: ignore[attr-defined]
    return traced_check
