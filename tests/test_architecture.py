import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("nanoagent", "instrumentation", "benchmarks")

LAYERS = "benchmarks imports instrumentation imports nanoagent, never back"
API_ONLY = "nanoagent emits through the OpenTelemetry API and never imports the SDK"
INSIDE = "inside nanoagent imports point one way"
DOUBLES = "test doubles are for tests: nothing of ours imports them"


def lint_imports(directory: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(command, cwd=directory, check=False, capture_output=True, text=True, timeout=120)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "out"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    return tmp_path


def test_imports_point_one_way() -> None:
    answer = lint_imports(ROOT)
    assert answer.returncode == 0, answer.stdout


@pytest.mark.parametrize("module", ["files", "counted"])
def test_reading_traces_loads_neither_the_sdk_nor_an_agent(module: str) -> None:
    program = f"import sys, instrumentation.reading.{module}; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    loaded = done.stdout.split()
    assert f"instrumentation.reading.{module}" in loaded
    heavy = ("opentelemetry", "pydantic", "pydantic_ai", "rich", "typer", "genai_prices", "httpx")
    assert [name for name in loaded if name.split(".")[0] in heavy] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "statement", "broken"),
    [
        ("nanoagent/errors.py", "import opentelemetry.sdk.trace", API_ONLY),
        ("nanoagent/errors.py", "import instrumentation", LAYERS),
        ("nanoagent/errors.py", "import benchmarks", LAYERS),
        ("instrumentation/jaeger.py", "import benchmarks", LAYERS),
        ("nanoagent/tracing/names.py", "import nanoagent.core.records", INSIDE),
        ("instrumentation/jaeger.py", "import instrumentation.testing.clock", DOUBLES),
    ],
)
def test_an_import_that_points_back_is_refused(copy: Path, module: str, statement: str, broken: str) -> None:
    path = copy / module
    path.write_text(f"{path.read_text()}\n{statement}\n")
    answer = lint_imports(copy)
    assert answer.returncode == 1, answer.stdout
    assert f"{broken} BROKEN" in answer.stdout


@pytest.mark.slow
def test_the_wheel_carries_the_two_typed_packages_and_nothing_else(tmp_path: Path) -> None:
    uv = os.environ.get("UV", "uv")
    command = [uv, "build", "--offline", "--wheel", "--quiet", "--out-dir", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=300)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "installed")
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {"nanoagent", "instrumentation"}
    assert {"nanoagent/py.typed", "instrumentation/py.typed"} <= set(names)
    # What a message tells to make the view with is there, wherever it is told.
    code = "from instrumentation.reading.clickhouse_errors import view_sql; print(view_sql())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "installed", check=True, capture_output=True, text=True, timeout=60
    )
    view = Path(done.stdout.strip())
    assert view.is_relative_to(tmp_path)
    assert view.read_bytes() == (ROOT / "deploy/scale/clickhouse" / view.name).read_bytes()
