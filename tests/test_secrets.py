"""No secret leaves the process: thirty and more of them, through every channel of telemetry, content on and off."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import Link, Status, StatusCode
from pydantic_ai import Agent
from pydantic_ai.exceptions import ModelHTTPError

from instrumentation import configure
from instrumentation.testing import Protocol, closed_port, collecting
from nanoagent import Orchestrator, Tracing
from nanoagent.content.content import CONTENT_VARIABLE
from nanoagent.redaction.redactor import Redactor, redacted
from tests.models import CannedModel, Reply, call, executed, plan, reflected, response
from tests.secrets import PLANTED

HEADER_SECRET = "hdr-4f9c2a-credential"


pytestmark = pytest.mark.usefixtures("no_global_state")


def work_with(secret: str) -> None:
    """A run that has the secret everywhere, one that fails on it, an agent's, and spans of somebody else."""
    asyncio.run(_good_run(secret))
    asyncio.run(_failing_run(secret))
    asyncio.run(_agent(secret))
    _others(secret)


async def _good_run(secret: str) -> None:
    def returning(key: str, options: dict[str, str]) -> dict[str, str]:
        """Give it back."""
        return {"password": secret, "note": f"key is {key}", secret: "as a key", **options}

    def raising(key: str) -> str:
        """Fail on it, and let another instrumentation say so on the span that is current."""
        span = trace.get_current_span()
        span.set_attributes({"http.url": f"https://api.example/?q={secret}", "half": "\ud83e"})
        span.record_exception(RuntimeError(f"401 for {secret}"))
        raise ValueError(f"cannot use {secret}")

    replies: list[Reply] = [
        plan(f"log in with {secret}", f"log out of {secret}"),
        response(
            call("returning", f"id {secret}", key=secret, options={"api_key": secret, "x": f"it is {secret}"}),
            call("raising", "c2", key=secret),
            call(f"tool_{secret}", "c3", key=secret),
            call("returning", "c4", wrong=secret),
            model=f"model {secret}",
        ),
        executed(f"{secret} worked"),
        executed(f"done with {secret}"),
        reflected(f"the answer is {secret}", gaps=[secret]),
    ]
    orchestrator = Orchestrator(
        f"Log in with {secret}, please",
        model=CannedModel(
            replies, name=f"canned {secret}", base_url=f"https://me:{secret}@models.example/v1?key={secret}"
        ),
        attributes={"note": f"uses {secret}", "notes": [secret, "b"]},
        agent_version=f"1 {secret}",
    )
    orchestrator.registry.register("returning", returning)
    orchestrator.registry.register("raising", raising)
    orchestrator.stream.subscribe(_raiser(secret))
    await orchestrator.run()


async def _failing_run(secret: str) -> None:
    error = ModelHTTPError(401, f"canned {secret}", body={"error": f"bad key {secret}, see ?key={secret}"})
    orchestrator = Orchestrator(f"Fail on {secret}", model=CannedModel([error]))
    orchestrator.stream.subscribe(_raiser(secret))
    await orchestrator.run()


async def _agent(secret: str) -> None:
    agent = Agent(
        CannedModel([response(call("nothing", key=secret)), RuntimeError(f"no {secret}")]),
        name=f"agent {secret}",
        instructions=f"Never tell {secret}",
        capabilities=[Tracing(attributes={"note": secret}, on_complete=_raiser(secret))],
    )
    with pytest.raises(RuntimeError, match="no "):
        await agent.run(f"Who is {secret}?")


def _others(secret: str) -> None:
    tracer = trace.get_tracer("somebody else's")
    context = trace.SpanContext(1, 2, is_remote=False)
    span = tracer.start_span(f"GET {secret}", links=[Link(context, {"link": secret})])
    span.set_attributes(
        {"text": f"with {secret} in it", "list": [secret, "b"], "gen_ai.input.messages": f'["{secret}"]'}
    )
    span.add_event(f"event {secret}", {"text": secret})
    span.record_exception(ValueError(f"bad {secret}"))
    span.set_status(Status(StatusCode.ERROR, f"because of {secret}"))
    span.end()


def _raiser(secret: str) -> Callable[[Any], None]:
    def call_back(_: Any) -> None:
        raise ValueError(f"the callback knows {secret}")

    return call_back


def found_in(data: bytes, secrets: Mapping[str, str]) -> list[str]:
    """The labels of the secrets that can be read in the data, as they are or as JSON has them."""
    forms = {label: {secret, secret.encode("unicode_escape").decode()} for label, secret in secrets.items()}
    return [label for label, spelled in forms.items() if any(one.encode() in data for one in spelled)]


@pytest.mark.parametrize(
    ("protocol", "content"), [("http/protobuf", "NO_CONTENT"), ("http/protobuf", "SPAN_ONLY"), ("grpc", "SPAN_ONLY")]
)
def test_no_planted_secret_is_in_what_left_the_process(
    protocol: Protocol,
    content: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert len(PLANTED) >= 30
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv(CONTENT_VARIABLE, content)
    file = tmp_path / "traces.jsonl"
    said: list[str] = []
    with collecting(protocol) as collector:
        telemetry = configure(
            exporters=["console", "file", "otlp"],
            env={
                "OTEL_EXPORTER_FILE_PATH": str(file),
                "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
                "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
                "OTEL_EXPORTER_OTLP_HEADERS": f"x-api-key={HEADER_SECRET}",
            },
            resource_attributes={"deployment.note": " ".join(PLANTED.values())},
            notify=said.append,
        )
        for secret in PLANTED.values():
            work_with(secret)
        assert telemetry.shutdown(20) is True
    sent, out = b"".join(collector.bodies), capsys.readouterr()
    left = {
        "collector": sent,
        "file": file.read_bytes(),
        "console": (out.out + out.err).encode(),
        "log": _logged(caplog),
        "said": "\n".join(said).encode(),
    }
    assert len(collector.received) > 20 * len(PLANTED)
    assert {channel: found_in(data, PLANTED) for channel, data in left.items()} == {channel: [] for channel in left}
    assert {channel for channel, data in left.items() if HEADER_SECRET.encode() in data} == set()
    assert all(headers["x-api-key"] == HEADER_SECRET for headers in collector.headers)
    assert (b"Log in with" in sent) is (content == "SPAN_ONLY")
    assert (b"cannot use" in sent) is (content == "SPAN_ONLY")


@pytest.mark.parametrize("content", ["NO_CONTENT", "SPAN_ONLY"])
def test_no_planted_secret_is_in_the_spool_or_in_what_is_said_of_a_receiver_that_is_away(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv(CONTENT_VARIABLE, content)
    said: list[str] = []
    with closed_port() as url:
        telemetry = configure(
            exporters=["otlp"],
            env={
                "NANOAGENT_SPOOL_DIR": str(tmp_path),
                "OTEL_EXPORTER_OTLP_ENDPOINT": f"{url.replace('//', '//me:pa55w0rd@')}/v1?key={HEADER_SECRET}",
                "OTEL_EXPORTER_OTLP_HEADERS": f"x-api-key={HEADER_SECRET}",
            },
            notify=said.append,
        )
        for secret in PLANTED.values():
            work_with(secret)
        assert telemetry.shutdown() is False
    [spool] = tmp_path.iterdir()
    planted = {**PLANTED, "header": HEADER_SECRET, "password": "pa55w0rd"}
    left = {"spool": spool.read_bytes(), "log": _logged(caplog), "said": "\n".join(said).encode()}
    # On a busy machine not all of them are on the disk by the deadline.
    assert telemetry.delivery()[0].spooled_spans > 5 * len(PLANTED)
    assert {channel: found_in(data, planted) for channel, data in left.items()} == {channel: [] for channel in left}


def _logged(caplog: pytest.LogCaptureFixture) -> bytes:
    """What our own loggers and OpenTelemetry's said: all that a handler would print, tracebacks too."""
    ours = ("nanoagent", "instrumentation", "benchmarks", "opentelemetry")
    formatter = logging.Formatter("%(name)s %(message)s")
    return "\n".join(formatter.format(one) for one in caplog.records if one.name.startswith(ours)).encode()


def test_an_applications_hook_sees_every_text_after_the_masks_and_one_that_fails_drops_the_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CONTENT_VARIABLE, "SPAN_ONLY")

    def hook(text: str) -> str:
        assert PLANTED["openai"] not in text
        if "Paris" in text:
            raise ValueError(text)
        return text.replace("Berlin", "[a city]")

    file = tmp_path / "traces.jsonl"
    telemetry = configure(exporters=["file"], env={"OTEL_EXPORTER_FILE_PATH": str(file)}, redactor=Redactor(hook=hook))
    replies: list[Reply] = [plan("Go to Berlin"), executed("Seen Paris"), reflected("Berlin it is")]
    orchestrator = Orchestrator(f"See Berlin with {PLANTED['openai']}", model=CannedModel(replies))
    result = asyncio.run(orchestrator.run())
    trace.get_tracer("others").start_span("from Berlin", attributes={"to": "Paris"}).end()
    assert telemetry.shutdown(5) is True
    written = file.read_text("utf-8")
    assert (result.output, "Berlin" in written, "Paris" in written) == ("Berlin it is", False, False)
    assert '"name":"from [a city]"' in written
    assert '{"key":"to","value":{"stringValue":"[redaction failed]"}}' in written
    assert telemetry.redactor.failed_texts >= 2


def test_without_a_redactor_of_its_own_a_second_set_up_has_the_masks_alone() -> None:
    configure(redactor=Redactor(hook=str.upper)).shutdown()
    configure()
    assert (redacted("quiet"), PLANTED["openai"] in redacted(PLANTED["openai"])) == ("quiet", False)
