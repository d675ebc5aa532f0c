"""What makes two sides the same thing measured twice: facts of the whole, of a goal, and of times.

Prompts and transcripts are none of these facts: they are what is judged.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from benchmarks.formats import listed, quoted
from benchmarks.results.results import CLUSTER, Provenance
from benchmarks.subjects.models import SCRIPTED
from benchmarks.subjects.replay import RECORDED, REPLAY_OF
from benchmarks.suite.facts import GoalFacts

_GOAL: Final[Mapping[str, Callable[[GoalFacts], Any]]] = {
    "text": lambda goal: goal.text,
    "check of the answer": lambda goal: goal.check,
    "expected stop reason": lambda goal: goal.stop_reason.value,
    "list of extra tools": lambda goal: list(goal.tools),
    "limit of iterations": lambda goal: goal.max_iterations,
    "limit of seconds": lambda goal: goal.timeout_s,
    "budget of iterations": lambda goal: goal.budget.iterations,
    "budget of tokens": lambda goal: goal.budget.tokens,
}
Machine = Mapping[str, str | int | None]
_MACHINE: Final = {"os": "system", "architecture": "architecture", "cpu_count": "number of processors"}


def is_same_subject(baseline: Provenance, current: Provenance) -> bool:
    """Whether both measured the same model or agent, with tokens counted in the same way."""
    return _whole(baseline) == _whole(current)


def _whole(source: Provenance) -> tuple[str | None, ...]:
    """Without the day of a recording: its answers are what is judged."""
    return source.model.partition(RECORDED)[0], source.token_source, source.agent


def subject_text(source: Provenance) -> str:
    """What was measured, in words."""
    agent = f" in agent {quoted(source.agent)}" if source.agent else ""
    return f"model {quoted(source.model)}{agent} with token source {source.token_source}"


def is_deterministic(source: Provenance) -> bool:
    """Whether everything but time comes out alike each time: rules and recordings leave nothing to chance."""
    return source.agent is None and (source.model == SCRIPTED or source.model.startswith(REPLAY_OF))


def differences_of_goals(baseline: GoalFacts, current: GoalFacts) -> str:
    """Each fact of a goal that differs, in words; empty where none does."""
    return _told((f"its {label}", read(baseline), read(current)) for label, read in _GOAL.items())


def differences_of_tools(baseline: Provenance, current: Provenance) -> str:
    """The built-in tools that one side has alone, in words; empty where there are none."""
    before, now = set(baseline.tools), set(current.tools)
    sides = (("this run alone has", now - before), ("it alone has", before - now))
    return ", and ".join(f"{who} {listed(sorted(tools))}" for who, tools in sides if tools)


def is_same_machine(one: Machine, other: Machine) -> bool:
    """Whether machines are alike in what times depend on."""
    return all(one.get(name) == other.get(name) for name in _MACHINE)


def differences_of_times(baseline: Provenance, current: Provenance) -> str:
    """Each fact that times depend on and that differs, in words; empty where none does."""
    mixed = [*_mixed("the baseline", baseline), *_mixed("this run", current)]
    if mixed:
        return "; ".join(mixed)
    before, now = baseline.all_parts[0].machine, current.all_parts[0].machine
    machines = ((f"the machine's {label}", before.get(name), now.get(name)) for name, label in _MACHINE.items())
    loads = [
        ("the concurrency", baseline.concurrency, current.concurrency),
        ("the engine", baseline.engine, current.engine),
        ("the number of shards", _shards(baseline), _shards(current)),
    ]
    return _told([*loads, *machines])


def _mixed(side: str, source: Provenance) -> Iterator[str]:
    """The facts in which the machines of one side differ among themselves, or may do so, in words."""
    if source.engine == CLUSTER:
        yield f"{side} was measured on the machines of a cluster, whose kinds are not known"
    for name, label in _MACHINE.items():
        values = list(dict.fromkeys(part.machine.get(name) for part in source.all_parts))
        if len(values) > 1:
            yield f"{side} was measured on machines whose {label} is {listed([_value(value) for value in values])}"


def _shards(source: Provenance) -> int:
    """How many processes may have shared a machine: nobody knows whether they did."""
    return max((part.shard.of for part in source.all_parts if part.shard), default=1)


def _told(facts: Iterable[tuple[str, Any, Any]]) -> str:
    parts = [f"{what} is {_value(is_now)} and was {_value(was)}" for what, was, is_now in facts if was != is_now]
    return "; ".join(parts)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return listed(value)
    return quoted(value) if isinstance(value, str) else str(value)
