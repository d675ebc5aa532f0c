"""A comparison: two runs beside each other, with where they part and what each took."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from instrumentation.comparing.divergence import Divergence, DivergenceKind
from instrumentation.comparing.recorded import RecordedRun
from instrumentation.comparing.steps import Step, StepKind
from instrumentation.comparing.walk import divergences
from nanoagent.core.performance import Counts

Pair = tuple[int | None, int | None]
"""The first side's and the second's."""
_NOTHING: Final = Counts()


class PhaseTokens(NamedTuple):
    """The tokens of a phase on both sides."""

    phase: str
    input_tokens: Pair
    """`None` for a side where nobody said, 0 where there was no such phase."""
    output_tokens: Pair
    """Likewise."""


class PromptGrowth(NamedTuple):
    """The input tokens of the first and of the last call of one conversation, on both sides."""

    where: str
    """The iteration whose task was executed, or the agent where there are no iterations."""
    first: Pair
    """`None` for a side where nobody said, or which has no such call."""
    last: Pair
    """Likewise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs beside each other."""

    one: RecordedRun
    other: RecordedRun
    first: Divergence | None
    """The first point where they differ; `None` where they do not."""
    parting: Divergence | None
    """The first point after which they do other things; `None` where they do the same to the end."""

    @property
    def is_same(self) -> bool | None:
        """Whether both did the same; `None` where it cannot be said, as spans are missing."""
        if self.first is not None and self.first.kind is DivergenceKind.INCOMPLETE:
            return None
        return self.first is None

    @property
    def tokens_by_phase(self) -> list[PhaseTokens]:
        """Of every phase that occurred on one side; none for runs without phases."""
        one, other = ({row.phase: row for row in run.metrics.by_phase} for run in (self.one, self.other))
        return [PhaseTokens(phase, *_tokens(one.get(phase), other.get(phase))) for phase in one | other]

    @property
    def prompt_growth(self) -> list[PromptGrowth]:
        """By iteration, or by agent where there are none."""
        one, other = (_conversations(run.steps) if run.steps else {} for run in (self.one, self.other))
        return [PromptGrowth(where, *_growth(one.get(where), other.get(where))) for where in one | other]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return {
            "same": self.is_same,
            "first": self.first.to_dict() if self.first else None,
            "parting": self.parting.to_dict() if self.parting else None,
            "tokens_by_phase": [row._asdict() for row in self.tokens_by_phase],
            "prompt_growth": [row._asdict() for row in self.prompt_growth],
            "runs": [{"goal": run.goal, "metrics": run.metrics.to_dict()} for run in (self.one, self.other)],
        }


def compared(one: RecordedRun, other: RecordedRun, *, names: tuple[str, str]) -> Comparison:
    """Compare two runs; see `divergences`."""
    first = parting = None
    for point in divergences(one, other, names=names):
        first = first or point
        parting = point if point.parts_ways else None
    return Comparison(one=one, other=other, first=first, parting=parting)


def _tokens(one: Counts | None, other: Counts | None) -> tuple[Pair, Pair]:
    sides = one or _NOTHING, other or _NOTHING
    return (sides[0].input_tokens, sides[1].input_tokens), (sides[0].output_tokens, sides[1].output_tokens)


def _growth(one: Sequence[Step] | None, other: Sequence[Step] | None) -> tuple[Pair, Pair]:
    return (_input(one, 0), _input(other, 0)), (_input(one, -1), _input(other, -1))


def _input(calls: Sequence[Step] | None, number: int) -> int | None:
    call = calls[number].call if calls else None
    return call.input_tokens if call else None


def _conversations(run: Step) -> dict[str, list[Step]]:
    """The model calls of each task's execution, or of each agent where there are no iterations."""
    steps = [step for moment in run.inside for step in moment]
    tasks = {f"iteration {step.iteration}": _executing(step) for step in steps if step.kind is StepKind.ITERATION}
    if tasks:
        return tasks
    agents = [step for step in (run, *steps) if step.calls and step.phase is None]
    labels = [f"agent {step.name}" if step.kind is StepKind.AGENT else "run" for step in agents]
    seen: Counter[str] = Counter()
    found: dict[str, list[Step]] = {}
    for label, step in zip(labels, agents, strict=True):
        seen[label] += 1
        found[label if seen[label] == 1 else f"{label} ({seen[label]})"] = step.calls
    return found


def _executing(iteration: Step) -> list[Step]:
    agents = [step for moment in iteration.inside for step in moment if step.phase == "execute"]
    return [call for agent in agents for call in agent.calls]
