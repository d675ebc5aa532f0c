"""The options of engines, as the command takes them; none of it needs Ray."""

from pathlib import Path

import pytest

from tests.commands import run_benchmark, run_imported, written_in

WITHOUT_RAY = "import sys; sys.modules['ray'] = None; from benchmarks.cli import main; main()"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--engine", "dask"], "--engine must be ray, got 'dask'; leave it out for this process"),
        (
            ["--ray-address", "head:6379"],
            "--ray-address is for attempts that Ray makes; use it with --engine ray",
        ),
        (
            ["--engine", "Ray", "--verify"],
            "--engine ray cannot be used with --verify: other processes send the traces; compare stored ones with "
            "`nanoagent verify`, or leave out --engine",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_and_nothing_is_written(
    arguments: list[str], said: str, tmp_path: Path
) -> None:
    done = run_benchmark(tmp_path / "out", "--goal", "addition", *arguments)
    assert (done.returncode, done.stderr, done.stdout) == (4, f"error: {said}\n", "")
    assert written_in(tmp_path / "out") == []


def test_where_ray_is_not_installed_it_is_said_how_to_get_it(tmp_path: Path) -> None:
    done = run_imported(WITHOUT_RAY, "--engine", "ray", "--output", str(tmp_path / "out"), env={})
    assert (done.returncode, done.stdout) == (4, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("error: --engine ray needs the package ray, got ")
    assert line.endswith(
        ": install nanoagent[ray], such as by `uv run --extra ray python benchmarks/run_benchmarks.py --engine ray`"
    )
    assert written_in(tmp_path / "out") == []
