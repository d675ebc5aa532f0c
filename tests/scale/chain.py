"""The whole chain, all its parts real: OTLP, a front, Kafka, a sink, ClickHouse's engine.

How much it carries is measured on a machine with nothing else to do:

    python -m tests.scale.chain --spans 1000000 --kills 3
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final

from nanoagent.core.runs import CountedRun
from tests.scale.collector import Collector, collector_program, front, sink
from tests.scale.door import Door, opened
from tests.scale.engine import VIEW_SQL, by_id
from tests.scale.kafka import Broker, broker, kafka_libraries
from tests.scale.proof import differences, folded
from tests.scale.sending import Sending, Sent, requests_of
from tests.scale.spans import chunks
from tests.servers import Process, wait_until

DATABASE: Final = "otel"
DEADLINE_S: Final = 300.0
_ALL_RUNS: Final = (
    "SELECT * FROM nanoagent_runs FORMAT JSONEachRow SETTINGS output_format_json_quote_64bit_integers = 0, "
    "output_format_json_quote_decimals = 0, output_format_json_named_tuples_as_objects = 1"
)


@dataclass(frozen=True, kw_only=True)
class Programs:
    """What the parts are started from."""

    collector: Path
    kafka: Path


def programs(announce: Callable[[str], None]) -> Programs:
    """From the cache, or made into it.

    Raises:
        UnavailableError: One of them cannot be made here.
    """
    return Programs(collector=collector_program(announce), kafka=kafka_libraries(announce))


@dataclass(frozen=True, kw_only=True)
class Chain:
    """A chain that runs but for its sinks."""

    programs: Programs
    broker: Broker
    front: Collector
    door: Door
    directory: Path
    """Where its sinks write their logs, and keep their queues."""

    @contextmanager
    def sink(
        self,
        name: str = "sink",
        *,
        env: Mapping[str, str] | None = None,
        changes: Mapping[str, Any] | None = None,
    ) -> Iterator[Collector]:
        """A sink; another one of the same name goes on with its queue."""
        with sink(
            self.programs.collector,
            self.directory / f"{name}.log",
            brokers=self.broker.address,
            clickhouse_url=self.door.url,
            data=self.directory / name,
            # Spans that were made a year ago are written, too.
            env={"SINK_ID": name, "SINK_KEEP_FOR": "0s", **(env or {})},
            changes=changes,
        ) as collector:
            yield collector

    def rows(self) -> int:
        """How many rows the table has; 0 where there is none yet."""
        told = "SELECT ifNull(sum(total_rows), 0) FROM system.tables WHERE database = 'otel' AND name = 'otel_traces'"
        return int(self.door.query(told))

    def has_rows(self, count: int) -> bool:
        """Whether the table has so many."""
        return self.rows() >= count

    def spans(self) -> int:
        """How many different spans the table has."""
        told = "SELECT uniqExact(TraceId, SpanId, Timestamp, Duration) FROM otel.otel_traces"
        return int(self.door.query(told)) if self.rows() else 0

    def wait_for(self, spans: int) -> None:
        """Wait until the table has so many different ones."""
        # Counting rows costs little, counting different spans does not.
        wait_until(partial(self.has_rows, spans), f"{spans} rows", deadline_s=DEADLINE_S, pause_s=0.2)
        wait_until(lambda: self.spans() >= spans, f"{spans} spans", deadline_s=DEADLINE_S, pause_s=0.5)

    def runs(self) -> dict[str, CountedRun]:
        """What the view makes of the table, by run."""
        self.door.query(VIEW_SQL.read_text(), database=DATABASE)
        lines = self.door.query(_ALL_RUNS, database=DATABASE).splitlines()
        return by_id([json.loads(line, parse_float=Decimal) for line in lines])


@contextmanager
def running(programs: Programs, directory: Path, *, env: Mapping[str, str] | None = None) -> Iterator[Chain]:
    """Start a broker, a front and a ClickHouse, and stop them at the end.

    Args:
        programs: See `programs`.
        directory: Where they keep and log.
        env: Settings of the front.
    """
    with ExitStack() as stack:
        kafka = stack.enter_context(broker(programs.kafka, directory / "kafka"))
        kafka.create_topic()
        log = directory / "front.log"
        entrance = stack.enter_context(front(programs.collector, log, brokers=kafka.address, env=env))
        door = stack.enter_context(opened(directory / "clickhouse"))
        yield Chain(programs=programs, broker=kafka, front=entrance, door=door, directory=directory)


@dataclass(kw_only=True)
class Load:
    """Spans to be sent, and what has to come of them."""

    requests: list[bytes] = field(default_factory=list)
    spans: int = 0
    """The different ones."""
    runs: dict[str, CountedRun] = field(default_factory=dict)
    """What the project's own fold makes of them."""


def load_of(spans: int, *, seed: int) -> Load:
    """So many spans of many runs, with all that happens to spans on their way."""
    load = Load()
    for chunk in chunks(seed, spans):
        load.requests += requests_of(chunk)
        load.spans += len({(span.trace_id, span.span_id, span.start_ns, span.end_ns) for span in chunk})
        load.runs |= folded(chunk)
    return load


@dataclass(frozen=True, kw_only=True)
class Carried:
    """How spans went through a chain."""

    sent: Sent
    seconds: float
    """From the first one sent to the last one that can be read."""
    rows: int
    """Those in the table; more than there are spans where some came again."""
    lost: int
    differences: list[str]
    """Between the view and the fold."""
    used: "Used"


@dataclass(frozen=True, kw_only=True)
class Used:
    """What the parts have taken of the machine; those that were killed belong to what came after them."""

    peak_mib: dict[str, int] = field(default_factory=dict)
    """The most memory of one process."""
    cpu_s: dict[str, float] = field(default_factory=dict)
    """How long the processors have worked for it, which does not depend on what else they did."""

    def note(self, process: Process) -> None:
        """Add a process, as it ends."""
        self.peak_mib[process.name] = max(self.peak_mib.get(process.name, 0), process.peak_mib())
        self.cpu_s[process.name] = round(self.cpu_s.get(process.name, 0) + process.cpu_s(), 1)


def carried(chain: Chain, load: Load, *, kills: int) -> Carried:
    """Send a load through a chain whose sink is killed, each time when it has brought another part of it."""
    sending = Sending(chain.front.otlp_http_endpoint, load.requests)
    used = Used()
    for number in range(kills):
        with chain.sink() as killed:
            part = (number + 1) * load.spans // (kills + 2)
            wait_until(partial(chain.has_rows, part), f"{part} rows", deadline_s=DEADLINE_S, pause_s=0.2)
            used.note(killed.process)
            killed.process.kill()
    with chain.sink() as last:
        sent = sending.accepted()
        chain.wait_for(load.spans)
        end_s = time.monotonic()
        for process in (chain.broker.process, chain.front.process, last.process, chain.door.process):
            used.note(process)
        found, rows = chain.spans(), chain.rows()
    return Carried(
        sent=sent,
        seconds=end_s - sent.start_s,
        rows=rows,
        lost=load.spans - found,
        differences=differences(chain.runs(), load.runs),
        used=used,
    )


def told(load: Load, went: Carried) -> str:
    """What was measured, for people."""
    sent = went.sent
    lines = [
        f"{load.spans:,} spans of {len(load.runs):,} runs in {len(load.requests):,} requests "
        f"({sum(map(len, load.requests)) / 1e6:.0f} MB)",
        f"accepted in {sent.end_s - sent.start_s:.1f} s, after {sent.refused} times 429 or 503 and {sent.unanswered} "
        "without an answer",
        f"readable after {went.seconds:.1f} s: {load.spans / went.seconds:,.0f} spans a second",
        f"{went.rows:,} rows, {went.lost} spans lost, {len(went.differences)} differences between view and fold",
        f"peak memory in MiB: {went.used.peak_mib}",
        f"processor time: {sum(went.used.cpu_s.values()):.1f} s, {went.used.cpu_s}",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spans", type=int, default=1_000_000)
    parser.add_argument("--kills", type=int, default=3, help="how often the sink is killed")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    write = sys.stdout.write
    made = programs(lambda line: None)
    load = load_of(arguments.spans, seed=arguments.seed)
    with tempfile.TemporaryDirectory(prefix="chain-") as directory, running(made, Path(directory)) as chain:
        went = carried(chain, load, kills=arguments.kills)
    write(f"{told(load, went)}\n" + "".join(f"{line}\n" for line in went.differences[:20]))
    sys.exit(bool(went.lost or went.differences))


if __name__ == "__main__":
    main()
