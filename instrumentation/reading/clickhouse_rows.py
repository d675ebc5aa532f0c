"""A row of the view that counts runs in ClickHouse, as a counted run."""

import re
from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from types import NoneType
from typing import Any, Final

from nanoagent.core.performance import PerformanceMetrics
from nanoagent.core.runs import CountedRun

SCHEMA_VERSION: Final = 1
"""Of the view; a row of another one means something else."""
_NOT_STORED: Final = {"goal", "remote_usage"}
"""A goal stands on no span, and runs of ours have no remote agents."""
COLUMNS: Final = frozenset(
    ({field.name for field in fields(PerformanceMetrics)} - _NOT_STORED)
    | {"spans", "expected_spans", "missing_parents", "judged", "schema_version"}
)
_TEXTS: Final = frozenset(("run_id", "parent_run_id", "trace_id", "status", "stop_reason", "error_type", "phase"))
"""What may read as a number, and is none."""
_QUOTED: Final = re.compile(r"-?\d+(\.\d+)?")


def run_of(row: Mapping[str, Any]) -> CountedRun:
    """The run.

    Args:
        row: By the names of its columns. Numbers may be texts: many servers quote those that a double cannot hold.

    Raises:
        ValueError: It is none.
    """
    values = _unquoted(row)
    spans, expected, missing = values["spans"], values["expected_spans"], values["missing_parents"]
    if type(spans) is not int or type(expected) not in (int, NoneType) or not isinstance(missing, list):
        raise ValueError(f"not a run: got {spans!r} of {expected!r} spans, and {missing!r} as missing parents")
    return CountedRun(
        metrics=PerformanceMetrics.from_dict(values),
        spans=spans,
        expected_spans=expected,
        missing_parents=tuple(missing),
    )


def _unquoted(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value if name in _TEXTS else _number(value) for name, value in row.items()}


def _number(value: Any) -> Any:
    if isinstance(value, str) and _QUOTED.fullmatch(value):
        return Decimal(value) if "." in value else int(value)
    if isinstance(value, list):
        return [_unquoted(part) if isinstance(part, dict) else part for part in value]
    return value
