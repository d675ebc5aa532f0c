"""Agents that are made worse on purpose."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from benchmarks.subjects import models
from nanoagent.tools import builtin
from nanoagent.tools.registry import ToolRegistry

if TYPE_CHECKING:
    import pytest


def calling_twice(answer: Callable[..., Any]) -> Callable[..., Any]:
    """The scripted model's behaviour, which calls `calculate` twice wherever this one calls it once."""

    def twice(*given: Any) -> Any:
        return [use for one in answer(*given) for use in ([one, one] if one.tool == "calculate" else [one])]

    return twice


def put_in_place_of_calculate(monkeypatch: "pytest.MonkeyPatch", calculate: Callable[[str], Any]) -> None:
    """Register this function as the tool `calculate`, with the description of that."""

    def register(registry: ToolRegistry, *, now: Any) -> None:
        everything = ToolRegistry()
        builtin.register_builtin_tools(everything, now=now)
        calculate.__doc__ = everything.get("calculate").__doc__
        for name in everything.list_names():
            registry.register(name, calculate if name == "calculate" else everything.get(name))

    monkeypatch.setattr(models, "register_builtin_tools", register)
