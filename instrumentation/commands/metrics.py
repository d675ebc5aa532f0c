"""`nanoagent metrics`: the numbers of the runs in some sources."""

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Final

from rich.text import Text

from instrumentation.commands.output import JsonList, Output
from instrumentation.commands.sources import Source, batches_of
from instrumentation.commands.speaking import Listing, Speaker
from instrumentation.commands.stored import StoredRuns
from instrumentation.exits import Ended, ExitCode
from instrumentation.reading.collector import collector_off
from instrumentation.reading.counted import counted_runs
from instrumentation.reading.price_file import read_price_file
from instrumentation.reading.prices import Prices
from instrumentation.reading.problems import Problems
from instrumentation.reading.spans import Batch
from instrumentation.rendering.metrics_table import run_lines
from instrumentation.rendering.notes import loss
from instrumentation.rendering.run_totals import RunTotals
from instrumentation.rendering.runs_table import RunsTable
from instrumentation.rendering.visible import visible
from nanoagent.core.runs import CountedRun
from nanoagent.errors import ConfigurationError
from nanoagent.texts import plural

GENAI: Final = "genai"
NO_PRICES: Final = "none"
_MAX_NAMED: Final = 8
_TOGETHER_S: Final = 0.1
"""Lines of so long are written together."""


def show_metrics(
    sources: Sequence[Source] | StoredRuns, *, run_id: str | None, as_json: bool, prices: str, jaeger: str | None
) -> None:
    """Write the numbers on stdout, and what they rest on on stderr.

    Args:
        sources: Spans, which are counted together: what stands in several of them counts once; or runs that are
            counted.
        run_id: The one run to show, by its id or by its beginning; all of them by default.
        as_json: Whether a JSON list of `to_dict()` is written rather than tables.
        prices: `genai`, `none`, or a user's own price file.
        jaeger: The URL of Jaeger's UI; `None` for that of the environment.

    Raises:
        Ended: Something is not complete, or there is no run.
        ConfigurationError: A source or the price file cannot be read, or there is no such run.
    """
    price = prices_of(prices)
    with collector_off(), Speaker() as speaker:
        reading = _Reading(sources, speaker)
        runs = reading.runs(price, jaeger, run_id)
        if run_id is not None:
            runs = reading.picked(runs, run_id)
        watched = reading.watched(runs)
        (_write_json if as_json else _write_tables)(watched, speaker)
        speaker.hide_progress()
        reading.end(price)
    if not reading.is_whole:
        raise Ended(ExitCode.INCONCLUSIVE)


def prices_of(setting: str) -> Prices | None:
    """What prices calls that carry no price, by `--prices`; `None` for nothing.

    Raises:
        ConfigurationError: It is a file that cannot be used.
    """
    if setting == NO_PRICES:
        return None
    return Prices(None if setting == GENAI else read_price_file(setting))


class _Reading:
    """What is read, and what is to be said of it."""

    def __init__(self, sources: Sequence[Source] | StoredRuns, speaker: Speaker) -> None:
        self._sources = sources
        self._speaker = speaker
        self._problems = Listing(speaker, "problems")
        self._incomplete = Listing(speaker, "runs that are not complete")
        self.problems = Problems(self._problems.add)
        self._spans = 0
        self._runs = 0

    @property
    def is_whole(self) -> bool:
        return not self.problems.lossy and not self._incomplete.count and self._runs > 0

    def runs(self, price: Prices | None, jaeger: str | None, run_id: str | None) -> Iterator[CountedRun]:
        """The runs of all sources; those alone that may be `run_id`, where a source can look for it."""
        if isinstance(self._sources, StoredRuns):
            progress = self._speaker.progress(str(self._sources))
            return self._sources.runs(self.problems, run_id=run_id, progress=progress)
        batches = (
            batches_of(source, self.problems, jaeger=jaeger, progress=self._speaker.progress(str(source)))
            for source in self._sources
        )
        return counted_runs(self._counted(chain.from_iterable(batches)), self.problems, price=price)

    def picked(self, runs: Iterable[CountedRun], run_id: str) -> Iterator[CountedRun]:
        """The run that was asked for; none where it was left out, which was told."""
        try:
            return iter([_picked(runs, run_id)])
        except _NoSuchRun:
            if not isinstance(self._sources, StoredRuns):
                raise
            if self.problems.count:
                return iter(())
            none = self._sources.without("none whose id begins so")
            raise ConfigurationError(f"--run must name a run of the sources, got {run_id!r}: {none}") from None

    def watched(self, runs: Iterable[CountedRun]) -> Iterator[CountedRun]:
        for run in runs:
            self._runs += 1
            if run.metrics.complete is False:
                self._incomplete.add(f"run {run.metrics.run_id} is not complete: {loss(run)}")
            yield run

    def end(self, prices: Prices | None) -> None:
        self._problems.end(self.problems.count)
        self._incomplete.end()
        if not self._runs:
            self._say_nothing()
        if prices is not None:
            for provenance in prices.provenance():
                self._speaker.say(str(provenance))
            if prices.unpriced:
                self._speaker.say(f"no price is known of {_named(prices.unpriced)}: give your own with --prices FILE")

    def _counted(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        for batch in batches:
            self._spans += len(batch)
            yield batch

    def _say_nothing(self) -> None:
        if not isinstance(self._sources, StoredRuns):
            named = ", ".join(map(str, self._sources[:_MAX_NAMED]))
            what = f"none of the {self._spans:,} spans of {named} is a run, an agent or a model call"
        elif self.problems.count:
            return
        else:
            what = self._sources.without("none")
        self._speaker.say(f"no runs: {what}")


class _NoSuchRun(ConfigurationError):  # noqa: N818 - reads as what it says
    """No run is the one that was asked for."""


def _write_json(runs: Iterator[CountedRun], speaker: Speaker) -> None:
    written = JsonList()
    for run in runs:
        written.add(run.metrics.to_dict())
    written.end()


def _write_tables(runs: Iterator[CountedRun], speaker: Speaker) -> None:
    output = Output()
    first = next(runs, None)
    if first is None:
        return
    second = next(runs, None)
    if second is None:
        speaker.hide_progress()
        output.write(run_lines(first, width=output.width))
        return
    table, totals = RunsTable(width=output.width), RunTotals()
    output.write([table.head()])
    rows: list[Text] = []
    written_s = time.monotonic()
    for run in chain([first, second], runs):
        totals.add(run.metrics)
        rows.append(table.row(run))
        if time.monotonic() - written_s > _TOGETHER_S:
            output.write(rows)
            rows, written_s = [], time.monotonic()
    totals.end()
    output.write(rows)
    speaker.hide_progress()
    output.write(table.total(totals))


def _picked(runs: Iterable[CountedRun], run_id: str) -> CountedRun:
    found: list[CountedRun] = []
    others: list[str] = []
    for run in runs:
        its_id = str(run.metrics.run_id)
        if its_id == run_id:
            return run
        if its_id.startswith(run_id):
            found.append(run)
        elif len(others) < _MAX_NAMED:
            others.append(visible(its_id))
        del found[_MAX_NAMED:]
    if len(found) == 1:
        return found[0]
    if found:
        named = ", ".join(visible(str(run.metrics.run_id)) for run in found)
        raise ConfigurationError(f"--run must name one run, got {run_id!r}, with which several begin: {named}")
    there = f"; there are {', '.join(others)}" if others else "; there are none"
    raise _NoSuchRun(f"--run must name a run of the sources, got {run_id!r}{there}")


def _named(models: dict[str, int]) -> str:
    shown = [f"{model} ({plural(calls, 'call')})" for model, calls in models.items()][:_MAX_NAMED]
    return ", ".join(shown) + (f" and {len(models) - _MAX_NAMED:,} more models" if len(models) > _MAX_NAMED else "")
