import functools
import math
from collections.abc import Callable
from typing import Any

import pytest
from pydantic_ai import RunContext

from nanoagent.errors import ConfigurationError
from nanoagent.tools.registry import DEFAULT_TOOL_TIMEOUT_S, ToolRegistry


def add(a: int, b: int) -> int:
    """Add two integers.

    Args:
        a: The first.
        b: The second.
    """
    return a + b


class Counter:
    def __init__(self) -> None:
        self.count = 0

    def increase(self, by: int) -> int:
        self.count += by
        return self.count


class Opaque:
    def __call__(self, x: int) -> int:
        return x


def takes_opaque(value: Opaque) -> int:
    return 1


def gives_opaque() -> Opaque:
    return Opaque()


def takes_context(ctx: RunContext[None], a: int) -> int:
    return a


def registry_of(**funcs: Callable[..., Any]) -> ToolRegistry:
    registry = ToolRegistry()
    for name, func in funcs.items():
        registry.register(name, func)
    return registry


def test_names_are_listed_in_the_order_of_registration() -> None:
    registry = registry_of(zeta=add, alpha=add, mid=add)
    assert registry.list_names() == ["zeta", "alpha", "mid"]
    assert len(registry) == 3
    assert "alpha" in registry
    assert "beta" not in registry


def test_get_returns_the_function_itself() -> None:
    counter = Counter()
    registry = registry_of(add=add, increase=counter.increase)
    assert registry.get("add") is add
    assert registry.get("increase")(2) == 2
    assert counter.count == 2


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(KeyError, match=r"no tool named 'sub'; registered are: add, plus"):
        registry_of(add=add, plus=add).get("sub")
    with pytest.raises(KeyError, match=r"registered are: none"):
        ToolRegistry().get("add")


def test_a_model_is_told_the_docstring_and_the_parameters() -> None:
    tool = registry_of(add=add).toolset().tools["add"]
    assert tool.description == "Add two integers."
    assert tool.function_schema.json_schema == {
        "type": "object",
        "properties": {
            "a": {"type": "integer", "description": "The first."},
            "b": {"type": "integer", "description": "The second."},
        },
        "required": ["a", "b"],
        "additionalProperties": False,
    }


def test_a_description_replaces_the_docstring() -> None:
    registry = ToolRegistry()
    registry.register("add", add, description="Sum up.")
    assert registry.toolset().tools["add"].description == "Sum up."


def test_a_run_context_is_no_parameter_of_the_tool() -> None:
    tool = registry_of(peek=takes_context).toolset().tools["peek"]
    assert tool.takes_ctx
    assert list(tool.function_schema.json_schema["properties"]) == ["a"]


def test_a_lambda_and_a_result_without_schema_can_be_registered() -> None:
    assert registry_of(same=lambda x: x, opaque=gives_opaque).list_names() == ["same", "opaque"]


@pytest.mark.parametrize("name", ["a", "a" * 64, "get-weather", "_x9", "FINAL", "final"])
def test_a_name_that_providers_take_is_accepted(name: str) -> None:
    assert registry_of(**{name: add}).list_names() == [name]


@pytest.mark.parametrize("name", ["", " ", "a b", "a.b", "a\n", "é", "a" * 65, None, 3, b"a"])
def test_a_name_that_providers_refuse_is_refused(name: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ToolRegistry().register(name, add)
    assert str(caught.value) == (
        f"a tool's name must be 1 to 64 letters, digits, '_' or '-', got {name!r}: providers refuse others"
    )


@pytest.mark.parametrize("name", ["final_result", "final_result_PlanOutput"])
def test_the_name_of_an_output_tool_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"must not begin with 'final_result', got '{name}'"):
        ToolRegistry().register(name, add)


def test_a_second_tool_of_one_name_is_refused_and_the_first_one_stays() -> None:
    registry = registry_of(add=add)
    with pytest.raises(ConfigurationError, match=r"must be unique, got 'add' again"):
        registry.register("add", takes_context)
    assert registry.get("add") is add


@pytest.mark.parametrize("func", [None, 3, "add"])
def test_what_cannot_be_called_is_refused(func: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"tool 'x' must be callable, got .*: register a function"):
        ToolRegistry().register("x", func)


@pytest.mark.parametrize("func", [takes_opaque, functools.partial(add, 1), Opaque(), max])
def test_parameters_without_a_schema_are_refused_with_the_way_out(func: Callable[..., Any]) -> None:
    registry = ToolRegistry()
    with pytest.raises(ConfigurationError, match=r"tool 'x' must have parameters .* annotate each") as caught:
        registry.register("x", func)
    assert caught.value.__cause__ is not None
    assert len(registry) == 0


@pytest.mark.parametrize("timeout_s", [0, -1, -0.5, math.nan, True, "3"])
def test_a_timeout_that_is_no_positive_number_is_refused(timeout_s: Any) -> None:
    registry = registry_of(add=add)
    with pytest.raises(ConfigurationError, match=r"timeout_s of tool 'x' must be a positive number of seconds"):
        registry.register("x", add, timeout_s=timeout_s)
    with pytest.raises(ConfigurationError, match=r"timeout_s of the toolset must be a positive number of seconds"):
        registry.toolset(timeout_s=timeout_s)
    assert registry.list_names() == ["add"]


def test_a_tools_own_timeout_wins_over_the_toolsets() -> None:
    registry = registry_of(add=add)
    registry.register("slow", add, timeout_s=math.inf)
    assert registry.toolset().timeout == DEFAULT_TOOL_TIMEOUT_S
    toolset = registry.toolset(timeout_s=2)
    assert toolset.timeout == 2
    assert {name: tool.timeout for name, tool in toolset.tools.items()} == {"add": None, "slow": math.inf}
