"""Fingerprints of messages: whether one is still what it was when it was shown."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any, Final

MAX_DEPTH: Final = 16
MAX_VALUES: Final = 2_000
"""Of one message, that are looked at; what is beyond is known by what object it is."""
_BY_VALUE: Final = frozenset({str, int, float, bool, bytes, type(None), datetime})


def fingerprint(message: Any) -> int:
    """A number that is another one, but for rare chance, once what the message says has changed.

    It is asked for again with each request, for each message of the history: a text is hashed once in its life, and a
    part that holds nothing but values takes a microsecond.
    """
    try:
        return hash((message.kind, _of_all(message.parts, 0, iter(range(MAX_VALUES)))))
    except KeyboardInterrupt:
        raise
    except BaseException:  # what a message holds may have code of its own
        return id(message)


def _of(value: Any, depth: int, left: Iterator[int]) -> Any:
    kind = type(value)
    if kind in _BY_VALUE:
        return value
    if depth >= MAX_DEPTH or next(left, None) is None:
        return id(value)
    if isinstance(value, dict):
        return len(value), _of_all(value, depth, left), _of_all(value.values(), depth, left)
    if isinstance(value, list | tuple):
        return len(value), _of_all(value, depth, left)
    fields = getattr(value, "__dict__", None)
    if not isinstance(fields, dict) or not fields:
        return id(value)
    return kind.__name__, *fields, *_of_all(fields.values(), depth, left)


def _of_all(values: Iterable[Any], depth: int, left: Iterator[int]) -> tuple[Any, ...]:
    some = tuple(islice(values, MAX_VALUES))
    return some if _BY_VALUE.issuperset(map(type, some)) else tuple(_of(value, depth + 1, left) for value in some)
