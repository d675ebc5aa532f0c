"""The schemas of functions that were registered before: working one out takes longer than a run of an agent."""

import dataclasses
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any, Final
from weakref import WeakKeyDictionary

from pydantic_ai import Tool

Schemas = WeakKeyDictionary[FunctionType, Any]
"""By function. They do not hold it, so that what nobody else holds is let go."""

_OF_FUNCTIONS: Final = Schemas()
_OF_METHODS: Final = Schemas()
"""Apart from those above: a bound method has a parameter less than its function."""


def known_schema(func: Callable[..., Any]) -> Any:
    """The schema of a function or bound method as `Tool` takes it, or `None` when it has to work it out."""
    schemas, function = _place_of(func)
    known = None if function is None else schemas.get(function)
    return known and dataclasses.replace(known, function=func)


def remember_schema(tool: Tool[None]) -> None:
    """Keep what a tool has worked out for as long as there is its function."""
    schemas, function = _place_of(tool.function)
    if function is not None:
        schemas[function] = dataclasses.replace(tool.function_schema, function=_let_go)


def _place_of(func: object) -> tuple[Schemas, FunctionType | None]:
    """Where the schema is kept; no function for other objects that can be called, which may change."""
    schemas, function = (_OF_METHODS, func.__func__) if isinstance(func, MethodType) else (_OF_FUNCTIONS, func)
    return schemas, function if isinstance(function, FunctionType) else None


def _let_go() -> None:
    """Stands in a schema that is kept for the function that it is of."""
