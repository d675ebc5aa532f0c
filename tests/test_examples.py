"""The examples: each runs as its first line says, offline, and is short enough to read."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = {
    "quickstart": "completed: The result is 58.0\n3 iterations, 8 model calls, 12,188 tokens\n",
    "trace_your_agent": 'completed: model calls 2, tool calls 1, cost None\n{"stock_level":37}\n',
    "custom_tool": "completed: 37 blue chairs\n",
}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "output"), EXAMPLES.items())
def test_an_example_runs_offline_and_prints_what_it_shows(name: str, output: str, tmp_path: Path) -> None:
    env = {key: value for key, value in os.environ.items() if not key.startswith(("NANOAGENT_", "OTEL_"))}
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / f"{name}.py")],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, output), done.stderr
    shows_a_tree = name != "custom_tool"
    assert ("chat " in done.stderr) is shows_a_tree


@pytest.mark.parametrize("path", [*sorted(ROOT.glob("examples/*.py")), ROOT / "examples/benchmark_your_agent/agent.py"])
def test_an_example_is_under_40_lines_and_says_how_it_is_run(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) < 40
    assert path.parent.name != "examples" or f"`uv run python examples/{path.name}`" in lines[0]


def test_every_example_is_tested() -> None:
    assert {path.stem for path in ROOT.glob("examples/*.py")} == set(EXAMPLES)
