"""What is asked for in the tests of engines."""

from pathlib import Path
from typing import Any

from benchmarks.engines.job import Job
from benchmarks.request import Request
from benchmarks.suite.goals import GOALS


def request(**asked: Any) -> Request:
    """A request for three of the benchmark's own goals, some of it otherwise."""
    usual: dict[str, Any] = {
        "goals": GOALS[:3],
        "own_goals": True,
        "model": None,
        "agent": None,
        "goals_file": None,
        "concurrency": 3,
        "repeat": 1,
        "resume": False,
        "retry_errors": False,
        "record": None,
        "max_cost_usd": None,
        "allow_unpriced": False,
        "output": Path("out"),
        "verify": False,
        "baseline": None,
        "save_baseline": None,
        "settings": {},
    }
    return Request(**(usual | asked))


def job(**asked: Any) -> Job:
    """The job of such a request."""
    return Job(
        request=request(**asked), session_id="s7", service_name="nanoagent-bench", settings={}, directory=Path.cwd()
    )
