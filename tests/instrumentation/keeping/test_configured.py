"""What the environment says to keep is kept by `configure`, and no span of it is unaccounted for."""

import asyncio
from pathlib import Path

import pytest

from instrumentation import Keep, configure
from instrumentation.keeping.policy import KEEP_VARIABLE
from instrumentation.reading.counted import counted_runs
from instrumentation.reading.files import read_file
from instrumentation.reading.problems import Problems
from nanoagent import Orchestrator
from nanoagent.errors import ConfigurationError
from tests.instrumentation.keeping.programs import fails, succeeds
from tests.models import CannedModel, Reply, blocking
from tests.runs import add

pytestmark = pytest.mark.usefixtures("no_global_state")

FILE = "OTEL_EXPORTER_FILE_PATH"


@pytest.fixture(autouse=True)
def _nothing_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0")


def orchestrator(replies: list[Reply], run_id: str) -> Orchestrator:
    made = Orchestrator("What is 5 + 3?", model=CannedModel(replies), run_id=run_id)
    made.registry.register("add", add)
    return made


def runs_in(path: Path) -> list[str | None]:
    problems = Problems()
    return [run.metrics.run_id for run in counted_runs(read_file(str(path), problems), problems)]


async def test_runs_that_the_environment_wants_are_in_the_file_and_the_numbers_of_all_are_known(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    telemetry = configure(exporters=["file"], env={FILE: str(path), KEEP_VARIABLE: "failed,slower=30"})
    made = [orchestrator(replies, f"run-{number}") for number, replies in enumerate((succeeds(), fails(), succeeds()))]
    for one in made:
        await one.run()
    assert telemetry.flush(10)
    assert runs_in(path) == ["run-1"]
    assert [run.run_id for run in telemetry.aggregator.recent()] == ["run-0", "run-1", "run-2"]
    (report,) = telemetry.delivery()
    assert report.exported_spans > 0
    assert report.ended_spans == report.exported_spans + report.sampled_out_spans


async def test_a_run_that_goes_on_at_the_end_is_sampled_out_and_no_span_is_lost(tmp_path: Path) -> None:
    path, said, reached = tmp_path / "traces.jsonl", list[str](), asyncio.Event()
    telemetry = configure(exporters=["file"], env={FILE: str(path)}, keep=Keep(failed=True), notify=said.append)
    task = asyncio.create_task(orchestrator([*succeeds()[:2], blocking(reached)], "run-1").run())
    await reached.wait()
    assert telemetry.flush(10)
    (before,) = telemetry.delivery()
    assert before.ended_spans == 0
    assert telemetry.shutdown(10)
    (after,) = telemetry.delivery()
    assert after.ended_spans == after.sampled_out_spans > 0
    assert said == []
    task.cancel()
    await asyncio.wait([task])


async def test_a_run_that_is_slow_already_at_the_end_is_exported_as_far_as_it_has_come(tmp_path: Path) -> None:
    path, reached = tmp_path / "traces.jsonl", asyncio.Event()
    telemetry = configure(exporters=["file"], env={FILE: str(path)}, keep=Keep(slower_than_s=0))
    task = asyncio.create_task(orchestrator([*succeeds()[:2], blocking(reached)], "run-1").run())
    await reached.wait()
    assert telemetry.shutdown(10)
    (report,) = telemetry.delivery()
    assert report.ended_spans == report.exported_spans > 0
    task.cancel()
    await asyncio.wait([task])


def test_a_word_that_says_nothing_is_an_error_before_anything_is_set_up(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    with pytest.raises(ConfigurationError, match="NANOAGENT_KEEP must name runs to keep"):
        configure(exporters=["file"], env={FILE: str(path), KEEP_VARIABLE: "everything"})
    assert not path.exists()
