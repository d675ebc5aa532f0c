"""Where a run is: its trace and its root, found in a file or in a Jaeger by the run's id."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from instrumentation.reading.jaeger_api import JaegerApi
from instrumentation.reading.jaeger_errors import JaegerError, shown_url
from instrumentation.reading.problems import Problems
from instrumentation.reading.spans import Batch
from nanoagent.core.records import is_root
from nanoagent.errors import ConfigurationError
from nanoagent.tracing import names

LOOK_BACK: Final = timedelta(days=7)
"""So far back a run is looked for in Jaeger; it is as far as the search page of its UI goes."""
_AHEAD: Final = timedelta(minutes=5)
"""The clock that stamped the run may be so far ahead of ours."""
_MOST_TRACES: Final = 8
"""One is enough; further ones show that the id does not say which run is meant."""
_WAYS_OUT: Final = "give the run's trace with --trace TRACE_ID, or a file that it is in with --in FILE"


class RunPlace(NamedTuple):
    """Where a run is."""

    trace_id: str
    span_id: str | None = None
    """The run's root; `None` where it was not found."""
    service: str | None = None
    """The service that sent it; `None` where that is not known."""


def place_in(batches: Iterable[Batch], run_id: str, source: str) -> RunPlace:
    """Where the run is in these spans, by its id as `nanoagent metrics` shows it.

    Args:
        batches: The spans.
        run_id: The run's id; that of a run of others is the span id of its root.
        source: As messages name where the spans are from.

    Raises:
        ConfigurationError: The run is not there, or there are several of this id.
    """
    roots: dict[str, str | None] = {}
    for trace_id, span_id in _places(batches, run_id):
        roots[trace_id] = span_id or roots.get(trace_id)
    return _only(roots, run_id, source)


def place_in_jaeger(url: str, run_id: str, problems: Problems, *, now: datetime) -> RunPlace:
    """Where the run is in a Jaeger, whichever service has sent it.

    Args:
        url: The UI's base URL.
        run_id: The run's id, of a run of ours.
        problems: Hears of what could not be read.
        now: The end of the search.

    Raises:
        ConfigurationError: Jaeger cannot be read, the run is not there, or there are several of this id.
    """
    api = JaegerApi(url)
    try:
        for service in sorted(api.services(), key=lambda name: name != names.SCOPE_NAME):
            found = api.search(
                service,
                problems,
                start=now - LOOK_BACK,
                end=now + _AHEAD,
                attributes={names.RUN_ID: run_id},
                limit=_MOST_TRACES,
            )
            if batches := list(found):
                return place_in(batches, run_id, "Jaeger")._replace(service=service)
    except JaegerError as error:
        raise ConfigurationError(f"{error}; or {_WAYS_OUT}") from error
    raise ConfigurationError(
        f"the run must be in Jaeger at {shown_url(url)} to be found, got none of the last {LOOK_BACK.days} days whose "
        f"whole id is {run_id}, or not yet: {_WAYS_OUT}"
    )


def _places(batches: Iterable[Batch], run_id: str) -> Iterator[tuple[str, str | None]]:
    """The traces with spans of the run; with its root, where it is the root that was found."""
    for batch in batches:
        for span in batch:
            of = span.attributes.get(names.RUN_ID)
            if of == run_id:
                yield span.trace_id, span.span_id if is_root(span.attributes) else None
            elif of is None and span.span_id == run_id:
                yield span.trace_id, span.span_id


def _only(roots: dict[str, str | None], run_id: str, source: str) -> RunPlace:
    if not roots:
        raise ConfigurationError(f"the run must be in {source} to be scored, got no run {run_id} there: {_WAYS_OUT}")
    if len(roots) > 1:
        several = ", ".join(list(roots)[:_MOST_TRACES])
        raise ConfigurationError(
            f"run {run_id} must be in one trace, got several in {source}: choose one with --trace, out of {several}"
        )
    [(trace_id, span_id)] = roots.items()
    return RunPlace(trace_id, span_id)
