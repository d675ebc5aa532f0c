"""Resending: spans that wait in files go to the receiver, and what it has accepted goes out of the files."""

import time
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from opentelemetry.sdk.trace import ReadableSpan

from instrumentation.otlp.addresses import unreachable
from instrumentation.otlp.answers import Answer, Fault
from instrumentation.otlp.exporters import Outlet, outlet_of
from instrumentation.otlp.outgoing import cleaned
from instrumentation.otlp.sender import Arrival, Sender
from instrumentation.reading.byte_sources import Progress
from instrumentation.reading.lines import Line
from instrumentation.selection import EXPORTER_VARIABLE, JAEGER, OTLP, STANDARD_VARIABLE, exporters_in
from instrumentation.spooling.leftovers import SentFile, Stretch, sent_file
from instrumentation.spooling.spool import as_line, is_spool
from instrumentation.spooling.spooled import spooled_spans
from nanoagent.errors import ConfigurationError

BATCH_SPANS: Final = 64
PAUSES_S: Final = (1.0, 2.0)
"""Before a batch is tried a second and a third time at a receiver that is busy; longer where it says so."""
MAX_PAUSE_S: Final = 30.0
MAX_KNOWN: Final = 500_000
"""Spans that are known to have arrived, so that none is sent twice that two destinations have spooled."""
_SPAN_KEY: Final = b'"startTimeUnixNano":'
"""Each span has it once as a key; within a text of JSON its quotes are escaped."""


@dataclass(frozen=True, kw_only=True)
class Resent:
    """What became of a file."""

    path: Path
    spans: int = 0
    """That were found in it."""
    sent: int = 0
    """That the receiver has accepted."""
    unreadable_lines: int = 0
    """That hold no spans; of a spool, they are in a file beside it now."""
    is_spool: bool = True
    """Whether what was accepted is no longer in it."""
    in_use: bool = False
    """Somebody else writes to it or sends it: it was left alone."""
    error: str | None = None
    """Why it could not be read, or not be rewritten; then it is as it was."""

    @property
    def left(self) -> int:
        """Spans that have not arrived, as far as is known."""
        return self.spans - self.sent


def outlet_in(env: Mapping[str, str]) -> Outlet:
    """Where the environment has spans sent: of its exporters the first one that sends, by default jaeger.

    Raises:
        ConfigurationError: There are others alone, or a setting cannot be used.
    """
    said = env.get(EXPORTER_VARIABLE, "").strip() or env.get(STANDARD_VARIABLE, "").strip()
    names = [name for name in exporters_in(env) if name in (JAEGER, OTLP)] if said else [JAEGER]
    if not names:
        raise ConfigurationError(
            f"{EXPORTER_VARIABLE} must be {JAEGER} or {OTLP} to send what waits on disk, got {said!r}: "
            f"set it for this command alone, as in {EXPORTER_VARIABLE}={JAEGER} nanoagent resend"
        )
    return outlet_of(names[0], env)


def files_in(paths: Iterable[Path]) -> list[Path]:
    """These files, and the spools in these directories, each once, the oldest spools first.

    Raises:
        ConfigurationError: One of them is not there, or is a directory that cannot be read.
    """
    found: dict[Path, None] = {}
    for path in paths:
        try:
            found |= dict.fromkeys(sorted(filter(is_spool, path.iterdir())) if path.is_dir() else [path])
            path.stat()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ConfigurationError(
                f"a spool must be a file or a directory of them, got {str(path)!r} ({reason}): check the path"
            ) from error
    return list(found)


class Resender:
    """Sends files, one after the other, until it turns out that nothing more will arrive."""

    def __init__(
        self,
        outlet: Outlet,
        *,
        refused: Callable[[Answer], object] = lambda answer: None,
        tell: Callable[[str], object] = lambda line: None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """Set the exporter up.

        Args:
            outlet: Where to.
            refused: Told why spans were not accepted.
            tell: Told of lines that cannot be read, and of spans that were accepted and then rejected.
            sleep: Waits so many seconds before a batch is tried again.

        Raises:
            ConfigurationError: The exporter cannot be set up.
        """
        self._outlet = outlet
        self._refused = refused
        self._tell = tell
        self._sleep = sleep
        self._sender = Sender(outlet.build(), max_batch_bytes=outlet.max_batch_bytes)
        self._arrived: set[tuple[int, int]] = set()
        self._has_looked = False
        self._has_given_up = False

    def resend(self, path: Path, progress: Progress = lambda read, size: None) -> Resent:
        """Send a file. What was accepted is no longer in it, also when this is interrupted."""
        error: str | None = None
        is_ours, found = is_spool(path), _Found()
        try:
            with sent_file(path) as file:
                if file is None:
                    return Resent(path=path, in_use=True, is_spool=is_ours)
                try:
                    self._send_file(path, file, found, progress)
                finally:
                    file.finish()
        except OSError as raised:
            error = raised.strerror or type(raised).__name__
        return Resent(
            path=path,
            spans=found.spans,
            sent=found.sent,
            unreadable_lines=found.unreadable_lines,
            is_spool=is_ours,
            error=error,
        )

    def shut_down(self) -> None:
        """Let the connections go."""
        self._sender.shut_down()

    def _send_file(self, path: Path, file: SentFile, found: "_Found", progress: Progress) -> None:
        size = path.stat().st_size or None
        waiting: list[_Read] = []
        for stretch, line in file.lines():
            if self._has_given_up:
                found.spans += line.data.count(_SPAN_KEY)
                continue
            waiting.append(_Read(stretch, self._spans_of(path, line, found)))
            if max(len(waiting), sum(len(read.spans or ()) for read in waiting)) >= BATCH_SPANS:
                self._send_lines(waiting, file, found)
                waiting = []
            progress(stretch.end, size)
        if waiting:
            self._send_lines(waiting, file, found)

    def _spans_of(self, path: Path, line: Line, found: "_Found") -> list[ReadableSpan] | None:
        """The spans of a line, as they may leave; `None` where it is no line of spans."""
        try:
            if line.too_long:
                raise ValueError(f"too long: {line.too_long:,} bytes")
            spans = [cleaned(span) for span in spooled_spans(line.data)] if line.data.strip() else []
        except ValueError as error:
            what = str(error) if line.ended else f"cut off after {len(line.data):,} bytes"
            self._tell(f"{path}:{line.number}: {what}")
            return None
        found.spans += len(spans)
        return spans

    def _send_lines(self, lines: Sequence["_Read"], file: SentFile, found: "_Found") -> None:
        if len(self._arrived) >= MAX_KNOWN:
            self._arrived.clear()
        spans = [span for line in lines for span in line.spans or ()]
        new = list({_key(span): span for span in spans if _key(span) not in self._arrived}.values())
        for start in range(0, len(new), BATCH_SPANS):
            self._arrived.update(map(_key, self._accepted(new[start : start + BATCH_SPANS])))
        accepted = sum(_key(span) in self._arrived for span in spans)
        found.sent += accepted
        if self._has_given_up and not accepted:
            return
        for line in lines:
            found.unreadable_lines += line.spans is None
            _keep_rest(line, self._arrived, file)
        file.settle(lines[-1].stretch.end)

    def _accepted(self, spans: Sequence[ReadableSpan]) -> list[ReadableSpan]:
        """Those of the spans that have arrived; a receiver that is busy is asked again, a few times."""
        accepted: list[ReadableSpan] = []
        for pause_s in (*PAUSES_S, None):
            if not self._is_anybody_there():
                break
            ids = set(map(id, accepted))
            left = [span for span in spans if id(span) not in ids]
            refusal = self._sender.send(left, lambda arrival: accepted.extend(self._taken(arrival)))
            if refusal is None:
                break
            if refusal.fault is not Fault.LATER or pause_s is None:
                self._refuse(refusal)
                break
            self._sleep(max(pause_s, min(refusal.retry_after_s or 0.0, MAX_PAUSE_S)))
        return accepted

    def _taken(self, arrival: Arrival) -> Sequence[ReadableSpan]:
        if not arrival.rejected:
            return arrival.spans
        self._tell(
            f"the receiver has rejected {arrival.rejected:,} of a batch of {len(arrival.spans):,} spans, "
            "and does not say which: all of them are kept"
        )
        return ()

    def _is_anybody_there(self) -> bool:
        """Whether sending is worth a try; the exporter's own tries would take seconds to find out."""
        endpoint = self._outlet.endpoint
        if not self._has_looked and endpoint is not None and unreachable(endpoint):
            self._refuse(Answer(error="ConnectionRefusedError"))
        self._has_looked = True
        return not self._has_given_up

    def _refuse(self, refusal: Answer) -> None:
        self._has_given_up = refusal.fault is not Fault.BATCH
        self._refused(refusal)


class _Read(NamedTuple):
    """A line that was read."""

    stretch: Stretch
    spans: list[ReadableSpan] | None


@dataclass
class _Found:
    """Counts of one file, as of `Resent`."""

    spans: int = 0
    sent: int = 0
    unreadable_lines: int = 0


def _key(span: ReadableSpan) -> tuple[int, int]:
    context = span.context
    return (context.trace_id, context.span_id) if context else (0, 0)


def _keep_rest(line: _Read, accepted: Container[tuple[int, int]], file: SentFile) -> None:
    if line.spans is None:
        file.set_aside(line.stretch)
        return
    left = [span for span in line.spans if _key(span) not in accepted]
    if left:
        file.keep(line.stretch if len(left) == len(line.spans) else as_line(left))
