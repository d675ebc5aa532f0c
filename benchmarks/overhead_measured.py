"""The measurement: which questions are asked, of which rounds, and what was found out."""

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.overhead_ratios import Finding, Question, Round, added, added_ratio, found, medians, quotient
from benchmarks.overhead_rounds import Budget, aggregator_rounds, import_rounds, step_rounds
from benchmarks.overhead_step import SPANS


@dataclass(frozen=True, kw_only=True)
class Report:
    """All that was found out."""

    findings: Sequence[Finding]
    medians_us: Mapping[str, float]
    """What each variant of the step, of the fed processors and of the imports cost, in microseconds of CPU time."""
    quick: bool

    @property
    def ok(self) -> bool:
        """Whether nothing is past its bound beyond doubt."""
        return not any(finding.over for finding in self.findings)


def _over_by_hand(variant: str, what: str, bound: float | None) -> Question:
    ratio = added_ratio(variant, over="by_hand", base="bare")
    return Question(id=variant, what=f"{what} / spans by hand", unit="ratio", statistic=ratio, bound=bound)


def _over_all_of(variant: str, other: str, what: str, bound: float) -> Question:
    return Question(id=variant, what=what, unit="ratio", statistic=quotient(variant, over=other), bound=bound)


STEP: Final = (
    _over_by_hand("wrappers", "wrappers and own fold", 1.4),
    _over_by_hand("tracing", "Tracing", 2.3),
    _over_by_hand("pydantic_ai", "pydantic-ai's own", None),
    _over_all_of("off", "bare", "off: a run without an SDK / bare agent", 1.05),
    _over_all_of("outside", "bare", "off: wrapped, in no run / bare agent", 1.05),
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
        bound=5.0,
    ),
    Question(
        id="aggregator_asked",
        what="aggregator, asked for all numbers, us",
        unit="us",
        statistic=added("asked", base="empty"),
    ),
)
IMPORT: Final = (_over_all_of("nanoagent", "pydantic_ai", "import nanoagent / import pydantic_ai", 1.05),)


def measured(*, quick: bool, say: Callable[[str], None]) -> Report:
    """Measure everything, in less than two minutes, and say what goes on.

    Args:
        quick: Make a few rounds only.
        say: Told what is being measured.
    """
    os.environ.setdefault("PYDANTIC_AI_NO_BANNER", "1")
    say("the agent step, in eight ways ...")
    steps = asyncio.run(step_rounds(Budget(rounds=4 if quick else 400, seconds=45.0)))
    say("the aggregator ...")
    fed = asyncio.run(aggregator_rounds(Budget(rounds=4 if quick else 200, seconds=8.0)))
    say("the import ...")
    imports = import_rounds(Budget(rounds=2 if quick else 20, seconds=30.0))
    return Report(
        findings=[
            *_found(STEP, steps),
            *_found(AGGREGATOR, fed),
            *_found(IN_SITU, steps),
            *_found(IMPORT, imports),
        ],
        medians_us={
            **{f"step.{name}": cost for name, cost in medians(steps).items()},
            **{f"processor.{name}": cost for name, cost in medians(fed).items()},
            **{f"import.{name}": cost for name, cost in medians(imports).items()},
        },
        quick=quick,
    )


def _found(questions: Iterable[Question], rounds: Sequence[Round]) -> list[Finding]:
    return [found(question, rounds) for question in questions]
