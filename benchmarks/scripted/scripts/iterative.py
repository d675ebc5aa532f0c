"""Scripts of the iterative goals, and of the one that would go on for ever: the same work again and again."""

import re
from collections.abc import Sequence
from typing import Final

from benchmarks.scripted.script import Groups, Script, TaskRule, call, last_number


def _squares(groups: Groups) -> list[str]:
    return [f"Square {n}" for n in range(int(groups["low"]), int(groups["high"]) + 1)]


def _halve_or_triple(result: str) -> str | None:
    number = int(last_number(result) or 1)
    if number == 1:
        return None
    return f"Triple {number} and add 1" if number % 2 else f"Halve {number}"


def _add_last_two(result: str) -> str | None:
    bound, _, second, total = map(int, re.findall(r"\d+", result))
    return f"Add {second} and {total}, up to {bound}" if total <= bound else None


SCRIPTS: Final[Sequence[Script]] = (
    Script(
        goal=r"Count from (?P<low>\d+) to (?P<high>\d+), squaring each number",
        plan=_squares,
        rules=[
            TaskRule(
                task=r"Square (?P<n>\d+)",
                steps=[[call("calculate", expression="{n} ** 2")]],
                report="{n} squared is {0}",
            )
        ],
        answers=["The squares are {n1}, {n2}, {n3}, {n4}, {n5}"],
    ),
    Script(
        goal=r"Start at (?P<start>\d+)\. Halve an even number; triple an odd one and add 1\. "
        r"Stop at 1 and give every number on the way\.",
        plan=lambda groups: [_halve_or_triple(groups["start"]) or "Halve 2"],
        rules=[
            TaskRule(
                task=r"Halve (?P<n>\d+)",
                steps=[[call("calculate", expression="{n} // 2")]],
                report="Half of {n} is {0}",
            ),
            TaskRule(
                task=r"Triple (?P<n>\d+) and add 1",
                steps=[[call("calculate", expression="3 * {n} + 1")]],
                report="3 * {n} + 1 = {0}",
            ),
        ],
        next_task=_halve_or_triple,
        answers=["From {start}: {numbers}"],
    ),
    Script(
        goal=r"Count upwards from (?P<start>\d+) one step at a time, and never stop",
        plan=["Add 1 to {start}"],
        rules=[
            TaskRule(
                task=r"Add 1 to (?P<n>\d+)",
                steps=[[call("calculate", expression="{n} + 1")]],
                report="{n} + 1 = {0}",
            )
        ],
        next_task=lambda result: f"Add 1 to {last_number(result) or 0}",
    ),
    Script(
        goal=r"Start with (?P<a>\d+) and (?P<b>\d+)\. Add the last two numbers again and again "
        r"until a sum is greater than (?P<bound>\d+), and give every sum\.",
        plan=["Add {a} and {b}, up to {bound}"],
        rules=[
            TaskRule(
                task=r"Add (?P<a>\d+) and (?P<b>\d+), up to (?P<bound>\d+)",
                steps=[[call("calculate", expression="{a} + {b}")]],
                report="Up to {bound}: {a} + {b} = {0}",
            )
        ],
        next_task=_add_last_two,
        answers=["From {a} and {b}: {numbers}"],
    ),
)
