import subprocess
import sys
from datetime import UTC, datetime

import pytest

from nanoagent.errors import ConfigurationError
from nanoagent.tools.builtin import register_builtin_tools
from nanoagent.tools.registry import ToolRegistry

NAMES = [
    "calculate",
    "primes_between",
    "is_prime",
    "prime_factors",
    "statistics",
    "text_statistics",
    "transform_text",
    "find_text",
    "today",
    "days_between",
    "add_days",
    "weekday",
    "convert_units",
]


def test_every_built_in_tool_is_registered_and_described() -> None:
    registry = ToolRegistry()
    register_builtin_tools(registry)
    assert registry.list_names() == NAMES
    for tool in registry.toolset().tools.values():
        assert tool.description
        parameters = tool.function_schema.json_schema["properties"]
        assert [name for name, schema in parameters.items() if not schema.get("description")] == []


def test_the_clock_is_the_callers() -> None:
    registry = ToolRegistry()
    register_builtin_tools(registry, now=lambda: datetime(1999, 12, 31, tzinfo=UTC))
    assert registry.get("today")() == "1999-12-31"


def test_the_default_clock_is_the_days_of_utc() -> None:
    registry = ToolRegistry()
    register_builtin_tools(registry)
    before = datetime.now(UTC).date().isoformat()
    assert before <= registry.get("today")() <= datetime.now(UTC).date().isoformat()


def test_a_name_that_is_taken_is_refused() -> None:
    registry = ToolRegistry()
    registry.register("today", lambda: "never")
    with pytest.raises(ConfigurationError, match="must be unique, got 'today' again"):
        register_builtin_tools(registry)


def test_importing_the_tools_loads_neither_pint_nor_pydantic_ai() -> None:
    code = "import sys, nanoagent.tools.builtin; print({'pint', 'pydantic_ai'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert result.stdout == "set()\n"
