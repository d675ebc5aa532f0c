"""Findings: what is to be said where two runs did other things, or ended in other ways."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable

from instrumentation.comparing import words
from instrumentation.comparing.divergence import Divergence, DivergenceKind
from instrumentation.comparing.place import Place
from instrumentation.comparing.steps import Moment, Step, StepKind
from instrumentation.comparing.words import Sides, names_in
from nanoagent.texts import plural


class Findings:
    """Says where two runs part."""

    def __init__(self, sides: Sides) -> None:
        """Be ready to say it; `sides` is what the runs are called."""
        self._sides = sides

    def parted(self, place: Place, ones: Moment, others: Moment) -> Divergence | None:
        """That the sides did other things next; a side that has done nothing was done before."""
        kinds = _kinds(ones) | _kinds(others)
        if StepKind.TOOL in kinds:
            return self._parted_by_tools(place, ones, others)
        if kinds == {StepKind.ITERATION}:
            return (
                self._other_task(place, ones[0], others[0]) if ones and others else self._stopped(place, ones, others)
            )
        is_even = len(ones) == len(others) and _kinds(ones) == _kinds(others)
        if is_even and (kinds == {StepKind.CALL} or names_in(ones) == names_in(others)):
            return None
        if kinds == {StepKind.CALL}:
            return self._other_number_of_calls(place)
        return place.parting(DivergenceKind.STEP, self._did(ones, others))

    def ended(self, place: Place) -> Divergence | None:
        """That a pair of steps ended in other ways after doing the same."""
        one, other = place.one, place.other
        was, now = one.facts.outcome, other.facts.outcome
        if was and now and was != now:
            what = f"its task is {words.quoted(was)} in {self._sides.one}, {words.quoted(now)} in {self._sides.other}"
            return place.parting(DivergenceKind.TASK, what)
        if (ending := self._other_ending(one, other)) is not None:
            return place.of_runs(DivergenceKind.ENDING, ending, where="end")
        if one.error != other.error and one.kind is not StepKind.TOOL:
            what = {StepKind.ITERATION: "it", StepKind.RUN: "the run"}.get(one.kind) or words.quoted(one.name)
            told = words.failing(what, self._sides, (one.error, other.error))
            return place.parting(DivergenceKind.AGENT_ERROR, told)
        return None

    def _did(self, ones: Moment, others: Moment) -> str:
        did = [f"{self._sides.one} {words.doing(ones)}", f"{self._sides.other} {words.doing(others)}"]
        return ", ".join(did if ones else reversed(did))

    def _parted_by_tools(self, place: Place, ones: Moment, others: Moment) -> Divergence | None:
        if _kinds(ones) == _kinds(others) and names_in(ones) == names_in(others):
            return self._other_arguments(place, ones, others) or self._other_tool_errors(place, ones, others)
        one, other = _apart(place.one.tools, place.other.tools, _tools(ones), _tools(others))
        if not one and not other:  # as often in all, and at another point
            return place.parting(DivergenceKind.TOOL, self._did(ones, others))
        is_count = names_in(one).keys() == names_in(other).keys()
        kind = DivergenceKind.TOOL_COUNT if is_count else DivergenceKind.TOOL
        return place.parting(kind, words.calling(self._sides, one, other))

    def _other_arguments(self, place: Place, ones: Moment, others: Moment) -> Divergence | None:
        one_by_name, other_by_name = (_by_name(steps, lambda step: step.facts.arguments) for steps in (ones, others))
        for name, one in sorted(one_by_name.items()):
            other = other_by_name[name]
            if one != other and None not in one and None not in other:
                what = f"{words.quoted(name)} was called with other arguments in {self._sides.one}"
                return place.parting(DivergenceKind.TOOL_ARGUMENTS, f"{what} than in {self._sides.other}")
        return None

    def _other_tool_errors(self, place: Place, ones: Moment, others: Moment) -> Divergence | None:
        one_by_name, other_by_name = (_by_name(steps, lambda step: step.error) for steps in (ones, others))
        for name, one in sorted(one_by_name.items()):
            other = other_by_name[name]
            if one != other:
                called = words.quoted(name)
                what = called if one.total() == 1 else f"one of {one.total():,} calls of {called}"
                errors = _first(one - other), _first(other - one)
                return place.parting(DivergenceKind.TOOL_ERROR, words.failing(what, self._sides, errors))
        return None

    def _other_task(self, place: Place, one: Step, other: Step) -> Divergence | None:
        task, now = one.facts.task, other.facts.task
        if task == now or task is None or now is None:
            return None
        what = f"{self._sides.one} worked on task {words.quoted(task)}, {self._sides.other} on {words.quoted(now)}"
        return place.inside(one, other).parting(DivergenceKind.TASK, what)

    def _other_number_of_calls(self, place: Place) -> Divergence:
        was, now = len(place.one.calls), len(place.other.calls)
        what = f"{self._sides.one} made {plural(was, 'model call')}, {self._sides.other} {now:,}"
        # In an agent of ours nothing but an answer that is refused leads from one call to the next without a tool.
        is_again = place.phase is not None and _kinds(place.before) == {StepKind.CALL}
        again = ": the answer was asked for again" if is_again else ""
        return place.parting(DivergenceKind.MODEL_CALLS, what + again)

    def _stopped(self, place: Place, ones: Moment, others: Moment) -> Divergence:
        stopped, on = self._sides if not ones else (self._sides.other, self._sides.one)
        shorter, longer = (place.one, place.other) if not ones else (place.other, place.one)
        number = (ones or others)[0].iteration
        iterations = sum(moment[0].kind is StepKind.ITERATION for moment in longer.inside)
        is_later = _kinds(place.before) == {StepKind.ITERATION}
        after = f"after iteration {place.before[0].iteration}" if is_later else "before any iteration"
        reason = shorter.summary.stop_reason if shorter.summary else None
        why = f" ({words.bare(reason)})" if reason else ""
        what = f"{stopped} stopped {after}{why}, {on} went on, to {plural(iterations, 'iteration')}"
        return place.of_runs(DivergenceKind.ITERATIONS, what, where=f"iteration {number}", iteration=number)

    def _other_ending(self, one: Step, other: Step) -> str | None:
        """How runs of ours ended otherwise, in words."""
        was, now = one.summary, other.summary
        if was is None or now is None:
            return None
        if (was.status, was.stop_reason) != (now.status, now.stop_reason):
            ended = [words.bare(summary.stop_reason or summary.status or "-") for summary in (was, now)]
            return f"{self._sides.one} stopped with {ended[0]}, {self._sides.other} with {ended[1]}"
        tasks = [(summary.tasks_completed, summary.tasks_total) for summary in (was, now)]
        if tasks[0] == tasks[1] or None in (*tasks[0], *tasks[1]):
            return None
        said = [f"{done:,} of {plural(total or 0, 'task')}" for done, total in tasks]
        return f"{self._sides.one} has done {said[0]}, {self._sides.other} {said[1]}"


def _kinds(moment: Moment) -> set[StepKind]:
    return {step.kind for step in moment}


def _tools(moment: Moment) -> Moment:
    return tuple(step for step in moment if step.kind is StepKind.TOOL)


def _by_name(steps: Iterable[Step], what: Callable[[Step], str | None]) -> dict[str, Counter[str | None]]:
    """How often each thing is said of the steps of each name."""
    found: defaultdict[str, Counter[str | None]] = defaultdict(Counter)
    for step in steps:
        found[step.name][what(step)] += 1
    return found


def _apart(ones: list[Step], others: list[Step], here: Moment, there: Moment) -> tuple[list[Step], list[Step]]:
    """The calls of tools that one side called more often in all, of those that it called more or less often now."""
    one, other, now, then = map(names_in, (ones, others, here, there))
    names = {name for name in {**now, **then} if now[name] != then[name] and one[name] != other[name]}
    return [step for step in ones if step.name in names], [step for step in others if step.name in names]


def _first(errors: Counter[str | None]) -> str | None:
    return min((error for error in errors if error is not None), default=None)
