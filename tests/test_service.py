import asyncio
import http.client
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from benchmarks.suite.goals import GOALS
from examples.service.app import Answered, app
from examples.service.goals import Busy, Goals
from examples.service.models import patient_client
from examples.service.service import Service
from examples.service.service import serving as serving_here
from examples.service.settings import ServiceSettings
from instrumentation import configure
from instrumentation.reading.spans import ReadSpan
from nanoagent import ConfigurationError, Orchestrator, PerformanceMetrics, RunResult, Status, StopReason
from tests.benchmarks.subjects.provider import Failing, Provider, Waiting, provider
from tests.documents import assert_links_lead_somewhere
from tests.models import CannedModel, call, executed, plan, reflected
from tests.models import response as replied
from tests.service import PATIENCE_S, ROOT, ServiceProcess, serving, wait_for

README = "examples/service/README.md"
QUICKLY = {"OTEL_BSP_SCHEDULE_DELAY": "20"}
PLAN = '{"tasks": [{"description": "Add 5 and 3"}], "questions": []}'
REPLIES = (PLAN, '{"success": true, "output": "8"}', '{"done": true, "answer": "It is 8"}')
GOAL = "What is 5 + 3?"
MODEL = "openai-chat:gpt-5-mini"
TRACE_ID, CALLER_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture(scope="module")
def service() -> Iterator[ServiceProcess]:
    """One that answers by rules."""
    with serving(QUICKLY) as service:
        yield service


@dataclass
class Asking:
    """A service whose model is asked over HTTP."""

    service: ServiceProcess
    provider: Provider

    def replies(self, *replies: Any) -> None:
        self.provider.replies[:] = replies
        self.provider.asked_s.clear()

    def wait_until_asked(self) -> None:
        wait_for(lambda: self.provider.asked_s)


def asking(found: Provider, **env: str) -> dict[str, str]:
    """The settings of a service that asks this provider."""
    model = {"NANOAGENT_MODEL": MODEL, "OPENAI_BASE_URL": found.url, "OPENAI_API_KEY": "none"}
    return {**QUICKLY, **model, "NANOAGENT_SERVICE_MAX_GOALS": "1", **env}


@pytest.fixture(scope="module")
def asked() -> Iterator[Asking]:
    """One that works on one goal at a time."""
    with provider(*REPLIES) as found, serving(asking(found, NANOAGENT_SERVICE_MAX_TOKENS="3500")) as service:
        yield Asking(service, found)


@pytest.fixture
async def client(no_global_state: None) -> AsyncIterator[httpx2.AsyncClient]:
    """Asks the application in this process, which no server has started."""
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://service") as client:
        yield client
    if hasattr(app.state, "service"):
        del app.state.service


def posted(service: ServiceProcess, goal: str, pool: ThreadPoolExecutor) -> Any:
    return pool.submit(service.post, "/goals", {"goal": goal})


def test_goals_are_answered_at_the_same_time_each_by_a_run_of_its_own(service: ServiceProcess) -> None:
    goals = [goal for goal in GOALS if goal.id not in ("days-to-new-year", "guarantee")]  # of the benchmark's own day
    with ThreadPoolExecutor(ServiceSettings.max_goals) as pool:
        answers = list(pool.map(lambda goal: service.answer(goal.text), goals))
    assert [goal.id for goal, answer in zip(goals, answers, strict=True) if answer["status"] != goal.status] == []
    completed = [
        (goal, answer["answer"]) for goal, answer in zip(goals, answers, strict=True) if goal.id != "endless-count"
    ]
    assert [goal.id for goal, answer in completed if not goal.check.judge(answer)[0]] == []
    assert len({answer["run_id"] for answer in answers} | {answer["trace_id"] for answer in answers}) == 2 * len(goals)
    runs = {run["run_id"]: run for run in service.get("/runs/recent").json()["runs"]}
    for answer in answers:
        run = runs[answer["run_id"]]
        assert answer["metrics"].items() <= run.items()
        assert {name: answer[name] for name in ("status", "stop_reason", "trace_id")}.items() <= run.items()
        assert PerformanceMetrics.from_dict(run).complete is True
    assert service.get("/runs/open").json()["runs"] == []


def test_a_goal_that_is_not_reached_is_answered_too_and_says_so(service: ServiceProcess) -> None:
    answer = service.answer("Count upwards from 0 one step at a time, and never stop")
    assert (answer["status"], answer["stop_reason"]) == ("incomplete", "max_iterations")
    assert "Stopped at the limit of 10 iterations" in answer["answer"]


def test_a_request_goes_on_with_the_trace_that_it_brings_along(service: ServiceProcess) -> None:
    answer = service.answer(GOAL, traceparent=f"00-{TRACE_ID}-{CALLER_ID}-01")
    assert answer["trace_id"] == TRACE_ID
    spans = service.trace(TRACE_ID)
    server, root = spans["POST /goals"], spans["invoke_workflow nanoagent"]
    assert (server.parent_span_id, root.parent_span_id) == (CALLER_ID, server.span_id)
    shown = {
        name: server.attributes[name] for name in ("http.request.method", "http.route", "http.response.status_code")
    }
    assert shown == {"http.request.method": "POST", "http.route": "/goals", "http.response.status_code": 200}
    assert f'"spanId":"{server.span_id}"' in (found := service.traces.read_text().replace(" ", ""))
    assert '"name":"POST/goals","kind":2' in found


def test_the_log_has_lines_with_the_ids_of_the_answer_and_no_content(service: ServiceProcess) -> None:
    goal = "What day of the week is 2026-07-14?"
    answer = service.answer(goal)
    lines = [line for line in service.log_lines if line.get("trace_id") == answer["trace_id"]]
    assert {line["run_id"] for line in lines if line["logger"].startswith("examples")} == {answer["run_id"]}
    assert [line["message"] for line in lines][:2] == ["task t1 is done", "a goal was worked on"]
    assert lines[1].items() >= {"status": "completed", "stop_reason": "goal_reached", "iterations": 1}.items()
    assert goal not in service.log
    assert answer["answer"] not in service.log


def test_a_service_is_alive_and_ready_which_makes_no_spans(service: ServiceProcess) -> None:
    assert service.get("/healthz").json()["alive"] is True
    assert service.get("/readyz").json() == {"ready": True}
    service.answer(GOAL, traceparent=f"00-{CALLER_ID}{CALLER_ID}-{CALLER_ID}-01")
    service.trace(2 * CALLER_ID)
    assert [span.name for span in service.spans if "healthz" in span.name or "readyz" in span.name] == []


def test_a_goal_ends_when_its_budget_is_spent(asked: Asking) -> None:
    tasks = [{"description": f"Add {number}"} for number in range(5)]
    asked.replies(json.dumps({"tasks": tasks, "questions": []}), REPLIES[1])
    answer = asked.service.answer(GOAL)
    assert (answer["status"], answer["stop_reason"]) == ("incomplete", "token_budget")
    [line] = [line for line in asked.service.log_lines if "budget" in line["message"]]
    assert (line["level"], line["logger"], line["run_id"]) == ("WARNING", "nanoagent", answer["run_id"])


def test_a_user_can_judge_an_answer(service: ServiceProcess) -> None:
    answer = service.answer(GOAL)
    given = {"value": 1, "label": "good", "explanation": "it is right"}
    here = service.post(f"/runs/{answer['run_id']}/score", given)
    of_another_worker = service.post("/runs/elsewhere/score", {"name": "accuracy", "value": 0.5, "trace_id": TRACE_ID})
    assert (here.status_code, of_another_worker.status_code) == (202, 202)
    scores = {span.trace_id: span for span in wait_for(lambda: _scores(service, 2))}
    score = scores[here.json()["trace_id"]].attributes
    assert (score["nanoagent.score.run_id"], score["nanoagent.score.trace_id"]) == (
        answer["run_id"],
        answer["trace_id"],
    )
    assert (score["gen_ai.evaluation.score.value"], score["gen_ai.evaluation.score.label"]) == (1, "good")
    other = scores[of_another_worker.json()["trace_id"]].attributes
    assert (other["nanoagent.score.trace_id"], other["gen_ai.evaluation.name"]) == (TRACE_ID, "accuracy")


def _scores(service: ServiceProcess, count: int) -> list[ReadSpan]:
    found = [span for span in service.spans if span.name == "score"]
    return found if len(found) == count else []


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"value": 1}, 404, "give its trace_id"),
        ({"trace_id": TRACE_ID}, 422, "a score needs a value"),
        ({"trace_id": "t", "value": 1}, 422, "trace"),
        ({"trace_id": TRACE_ID, "value": "much"}, 422, "number"),
        ({"trace_id": TRACE_ID, "value": True}, 422, "number"),
        ({"trace_id": TRACE_ID, "value": 1, "name": ""}, 422, "name must be"),
    ],
)
def test_a_verdict_that_cannot_be_sent_is_refused(
    service: ServiceProcess, body: dict[str, Any], status: int, said: str
) -> None:
    response = service.post("/runs/nosuch/score", body)
    assert response.status_code == status
    assert said in response.text


async def test_where_nothing_is_traced_no_verdict_is_taken(client: httpx2.AsyncClient) -> None:
    async with patient_client() as models:
        app.state.service = Service(ServiceSettings(), configure(env={"OTEL_SDK_DISABLED": "true"}), models)
        response = await client.post("/runs/a/score", json={"value": 1, "trace_id": TRACE_ID})
    assert response.status_code == 503
    assert "nothing is traced" in response.json()["detail"]


def test_an_answer_that_no_json_can_carry_is_sent_all_the_same() -> None:
    result = RunResult(
        output="8\ud83e", status=Status.COMPLETED, stop_reason=StopReason.GOAL_REACHED, metrics=PerformanceMetrics()
    )
    assert json.loads(Answered.of(result.metrics, result).model_dump_json())["answer"] == "8\ufffd"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"goal": ""},
        {"goal": " \n"},
        {"goal": "secret" * 2_000},
        {"goal": 5},
        {"goal": None},
        {"goal": ["secret"]},
        {"goal": "secret \ud83e"},
        "secret",
        None,
    ],
    ids=repr,
)
def test_what_is_no_goal_is_refused_and_not_said_again(service: ServiceProcess, body: Any) -> None:
    response = service.post("/goals", body)
    assert response.status_code == 422
    assert "secret" not in response.text
    assert response.json()["detail"][0]["loc"][0] == "body"


async def test_a_request_that_is_longer_than_any_goal_is_not_read(client: httpx2.AsyncClient) -> None:
    longest = json.dumps({"goal": 8_000 * "\N{GRINNING FACE}"})  # 12 bytes a character
    for body, status in ((longest, 503), (longest + 40_000 * " ", 413)):
        said = await client.post("/goals", content=body, headers={"Content-Type": "application/json"})
        assert said.status_code == status


def test_a_provider_that_asks_for_patience_is_asked_again_within_one_call(asked: Asking) -> None:
    asked.replies(Failing(429, {"Retry-After": "1"}), Failing(503, {"Retry-After": "0"}), *REPLIES)
    answer = asked.service.answer(GOAL)
    assert (answer["status"], answer["answer"]) == ("completed", "It is 8")
    assert (answer["metrics"]["api_calls"], len(asked.provider.asked_s)) == (3, 5)
    assert asked.provider.asked_s[1] - asked.provider.asked_s[0] >= 1
    lines = [line for line in asked.service.log_lines if line.get("run_id") == answer["run_id"]]
    assert [line["message"] for line in lines if line["logger"] == "examples.service.models"] == [
        "a provider cannot answer for the moment (429): asked again in 1.0 s",
        "a provider cannot answer for the moment (503): asked again in 0.0 s",
    ]
    asked.service.trace(answer["trace_id"])
    calls = [span for span in asked.service.spans if span.trace_id == answer["trace_id"] and "chat" in span.name]
    assert [span.failed for span in calls] == [False, False, False]


def test_a_provider_that_stays_unavailable_is_503_with_what_it_said_last(asked: Asking) -> None:
    asked.replies(Failing(429, {"Retry-After": "0"}))
    response = asked.service.post("/goals", {"goal": GOAL})
    answer = response.json()
    assert (response.status_code, answer["status"], answer["stop_reason"]) == (503, "failed", "model_error")
    assert answer["error_type"] == "pydantic_ai.exceptions.ModelRateLimitError"
    assert (answer["metrics"]["api_calls"], len(asked.provider.asked_s)) == (1, 5)


@pytest.mark.parametrize(("reply", "status", "requests"), [(Failing(401), 503, 1), ("nonsense", 500, 2)])
def test_what_asking_again_does_not_mend_is_not_asked_again(
    asked: Asking, reply: Any, status: int, requests: int
) -> None:
    asked.replies(reply)
    response = asked.service.post("/goals", {"goal": GOAL})
    assert (response.status_code, response.json()["status"]) == (status, "failed")
    assert len(asked.provider.asked_s) == requests


def test_one_goal_too_many_is_429_while_the_others_go_on(asked: Asking) -> None:
    go_on = threading.Event()
    asked.replies(Waiting(PLAN, go_on), *REPLIES[1:])
    with ThreadPoolExecutor() as pool:
        first = posted(asked.service, GOAL, pool)
        asked.wait_until_asked()
        refused = asked.service.post("/goals", {"goal": GOAL})
        [run] = asked.service.get("/runs/open").json()["runs"]
        go_on.set()
        assert first.result().json()["run_id"] == run["run_id"]
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
    assert (run["status"], run["end_time_unix_ns"]) == ("running", None)


def test_whoever_hangs_up_cancels_the_run(asked: Asking) -> None:
    asked.replies(Waiting(PLAN, threading.Event()))
    connection = http.client.HTTPConnection(urlsplit(asked.service.url).netloc, timeout=PATIENCE_S)
    body = json.dumps({"goal": GOAL})
    connection.request("POST", "/goals", body, {"Content-Type": "application/json"})
    asked.wait_until_asked()
    [run] = asked.service.get("/runs/open").json()["runs"]
    connection.close()
    wait_for(lambda: not asked.service.get("/runs/open").json()["runs"])
    last = asked.service.get("/runs/recent").json()["runs"][-1]
    assert (last["run_id"], last["status"], last["cancelled_api_calls"]) == (run["run_id"], "cancelled", 1)
    request = asked.service.trace(last["trace_id"])["POST /goals"]
    assert (request.attributes["http.response.status_code"], request.failed) == (499, False)


def test_what_a_service_cannot_finish_in_time_is_cancelled_and_all_its_spans_are_out() -> None:
    stuck = Waiting(PLAN, threading.Event())
    # No batch is due before the end.
    env = {"NANOAGENT_SERVICE_GRACE_S": "0.1", "OTEL_BSP_SCHEDULE_DELAY": "60000"}
    env["UVICORN_TIMEOUT_GRACEFUL_SHUTDOWN"] = "1"
    with provider(stuck) as found, serving(asking(found, **env)) as ending, ThreadPoolExecutor() as pool:
        half = socket.create_connection((urlsplit(ending.url).hostname, urlsplit(ending.url).port))
        half.sendall(b"POST /runs/a/score HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
        running = posted(ending, GOAL, pool)
        wait_for(lambda: found.asked_s)
        ending.ask_to_end()
        response = running.result()
        answer = response.json()
        assert (response.status_code, answer["status"], answer["answer"]) == (503, "cancelled", None)
        ending.ended()
        half.close()
        spans = {span.name: span for span in ending.spans}
        assert spans.pop("POST /runs/{run_id}/score").failed
        assert {*spans} == {"POST /goals", "invoke_workflow nanoagent", "plan task_planner", "chat gpt-5-mini"}
        ours = [span for span in spans.values() if "POST" not in span.name]
        assert {span.attributes["error.type"] for span in ours} == {"asyncio.exceptions.CancelledError"}
        assert {span.trace_id for span in spans.values()} == {answer["trace_id"]}


@pytest.mark.parametrize("hangs_up", [True, False])
async def test_a_tool_that_goes_on_when_it_is_cancelled_holds_nobody_up_but_keeps_its_place(hangs_up: bool) -> None:
    goals = Goals(max_goals=1, grace_s=0.01, cancel_s=0.01)
    works, go_on = asyncio.Event(), asyncio.Event()

    async def go_on_working() -> str:
        """Work."""
        works.set()
        while not go_on.is_set():
            with suppress(asyncio.CancelledError):
                await go_on.wait()
        return "done"

    model = CannedModel([plan("Work"), replied(call("go_on_working")), executed("done"), reflected("done")])
    orchestrator = Orchestrator("Work", model=model)
    orchestrator.registry.register("go_on_working", go_on_working)
    working = asyncio.create_task(goals.work_on(orchestrator, (works if hangs_up else asyncio.Event()).wait))
    try:
        await asyncio.wait_for(works.wait(), PATIENCE_S)
        if not hangs_up:
            await goals.close()
        assert await asyncio.wait_for(working, PATIENCE_S) is None
        with pytest.raises(Busy):
            await goals.work_on(orchestrator, works.wait)
    finally:
        go_on.set()


def test_two_workers_each_count_their_own_runs_and_finish_them_when_they_are_asked_to_end() -> None:
    done, go_on = REPLIES[-1], threading.Event()
    with provider(done) as found, ThreadPoolExecutor(8) as pool:
        env = asking(found, NANOAGENT_MODEL="scripted", REFLECTOR_MODEL=MODEL, NANOAGENT_SERVICE_MAX_GOALS="8")
        with serving(env, workers=2) as service:
            answered: set[str] = set()

            def of_both() -> dict[int, list[str]] | None:
                answered.update(answer["run_id"] for answer in pool.map(service.answer, 8 * [GOAL]))
                told = [response.json() for response in pool.map(service.get, 16 * ["/runs/recent"])]
                counted = {one["process"]: [run["run_id"] for run in one["runs"]] for one in told}
                return counted if len(counted) == 2 and all(counted.values()) else None

            wait_for(lambda: len({service.get("/runs/recent").json()["process"] for _ in range(4)}) == 2)
            first, second = wait_for(of_both).values()
            assert sorted(first + second) == sorted(answered)
            found.replies[:] = [Waiting(done, go_on)]
            found.asked_s.clear()
            running = posted(service, GOAL, pool)
            wait_for(lambda: found.asked_s)
            service.ask_to_end()
            wait_for(lambda: "Waiting for connections to close" in service.log)
            go_on.set()
            last = running.result().json()
            assert (last["status"], last["answer"]) == ("completed", "It is 8")
            assert service.ended() == 0
            roots = [span.attributes for span in service.spans if span.name == "invoke_workflow nanoagent"]
            assert sorted(root["nanoagent.run.id"] for root in roots) == sorted({*answered, last["run_id"]})
            assert {root["nanoagent.status"] for root in roots} == {"completed"}


async def test_a_service_that_has_not_started_is_alive_and_not_ready(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/healthz")).status_code == 200
    for response in (await client.get("/readyz"), await client.post("/goals", json={"goal": GOAL})):
        assert (response.status_code, response.json()) == (503, {"detail": "the service has not started"})


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"NANOAGENT_MODEL": MODEL}, "OPENAI_API_KEY"),
        ({"NANOAGENT_MODEL": "nosuch:model"}, "nosuch"),
        ({"EXECUTOR_MODEL": "scripted"}, "NANOAGENT_MODEL"),
    ],
)
async def test_without_a_model_that_can_be_used_it_says_why_it_is_not_ready(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch, env: dict[str, str], said: str
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    async with patient_client() as models:
        app.state.service = Service(ServiceSettings(), configure(), models)
        for response in (await client.get("/readyz"), await client.post("/goals", json={"goal": GOAL})):
            assert response.status_code == 503
            assert said in response.json()["detail"]


async def test_a_service_that_shuts_down_takes_no_goals_and_is_not_ready(client: httpx2.AsyncClient) -> None:
    async with patient_client() as models:
        app.state.service = Service(ServiceSettings(), configure(), models)
        assert (await client.get("/readyz")).status_code == 200
        await app.state.service.goals.close()
        for response in (await client.get("/readyz"), await client.post("/goals", json={"goal": GOAL})):
            assert (response.status_code, response.json()) == (503, {"detail": "the service is shutting down"})


def test_the_readme_names_every_setting_and_its_links_lead_somewhere() -> None:
    text = (ROOT / README).read_text(encoding="utf-8")
    assert [one.name for one in fields(ServiceSettings) if f"`NANOAGENT_SERVICE_{one.name.upper()}`" not in text] == []
    assert_links_lead_somewhere([README])


def test_settings_come_from_the_environment() -> None:
    env = {"NANOAGENT_SERVICE_MAX_GOALS": "3", "NANOAGENT_SERVICE_TIMEOUT_S": "1.5", "NANOAGENT_SERVICE_GRACE_S": " "}
    assert ServiceSettings.from_env(env) == ServiceSettings(max_goals=3, timeout_s=1.5)


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("MAX_GOALS", "0", "integer"),
        ("MAX_TOKENS", "1.5", "integer"),
        ("GRACE_S", "inf", "number"),
        ("GRACE_S", "s", "number"),
    ],
)
def test_a_setting_that_is_no_positive_number_is_refused(name: str, value: str, wanted: str) -> None:
    with pytest.raises(
        ConfigurationError, match=f"NANOAGENT_SERVICE_{name} must be a positive {wanted}, got '{value}'"
    ):
        ServiceSettings.from_env({f"NANOAGENT_SERVICE_{name}": value})


@pytest.mark.parametrize(
    ("variable", "value"), [("NANOAGENT_SERVICE_LOG_LEVEL", "LOUD"), ("NANOAGENT_SERVICE_MAX_GOALS", "0")]
)
async def test_a_setting_that_cannot_be_used_is_one_line_of_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as raised:
        async with serving_here():
            pass
    assert [record.getMessage() for record in caplog.records] == [f"the service cannot start: {raised.value}"]
    assert str(raised.value).startswith(f"{variable} must be a ")
    assert value in str(raised.value)
