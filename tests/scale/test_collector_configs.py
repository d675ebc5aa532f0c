"""The two configurations of the chain, without the chain: what a Collector says of them, and what they have to say."""

import re
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.builds import announcing
from tests.required import required
from tests.scale.collector import (
    FRONT,
    SINK,
    Collector,
    collector_program,
    front,
    module_directory,
    recipe,
    sink,
    validated,
)
from tests.scale.door import PASSWORD, USER, Door, opened
from tests.scale.engine import TABLE_SQL, store
from tests.scale.rows import Span
from tests.scale.sending import posted, requests_of
from tests.scale.spans import MIDNIGHT_NS, whole
from tests.servers import HOST, free_ports, listening, wait_until

SETTING = re.compile(r"\$\{env:(\w+):-([^}]*)\}")
NOBODY = f"{HOST}:1"
QUICK = {"exporters.kafka.timeout": "200ms"}
READ = {path: yaml.safe_load(path.read_text()) for path in (FRONT, SINK)}

GUARDS: dict[Path, dict[str, Any]] = {
    FRONT: {
        "exporters.kafka.producer.required_acks": -1,
        "exporters.kafka.producer.allow_auto_topic_creation": False,
        "exporters.kafka.retry_on_failure.enabled": False,
        "exporters.kafka.sending_queue.wait_for_result": True,
        "exporters.kafka.sending_queue.batch.max_size": 21_000_000,
        "exporters.kafka.producer.max_message_bytes": 22_000_000,
        "exporters.kafka.sending_queue.block_on_overflow": None,
        "exporters.kafka.sending_queue.storage": None,
        "exporters.kafka.partition_traces_by_id": None,
        "receivers.otlp.protocols.grpc.max_recv_msg_size_mib": 20,
        "service.pipelines.traces.processors": ["memory_limiter"],
        "service.pipelines.traces.exporters": ["kafka"],
    },
    SINK: {
        "receivers.kafka.initial_offset": "earliest",
        "receivers.kafka.message_marking.after": True,
        "receivers.kafka.message_marking.on_error": None,
        "receivers.kafka.message_marking.on_permanent_error": True,
        "receivers.kafka.error_backoff.enabled": True,
        "receivers.kafka.error_backoff.max_elapsed_time": "0s",
        "exporters.clickhouse.async_insert": False,
        "exporters.clickhouse.retry_on_failure.enabled": True,
        "exporters.clickhouse.retry_on_failure.max_elapsed_time": "0s",
        "exporters.clickhouse.sending_queue.storage": "file_storage",
        "exporters.clickhouse.sending_queue.sizer": "bytes",
        "exporters.clickhouse.sending_queue.block_on_overflow": True,
        "exporters.clickhouse.sending_queue.batch.min_size": 4_000_000,
        "exporters.clickhouse.sending_queue.batch.sizer": None,
        "exporters.clickhouse.table_engine": None,
        "exporters.clickhouse.json": None,
        "extensions.file_storage.fsync": True,
        "service.extensions": ["file_storage", "health_check"],
        "service.pipelines.traces.processors": ["memory_limiter"],
        "service.pipelines.traces.exporters": ["clickhouse"],
    },
}
"""What each of the two says against a trap, and, as `None`, what it must not say: the comments there tell why."""


@pytest.fixture(scope="module")
def program(request: pytest.FixtureRequest) -> Path:
    return required(lambda: collector_program(announcing(request.config)))


@pytest.fixture
def alone(program: Path, tmp_path: Path) -> Iterator[Collector]:
    """A front that finds no Kafka."""
    with front(program, tmp_path / "front.log", brokers=NOBODY, changes=QUICK) as collector:
        yield collector


@pytest.fixture(scope="module")
def request_of_a_run() -> bytes:
    [request] = requests_of(next(whole(1)))
    return request


@contextmanager
def fed(program: Path, directory: Path, door: Door) -> Iterator[tuple[Collector, str]]:
    """A sink that takes spans by OTLP, and where."""
    where = f"{HOST}:{free_ports(1)[0]}"
    changes = {"receivers.otlp.protocols.http.endpoint": where, "service.pipelines.traces.receivers": ["otlp"]}
    places: dict[str, Any] = {"brokers": NOBODY, "clickhouse_url": door.url, "data": directory / "queue"}
    env = {"SINK_KEEP_FOR": "0s"}
    with sink(program, directory / "sink.log", **places, env=env, changes=changes) as collector:
        yield collector, f"http://{where}"


def said(config: Path, path: str) -> Any:
    found: Any = READ[config]
    for key in path.split("."):
        found = (found or {}).get(key)
    return found


@pytest.mark.parametrize("config", [FRONT, SINK], ids=["front", "sink"])
def test_the_collector_takes_it_as_it_is(program: Path, config: Path) -> None:
    assert validated(program, config) == ""


@pytest.mark.parametrize(
    ("config", "right", "wrong"),
    [(FRONT, "wait_for_result", "wait_for_results"), (SINK, "block_on_overflow", "block_on_overflows")],
)
def test_a_key_that_it_does_not_know_is_named(
    program: Path, tmp_path: Path, config: Path, right: str, wrong: str
) -> None:
    mistaken = tmp_path / "mistaken.yaml"
    mistaken.write_text(config.read_text().replace(right, wrong))
    assert wrong in validated(program, mistaken)


@pytest.mark.parametrize(("config", "path"), [(config, path) for config, guards in GUARDS.items() for path in guards])
def test_what_guards_against_a_trap_is_there(config: Path, path: str) -> None:
    assert said(config, path) == GUARDS[config][path]


def test_whatever_a_place_may_want_otherwise_is_a_setting_with_a_default() -> None:
    assert {config: dict(SETTING.findall(config.read_text())) for config in READ} == {
        FRONT: {
            "FRONT_HEALTH_PORT": "13133",
            "FRONT_LISTEN_HOST": "127.0.0.1",
            "FRONT_MEMORY_MIB": "512",
            "FRONT_METRICS_HOST": "127.0.0.1",
            "FRONT_METRICS_PORT": "8888",
            "FRONT_OTLP_GRPC_PORT": "4317",
            "FRONT_OTLP_HTTP_PORT": "4318",
            "KAFKA_BROKERS": "127.0.0.1:9092",
            "KAFKA_TOPIC": "otlp_spans",
        },
        SINK: {
            "CLICKHOUSE_DATABASE": "otel",
            "CLICKHOUSE_PASSWORD": "",
            "CLICKHOUSE_URL": "http://127.0.0.1:8123",
            "CLICKHOUSE_USER": "default",
            "KAFKA_BROKERS": "127.0.0.1:9092",
            "KAFKA_TOPIC": "otlp_spans",
            "SINK_CREATE_SCHEMA": "true",
            "SINK_DATA_DIR": "/var/lib/nanoagent-sink",
            "SINK_GROUP": "nanoagent-sink",
            "SINK_HEALTH_PORT": "13134",
            "SINK_ID": "",
            "SINK_KEEP_FOR": "2160h",
            "SINK_LISTEN_HOST": "127.0.0.1",
            "SINK_MEMORY_MIB": "512",
            "SINK_METRICS_HOST": "127.0.0.1",
            "SINK_METRICS_PORT": "8890",
            "SINK_QUEUE_BYTES": "50000000",
        },
    }


def test_front_and_sink_run_on_one_machine_as_they_are() -> None:
    ports = [value for config in READ for name, value in SETTING.findall(config.read_text()) if name.endswith("_PORT")]
    assert len(set(ports)) == len(ports)


def test_a_queue_that_could_not_hold_a_batch_is_refused(program: Path) -> None:
    said = validated(program, SINK, env={"SINK_QUEUE_BYTES": "1000000"})
    assert "`min_size` must be less than or equal to `queue_size`" in said


def test_all_parts_are_of_one_release_and_none_is_left_over() -> None:
    parts = {kind: [part["gomod"].split() for part in listed] for kind, listed in recipe().items() if kind != "dist"}
    versions = {version for kind, listed in parts.items() if kind != "providers" for _, version in listed}
    assert versions == {f"v{recipe()['dist']['version']}"}
    used = {
        kind: sorted({name.split("/")[0] for config in READ for name in READ[config].get(kind, {})})
        for kind in ("receivers", "processors", "exporters", "extensions")
    }
    built = {
        kind: sorted(path.rsplit("/", 1)[1].removesuffix(kind.removesuffix("s")) for path, _ in parts[kind])
        for kind in used
    }
    assert {kind: [name.replace("_", "") for name in names] for kind, names in used.items()} == built


def test_both_listen_on_loopback_alone_and_on_named_ports(alone: Collector, program: Path, tmp_path: Path) -> None:
    places: dict[str, Any] = {"brokers": NOBODY, "clickhouse_url": f"http://{NOBODY}", "data": tmp_path / "queue"}
    with sink(program, tmp_path / "sink.log", **places, env={"SINK_CREATE_SCHEMA": "false"}) as lonely:
        for collector in (alone, lonely):
            addresses = listening(collector.process.popen.pid)
            assert [(str(host), port) for host, port in addresses if not host.is_loopback] == []
            assert {port for _, port in addresses} == set(collector.process.ports.values())


def test_a_front_without_kafka_starts_and_says_to_come_again(alone: Collector, request_of_a_run: bytes) -> None:
    status, answer = posted(alone.otlp_http_endpoint, request_of_a_run)
    assert (status, "error exporting to topic" in answer) == (503, True)
    assert alone.counted("otelcol_receiver_refused_spans") > 0
    assert alone.counted("otelcol_receiver_accepted_spans") == 0


def test_a_front_that_does_not_wait_says_yes_to_what_it_cannot_deliver(
    program: Path, tmp_path: Path, request_of_a_run: bytes
) -> None:
    changes = QUICK | {"exporters.kafka.sending_queue.wait_for_result": False}
    with front(program, tmp_path / "front.log", brokers=NOBODY, changes=changes) as collector:
        assert posted(collector.otlp_http_endpoint, request_of_a_run)[0] == 200
        failed = "otelcol_exporter_send_failed_spans"
        wait_until(lambda: collector.counted(failed) > 0, "spans are lost", deadline_s=30)


def test_what_waits_for_kafka_is_bounded(program: Path, tmp_path: Path, request_of_a_run: bytes) -> None:
    changes = {"exporters.kafka.timeout": "20s", "exporters.kafka.sending_queue.queue_size": 1_000_000}
    statuses: list[int] = []
    with front(program, tmp_path / "front.log", brokers=NOBODY, changes=changes) as collector:
        request = request_of_a_run * (600_000 // len(request_of_a_run))

        def post() -> None:
            with suppress(OSError, HTTPException):  # what waits has no answer in the end
                statuses.append(posted(collector.otlp_http_endpoint, request)[0])

        senders = [threading.Thread(target=post) for _ in range(12)]
        for sender in senders:
            sender.start()
        wait_until(lambda: statuses != [], "one is refused before Kafka is waited for", deadline_s=15)
        assert collector.counted("otelcol_exporter_queue_size") <= 1_000_000
        collector.process.kill()
        for sender in senders:
            sender.join()
    assert set(statuses) == {503}


def test_a_front_that_has_no_memory_left_says_to_come_again(
    program: Path, tmp_path: Path, request_of_a_run: bytes
) -> None:
    env = {"FRONT_MEMORY_MIB": "1"}
    with front(program, tmp_path / "front.log", brokers=NOBODY, env=env, changes=QUICK) as collector:
        answers: list[tuple[int, str]] = []

        def is_refused() -> bool:  # as soon as the memory has been looked at
            answers.append(posted(collector.otlp_http_endpoint, request_of_a_run))
            return "memory usage" in answers[-1][1]

        wait_until(is_refused, "it has no memory left", deadline_s=30)
        assert {status for status, _ in answers} == {503}
        assert collector.counted("otelcol_receiver_accepted_spans") == 0


def test_a_sink_makes_the_tables_with_the_user_and_for_as_long_as_it_is_told(program: Path, tmp_path: Path) -> None:
    env = {"CLICKHOUSE_DATABASE": "traces", "CLICKHOUSE_USER": "writer", "SINK_KEEP_FOR": "48h"}

    def sink_with(url: str, password: str) -> AbstractContextManager[Collector]:
        log, data = tmp_path / "sink.log", tmp_path / "queue"
        known = {**env, "CLICKHOUSE_PASSWORD": password}
        return sink(program, log, brokers=NOBODY, clickhouse_url=url, data=data, env=known)

    with opened(tmp_path / "clickhouse", env={USER: "writer", PASSWORD: "secret p@ss/word"}) as door:
        with sink_with(door.url, "secret p@ss/word"):
            pass
        with pytest.raises(RuntimeError, match=r"(?s)sink did not start .*AUTHENTICATION_FAILED"):
            sink_with(door.url, "another p@ss").__enter__()
    assert "p@ss" not in (tmp_path / "sink.log").read_text()
    with opened(tmp_path / "clickhouse") as door:
        told = "SELECT name, extract(create_table_query, 'TTL (.*) SETTINGS') FROM system.tables"
        assert door.query(f"{told} WHERE database = 'traces' ORDER BY name").splitlines() == [
            "otel_traces\ttoDateTime(Timestamp) + toIntervalDay(2)",
            "otel_traces_trace_id_ts\ttoDateTime(Start) + toIntervalDay(2)",
            "otel_traces_trace_id_ts_mv\t",
        ]


def test_spans_of_any_days_are_written_in_one_insert(program: Path, tmp_path: Path) -> None:
    days = (MIDNIGHT_NS - number * 86_400 * 10**9 for number in range(150))
    spans = [Span("a" * 32, f"{at:016x}", None, at, at, "chat m", {}) for at in (0, 2**63, 2**64 - 1, *days)]
    with opened(tmp_path / "clickhouse") as door, fed(program, tmp_path, door) as (sink, endpoint):
        assert [posted(endpoint, request)[0] for request in requests_of(spans)] == [200]
        wait_until(lambda: sink.counted("otelcol_exporter_sent_spans") == 153, "all are written", deadline_s=60)
        assert door.query("SELECT uniqExact(SpanId) FROM otel.otel_traces") == "153\n"


def test_the_statements_that_make_the_tables_are_those_of_the_exporter() -> None:
    templates = required(lambda: module_directory("clickhouseexporter")) / "internal" / "sqltemplates"
    names = ("traces_table", "traces_id_ts_lookup_table", "traces_id_ts_lookup_mv")
    theirs = [_rendered((templates / f"{name}.sql").read_text()) for name in names]
    text = re.sub(r"--.*", "", TABLE_SQL.read_text())
    assert [_plain(statement) for statement in text.split(";") if statement.strip()] == theirs


def _rendered(template: str) -> str:
    """A template of the exporter's, filled in as for its defaults in a database that is named elsewhere."""
    text = template.replace('"%s"."%s', '"%s').replace("%q.%q", "%q")
    text = text.replace('"%s_trace_id_ts', '"otel_traces_trace_id_ts').replace('"%s"', '"otel_traces"')
    text = text.replace("%q", '"otel_traces"').replace("ENGINE = %s", "ENGINE = MergeTree()")
    return _plain(text.replace("%s", ""))


def _plain(statement: str) -> str:
    return " ".join(re.sub(r'["`]', "", statement).split())


@pytest.mark.parametrize(("table_engine", "left"), [("MergeTree()", 3), ("ReplacingMergeTree()", 1)])
def test_another_engine_over_the_exporters_key_deletes_different_spans(table_engine: str, left: int) -> None:
    table = TABLE_SQL.read_text().split(";")[0].replace("MergeTree()", table_engine)
    spans = [Span("a" * 32, f"{n:016x}", None, MIDNIGHT_NS + n, MIDNIGHT_NS + 9, "chat m", {}) for n in (1, 2, 3)]
    with store(view=f"DROP VIEW otel_traces_trace_id_ts_mv; DROP TABLE otel_traces; {table}") as made:
        made.load(spans)
        made.run("OPTIMIZE TABLE otel_traces FINAL")
        assert made.rows("SELECT count() AS count FROM otel_traces") == [{"count": left}]
