"""Words: what two sides did, as the parts of a sentence."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from instrumentation.comparing.steps import Moment, Step, StepKind
from nanoagent.core.records import UNSPECIFIED_ERROR_TYPE
from nanoagent.texts import shortened

MAX_NAMES: Final = 4
"""So many names stand in one sentence; the others are counted."""
MAX_NAME: Final = 48
"""Characters of a name."""
_MOST: Final = 1_000
_TIMES: Final = {1: "once", 2: "twice"}


class Sides(NamedTuple):
    """What the two runs are called."""

    one: str
    other: str


def quoted(name: str) -> str:
    """A name that somebody else chose, on one line and not too long."""
    return f"`{bare(name)}`"


def bare(name: str) -> str:
    """The same without the quotes."""
    return shortened(" ".join(name[:_MOST].replace("`", "'").split()), MAX_NAME)


def times(count: int) -> str:
    """How often."""
    return _TIMES.get(count, f"{count:,} times")


def short_error(error: str) -> str:
    """The last part of an error's name."""
    return "error" if error == UNSPECIFIED_ERROR_TYPE else bare(error.rpartition(".")[2])


def failing(what: str, sides: Sides, errors: tuple[str | None, str | None], *, well: str = "not in") -> str:
    """That something failed on one side alone, or with another error; `well` stands before a side where it did not."""
    one, other = errors
    if one is not None and other is not None:
        return f"{what} failed with {short_error(one)} in {sides.one} and with {short_error(other)} in {sides.other}"
    failed, fine = sides if one is not None else (sides.other, sides.one)
    return f"{what} failed in {failed} ({short_error(one or other or '')}), {well} {fine}"


def calling(sides: Sides, ones: Sequence[Step], others: Sequence[Step]) -> str:
    """Which tools the sides called, those apart that both called as often."""
    one, other = names_in(ones), names_in(others)
    if len({**one, **other}) == 1:
        [name] = {**one, **other}
        return _calling_one(sides, name, ones, others)
    if len(one) == len(other) == 1 and set(one.values()) == set(other.values()) == {1}:
        return f"{sides.one} called {quoted(*one)}, {sides.other} {quoted(*other)}"
    return f"{sides.one} called {_listed(one)}, {sides.other} {_listed(other)}"


def doing(moment: Moment) -> str:
    """What a side did next: `reflected`, `called the model`; `did not` where it was done."""
    if not moment:
        return "did not"
    step = moment[0]
    if step.kind is StepKind.TOOL:
        return f"called {_listed(names_in(moment))}"
    if step.kind is StepKind.CALL:
        return "asked the model"
    if step.kind is StepKind.ITERATION:
        return f"went on to iteration {step.iteration}"
    if step.kind is StepKind.RUN:
        return "started a nested run" if len(moment) == 1 else f"started {len(moment):,} nested runs at once"
    if step.phase in _PHASE_VERBS:
        return _PHASE_VERBS[step.phase]
    return f"called agent {_listed(names_in(moment))}"


_PHASE_VERBS: Final = {"plan": "planned", "execute": "executed a task", "reflect": "reflected"}


def listed(steps: Iterable[Step]) -> str:
    """Their names, each once."""
    return _listed(dict.fromkeys(names_in(steps), 1))


def names_in(steps: Iterable[Step]) -> Counter[str]:
    """How often each name stands among the steps."""
    return Counter(step.name for step in steps)


def _calling_one(sides: Sides, name: str, ones: Sequence[Step], others: Sequence[Step]) -> str:
    """That one tool was called more often on one side."""
    called = quoted(name)
    if ones and others:
        same = _same(ones, others)
        first, then = (same, "") if len(ones) > len(others) else ("", same)
        return f"{sides.one} called {called} {times(len(ones))}{first}, {sides.other} {times(len(others))}{then}"
    if ones:
        return f"{sides.one} called {called}{_more(ones)}, {sides.other} did not"
    return f"{sides.one} did not call {called}, {sides.other} did{_more(others)}"


def _more(steps: Sequence[Step]) -> str:
    return "" if len(steps) == 1 else f" {times(len(steps))}"


def _same(ones: Sequence[Step], others: Sequence[Step]) -> str:
    """Whether the further calls of a tool repeat others; nothing where it is not known."""
    one, other = (Counter(step.facts.arguments for step in steps) for steps in (ones, others))
    if None in one or None in other:
        return ""
    fewer, more = sorted((one, other), key=Counter.total)
    further = more - fewer
    if all(arguments in fewer for arguments in further):
        return " with the same arguments"
    return "" if any(arguments in fewer for arguments in further) else " with other arguments"


def _listed(names: Mapping[str, int]) -> str:
    """`a`, `b` twice and `c`; none where there are none."""
    if not names:
        return "none"
    shown = [quoted(name) + ("" if count == 1 else f" {times(count)}") for name, count in sorted(names.items())]
    if len(shown) > MAX_NAMES:
        shown = [*shown[:MAX_NAMES], f"{len(shown) - MAX_NAMES:,} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
