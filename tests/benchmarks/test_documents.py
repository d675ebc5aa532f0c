"""What the documents of the benchmark show: the commands run in a fresh copy of the project, the data is valid."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.suite.goal_forms import json_schema
from benchmarks.suite.goals_file import read
from tests.commands import ROOT
from tests.documents import RUNNABLE, Block, assert_links_lead_somewhere, blocks_of

EXAMPLE = "examples/benchmark_your_agent"
DOCUMENTS = ("docs/benchmarks.md", f"{EXAMPLE}/README.md")
BLOCKS = blocks_of(DOCUMENTS)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's files, with what was compiled of them, and nothing else."""
    root = tmp_path_factory.mktemp("clone")
    for folder in ("nanoagent", "instrumentation", "benchmarks", "examples"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("out"))
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


def run_in(clone: Path, block: Block) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    env |= {"UV_NO_SYNC": "1", "UV_PROJECT_ENVIRONMENT": sys.prefix, "COLUMNS": "80"}
    command = [*RUNNABLE[block.language], block.text]
    return subprocess.run(command, cwd=clone, env=env, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.slow
@pytest.mark.parametrize("block", [b for b in BLOCKS if b.is_run and b.document == "docs/benchmarks.md"], ids=str)
def test_a_block_runs_in_a_fresh_copy_of_the_project(block: Block, clone: Path) -> None:
    done = run_in(clone, block)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_the_example_benchmarks_an_agent_of_its_own(clone: Path) -> None:
    (block,) = [block for block in BLOCKS if block.document == f"{EXAMPLE}/README.md" and block.is_run]
    done = run_in(clone, block)
    assert done.returncode == 0
    table, _, said = done.stdout.partition("\n\n")
    assert [line.split()[:4] for line in table.splitlines()] == [
        ["Goal", "Tier", "Verdict", "Iterations"],
        ["price", "simple", "pass", "-"],
        ["days", "simple", "pass", "-"],
        ["introduction", "simple", "pass", "-"],
        ["small-price", "medium", "pass", "-"],
    ]
    assert said.splitlines()[:2] == [
        "4 of 4 goals passed.",
        "Results: benchmarks/out/results.json and RESULTS.md beside it",
    ]
    results = json.loads((clone / "benchmarks/out/results.json").read_text())
    source = results["provenance"]
    assert (source["model"], source["token_source"], source["agent"], source["goals_file"]) == (
        f"agent {EXAMPLE.replace('/', '.')}.agent:agent (function:offline)",
        "provider",
        f"{EXAMPLE.replace('/', '.')}.agent:agent",
        f"{EXAMPLE}/goals.json",
    )
    calls = [goal["attempts"][0]["metrics"]["tool_calls"] for goal in results["goals"]]
    assert calls == [1, 1, 0, 1]
    assert "intelligence" not in (clone / "benchmarks/out/RESULTS.md").read_text()


def test_every_block_is_run_or_is_a_goals_file(tmp_path: Path) -> None:
    assert {block.language for block in BLOCKS} <= {*RUNNABLE, "json", "text"}
    shown = [block.text for block in BLOCKS if block.language == "json"]
    assert len(shown) == 1
    (tmp_path / "goals.json").write_text(shown[0])
    assert [goal.id for goal in read(str(tmp_path / "goals.json"))] == ["sum"]


def test_links_lead_somewhere() -> None:
    assert_links_lead_somewhere(DOCUMENTS)


def test_the_published_schema_is_that_of_the_code() -> None:
    assert json.loads((ROOT / "benchmarks/goals.schema.json").read_text()) == json_schema()


def test_the_documented_fields_and_checks_are_those_of_the_schema() -> None:
    text = (ROOT / "docs/benchmarks.md").read_text(encoding="utf-8")
    schema = json_schema()["$defs"]
    forms = [form["properties"] for name, form in schema.items() if name.endswith("Form") and name != "GoalForm"]
    for name in (*schema["GoalForm"]["properties"], *(name for form in forms for name in form)):
        assert f"`{name}`" in text or f'"{name}"' in text
