"""What a command says beside its data: lines on stderr, and a progress bar where that is a terminal."""

import sys
import time
from types import TracebackType
from typing import Any, Final, Self

from instrumentation.reading.byte_sources import Progress
from instrumentation.rendering.paper import encodable
from instrumentation.rendering.visible import visible

MAX_LINES: Final = 20
"""So many lines of one kind are said; the others are counted."""
PATIENCE_S: Final = 0.5
"""What takes longer shows how far it is."""


class Speaker:
    """Says things on stderr."""

    def __init__(self, *, patience_s: float = PATIENCE_S) -> None:
        """Say nothing yet; what takes longer than `patience_s` shows how far it is."""
        self._patience_s = patience_s
        self._bar: Any = None
        self._task: Any = None
        self._name = ""
        self._since_s = time.monotonic()
        self._is_terminal = sys.stderr.isatty()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the progress bar away."""
        self.hide_progress()

    def say(self, line: str) -> None:
        """Say a line, now."""
        text = encodable(visible(line), sys.stderr.encoding or "utf-8")
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, file=sys.stderr, flush=True)  # noqa: T201 - this is the terminal's edge

    def progress(self, name: str) -> Progress:
        """What shows how far something of this name was read."""
        self._name = name
        return self._show if self._is_terminal else lambda read, size: None

    def hide_progress(self) -> None:
        """Take the progress bar away, if there is one."""
        if self._bar is not None:
            bar, self._bar, self._task = self._bar, None, None
            bar.stop()

    def _show(self, read: int, size: int | None) -> None:
        if self._bar is None:
            if time.monotonic() - self._since_s < self._patience_s:
                return
            self._bar = _bar()
            self._bar.start()
        if self._task is None or self._bar.tasks[0].description != self._name:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(self._name, total=size)
        self._bar.update(self._task, completed=read, total=size)


class Listing:
    """Lines of one kind, the first ones of which are said at once; the others are counted."""

    def __init__(self, speaker: Speaker, further: str, *, most: int = MAX_LINES) -> None:
        """Say nothing yet; `further` names what is counted, as `problems`."""
        self._speaker = speaker
        self._further = further
        self._most = most
        self.count = 0

    def add(self, line: object) -> None:
        """Say it, or count it."""
        self.count += 1
        if self.count <= self._most:
            self._speaker.say(str(line))

    def end(self, total: int | None = None) -> None:
        """Say how many were not said; `total` is how many there are, where not all of them were added."""
        further = max(self.count, total or 0) - self._most
        if further > 0:
            self._speaker.say(f"… and {further:,} more {self._further}")


def _bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("reading {task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        # What is written to a stdout that is no terminal is data.
        redirect_stdout=sys.stdout.isatty(),
        redirect_stderr=False,
    )
