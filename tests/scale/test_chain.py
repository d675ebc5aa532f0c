"""The whole chain, all its parts real: what is killed, what is down, what comes through all the same."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from instrumentation.testing import Protocol
from tests.builds import announcing
from tests.commands import run_imported
from tests.delivered import said_by
from tests.processes import Job, nursery
from tests.required import required
from tests.scale.chain import Chain, Programs, carried, load_of, programs, running, told
from tests.scale.collector import front
from tests.scale.door import opened
from tests.scale.engine import VIEW_SQL
from tests.scale.kafka import TOPIC, broker
from tests.scale.rows import Span
from tests.scale.sending import Sending, posted, requests_of
from tests.scale.spans import MIDNIGHT_NS, whole
from tests.servers import HOST, free_ports, wait_until

pytestmark = pytest.mark.slow

LONG_S = 60.0
GROUP = "nanoagent-sink"
RUN = """
import asyncio, sys
from instrumentation import configure
from nanoagent import Orchestrator
from tests.delivered import replies, say
from tests.models import CannedModel
from tests.runs import add

telemetry = configure()
orchestrator = Orchestrator("Add.", model=CannedModel(replies()), run_id=sys.argv[1])
orchestrator.registry.register("add", add)
result = asyncio.run(orchestrator.run())
say(metrics=result.metrics.to_dict(), flushed=telemetry.flush(30.0))
"""


@pytest.fixture(scope="module")
def made(request: pytest.FixtureRequest) -> Programs:
    return required(lambda: programs(announcing(request.config)))


@pytest.fixture(scope="module")
def chain(made: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """One for what leaves it as it was."""
    with running(made, tmp_path_factory.mktemp("chain")) as chain:
        yield chain


def test_nothing_is_lost_when_the_sink_is_killed_and_the_numbers_are_those_of_the_fold(
    made: Programs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load = load_of(100_000, seed=1)
    with running(made, tmp_path) as chain:
        went = carried(chain, load, kills=3)
    with capsys.disabled():
        sys.stdout.write(f"\n{told(load, went)}\n")
    assert (went.lost, went.differences[:10]) == (0, [])
    assert went.sent.accepted == len(load.requests)


def test_without_kafka_the_sender_keeps_its_spans_and_all_arrive_when_it_is_back(
    made: Programs, tmp_path: Path
) -> None:
    load = load_of(20_000, seed=2)
    first, *others = load.requests
    port, places = free_ports(1)[0], tmp_path / "kafka"
    sooner = {"exporters.kafka.timeout": "1s"}
    with (
        front(made.collector, tmp_path / "front.log", brokers=f"{HOST}:{port}", changes=sooner) as entrance,
        opened(tmp_path / "clickhouse") as door,
    ):
        assert posted(entrance.otlp_http_endpoint, first)[0] == 503
        with broker(made.kafka, places, port=port) as kafka:
            assert posted(entrance.otlp_http_endpoint, first)[0] == 503  # and the topic is made on purpose
            kafka.create_topic()
            sending = Sending(entrance.otlp_http_endpoint, load.requests)
            wait_until(lambda: entrance.counted("otelcol_exporter_sent_spans") > 0, "some is taken", deadline_s=LONG_S)
            kafka.process.kill()
        again = Sending(entrance.otlp_http_endpoint, others)
        with broker(made.kafka, places, port=port) as kafka:
            sending.accepted()
            assert again.accepted().refused > 0
            chain = Chain(programs=made, broker=kafka, front=entrance, door=door, directory=tmp_path)
            with chain.sink():
                chain.wait_for(load.spans)
            assert chain.spans() == load.spans
        assert entrance.counted("otelcol_receiver_refused_spans") > 0


def test_without_clickhouse_a_sink_waits_with_no_more_on_its_disk_than_it_may(made: Programs, tmp_path: Path) -> None:
    load = load_of(60_000, seed=3)
    settings = {"SINK_CREATE_SCHEMA": "false", "SINK_QUEUE_BYTES": "5000000"}
    waiting = "otelcol_exporter_queue_size"
    with running(made, tmp_path) as chain:
        with chain.sink():
            pass  # makes the tables
        chain.door.process.kill()
        with chain.sink(env=settings) as sink:
            Sending(chain.front.otlp_http_endpoint, load.requests[:5]).accepted()
            wait_until(lambda: chain.broker.committed(GROUP) > 0, "what waits counts as read", deadline_s=LONG_S)
            sink.process.kill()
        Sending(chain.front.otlp_http_endpoint, load.requests[5:]).accepted()
        with chain.sink(env=settings) as sink:
            wait_until(lambda: sink.counted(waiting) > 4_000_000, "the queue is full", deadline_s=LONG_S)
            assert sink.counted(waiting) <= 5_000_000
            assert sink.counted("otelcol_exporter_send_failed_spans") == 0
            taken = sum(path.stat().st_size for path in (tmp_path / "sink").iterdir())
            assert taken < sum(map(len, load.requests))
            with opened(tmp_path / "clickhouse", port=chain.door.port):
                chain.wait_for(load.spans)
                assert chain.spans() == load.spans


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_runs_that_are_traced_by_configure_have_their_own_numbers_in_the_view(
    chain: Chain, protocol: Protocol, tmp_path: Path
) -> None:
    endpoint = chain.front.otlp_grpc_endpoint if protocol == "grpc" else chain.front.otlp_http_endpoint
    env = {
        "OTEL_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "NANOAGENT_SPOOL_DIR": str(tmp_path / "spool"),
    }
    run_id, before = f"run over {protocol}", chain.spans()
    with nursery() as run:
        [ended] = run([Job(program=RUN, arguments=[run_id], env=env, timeout_s=LONG_S)])
    said = said_by(ended)
    assert (ended.exit_code, ended.stderr, said["flushed"]) == (0, "", True)
    with chain.sink():
        # The run, two iterations, plan, two executors, a reflector, their six calls, and two of a tool.
        chain.wait_for(before + 15)
    chain.door.query(VIEW_SQL.read_text(), database="otel")
    [found] = metrics_of(f"{chain.door.url}/otel", "--run", run_id)
    assert {key: found[key] for key in said["metrics"]} == said["metrics"] | {"goal": None}
    assert found["complete"] is True


def metrics_of(url: str, *options: str) -> list[dict[str, Any]]:
    """What the real command reads."""
    program = "from instrumentation.cli import main; main()"
    told = run_imported(program, "metrics", "--clickhouse", url, "--json", *options, env={}, name="nanoagent")
    assert (told.returncode, told.stderr) == (0, "")
    read: list[dict[str, Any]] = json.loads(told.stdout)
    return read


def test_a_request_arrives_with_a_span_larger_than_messages_of_kafka_usually_are(chain: Chain) -> None:
    text = token_hex(4_000_000)  # half of it is left when it is compressed
    large = Span("a" * 32, "b" * 16, None, MIDNIGHT_NS, MIDNIGHT_NS + 1, "large", {"text": text})
    [request] = requests_of([*next(whole(4_000)), large, *next(whole(4_001))])
    before = chain.spans()
    assert posted(chain.front.otlp_http_endpoint, request)[0] == 200
    with chain.sink():
        chain.wait_for(before + 3)
    told = "SELECT length(SpanAttributes['text']) FROM otel.otel_traces WHERE SpanName = 'large'"
    assert chain.door.query(told) == f"{len(text)}\n"


def test_a_message_that_is_no_spans_is_passed_over_and_counted(chain: Chain) -> None:
    before = chain.spans()
    producer = ["org.apache.kafka.tools.ConsoleProducer", "--topic", TOPIC]
    chain.broker.tool(*producer, said="".join(f"no spans, number {number}\n" for number in range(40)))
    [request] = requests_of(next(whole(5_000)))
    assert posted(chain.front.otlp_http_endpoint, request)[0] == 200
    with chain.sink() as sink:
        chain.wait_for(before + 1)
        unread = "otelcol_kafka_receiver_unmarshal_failed_spans"
        wait_until(lambda: sink.counted(unread) == 40, "all are counted", deadline_s=LONG_S)


@pytest.mark.parametrize("tries_again", [True, False])
def test_what_is_refused_for_want_of_memory_is_tried_again_and_ends_no_partition(
    chain: Chain, tries_again: bool
) -> None:
    # It can take nothing at all, as soon as it has looked at its memory.
    changes = {"processors.memory_limiter.limit_mib": 1, "receivers.kafka.error_backoff.enabled": tries_again}
    said = "Backing off due to error" if tries_again else "partition will remain paused until rebalance"
    before, runs, sent = chain.spans(), whole(6_000 + tries_again), set[tuple[str, str]]()
    with chain.sink(changes=changes) as sink:

        def is_refused() -> bool:
            run = next(runs)
            [request] = requests_of(run)
            assert posted(chain.front.otlp_http_endpoint, request)[0] == 200
            sent.update((span.trace_id, span.span_id) for span in run)
            return said in sink.process.said()

        wait_until(is_refused, said, deadline_s=LONG_S, pause_s=0.2)
        assert ("remain paused" in sink.process.said()) is not tries_again
    with chain.sink():
        chain.wait_for(before + len(sent))
