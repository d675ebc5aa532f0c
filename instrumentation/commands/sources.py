"""Where traces are read from: a file, standard input, or a Jaeger, by a trace's id or by a search."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from instrumentation.jaeger import ui_url_from_env
from instrumentation.reading.byte_sources import STDIN, Progress
from instrumentation.reading.files import read_file
from instrumentation.reading.problems import Problems
from instrumentation.reading.spans import Batch
from instrumentation.reading.trace_ids import trace_id_of
from nanoagent.errors import ConfigurationError


class FileSource(NamedTuple):
    """A file, or standard input."""

    path: str
    """`-` for standard input."""

    def __str__(self) -> str:
        """As messages name it."""
        return "stdin" if self.path == STDIN else self.path


class TraceSource(NamedTuple):
    """A trace in Jaeger."""

    trace_id: str
    """32 lower-case hex digits."""

    def __str__(self) -> str:
        """As messages name it."""
        return f"trace {self.trace_id} in Jaeger"


class SearchSource(NamedTuple):
    """The traces that a search in Jaeger finds."""

    service: str
    start: datetime
    end: datetime
    attributes: Mapping[str, str]
    limit: int

    def __str__(self) -> str:
        """As messages name it."""
        return f"service {self.service} in Jaeger"


Source = FileSource | TraceSource | SearchSource

_KINDS: Final = "a source is a file, - for standard input, or a trace id of 32 hex digits for Jaeger"
_MOST_QUOTED: Final = 80
_HEX: Final = re.compile(r"\s*[0-9a-fA-F]+\s*")


def source_of(text: str) -> FileSource | TraceSource:
    """The source that an argument names; a file that is named like a trace id is a file.

    Raises:
        ConfigurationError: It is neither.
    """
    if text == STDIN or _is_there(text):
        return FileSource(text)
    try:
        return TraceSource(trace_id_of(text))
    except ConfigurationError as error:
        shown = ascii(text) if len(text) <= _MOST_QUOTED else f"{text[:_MOST_QUOTED]!a}..."
        if _HEX.fullmatch(text):
            raise ConfigurationError(f"there is no file {shown}, and {error}") from error
        raise ConfigurationError(f"{_KINDS}, got {shown}: there is no such file, and it is no such id") from error


def sources_of(texts: Iterable[str], search: SearchSource | None = None) -> list[Source]:
    """The sources that arguments name, each once, in their order, and a search.

    Raises:
        ConfigurationError: One of them is none, or there are none.
    """
    sources: list[Source] = list(dict.fromkeys(map(source_of, texts)))
    if search is not None:
        sources.append(search)
    if not sources:
        raise ConfigurationError(f"a source is needed, got none: {_KINDS}; or search with --service")
    return sources


def batches_of(
    source: Source,
    problems: Problems,
    *,
    jaeger: str | None,
    progress: Progress,
    is_expected: bool = False,
    deadline_s: float | None = None,
) -> Iterator[Batch]:
    """The spans of a source; a trace that Jaeger does not have, or not yet, is a problem.

    Args:
        source: The source.
        problems: Hears of what could not be read.
        jaeger: The URL of Jaeger's UI; `None` for that of the environment.
        progress: Told how many bytes of a file were read.
        is_expected: Whether a trace that is not there may come: it is then an error, `JaegerNotReady`.
        deadline_s: For each answer of Jaeger's; by default the reader's own.

    Raises:
        ConfigurationError: It cannot be read.
    """
    if isinstance(source, FileSource):
        yield from read_file(source.path, problems, progress=progress)
        return
    from instrumentation.reading.jaeger_api import DEADLINE_S, JaegerApi
    from instrumentation.reading.jaeger_errors import TraceNotFound

    api = JaegerApi(jaeger_url(jaeger), deadline_s=DEADLINE_S if deadline_s is None else min(deadline_s, DEADLINE_S))
    try:
        if isinstance(source, TraceSource):
            yield from api.trace(source.trace_id, problems)
        else:
            yield from api.search(
                source.service,
                problems,
                start=source.start,
                end=source.end,
                attributes=source.attributes,
                limit=source.limit,
            )
    except TraceNotFound as error:
        if is_expected:
            raise
        problems.add(str(source), str(error))


def jaeger_url(option: str | None) -> str:
    """The URL of Jaeger's UI: `--jaeger`, else NANOAGENT_JAEGER_URL, else the local one.

    Raises:
        ConfigurationError: It is no http or https URL.
    """
    if option is None:
        return ui_url_from_env(os.environ)
    if not option.startswith(("http://", "https://")):
        raise ConfigurationError(f"--jaeger must start with http:// or https://, got {option!r}")
    return option


def _is_there(path: str) -> bool:
    try:
        return bool(path) and Path(path).exists()
    except (OSError, ValueError):
        return False
