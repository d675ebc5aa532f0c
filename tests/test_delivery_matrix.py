"""Every way that a collector can fail, over both protocols: the run is as ever, the exit soon, and no span is lost."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from instrumentation import testing
from instrumentation.reading.files import read_file
from instrumentation.reading.problems import Problems
from instrumentation.testing import Behaviour, Collector, Protocol, closed_port, collecting
from tests import collectors
from tests.collectors import accepting_only, answering
from tests.delivered import said_by
from tests.processes import Ended, Job, Run, nursery

pytestmark = pytest.mark.slow

SPANS = 15
"""Of the run."""
DEADLINE_S = 2.0
"""By default."""
INTERPRETER_S = 1.0
"""What it may take to end on a busy machine; usually it is a tenth."""
PASSWORD, KEY = "hunter2", "sk-collector-key"
WEB_PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\nConnection: close\r\n\r\n<p>Hi"
LATE, AWAY = "no answer in time", "nothing listens"

Place = tuple[str, Collector | None]
"""A URL, and who takes what is sent there, if anybody does."""
Opening = Callable[[], AbstractContextManager[Place]]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A way to fail, what becomes of the spans, and what a person is told."""

    name: str
    protocol: Protocol
    place: Opening
    spooled: int | None = 0
    """How many spans; `None` where time decides."""
    because: str | None = None
    """Why, as the last line says."""
    said: tuple[str, ...] = ()
    """Words in the line before it, of the place; empty where there is none."""

    def __str__(self) -> str:
        return f"{self.name}-{self.protocol.partition('/')[0]}"


def rows(protocol: Protocol) -> Iterator[Row]:
    """All but those that one of the protocols cannot have."""
    is_http = protocol == "http/protobuf"

    def row(name: str, place: Opening, **fields: Any) -> Row:
        return Row(name=name, protocol=protocol, place=place, **fields)

    def behaving(behaviour: Behaviour = testing.healthy, of: Protocol = protocol, **options: Any) -> Opening:
        return lambda: _collecting(of, behaviour, **options)

    def refusing(name: str, refusal: testing.Refusal, said: str) -> Row:
        reason = f"answered {refusal.status}" if is_http else refusal.code
        told = f" answered {refusal.status} {said}"
        if not is_http and refusal is not testing.FORBIDDEN:
            told = f" does not take spans: {refusal.code}"
        return row(name, behaving(testing.refuses(refusal)), spooled=SPANS, because=reason, said=(told,))

    yield row("healthy", behaving())
    yield row("closed", _nobody(closed_port), spooled=SPANS, because=AWAY, said=(AWAY,))
    yield row("accepts_only", _nobody(accepting_only), spooled=SPANS, because=LATE)
    yield row("hangs", behaving(testing.never_answers), spooled=SPANS, because=LATE)
    yield row("slow", behaving(testing.slow(0.5)), spooled=None, because=LATE)
    yield row("slow_but_in_time", behaving(testing.slow(0.1)))
    yield refusing("busy", testing.BUSY, "(Too Many Requests): see what the receiver logged")
    yield refusing("broken", testing.BROKEN, "(Internal Server Error): see what the receiver logged")
    yield refusing("away", testing.AWAY, "(Service Unavailable): see what the receiver logged")
    yield refusing("forbids", testing.FORBIDDEN, "(Unauthorized): check the credentials")
    yield refusing("not_found", testing.NOT_FOUND, "(Not Found): no receiver is at this path")
    yield row("busy_once", behaving(testing.refuses(testing.BUSY, times=1)), said=("429" if is_http else "EXHAUSTED",))
    yield row("away_once", behaving(testing.refuses(testing.AWAY, times=1)), said=("503",) if is_http else ())
    yield row("too_large", behaving(testing.refuses_more_than(2_000)))
    yield row(
        "poison",
        behaving(collectors.refuses_spans_named("execute_tool add")),
        spooled=2,
        because="answered 400" if is_http else "INVALID_ARGUMENT",
        said=("answered 400 (Bad Request)" if is_http else "does not take spans: INVALID_ARGUMENT",),
    )
    yield row("partial", behaving(testing.takes_all_but(1)), spooled=4, because="rejected by the receiver")
    yield row("resets_answer", behaving(testing.resets_before_answering))
    yield row(
        "other_protocol",
        behaving(of="grpc" if is_http else "http/protobuf"),
        spooled=SPANS,
        because="no connection" if is_http else "UNAVAILABLE",
        said=("speaks gRPC, not HTTP", "4318") if is_http else ("speaks HTTP, not gRPC", "4317"),
    )
    yield row(
        "web_page",
        _nobody(lambda: answering(WEB_PAGE)),
        spooled=SPANS,
        because="answered by a web page" if is_http else "UNAVAILABLE",
        said=("answers with a web page and takes no spans" if is_http else "speaks HTTP, not gRPC",),
    )


def _rows_of_http() -> Iterator[Row]:
    def row(name: str, behaviour: Behaviour, **fields: Any) -> Row:
        return Row(name=name, protocol="http/protobuf", place=lambda: _collecting("http/protobuf", behaviour), **fields)

    moved: dict[str, Any] = {
        "because": "answered 307",
        "said": ("answered 307 (Temporary Redirect): it is not followed",),
    }
    yield row("resets_request", collectors.resets_half_way)
    yield row("dribbles", collectors.dribbles(0.05), spooled=SPANS, because=LATE)
    yield row("redirects", collectors.redirects_to("http://127.0.0.1:1/"), spooled=SPANS, **moved)


@contextmanager
def _collecting(protocol: Protocol, behaviour: Behaviour, **options: Any) -> Iterator[Place]:
    with collecting(protocol, behaviour, **options) as collector:
        yield collector.url, collector


def _nobody(listening: Callable[[], AbstractContextManager[str]]) -> Opening:
    @contextmanager
    def place() -> Iterator[Place]:
        with listening() as url:
            yield url, None

    return place


@contextmanager
def _resetting() -> Iterator[Place]:
    with collecting("grpc") as collector, collectors.reset_often(collector.url) as url:
        yield url, collector


ROWS = [
    *rows("http/protobuf"),
    *_rows_of_http(),
    *rows("grpc"),
    Row(name="resets_request", protocol="grpc", place=_resetting),
]


def passing(protocol: Protocol) -> Iterator[Row]:
    """Failures that do not last."""

    def row(name: str, behaviour: Behaviour = testing.healthy, **options: Any) -> Row:
        return Row(name=name, protocol=protocol, place=lambda: _collecting(protocol, behaviour, **options))

    yield row("comes_back", comes_after_s=3.0)
    yield row("busy_once", testing.refuses(testing.BUSY, times=1))
    yield row("away_twice", testing.refuses(testing.AWAY, times=2))
    yield row("resets_answer", testing.resets_before_answering)


PASSING = [*passing("http/protobuf"), *passing("grpc")]


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """What is known of a process and of where its spans went, on both sides."""

    ended: Ended
    said: dict[str, Any]
    """What it said itself."""
    place: Place
    directory: Path

    @property
    def url(self) -> str:
        return self.place[0]

    @property
    def collector(self) -> Collector | None:
        return self.place[1]

    @property
    def account(self) -> dict[str, Any]:
        """Of the place that fails."""
        account: dict[str, Any] = self.said["delivery"][0]
        assert account["destination"] == "otlp"
        return account

    @property
    def own_ids(self) -> list[str]:
        """The ids of the spans that ended, from the file that it wrote itself."""
        return ids_in(self.directory / "own.jsonl")

    @property
    def received_ids(self) -> set[str]:
        return {span.span_id for span in self.collector.received} if self.collector else set()

    @property
    def spooled_ids(self) -> list[str]:
        return [one for file in (self.directory / "spool").glob("*") for one in ids_in(file)]


def ids_in(file: Path) -> list[str]:
    """The ids of the spans in a file that is in good order."""
    problems = Problems()
    ids = [span.span_id for batch in read_file(str(file), problems) for span in batch]
    assert problems.count == 0, problems.kept
    return ids


def adds_up(account: Mapping[str, Any]) -> bool:
    kinds = ("exported", "spooled", "dropped", "sampled_out", "pending")
    return bool(account["ended_spans"] == sum(account[f"{kind}_spans"] for kind in kinds))


def job_of(row: Row, program: str, url: str, directory: Path) -> Job:
    """The program, sending to the place, with secrets where secrets may be."""
    directory.mkdir()
    with_password = url.replace("//", f"//user:{PASSWORD}@") if row.protocol == "http/protobuf" else url
    env = {
        "OTEL_EXPORTER": "otlp,file",
        "OTEL_EXPORTER_OTLP_PROTOCOL": row.protocol,
        "OTEL_EXPORTER_OTLP_ENDPOINT": with_password,
        "OTEL_EXPORTER_OTLP_HEADERS": f"x-api-key={KEY}",
        "OTEL_EXPORTER_FILE_PATH": str(directory / "own.jsonl"),
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4",
        "NANOAGENT_SPOOL_DIR": str(directory / "spool"),
    }
    return Job(program=f"from tests.delivered import {program}; {program}()", env=env)


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    with nursery() as run:
        run([])  # what it imports is no part of anybody's time
        yield run


@pytest.fixture(scope="module")
def usual(run: Run) -> dict[str, Any]:
    """What the run says where no spans are sent."""
    [ended] = run([Job(program="from tests.delivered import one_run; one_run()", env={"OTEL_EXPORTER": "none"})])
    assert ended.stderr == ""
    return said_by(ended)


@pytest.fixture(scope="module")
def delivered(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[Row, Delivered]]:
    """Of each row, an application that runs once; of each failure that passes, one that goes on."""
    directory = tmp_path_factory.mktemp("delivered")
    with ExitStack() as stack:
        opened = {row: stack.enter_context(row.place()) for row in (*ROWS, *PASSING)}
        # Those that take long are first; most of the time of all is waiting.
        rows = [*PASSING, *ROWS]
        programs = ["spans_for_a_while"] * len(PASSING) + ["one_run"] * len(ROWS)
        places = [directory / f"{program}-{row}" for program, row in zip(programs, rows, strict=True)]
        jobs = [
            job_of(row, program, opened[row][0], place)
            for row, program, place in zip(rows, programs, places, strict=True)
        ]
        yield {
            row: Delivered(ended=ended, said=said_by(ended), place=opened[row], directory=place)
            for row, place, ended in zip(rows, places, run(jobs), strict=True)
        }


# -- one run -----------------------------------------------------------------------------------------------------------

each_row = pytest.mark.parametrize("row", ROWS, ids=str)


@each_row
def test_the_run_is_as_ever_and_the_process_ends_soon(
    row: Row, delivered: Mapping[Row, Delivered], usual: dict[str, Any]
) -> None:
    found = delivered[row]
    assert {key: found.said[key] for key in ("output", "status", "metrics")} == {
        key: usual[key] for key in ("output", "status", "metrics")
    }
    assert found.said["closed_s"] - found.said["end_s"] <= DEADLINE_S
    assert found.ended.end_s - found.said["end_s"] <= DEADLINE_S + INTERPRETER_S


@each_row
def test_each_span_arrived_or_is_kept_and_the_account_says_which(row: Row, delivered: Mapping[Row, Delivered]) -> None:
    found = delivered[row]
    account = found.account
    assert adds_up(account)
    assert (account["ended_spans"], account["dropped_spans"], account["pending_spans"]) == (SPANS, 0, 0)
    assert row.spooled in (None, account["spooled_spans"])
    own, received, spooled = found.own_ids, found.received_ids, found.spooled_ids
    assert len(own) == len(set(own)) == SPANS
    assert received | set(spooled) == set(own)
    # More may have arrived than the collector came to say, and of what it rejects a copy of the whole is kept.
    assert account["exported_spans"] <= len(received)
    assert account["spooled_spans"] <= len(spooled) == len(set(spooled))


@each_row
def test_a_person_is_told_what_is_wrong_once(row: Row, delivered: Mapping[Row, Delivered]) -> None:
    found = delivered[row]
    lines = found.ended.stderr.splitlines()
    count = found.account["spooled_spans"]
    if count:
        assert lines.pop() == (
            f"traces did not arrive: {count} of {SPANS} spans for otlp at {found.url} ({row.because}); "
            f"{count} are kept in {found.account['spool']}: send them with nanoagent resend"
        )
    assert len(lines) == bool(row.said)
    assert all(words in line for line in lines for words in (found.url, *row.said))


@each_row
def test_no_secret_is_said_or_kept(row: Row, delivered: Mapping[Row, Delivered]) -> None:
    found = delivered[row]
    files = [file.read_bytes() for file in found.directory.rglob("*") if file.is_file()]
    taken = found.collector.bodies if found.collector else []
    said = [found.ended.stdout.encode(), found.ended.stderr.encode(), *files, *taken]
    assert [secret for secret in (PASSWORD, KEY) if any(secret.encode() in text for text in said)] == []
    headers = found.collector.headers if found.collector else []
    assert all(header["x-api-key"] == KEY for header in headers)


# -- an application that lives longer than the failure -----------------------------------------------------------------


@pytest.mark.parametrize("row", PASSING, ids=str)
def test_what_ended_while_the_collector_failed_arrives_when_it_no_longer_does(
    row: Row, delivered: Mapping[Row, Delivered]
) -> None:
    found = delivered[row]
    own = found.own_ids
    assert found.received_ids == set(own)
    assert (found.account["exported_spans"], found.account["ended_spans"]) == (len(own), len(own))
    assert not (found.directory / "spool").exists()
    first_flush, last_flush = found.said["flushed"]
    assert first_flush is (row.name == "resets_answer")
    assert last_flush is True
    assert "traces did not arrive" not in found.ended.stderr
