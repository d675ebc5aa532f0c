"""The same code against itself is never worse, whatever the seed.

Holm's correction holds the chance that two runs without any difference have something called better or worse below
`significance`, 1 in 1,000; half of those findings are of something worse, and thresholds make it less. So of 200 pairs,
less than 1 in 10 such tests would meet one with other seeds.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from benchmarks.comparing.comparison import Word
from benchmarks.comparing.thresholds import read_thresholds
from benchmarks.judging.verdict import Verdict, VerdictWord
from benchmarks.results.results import Attempt, Results
from nanoagent.core.performance import NS_PER_S, PerformanceMetrics
from tests.benchmarks.comparing.measured import SOME, measured
from tests.benchmarks.comparing.sides import LIVE, compared, side

PAIRS = 200
REPEATS = (1, 5, 12, 16, 20)
_FAIL = Verdict(word=VerdictWord.FAIL)


def later(numbers: PerformanceMetrics, draw: random.Random) -> PerformanceMetrics:
    """The same run at another time: a second or so long, and now and then twice that."""
    factor = draw.lognormvariate(0, 0.3) * (2 if draw.random() < 0.05 else 1)
    return replace(numbers, llm_ns=round(0.6 * factor * NS_PER_S), other_ns=round(0.4 * factor * NS_PER_S), tool_ns=0)


def otherwise(numbers: PerformanceMetrics, draw: random.Random) -> PerformanceMetrics:
    """The same run by a model that answers now one way, now another."""
    more = draw.choice((0, 0, 0, 1, 2))
    return replace(
        later(numbers, draw),
        iterations=(numbers.iterations or 0) + more,
        api_calls=numbers.api_calls + 2 * more,
        tool_calls=numbers.tool_calls + draw.choice((0, 0, 1)),
        failed_tool_calls=int(draw.random() < 0.1),
        input_tokens=round((numbers.input_tokens or 0) * (1 + more) * draw.lognormvariate(0, 0.1)),
        output_tokens=round((numbers.output_tokens or 0) * draw.lognormvariate(0, 0.4)),
        cost_usd=Decimal(draw.randrange(1, 9)) / 1000,
    )


def timed(real: Results, repeat: int, draw: random.Random) -> Results:
    """As if each attempt of a deterministic run had been made so often."""
    return side({goal.id: [later(one.metrics, draw) for _ in range(repeat)] for goal, one in real.attempts})


def lived(real: Results, repeat: int, draw: random.Random) -> Results:
    """As if a live model, which fails a goal now and then, had made so many attempts."""
    made = side({goal.id: [otherwise(one.metrics, draw) for _ in range(repeat)] for goal, one in real.attempts}, **LIVE)
    rows = [replace(row, attempts=_judged(row.attempts, draw)) for row in made.goals]
    return replace(made, goals=rows)


def _judged(attempts: Sequence[Attempt], draw: random.Random) -> list[Attempt]:
    return [replace(one, verdict=_FAIL) if draw.random() < 0.2 else one for one in attempts]


async def test_the_same_deterministic_code_at_other_times_is_never_worse() -> None:
    real, limits = await measured(), read_thresholds([])
    words: Counter[Word] = Counter()
    for seed in range(PAIRS):
        draw = random.Random(seed)  # noqa: S311 - statistics, not secrets
        found = compared(timed(real, 8, draw), timed(real, 8, draw), limits)
        assert (seed, found.exit_code) == (seed, 0)
        words.update(row.word for row in found.rows)
    # It can decide, and decides.
    assert set(words) == {Word.SAME, Word.INCONCLUSIVE}
    assert words[Word.INCONCLUSIVE] < PAIRS / 10


@pytest.mark.parametrize("repeat", REPEATS)
async def test_the_same_live_model_with_other_seeds_is_never_worse(repeat: int) -> None:
    real, limits = await measured(SOME[:2]), read_thresholds([])
    for seed in range(PAIRS // len(REPEATS)):
        draw = random.Random(1_000 * repeat + seed)  # noqa: S311
        found = compared(lived(real, repeat, draw), lived(real, repeat, draw), limits)
        assert (seed, found.of(Word.WORSE)) == (seed, [])
