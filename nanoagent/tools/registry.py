"""The registry of the tools that a run may call."""

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pydantic_ai import FunctionToolset, Tool

from nanoagent.errors import ConfigurationError
from nanoagent.tools.schemas import known_schema, remember_schema

DEFAULT_TOOL_TIMEOUT_S: Final = 30.0
"""How long a tool may take, in seconds, when neither its registration nor the toolset says otherwise."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_RESERVED_PREFIX = "final_result"


@dataclass(frozen=True, kw_only=True)
class _Registration:
    """A registered function beside what a model is told of it."""

    func: Callable[..., Any]
    tool: Tool[None]


class ToolRegistry:
    """The tools of a run, by name, in the order of their registration.

    Example:
        >>> def add(a: int, b: int) -> int:
        ...     '''Add two integers.'''
        ...     return a + b
        >>> registry = ToolRegistry()
        >>> registry.register("add", add)
        >>> registry.list_names()
        ['add']
        >>> registry.get("add")(1, 2)
        3
    """

    def __init__(self) -> None:
        self._registrations: dict[str, _Registration] = {}

    def register(
        self,
        name: str,
        func: Callable[..., Any],
        *,
        description: str | None = None,
        timeout_s: float | None = None,
    ) -> None:
        """Offer `func` to models as the tool `name`.

        Args:
            name: 1 to 64 letters, digits, `_` or `-`; not taken yet; not beginning with `final_result`.
            func: A sync or async function or bound method; its first parameter may be a `RunContext`. Annotations
                become the parameters' JSON schema, a docstring's `Args` section their descriptions: both as they are
                when the function is registered for the first time.
            description: What a model is told; `None` takes the docstring.
            timeout_s: Seconds that a call may take, `math.inf` for no limit; `None` takes the toolset's.

        Raises:
            ConfigurationError: A `ValueError`: one of the above does not hold, or `func` has no JSON schema.
        """
        self._check_name(name)
        if timeout_s is not None:
            _check_timeout(timeout_s, f"timeout_s of tool {name!r}")
        tool = _build_tool(name, func, description, timeout_s)
        self._registrations[name] = _Registration(func=func, tool=tool)

    def get(self, name: str) -> Callable[..., Any]:
        """Return the function that was registered as `name`.

        Raises:
            KeyError: No tool has this name; the text lists the names that there are.
        """
        if name not in self._registrations:
            raise KeyError(f"no tool named {name!r}; registered are: {', '.join(self._registrations) or 'none'}")
        return self._registrations[name].func

    def list_names(self) -> list[str]:
        """Return the names of all tools in the order of their registration."""
        return list(self._registrations)

    def toolset(self, *, timeout_s: float = DEFAULT_TOOL_TIMEOUT_S) -> FunctionToolset[None]:
        """Return a new pydantic-ai toolset of the tools registered so far.

        Args:
            timeout_s: Seconds that a call may take when its registration set no limit; `math.inf` for none.

        Raises:
            ConfigurationError: A `ValueError`: `timeout_s` is not a positive number.
        """
        _check_timeout(timeout_s, "timeout_s of the toolset")
        return FunctionToolset([entry.tool for entry in self._registrations.values()], timeout=timeout_s)

    def __len__(self) -> int:
        return len(self._registrations)

    def __contains__(self, name: object) -> bool:
        return name in self._registrations

    def _check_name(self, name: str) -> None:
        if not _is_plain(name):
            raise ConfigurationError(
                f"a tool's name must be 1 to 64 letters, digits, '_' or '-', got {name!r}: providers refuse others"
            )
        if name.startswith(_RESERVED_PREFIX):
            raise ConfigurationError(
                f"a tool's name must not begin with {_RESERVED_PREFIX!r}, got {name!r}: "
                "agents answer through tools named so; choose another name"
            )
        if name in self._registrations:
            raise ConfigurationError(f"a tool's name must be unique, got {name!r} again: choose another name")


def _is_plain(name: object) -> bool:
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def _is_positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _check_timeout(timeout_s: float, what: str) -> None:
    if not _is_positive(timeout_s):
        raise ConfigurationError(
            f"{what} must be a positive number of seconds, got {timeout_s!r}: math.inf sets no limit"
        )


def _build_tool(name: str, func: Callable[..., Any], description: str | None, timeout_s: float | None) -> Tool[None]:
    if not callable(func):
        raise ConfigurationError(f"tool {name!r} must be callable, got {func!r}: register a function or a method")
    known = known_schema(func)
    if known is not None:
        return Tool(func, name=name, description=description, timeout=timeout_s, function_schema=known)
    try:
        with warnings.catch_warnings():
            # A result type without a schema is no fault: models are not told the result's schema.
            warnings.filterwarnings("ignore", message="Could not generate return schema")
            tool = Tool[None](func, name=name, description=description, timeout=timeout_s)
    except Exception as error:
        raise ConfigurationError(
            f"tool {name!r} must have parameters that JSON can describe, got {func!r}: annotate each with a type that "
            f"pydantic knows, and write a def around a partial, a built-in or a callable object ({error})"
        ) from error
    remember_schema(tool)
    return tool
