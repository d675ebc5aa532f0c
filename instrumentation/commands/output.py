"""What a command writes on stdout: lines for people, or JSON; and how it ends when nobody reads on."""

import json
import os
import re
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from instrumentation.exits import Ended, ExitCode
from instrumentation.rendering.paper import encodable, rendered
from instrumentation.rendering.visible import visible
from nanoagent.errors import ConfigurationError

PIPED_WIDTH: Final = 80
"""Columns where stdout is no terminal, unless COLUMNS says otherwise."""


class Output:
    """Writes lines, in colours where stdout is a terminal that shows them and NO_COLOR is not set."""

    def __init__(self) -> None:
        """Look at stdout."""
        self._console = Console(file=sys.stdout)
        fits = self._console.is_terminal or os.environ.get("COLUMNS", "").isdigit()
        self.width: Final = self._console.width if fits else PIPED_WIDTH

    def write(self, lines: Iterable[Text]) -> None:
        """Write lines."""
        sys.stdout.write(encodable(rendered(lines, self._console), sys.stdout.encoding or "utf-8"))

    def write_text(self, line: str) -> None:
        """Write a line of plain text."""
        self.write([Text(visible(line))])


@contextmanager
def ending_well() -> Iterator[None]:
    """Write all that was written; end quietly when nobody reads it, and with one line when interrupted.

    Raises:
        Ended: It was interrupted, or nobody reads on: what was asked for was had.
        ConfigurationError: Stdout cannot be written.
    """
    if sys.stdout is None:  # closed before the process began
        raise ConfigurationError("stdout must be open, got none: send it to a file, or to /dev/null")
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError as error:
        forget_output()
        raise Ended(ExitCode.OK) from error
    except OSError as error:
        if error.filename is not None:
            raise
        forget_output()
        reason = error.strerror or type(error).__name__
        message = f"stdout cannot be written ({reason}): what was written is not the whole; make room"
        raise ConfigurationError(message) from error
    except KeyboardInterrupt as error:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print("interrupted: what was written is not the whole", file=sys.stderr)  # noqa: T201
        raise Ended(ExitCode.INTERRUPTED) from error


def forget_output() -> None:
    """What is still in the buffer would raise again when the process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class JsonList:
    """Writes a JSON list item by item, a line each; one that was broken off lacks its end, and is no JSON."""

    def __init__(self) -> None:
        """Write nothing yet."""
        self._is_empty = True

    def add(self, item: Any) -> None:
        """Write an item."""
        sys.stdout.write(("[\n" if self._is_empty else ",\n") + as_json(item))
        self._is_empty = False

    def end(self) -> None:
        """End the list."""
        sys.stdout.write("[]\n" if self._is_empty else "\n]\n")


def as_json(value: Any) -> str:
    """Strict JSON in ASCII; halves of characters, which it cannot hold, become U+FFFD.

    Raises:
        ValueError: A number in it is not finite.
    """
    text = json.dumps(value, allow_nan=False)
    if "\\ud" in text:
        whole = _HALVES.sub("\ufffd", json.dumps(json.loads(text), ensure_ascii=False))
        text = json.dumps(json.loads(whole))
    return text


_HALVES: Final = re.compile("[\ud800-\udfff]")
