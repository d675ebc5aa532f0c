"""Checks of a run's answer: each says whether the text will do, and why."""

import re
from collections.abc import Callable
from dataclasses import dataclass

_NUMBER = re.compile(r"(?<![\w.])[-\u2212]?\d+(?:,\d{3})*(?:\.\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A named check; it is comparable by its name."""

    name: str
    """What the answer must hold, in words; equal names are equal checks."""
    judge: Callable[[str], tuple[bool, str]]
    """From an answer to whether it will do, and the reason."""


def number(expected: float, *, tolerance: float = 0.0) -> Check:
    """The answer holds this number, give or take the tolerance.

    Example:
        >>> number(8).judge("5 + 3 = 8")
        (True, 'holds 8')
    """
    name = f"number {expected:,.12g}" + (f" within {tolerance:g}" if tolerance else "")

    def judge(answer: str) -> tuple[bool, str]:
        found = numbers_in(answer)
        if any(abs(value - expected) <= tolerance for value in found):
            return True, f"holds {expected:,.12g}"
        return False, f"does not hold {expected:,.12g}; its numbers are {_listed(found)}"

    return Check(name=name, judge=judge)


def numbers_in_order(*expected: float) -> Check:
    """The answer holds these numbers one after the other; others may stand between them."""
    wanted = _listed(expected)

    def judge(answer: str) -> tuple[bool, str]:
        found = iter(numbers_in(answer))
        missing = [value for value in expected if value not in found]
        if not missing:
            return True, f"holds {wanted} in order"
        return False, f"does not hold {missing[0]:g} in its place of {wanted}"

    return Check(name=f"numbers in order {wanted}", judge=judge)


def contains_all(*texts: str) -> Check:
    """The answer contains all these texts, whatever their case."""
    listed = ", ".join(map(repr, texts))

    def judge(answer: str) -> tuple[bool, str]:
        missing = [text for text in texts if text.casefold() not in answer.casefold()]
        return (False, f"does not contain {missing[0]!r}") if missing else (True, f"contains {listed}")

    return Check(name=f"contains {listed}", judge=judge)


def all_of(*checks: Check) -> Check:
    """Every one of the checks holds."""

    def judge(answer: str) -> tuple[bool, str]:
        judged = [check.judge(answer) for check in checks]
        failed = [reason for passed, reason in judged if not passed]
        return not failed, "; ".join(failed or [reason for _, reason in judged])

    return Check(name="; ".join(check.name for check in checks), judge=judge)


def any_answer() -> Check:
    """The answer is not empty: for goals whose way of ending is what counts."""

    def judge(answer: str) -> tuple[bool, str]:
        return (True, "is not empty") if answer.strip() else (False, "is empty")

    return Check(name="any answer", judge=judge)


def numbers_in(text: str) -> list[float]:
    """The numbers of a text, in order; thousands may be set off by commas."""
    return [float(found.replace(",", "").replace("\u2212", "-")) for found in _NUMBER.findall(text)]


def _listed(numbers: "list[float] | tuple[float, ...]") -> str:
    return ", ".join(f"{value:,.12g}" for value in numbers) or "none"
