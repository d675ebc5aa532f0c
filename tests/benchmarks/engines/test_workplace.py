"""Where a worker makes attempts: each is its own trace, and what comes back is all there is to know of it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.engines.job import Closed, Made
from benchmarks.engines.workplace import Workplace
from benchmarks.results.forms import RowForm
from benchmarks.results.results import Attempt
from benchmarks.results.sealed import is_sealed
from instrumentation.configuration import configured
from instrumentation.testing import collecting, never_answers
from nanoagent.errors import ConfigurationError
from tests.benchmarks.engines.asked import job

pytestmark = pytest.mark.usefixtures("no_global_state")


async def made_at(workplace: Workplace, *work: tuple[str, int]) -> list[Made]:
    return await asyncio.gather(*(workplace.make(goal_id, number) for goal_id, number in work))


def attempt_in(made: Made) -> Attempt:
    assert is_sealed(made.row)
    form = RowForm.model_validate_json(made.row)
    return form.attempt_of(form.id)


def spans_in(line: bytes) -> list[dict[str, Any]]:
    return [
        span
        for resource in json.loads(line)["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


async def test_attempts_made_side_by_side_come_back_each_with_its_own_trace() -> None:
    workplace = Workplace(job())
    found = await made_at(workplace, ("addition", 1), ("weekday", 1), ("addition", 2))
    attempts = [attempt_in(one) for one in found]
    assert [(one.goal_id, one.number, one.verdict.word) for one in attempts] == [
        ("addition", 1, "pass"),
        ("weekday", 1, "pass"),
        ("addition", 2, "pass"),
    ]
    assert len({one.trace_id for one in attempts}) == 3
    for one, attempt in zip(found, attempts, strict=True):
        assert one.trace is not None
        spans = spans_in(one.trace)
        assert {span["traceId"] for span in spans} == {attempt.trace_id}
        [root] = [span for span in spans if not span.get("parentSpanId")]
        attributes = {one["key"]: one["value"] for one in root["attributes"]}
        assert attributes["nanoagent.benchmark.session_id"] == {"stringValue": "s7"}
        assert attributes["nanoagent.benchmark.attempt"] == {"intValue": str(attempt.number)}


async def test_the_spans_are_sent_before_an_attempt_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER", "file")
    monkeypatch.setenv("OTEL_EXPORTER_FILE_PATH", str(tmp_path / "traces.jsonl"))
    workplace = Workplace(job())
    found = await made_at(workplace, ("addition", 1), ("weekday", 1))
    sent = (tmp_path / "traces.jsonl").read_text()
    assert all(str(attempt_in(one).trace_id) in sent for one in found)
    assert '"nanoagent-bench"' in sent
    assert await workplace.close() == Closed(arrived=True, notices=())


async def test_where_nothing_arrives_the_first_attempt_alone_waits_for_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER", "otlp")
    monkeypatch.setenv("NANOAGENT_EXPORT_DEADLINE", "0.05")
    monkeypatch.setenv("NANOAGENT_SPOOL_DIR", str(tmp_path / "spool"))
    with collecting(behaviour=never_answers) as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        workplace = Workplace(job())
        telemetry, flushes = configured(), list[bool]()
        assert telemetry is not None
        flush = telemetry.flush

        def noted() -> bool:
            flushes.append(flush())
            return flushes[-1]

        monkeypatch.setattr(telemetry, "flush", noted)
        for number in (1, 2, 3):
            await made_at(workplace, ("addition", number))
        assert flushes == [False]
        assert not (await workplace.close()).arrived


async def test_a_run_that_is_cancelled_is_sent_as_such_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER", "file")
    monkeypatch.setenv("OTEL_EXPORTER_FILE_PATH", str(tmp_path / "traces.jsonl"))
    workplace = Workplace(job(agent="tests.benchmarks.own_agents:waiting"))
    task = asyncio.create_task(workplace.make("addition", 1))
    for _ in range(20):  # until the model is asked
        await asyncio.sleep(0)
    task.cancel()
    assert (await workplace.close()).arrived
    assert task.cancelled()
    sent = [span for line in (tmp_path / "traces.jsonl").read_bytes().splitlines() for span in spans_in(line)]
    [root] = [span for span in sent if span["name"] == "benchmark goal"]
    attributes = {one["key"]: one["value"] for one in root["attributes"]}
    assert attributes["error.type"] == {"stringValue": "asyncio.exceptions.CancelledError"}


async def test_what_goes_wrong_in_a_run_comes_back_in_words() -> None:
    workplace = Workplace(job(agent="tests.benchmarks.own_agents:refused"))
    [made] = await made_at(workplace, ("addition", 1))
    assert made.troubles == ("ModelHTTPError: status_code: 401, model_name: told, body: bad key",)


async def test_what_cannot_be_tested_here_is_said() -> None:
    with pytest.raises(ConfigurationError, match="no_such_module"):
        Workplace(job(agent="no_such_module:agent"))
