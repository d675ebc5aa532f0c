"""Text: its size, its shape, what it contains."""

import re
from collections.abc import Callable
from typing import Any, Final, Literal

MAX_TEXT_CHARS: Final = 20_000
MAX_POSITIONS: Final = 100
"""Positions that a search lists; it counts all."""

Operation = Literal["upper", "lower", "title", "reverse", "reverse_words", "trim", "sort_lines", "unique_lines"]

_OPERATIONS: dict[str, Callable[[str], str]] = {
    "upper": str.upper,
    "lower": str.lower,
    "title": str.title,
    "reverse": lambda text: text[::-1],
    "reverse_words": lambda text: " ".join(reversed(text.split())),
    "trim": lambda text: " ".join(text.split()),
    "sort_lines": lambda text: "\n".join(sorted(text.splitlines())),
    "unique_lines": lambda text: "\n".join(dict.fromkeys(text.splitlines())),
}


def text_statistics(text: str) -> dict[str, int]:
    """Count the characters, letters, words and lines of a text.

    Args:
        text: The text, at most 20,000 characters.

    Raises:
        ValueError: The text is too long.
    """
    _check_size(text, "text")
    words = text.split()
    return {
        "characters": len(text),
        "characters_without_spaces": sum(map(len, words)),
        "letters": sum(map(str.isalpha, text)),
        "words": len(words),
        "unique_words": len({word.casefold() for word in words}),
        "lines": len(text.splitlines()),
    }


def transform_text(text: str, operation: Operation) -> str:
    """Change a text as a whole: its case, its order or its spaces.

    Args:
        text: The text, at most 20,000 characters.
        operation: upper, lower and title change the case; reverse turns the characters round, reverse_words the words;
            trim makes every run of spaces and line breaks one space; sort_lines sorts the lines; unique_lines drops
            the lines that came before.

    Raises:
        ValueError: The text is too long, or there is no such operation.
    """
    _check_size(text, "text")
    if operation not in _OPERATIONS:
        raise ValueError(f"operation must be one of {', '.join(_OPERATIONS)}, got {operation!r}: choose one of these")
    return _OPERATIONS[operation](text)


def find_text(text: str, pattern: str, *, ignore_case: bool = False) -> dict[str, Any]:
    """Find every place where one text occurs in another: `count`, and the first 100 `positions`.

    Positions count characters from 0; occurrences do not overlap.

    Args:
        text: The text to search, at most 20,000 characters.
        pattern: The text to look for, taken literally: it is no regular expression.
        ignore_case: Whether upper and lower case are the same.

    Raises:
        ValueError: One of the texts is too long, or the pattern is empty.
    """
    _check_size(text, "text")
    _check_size(pattern, "pattern")
    if not pattern:
        raise ValueError(f"pattern must have at least one character, got {pattern!r}: give the text to look for")
    found = re.finditer(re.escape(pattern), text, re.IGNORECASE if ignore_case else 0)
    positions = [match.start() for match in found]
    return {"count": len(positions), "positions": positions[:MAX_POSITIONS]}


def _check_size(text: str, name: str) -> None:
    if len(text) > MAX_TEXT_CHARS:
        raise ValueError(f"{name} must have at most {MAX_TEXT_CHARS} characters, got {len(text)}: give it in parts")
