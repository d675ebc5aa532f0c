"""Jaeger's HTTP API v3, which gives stored traces back: one by its id, or those that a search finds.

The names of its parameters are those that every version since 2.13 takes:
https://github.com/jaegertracing/jaeger/blob/main/cmd/jaeger/internal/extension/jaegerquery/internal/apiv3/http_gateway.go
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from instrumentation.reading.answers import NoAnswer, get
from instrumentation.reading.jaeger_errors import bad_answer, no_answer, no_json, no_traces, not_found
from instrumentation.reading.otlp_json import spans_of
from instrumentation.reading.problems import Problems
from instrumentation.reading.spans import Batch, ReadSpan
from nanoagent.errors import ConfigurationError

DEADLINE_S: Final = 10.0
"""For one answer, from the question to its last byte."""
MAX_ANSWER: Final = 256 << 20
"""Bytes of the largest answer that is read; a span takes about 1,000."""
MOST_TRACES: Final = 1_500
"""The most traces that are asked for at once; it is the UI's limit, too."""
_RAW: Final = {"raw_traces": "true", "rawTraces": "true"}
"""Both spellings: before 2.21, a read that is not raw writes warnings into the stored spans."""


class JaegerApi:
    """A Jaeger to read from.

    Example:
        >>> problems = Problems()
        >>> batches = JaegerApi("http://localhost:16686").trace("0af7651916cd43dd8448eb211c80319c", problems)
        >>> runs = list(counted_runs(batches, problems))
    """

    def __init__(self, url: str, *, deadline_s: float = DEADLINE_S, max_bytes: int = MAX_ANSWER) -> None:
        """Ask nothing yet.

        Args:
            url: The UI's base URL, as `instrumentation.jaeger.ui_url_from_env` gives it.
            deadline_s: For each answer.
            max_bytes: Of each answer.
        """
        self.url: Final = url.rstrip("/")
        self._deadline_s = deadline_s
        self._max_bytes = max_bytes

    def trace(self, trace_id: str, problems: Problems) -> Iterator[Batch]:
        """The spans of a trace that are there by now.

        Args:
            trace_id: As `trace_ids.trace_id_of` gives it.
            problems: Hears of what is no span in the answer.

        Raises:
            TraceNotFound: It is not there, or not yet.
            JaegerError: Jaeger cannot be read.
        """
        path = f"/api/v3/traces/{trace_id}"
        spans = self._spans(path, _RAW, problems, f"trace {trace_id} in Jaeger")
        if not spans:
            raise not_found(self.url, trace_id)
        return iter([spans])

    def search(
        self,
        service: str,
        problems: Problems,
        *,
        start: datetime,
        end: datetime,
        attributes: Mapping[str, object] | None = None,
        limit: int = 20,
    ) -> Iterator[Batch]:
        """The traces of a service, a batch each, the latest first; none where there are none.

        Args:
            service: The `service.name` that the traces were sent under.
            problems: Hears of what is no span, and that there may be more traces than the limit lets through.
            start: Traces that begin no earlier.
            end: Traces that begin no later.
            attributes: One span of the trace has all of these. Values are compared as exact text, as Jaeger does it:
                `true`, `12`. Some versions leave this to us; we then look at up to 1,500 traces, and not at resources.
            limit: The most traces, 1 to 1,500.

        Raises:
            ConfigurationError: There can be no such search.
            JaegerError: Jaeger cannot be read.
        """
        wanted = {key: as_text(value) for key, value in (attributes or {}).items()}
        start, end = start.astimezone(UTC), end.astimezone(UTC)
        _check_search(service, start, end, limit)
        asked = MOST_TRACES if wanted else limit
        query = {
            "query.service_name": service,
            "query.start_time_min": start.isoformat(),
            "query.start_time_max": end.isoformat(),
            "query.num_traces": str(asked),
            **({"query.attributes": json.dumps(wanted)} if wanted else {}),
            **{f"query.{key}": value for key, value in _RAW.items()},
        }
        traces: dict[str, list[ReadSpan]] = {}
        for span in self._spans("/api/v3/traces", query, problems, "Jaeger"):
            traces.setdefault(span.trace_id, []).append(span)
        found = [spans for spans in traces.values() if any(_has(span, wanted) for span in spans)]
        found.sort(key=lambda spans: min(span.start_ns for span in spans), reverse=True)
        if len(found) > limit or len(traces) >= asked:
            what = (
                f"there may be more than the {min(limit, len(found)):,} traces that are read: look at less time at once"
            )
            problems.add("the search in Jaeger", what, lossy=False)
        return iter(found[:limit])

    def services(self) -> list[str]:
        """The services that have sent spans, sorted; it costs Jaeger little, and shows that it can be read.

        Raises:
            JaegerError: Jaeger cannot be read.
        """
        path = "/api/v3/services"
        body = self._ask(path, {})
        if body is None:
            return []
        try:
            found: Any = json.loads(body)
            return sorted(map(str, found.get("services") or ()))
        except (ValueError, AttributeError, TypeError, RecursionError) as error:
            raise no_json(f"{self.url}{path}", body) from error

    def _spans(self, path: str, query: Mapping[str, str], problems: Problems, where: str) -> list[ReadSpan]:
        """The spans of an answer; none where Jaeger says that it has none."""
        body = self._ask(path, query)
        if body is None:
            return []
        if not body.strip():
            raise no_json(f"{self.url}{path}", body)
        met = Problems()
        try:
            spans = spans_of(body, met, where)
        except json.JSONDecodeError as error:
            raise no_json(f"{self.url}{path}", body) from error
        if met.kept and not spans:
            raise no_traces(f"{self.url}{path}", met.kept[0].what)
        problems.take(met)
        return spans

    def _ask(self, path: str, query: Mapping[str, str]) -> bytes | None:
        """An answer that is one; `None` where there is nothing of the kind."""
        url = f"{self.url}{path}"
        try:
            answer = get(url, query, deadline_s=self._deadline_s, max_bytes=self._max_bytes)
        except NoAnswer as error:
            raise no_answer(url, error) from error
        if (wrong := bad_answer(url, answer)) is not None:
            raise wrong
        return answer.body if answer.status == 200 else None


def as_text(value: object) -> str:
    """A value as Jaeger compares it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _has(span: ReadSpan, wanted: Mapping[str, str]) -> bool:
    return all(key in span.attributes and as_text(span.attributes[key]) == value for key, value in wanted.items())


def _check_search(service: str, start: datetime, end: datetime, limit: int) -> None:
    if not service.strip():
        raise ConfigurationError(f"a search in Jaeger needs the name of a service, got {service!r}")
    if not start < end:
        raise ConfigurationError(f"a search in Jaeger must end after its start, got {start} to {end}")
    if not 1 <= limit <= MOST_TRACES:
        raise ConfigurationError(f"a search in Jaeger gives 1 to {MOST_TRACES:,} traces, got a limit of {limit}")
