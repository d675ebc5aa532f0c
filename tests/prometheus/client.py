"""A reader of Prometheus's HTTP API for tests."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

DEADLINE_S = 30.0
POLL_S = 0.05

# The environment may name a proxy, which knows nothing of this machine's loopback.
_http = urllib.request.build_opener(urllib.request.ProxyHandler({}))

Found = TypeVar("Found")


@dataclass(frozen=True, kw_only=True)
class Series:
    """A series of an answer."""

    labels: dict[str, str]
    """Its name stands under `__name__`, unless an operation has dropped it."""
    points: tuple[tuple[float, float], ...]
    """Unix seconds and value; one of an instant query."""

    @property
    def value(self) -> float:
        """The last value."""
        return self.points[-1][1]


@dataclass(frozen=True)
class PrometheusClient:
    """Reads what a Prometheus knows.

    PrometheusClient("http://127.0.0.1:9090").query("up")
    """

    url: str
    """The base URL, without a slash at the end."""

    def query(self, expression: str, *, at: float | None = None) -> list[Series]:
        """What an expression comes to now, or at a Unix time, sorted by labels; a number is a series without labels.

        Raises:
            ValueError: Prometheus refuses the expression; the message says why.
        """
        times = {} if at is None else {"time": f"{at:.3f}"}
        return _series(self._get("query", {"query": expression, **times}))

    def query_range(self, expression: str, *, start: float, end: float, step_s: float) -> list[Series]:
        """What an expression comes to between two Unix times, sorted by labels."""
        window = {"start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step_s}"}
        return _series(self._get("query_range", {"query": expression, **window}))

    def names(self) -> set[str]:
        """The names of all metrics that it has."""
        return set(self._get("label/__name__/values", {}))

    def rules(self) -> dict[str, dict[str, Any]]:
        """Every rule by its name, as the API tells it: `health`, `lastError`, `state` of alerts..."""
        groups = self._get("rules", {})["groups"]
        return {rule["name"]: rule for group in groups for rule in group["rules"]}

    def targets(self) -> dict[str, dict[str, Any]]:
        """Every target that is asked, by its `instance`: `health`, `lastError`, `labels`..."""
        found = self._get("targets", {"state": "active"})["activeTargets"]
        return {target["labels"]["instance"]: target for target in found}

    def wait_for(self, expression: str, *, deadline_s: float = DEADLINE_S) -> list[Series]:
        """What an expression comes to, once it has a value at all.

        Raises:
            TimeoutError: It had none after `deadline_s`.
        """
        return waited_for(lambda: self.query(expression), f"{expression} has no value", deadline_s=deadline_s)

    def _get(self, path: str, query: Mapping[str, str]) -> Any:
        # Posted: an expression may be longer than a URL.
        data = urllib.parse.urlencode(query).encode() if "query" in query else None
        suffix = "" if data or not query else f"?{urllib.parse.urlencode(query)}"
        try:
            with _http.open(f"{self.url}/api/v1/{path}{suffix}", data, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            with error:
                raise ValueError(f"{query}: {error.code}: {error.read().decode()}") from error


def waited_for(look: Callable[[], Found], complaint: str, *, deadline_s: float = DEADLINE_S) -> Found:
    """What `look` finds, once that is something.

    Raises:
        TimeoutError: It was nothing after `deadline_s`.
    """
    deadline = time.monotonic() + deadline_s
    while not (found := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{complaint} after {deadline_s} s")
        time.sleep(POLL_S)
    return found


def _series(data: Mapping[str, Any]) -> list[Series]:
    if data["resultType"] in ("scalar", "string"):
        at, value = data["result"]
        return [Series(labels={}, points=((at, float(value)),))]
    found = [
        Series(
            labels=one["metric"],
            points=tuple((at, float(value)) for at, value in one.get("values") or [one["value"]]),
        )
        for one in data["result"]
    ]
    return sorted(found, key=lambda series: sorted(series.labels.items()))
