"""`nanoagent metrics --clickhouse`: stored runs are shown as any others; what is wrong is one line and an exit code."""

import asyncio
import json
import shlex
import sys
import time
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from instrumentation.reading.counted import counted_runs
from instrumentation.reading.files import read_file
from instrumentation.reading.problems import Problems
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.core.runs import CountedRun
from tests.clickhouse import COLUMNS, Reply, Row, Store, clickhouse, exception, refusal, row_of
from tests.commands import run_python
from tests.instrumentation.command_line import Done, a_run, exported, nanoagent
from tests.instrumentation.reading.web_server import Behaviour, answer, closed_port, hang_up, raw, serving

SINCE = ("--since", "2000-01-01")
VIEW_SQL = Path(__file__).parents[2] / "deploy/scale/clickhouse/nanoagent_runs.sql"
MAKE = f"clickhouse-client --database otel < {shlex.quote(str(VIEW_SQL))}"
ROWS: list[Row] = [
    row_of(
        CountedRun(
            PerformanceMetrics(
                run_id=f"run-{n}",
                start_time_unix_ns=10**18 + n,
                end_time_unix_ns=10**18 + n + 10**9,
                status="completed",
                api_calls=1,
                input_tokens=1_000 * n,
                output_tokens=10,
                cost_usd=Decimal("0.1"),
                cost_usd_known=Decimal("0.1"),
                other_ns=10**9,
                complete=True,
            ),
            2,
            2,
        )
    )
    for n in (1, 2, 3)
]


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR", "CLICKHOUSE_USER", "CLICKHOUSE_PASSWORD"):
        monkeypatch.delenv(name, raising=False)


def metrics_of(store: Store, *arguments: object) -> Done:
    """What the command says of a store."""
    with clickhouse(store):
        return nanoagent("metrics", "--clickhouse", store.url, *arguments)


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_a_stored_run_is_shown_as_that_of_a_file(arguments: list[str], tmp_path: Path) -> None:
    file = exported(tmp_path / "traces.jsonl", asyncio.run(a_run()).captured.spans)
    runs = list(counted_runs(read_file(str(file), Problems(), progress=lambda read, size: None), Problems()))
    assert metrics_of(Store(list(map(row_of, runs))), *SINCE, *arguments) == nanoagent("metrics", file, *arguments)


def test_many_are_a_line_each_and_a_total_without_nested_and_unjudged_ones() -> None:
    nested = ROWS[1] | {"parent_run_id": "run-1"}
    lost = ROWS[2] | {"complete": False, "expected_spans": 9, "missing_parents": ["b7ad6b7169203331"]}
    large = row_of(CountedRun(PerformanceMetrics(run_id="large", start_time_unix_ns=10**18), 25_000), judged=False)
    done = metrics_of(Store([large, ROWS[0], nested, lost]), *SINCE)
    assert done.out.splitlines() == [
        "  run           status      calls  tools     in/out tokens        cost      time",
        "  run-1         completed       1      0          1,000/10      $0.100    1.00 s",
        "└ run-2         completed       1      0          2,000/10      $0.100    1.00 s",
        "! run-3         completed       1      0          3,000/10      $0.100    1.00 s",
        "  total of 2 runs               2      0          4,000/20      $0.200    2.00 s",
        "└ 1 is nested in another run, and in its numbers",
        "! 1 is not complete",
    ]
    assert (done.code, done.err.splitlines()) == (
        3,
        [
            "run large: has 25,000 spans, more than the view judges: left out of all numbers",
            "run run-3 is not complete: 2 of 9 spans found, missing parents: b7ad6b7169203331",
        ],
    )


def test_the_runs_of_the_last_hour_are_shown_unless_other_times_are_asked_for() -> None:
    done = metrics_of(store := Store(ROWS))
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith("no runs: none began since 20")
    assert done.err.endswith(f" UTC in ClickHouse at {store.url}/otel; --since looks further back\n")
    done = metrics_of(store, *SINCE, "--until", "2001-01-01")
    assert done.err == (
        "no runs: none began since 2000-01-01 00:00:00 UTC until 2001-01-01 00:00:00 UTC in "
        f"ClickHouse at {store.url}/otel; --since looks further back\n"
    )
    done = metrics_of(store, "--since", "9999-12-31T23:59-14:00")
    assert (done.code, done.err.count("\n")) == (4, 1)
    assert "--since takes a time ago, such as 30s, 15m, 1h or 2d" in done.err
    assert json.loads(metrics_of(store, "--json").out) == []


def test_a_time_without_a_zone_is_one_in_utc_wherever_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        with monkeypatch.context() as elsewhere:
            elsewhere.setenv("TZ", "Asia/Tokyo")
            time.tzset()
            done = metrics_of(Store(ROWS), "--since", "2026-11-25T08:00")
    finally:
        time.tzset()
    assert done.err.startswith("no runs: none began since 2026-11-25 08:00:00 UTC in ")


def test_a_run_is_picked_by_its_id_or_how_it_begins_whenever_it_was() -> None:
    done = metrics_of(store := Store(ROWS), "--run", "run-2", "--json")
    assert (done.code, [run["run_id"] for run in json.loads(done.out)]) == (0, ["run-2"])
    assert " FROM nanoagent_runs WHERE startsWith(run_id, " in store.asked[-1][0]
    longer = Store([*ROWS, ROWS[0] | {"run_id": "run-10"}])
    assert [run["run_id"] for run in json.loads(metrics_of(longer, "--run", "run-1", "--json").out)] == ["run-1"]
    done = metrics_of(store, "--run", "run-")
    assert (done.code, done.out) == (4, "")
    assert done.err == "error: --run must name one run, got 'run-', with which several begin: run-1, run-2, run-3\n"
    done = metrics_of(Store([ROWS[0] | {"run_id": "x\n1"}, ROWS[1] | {"run_id": "x\n2"}]), "--run", "x")
    assert (done.code, done.err.count("\n")) == (4, 1)
    done = metrics_of(store, "--run", "other")
    assert (done.code, done.err) == (
        4,
        "error: --run must name a run of the sources, got 'other': none whose id begins so began at any time in "
        f"ClickHouse at {store.url}/otel\n",
    )
    done = metrics_of(store, *SINCE, "--run", "\udcff")
    assert (done.code, done.out) == (4, "")
    assert "none whose id begins so began since 2000-01-01 00:00:00 UTC in ClickHouse at" in done.err
    assert done.err.endswith("; --since looks further back\n")


def test_a_run_that_is_picked_and_too_large_to_be_judged_is_told() -> None:
    done = metrics_of(Store([ROWS[0] | {"judged": False, "spans": 9_999}]), "--run", "run-1")
    assert (done.code, done.out) == (3, "")
    assert done.err == "run run-1: has 9,999 spans, more than the view judges: left out of all numbers\n"


BAD_STORES: dict[str, tuple[Mapping[str, Any], str]] = {
    "password": (
        {"password": "x"},
        "does not take the password of 'default': put user and password into CLICKHOUSE_US",
    ),
    "database": (
        {"database": "mine"},
        "has no 'otel': the Collector's exporter makes it when it starts; another one is ",
    ),
    "table": (
        {"tables": {"nanoagent_runs"}},
        "has no table otel_traces: the Collector's exporter makes it when it sta",
    ),
    "neither": (
        {"tables": set()},
        "has no table otel_traces: the Collector's exporter makes it when it starts; make ",
    ),
    "view": ({"tables": {"otel_traces"}}, f"has no nanoagent_runs: make it with {MAKE}"),
    "version": ({"rows": [ROWS[0] | {"schema_version": 2}]}, f" is of version 2, not 1: make it anew with {MAKE}"),
    "both": (
        {"rows": [ROWS[0] | {"schema_version": 2}], "columns": COLUMNS[1:]},
        f" is of version 2, not 1: make it anew with {MAKE}",
    ),
    "column": ({"columns": COLUMNS[1:]}, f" has no column {COLUMNS[0]}: make it anew with {MAKE}"),
    "count": (
        {"rows": [ROWS[0] | {"api_calls": -1}]},
        "gives a row that is no run (not metrics: api_calls must be a who",
    ),
    "text": ({"rows": [ROWS[0] | {"api_calls": "x"}]}, "api_calls must be a whole number of 0 or more, got 'x'"),
    "part": ({"rows": [ROWS[0] | {"by_phase": [[1]]}]}, "not metrics: expected a mapping of fields, got [1]"),
    "spans": ({"rows": [ROWS[0] | {"spans": None}]}, "not a run: got None of 2 spans, and [] as missing parents"),
    "expected spans": (
        {"rows": [ROWS[0] | {"expected_spans": "x"}]},
        "not a run: got 2 of 'x' spans, and [] as missing p",
    ),
    "parents": ({"rows": [ROWS[0] | {"missing_parents": None}]}, "not a run: got 2 of 2 spans, and None as missing pa"),
    "rights": (
        {"reply": lambda pieces: refusal(497, "ACCESS_DENIED", "default: Not enough privileges", status=403)},
        "got 'default: Not enough privileges' from",
    ),
    "memory": (
        {"reply": lambda pieces: refusal(241, "MEMORY_LIMIT_EXCEEDED", "Memory limit (for query) exceeded")},
        "got 'Memory limit (for query) exceeded' from",
    ),
    "time": (
        {"reply": lambda pieces: refusal(159, "TIMEOUT_EXCEEDED", "Timeout exceeded: elapsed 9 s, maximum 5 s")},
        "ask for fewer with --since, or raise that limit",
    ),
    "anything": (
        {"reply": lambda pieces: refusal(999, "KEEPER_EXCEPTION", "Coordination\x1berror")},
        "got 'Coordination error' (code 999) from",
    ),
    "broken": ({"reply": lambda pieces: Reply(pieces[:2])}, "got 1 row, and no word that these are all from"),
    "broken by an error": (
        {"reply": lambda pieces: Reply([*pieces[:2], exception(202, "TOO_MANY", "Too many").encode()], ends=False)},
        "got 'Too many' from",
    ),
}


@pytest.mark.parametrize(("store", "said"), BAD_STORES.values(), ids=BAD_STORES)
@pytest.mark.parametrize("arguments", [[], ["--json"]], ids=["table", "json"])
def test_a_store_that_cannot_be_read_is_one_line_and_exit_code_4(
    store: Mapping[str, Any], said: str, arguments: list[str]
) -> None:
    done = metrics_of(served := Store(**{"rows": ROWS, **store}), *SINCE, *arguments)
    assert (done.code, done.err.count("\n")) == (4, 1)
    assert said in done.err
    assert served.url in done.err
    with pytest.raises(ValueError, match=r"Expecting|Extra data"):
        json.loads(done.out)


def test_who_may_not_look_for_the_view_is_told_what_clickhouse_says() -> None:
    class Reticent(Store):
        def answer(self, question: str, parameters: dict[str, str], authorization: str) -> Reply:
            if question.startswith("EXISTS"):
                return refusal(497, "ACCESS_DENIED", "default: Not enough privileges", status=403)
            return super().answer(question, parameters, authorization)

    done = metrics_of(Reticent(tables={"otel_traces"}), *SINCE)
    assert (done.code, done.out, done.err.count("\n")) == (4, "", 1)
    assert "got \"Unknown table expression identifier 'nanoagent_runs_since'\" (code 46) from" in done.err
    assert f"or make the view anew with {MAKE}" in done.err


def test_of_a_store_that_breaks_off_no_total_is_shown() -> None:
    done = metrics_of(Store(ROWS, reply=lambda pieces: Reply([*pieces[:-1], pieces[-1][:9]])), *SINCE)
    assert done.code == 4
    assert "total" not in done.out


BAD_SERVERS: dict[str, tuple[Behaviour, str]] = {
    "page": (answer("<html>Sign in</html>"), "ClickHouse must be what answers, got "),
    "page later": (answer("not found", 404), "got 'HTTP driver received HTTP status 404, server response: not found' "),
    "native port": (
        raw(b"HTTP/1.0 400 Bad Request\r\n\r\nPort 9000 is for clickhouse-client program\r\n"),
        "server response: Port 9000 is for clickhouse-client program' from",
    ),
    "hung up": (hang_up, "got the end of the connection from"),
    "no http": (raw(b"\0\0\0\x04\n\r\n\r\n"), "ClickHouse must be what answers, got "),
    "busy": (answer("busy", 503), "HTTP status 503, server response: busy"),
}


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize(("behaviour", "said"), BAD_SERVERS.values(), ids=BAD_SERVERS)
def test_what_is_no_clickhouse_is_one_line_and_exit_code_4(behaviour: Behaviour, said: str, is_first: bool) -> None:
    good = [] if is_first else [answer("26.9.2.1\tUTC\n")]
    with serving(*good, behaviour) as server:
        done = nanoagent("metrics", "--clickhouse", server.url)
    assert (done.code, done.out, done.err.count("\n")) == (4, "", 1)
    assert f"{server.url}" in done.err
    if is_first:
        assert said in done.err
        assert "the port is that of the HTTP interface, 8123 or, with TLS, 8443" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--clickhouse", "localhost:8123"], "--clickhouse takes http://HOST:8123/DATABASE or https://HOST:8443/DATABASE"),
        (["--clickhouse", "http://h", "--since", "yesterday"], "--since takes a time ago, such as 30s, 15m, 1h or 2d"),
        (["--clickhouse", "http://h", "--until", "then"], "--until takes a time ago"),
        (["--clickhouse", "http://h", "a.jsonl"], "got a source beside it: leave one of them out"),
        (["--clickhouse", "http://h", "--service", "s"], "got --service beside it: leave one of them out"),
        (["--clickhouse", "http://h", "--attribute", "a=b"], "got --attribute beside it"),
        (["--clickhouse", "http://h", "--limit", "9"], "got --limit beside it"),
        (["--clickhouse", "http://h", "--jaeger", "http://j"], "got --jaeger beside it"),
        (["--clickhouse", "http://h", "--since", "999999d"], "--since takes a time ago, such as 30s, 15m, 1h or 2d"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_one_line_and_exit_code_4(arguments: list[str], said: str) -> None:
    done = nanoagent("metrics", *arguments)
    assert (done.code, done.out, done.err.count("\n")) == (4, "", 1)
    assert said in done.err


def test_without_its_client_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "clickhouse_connect", None)
    done = nanoagent("metrics", "--clickhouse", "http://localhost")
    assert (done.code, done.out, done.err.count("\n")) == (4, "", 1)
    assert "--clickhouse needs clickhouse-connect, got " in done.err
    assert "pip install 'nanoagent[clickhouse]'" in done.err


def test_a_store_that_is_down_is_one_line_for_a_process_of_its_own() -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    done = run_python("-c", "from instrumentation.cli import main; main()", "metrics", "--clickhouse", url)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (4, "", 1)
    assert f"nothing listens at {url}: start it" in done.stderr
