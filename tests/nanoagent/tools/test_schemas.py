"""Schemas of functions are worked out once, and nothing else of a function is shared or kept."""

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from pydantic_ai import Tool

from nanoagent.tools.builtin import register_builtin_tools
from nanoagent.tools.registry import ToolRegistry


class Shelf:
    def __init__(self, pieces: int) -> None:
        self.pieces = pieces

    def count(self, factor: int = 1) -> int:
        """Count the pieces."""
        return factor * self.pieces


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def tool_of(func: Callable[..., Any], name: str = "tool", **options: Any) -> Tool[Any]:
    registry = ToolRegistry()
    registry.register(name, func, **options)
    return registry.toolset().tools[name]


def parameters(tool: Tool[Any]) -> list[str]:
    return list(tool.function_schema.json_schema["properties"])


@pytest.mark.parametrize("func", [add, Shelf(1).count], ids=["function", "method"])
def test_a_schema_is_worked_out_once(func: Callable[..., Any]) -> None:
    assert tool_of(func).function_schema.json_schema is tool_of(func).function_schema.json_schema


def test_the_built_in_tools_of_two_registries_share_their_schemas() -> None:
    first, second = ToolRegistry(), ToolRegistry()
    for registry in (first, second):
        register_builtin_tools(registry)
    tools = zip(first.toolset().tools.values(), second.toolset().tools.values(), strict=True)
    assert all(one.function_schema.validator is other.function_schema.validator for one, other in tools)


def test_nothing_but_the_schema_is_shared() -> None:
    first = tool_of(add, "first", description="The first.", timeout_s=1)
    second = tool_of(add, "second")
    assert (first.name, first.description, first.timeout) == ("first", "The first.", 1)
    assert (second.name, second.description, second.timeout) == ("second", "Add two numbers.", None)


@pytest.mark.anyio
async def test_methods_of_two_objects_share_a_schema_and_are_called_on_their_own_objects() -> None:
    few, many = Shelf(2).count, Shelf(30).count
    assert tool_of(few).function_schema.json_schema is tool_of(many).function_schema.json_schema
    context: Any = None
    called = [await tool_of(func).function_schema.call({"factor": 10}, context) for func in (few, many)]
    assert called == [20, 300]


def test_a_method_and_its_function_have_parameters_of_their_own() -> None:
    class Box:
        def turn(self: Any, side: str) -> str:
            return side

    assert parameters(tool_of(Box().turn)) == ["side"]
    assert parameters(tool_of(Box.turn)) == ["self", "side"]
    assert parameters(tool_of(Box().turn)) == ["side"]


def test_what_nobody_else_holds_is_let_go() -> None:
    def registered() -> list[weakref.ref[Any]]:
        def local(a: int) -> int:
            return a

        shelf = Shelf(1)
        for func in (local, shelf.count):
            tool_of(func)
            tool_of(func)
        return [weakref.ref(local), weakref.ref(shelf)]

    left = registered()
    gc.collect()
    assert [reference() for reference in left] == [None, None]
