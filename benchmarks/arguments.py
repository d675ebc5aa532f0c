"""The arguments as typed, made ready for the command-line library, which knows no value that may be left out."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Final

SAVE_BASELINE: Final = "--save-baseline"


def completed(arguments: Sequence[str], *, baseline: str) -> list[str]:
    """The arguments with a value for `--save-baseline` where it has none.

    Args:
        arguments: As they were typed.
        baseline: The value.
    """
    return [
        f"{SAVE_BASELINE}={baseline}" if argument == SAVE_BASELINE and _is_no_value(after) else argument
        for argument, after in zip_longest(arguments, arguments[1:])
    ]


def _is_no_value(argument: str | None) -> bool:
    return argument is None or argument.startswith("-")
