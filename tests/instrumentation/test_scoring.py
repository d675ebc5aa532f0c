"""Scores: what a user thinks of a run goes out as a linked span of its own, and no number of the run changes."""

import logging
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import Tracer

from instrumentation import configure, score
from instrumentation.scoring import MAX_EXPLANATION
from instrumentation.telemetry import Telemetry
from instrumentation.testing import Capture, span_dicts
from nanoagent import ConfigurationError, Event, EventType, Orchestrator, PerformanceMetrics
from nanoagent.content.shown import MAX_NAME_LENGTH
from nanoagent.redaction.redactor import Redactor
from nanoagent.tracing import names
from tests.models import CannedModel, call, executed, plan, reflected, response
from tests.runs import ran

pytestmark = pytest.mark.usefixtures("no_global_state")

TRACE = "0af7651916cd43dd8448eb211c80319c"
ROOT = "00f067aa0ba902b7"
KEY = "AIzaSyA1234567890abcdefghijklmnopqrstuv"


class Kept:
    """A process that is set up, and what left it."""

    def __init__(self, **options: Any) -> None:
        self._exporter = InMemorySpanExporter()
        self.telemetry: Telemetry = configure(span_processors=[SimpleSpanProcessor(self._exporter)], **options)

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()


@pytest.fixture
def kept() -> Iterator[Kept]:
    made = Kept()
    yield made
    made.telemetry.shutdown(0.0)


async def a_small_run() -> PerformanceMetrics:
    replies = [plan("Add"), executed("3"), reflected("three")]
    return (await Orchestrator("Add 1 and 2", model=CannedModel(replies)).run()).metrics


def said_in(span: ReadableSpan) -> Mapping[str, Any]:
    """The attributes of its only event."""
    [event] = span.events
    return dict(event.attributes or {})


def test_a_score_is_a_span_of_its_own_with_the_verdict_linked_to_the_root_of_the_run() -> None:
    captured = Capture()

    found = score(
        "run-1",
        trace_id=TRACE,
        span_id=ROOT,
        value=1,
        label="good",
        explanation="just what I asked for",
        tracer_provider=captured.provider,
    )

    [span] = captured.spans
    verdict = {
        "gen_ai.evaluation.name": "user",
        "gen_ai.evaluation.score.label": "good",
        "gen_ai.evaluation.score.value": 1.0,
    }
    [row] = span_dicts(captured.spans)
    start_ns = row.pop("start_ns")
    assert row.pop("end_ns") > start_ns
    assert row == {
        "name": "score",
        "kind": "INTERNAL",
        "trace_id": found,
        "span_id": f"{1:016x}",
        "parent_span_id": None,
        "attributes": {"nanoagent.score.run_id": "run-1", "nanoagent.score.trace_id": TRACE} | verdict,
        "status": "UNSET",
        "status_description": None,
        "events": [
            {
                "name": "gen_ai.evaluation.result",
                "attributes": verdict | {"gen_ai.evaluation.explanation": "just what I asked for"},
            }
        ],
    }
    [link] = span.links
    assert (f"{link.context.trace_id:032x}", f"{link.context.span_id:016x}") == (TRACE, ROOT)
    assert link.attributes == {"nanoagent.score.run_id": "run-1"}


def test_a_value_or_a_label_is_enough() -> None:
    captured = Capture()
    score("run-1", trace_id=TRACE, name="accuracy", value=0.25, tracer_provider=captured.provider)
    score("run-1", trace_id=TRACE, label="bad", explanation="", tracer_provider=captured.provider)
    assert [said_in(span) for span in captured.spans] == [
        {"gen_ai.evaluation.name": "accuracy", "gen_ai.evaluation.score.value": 0.25},
        {"gen_ai.evaluation.name": "user", "gen_ai.evaluation.score.label": "bad"},
    ]


async def test_the_trace_of_a_recent_run_of_the_process_needs_no_telling(kept: Kept) -> None:
    metrics = await a_small_run()

    assert score(str(metrics.run_id), value=1) is not None

    [link] = kept.spans[-1].links
    assert f"{link.context.trace_id:032x}" == metrics.trace_id
    assert link.attributes == {names.SCORE_RUN_ID: metrics.run_id}


def test_an_invented_run_is_an_error_with_the_way_out(kept: Kept) -> None:
    with pytest.raises(ConfigurationError, match=r"run 'nosuch' is not among the recent ones.*: give trace_id="):
        score("nosuch", value=1)
    assert kept.spans == ()


def test_where_only_a_provider_is_set_up_the_trace_must_be_given() -> None:
    captured = Capture()
    with pytest.raises(ConfigurationError, match="give trace_id="):
        score("run-1", value=1, tracer_provider=captured.provider)


@pytest.mark.parametrize("disabled", [None, "true"])
def test_where_nothing_is_traced_a_score_goes_nowhere_and_says_so(disabled: str | None) -> None:
    if disabled:
        configure(env={"OTEL_SDK_DISABLED": disabled})
    assert score("nosuch", value=1) is None
    with pytest.raises(ConfigurationError):
        score("nosuch")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "a score needs a value, a label or both, got neither"),
        ({"value": float("nan")}, "value must be a finite number, got nan"),
        ({"value": float("-inf")}, "value must be a finite number, got -inf"),
        ({"value": 10**400}, "value must be a finite number, got 1000"),
        ({"value": 10**5_000}, "value must be a finite number, got one of int"),
        ({"value": True}, "value must be a finite number, got True: give 1 for good"),
        ({"value": "1"}, "value must be a finite number, got '1'"),
        ({"label": ""}, "label must be a text of 1 to 256 characters that can be printed, got ''"),
        ({"label": "\x1b[31mbad"}, r"label must be .*, got '\\x1b\[31mbad'"),
        ({"label": "b" * (MAX_NAME_LENGTH + 1)}, r"label must be .*b\.\.\.$"),
        ({"label": "good\u202e"}, "label must be"),
        ({"name": "  ", "value": 1}, "name must be"),
        ({"name": None, "value": 1}, "name must be .*, got None"),
        ({"explanation": b"why", "value": 1}, "explanation must be a text, got b'why'; leave it out"),
        ({"run_id": "", "value": 1}, "run_id must be"),
        ({"run_id": "a\nb", "value": 1}, "run_id must be"),
        ({"run_id": 7, "value": 1}, "run_id must be .*, got 7"),
        ({"trace_id": "no id", "value": 1}, "a trace id must be 32 hex digits .* got 'no id'"),
        ({"trace_id": "0" * 32, "value": 1}, "a trace id must be 32 hex digits that are not all zeros"),
        ({"trace_id": int(TRACE, 16), "value": 1}, "trace_id must be a text of 32 hex digits"),
        ({"span_id": ROOT[1:], "value": 1}, "span_id must be 16 hex digits"),
        ({"span_id": "0" * 16, "value": 1}, "span_id must be 16 hex digits that are not all zeros"),
        ({"trace_id": None, "span_id": ROOT, "value": 1}, "give trace_id="),
    ],
)
def test_what_is_no_score_is_an_error_at_the_call(given: dict[str, Any], said: str) -> None:
    captured = Capture()
    arguments: dict[str, Any] = {"run_id": "run-1", "trace_id": TRACE, "tracer_provider": captured.provider}
    with pytest.raises(ConfigurationError, match=said) as raised:
        score(**(arguments | given))
    assert len(str(raised.value)) < 300
    assert captured.spans == ()


def test_an_explanation_is_sent_whether_content_is_captured_or_not_redacted_and_bounded(kept: Kept) -> None:
    score("run-1", trace_id=TRACE, label="bad", explanation=f"my key is {KEY}\nand it \ud83e\x00 broke")
    score("run-1", trace_id=TRACE, label="bad", explanation="x" * 10_000_000)

    first, second = (said_in(span)["gen_ai.evaluation.explanation"] for span in kept.spans)

    assert KEY not in first
    assert first.endswith("\nand it \ufffd\ufffd broke")
    assert second == "x" * (MAX_EXPLANATION - 1) + "…"


def test_secrets_in_a_verdict_are_masked_and_the_applications_redactor_is_asked() -> None:
    kept = Kept(redactor=Redactor(hook=lambda text: text.replace("Bob", "[name]")))
    score(f"run {KEY}", trace_id=TRACE, name=f"by {KEY}", label=f"key={KEY}", explanation="Bob did it")

    [span] = kept.spans

    assert KEY not in str([span.attributes, said_in(span), span.links[0].attributes])
    assert said_in(span)["gen_ai.evaluation.explanation"] == "[name] did it"


async def test_a_score_changes_no_number_and_is_no_run(kept: Kept) -> None:
    metrics, aggregator = await a_small_run(), kept.telemetry.aggregator
    before = aggregator.recent()

    score(str(metrics.run_id), value=0, label="bad")

    assert aggregator.recent() == before
    assert aggregator.get(str(metrics.run_id)) == metrics_without_goal(metrics)
    assert aggregator.open_runs() == []


async def test_a_run_that_is_scored_while_it_goes_on_is_as_it_would_be_without(kept: Kept) -> None:
    found: list[str | None] = []

    def judge() -> str:
        """Judge."""
        found.append(score(str(orchestrator.metrics.run_id), label="good"))
        return "judged"

    replies = [plan("Judge"), response(call("judge")), executed("judged"), reflected("judged")]
    orchestrator = Orchestrator("Judge yourself", model=CannedModel(replies))
    orchestrator.registry.register("judge", judge)
    result = await orchestrator.run()

    assert result.metrics.complete is True
    assert result.metrics.tool_calls == 1
    assert result.metrics.untracked_api_calls == 0
    assert found[0] not in (None, result.metrics.trace_id)
    assert kept.telemetry.aggregator.get(str(result.metrics.run_id)) == metrics_without_goal(result.metrics)


async def test_a_run_that_has_just_begun_has_no_trace_to_link_to_yet(kept: Kept) -> None:
    met: list[str] = []

    def judge(event: Event) -> None:
        if event.type == EventType.RUN_STARTED:
            with pytest.raises(ConfigurationError, match="give trace_id=") as raised:
                score(event.data["run_id"], label="good")
            met.append(str(raised.value))

    orchestrator = Orchestrator("Add 1 and 2", model=CannedModel([plan("Add"), executed("3"), reflected("three")]))
    orchestrator.stream.subscribe(judge)
    await orchestrator.run()
    assert len(met) == 1


async def test_a_score_is_no_part_of_what_goes_on_around_the_call() -> None:
    run = await ran(CannedModel([plan("Add"), executed("3"), reflected("three")]))
    captured = Capture()
    with captured.provider.get_tracer("web").start_as_current_span("POST /feedback"):
        score("run-1", trace_id=run.live.trace_id, value=1, tracer_provider=captured.provider)
    scored, request = captured.spans
    assert scored.parent is None
    assert scored.context is not None
    assert request.context is not None
    assert scored.context.trace_id != request.context.trace_id


@pytest.mark.parametrize("sampler", ["always_off", "traceidratio", "parentbased_always_off"])
def test_what_is_sampled_is_runs_and_never_a_score(sampler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0")
    kept = Kept()
    assert score("run-1", trace_id=TRACE, value=1) is not None
    assert [span.name for span in kept.spans] == ["score"]


def test_that_the_sampler_of_another_provider_drops_a_score_is_said() -> None:
    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    assert score("run-1", trace_id=TRACE, value=1, tracer_provider=provider) is None


class Broken(trace.TracerProvider):
    """Has no tracer that works."""

    def get_tracer(self, *args: Any, **options: Any) -> Tracer:
        raise RuntimeError("broken")


def test_a_provider_that_raises_does_not_reach_the_application(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "nanoagent"):
        assert score("run-1", trace_id=TRACE, value=1, tracer_provider=Broken()) is None
    assert "the score of a run could not be sent" in caplog.text


def test_many_threads_may_score_at_once() -> None:
    captured = Capture()

    def score_often() -> None:
        for number in range(20):
            score(f"run-{number}", trace_id=TRACE, value=1, tracer_provider=captured.provider)

    threads = [threading.Thread(target=score_often) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(captured.spans) == 160


def metrics_without_goal(metrics: PerformanceMetrics) -> PerformanceMetrics:
    """As a reader of spans knows them, which carry no goal."""
    return PerformanceMetrics.from_dict(metrics.to_dict() | {"goal": None})
