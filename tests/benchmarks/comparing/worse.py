"""Agents that are made worse on purpose."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from benchmarks.subjects import models
from nanoagent.tools import builtin
from nanoagent.tools.builtin import arithmetic
from nanoagent.tools.registry import ToolRegistry

if TYPE_CHECKING:
    import pytest

Tools = dict[str, Callable[..., Any]]
"""By name."""


def calling_twice(answer: Callable[..., Any]) -> Callable[..., Any]:
    """The scripted model's behaviour, which calls `calculate` twice wherever this one calls it once."""

    def twice(*given: Any) -> Any:
        return [use for one in answer(*given) for use in ([one, one] if one.tool == "calculate" else [one])]

    return twice


def put_in_place_of_calculate(monkeypatch: "pytest.MonkeyPatch", calculate: Callable[[str], Any]) -> None:
    """Register this function as the tool `calculate`, with the description of that."""
    calculate.__doc__ = arithmetic.calculate.__doc__
    change_tools(monkeypatch, lambda tools: tools | {"calculate": calculate})


def change_tools(monkeypatch: "pytest.MonkeyPatch", change: Callable[[Tools], Tools]) -> None:
    """Register what becomes of the built-in tools in their place."""

    def register(registry: ToolRegistry, *, now: Any) -> None:
        everything = ToolRegistry()
        builtin.register_builtin_tools(everything, now=now)
        for name, tool in change({name: everything.get(name) for name in everything.list_names()}).items():
            registry.register(name, tool)

    monkeypatch.setattr(models, "register_builtin_tools", register)
