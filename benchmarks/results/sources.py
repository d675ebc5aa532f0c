"""Where traces are read back from: the places that this process exported them to."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from benchmarks.formats import quoted
from instrumentation.otlp.exporters import DEFAULT_FILE, FILE_VARIABLE
from instrumentation.reading.arrival import LIMIT_S, Patience, lack_of
from instrumentation.reading.counted import counted_runs
from instrumentation.reading.files import read_file
from instrumentation.reading.jaeger_api import JaegerApi
from instrumentation.reading.jaeger_errors import JaegerError, JaegerNotReady, TraceNotFound
from instrumentation.reading.problems import Problems
from instrumentation.selection import EXPORTER_VARIABLE, FILE, JAEGER
from instrumentation.telemetry import Telemetry
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.core.runs import CountedRun
from nanoagent.errors import ConfigurationError

_SAMPLER_VARIABLE: Final = "OTEL_TRACES_SAMPLER"
_WHOLE_SAMPLERS: Final = ("", "always_on", "parentbased_always_on")
"""With these, every trace of a benchmark is exported."""
_NOT_THERE: Final = "not there"

Tell = Callable[[str], object]


class Wanted(NamedTuple):
    """A run that is read back."""

    name: str
    """What people know it by."""
    run_id: str
    trace_id: str


class Found(NamedTuple):
    """What a source has of a run."""

    metrics: PerformanceMetrics | None
    """Its numbers; `None` where not all of it is there."""
    lack: str | None = None
    """What is not there, such as `incomplete, 12 of 17 spans`; `None` where nothing is missing."""


class Source(Protocol):
    """A place that traces were exported to and can be read back from."""

    @property
    def name(self) -> str:
        """The exporter that sends there."""

    @property
    def label(self) -> str:
        """As people read it."""

    def check(self) -> None:
        """Raise a `ConfigurationError` where nothing can be read back from it."""

    def read(self, wanted: Sequence[Wanted], tell: Tell) -> Iterator[Found]:
        """What it has of each of these runs, in their order; `tell` hears what is waited for."""


def sources_of(telemetry: Telemetry, env: Mapping[str, str], ui_url: str) -> tuple[Source, ...]:
    """The places that this process exports to and that can be read back from, checked.

    Raises:
        ConfigurationError: There is none, it cannot be read, or not every trace is exported.
    """
    if not telemetry.enabled:
        raise ConfigurationError("--verify needs traces, got OTEL_SDK_DISABLED=true: unset it, or leave out --verify")
    sources: list[Source] = []
    if FILE in telemetry.exporters:
        sources.append(FileSource(env.get(FILE_VARIABLE) or DEFAULT_FILE))
    if JAEGER in telemetry.exporters:
        sources.append(JaegerSource(JaegerApi(ui_url)))
    if not sources:
        raise ConfigurationError(
            f"--verify reads traces back from {FILE} or {JAEGER}, got the exporters "
            f"{', '.join(telemetry.exporters) or 'none'}: set {EXPORTER_VARIABLE}={FILE}, {JAEGER} or both"
        )
    sampler = env.get(_SAMPLER_VARIABLE, "")
    if sampler.strip().lower() not in _WHOLE_SAMPLERS:
        raise ConfigurationError(
            f"--verify needs every trace to be exported, got {_SAMPLER_VARIABLE}={quoted(sampler)}: unset it"
        )
    for source in sources:
        source.check()
    return tuple(sources)


class FileSource:
    """The file that the `file` exporter appends to, in which earlier runs may stand as well."""

    name: Final = FILE
    label: Final = "file"

    def __init__(self, path: str) -> None:
        # Whatever is benchmarked may change the working directory.
        self._path = Path(path).absolute()

    def check(self) -> None:
        """Refuse what can be written and not read back, such as a pipe."""
        if self._path.exists() and not self._path.is_file():
            raise ConfigurationError(
                f"--verify reads traces back from a file, got {FILE_VARIABLE}={quoted(str(self._path))}: "
                "name a regular one"
            )

    def read(self, wanted: Sequence[Wanted], tell: Tell) -> Iterator[Found]:
        """Read the whole file once."""
        tell("reading the file")
        ids, problems = {run.run_id for run in wanted}, Problems()
        runs: dict[str, CountedRun] = {}
        try:
            for run in counted_runs(read_file(str(self._path), problems), problems):
                run_id = run.metrics.run_id
                if run_id in ids:
                    runs[str(run_id)] = max(run, runs.get(str(run_id), run), key=lambda one: one.spans)
        except ConfigurationError as error:
            problems.add(str(self._path), str(error))
        why = f" ({problems.kept[0]})" if problems.kept else ""
        for _, run_id, _ in wanted:
            found = runs.get(run_id)
            lack = _NOT_THERE if found is None else lack_of(found)
            yield Found(None, f"{lack}{why}") if found is None or lack is not None else Found(found.metrics)


class JaegerSource:
    """The Jaeger that the `jaeger` exporter sends to, in which traces arrive a little later."""

    name: Final = JAEGER
    label: Final = "Jaeger"

    def __init__(self, api: JaegerApi, *, limit_s: float = LIMIT_S) -> None:
        """Ask nothing yet; `limit_s` is for how long traces are waited for, taken together."""
        self._api = api
        self._limit_s = limit_s
        self._failure: str | None = None
        """Why it cannot be read at all, once that is known."""

    def check(self) -> None:
        """Ask it for something small."""
        self._api.services()

    def read(self, wanted: Sequence[Wanted], tell: Tell) -> Iterator[Found]:
        """Wait for each trace; what arrives late holds up those behind it no longer than the first one."""
        name = ""
        patience = Patience(limit_s=self._limit_s, tell=lambda lack: tell(f"waiting for {name}: {lack}"))
        for name, run_id, trace_id in wanted:
            tell(f"reading {name} from Jaeger")
            yield self._read(run_id, trace_id, patience) if self._failure is None else Found(None, self._failure)

    def _read(self, run_id: str, trace_id: str, patience: Patience) -> Found:
        failure: JaegerError | None = None

        def look() -> list[CountedRun]:
            nonlocal failure
            failure, problems = None, Problems()
            try:
                return list(counted_runs(self._api.trace(trace_id, problems), problems))
            except JaegerNotReady as error:
                failure = error
                raise

        try:
            arrival = patience.wait_for(look, run_id)
        except JaegerError as error:
            self._failure = f"cannot be read: {error}"
            return Found(None, self._failure)
        if isinstance(failure, TraceNotFound):
            return Found(None, f"{_NOT_THERE} after {self._limit_s:g} s")
        if failure is not None:
            self._failure = f"cannot be read: {failure}"
            return Found(None, self._failure)
        run = arrival.run(run_id)
        if arrival.lack is not None or run is None:
            return Found(None, f"{arrival.lack}, after {self._limit_s:g} s")
        return Found(run.metrics)
