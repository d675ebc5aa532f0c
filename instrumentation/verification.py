"""The comparison of one run's numbers from two sources, number by number and byte for byte."""

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, NamedTuple

CONTENT: Final = ("goal",)
"""Fields that are content: they stand on no span, so only the application knows them."""
ABSENT: Final = "nothing"
"""What stands for a value where there is none at all."""
_NONE: Final = object()


class Difference(NamedTuple):
    """A number that is not the same on both sides."""

    path: str
    """Where it stands in `to_dict()`, such as `by_phase[1].input_tokens`."""
    first: str
    """The first side's value as JSON, or `ABSENT`."""
    second: str
    """The second side's, in the same way."""

    def __str__(self) -> str:
        """On one line."""
        return f"{self.path} {self.first} and {self.second}"


def first_difference(
    first: Mapping[str, Any], second: Mapping[str, Any], *, apart: Collection[str] = CONTENT
) -> Difference | None:
    """Where the numbers of a run differ first, in the order of `to_dict()`; `None` where they are the same.

    Two values are the same when they are the same JSON: 1 is not 1.0, and a field that is not there is not null. In
    what order fields stand is no matter.

    Example:
        >>> print(first_difference({"goal": "a", "api_calls": 4}, {"goal": None, "api_calls": 3}))
        api_calls 4 and 3

    Args:
        first: `PerformanceMetrics.to_dict()` of one source.
        second: That of the other one.
        apart: Fields that are not compared.
    """
    left = {key: value for key, value in first.items() if key not in apart}
    right = {key: value for key, value in second.items() if key not in apart}
    return next(_differences("", left, right), None)


def _differences(path: str, first: Any, second: Any) -> Iterator[Difference]:
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        for key in dict.fromkeys((*first, *second)):
            below = f"{path}.{key}" if path else str(key)
            yield from _differences(below, first.get(key, _NONE), second.get(key, _NONE))
    elif isinstance(first, list | tuple) and isinstance(second, list | tuple):
        for place in range(max(len(first), len(second))):
            yield from _differences(f"{path}[{place}]", _at(first, place), _at(second, place))
    elif (one := _as_json(first)) != (other := _as_json(second)):
        yield Difference(path, one, other)


def _at(values: list[Any] | tuple[Any, ...], place: int) -> Any:
    return values[place] if place < len(values) else _NONE


def _as_json(value: Any) -> str:
    return ABSENT if value is _NONE else json.dumps(value, ensure_ascii=False)
