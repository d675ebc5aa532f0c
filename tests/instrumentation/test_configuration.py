import json
import math
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, AlwaysRecordSampler, ParentBased, Sampler, TraceIdRatioBased

import instrumentation
from instrumentation import PerformanceAggregator, Telemetry, configure
from instrumentation.configuration import _forget
from instrumentation.console import ConsoleTreeProcessor
from instrumentation.delivery import destinations
from instrumentation.delivery.account import DeliveryReport
from instrumentation.delivery.destination import Destination
from instrumentation.installed import install_tracer_provider
from instrumentation.otlp.exporters import Outlet
from instrumentation.sampling import RecordingSampler
from instrumentation.testing import CountingIds
from nanoagent.errors import ConfigurationError
from nanoagent.tracing import names
from tests.instrumentation.delivery.doubles import TAKEN, Scripted, dead_endpoint, hanging, receiving, spooled_in

ROOT = Path(__file__).parents[2]


pytestmark = pytest.mark.usefixtures("no_global_state")


class Recorded(SpanProcessor):
    def __init__(self) -> None:
        self.ended: list[ReadableSpan] = []
        self.shutdowns = 0

    def on_end(self, span: ReadableSpan) -> None:
        self.ended.append(span)

    def shutdown(self) -> None:
        self.shutdowns += 1


def make_spans(count: int = 1) -> None:
    tracer = trace.get_tracer("test")
    for number in range(count):
        tracer.start_span(f"s{number}", Context()).end()


def resource_of(**arguments: Any) -> Mapping[str, Any]:
    recorded = Recorded()
    configure(span_processors=[recorded], **arguments)
    make_spans()
    return recorded.ended[0].resource.attributes


def spans_in(path: Path) -> list[str]:
    found = []
    for line in path.read_text("utf-8").splitlines():
        for resource in json.loads(line)["resourceSpans"]:
            found += [span["name"] for scope in resource["scopeSpans"] for span in scope["spans"]]
    return found


def processors_of(provider: object) -> list[type]:
    return [type(processor) for processor in provider._active_span_processor._span_processors]  # type: ignore[attr-defined]


# -- what is set up -------------------------------------------------------------------------------------------------


def test_without_a_setting_runs_are_counted_and_nothing_is_exported(tmp_path: Path) -> None:
    telemetry = configure()
    assert processors_of(trace.get_tracer_provider()) == [PerformanceAggregator]
    make_spans()
    assert (telemetry.exporters, telemetry.enabled, telemetry.delivery()) == ((), True, ())
    assert telemetry.flush() is True
    assert telemetry.shutdown() is True
    assert list(tmp_path.iterdir()) == []


def test_the_aggregator_comes_first_then_console_exporters_and_the_callers_own() -> None:
    telemetry = configure(exporters=["file", "console"], span_processors=[Recorded()])
    assert processors_of(trace.get_tracer_provider()) == [
        PerformanceAggregator,
        ConsoleTreeProcessor,
        Destination,
        Recorded,
    ]
    assert telemetry.exporters == ("file", "console")


@pytest.mark.parametrize(
    ("sampler", "argument"), [("always_off", ""), ("traceidratio", "0"), ("parentbased_traceidratio", "0")]
)
def test_the_aggregator_sees_whole_what_the_sampler_does_not_export(
    sampler: str, argument: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", argument)
    recorded = Recorded()
    telemetry = configure(exporters=["file", "console"], span_processors=[recorded])
    tracer = trace.get_tracer(names.SCOPE_NAME)
    attributes = {names.RUN_ID: "r1", names.OPERATION_NAME: names.OP_WORKFLOW}
    with tracer.start_as_current_span(names.ROOT_SPAN, Context(), attributes=attributes):
        tracer.start_span("child", attributes={names.RUN_ID: "r1"}).end()
    assert [metrics.run_id for metrics in telemetry.aggregator.recent()] == ["r1"]
    assert [dict(span.attributes or {}) for span in recorded.ended] == [{names.RUN_ID: "r1"}, attributes]
    assert telemetry.shutdown() is True
    assert spans_in(tmp_path / "nanoagent-traces.jsonl") == []


def test_the_callers_id_generator_is_used() -> None:
    recorded = Recorded()
    configure(id_generator=CountingIds(), span_processors=[recorded])
    make_spans(2)
    contexts = [span.get_span_context() for span in recorded.ended]
    assert [(context.trace_id, context.span_id) for context in contexts if context] == [(1, 1), (2, 2)]


@pytest.mark.parametrize("value", ["true", " TRUE "])
def test_a_disabled_sdk_is_left_alone(value: str) -> None:
    before = trace.get_tracer_provider()
    telemetry = configure(env={"OTEL_SDK_DISABLED": value, "OTEL_EXPORTER": "jaeger"}, notify=pytest.fail)
    assert trace.get_tracer_provider() is before
    make_spans()
    assert (telemetry.enabled, telemetry.exporters, telemetry.delivery()) == (False, (), ())
    assert telemetry.aggregator.recent() == []
    assert telemetry.flush() is True
    assert telemetry.shutdown() is True


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"exporters": ["zipkin"]}, "exporters must name exporters out of"),
        ({"env": {"OTEL_EXPORTER": "none,file"}}, "OTEL_EXPORTER must be none alone"),
        ({"exporters": ["file"], "env": {"OTEL_EXPORTER_FILE_PATH": "."}}, "OTEL_EXPORTER_FILE_PATH must name"),
        (
            {"exporters": ["file", "otlp"], "env": {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}},
            "OTEL_EXPORTER_OTLP_PROTOCOL must be",
        ),
        (
            {"env": {"OTEL_BSP_MAX_QUEUE_SIZE": "0"}},
            "OTEL_BSP_MAX_QUEUE_SIZE must be an integer from 1, got '0'",
        ),
        (
            {"env": {"OTEL_BSP_MAX_QUEUE_SIZE": "10", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "11"}},
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE must be an integer from 1 to 10, got '11'",
        ),
        ({"env": {"OTEL_BSP_SCHEDULE_DELAY": "soon"}}, "OTEL_BSP_SCHEDULE_DELAY must be an integer from 1, got 'soon'"),
        (
            {"exporters": ["file"], "env": {"NANOAGENT_SPOOL_DIR": "~nosuchuser/x"}},
            "NANOAGENT_SPOOL_DIR must name a directory that can be written, got '~nosuchuser/x': Could not determine",
        ),
        (
            {"exporters": ["file"], "env": {"NANOAGENT_SPOOL_DIR": f"{__file__}/x"}},
            f"NANOAGENT_SPOOL_DIR must name a directory that can be written, got '{__file__}/x': {__file__} is no dir",
        ),
        (
            {"exporters": ["file"], "env": {"NANOAGENT_SPOOL_DIR": "a" * 300}},
            f"NANOAGENT_SPOOL_DIR must name a directory that can be written, got '{'a' * 300}': File name too long",
        ),
    ],
)
def test_an_unusable_setting_is_an_error_that_leaves_nothing_behind(arguments: Any, message: str) -> None:
    before = trace.get_tracer_provider()
    with pytest.raises(ConfigurationError) as caught:
        configure(**arguments)
    assert str(caught.value).startswith(message)
    assert trace.get_tracer_provider() is before
    configure()


def _own_threads() -> set[threading.Thread]:
    """Without those of other tests, which may start late."""
    return {thread for thread in threading.enumerate() if thread.name.startswith("nanoagent")}


@pytest.mark.parametrize("value", ["some", "-1"])
def test_a_limit_of_the_sdk_that_is_none_is_an_error_that_leaves_nothing_behind(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SPAN_LINK_COUNT_LIMIT", value)
    threads = _own_threads()
    with pytest.raises(ConfigurationError, match=f"^OTEL_SPAN_LINK_COUNT_LIMIT must be .* {value}$"):
        configure(exporters=["file"])
    assert _own_threads() <= threads


@pytest.mark.parametrize("value", ["+500", "5_00", " 500 "])
def test_a_number_of_the_standard_variables_is_written_as_the_sdk_takes_it(value: str) -> None:
    assert configure(exporters=["file"], env={"OTEL_BSP_MAX_QUEUE_SIZE": value}).exporters == ("file",)


def test_a_spool_that_is_named_is_where_it_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": dead_endpoint(), "NANOAGENT_SPOOL_DIR": "spool"}
    telemetry = configure(exporters=["otlp"], env=env, notify=lambda line: None)
    make_spans(1)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    telemetry.shutdown()
    assert spooled_in(tmp_path / "spool") == ["s0"]


@pytest.mark.parametrize("deadline_s", [math.inf, 1e300, 1e12])
def test_a_deadline_beyond_all_clocks_is_a_long_one(deadline_s: float) -> None:
    telemetry = configure(exporters=["file"], env={"NANOAGENT_EXPORT_DEADLINE": "1e300"})
    make_spans(1)
    assert telemetry.flush(deadline_s) is True
    assert telemetry.flush() is True
    assert telemetry.shutdown(deadline_s) is True


def test_what_was_built_before_an_error_is_shut_down(monkeypatch: pytest.MonkeyPatch) -> None:
    built = Scripted(TAKEN)

    def build(name: str, env: Mapping[str, str]) -> Outlet:
        if name == "otlp":
            raise ConfigurationError("otlp")
        return Outlet(name=name, build=lambda: built)

    monkeypatch.setattr(destinations, "outlet_of", build)
    with pytest.raises(ConfigurationError, match=r"^otlp$"):
        configure(exporters=["file", "otlp"])
    assert built.shutdowns == 1


@pytest.mark.parametrize(
    ("variable", "value", "warned"),
    [
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "63", True),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "64", False),
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", " 10 ", True),
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", "", False),
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", "+6_3", True),
    ],
)
def test_a_limit_that_takes_the_runs_id_off_spans_is_said(
    variable: str, value: str, warned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    lines: list[str] = []
    configure(notify=lines.append)
    assert [
        line.startswith(f"{variable} is {int(value or 0)}, and a span of a run has up to 64") for line in lines
    ] == ([True] if warned else [])


# -- a provider that is there already --------------------------------------------------------------------------------


def test_the_processors_join_a_provider_that_is_there() -> None:
    provider, recorded = TracerProvider(shutdown_on_exit=False), Recorded()
    provider.add_span_processor(recorded)
    trace.set_tracer_provider(provider)
    telemetry = configure(env={"OTEL_TRACES_EXPORTER": "otlp"}, notify=pytest.fail)
    assert trace.get_tracer_provider() is provider
    # Its owner has followed the standard variable already; a second exporter would double every span.
    assert processors_of(provider) == [Recorded, PerformanceAggregator]
    telemetry.shutdown()
    assert recorded.shutdowns == 0


@pytest.mark.parametrize(
    ("sampler", "warns"),
    [
        (None, False),
        (ALWAYS_ON, False),
        (AlwaysRecordSampler(ALWAYS_ON), False),
        (RecordingSampler(TraceIdRatioBased(0.1)), False),
        (AlwaysRecordSampler(TraceIdRatioBased(0.1)), True),
        (TraceIdRatioBased(0.1), True),
        (ParentBased(TraceIdRatioBased(0.1)), True),
    ],
)
def test_a_sampler_that_can_drop_spans_is_warned_of_once(sampler: Sampler | None, warns: bool) -> None:
    trace.set_tracer_provider(TracerProvider(sampler=sampler, shutdown_on_exit=False))
    lines: list[str] = []
    configure(notify=lines.append)
    configure(notify=lines.append)
    assert [("AlwaysRecordSampler" in line, "0.1" in line) for line in lines] == [(True, True)] * warns


def test_a_provider_is_replaced_only_when_asked() -> None:
    theirs, recorded = Recorded(), Recorded()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(theirs)
    trace.set_tracer_provider(provider)
    configure(replace=True, span_processors=[recorded])
    assert trace.get_tracer_provider() is not provider
    make_spans()
    assert (len(theirs.ended), len(recorded.ended)) == (0, 1)


def test_a_provider_that_takes_no_processors_is_an_error_with_a_way_out() -> None:
    trace.set_tracer_provider(trace.NoOpTracerProvider())
    with pytest.raises(ConfigurationError, match=r"got NoOpTracerProvider: .* or pass replace=True"):
        configure()
    assert configure(replace=True).enabled


# -- a second call ----------------------------------------------------------------------------------------------------


def test_a_second_equal_call_returns_the_handle_and_each_span_is_there_once(tmp_path: Path) -> None:
    arguments: dict[str, Any] = {"exporters": ["file"], "env": {}, "resource_attributes": {"a": 1}}
    telemetry = configure(**arguments)
    assert configure(**arguments) is telemetry
    make_spans(5)
    assert telemetry.flush() is True
    assert sorted(spans_in(tmp_path / "nanoagent-traces.jsonl")) == ["s0", "s1", "s2", "s3", "s4"]
    assert telemetry.delivery() == (DeliveryReport(destination="file", ended_spans=5, exported_spans=5),)


@pytest.mark.parametrize("other", [{"service_name": "x"}, {"exporters": ["file"]}, {"resource_attributes": {"a": 1}}])
def test_a_second_call_with_other_arguments_is_an_error(other: dict[str, Any]) -> None:
    configure()
    with pytest.raises(ConfigurationError, match="called before with other arguments"):
        configure(**other)


def test_after_a_shutdown_it_can_be_called_anew() -> None:
    first = configure()
    first.shutdown()
    recorded = Recorded()
    second = configure(service_name="second", exporters=["file"], span_processors=[recorded])
    assert second is not first
    make_spans()
    assert second.flush() is True
    assert second.delivery()[0].exported_spans == 1
    assert recorded.ended[0].resource.attributes["service.name"] == "second"


# -- the resource -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("env", "name"),
    [
        ({}, "mine"),
        ({"OTEL_SERVICE_NAME": ""}, "mine"),
        ({"OTEL_SERVICE_NAME": " "}, "mine"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name="}, "mine"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=unknown_service"}, "mine"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=theirs"}, "theirs"),
        ({"OTEL_SERVICE_NAME": "", "OTEL_RESOURCE_ATTRIBUTES": "service.name=theirs"}, "theirs"),
        ({"OTEL_SERVICE_NAME": "first", "OTEL_RESOURCE_ATTRIBUTES": "service.name=theirs"}, "first"),
    ],
)
@pytest.mark.parametrize("is_process_environment", [True, False])
def test_the_service_always_has_a_name(
    env: dict[str, str], name: str, is_process_environment: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_process_environment:
        for key, value in env.items():
            monkeypatch.setenv(key, value)
    assert resource_of(service_name="mine", env=None if is_process_environment else env)["service.name"] == name


def test_the_service_is_nanoagent_by_default() -> None:
    assert resource_of()["service.name"] == "nanoagent"


def test_the_resource_holds_host_sdk_and_what_environment_and_caller_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "a=1,b=two%20words,host.name=h")
    attributes = resource_of(resource_attributes={"a": 2})
    said = {key: attributes[key] for key in ("a", "b", "host.name", "telemetry.sdk.name")}
    assert said == {"a": 2, "b": "two words", "host.name": "h", "telemetry.sdk.name": "opentelemetry"}
    assert "service.instance.id" in attributes


def test_the_host_is_named() -> None:
    assert resource_of()["host.name"] == socket.gethostname()


# -- delivery ---------------------------------------------------------------------------------------------------------


def test_spans_arrive_and_acceptance_is_counted() -> None:
    with receiving() as receiver:
        env = {"OTEL_EXPORTER": "jaeger", "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}
        telemetry = configure(env=env, notify=pytest.fail)
        make_spans(130)
        assert telemetry.flush(deadline_s=5) is True
        assert telemetry.delivery() == (DeliveryReport(destination="jaeger", ended_spans=130, exported_spans=130),)
        assert telemetry.shutdown() is True
    assert sorted(receiver.spans) == sorted(f"s{number}" for number in range(130))
    assert len(receiver.paths) >= 3, "a batch holds at most 64 spans"
    assert set(receiver.services) == {"nanoagent"}


def test_spans_that_did_not_arrive_are_kept_and_said_at_the_end(tmp_path: Path) -> None:
    lines: list[str] = []
    with receiving(status=403) as receiver:
        telemetry = configure(
            exporters=["otlp"],
            env={"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "NANOAGENT_SPOOL_DIR": str(tmp_path / "spool")},
            notify=lines.append,
        )
        make_spans(3)
        assert telemetry.flush(deadline_s=5) is False
        assert telemetry.shutdown() is False
        assert telemetry.shutdown() is False
    [spool] = (tmp_path / "spool").iterdir()
    assert telemetry.delivery() == (
        DeliveryReport(
            destination="otlp", ended_spans=3, spooled_spans=3, last_reason="answered 403", spool=str(spool)
        ),
    )
    assert lines[-1] == (
        f"traces did not arrive: 3 of 3 spans for otlp at {receiver.endpoint} (answered 403); "
        f"3 are kept in {spool}: send them with nanoagent resend"
    )
    assert spooled_in(tmp_path / "spool") == ["s0", "s1", "s2"]


def test_where_nothing_listens_one_line_at_the_start_says_so_and_one_at_the_end() -> None:
    endpoint = dead_endpoint()
    lines: list[str] = []
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint.replace("//", "//me:secret@")}
    telemetry = configure(exporters=["jaeger"], env=env, notify=lines.append)
    assert lines == [
        f"nothing listens at {endpoint}: traces will not arrive. Start Jaeger with: docker compose up -d jaeger"
    ]
    make_spans(2)
    assert telemetry.shutdown() is False
    [line] = lines[1:]
    assert line.startswith(
        f"traces did not arrive: 2 of 2 spans for jaeger at {endpoint} (nothing listens); 2 are kept"
    )


def test_of_a_host_that_cannot_be_found_both_lines_say_so() -> None:
    host = "a" * 64  # too long for a name, so nobody is asked for it
    lines: list[str] = []
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{host}:4318"}
    telemetry = configure(exporters=["jaeger"], env=env, notify=lines.append)
    make_spans(1)
    assert telemetry.shutdown() is False
    assert lines[0].startswith(f"the host {host} of http://{host}:4318 cannot be found")
    assert lines[-1].startswith(
        f"traces did not arrive: 1 of 1 spans for jaeger at http://{host}:4318 (its host cannot be found); 1 are kept"
    )


def test_a_collector_that_never_answers_is_not_waited_for() -> None:
    with hanging() as endpoint:
        telemetry = configure(
            exporters=["jaeger"], env={"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}, notify=lambda line: None
        )
        make_spans()
        start_s = time.monotonic()
        assert telemetry.flush(deadline_s=0.05) is False
        assert telemetry.shutdown(deadline_s=0.05) is False
        assert time.monotonic() - start_s < 2
        assert telemetry.delivery()[0].exported_spans == 0


def test_a_notify_that_raises_does_no_harm(caplog: pytest.LogCaptureFixture) -> None:
    def broken(line: str) -> None:
        raise RuntimeError(line)

    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": dead_endpoint()}
    assert configure(exporters=["otlp"], env=env, notify=broken).enabled
    assert [record.name for record in caplog.records] == ["nanoagent"]


@pytest.mark.parametrize("exporters", [["otlp"], []])
def test_headers_that_cannot_be_read_are_in_no_log(exporters: list[str], caplog: pytest.LogCaptureFixture) -> None:
    env = {"OTEL_EXPORTER_OTLP_HEADERS": "authorization s3cr3t-value"}
    if exporters:
        with pytest.raises(ConfigurationError, match=r"^OTEL_EXPORTER_OTLP_HEADERS must be name=value"):
            configure(exporters=exporters, env=env)
    else:
        configure(exporters=exporters, env=env)
    assert caplog.messages == []


def test_a_notify_that_shuts_down_does_not_wait_for_itself() -> None:
    telemetries: list[Telemetry] = []
    outcomes: list[bool] = []

    def notify(line: str) -> None:
        outcomes.extend(telemetry.shutdown() for telemetry in telemetries)

    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": dead_endpoint()}
    telemetries.append(configure(exporters=["otlp"], env=env, notify=notify))
    make_spans(1)
    assert telemetries[0].shutdown() is False
    assert outcomes == [False]


def test_the_default_notify_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    configure(exporters=["otlp"], env={"OTEL_EXPORTER_OTLP_ENDPOINT": dead_endpoint()})
    assert [(record.name, record.levelname) for record in caplog.records] == [("nanoagent", "WARNING")]


class Failing(SpanProcessor):
    def shutdown(self) -> None:
        raise RuntimeError("shutdown")

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        raise RuntimeError("flush")


def test_a_processor_that_raises_keeps_nobody_from_being_shut_down() -> None:
    before, after = Recorded(), Recorded()
    telemetry = configure(span_processors=[before, Failing(), after])
    assert telemetry.flush() is False
    assert telemetry.shutdown() is False
    assert (before.shutdowns, after.shutdowns) == (1, 1)


# -- whole processes --------------------------------------------------------------------------------------------------

PROGRAM = """
from instrumentation import configure
from opentelemetry import trace
configure()
tracer = trace.get_tracer("test")
for number in range(2_000):
    tracer.start_span("s").end()
"""


def run_program(program: str = PROGRAM, **env: str) -> tuple[subprocess.CompletedProcess[str], float]:
    start_s = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done, time.monotonic() - start_s


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_a_process_exits_soon_with_a_closed_port(protocol: str) -> None:
    endpoint = dead_endpoint()
    done, took_s = run_program(
        OTEL_EXPORTER="jaeger", OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, OTEL_EXPORTER_OTLP_PROTOCOL=protocol
    )
    assert (done.returncode, done.stdout) == (0, "")
    first, last = done.stderr.splitlines()
    assert first == (
        f"nothing listens at {endpoint}: traces will not arrive. Start Jaeger with: docker compose up -d jaeger"
    )
    assert last.startswith(f"traces did not arrive: 2,000 of 2,000 spans for jaeger at {endpoint} (")
    assert "; 2,000 are kept in " in last
    assert took_s < 5


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_a_process_exits_soon_with_a_collector_that_never_answers(protocol: str) -> None:
    with hanging() as endpoint:
        done, took_s = run_program(
            OTEL_EXPORTER="jaeger", OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, OTEL_EXPORTER_OTLP_PROTOCOL=protocol
        )
    assert (done.returncode, done.stdout) == (0, "")
    [line] = done.stderr.splitlines()
    assert line.startswith(f"traces did not arrive: 2,000 of 2,000 spans for jaeger at {endpoint} (no answer in time)")
    assert took_s < 5


@pytest.mark.slow
def test_a_process_that_just_ends_has_delivered() -> None:
    with receiving() as receiver:
        done, _ = run_program(OTEL_EXPORTER="jaeger", OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(receiver.spans) == 2_000


@pytest.mark.slow
def test_each_processor_is_shut_down_once_at_the_exit() -> None:
    program = """
from instrumentation import configure
from opentelemetry.sdk.trace import SpanProcessor
class Printing(SpanProcessor):
    def shutdown(self):
        print("shut down", flush=True)
configure(span_processors=[Printing()])
"""
    done, _ = run_program(program)
    assert (done.returncode, done.stdout, done.stderr) == (0, "shut down\n", "")


@pytest.mark.slow
def test_the_exit_is_not_held_up_by_a_provider_of_the_application() -> None:
    program = PROGRAM.replace(
        "configure()",
        "from opentelemetry.sdk.trace import TracerProvider; trace.set_tracer_provider(TracerProvider()); configure()",
    )
    with hanging() as endpoint:
        done, took_s = run_program(program, OTEL_EXPORTER="jaeger", OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)
    assert done.returncode == 0
    assert took_s < 5


@pytest.mark.slow
def test_the_package_alone_imports_neither_the_sdk_nor_pydantic_ai() -> None:
    program = (
        "import sys, instrumentation; print([n for n in sys.modules if n.startswith(('opentelemetry', 'pydantic'))])"
    )
    done, _ = run_program(program)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_the_package_offers_these_names() -> None:
    assert instrumentation.__all__ == [
        "ConsoleTreeProcessor",
        "DeliveryReport",
        "Keep",
        "PerformanceAggregator",
        "Telemetry",
        "configure",
        "score",
    ]
    assert all(getattr(instrumentation, name) for name in instrumentation.__all__)
    assert isinstance(configure(), Telemetry)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        instrumentation.nothing  # noqa: B018


def test_forgetting_leaves_the_api_as_it_was() -> None:
    configure()
    _forget()
    assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
    install_tracer_provider(TracerProvider(shutdown_on_exit=False))
    assert isinstance(trace.get_tracer_provider(), TracerProvider)
