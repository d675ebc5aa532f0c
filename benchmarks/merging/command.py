"""The merge command at work: reads shards, writes and prints what they come to, and says how to exit."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks import baseline as baselines
from benchmarks.against import against_of
from benchmarks.concluding import Measured, concluded
from benchmarks.interruption import held_back
from benchmarks.merging.files import read_files
from benchmarks.merging.merged import counted_files, merged
from benchmarks.merging.traces import kept_traces
from benchmarks.reports.naming import named
from benchmarks.reports.shards import MOST_NAMED, lacking
from benchmarks.request import COMMITTED
from benchmarks.results import store
from benchmarks.results.attempts_file import AttemptsFile
from benchmarks.results.reading import ShardFile
from benchmarks.results.results import Provenance, Results, head_of, row_of
from benchmarks.results.traces_file import TracesFile
from benchmarks.running.traces import KeptTraces
from instrumentation.exits import ExitCode
from instrumentation.jaeger import ui_url_from_env

_WAY_OUT: Final = (
    "Merge again when every shard has ended, or make what is missing here: as the shards, but with --resume and this "
    "--output in place of --shard."
)


def execute(
    paths: Sequence[Path], output: Path, *, baseline: Path | None, save_baseline: Path | None, own_goals: bool
) -> ExitCode:
    """Merge shards, write and print what they come to.

    Args:
        paths: Their files, and directories of such.
        output: Where results go.
        baseline: What to compare with; `None` for the committed baseline, where it is of the same.
        save_baseline: Where to keep them to compare with; `None` for nowhere.
        own_goals: Whether the benchmark's own goals are known to be meant where no file of goals is named.

    Raises:
        ConfigurationError: The shards cannot be merged, and nothing is written; or the results cannot be written, or
            are not fit to be a baseline.
    """
    files = read_files(paths)
    results = merged(files)
    source, goals = results.provenance, [row.goal for row in results.goals]
    if save_baseline is not None:
        _check_baseline(save_baseline, source)
    is_usual = own_goals and source.goals_file is None and save_baseline is None
    against = against_of(baseline, source, goals, ui_url_from_env(os.environ), is_usual=is_usual)
    traces = kept_traces(files, results)
    with store.opened(output) as place, held_back():
        _write(output, results, traces)
        measured = Measured(
            results=results, traces=traces, lines=[*_unverified(counted_files(files)), *_lacking(results)]
        )
        return concluded(measured, against, place, save_baseline=save_baseline)


def _check_baseline(path: Path, source: Provenance) -> None:
    baselines.check_place(path)
    if path == COMMITTED:
        all_goals = not any(source.settings.values())
        baselines.check_committed(agent=source.agent, goals_file=source.goals_file, all_goals=all_goals)


def _unverified(files: Sequence[ShardFile]) -> list[str]:
    """The shards whose traces were not read back, where those of others were."""
    ended = [(file.shard, file.end.verification) for file in files if file.end]
    found = sorted({shard.number for shard, verification in ended if verification is None})
    if not found or all(verification is None for _, verification in ended):
        return []
    return [f"Not read back: the traces of shards {named([str(number) for number in found], MOST_NAMED)}."]


def _lacking(results: Results) -> list[str]:
    found = lacking(results)
    return [*found, _WAY_OUT] if found else []


def _write(output: Path, results: Results, traces: KeptTraces) -> None:
    """What a run leaves while it is at work, so that another one can go on with it."""
    head = head_of(results.provenance, [row.goal for row in results.goals])
    rows = sorted((attempt for _, attempt in results.attempts), key=lambda attempt: attempt.number)
    AttemptsFile(output).begin(head, map(row_of, rows))
    TracesFile(output).replace(traces.lines(results.trace_ids))
