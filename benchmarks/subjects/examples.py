"""Examples that show a small model what is asked for: none of them is a goal of the benchmark."""

import json
from collections.abc import Sequence
from typing import Any, Final

from pydantic_ai.tools import ToolDefinition

Example = tuple[str, str]
"""A question and its answer."""


def _call(tool: str, **arguments: Any) -> str:
    return json.dumps({"arguments": arguments, "tool": tool})


def _plan(text: str) -> Example:
    return f"Goal: {text}", json.dumps({"tasks": [{"description": text, "priority": 5}], "questions": []})


def _judged(text: str, result: str, answer: str) -> Example:
    question = f"Goal: {text}\n\nResults so far:\n- t1 [done] {text}\n  Result: {result}\n\nIs the goal reached?"
    return question, json.dumps({"done": True, "answer": answer})


_EXAMPLES: Final[dict[str, Sequence[Example]]] = {
    "tasks": (
        _plan("How many grams are 3 pounds?"),
        _plan("On which weekday was 1999-12-31?"),
        _plan("What is 12 + 4?"),
    ),
    "calls": (
        (
            "Your task (t1): How many grams are 3 pounds?",
            _call("convert_units", value=3, from_unit="pound", to_unit="gram"),
        ),
        ("Your task (t1): On which weekday was 1999-12-31?", _call("weekday", date="1999-12-31")),
        ("Your task (t1): What is 12 + 4?", _call("calculate", expression="12 + 4")),
    ),
    "success": (
        (
            "weekday gave: Friday\nReport the result.",
            json.dumps({"success": True, "output": "1999-12-31 was a Friday"}),
        ),
        ("calculate gave: 16\nReport the result.", json.dumps({"success": True, "output": "12 + 4 is 16"})),
    ),
    "done": (
        _judged("How many grams are 3 pounds?", "3 pounds are 1360.78 grams", "1360.78"),
        _judged("On which weekday was 1999-12-31?", "1999-12-31 was a Friday", "Friday"),
        _judged("What is 12 + 4?", "12 + 4 is 16", "16"),
    ),
}


def examples_of(offered: Sequence[ToolDefinition]) -> Sequence[Example]:
    """Those for what may be answered: calls where tools are offered, else an output with a field like theirs."""
    if len(offered) > 1:
        return _EXAMPLES["calls"]
    fields = offered[0].parameters_json_schema.get("properties", {}) if offered else {}
    return next((examples for field, examples in _EXAMPLES.items() if field in fields), ())
