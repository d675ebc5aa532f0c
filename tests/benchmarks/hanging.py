"""A benchmark that hangs in its last goal, as a real process: for what happens to it there."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.commands import ROOT

GOALS: Final = 5
SLOW: Final = f"""
import asyncio, sys
sys.path.insert(0, {str(ROOT)!r})
from benchmarks.cli import main
from benchmarks.suite.goals import GOALS
from benchmarks.running import runner

run_attempt = runner.run_attempt
async def slow(goal, session, number=1, *, listener=None):
    if goal.id == "days-to-new-year" and "--resume" not in sys.argv:
        print("at the last goal", file=sys.stderr, flush=True)
        await asyncio.sleep(60)
    return await run_attempt(goal, session, number, listener=listener)
runner.run_attempt = slow
main(GOALS[:{GOALS}])
"""
"""A benchmark of five goals that hangs in the last one unless it goes on."""


@contextmanager
def hanging(program: Path, out: Path, *arguments: str, **env: str) -> Iterator[subprocess.Popen[str]]:
    """The benchmark at work in its last goal."""
    with subprocess.Popen(
        [sys.executable, str(program), "--output", str(out), *arguments],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "80", "PYTHONPATH": str(ROOT), **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            assert process.stderr.readline() == "at the last goal\n"
            yield process
        finally:
            process.kill()
