"""Files of traces to read back: what the `file` exporter writes of real runs, as often as it takes, with fresh ids."""

import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from benchmarks.running.runner import Session, run_attempt
from benchmarks.subjects.models import SCRIPTED, subject_named
from benchmarks.suite.goals import GOALS
from instrumentation.otlp.exporters import FILE_VARIABLE, outlet_of
from instrumentation.selection import FILE

_ID: Final = re.compile(rb'"([0-9a-f]{32}|[0-9a-f]{16})"')
_SPAN: Final = b'"spanId":'
_SEED: Final = 20_260_101
_SPANS_A_LINE: Final = 64
"""As `configure` has it by default."""


async def exported_lines(directory: Path) -> Sequence[bytes]:
    """What the `file` exporter writes of a run of every goal by the scripted model, line by line."""
    path = directory / "runs.jsonl"
    tracers = TracerProvider(shutdown_on_exit=False)
    exporter = outlet_of(FILE, {FILE_VARIABLE: str(path)}).build()
    tracers.add_span_processor(BatchSpanProcessor(exporter, max_export_batch_size=_SPANS_A_LINE))
    session = Session(id="overhead", subject=subject_named(SCRIPTED), tracer_provider=tracers)
    for goal in GOALS:
        await run_attempt(goal, session)
    tracers.shutdown()
    return path.read_bytes().splitlines()


def copies(lines: Sequence[bytes], *, spans: int) -> Iterator[bytes]:
    """The same lines with fresh ids of traces, spans and runs, again and again, until there are so many spans."""
    draw, written = random.Random(_SEED), 0  # noqa: S311
    while written < spans:
        fresh = _Fresh(draw)
        for line in lines:
            yield _ID.sub(fresh.id_for, line)
            written += spans_in(line)


def spans_in(line: bytes) -> int:
    """How many spans a line holds."""
    return line.count(_SPAN)


class _Fresh:
    """Another id for each that there is."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._ids: dict[bytes, bytes] = {}

    def id_for(self, found: re.Match[bytes]) -> bytes:
        known = found[1]
        if known not in self._ids:
            self._ids[known] = b'"%0*x"' % (len(known), self._draw.getrandbits(4 * len(known)))
        return self._ids[known]
