"""Jaeger's API over real sockets: what is asked, what comes of good answers, and one clear line for each bad one."""

import gzip
import json
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from instrumentation.reading.jaeger_api import JaegerApi
from instrumentation.reading.jaeger_errors import JaegerDown, JaegerError, JaegerNotReady, TraceNotFound
from instrumentation.reading.problems import Problem, Problems
from nanoagent.errors import ConfigurationError
from tests.commands import run_python
from tests.instrumentation.reading.otlp import TRACE, as_otlp, read_span
from tests.instrumentation.reading.web_server import (
    Behaviour,
    answer,
    closed_port,
    cut,
    drip_body,
    drip_head,
    drip_pieces,
    hang,
    hang_up,
    head,
    raw,
    serving,
)

START = datetime(2026, 11, 25, 12, tzinfo=UTC)
END = START + timedelta(hours=1)
LATER = "f" * 32


def result(*spans: Any) -> str:
    return json.dumps({"result": as_otlp(*spans)})


def query_of(request: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(request.split()[1]).query)


def test_a_trace_is_asked_for_raw_in_both_spellings_and_read() -> None:
    span = read_span(attributes={"a": 1})
    with serving(answer(result(span))) as server:
        problems = Problems()
        assert [*JaegerApi(f"{server.url}/base/").trace(TRACE, problems)] == [[span]]
    assert server.asked[0].startswith(f"GET /base/api/v3/traces/{TRACE}?raw_traces=true&rawTraces=true HTTP/1.1\r\n")
    assert problems.count == 0


def test_of_many_problems_in_an_answer_the_first_are_told_and_all_are_counted() -> None:
    broken = as_otlp(read_span())
    broken["resourceSpans"][0]["scopeSpans"][0]["spans"] += [{"traceId": f"?{n}", "spanId": "?"} for n in range(300)]
    with serving(answer(json.dumps({"result": broken}))) as server:
        problems = Problems()
        assert [*JaegerApi(server.url).trace(TRACE, problems)] == [[read_span()]]
    assert (problems.count, len(problems.kept), problems.lossy) == (300, 100, True)


def test_what_is_no_span_in_an_answer_is_told_and_the_rest_is_read() -> None:
    broken = as_otlp(read_span())
    broken["resourceSpans"][0]["scopeSpans"][0]["spans"].append({"traceId": "?", "spanId": "?"})
    with serving(answer(json.dumps({"result": broken}))) as server:
        problems = Problems()
        assert [*JaegerApi(server.url).trace(TRACE, problems)] == [[read_span()]]
    where, what = f"trace {TRACE} in Jaeger", "a span has no usable ids (traceId '?', spanId '?'): left out"
    assert (problems.kept, problems.lossy) == ([Problem(where, what)], True)


def test_a_packed_answer_is_unpacked() -> None:
    packed = gzip.compress(result(read_span()).encode())
    reply = head(200, len(packed)).replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n") + packed
    with serving(raw(reply)) as server:
        assert [*JaegerApi(server.url).trace(TRACE, Problems())] == [[read_span()]]


def test_a_search_is_asked_as_every_version_takes_it_and_gives_the_latest_traces_first() -> None:
    early, late = read_span(start_ns=1), read_span(trace_id=LATER, start_ns=9)
    with serving(answer(result(early, late))) as server:
        problems = Problems()
        found = [*JaegerApi(server.url).search("nanoagent", problems, start=START, end=END, limit=3)]
    assert (found, problems.count) == ([[late], [early]], 0)
    assert query_of(server.asked[0]) == {
        "query.service_name": ["nanoagent"],
        "query.start_time_min": ["2026-11-25T12:00:00+00:00"],
        "query.start_time_max": ["2026-11-25T13:00:00+00:00"],
        "query.num_traces": ["3"],
        "query.raw_traces": ["true"],
        "query.rawTraces": ["true"],
    }


def test_the_attributes_of_a_search_must_all_stand_on_one_span_as_text() -> None:
    wanted = {"a": "x", "n": 12, "b": True}
    split = [
        read_span("1" * 16, trace_id="1" * 32, attributes={"a": "x"}),
        read_span("2" * 16, trace_id="1" * 32, attributes={"n": 12, "b": True}),
    ]
    other = read_span(trace_id="2" * 32, attributes={"a": "x", "n": "12.0", "b": True})
    good = read_span(trace_id="3" * 32, attributes={"a": "x", "n": 12, "b": True, "c": None})
    with serving(answer(result(*split, other, good))) as server:
        problems = Problems()
        api = JaegerApi(server.url)
        assert [*api.search("s", problems, start=START, end=END, attributes=wanted)] == [[good]]
        query = query_of(server.asked[0])
        assert json.loads(query["query.attributes"][0]) == {"a": "x", "n": "12", "b": "true"}
        assert query["query.num_traces"] == ["1500"]
    assert problems.count == 0


@pytest.mark.parametrize("attributes", [{}, {"a": 1}])
def test_a_search_whose_limit_is_met_says_that_there_may_be_more(attributes: dict[str, object]) -> None:
    spans = [read_span(trace_id=f"{n:032x}", start_ns=n, attributes={"a": 1}) for n in (1, 2)]
    with serving(answer(result(*spans))) as server:
        problems = Problems()
        api = JaegerApi(server.url)
        found = api.search("s", problems, start=START, end=END, attributes=attributes, limit=1)
        assert [*found] == [[spans[1]]]
    what = "there may be more than the 1 traces that are read: look at less time at once"
    assert (problems.kept, problems.lossy) == ([Problem("the search in Jaeger", what)], False)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"service": " "}, "needs the name of a service, got ' '"),
        ({"end": START}, "must end after its start, got 2026-11-25 12:00:00+00:00 to 2026-11-25 12:00:00+00:00"),
        ({"limit": 0}, "gives 1 to 1,500 traces, got a limit of 0"),
        ({"limit": 1_501}, "got a limit of 1501"),
    ],
)
def test_a_search_that_cannot_be_is_refused_and_not_asked(changed: dict[str, Any], said: str) -> None:
    search: dict[str, Any] = {"service": "s", "start": START, "end": END, **changed}
    with pytest.raises(ConfigurationError, match="a search in Jaeger") as refused:
        JaegerApi("http://127.0.0.1:1").search(problems=Problems(), **search)
    assert said in str(refused.value)


def test_nothing_found_is_no_trace_and_an_empty_search() -> None:
    none = answer('{"error":{"httpCode":404,"message":"No traces found"}}\n', 404)
    for behaviour in (none, answer('{"result":{"resourceSpans":[]}}'), answer("{}")):
        with serving(behaviour) as server:
            assert [*JaegerApi(server.url).search("s", Problems(), start=START, end=END)] == []
            with pytest.raises(TraceNotFound, match=f"at {server.url} has no trace {TRACE}, or not yet: check the id"):
                JaegerApi(server.url).trace(TRACE, Problems())


def test_the_services_are_listed() -> None:
    with serving(answer('{"services":["b","a"]}'), answer("{}")) as server:
        assert JaegerApi(server.url).services() == ["a", "b"]
        assert JaegerApi(server.url).services() == []


PAGE = "<!DOCTYPE html>\n<html><body>Sign in</body></html>"
BAD: list[tuple[str, Behaviour, type[JaegerError], str]] = [
    ("page", answer(PAGE, content_type="text/html"), JaegerError, "got a page of HTML from"),
    ("page of a proxy", answer(PAGE, 502), JaegerError, "a proxy or a login is before it, or the path"),
    ("otlp port", answer("404 page not found\n", 404), JaegerError, "4317 and 4318 take spans, and the UI's port"),
    ("otlp method", answer("405 method not allowed", 405), JaegerError, "got status 405 from"),
    (
        "500",
        answer('{"error":{"httpCode":500,"message":"cannot open index\\nstack"}}', 500),
        JaegerNotReady,
        "(cannot open index): look at what Jaeger logs",
    ),
    ("500 of text", answer("out of\x1b memory.\nmore", 503), JaegerNotReady, "(out of\ufffd memory): look"),
    ("500 of nothing", answer("", 500), JaegerNotReady, "(it says nothing)"),
    ("error in 200", answer('{"error":{"message":"no storage"}}'), JaegerNotReady, "got status 200 from"),
    ("400", answer('{"error":{"message":"malformed"}}', 400), JaegerError, "got status 400 from"),
    ("401", answer("no", 401), JaegerError, "put user and password into NANOAGENT_JAEGER_URL"),
    ("no json", answer("hello\nworld"), JaegerError, "must answer with JSON, got 'hello' from"),
    ("no utf-8", answer(b"\xff\xfe"), JaegerError, "must answer with JSON, got '\ufffd\ufffd' from"),
    ("half a json", answer('{"result":'), JaegerError, "must answer with JSON, got '{\"result\":' from"),
    ("empty", answer(""), JaegerError, "must answer with JSON"),
    ("no traces", answer('{"data":[],"total":0}'), JaegerError, "no OTLP traces: its keys are 'data', 'total'"),
    ("a list", answer("[1]"), JaegerError, "OTLP traces"),
    ("cut", cut, JaegerNotReady, "ended the connection"),
    ("hung up", hang_up, JaegerNotReady, "if it stays so, look at the port: 4317 and 4318 take spans"),
    ("no http", raw(b"\0\0\0\x04\n\r\n\r\n"), JaegerError, "got no HTTP from"),
    ("a loop", raw(b"HTTP/1.1 302 X\r\nLocation: /\r\n\r\n"), JaegerError, "(Exceeded 30 redirects)"),
]


@pytest.mark.parametrize(("behaviour", "error", "said"), [bad[1:] for bad in BAD], ids=[bad[0] for bad in BAD])
def test_each_bad_answer_is_one_clear_line(behaviour: Behaviour, error: type[JaegerError], said: str) -> None:
    with serving(behaviour) as server, pytest.raises(JaegerError) as raised:
        JaegerApi(server.url).trace(TRACE, Problems())
    assert type(raised.value) is error
    assert said in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1
    assert server.url in str(raised.value)


@pytest.mark.parametrize("behaviour", [hang, drip_body, drip_head])
def test_the_deadline_holds_for_the_whole_answer(behaviour: Behaviour) -> None:
    started_s = time.monotonic()
    with serving(behaviour) as server:
        with pytest.raises(JaegerNotReady, match=r"must answer in time, got no (whole )?answer within"):
            JaegerApi(server.url, deadline_s=0.3).trace(TRACE, Problems())
        assert time.monotonic() - started_s < 1
    _await_no_readers()


def test_what_comes_after_the_deadline_is_not_read_on() -> None:
    with serving(drip_pieces) as server:
        with pytest.raises(JaegerNotReady, match="in time"):
            JaegerApi(server.url, deadline_s=0.1).trace(TRACE, Problems())
        _await_no_readers()


def _await_no_readers() -> None:
    deadline_s = time.monotonic() + 5
    while any(thread.name == "nanoagent-reading" for thread in threading.enumerate()):
        assert time.monotonic() < deadline_s, "a thread that nobody waits for is left"
        time.sleep(0.01)


def test_a_jaeger_that_is_down_says_what_to_start_and_which_setting_leads_elsewhere() -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    with pytest.raises(JaegerDown) as down:
        JaegerApi(url).trace(TRACE, Problems())
    assert str(down.value) == (
        f"Jaeger must run to be read, but nothing listens at {url}: start it with docker compose up -d --wait jaeger, "
        "or set NANOAGENT_JAEGER_URL to the address of its UI, http://localhost:16686 by default"
    )


@pytest.mark.parametrize("url", ["http://", "http://localhost:99999", "http://[::1"])
def test_a_url_that_is_none_is_said(url: str) -> None:
    with pytest.raises(JaegerError, match="got no HTTP from"):
        JaegerApi(url).services()


def test_an_answer_that_is_too_large_is_not_read_to_its_end() -> None:
    too_large = pytest.raises(JaegerError, match="got more than 100,000 bytes: ask for fewer traces")
    with serving(answer(b"x" * 1_000_000)) as server, too_large:
        JaegerApi(server.url, max_bytes=100_000).trace(TRACE, Problems())


def test_a_password_in_the_url_is_sent_and_never_shown() -> None:
    with serving(answer("no", 500)) as server, pytest.raises(JaegerNotReady) as raised:
        JaegerApi(server.url.replace("//", "//me:secret@")).trace(TRACE, Problems())
    assert "Authorization: Basic bWU6c2VjcmV0" in server.asked[0]
    assert "secret" not in str(raised.value)
    assert f"from {server.url}/api" in str(raised.value)


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with serving(answer('{"services":["a"]}')) as server:
        assert JaegerApi(server.url).services() == ["a"]
        assert JaegerApi(server.url.replace("127.0.0.1", "localhost")).services() == ["a"]


def test_a_proxy_of_the_environment_is_asked_for_other_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with serving(answer('{"services":["a"]}')) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert JaegerApi("http://jaeger.invalid").services() == ["a"]
    assert proxy.asked[0].startswith("GET http://jaeger.invalid/api/v3/services HTTP/1.1")


def test_who_does_not_ask_does_not_wait_for_the_libraries_of_asking() -> None:
    program = (
        "import sys\n"
        "import instrumentation.reading.arrival, instrumentation.reading.jaeger_api, instrumentation.verification\n"
        "print(sorted({'requests', 'urllib3', 'pydantic', 'pydantic_ai', 'opentelemetry.sdk'} & set(sys.modules)))"
    )
    assert run_python("-c", program).stdout == "[]\n"
