"""The walk: two runs side by side, step by step, to the point where they part."""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from instrumentation.comparing.calls import ComparedCalls
from instrumentation.comparing.divergence import Divergence, DivergenceKind
from instrumentation.comparing.findings import Findings
from instrumentation.comparing.place import Place, label_of
from instrumentation.comparing.recorded import RecordedRun
from instrumentation.comparing.steps import Moment, Step, StepKind
from instrumentation.comparing.words import Sides

_TOGETHER = (StepKind.CALL, StepKind.AGENT, StepKind.RUN)
"""What may go at once in one run and one after the other in the other one."""


def divergence(one: RecordedRun, other: RecordedRun, *, names: tuple[str, str]) -> Divergence | None:
    """The first point where two runs differ; `None` where they do not. Times and ids are no difference.

    Args:
        one: The run that the other one is compared with, such as a baseline's.
        other: The run that is judged; token counts say how many more it has.
        names: What the sentence calls the two, such as `("baseline", "this run")`.
    """
    return next(divergences(one, other, names=names), None)


def divergences(one: RecordedRun, other: RecordedRun, *, names: tuple[str, str]) -> Iterator[Divergence]:
    """The points where two runs differ, in order, up to the first one after which they do other things.

    What comes before that are other sizes: of prompts and of answers. How long an answer is is said only where what
    follows it at once is the same on both sides.

    Args:
        one: See `divergence`.
        other: See `divergence`.
        names: See `divergence`.
    """
    lacks = [f"{name} is {run.lack}" for name, run in zip(names, (one, other), strict=True) if run.lack is not None]
    if lacks or one.steps is None or other.steps is None:
        what = f"{', '.join(lacks)}: where the two part cannot be said"
        yield Divergence(kind=DivergenceKind.INCOMPLETE, where="run", what=what)
    else:
        label = label_of(one.steps) if one.steps.kind is StepKind.AGENT else None
        top = Place(one=one.steps, other=other.steps, runs=(one, other), labels=(label,) if label else ())
        yield from _Walk(Sides(*names)).down(top)


@dataclass(slots=True)
class _Frame:
    """A pair of steps that the walk is inside of, and what is ahead in them."""

    place: Place
    ones: deque[Moment]
    others: deque[Moment]

    @classmethod
    def at(cls, place: Place) -> "_Frame":
        return cls(place, deque(place.one.inside), deque(place.other.inside))

    def take(self) -> tuple[Moment, Moment]:
        """What both sides did next; empty for a side that was done."""
        one, other = (ahead.popleft() if ahead else () for ahead in (self.ones, self.others))
        if one and other and one[0].kind is other[0].kind and one[0].kind in _TOGETHER:
            size = max(len(one), len(other))
            one, other = _as_many(one, self.ones, size), _as_many(other, self.others, size)
        return one, other


class _Walk:
    """The way through both runs, with what was seen and is not yet said."""

    def __init__(self, sides: Sides) -> None:
        self._findings = Findings(sides)
        self._calls = ComparedCalls(sides)
        self._unsaid: list[Divergence] = []

    def down(self, top: Place) -> Iterator[Divergence]:
        """The points where the runs differ."""
        frames = [_Frame.at(top)]
        while frames:
            place, (ones, others) = frames[-1].place, frames[-1].take()
            is_over = not ones and not others
            parting = self._findings.ended(place) if is_over else self._findings.parted(place, ones, others)
            if parting is not None:
                yield parting
                return
            if is_over:
                frames.pop()
                continue
            yield from self._said()
            pairs = _paired(ones, others)
            for point in self._looked_at(place, pairs):
                yield point
                if point.parts_ways:
                    return
            place.before = ones
            frames += [_Frame.at(place.inside(*pair)) for pair in reversed(pairs) if _is_to_enter(*pair)]
        yield from self._said()

    def _looked_at(self, place: Place, pairs: Iterable[tuple[Step, Step]]) -> Iterator[Divergence]:
        """What is to be said at once of steps that both sides made."""
        for one, other in pairs:
            if one.kind is StepKind.CALL:
                place.calls += 1
                if one.digest != other.digest:
                    yield from self._calls.asked(place, one, other)
                    self._unsaid += self._calls.answered(place, one, other)

    def _said(self) -> list[Divergence]:
        said, self._unsaid = self._unsaid, []
        return said


def _is_to_enter(one: Step, other: Step) -> bool:
    return one.kind is not StepKind.CALL and one.digest != other.digest


def _as_many(moment: Moment, ahead: deque[Moment], count: int) -> Moment:
    """So many steps, as far as those of the same kind come next."""
    while len(moment) < count and ahead and ahead[0][0].kind is moment[0].kind:
        moment = (*moment, *ahead.popleft())
    return moment


def _paired(ones: Moment, others: Moment) -> list[tuple[Step, Step]]:
    """Each step with one that is the same, and the others by their names, in order."""
    twins: defaultdict[bytes, list[Step]] = defaultdict(list)
    for step in others:
        twins[step.digest].append(step)
    pairs: list[tuple[Step, Step]] = []
    alone: list[Step] = []
    for step in ones:
        if same := twins[step.digest]:
            pairs.append((step, same.pop()))
        else:
            alone.append(step)
    left = [step for same in twins.values() for step in same]
    return [*pairs, *zip(sorted(alone, key=_likeness), sorted(left, key=_likeness), strict=True)]


def _likeness(step: Step) -> tuple[str, str, int, bytes]:
    return step.name, step.facts.arguments or "", step.start_ns, step.digest
