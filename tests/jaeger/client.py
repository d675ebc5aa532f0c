"""A reader of Jaeger's HTTP API v3 for tests."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict

DEADLINE_S = 15.0
POLL_S = 0.05
# The most that the UI lists, and more than any test stores.
NUM_TRACES = 1500

# The environment may name a proxy, which knows nothing of this machine's loopback.
_http = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Event(TypedDict):
    """An event of a span."""

    name: str
    timeUnixNano: int
    attributes: dict[str, Any]


class Span(TypedDict):
    """A span under OTLP's own names, its values as Python has them; ids are lower-case hex."""

    traceId: str
    spanId: str
    parentSpanId: str
    """Empty for a root."""
    name: str
    kind: str
    """As in the SDK: `INTERNAL`, `CLIENT`..."""
    status: str
    """`UNSET`, `OK` or `ERROR`."""
    statusMessage: str
    startTimeUnixNano: int
    endTimeUnixNano: int
    attributes: dict[str, Any]
    events: list[Event]
    resource: dict[str, Any]


@dataclass(frozen=True)
class JaegerClient:
    """Reads what a Jaeger has stored.

    JaegerClient("http://127.0.0.1:16686").get_trace(trace_id, spans=3)
    """

    url: str
    """The UI's base URL, without a slash at the end."""

    def get_trace(self, trace_id: str, *, spans: int = 1, deadline_s: float = DEADLINE_S) -> list[Span]:
        """The trace's spans by start time, once at least `spans` of them are stored.

        Raises:
            TimeoutError: They were not there after `deadline_s`.
        """
        deadline = time.monotonic() + deadline_s
        # An adjusted read writes warnings into the stored spans. Jaeger's versions spell the switch differently.
        query = {"raw_traces": "true", "rawTraces": "true"}
        while True:
            found = _spans(self._get(f"/api/v3/traces/{trace_id}", query))
            if len(found) >= spans:
                return found
            if time.monotonic() > deadline:
                raise TimeoutError(f"trace {trace_id} has {len(found)} of {spans} spans after {deadline_s} s")
            time.sleep(POLL_S)

    def find_traces(self, service: str, attributes: Mapping[str, str] | None = None) -> dict[str, list[Span]]:
        """The last hour's traces of a service that have one span with all the attributes, by trace id."""
        wanted = dict(attributes or {})
        now = datetime.now(UTC)
        query = {
            "query.service_name": service,
            "query.start_time_min": (now - timedelta(hours=1)).isoformat(),
            "query.start_time_max": (now + timedelta(minutes=1)).isoformat(),
            "query.num_traces": str(NUM_TRACES),
            "query.attributes": json.dumps(wanted),
            "query.raw_traces": "true",
        }
        traces: dict[str, list[Span]] = {}
        for span in _spans(self._get("/api/v3/traces", query)):
            traces.setdefault(span["traceId"], []).append(span)
        # Jaeger 2.13 ignores `query.attributes` here.
        return {
            trace_id: spans
            for trace_id, spans in traces.items()
            if any(wanted.items() <= span["attributes"].items() for span in spans)
        }

    def services(self) -> list[str]:
        """The services that have sent spans, sorted."""
        return sorted(self._get("/api/v3/services", {}).get("services", []))

    def _get(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        try:
            with _http.open(f"{self.url}{path}?{urllib.parse.urlencode(query)}", timeout=10) as answer:
                body: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 404:  # nothing stored under it yet
                    return {}
                raise RuntimeError(f"{path} answered {error.code}: {error.read().decode()}") from error
        return body


def _spans(body: Mapping[str, Any]) -> list[Span]:
    found = [
        _span(raw, resource.get("resource", {}))
        for resource in body.get("result", {}).get("resourceSpans", [])
        for scope in resource.get("scopeSpans", [])
        for raw in scope.get("spans", [])
    ]
    return sorted(found, key=lambda span: (span["startTimeUnixNano"], span["spanId"]))


def _span(raw: Mapping[str, Any], resource: Mapping[str, Any]) -> Span:
    status = raw.get("status", {})
    return Span(
        traceId=raw["traceId"].lower(),
        spanId=raw["spanId"].lower(),
        parentSpanId=raw.get("parentSpanId", "").lower(),
        name=raw["name"],
        kind=_KINDS[raw.get("kind", 0)],
        status=_STATUSES[status.get("code", 0)],
        statusMessage=status.get("message", ""),
        startTimeUnixNano=int(raw["startTimeUnixNano"]),
        endTimeUnixNano=int(raw["endTimeUnixNano"]),
        attributes=_attributes(raw),
        events=[
            Event(name=event["name"], timeUnixNano=int(event["timeUnixNano"]), attributes=_attributes(event))
            for event in raw.get("events", [])
        ],
        resource=_attributes(resource),
    )


_KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
_STATUSES = ("UNSET", "OK", "ERROR")


def _attributes(owner: Mapping[str, Any]) -> dict[str, Any]:
    return {pair["key"]: _value(pair["value"]) for pair in owner.get("attributes", [])}


def _value(wrapped: Mapping[str, Any]) -> Any:
    """What an OTLP AnyValue holds; 64-bit integers travel as strings."""
    for kind, value in wrapped.items():
        match kind:
            case "intValue":
                return int(value)
            case "arrayValue":
                return [_value(item) for item in value.get("values", [])]
            case "kvlistValue":
                return {pair["key"]: _value(pair["value"]) for pair in value.get("values", [])}
            case _:
                return value
    return None
