"""The verification of a benchmark run: whether its traces, read back, give the numbers that it had live."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from benchmarks.formats import listed
from instrumentation.exits import ExitCode, worst
from nanoagent.texts import plural


class Kind(StrEnum):
    """What is wrong with what was read back."""

    DIFFERENT = "different"
    """A number is not the live one."""
    LACKING = "lacking"
    """Not all of the run is there."""


_EXIT_CODES = {Kind.DIFFERENT: ExitCode.FAILED, Kind.LACKING: ExitCode.INCONCLUSIVE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A run that did not come back as it was."""

    goal_id: str
    attempt: int
    """1-based."""
    source: str
    """file or jaeger."""
    kind: Kind
    text: str
    """On one line: the first number that differs with both values, or what is not there and whether it was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What came of reading the traces of a benchmark run back."""

    sources: Sequence[str]
    """Each as people read it, such as Jaeger."""
    runs: int
    """The runs that were read back, each from every source."""
    findings: Sequence[Finding] = ()
    interrupted: bool = False
    """Whether it was broken off: then nothing is known of those runs that no finding is about."""

    @property
    def exit_code(self) -> ExitCode:
        """1 where a number differs, 3 where not all is there."""
        return worst(_EXIT_CODES[finding.kind] for finding in self.findings)

    @property
    def summary(self) -> str:
        """How it came out, on one line."""
        if self.interrupted:
            return "Not verified: interrupted while the traces were read back"
        if not self.runs:
            return "Verified: nothing, as no goal came to a run"
        bad = {(finding.goal_id, finding.attempt) for finding in self.findings}
        verb = "gives" if self.runs == 1 else "give"
        places = listed(list(self.sources))
        same = f"{self.runs - len(bad):,} of {plural(self.runs, 'run')} {verb} the same numbers from {places}"
        return f"{'Not verified' if bad else 'Verified'}: {same}"

    @property
    def lines(self) -> list[str]:
        """The summary, and a line for each finding."""
        return [self.summary, *(f"  {finding.goal_id}: {finding.text}" for finding in self.findings)]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return asdict(self)
