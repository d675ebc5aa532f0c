"""Files of traces: OTLP JSON, one value a line or spread over many, gzip or not, from a path or from standard input."""

import json
import re
from collections.abc import Iterator
from typing import Final

from instrumentation.reading.byte_sources import STDIN, Progress, opened
from instrumentation.reading.lines import MAX_LINE, Line, lines_of
from instrumentation.reading.otlp_json import is_traces, spans_of
from instrumentation.reading.otlp_tolerant import shown, whole_spans
from instrumentation.reading.problems import Problems
from instrumentation.reading.spans import Batch
from nanoagent.texts import plural

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_OTHER_CONTENT: Final = {
    b"\xff\xfe": "is UTF-16 text: nothing of it is read; save it as UTF-8",
    b"\xfe\xff": "is UTF-16 text: nothing of it is read; save it as UTF-8",
    b"\x28\xb5\x2f\xfd": "is packed with zstd: nothing of it is read; unpack it first, with zstd -d",
    b"BZh": "is packed with bzip2: nothing of it is read; unpack it first, with bunzip2",
    b"\xfd7zXZ": "is packed with xz: nothing of it is read; unpack it first, with unxz",
    b"PK\x03\x04": "is a zip archive: nothing of it is read; unpack it first, with unzip",
}
_AROUND: Final = b" \t\r\n\0\x1e"
_SEPARATORS: Final = b",[]"
_DIED: Final = "as a process that died leaves it"
_TEXT: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)')
"""A text of JSON, or what is there of it; tried from one place once, however it ends."""
_BEGINNING: Final = re.compile(rb'(?=\{"resourceSpans")')
"""How the lines of exporters begin: where one stands within a line, a process died and another one went on."""


def read_file(
    path: str,
    problems: Problems,
    *,
    progress: Progress = lambda read, size: None,
    max_line: int = MAX_LINE,
) -> Iterator[Batch]:
    """The spans of a file, as they are read; what cannot be read is told, and reading goes on behind it.

    Args:
        path: A file; `-` for standard input.
        problems: Hears of what could not be read.
        progress: Told, as it is read, how many bytes of the file were read, and how many it has.
        max_line: Bytes of the longest line, or of the longest value over several lines, that is read.

    Raises:
        ConfigurationError: There is no such file, or it cannot be read; when the first batch is asked for.
    """
    where = "stdin" if path == STDIN else path
    with opened(path, problems, progress) as source:
        start = source.peek(8) if hasattr(source, "peek") else b""
        for mark, what in _OTHER_CONTENT.items():
            if start.startswith(mark):
                problems.add(where, what)
                return
        reader = _Reader(where, problems, max_line)
        try:
            for line in lines_of(source, limit=max_line):
                spans = reader.read(line)
                if spans:
                    yield spans
        except OSError as error:
            problems.add(where, f"could not be read to its end ({error.strerror or error}): the rest is lost")
        if spans := reader.end():
            yield spans


class _Reader:
    """Lines become values: a line is one, or a part of one that goes over several lines."""

    def __init__(self, where: str, problems: Problems, max_value: int) -> None:
        self._where = where
        self._problems = problems
        self._max_value = max_value
        self._held = _Held()
        self._empty = True

    def read(self, line: Line) -> Batch:
        """The spans that are whole with this line."""
        number, data, too_long, ended = line
        if too_long:
            self._empty = False
            spans = self._drop_held()
            self._tell(number, f"is {too_long:,} bytes long, more than {self._max_value:,}: skipped")
            return spans
        if number == 1:
            data = data.removeprefix(_BYTE_ORDER_MARK)
        bare = data.strip(_AROUND)
        if data.startswith(b"\0") or data.endswith(b"\0"):
            count = data.count(b"\0")
            self._tell(number, f"holds {count:,} NUL bytes, as a crash leaves them: left out")
        if self._held:
            return self._continue(number, data, bare)
        if not bare:
            return ()
        self._empty = False
        return self._begin(number, bare, ended=ended)

    def end(self) -> Batch:
        """What is left when there are no more lines."""
        if self._empty:
            self._tell(None, "is empty: it holds no traces")
        return self._drop_held()

    def _begin(self, number: int, bare: bytes, *, ended: bool = True) -> Batch:
        inner = bare.lstrip(_SEPARATORS + _AROUND)
        if not inner:
            return ()
        value = inner.rstrip(_SEPARATORS + _AROUND) if inner.startswith(b"{") else bare
        try:
            return self._spans(number, value)
        except json.JSONDecodeError as error:
            if inner.startswith(b"{") and error.pos >= len(error.doc.rstrip()):
                self._held = _Held(number, inner)
                return ()
            return self._broken(number, value, error, ended=ended)

    def _continue(self, number: int, data: bytes, bare: bytes) -> Batch:
        """A further line of a value, or the next value where that one was cut off."""
        held = self._held
        begins = bare.startswith(b"{") and (
            is_traces(bare.rstrip(_SEPARATORS)) or (held.indented and data.startswith(b"{"))
        )
        if begins:
            return [*self._drop_held(), *self._begin(number, bare)]
        held.add(data)
        if not held.skipped and held.length > self._max_value:
            held.skip()
            self._tell(held.line, f"begins a value of more than {self._max_value:,} bytes over many lines: skipped")
        if held.depth > 0:
            return ()
        self._held = _Held()
        value = b"\n".join(held.pieces).strip(_AROUND + _SEPARATORS)
        try:
            return self._spans(held.line, value)
        except json.JSONDecodeError as error:
            what = f"to line {number} is no JSON ({error.msg}, line {held.line + error.lineno - 1})"
            return self._whole_spans(held.line, value, what)

    def _broken(self, number: int, value: bytes, error: json.JSONDecodeError, *, ended: bool) -> Batch:
        """A line that is no JSON; behind what a dying process left of a line another one may have gone on."""
        parts = [part for part in _BEGINNING.split(value) if part]
        if len(parts) > 1:
            return [span for part in parts for span in self._part(number, part)]
        if not ended:
            return self._whole_spans(number, value, f"is cut off after {len(value):,} bytes, {_DIED}")
        what = f"is no JSON ({error.msg}, character {error.pos + 1:,}; it begins with {shown(value[:20])[1:]})"
        return self._whole_spans(number, value, what)

    def _part(self, number: int, part: bytes) -> Batch:
        try:
            return self._spans(number, part)
        except json.JSONDecodeError:
            return self._whole_spans(number, part, f"holds {len(part):,} bytes of a value that is cut off, {_DIED}")

    def _spans(self, number: int, value: bytes) -> Batch:
        return spans_of(value, self._problems, f"{self._where}:{number}")

    def _whole_spans(self, number: int, value: bytes, what: str) -> Batch:
        """The spans that are whole in a value that is not."""
        spans = whole_spans(value.decode(errors="replace"), self._problems, f"{self._where}:{number}")
        outcome = f"{plural(len(spans), 'whole span')} of it read" if spans else "skipped"
        self._tell(number, f"{what}: {outcome}")
        return spans

    def _drop_held(self) -> Batch:
        held, self._held = self._held, _Held()
        if not held or held.skipped:
            return ()
        to = f" in line {held.last}" if held.last > held.line else ""
        return self._whole_spans(held.line, b"\n".join(held.pieces), f"begins a value that is cut off{to}, {_DIED}")

    def _tell(self, number: int | None, what: str) -> None:
        self._problems.add(self._where if number is None else f"{self._where}:{number}", what)


class _Held:
    """The lines of a value that has not ended."""

    def __init__(self, line: int = 0, first: bytes = b"") -> None:
        self.line = line
        """The number of the first one; 0 where there is none."""
        self.last = line
        """The number of the last one."""
        self.pieces = [first]
        self.length = len(first)
        self.depth = _depth(first)
        """How many brackets are open."""
        self.indented = False
        """Whether the lines behind the first one are."""
        self.skipped = False
        """Whether it is too long to be kept: its end is looked for, and nothing else."""

    def __bool__(self) -> bool:
        """Whether there is one."""
        return self.line > 0

    def add(self, data: bytes) -> None:
        """Add a line."""
        self.last += 1
        if self.last == self.line + 1:
            self.indented = data[:1] in (b" ", b"\t")
        if not self.skipped:
            self.pieces.append(data)
            self.length += len(data) + 1
        self.depth += _depth(data)

    def skip(self) -> None:
        """Keep nothing of it."""
        self.skipped = True
        self.pieces.clear()


def _depth(data: bytes) -> int:
    """How many brackets a line opens and does not close."""
    bare = _TEXT.sub(b"", data)
    return bare.count(b"{") + bare.count(b"[") - bare.count(b"}") - bare.count(b"]")
