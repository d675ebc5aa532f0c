"""A process that reads a file of traces and does nothing else: `python -m benchmarks.measuring.reader WHAT FILE ...`.

What a process has loaded besides costs whoever makes many objects: the garbage collector looks at all of it. So what
reading costs is measured where nothing else is loaded. `json.loads` has the garbage collector on, as it is by default;
reading has it off, as the `nanoagent` command has it.
"""

import gc
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.measuring.budget import Budget, order
from benchmarks.measuring.ratios import Round
from instrumentation.reading.collector import collector_off
from instrumentation.reading.counted import counted_runs
from instrumentation.reading.files import read_file
from instrumentation.reading.problems import Problems

_NS_PER_US: Final = 1_000
_PROC_STATUS: Final = Path("/proc/self/status")


def rounds(path: Path, spans: int, budget: Budget) -> list[Round]:
    """What a span costs, in microseconds of CPU time.

    `json`: the file parsed by `json.loads`, all of it in hand, as one needs it to count. `json_dropped`: each line
    forgotten before the next is parsed. `metrics`: the file read to the numbers of its runs.
    """
    ways: Mapping[str, Callable[[], object]] = {
        "json": lambda: _parsed(path),
        "json_dropped": lambda: _parse(path),
        "metrics": lambda: count(path),
    }
    for way in ways.values():
        way()
    return [{name: _us(ways[name]) / spans for name in order(ways, seed)} for seed in budget]


def count(path: Path) -> None:
    """Read a file to the numbers of its runs, as the command does; one that was just written has no problems."""
    problems = Problems()
    with collector_off():
        runs = sum(1 for _ in counted_runs(read_file(str(path), problems), problems))
    if not runs or problems.count:
        raise RuntimeError(f"{path} must be read whole, got {runs} runs and {problems.count} problems")


def peak_bytes() -> int:
    """The most memory that this process took."""
    if _PROC_STATUS.exists():
        # `getrusage` would tell of the process that started this one, too.
        peak = next(line for line in _PROC_STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(peak.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main(arguments: Sequence[str]) -> None:
    """Print what was asked for as JSON: `rounds FILE SPANS ROUNDS SECONDS`, or `peak FILE`."""
    what, path, *numbers = arguments
    if what == "rounds":
        spans, number, seconds = map(float, numbers)
        found: object = rounds(Path(path), int(spans), Budget(rounds=int(number), seconds=seconds))
    else:
        count(Path(path))
        found = peak_bytes()
    json.dump(found, sys.stdout)


def _parsed(path: Path) -> list[object]:
    with path.open("rb") as file:
        return [json.loads(line) for line in file]


def _parse(path: Path) -> None:
    with path.open("rb") as file:
        for line in file:
            json.loads(line)


def _us(way: Callable[[], object]) -> float:
    gc.collect()
    before_ns = time.process_time_ns()
    kept = way()
    cost_us = (time.process_time_ns() - before_ns) / _NS_PER_US
    del kept
    return cost_us


if __name__ == "__main__":
    main(sys.argv[1:])
