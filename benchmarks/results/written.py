"""JSON as files of results hold it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from benchmarks.formats import printable

_INDENT: Final = "  "


def json_text(value: Any) -> str:
    """Strict JSON on one line: NaN and Infinity are none, and many parsers refuse the whole file for one of them.

    Raises:
        ValueError: There is one of those in it.
    """
    return printable(json.dumps(value, allow_nan=False, ensure_ascii=False))


def printable_value(value: Any) -> Any:
    """The value with U+FFFD in place of what no encoding can write.

    Raises:
        ValueError: As `json_text` does.
    """
    text = json.dumps(value, allow_nan=False, ensure_ascii=False)
    seen = printable(text)
    return value if seen == text else json.loads(seen)


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
