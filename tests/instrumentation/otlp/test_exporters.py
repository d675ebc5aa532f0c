import json
import os
import stat
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from instrumentation.otlp.exporters import outlet_of
from instrumentation.otlp.settings import OtlpSettings, credentials_in, otlp_settings
from nanoagent.errors import ConfigurationError
from tests.instrumentation.delivery.doubles import dead_endpoint, receiving, spans

OTLP = "OTEL_EXPORTER_OTLP_"


def settings(**changes: Any) -> OtlpSettings:
    standard: dict[str, Any] = {
        "signal": "traces",
        "protocol": "http/protobuf",
        "endpoint": "http://localhost:4318/v1/traces",
        "headers": {},
        "timeout_s": 10.0,
        "compression": "none",
    }
    return OtlpSettings(**(standard | changes))


@pytest.mark.parametrize(
    ("env", "changes"),
    [
        ({}, {}),
        (dict.fromkeys((f"{OTLP}ENDPOINT", f"{OTLP}PROTOCOL", f"{OTLP}HEADERS", f"{OTLP}TIMEOUT"), ""), {}),
        ({f"{OTLP}ENDPOINT": "http://far:1"}, {"endpoint": "http://far:1/v1/traces"}),
        ({f"{OTLP}ENDPOINT": "http://far:1/base/"}, {"endpoint": "http://far:1/base/v1/traces"}),
        ({f"{OTLP}ENDPOINT": "http://far:1/v1/traces"}, {"endpoint": "http://far:1/v1/traces/v1/traces"}),
        ({f"{OTLP}TRACES_ENDPOINT": "http://far:1"}, {"endpoint": "http://far:1"}),
        ({f"{OTLP}TRACES_ENDPOINT": "http://far:1/"}, {"endpoint": "http://far:1/"}),
        ({f"{OTLP}ENDPOINT": "http://a", f"{OTLP}TRACES_ENDPOINT": "http://b"}, {"endpoint": "http://b"}),
        ({f"{OTLP}ENDPOINT": "http://a", f"{OTLP}TRACES_ENDPOINT": ""}, {"endpoint": "http://a/v1/traces"}),
        ({f"{OTLP}PROTOCOL": "GRPC "}, {"protocol": "grpc", "endpoint": "http://localhost:4317"}),
        ({f"{OTLP}PROTOCOL": "grpc", f"{OTLP}ENDPOINT": "far:1"}, {"protocol": "grpc", "endpoint": "far:1"}),
        ({f"{OTLP}PROTOCOL": "grpc", f"{OTLP}TRACES_PROTOCOL": "http/protobuf"}, {}),
        ({f"{OTLP}HEADERS": "Authorization=Bearer%20x,b=2"}, {"headers": {"authorization": "Bearer x", "b": "2"}}),
        ({f"{OTLP}TIMEOUT": "3", f"{OTLP}TRACES_TIMEOUT": "0.5"}, {"timeout_s": 0.5}),
        ({f"{OTLP}COMPRESSION": "gzip"}, {"compression": "gzip"}),
        ({f"{OTLP}COMPRESSION": "gzip", f"{OTLP}TRACES_COMPRESSION": "deflate"}, {"compression": "deflate"}),
    ],
)
def test_the_standard_variables_decide(env: dict[str, str], changes: dict[str, Any]) -> None:
    assert otlp_settings(env) == settings(**changes)


@pytest.mark.parametrize(
    ("env", "changes"),
    [
        ({f"{OTLP}TRACES_ENDPOINT": "http://b", f"{OTLP}TRACES_TIMEOUT": "3"}, {}),
        ({f"{OTLP}ENDPOINT": "http://far:1/"}, {"endpoint": "http://far:1/v1/metrics"}),
        ({f"{OTLP}ENDPOINT": "http://a", f"{OTLP}METRICS_ENDPOINT": "http://b"}, {"endpoint": "http://b"}),
        ({f"{OTLP}TIMEOUT": "3", f"{OTLP}METRICS_TIMEOUT": "0.5"}, {"timeout_s": 0.5}),
        ({f"{OTLP}METRICS_PROTOCOL": "grpc"}, {"protocol": "grpc", "endpoint": "http://localhost:4317"}),
    ],
)
def test_metrics_have_variables_and_a_path_of_their_own(env: dict[str, str], changes: dict[str, Any]) -> None:
    standard = settings(signal="metrics", endpoint="http://localhost:4318/v1/metrics")
    assert otlp_settings(env, signal="metrics") == replace(standard, **changes)


def test_the_credentials_of_both_signals_are_known() -> None:
    env = {
        f"{OTLP}HEADERS": "x-key=for-everything",
        f"{OTLP}METRICS_HEADERS": "authorization=Bearer%20for-metrics",
        f"{OTLP}METRICS_ENDPOINT": "http://me:my-password@far:1?key=in-the-query",
    }
    assert credentials_in(env) == [
        "for-everything",
        "Bearer for-metrics",
        "for-metrics",
        "my-password",
        "in-the-query",
    ]


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({f"{OTLP}PROTOCOL": "http/json"}, "_OTLP_PROTOCOL must be http/protobuf or grpc, got 'http/json'"),
        ({f"{OTLP}TRACES_PROTOCOL": "x"}, "_OTLP_TRACES_PROTOCOL must be http/protobuf or grpc, got 'x'"),
        ({f"{OTLP}ENDPOINT": " "}, "_ENDPOINT must be a URL without blanks and quotes, got ' '"),
        (
            {f"{OTLP}ENDPOINT": "http://far", f"{OTLP}TRACES_ENDPOINT": " "},
            "_TRACES_ENDPOINT must be a URL without blanks and quotes, got ' '",
        ),
        (
            {f"{OTLP}ENDPOINT": " ", f"{OTLP}PROTOCOL": "grpc"},
            "_ENDPOINT must be a URL without blanks and quotes, got ' '",
        ),
        (
            {f"{OTLP}ENDPOINT": "'http://far'"},
            "_ENDPOINT must be a URL without blanks and quotes, got \"'http://far'\"",
        ),
        (
            {f"{OTLP}ENDPOINT": '"http://me:secret@far:1?key=secret"'},
            "_ENDPOINT must be a URL without blanks and quotes, got '\"http://***@far:1'",
        ),
        (
            {f"{OTLP}ENDPOINT": "http://me:secret@far:4317", f"{OTLP}PROTOCOL": "grpc"},
            "_ENDPOINT must have no user and password with grpc, got 'http://***@far:4317'; "
            "give credentials in OTEL_EXPORTER_OTLP_HEADERS",
        ),
        ({f"{OTLP}ENDPOINT": "far:1"}, "_ENDPOINT must be a URL such as http://localhost:4318/v1/traces, got 'far:1'"),
        ({f"{OTLP}ENDPOINT": "me:secret@far:1"}, "got '***@far:1'"),
        ({f"{OTLP}ENDPOINT": "http:/me:secret@far:1"}, "got '***@far:1'"),
        ({f"{OTLP}ENDPOINT": "http://"}, "got 'http://'"),
        ({f"{OTLP}ENDPOINT": "http://far:99999"}, "got 'http://far:99999'"),
        ({f"{OTLP}ENDPOINT": "http://me:sec/ret@far"}, "got 'http://***@far'"),
        ({f"{OTLP}TIMEOUT": "soon"}, "_TIMEOUT must be a number of seconds > 0, got 'soon'"),
        ({f"{OTLP}TIMEOUT": "0"}, "_TIMEOUT must be a number of seconds > 0, got '0'"),
        ({f"{OTLP}TIMEOUT": "inf"}, "_TIMEOUT must be a number of seconds > 0, got 'inf'"),
        ({f"{OTLP}COMPRESSION": "zip"}, "_COMPRESSION must be none, gzip or (without grpc) deflate, got 'zip'"),
        ({f"{OTLP}COMPRESSION": "deflate", f"{OTLP}PROTOCOL": "grpc"}, "got 'deflate'"),
    ],
)
def test_an_unusable_value_is_an_error_that_names_the_variable(env: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        otlp_settings(env)
    assert str(caught.value).endswith(message)
    assert "secret" not in str(caught.value)


def test_headers_are_not_shown() -> None:
    assert "Bearer" not in repr(otlp_settings({f"{OTLP}HEADERS": "authorization=Bearer x"}))


@pytest.mark.parametrize(
    ("headers", "count"), [("x-key", 1), ("x-key=sk-secr\u00e9t", 1), ("a=1,sk-one,b=2,sk-two", 2)]
)
def test_of_headers_that_cannot_be_read_nothing_is_said_but_how_many(
    headers: str, count: int, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        otlp_settings({f"{OTLP}HEADERS": headers})
    assert str(caught.value) == (
        f"{OTLP}HEADERS must be name=value, further ones after commas, and what is not ASCII URL-encoded; "
        f"{count} of its headers cannot be read"
    )
    assert caplog.records == []


@pytest.mark.parametrize(
    ("protocol", "headers", "message"),
    [
        (
            "http/protobuf",
            "x-key=secret%0d%0aevil:1",
            "Latin-1 without control characters, once URL-decoded; that of 'x-key'",
        ),
        (
            "http/protobuf",
            "a=1,x-key=secret%00",
            "Latin-1 without control characters, once URL-decoded; that of 'x-key'",
        ),
        (
            "http/protobuf",
            "x-key=secret%E2%82%AC",
            "Latin-1 without control characters, once URL-decoded; that of 'x-key'",
        ),
        ("http/protobuf", "x%20key=secret", "names of letters, digits and !#$%&'*+-.^_`|~, got 'x key'"),
        ("http/protobuf", "%0a=secret", "names of letters, digits and !#$%&'*+-.^_`|~, got ''"),
        ("grpc", "x-key=secret%C3%A9", "values of printable ASCII, once URL-decoded; that of 'x-key'"),
        ("grpc", "x-key=secret%09tab", "values of printable ASCII, once URL-decoded; that of 'x-key'"),
        ("grpc", "x!key=secret", "names of letters, digits and _.-, and not end with -bin, got 'x!key'"),
        ("grpc", "x-key-bin=secret", "names of letters, digits and _.-, and not end with -bin, got 'x-key-bin'"),
    ],
)
def test_a_header_that_cannot_be_sent_is_an_error_that_shows_no_value(
    protocol: str, headers: str, message: str
) -> None:
    for variable in (f"{OTLP}HEADERS", f"{OTLP}TRACES_HEADERS"):
        with pytest.raises(ConfigurationError) as caught:
            otlp_settings({variable: headers, f"{OTLP}PROTOCOL": protocol})
        assert str(caught.value).startswith(f"{variable} must have ")
        assert message in str(caught.value)
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("protocol", "headers", "sent"),
    [
        ("http/protobuf", "X-Key=caf%C3%A9%09~", {"x-key": "caf\u00e9\t~"}),
        ("http/protobuf", "x!key-bin=,b=", {"x!key-bin": "", "b": ""}),
        ("grpc", "X-Key=Basic%20dXNlcg==,a.b_c=1", {"x-key": "Basic dXNlcg==", "a.b_c": "1"}),
    ],
)
def test_headers_that_can_be_sent_are(protocol: str, headers: str, sent: dict[str, str]) -> None:
    assert otlp_settings({f"{OTLP}HEADERS": headers, f"{OTLP}PROTOCOL": protocol}).headers == sent


def test_spans_arrive_over_http_compressed_for_jaeger() -> None:
    with receiving() as receiver:
        env = {f"{OTLP}ENDPOINT": receiver.endpoint, f"{OTLP}HEADERS": "x-key=1"}
        outlet = outlet_of("jaeger", env)
        exporter = outlet.build()
        assert exporter.export(spans(2)) is SpanExportResult.SUCCESS
        exporter.shutdown()
    assert (outlet.name, outlet.endpoint) == ("jaeger", f"{receiver.endpoint}/v1/traces")
    assert (receiver.spans, receiver.paths, receiver.encodings) == (["s0", "s1"], ["/v1/traces"], ["gzip"])
    assert receiver.headers[0]["x-key"] == "1"


def test_otlp_does_as_the_standard_says() -> None:
    with receiving() as receiver:
        exporter = outlet_of("otlp", {f"{OTLP}TRACES_ENDPOINT": f"{receiver.endpoint}/mine"}).build()
        assert exporter.export(spans(1)) is SpanExportResult.SUCCESS
        exporter.shutdown()
    assert (receiver.spans, receiver.paths, receiver.encodings) == (["s0"], ["/mine"], [None])


def test_an_answer_of_500_is_a_failure() -> None:
    with receiving(status=500) as receiver:
        exporter = outlet_of("otlp", {f"{OTLP}ENDPOINT": receiver.endpoint}).build()
        assert exporter.export(spans(1)) is SpanExportResult.FAILURE
        exporter.shutdown()


@pytest.mark.parametrize("compression", ["", "none", "gzip"])
def test_grpc_is_built_and_a_closed_port_is_a_failure(compression: str) -> None:
    endpoint = dead_endpoint()
    env = {f"{OTLP}PROTOCOL": "grpc", f"{OTLP}ENDPOINT": endpoint, f"{OTLP}COMPRESSION": compression}
    outlet = outlet_of("otlp", env | {f"{OTLP}TIMEOUT": "0.2"})
    exporter = outlet.build()
    assert outlet.endpoint == endpoint
    assert exporter.export(spans(1)) is SpanExportResult.FAILURE
    exporter.shutdown()


def test_what_an_exporter_itself_refuses_is_a_configuration_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{OTLP}TRACES_TIMEOUT", "")
    with pytest.raises(ConfigurationError, match=r"^the exporter otlp cannot be set up: ValueError: could not convert"):
        outlet_of("otlp", {f"{OTLP}PROTOCOL": "grpc"}).build()


def file_exporter(path: Path) -> SpanExporter:
    return outlet_of("file", {"OTEL_EXPORTER_FILE_PATH": str(path)}).build()


def names_in(line: str) -> list[str]:
    [resource] = json.loads(line)["resourceSpans"]
    return [span["name"] for scope in resource["scopeSpans"] for span in scope["spans"]]


def test_the_file_is_private_and_holds_a_line_a_batch(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    exporter = file_exporter(path)
    for count in (2, 1):
        assert exporter.export(spans(count)) is SpanExportResult.SUCCESS
    exporter.shutdown()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [names_in(line) for line in path.read_text("utf-8").splitlines()] == [["s0", "s1"], ["s0"]]


def test_each_line_is_one_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "traces.jsonl"
    writes: list[bytes] = []
    write = os.write

    def counted(descriptor: int, data: bytes) -> int:
        # What other threads of this process write elsewhere is none of this test's.
        if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
            writes.append(data)
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", counted)
    exporter = file_exporter(path)
    exporter.export(spans(500))
    exporter.shutdown()
    assert writes == [path.read_bytes()]
    assert len(writes[0]) > 100_000


def test_exporters_that_share_a_file_do_not_mix_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    exporters = [file_exporter(path) for _ in range(4)]
    batch = spans(100)
    threads = [threading.Thread(target=lambda e=e: [e.export(batch) for _ in range(10)]) for e in exporters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for exporter in exporters:
        exporter.shutdown()
    assert [len(names_in(line)) for line in path.read_text("utf-8").splitlines()] == [100] * 40


@pytest.mark.parametrize(("before", "lines"), [("{}\n", ["{}"]), ('{"torn', ['{"torn']), ("", [])])
def test_an_existing_file_is_appended_to_on_a_line_of_its_own(tmp_path: Path, before: str, lines: list[str]) -> None:
    path = tmp_path / "traces.jsonl"
    path.write_text(before, "utf-8")
    exporter = file_exporter(path)
    exporter.export(spans(1))
    exporter.shutdown()
    *kept, added = path.read_text("utf-8").splitlines()
    assert (kept, names_in(added)) == (lines, ["s0"])


def test_a_full_disk_is_a_failure_and_does_not_spoil_the_next_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "traces.jsonl"
    exporter = file_exporter(path)
    write = os.write

    def full(descriptor: int, data: bytes) -> int:
        if len(data) < 20:
            raise OSError(28, "No space left on device")
        return write(descriptor, data[:-10])

    monkeypatch.setattr(os, "write", full)
    assert exporter.export(spans(1)) is SpanExportResult.FAILURE
    monkeypatch.undo()
    assert exporter.export(spans(1)) is SpanExportResult.SUCCESS
    exporter.shutdown()
    assert names_in(path.read_text("utf-8").splitlines()[-1]) == ["s0"]


def test_the_file_has_a_default_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for env in ({}, {"OTEL_EXPORTER_FILE_PATH": ""}):
        outlet_of("file", env).build().shutdown()
    assert [path.name for path in tmp_path.iterdir()] == ["nanoagent-traces.jsonl"]


@pytest.mark.parametrize("path", [".", "missing/traces.jsonl", "nul\0"])
def test_a_file_that_cannot_be_opened_is_an_error_at_once(path: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^OTEL_EXPORTER_FILE_PATH must name a file that can be written, got"):
        outlet_of("file", {"OTEL_EXPORTER_FILE_PATH": path}).build()
