"""The measurement: which questions are asked, of which rounds, and what was found out."""

import asyncio
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.measuring.attempts import attempt_rounds
from benchmarks.measuring.budget import Budget
from benchmarks.measuring.ratios import Bound, Finding, Question, Round, added, added_ratio, found, medians, quotient
from benchmarks.measuring.reading import READ_SPANS, SMALL_FILE, memory_rounds, reading_rounds
from benchmarks.measuring.rounds import aggregator_rounds, import_rounds, step_rounds
from benchmarks.measuring.step import SPANS
from benchmarks.measuring.traces import exported_lines


@dataclass(frozen=True, kw_only=True)
class Report:
    """All that was found out."""

    findings: Sequence[Finding]
    medians_us: Mapping[str, float]
    """What each variant of the step, of the fed processors, of an attempt, of the imports and of a span that is read
    cost, in microseconds of CPU time; under `..._wall` by the clock on the wall."""
    peaks_bytes: Mapping[str, float]
    """The most memory that a process took which read a file of traces."""
    quick: bool

    @property
    def ok(self) -> bool:
        """Whether nothing is past its bound beyond doubt."""
        return not any(finding.past for finding in self.findings)


def _over_by_hand(variant: str, what: str, bound: Bound | None) -> Question:
    ratio = added_ratio(variant, over="by_hand", base="bare")
    return Question(id=variant, what=f"{what} / spans by hand", unit="ratio", statistic=ratio, bound=bound)


def _over_all_of(variant: str, other: str, what: str, bound: Bound) -> Question:
    return Question(id=variant, what=what, unit="ratio", statistic=quotient(variant, over=other), bound=bound)


STEP: Final = (
    _over_by_hand("wrappers", "wrappers and own fold", Bound(1.4)),
    _over_by_hand("tracing", "Tracing", Bound(2.3)),
    _over_by_hand("pydantic_ai", "pydantic-ai's own", None),
    _over_all_of("off", "bare", "off: a run without an SDK / bare agent", Bound(1.05)),
    _over_all_of("outside", "bare", "off: wrapped, in no run / bare agent", Bound(1.05)),
)
IN_SITU: Final = (
    Question(
        id="aggregator_in_situ",
        what="aggregator in situ, us a span",
        unit="us",
        statistic=added("aggregator", base="wrappers", parts=SPANS),
    ),
)
AGGREGATOR: Final = (
    Question(
        id="aggregator",
        what="aggregator, us a span",
        unit="us",
        statistic=added("fed", base="empty"),
        bound=Bound(5.0),
    ),
    Question(
        id="aggregator_asked",
        what="aggregator, asked for all numbers, us",
        unit="us",
        statistic=added("asked", base="empty"),
    ),
    Question(
        id="metrics",
        what="aggregator and metrics, us a span",
        unit="us",
        statistic=added("metered", base="empty"),
    ),
)
IMPORT: Final = (_over_all_of("nanoagent", "pydantic_ai", "import nanoagent / import pydantic_ai", Bound(1.05)),)

READING: Final = (
    # The faster, the more: so it is the other way's time that stands above.
    Question(
        id="reading",
        what="OTLP JSON to metrics / json.loads",
        unit="ratio",
        statistic=quotient("json", over="metrics"),
        bound=Bound(1.3, "least"),
    ),
    Question(
        id="reading_dropped",
        what="the same, each line dropped at once",
        unit="ratio",
        statistic=quotient("json_dropped", over="metrics"),
    ),
)
ATTEMPTS: Final = (
    # The less an attempt costs, the more of them there are: so it is the bare calls' time that stands above.
    Question(
        id="attempts",
        what="throughput: attempts / bare calls",
        unit="ratio",
        statistic=quotient("bare", over="attempts"),
        bound=Bound(0.9, "least"),
    ),
    Question(
        id="attempts_wall",
        what="the same by the clock on the wall",
        unit="ratio",
        statistic=quotient("bare_wall", over="attempts_wall"),
    ),
)
MEMORY: Final = (_over_all_of("large", "small", "memory: a file ten times larger", Bound(1.2)),)


def measured(*, quick: bool, say: Callable[[str], None]) -> Report:
    """Measure everything, in about three minutes, and say what goes on.

    Args:
        quick: Make a few rounds only.
        say: Told what is being measured.
    """
    os.environ.setdefault("PYDANTIC_AI_NO_BANNER", "1")
    say("the agent step, in eight ways ...")
    steps = asyncio.run(step_rounds(Budget(rounds=4 if quick else 400, seconds=45.0)))
    say("the aggregator ...")
    fed = asyncio.run(aggregator_rounds(Budget(rounds=4 if quick else 200, seconds=8.0)))
    say("attempts, a hundred at a time ...")
    attempts = asyncio.run(attempt_rounds(Budget(rounds=2 if quick else 12, seconds=75.0), repeats=1 if quick else 4))
    say("the import ...")
    imports = import_rounds(Budget(rounds=2 if quick else 20, seconds=20.0))
    with tempfile.TemporaryDirectory() as directory:
        say("traces that are read back ...")
        lines = asyncio.run(exported_lines(Path(directory)))
        reads = reading_rounds(
            lines,
            Path(directory),
            Budget(rounds=4 if quick else 100, seconds=15.0),
            spans=3_000 if quick else READ_SPANS,
        )
        say("the memory that it takes ...")
        peaks = memory_rounds(
            lines, Path(directory), Budget(rounds=2 if quick else 4, seconds=15.0), spans=5_000 if quick else SMALL_FILE
        )
    return Report(
        findings=[
            *_found(STEP, steps),
            *_found(AGGREGATOR, fed),
            *_found(IN_SITU, steps),
            *_found(IMPORT, imports),
            *_found(ATTEMPTS, attempts),
            *_found(READING, reads),
            *_found(MEMORY, peaks),
        ],
        medians_us={
            **{f"step.{name}": cost for name, cost in medians(steps).items()},
            **{f"processor.{name}": cost for name, cost in medians(fed).items()},
            **{f"attempt.{name}": cost for name, cost in medians(attempts).items()},
            **{f"import.{name}": cost for name, cost in medians(imports).items()},
            **{f"reading.{name}": cost for name, cost in medians(reads).items()},
        },
        peaks_bytes=medians(peaks),
        quick=quick,
    )


def _found(questions: Iterable[Question], rounds: Sequence[Round]) -> list[Finding]:
    return [found(question, rounds) for question in questions]
