"""How many rounds are made, and in which order each of them takes its variants."""

import random
import time
from collections.abc import Iterator, Mapping, Sequence


class Budget:
    """How many rounds to make: so many, or as many as the time allows if those are fewer; never less than two."""

    def __init__(self, *, rounds: int, seconds: float) -> None:
        self.rounds = rounds
        self.seconds = seconds

    def __iter__(self) -> Iterator[int]:
        """The numbers of the rounds."""
        deadline = time.monotonic() + self.seconds
        for number in range(self.rounds):
            if number >= 2 and time.monotonic() >= deadline:
                return
            yield number


def order(names: Mapping[str, object], seed: int) -> Sequence[str]:
    """The names, in an order that only the round's number decides."""
    return random.Random(seed).sample(list(names), len(names))  # noqa: S311
