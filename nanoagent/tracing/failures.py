"""Failures: how our own logs speak of exceptions, whose messages may carry content or secrets."""

import logging
import sys
import traceback
from collections import deque
from collections.abc import Iterator
from typing import Final

from nanoagent.content.content import captures_content
from nanoagent.redaction.redactor import redacted, redacted_start

MAX_MESSAGE_CHARACTERS: Final = 1_000
"""An exception's message is cut to so many characters."""
MAX_FRAMES: Final = 20
"""Frames of a traceback that are told: the last ones, where the exception was raised."""
MAX_CAUSES: Final = 5
"""Exceptions told of that led to another."""


def log_failure(logger: logging.Logger, message: str, *args: object, level: int = logging.ERROR) -> None:
    """Log the exception that is being handled: its class and its code, and what it says only where content is captured.

    For `except` blocks. The exception itself is not attached to the record: whatever prints the record would print
    its message, and those of the exceptions that led to it.
    """
    error = sys.exception()
    if error is None:
        logger.log(level, message, *args, stacklevel=2)
    elif logger.isEnabledFor(level):
        logger.log(level, f"{message}\n%s", *args, "\n".join(lines_of(error)), stacklevel=2)


def described(error: BaseException) -> str:
    """The exception's class on one line, with what it says where content is captured; redacted."""
    message = message_of(error) if captures_content() else ""
    return f"{error_type_of(error)}: {message}" if message else error_type_of(error)


def message_of(error: BaseException) -> str:
    """What the exception says, on one line without control characters; empty where it cannot say it."""
    try:
        said = str(error)
    except KeyboardInterrupt:
        raise
    except BaseException:  # whatever code of its own raises
        return ""
    line = " ".join(redacted_start(said, MAX_MESSAGE_CHARACTERS).split())
    return line if line.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in line)


def redacted_traceback(error: BaseException) -> str:
    """The traceback as Python prints it, redacted: for the terminal of whoever started the command."""
    return redacted("".join(traceback.format_exception(error)))


def error_type_of(error: BaseException) -> str:
    """The exception's class name, qualified by its module unless it is built in."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def lines_of(error: BaseException) -> Iterator[str]:
    """The exception as a log may show it: what `described` says, its code, and the classes of what led to it."""
    yield described(error)
    for frame, line in deque(traceback.walk_tb(error.__traceback__), maxlen=MAX_FRAMES):
        yield f'  File "{frame.f_code.co_filename}", line {line}, in {frame.f_code.co_qualname}'
    for _ in range(MAX_CAUSES):
        before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if before is None:
            return
        yield f"after {error_type_of(before)}"
        error = before
