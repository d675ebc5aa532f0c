"""The rows that the proof is made with are those of the real exporter, of spans like those of real runs."""

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from nanoagent.core.runs import runs_in
from nanoagent.tracing import names
from tests.builds import announcing
from tests.required import required
from tests.scale.collector import collector_program, sink
from tests.scale.door import opened
from tests.scale.real import real_spans
from tests.scale.rows import Event, Span, as_stored, as_string, record_of, row_of
from tests.scale.sending import posted, requests_of
from tests.scale.spans import MIDNIGHT_NS, whole
from tests.servers import HOST, free_ports

_STRAIGHT = """
receivers: {otlp: {protocols: {http: {endpoint: "${env:OTLP_ADDRESS}"}}}}
exporters:
  clickhouse:
    endpoint: "${env:CLICKHOUSE_URL}"
    database: otel
    async_insert: false
    sending_queue: {enabled: false}
extensions: {health_check: {endpoint: "127.0.0.1:${env:SINK_HEALTH_PORT}"}}
service:
  extensions: [health_check]
  pipelines: {traces: {receivers: [otlp], exporters: [clickhouse]}}
  telemetry: {metrics: {level: none}}
"""
"""The exporter without what comes before it: what was accepted is written."""
_VALUES = (
    *("", "12", 'o\'hara \\ "x"\n\t', "模型 🙂", "\u2028<&>", True, False),
    *(0, 12, -5, 2**63 - 1, -(2**63)),
    *(0.0, -0.0, 12.0, 0.1, 1e-05, 1e-06, 9.5e-07, 1e-07, 1e-12, 1e-100, 5e-324, 1e15, 1e16, 1e20, 1e21, 1.5e300),
    *(123456789.123456789, 9000.000000000001, float("nan"), float("inf"), float("-inf")),
    *((), ("a", 'b"\\'), (1, -2), (0.5, 1e-07, 1e21, 3.0), (True, False), ("é", "<&>")),
)
_TIMES = "toUnixTimestamp64Nano(Timestamp) AS Timestamp, arrayMap(at -> toUnixTimestamp64Nano(at), `Events.Timestamp`)"


@pytest.mark.slow
def test_rows_are_what_the_exporter_writes(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    program = required(lambda: collector_program(announcing(pytestconfig)))
    runs = whole(9)
    spans = [*_odd_spans(), *(span for _ in range(20) for span in next(runs))]
    (port,) = free_ports(1)
    config = tmp_path / "straight.yaml"
    config.write_text(_STRAIGHT)
    with opened(tmp_path / "clickhouse") as door:
        places: dict[str, Any] = {"clickhouse_url": door.url, "data": tmp_path, "brokers": "", "config": config}
        with sink(program, tmp_path / "log", **places, env={"OTLP_ADDRESS": f"{HOST}:{port}"}):
            answers = [posted(f"http://{HOST}:{port}", request)[0] for request in requests_of(spans)]
        assert set(answers) == {200}
        columns = ", ".join(f"`{column}`" for column in row_of(spans[0]) if "Timestamp" not in column)
        rows = f"SELECT {columns}, {_TIMES} AS `Events.Timestamp` FROM otel.otel_traces"  # noqa: S608 - our own
        told = door.query(f"{rows} FORMAT JSONEachRow SETTINGS output_format_json_quote_64bit_integers = 0")
    written = [json.loads(line) for line in told.splitlines()]
    assert _sorted(written) == _sorted(map(row_of, spans))


def _odd_spans() -> list[Span]:
    """Every kind of value, no parent, no attributes, an end before its start, events with and without attributes."""
    attributes = {f"key {n}": value for n, value in enumerate(_VALUES)}
    events = [Event("exception", attributes), Event("log", {})]
    return [
        Span("a" * 32, "a" * 16, None, MIDNIGHT_NS, MIDNIGHT_NS + 1, "first", attributes, True, events),
        Span("a" * 32, "b" * 16, "a" * 16, MIDNIGHT_NS - 1, MIDNIGHT_NS - 10**12, "backwards", {}),
    ]


def _sorted(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: (row["TraceId"], row["SpanId"]))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12, "12"),
        (12.0, "12"),
        (1e-05, "0.00001"),
        (1e-07, "1e-7"),
        (1e-12, "1e-12"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (-0.0, "-0"),
        (True, "true"),
        (("a", 'b"', 1.0), '["a","b\\"",1]'),
        (b"ab", "YWI="),
        ({"b": 1, "a": 0.5}, '{"a":0.5,"b":1}'),
    ],
)
def test_values_are_texts_as_go_has_them(value: Any, text: str) -> None:
    assert as_string(value) == text


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (12, 12),
        ("12", 12),
        (12.0, 12),
        (1.5, "1.5"),
        ("007", "007"),
        ("+7", "+7"),
        ("-0", "-0"),
        (True, "true"),
        ((1, 2), "[1,2]"),
        (2**63 - 1, 2**63 - 1),
        ("9223372036854775808", "9223372036854775808"),
    ],
)
def test_under_a_count_the_text_of_an_integer_is_one(value: Any, told: Any) -> None:
    span = Span("a" * 32, "a" * 16, None, 1, 2, "chat", {names.INPUT_TOKENS: value, "other": value})
    assert as_stored(span).attributes == {names.INPUT_TOKENS: told, "other": as_string(value)}


def test_generated_spans_are_like_those_of_real_runs() -> None:
    real = _kinds(real_spans())
    runs = whole(1)
    generated = _kinds(span for _ in range(200) for span in next(runs))
    assert {kind: keys - generated[kind] for kind, keys in real.items()} == {kind: set() for kind in real}


def test_generated_runs_tell_of_themselves_what_the_fold_finds() -> None:
    runs = whole(1)
    for _ in range(300):
        spans = [record_of(span) for span in next(runs)]
        ours = {span.run_id for span in spans}
        assert {run.metrics.complete for run in runs_in(spans) if run.metrics.run_id in ours} == {True}


def _kinds(spans: Iterable[Span]) -> dict[tuple[str, str], set[str]]:
    """By what a span is and what its parent is, the attributes that it may carry."""
    spans = list(spans)
    kinds = {span.span_id: _kind(span) for span in spans}
    found: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for span in spans:
        if names.RUN_ID in span.attributes:
            found[_kind(span), kinds.get(str(span.parent_span_id), "none")] |= set(span.attributes)
    return found


def _kind(span: Span) -> str:
    return str(span.attributes.get(names.AGENT_NAME) or span.attributes.get(names.OPERATION_NAME) or span.name)
