"""Goals attempted as the benchmark attempts them."""

from collections.abc import Sequence
from typing import Any

from benchmarks.results.results import Attempt
from benchmarks.running.runner import Listener, Session, run_goals
from benchmarks.subjects.subject import Subject
from benchmarks.suite.goals import Goal


async def attempted(
    subject: Subject,
    goals: Sequence[Goal],
    *,
    repeat: int = 1,
    concurrency: int = 1,
    said: list[str] | None = None,
    **session: Any,
) -> list[Attempt]:
    """The attempts at these goals, in the order in which they ended; `said` gets what went wrong in them."""
    done: list[Attempt] = []
    errors = [] if said is None else said
    listener = Listener(
        ended=lambda goal, attempt: done.append(attempt),
        troubled=lambda goal, error: errors.append(f"{goal.id}: {error}"),
    )
    work = [(goal, number) for number in range(1, repeat + 1) for goal in goals]
    await run_goals(work, Session(subject=subject, **session), concurrency=concurrency, listener=listener)
    return done
