"""Runs that a ClickHouse has counted, over real sockets: they come as they are, as they come, and all or an error."""

import gzip
import shlex
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from instrumentation.reading.answers import Failure, failure_of
from instrumentation.reading.clickhouse import ClickHouse
from instrumentation.reading.clickhouse_address import ClickHouseAddress, address_of
from instrumentation.reading.clickhouse_answer import BrokenAnswer, Lines, rows_in
from instrumentation.reading.clickhouse_errors import ClickHouseError, no_view, view_sql
from instrumentation.reading.problems import Problem, Problems
from nanoagent.core.performance import IterationCounts, PerformanceMetrics, PhaseCounts
from nanoagent.core.runs import CountedRun
from nanoagent.errors import ConfigurationError
from tests.certificates import made_in
from tests.clickhouse import Reply, Store, clickhouse, exception, late_exception, pieces_of, row_of
from tests.commands import run_python
from tests.instrumentation.reading.web_server import closed_port

START = datetime(2026, 11, 25, 8, tzinfo=UTC)
START_NS = int(START.timestamp()) * 10**9
RICH = PerformanceMetrics(
    run_id="run-é'\\\"\t1",
    parent_run_id="007",
    trace_id="0af7651916cd43dd8448eb211c80319c",
    start_time_unix_ns=1_764_057_600_123_456_789,
    end_time_unix_ns=1_764_057_601_123_456_788,
    status="failed",
    stop_reason="-7",
    error_type="404",
    models=("a", "3.5"),
    iterations=1,
    tasks_total=2,
    api_calls=3,
    failed_api_calls=1,
    unmeasured_api_calls=1,
    input_tokens=2**62,
    output_tokens=None,
    cost_usd=Decimal("1234567.123456789012"),
    cost_usd_known=Decimal("1234567.123456789012"),
    llm_ns=999_999_999,
    first_chunk_ns=12,
    untracked_api_calls=1,
    untracked_tokens=7,
    by_phase=(PhaseCounts(phase="12", api_calls=3, cost_usd_known=Decimal("0.000000000001")),),
    by_iteration=(IterationCounts(iteration=1), IterationCounts(iteration=12, input_tokens=None)),
    complete=False,
)
AGENT = PerformanceMetrics(
    run_id="0012", status="12", start_time_unix_ns=START_NS, iterations=None, tasks_completed=None, tasks_total=None
)
RUNS = [
    CountedRun(RICH, 4, 5, ("00f067aa0ba902b7", "b7ad6b7169203331")),
    CountedRun(AGENT, 1),
]
LATE = (241, "MEMORY_LIMIT_EXCEEDED", "Memory limit exceeded: would use 5.00 GiB: While executing AggregatingTransform")


def read(store: Store, **asked: Any) -> list[CountedRun]:
    return list(ClickHouse(address_of(store.url, {}), deadline_s=20).runs(Problems(), **asked))


@pytest.mark.parametrize("quotes", [False, True])
def test_runs_come_back_as_they_were_counted_to_the_last_digit(quotes: bool) -> None:
    with clickhouse(Store([row_of(run) for run in RUNS], quotes=quotes)) as store:
        assert read(store) == RUNS


def test_an_answer_that_is_packed_on_its_way_is_unpacked() -> None:
    def packed(pieces: Sequence[bytes]) -> Reply:
        return Reply([gzip.compress(b"".join(pieces))], headers={"Content-Encoding": "gzip"})

    with clickhouse(Store([row_of(run) for run in RUNS], reply=packed)) as store:
        assert read(store) == RUNS


def test_a_run_comes_before_the_next_is_there() -> None:
    has_first = threading.Event()

    def slowly(pieces: Sequence[bytes]) -> Iterator[bytes]:
        yield from (*pieces[:2], pieces[2][:2])  # a row ends with its line
        assert has_first.wait(30)
        yield from (pieces[2][2:], *pieces[3:])

    with clickhouse(Store([row_of(run) for run in RUNS], reply=lambda pieces: Reply(slowly(pieces)))) as store:
        runs = ClickHouse(address_of(store.url, {})).runs(Problems())
        assert next(runs) == RUNS[0]
        has_first.set()
        assert [*runs] == RUNS[1:]


def test_who_has_enough_ends_the_answer() -> None:
    has_ended = threading.Event()

    def endless(pieces: Sequence[bytes]) -> Iterator[bytes]:
        try:
            yield pieces[0]
            while True:
                yield pieces[1]
        finally:
            has_ended.set()

    with clickhouse(Store([row_of(run) for run in RUNS], reply=lambda pieces: Reply(endless(pieces)))) as store:
        runs = iter(ClickHouse(address_of(store.url, {})).runs(Problems()))
        assert next(runs) == RUNS[0]
        del runs
        assert has_ended.wait(30)


def test_all_runs_are_those_of_the_view_in_their_order() -> None:
    with clickhouse(Store()) as store:
        assert read(store) == []
    question, parameters = store.asked[-1]
    assert question == "SELECT * FROM nanoagent_runs ORDER BY start_time_unix_ns, run_id\n FORMAT JSONCompact"
    assert parameters["database"] == "otel"
    assert "session_id" not in parameters


def test_what_is_asked_for_is_chosen_where_the_runs_are() -> None:
    with clickhouse(Store()) as store:
        read(store, since=START, until=START + timedelta(microseconds=1), run_id="it's")
    question, parameters = store.asked[-1]
    assert question.splitlines()[0] == (
        "SELECT * FROM nanoagent_runs_since(since = {since:String}) "
        "WHERE start_time_unix_ns <= {until:Int64} AND startsWith(run_id, {run:String}) "
        "ORDER BY start_time_unix_ns, run_id"
    )
    asked = {name: value for name, value in parameters.items() if name.startswith("param_")}
    # Seconds since 1970: the same time in whatever zone the server is.
    assert asked == {
        "param_since": f"{START_NS // 10**9}.000000000",
        "param_until": str(START_NS + 1_000),
        "param_run": "it\\'s",
    }


@pytest.mark.parametrize(
    ("time", "asked"),
    [
        (datetime(1960, 1, 1, tzinfo=UTC), "0.000000000"),
        (datetime(9999, 1, 1, tzinfo=UTC), "9223372036.854775807"),
        (datetime(2026, 11, 25, 8, 0, 0, 5, tzinfo=UTC), f"{START_NS // 10**9}.000005000"),
    ],
)
def test_any_time_can_be_asked_for(time: datetime, asked: str) -> None:
    with clickhouse(Store()) as store:
        assert read(store, since=time) == []
    assert store.asked[-1][1]["param_since"] == asked


def test_a_run_that_is_too_large_to_be_judged_is_told_and_left_out() -> None:
    large = row_of(RUNS[1], run_id="large", spans=25_000, judged=False)
    problems = Problems()
    with clickhouse(Store([large, row_of(RUNS[1])])) as store:
        assert list(ClickHouse(address_of(store.url, {})).runs(problems)) == [RUNS[1]]
    what = "has 25,000 spans, more than the view judges: left out of all numbers"
    assert (problems.kept, problems.lossy) == ([Problem("run large", what)], True)


def test_how_much_was_read_is_told() -> None:
    told: list[int] = []
    with clickhouse(Store([row_of(run) for run in RUNS])) as store:
        read(store, progress=lambda read, size: told.append(read))
        size = sum(map(len, pieces_of(list(store.columns), list(store.rows))))
    assert (told, told[-1]) == (sorted(told), size)


BROKEN: dict[str, tuple[Callable[[Sequence[bytes]], Reply], str]] = {
    "cut between rows": (lambda p: Reply(p[:2], ends=False), " (Response ended prematurely): try again; if it stays"),
    "cut in a row": (lambda p: Reply([*p[:2], p[2][:100]], ends=False), "got the end of the connection from"),
    "cut in the head": (lambda p: Reply([p[0][:100]], ends=False), "got the end of the connection from"),
    "a cut that a proxy hides": (lambda p: Reply(p[:2]), "got 1 row, and no word that these are all from"),
    "a cut in a row that a proxy hides": (lambda p: Reply([*p[:2], p[2][:9]]), "where a row should be from"),
    "nothing": (lambda p: Reply([]), "got nothing where the columns are named from"),
    "a row less": (lambda p: Reply([*p[:2], p[-1]]), "got 1 row, and no word that these are all from"),
    "an error among the rows": (lambda p: Reply([*p[:2], late_exception(*LATE)], ends=False), "memory to count these"),
    "an error in pieces": (
        lambda p: Reply([*p[:2], late_exception(*LATE)[:20], late_exception(*LATE)[20:]], ends=False),
        "memory to count these",
    ),
    "an error after many rows": (
        lambda p: Reply([p[0], p[1], p[2] * 500, late_exception(*LATE)], ends=False),
        "memory to count these",
    ),
    "an error after a run that tells of one": (
        lambda p: Reply([p[0], b'\n["' + exception(1, "A", "What the run said").encode(), late_exception(*LATE)]),
        "memory to count these",
    ),
    "a row of fewer columns": (lambda p: Reply([p[0], b"\n[1%500s]" % b"", p[-1]]), "got '[1    "),
    "an error that a proxy ends": (lambda p: Reply([*p[:2], late_exception(*LATE)]), "memory to count these"),
    "an error in a row": (lambda p: Reply([*p[:2], p[2][:9] + exception(*LATE).encode()]), "memory to count these"),
    "an error of older servers": (
        lambda p: Reply([*p[:2], exception(*LATE).rstrip().encode()], ends=False),
        "memory to count these",
    ),
    "an error in the format": (
        lambda p: Reply([*p[:2], b'\n\t],\n\n\t"rows": 1,\n\n\t"exception": "Code: 1. DB::Exception: No.\\n"\n}\n']),
        "ClickHouse must answer the query, got 'No' (code 1) from",
    ),
}


@pytest.mark.parametrize(("reply", "said"), BROKEN.values(), ids=BROKEN)
def test_a_broken_answer_is_never_taken_for_the_whole(reply: Callable[[Sequence[bytes]], Reply], said: str) -> None:
    with clickhouse(Store([row_of(run) for run in RUNS], reply=reply)) as store:
        runs = ClickHouse(address_of(store.url, {}), deadline_s=20).runs(Problems())
        with pytest.raises(ClickHouseError) as raised:
            list(runs)
    assert said in str(raised.value)
    assert store.url in str(raised.value)
    assert "While executing" not in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1
    assert len(str(raised.value)) < 500


ANSWER = b"".join(pieces_of(["a", "b"], [{"a": n, "b": 'x"]\n'} for n in range(3)]))
ROWS = [{"a": n, "b": 'x"]\n'} for n in range(3)]


@pytest.mark.parametrize("size", [1, 2, 7, 1 << 16])
def test_pieces_of_any_size_are_the_same_rows(size: int) -> None:
    assert list(rows_in(Lines(ANSWER[at : at + size] for at in range(0, len(ANSWER), size)))) == ROWS


def test_wherever_an_answer_ends_too_early_it_is_broken_and_what_came_is_right() -> None:
    for length in range(len(ANSWER.rstrip())):
        rows: list[dict[str, Any]] = []
        with pytest.raises(BrokenAnswer):
            rows.extend(rows_in(Lines([ANSWER[:length]])))
        found = rows_in(Lines([ANSWER[:length]]))
        assert all(row == ROWS[n] for n, row in enumerate(_good(found)))


def _good(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    try:
        yield from rows
    except BrokenAnswer:
        return


def test_an_answer_in_one_endless_line_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("instrumentation.reading.clickhouse_answer.MAX_LINE", 100)
    endless = iter(lambda: b"x" * 60, None)
    with pytest.raises(BrokenAnswer, match="a row of more than 100 bytes"):
        list(rows_in(Lines(endless)))


LATE_ERROR = (
    r"must answer in time, got none from .*with --since, or look at the URL, where the port is that of the HTTP"
)


def test_a_clickhouse_that_does_not_answer_is_not_waited_for_for_ever() -> None:
    with clickhouse(Store(reply=lambda pieces: Reply([], ends=False))) as store:
        late = ClickHouse(address_of(store.url, {}), deadline_s=0.1).runs(Problems())
        with pytest.raises(ClickHouseError, match=LATE_ERROR):
            list(late)


def test_a_port_that_says_nothing_is_left_long_before_a_query_would_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("instrumentation.reading.clickhouse.HELLO_S", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ClickHouseError, match=LATE_ERROR):
            list(ClickHouse(address_of(url, {})).runs(Problems()))


def test_who_asks_is_said_in_the_environment_or_in_the_url_and_never_shown() -> None:
    env = {"CLICKHOUSE_USER": "me", "CLICKHOUSE_PASSWORD": "pass word"}
    with clickhouse(Store(user="me", password="pass word")) as store:
        assert list(ClickHouse(address_of(store.url, env)).runs(Problems())) == []
        in_url = store.url.replace("//", "//me:pass%20word@")
        assert (
            list(
                ClickHouse(address_of(in_url, {"CLICKHOUSE_USER": "you", "CLICKHOUSE_PASSWORD": "x"})).runs(Problems())
            )
            == []
        )
        with pytest.raises(ClickHouseError) as raised:
            list(ClickHouse(address_of(store.url, {**env, "CLICKHOUSE_PASSWORD": "secret"})).runs(Problems()))
    assert str(raised.value) == (
        f"ClickHouse must let us in, but {store.url} does not take the password of 'me': put user and password into "
        "CLICKHOUSE_USER and CLICKHOUSE_PASSWORD"
    )
    assert "secret" not in repr(address_of("http://me:secret@host", {}))


def test_an_address_has_the_defaults_of_clickhouse_and_of_the_exporter() -> None:
    found = address_of("https://host", {})
    assert found == ClickHouseAddress(
        scheme="https", host="host", port=8443, database="otel", user="default", password=""
    )
    assert address_of(" http://[::1]/my%20db/ ", {}) == ClickHouseAddress(
        scheme="http", host="::1", port=8123, database="my db"
    )
    assert str(address_of("http://[::1]", {})) == "http://[::1]:8123"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("localhost:8123", "got 'localhost:8123': it is no such URL"),
        ("ftp://host", "it is no such URL"),
        ("http://", "it is no such URL"),
        ("http://host:99999", "it is no such URL"),
        ("http://[::1", "it is no such URL"),
        ("http://me:secret@host/a/b", "got 'http://host/a/b': 'a/b' is no name of a database"),
        ("me:secret@host:8123/otel", "got 'host:8123/otel': it is no such URL"),
        (
            "http://me:se/secret@host/otel",
            "got 'http://host/otel': a /, ? or # before an @, as in a password, is written",
        ),
        ("http://me:se@secret/@host/otel", "got 'http://host/otel': a /, ? or # before an @"),
        ("http://me:secret?/@host/otel", "got 'http://...': a /, ? or # before an @"),
        ("http://me:12#secret@host/otel", "got 'http://host/otel': a /, ? or # before an @"),
        ("http://host/otel?user=me&password=secret", "got 'http://host/otel': nothing may follow the database"),
        ("http://host/otel#1", "nothing may follow the database"),
    ],
)
def test_a_url_that_names_no_database_is_said_without_its_password(url: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=r"--clickhouse takes http://HOST:8123/DATABASE or https://") as raised:
        address_of(url, {})
    assert said in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_certificate_must_be_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = made_in(tmp_path)
    with clickhouse(Store([row_of(RUNS[1])]), certificate=(certificate, key)) as store:
        with pytest.raises(ClickHouseError, match=r"self-signed certificate.*SSL_CERT_FILE names certificates that"):
            read(store)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert read(store) == [RUNS[1]]


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with clickhouse(Store([row_of(RUNS[1])])) as store:
        assert read(store) == [RUNS[1]]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_down_is_not_taken_for_the_store(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, f"http://me:secret@127.0.0.1:{closed_port()}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ClickHouseError) as raised:
        list(ClickHouse(address_of(f"{scheme}://clickhouse.example", {})).runs(Problems()))
    assert "must be reachable, got no connection to " in str(raised.value)
    assert "(by way of a proxy: Connection refused)" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_no_way_to_a_host_is_not_taken_for_a_slow_answer() -> None:
    from urllib3.connection import HTTPConnection
    from urllib3.exceptions import ConnectTimeoutError

    late = ConnectTimeoutError(HTTPConnection("host"), "Connection to host timed out")
    late.__cause__ = TimeoutError("timed out")
    assert failure_of(late) == (Failure.UNREACHABLE, "timed out")


def test_the_command_that_makes_the_view_works_for_any_name_of_a_database() -> None:
    with clickhouse(Store(tables={"otel_traces"}, database="my db")) as store, pytest.raises(ClickHouseError) as raised:
        list(ClickHouse(address_of(f"{store.url}/my%20db", {})).runs(Problems()))
    file = shlex.quote(str(view_sql()))
    assert str(raised.value).endswith(f"make it with clickhouse-client --database 'my db' < {file}")
    assert "CREATE OR REPLACE VIEW nanoagent_runs AS" in view_sql().read_text(encoding="utf-8")
    elsewhere = str(no_view(address_of("https://ch.example", {})))
    assert elsewhere.endswith(f"make it with clickhouse-client --host ch.example --secure --database otel < {file}")


def test_reading_loads_no_more_than_it_needs_and_its_client_says_nothing() -> None:
    program = (
        "import os, sys\n"
        "from instrumentation.reading.clickhouse import ClickHouse\n"
        "from instrumentation.reading.clickhouse_address import address_of\n"
        "from instrumentation.reading.problems import Problems\n"
        "heavy = {'clickhouse_connect', 'urllib3', 'pydantic', 'pydantic_ai', 'opentelemetry', 'rich', 'typer'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
        "try:\n"
        "    list(ClickHouse(address_of(os.environ['STORE'], {})).runs(Problems()))\n"
        "except ValueError as error:\n"
        "    print(error)\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    url = f"http://127.0.0.1:{closed_port()}"
    done = run_python("-c", program, STORE=url)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "[]\n"
        f"ClickHouse must run to be read, but nothing listens at {url}: start it, or look at the URL, where the port "
        "is that of the HTTP interface, 8123 or, with TLS, 8443\n"
        "['clickhouse_connect', 'urllib3']\n"
    )
