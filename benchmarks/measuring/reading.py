"""The rounds in which traces are read back: what a span costs on its way to the numbers, and the memory it takes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.measuring.budget import Budget, order
from benchmarks.measuring.ratios import Round
from benchmarks.measuring.traces import copies, spans_in

READ_SPANS: Final = 30_000
"""Spans that are read in one turn."""
SMALL_FILE: Final = 20_000
"""Spans of the smaller file whose reading is watched for its memory."""
TIMES_LARGER: Final = 10
"""How much larger the other one is."""
_ROOT: Final = Path(__file__).parents[2]


def reading_rounds(lines: Sequence[bytes], directory: Path, budget: Budget, *, spans: int = READ_SPANS) -> list[Round]:
    """What a span costs, in microseconds of CPU time: parsed by `json.loads`, and read to the numbers.

    Args:
        lines: What an exporter wrote.
        directory: Where a file may be put.
        budget: How many rounds.
        spans: How many the file has.
    """
    read = list(copies(lines, spans=spans))
    path = _written(directory / "read.jsonl", read)
    found: list[Round] = _read("rounds", path, sum(map(spans_in, read)), budget.rounds, budget.seconds)
    return found


def memory_rounds(lines: Sequence[bytes], directory: Path, budget: Budget, *, spans: int = SMALL_FILE) -> list[Round]:
    """The most memory that a process takes which reads a file to the numbers, and one ten times larger, in bytes."""
    files = {
        name: _written(directory / f"{name}.jsonl", copies(lines, spans=number))
        for name, number in (("small", spans), ("large", spans * TIMES_LARGER))
    }
    return [{name: float(peak_bytes(files[name])) for name in order(files, seed)} for seed in budget]


def peak_bytes(path: Path) -> int:
    """The most memory that a process takes which reads a file to the numbers."""
    peak: int = _read("peak", path)
    return peak


def _read(what: str, path: Path, *numbers: float) -> Any:
    """What a process says that reads the file and does nothing else."""
    command = [sys.executable, "-m", "benchmarks.measuring.reader", what, str(path), *map(str, numbers)]
    env = {**os.environ, "PYTHONPATH": str(_ROOT)}
    done = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE)  # noqa: S603 - our own module
    return json.loads(done.stdout)


def _written(path: Path, lines: Iterable[bytes]) -> Path:
    with path.open("wb") as file:
        file.writelines(line + b"\n" for line in lines)
    return path
