"""JSON as files of results hold it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from benchmarks.formats import printable

ATTEMPT_DEPTH: Final = 4
"""How deep attempts lie in results.json, of which there may be many."""
_INDENT: Final = "  "


def json_text(value: Any) -> str:
    """Strict JSON on one line: NaN and Infinity are none, and many parsers refuse the whole file for one of them.

    Raises:
        ValueError: There is one of those in it.
    """
    return printable(json.dumps(value, allow_nan=False, ensure_ascii=False))


def printable_value(value: Any, depth: int) -> Any:
    """The value with U+FFFD in place of what no encoding can write.

    Args:
        value: What is to be written.
        depth: How deep it is looked at field by field, as there may be much of it.

    Raises:
        ValueError: As `json_text` does.
    """
    if depth and isinstance(value, Mapping):
        return {printable(key): printable_value(inner, depth - 1) for key, inner in value.items()}
    if depth and isinstance(value, list | tuple):
        return [printable_value(inner, depth - 1) for inner in value]
    text = json.dumps(value, allow_nan=False, ensure_ascii=False)
    seen = printable(text)
    return value if seen == text else json.loads(seen)


def compact(value: Any, depth: int) -> Iterator[str]:
    """JSON with sorted keys, in ASCII and without spaces, piece by piece, as there may be much of it.

    Args:
        value: What is written.
        depth: How deep fields are pieces of their own.
    """
    if depth == 0 or not value or not isinstance(value, Mapping | list | tuple):
        yield json.dumps(value, sort_keys=True, separators=(",", ":"))
        return
    fields = {f"{json.dumps(key)}:": value[key] for key in sorted(value)} if isinstance(value, Mapping) else None
    start, end = "[]" if fields is None else "{}"
    separator = start
    for name, inner in fields.items() if fields is not None else (("", inner) for inner in value):
        yield separator + name
        yield from compact(inner, depth - 1)
        separator = ","
    yield end


def laid_out(value: Any, depth: int, *, indent: str = "") -> Iterator[str]:
    """The same with a line for each field, piece by piece, as there may be much of it.

    Args:
        value: What is written.
        depth: How deep fields have lines of their own; what lies deeper stands on the line of what it lies in.
        indent: What lines begin with.

    Raises:
        ValueError: As `json_text` does.
    """
    if depth == 0 or not value or not isinstance(value, Mapping | list | tuple):
        yield json_text(value)
        return
    fields = {f"{json_text(key)}: ": inner for key, inner in value.items()} if isinstance(value, Mapping) else None
    start, end = "[]" if fields is None else "{}"
    separator = f"{start}\n"
    for name, inner in fields.items() if fields is not None else (("", inner) for inner in value):
        yield f"{separator}{indent}{_INDENT}{name}"
        yield from laid_out(inner, depth - 1, indent=indent + _INDENT)
        separator = ",\n"
    yield f"\n{indent}{end}"
