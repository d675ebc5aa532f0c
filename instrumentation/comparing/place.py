"""Places: where in two runs something differs, and how much more was used there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from instrumentation.comparing import words
from instrumentation.comparing.divergence import Divergence, DivergenceKind
from instrumentation.comparing.recorded import RecordedRun
from instrumentation.comparing.steps import Moment, Step, StepKind
from nanoagent.core.performance import Counts

MAX_LABELS: Final = 4
"""A place so deep inside is named by its last parts."""
_LABELS_OF_PHASES: Final = {"plan": "plan", "execute": None, "reflect": "reflection"}
"""An iteration executes one task: it needs no name of its own."""


@dataclass(slots=True, kw_only=True)
class Place:
    """A pair of steps that the walk is inside of, and what it met there."""

    one: Step
    other: Step
    runs: tuple[RecordedRun, RecordedRun]
    labels: tuple[str, ...] = ()
    """What it is called, from the outside in; of a place so deep inside the last parts."""
    iteration: int | None = None
    phase: str | None = None
    calls: int = 0
    """The model calls that were met."""
    before: Moment = ()
    """What was met last, on the first side."""

    @property
    def where(self) -> str:
        """In words."""
        return ", ".join(self.labels) or "run"

    def inside(self, one: Step, other: Step) -> "Place":
        """The place inside a pair of steps."""
        label = label_of(one)
        return Place(
            one=one,
            other=other,
            runs=self.runs,
            labels=_shown((*self.labels, label)) if label else self.labels,
            iteration=self.iteration or one.iteration,
            phase=self.phase or one.phase,
        )

    def sized(
        self, kind: DivergenceKind, what: str, *, input_tokens: int | None = None, output_tokens: int | None = None
    ) -> Divergence:
        """A divergence here, with how many more tokens one call has."""
        return Divergence(
            kind=kind,
            where=self.where,
            what=what,
            iteration=self.iteration,
            phase=self.phase,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
        )

    def parting(self, kind: DivergenceKind, what: str) -> Divergence:
        """A divergence here, with how many more tokens the iteration has, or the phase outside of any."""
        counts = [_counts_at(run, self) for run in self.runs]
        [one, other] = [found for found in counts if found] if all(counts) else [run.metrics for run in self.runs]
        return self.sized(
            kind,
            what,
            input_tokens=_more(one.input_tokens, other.input_tokens),
            output_tokens=_more(one.output_tokens, other.output_tokens),
        )

    def of_runs(self, kind: DivergenceKind, what: str, *, where: str, iteration: int | None = None) -> Divergence:
        """A divergence of the whole runs; `where` is said after what this place is called."""
        one, other = (run.metrics for run in self.runs)
        return Divergence(
            kind=kind,
            where=", ".join(_shown((*self.labels, where))),
            what=what,
            iteration=self.iteration or iteration,
            input_tokens=_more(one.input_tokens, other.input_tokens),
            output_tokens=_more(one.output_tokens, other.output_tokens),
        )


def label_of(step: Step) -> str | None:
    """What the inside of a step is called; `None` where its surroundings say enough."""
    if step.kind is StepKind.RUN:
        return "nested run"
    if step.kind is StepKind.ITERATION:
        return f"iteration {step.iteration}"
    if step.kind is StepKind.TOOL:
        return f"in {words.quoted(step.name)}"
    if step.phase in _LABELS_OF_PHASES:
        return _LABELS_OF_PHASES[step.phase]
    return f"agent {words.quoted(step.name)}"


def _shown(labels: tuple[str, ...]) -> tuple[str, ...]:
    return labels if len(labels) <= MAX_LABELS else ("…", *labels[-MAX_LABELS:])


def _counts_at(run: RecordedRun, place: Place) -> Counts | None:
    rows: Sequence[Counts]
    if place.iteration is not None:
        rows = [row for row in run.metrics.by_iteration if row.iteration == place.iteration]
    else:
        rows = [row for row in run.metrics.by_phase if row.phase == place.phase]
    return next(iter(rows), None)


def _more(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else other - one
