"""Structured logs: each record one line of JSON, with the ids of the trace and of the run in which it was logged.

Logs are telemetry: every text of a line has passed the redactor. What an application says in a message is its own;
what an exception says may be content, and stands in a line only where content is captured, as on spans.
"""

import contextlib
import json
import logging
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any, Final, TextIO

from opentelemetry.context import get_current
from opentelemetry.trace import get_current_span

from nanoagent.content.shown import shown, shown_name
from nanoagent.errors import ConfigurationError
from nanoagent.texts import clean
from nanoagent.tracing.failures import error_type_of, lines_of
from nanoagent.tracing.run import place_in

MAX_MESSAGE_CHARACTERS: Final = 8_192
"""A message is cut to so many characters, and so is a stack."""
MAX_EXTRA_BYTES: Final = 8_192
"""Of JSON: what `extra` adds to a record is shortened to it."""
IDS: Final = ("trace_id", "span_id", "run_id")
"""What `ContextFilter` adds to a record."""

_NOT_EXTRA: Final = frozenset(
    {
        *vars(logging.makeLogRecord({})),
        *IDS,
        "asctime",
        "message",
        "color_message",  # uvicorn's: the message once more, for terminals
    }
)
_INSIDE: Final = "[logged while another line was redacted]"
"""What stands in place of a message of the redactor's own hook, which cannot be asked about it."""
_FORMATTING: Final = threading.local()


class ContextFilter(logging.Filter):
    """Adds the ids of where a record was logged, each where there is one; a filter for handlers.

    `trace_id` and `span_id` are those of the current span, as hex digits; `run_id` is that of the run around the
    caller. An id that the record has already, out of `extra`, stays. With a `QueueHandler` the filter and the
    formatter both belong there: what handles the record later does so elsewhere, and what an exception says would be
    part of its message by then.

    Example:
        >>> handler.addFilter(ContextFilter())
        >>> handler.setFormatter(logging.Formatter("%(message)s run=%(run_id)s", defaults={"run_id": "-"}))
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Let the record pass, with the ids."""
        with contextlib.suppress(Exception):
            for name, value in _ids():
                vars(record).setdefault(name, value)
        return True


class JsonFormatter(logging.Formatter):
    """Makes a record one line of JSON, in ASCII, whatever is in it; it never raises.

    A line has `time` (RFC 3339, UTC), `level`, `logger` and `message`; the ids that `ContextFilter` has added;
    `exception_type` and `exception_stack` where an exception is logged, `stack` where `stack_info` was asked for; and
    what the caller gave as `extra`, under its own names.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        is_inside = getattr(_FORMATTING, "is_on", False)
        _FORMATTING.is_on = True
        try:
            return _dumped(_head(record, _INSIDE) if is_inside else _line(record))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever is in a record has code of its own
            instead = logging.makeLogRecord({"name": __name__, "levelname": "ERROR"})
            return _dumped(_head(instead, f"a record could not be shown: {error_type_of(error)}"))
        finally:
            _FORMATTING.is_on = is_inside


class _ConfiguredHandler(logging.StreamHandler[TextIO]):
    """One that `configure_logging` has made."""


def configure_logging(
    *, stream: TextIO | None = None, level: int | str = logging.INFO, instead_of: Iterable[str] = ()
) -> logging.Handler:
    """Write the process's logs as lines of JSON, with the ids of traces and runs.

    It adds one handler to the root logger, and leaves others that are there; a later call replaces what an earlier one
    did.

    Example:
        >>> configure_logging(level="DEBUG", instead_of=("uvicorn", "uvicorn.access"))

    Args:
        stream: Where to; by default stderr.
        level: The lowest level that is written, as `logging` takes it.
        instead_of: Loggers that write in another form, to handlers of their own: these are taken from them. One that
            has none stays as it is: it may have been silenced.

    Returns:
        The handler.

    Raises:
        ConfigurationError: There is no such level.
    """
    root = logging.getLogger()
    try:
        root.setLevel(level.strip().upper() if isinstance(level, str) else level)
    except (TypeError, ValueError):
        raise ConfigurationError(f"level must be a level of logging, such as INFO, got {level!r}") from None
    handler = _ConfiguredHandler(sys.stderr if stream is None else stream)
    handler.addFilter(ContextFilter())
    handler.setFormatter(JsonFormatter())
    for before in [one for one in root.handlers if isinstance(one, _ConfiguredHandler)]:
        root.removeHandler(before)
    root.addHandler(handler)
    for logger in map(logging.getLogger, instead_of):
        if logger.handlers:
            logger.handlers.clear()
            logger.propagate = True
    return handler


def _ids() -> Iterator[tuple[str, str]]:
    context = get_current()
    span = get_current_span(context).get_span_context()
    if span.is_valid:
        yield "trace_id", f"{span.trace_id:032x}"
        yield "span_id", f"{span.span_id:016x}"
    place = place_in(context)
    if place is not None:
        yield "run_id", place.run.id


def _line(record: logging.LogRecord) -> dict[str, Any]:
    line = _head(record, shown(_message(record), MAX_MESSAGE_CHARACTERS))
    given = vars(record)
    line |= {name: shown_name(str(given[name])) for name in IDS if name in given}
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        line |= {"exception_type": error_type_of(error), "exception_stack": clean("\n".join(lines_of(error)))}
    if record.stack_info:
        line["stack"] = shown(record.stack_info, MAX_MESSAGE_CHARACTERS)
    extra = {name: value for name, value in given.items() if name not in _NOT_EXTRA}
    return {**line, **_shown_extra(extra), **line} if extra else line


def _head(record: logging.LogRecord, message: str) -> dict[str, Any]:
    seconds, milliseconds = divmod(int(record.created * 1_000), 1_000)
    return {
        "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{milliseconds:03d}Z",
        "level": clean(record.levelname),
        "logger": clean(record.name),
        "message": message,
    }


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:
        return f"{record.msg} [its arguments do not fit: {error_type_of(error)}]"


def _shown_extra(extra: dict[str, Any]) -> dict[str, Any]:
    from nanoagent.content.bounded_json import bounded_json  # most processes never need it

    written = bounded_json(extra, MAX_EXTRA_BYTES)
    shown_extra: dict[str, Any] = json.loads(written) if written else {"extra": "[too long]"}
    return shown_extra


def _dumped(line: dict[str, Any]) -> str:
    return json.dumps(line, allow_nan=False)
