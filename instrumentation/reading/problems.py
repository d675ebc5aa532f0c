"""Problems: what could not be read, where, and what was done about it."""

from collections.abc import Callable
from typing import Final, NamedTuple

MAX_KEPT: Final = 100
"""So many problems are kept and told; the rest is counted."""


class Problem(NamedTuple):
    """One thing that was wrong with an input."""

    where: str
    """The source, as `traces.jsonl:12`."""
    what: str
    """What was wrong, with the value, and what was done about it."""

    def __str__(self) -> str:
        """As one line."""
        return f"{self.where}: {self.what}"


class Problems:
    """Collects problems as they are met; each is told once, at once."""

    def __init__(self, tell: Callable[[Problem], object] = lambda problem: None) -> None:
        """Start without problems; `tell` hears of each of the first ones as it is met."""
        self.kept: list[Problem] = []
        """The first ones, in the order in which they were met."""
        self.count: int = 0
        """All of them."""
        self.lossy: bool = False
        """Whether a span may be missing because of one: what was read is then not all that there was."""
        self._tell = tell
        self._once: set[str] = set()

    def add(self, where: str, what: str, *, lossy: bool = True) -> None:
        """Note a problem; `lossy` is whether a span may be missing because of it."""
        self.count += 1
        self.lossy = self.lossy or lossy
        if len(self.kept) < MAX_KEPT:
            problem = Problem(where, what)
            self.kept.append(problem)
            self._tell(problem)

    def take(self, others: "Problems") -> None:
        """Note all that was met elsewhere."""
        for problem in others.kept:
            self.add(*problem, lossy=others.lossy)
        self.count += others.count - len(others.kept)

    def add_once(self, where: str, what: str, *, lossy: bool = True) -> None:
        """Note a problem where it is met first; the same words again are no other problem."""
        if what not in self._once:
            self._once.add(what)
            self.add(where, what, lossy=lossy)
