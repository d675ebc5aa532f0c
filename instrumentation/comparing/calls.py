"""Calls: what differs between two requests to models, and between their answers."""

from collections.abc import Iterator
from typing import Final

from instrumentation.comparing import words
from instrumentation.comparing.divergence import Divergence, DivergenceKind
from instrumentation.comparing.place import Place
from instrumentation.comparing.steps import Step, StepKind
from instrumentation.comparing.words import Sides
from nanoagent.texts import plural

_SHOWN: Final = {
    "plan": "the goal or the tools",
    "execute": "the task, the tools or earlier results",
    "reflect": "results or pending tasks",
}
"""What the prompts of a run of ours show beside their instructions, by phase."""


class ComparedCalls:
    """Says what differs between model calls that both sides made."""

    def __init__(self, sides: Sides) -> None:
        """Be ready to say it; `sides` is what the runs are called."""
        self._sides = sides
        self._models: set[tuple[str, str]] = set()
        """Those that were said to be others."""

    def asked(self, place: Place, one: Step, other: Step) -> Iterator[Divergence]:
        """What differs in the requests, and whether they were answered."""
        if (one.error is None) == (other.error is None):
            yield from self._other_model(place, one.name, other.name)
        was, now = (step.call.input_tokens if step.call else None for step in (one, other))
        if was is not None and now is not None and was != now:
            is_first = place.calls == 1
            why = _why_prompt(place, now - was) if is_first else _why_history(place, now - was)
            what = f"{_call(place)} has {was:,} input tokens in {self._sides.one}, {now:,} in {self._sides.other}"
            kind = DivergenceKind.PROMPT if is_first else DivergenceKind.HISTORY
            yield place.sized(kind, f"{what} ({now - was:+,}): {why}", input_tokens=now - was)
        if one.error != other.error:
            what = words.failing(_call(place), self._sides, (one.error, other.error), well="was answered in")
            yield place.parting(DivergenceKind.MODEL_ERROR, what + _made_again(place, one))

    def answered(self, place: Place, one: Step, other: Step) -> Iterator[Divergence]:
        """What differs in the answers themselves."""
        call, sides = _call(place), self._sides
        reason, now_reason = one.facts.finish, other.facts.finish
        if reason and now_reason and reason != now_reason:
            ended = f"{words.quoted(reason)} in {sides.one}, with {words.quoted(now_reason)} in {sides.other}"
            yield place.sized(DivergenceKind.FINISH_REASON, f"the answer of {call} ended with {ended}")
        was, now = (step.call.output_tokens if step.call else None for step in (one, other))
        if was is not None and now is not None and was != now:
            what = f"the answer of {call} has {was:,} output tokens in {sides.one}, {now:,} in {sides.other}"
            tasks = self._tasks(place) if place.phase == "plan" else ""
            kind = DivergenceKind.PLAN if tasks else DivergenceKind.ANSWER_LENGTH
            yield place.sized(kind, f"{what} ({now - was:+,}){tasks}", output_tokens=now - was)

    def _other_model(self, place: Place, one: str, other: str) -> Iterator[Divergence]:
        if one and other and one != other and (one, other) not in self._models:
            self._models.add((one, other))
            what = f"{self._sides.one} asked {words.quoted(one)}, {self._sides.other} {words.quoted(other)}"
            yield place.sized(DivergenceKind.MODEL, what)

    def _tasks(self, place: Place) -> str:
        """How many tasks there were in the end, where that differs: a plan says it of itself in its answer alone."""
        one, other = (run.metrics.tasks_total for run in place.runs)
        if one is None or other is None or one == other:
            return ""
        return f"; {self._sides.one} has {plural(one, 'task')} in the end, {self._sides.other} {other:,}"


def _made_again(place: Place, one: Step) -> str:
    """That the side whose call failed made one more."""
    more = len(place.other.calls) - len(place.one.calls)
    return ", and was made again" if (more if one.error is None else -more) > 0 else ""


def _why_prompt(place: Place, more: int) -> str:
    why = f"its prompt is {_longer(more)}"
    one, other = (run.steps.facts.prompts if run.steps else None for run in place.runs)
    if one is None or other is None:
        return why
    if one != other:
        return f"{why}, and the instructions are others"
    return f"{why}, in what it shows of {_SHOWN[place.phase]}" if place.phase in _SHOWN else why


def _why_history(place: Place, more: int) -> str:
    by_tools = place.before and place.before[0].kind is StepKind.TOOL
    returned = f", by what {words.listed(place.before)} returned" if by_tools else ""
    return f"the history before it is {_longer(more)}{returned}"


def _longer(more: int) -> str:
    return "longer" if more > 0 else "shorter"


def _call(place: Place) -> str:
    # From the second one on it is known, without looking through all of them each time.
    is_only = place.calls == 1 and len(place.one.calls) == len(place.other.calls) == 1
    return "the model call" if is_only else f"model call {place.calls:,}"
