"""Runs that a ClickHouse has counted, as the options of a command ask for them."""

import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from instrumentation.commands.search import DEFAULT_SINCE, time_of
from instrumentation.reading.byte_sources import Progress
from instrumentation.reading.clickhouse import ClickHouse
from instrumentation.reading.clickhouse_address import ClickHouseAddress, address_of
from instrumentation.reading.problems import Problems
from nanoagent.core.runs import CountedRun
from nanoagent.errors import ConfigurationError


class StoredRuns(NamedTuple):
    """The runs of some time that a ClickHouse has counted."""

    address: ClickHouseAddress
    since: datetime | None
    """`None` for all of them."""
    until: datetime | None

    def __str__(self) -> str:
        """As messages name it."""
        return f"ClickHouse at {self.address}/{self.address.database}"

    def without(self, runs: str) -> str:
        """That there are no such runs, in words."""
        bounds = {"since": self.since, "until": self.until}
        said = [f"{word} {time:%Y-%m-%d %H:%M:%S} UTC" for word, time in bounds.items() if time]
        further = "; --since looks further back" if self.since else ""
        return f"{runs} began {' '.join(said) or 'at any time'} in {self}{further}"

    def runs(self, problems: Problems, *, run_id: str | None, progress: Progress) -> Iterator[CountedRun]:
        """The runs, the oldest first; with `run_id` those alone whose id begins so.

        Raises:
            ConfigurationError: They cannot be read.
        """
        store = ClickHouse(self.address)
        return store.runs(problems, since=self.since, until=self.until, run_id=run_id, progress=progress)


def stored_runs_of(
    url: str,
    since: str | None,
    until: str | None,
    *,
    run_id: str | None,
    beside: Mapping[str, object],
    now: datetime,
) -> StoredRuns:
    """The runs that the options ask for.

    Args:
        url: `--clickhouse`.
        since: `--since`, as `time_of` takes it; by default an hour ago, and for one run all times.
        until: `--until`, likewise; by default there is no end.
        run_id: `--run`.
        beside: Options that name other sources, by their names.
        now: The time that both count back from.

    Raises:
        ConfigurationError: An option cannot be used.
    """
    if others := [name for name, value in beside.items() if value]:
        raise ConfigurationError(
            f"--clickhouse reads runs that are counted already, with --run, --since and --until alone, got {others[0]} "
            "beside it: leave one of them out"
        )
    if since is None and run_id is None:
        since = DEFAULT_SINCE
    return StoredRuns(
        address_of(url, os.environ),
        since=None if since is None else time_of("--since", since, now=now),
        until=None if until is None else time_of("--until", until, now=now),
    )
