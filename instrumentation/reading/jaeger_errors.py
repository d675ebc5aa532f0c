"""What goes wrong when Jaeger is read, in words that say what to do.

ConfigurationError
└─ JaegerError               what answers there is no Jaeger's API, or the question was wrong
   └─ JaegerNotReady         it may answer another time
      ├─ JaegerDown          nothing listens there
      └─ TraceNotFound       it has no such trace, or not yet
"""

import json
import re
from typing import Any, Final
from urllib.parse import urlsplit

from instrumentation.jaeger import DEFAULT_UI_URL
from instrumentation.reading.answers import Answer, Failure, NoAnswer
from nanoagent.errors import ConfigurationError

URL_VARIABLE: Final = "NANOAGENT_JAEGER_URL"
_ADDRESS: Final = f"set {URL_VARIABLE} to the address of its UI, {DEFAULT_UI_URL} by default"
_PORTS: Final = "4317 and 4318 take spans, and the UI's port, 16686 by default, gives them back"
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_LONGEST: Final = 200
"""Characters of what Jaeger says that a message repeats."""


class JaegerError(ConfigurationError):
    """Jaeger cannot be read; the message states the rule, what came instead and the way out."""


class JaegerNotReady(JaegerError):  # noqa: N818 - reads as what it says
    """It did not answer now, and may do so another time."""


class JaegerDown(JaegerNotReady):
    """Nothing listens there."""


class TraceNotFound(JaegerNotReady):
    """It has no such trace, or not yet."""


def shown_url(url: str) -> str:
    """The URL without what may be secret in it: user, password and query, also where it is no good URL.

    Example:
        >>> shown_url("https://me:secret@tools.example/jaeger?key=1")
        'https://tools.example/jaeger'
    """
    scheme = _SCHEME.match(url)
    before, _, place = (url[scheme.end() :] if scheme else url).rpartition("@")
    # What follows a ? before the last @ may be a password or a query.
    shown = "..." if "?" in before else place.partition("?")[0]
    return f"{scheme[0] if scheme else ''}{shown}"


def no_answer(url: str, error: NoAnswer) -> JaegerError:
    """The error for a question that was not answered."""
    place, reason = shown_url(url), error.reason
    match error.failure:
        case Failure.REFUSED:
            return JaegerDown(
                f"Jaeger must run to be read, but nothing listens at {_origin(place)}: start it with "
                f"docker compose up -d --wait jaeger, or {_ADDRESS}"
            )
        case Failure.UNREACHABLE:
            return JaegerNotReady(
                f"Jaeger must be reachable, got no connection to {_origin(place)} ({reason}): {_ADDRESS}"
            )
        case Failure.LATE:
            return JaegerNotReady(
                f"Jaeger must answer in time, got {reason} from {place}: try again, or ask for fewer traces"
            )
        case Failure.CUT_OFF:
            return JaegerNotReady(
                f"Jaeger's answer must be whole, but {_origin(place)} ended the connection ({reason}): try again; "
                f"if it stays so, look at the port: {_PORTS}"
            )
        case Failure.TOO_LARGE:
            return JaegerError(
                f"Jaeger's answer must be of a size that can be read, got {reason}: ask for fewer traces"
            )
    return JaegerError(f"Jaeger's API must be there to be read, got no HTTP from {place} ({reason}): {_ADDRESS}")


def bad_answer(url: str, answer: Answer) -> JaegerError | None:
    """The error for an answer that is none; `None` for an answer, be it that there is no such trace."""
    place, said = shown_url(url), message_in(answer.body)
    if answer.is_html:
        return JaegerError(
            f"Jaeger's API must answer with JSON, got a page of HTML from {place}: a proxy or a login is before it, "
            f"or the path that it is served below is missing; {_ADDRESS}, with that path"
        )
    if answer.status in (401, 403):
        return JaegerError(
            f"Jaeger must let us read, got status {answer.status} from {_origin(place)}: "
            f"put user and password into {URL_VARIABLE}, as in https://user:password@host"
        )
    if answer.status == 404 and said is None:
        return JaegerError(
            f"Jaeger's API must be at {_origin(place)}, got status 404 from {place}: {_PORTS}; {_ADDRESS}"
        )
    if answer.status >= 500 or (answer.status == 200 and said is not None):
        return JaegerNotReady(
            f"Jaeger must be able to read what it has stored, got status {answer.status} from {place} "
            f"({said or _first_line(answer.body)}): look at what Jaeger logs"
        )
    if answer.status not in (200, 404):
        return JaegerError(
            f"Jaeger must take the question, got status {answer.status} from {place} "
            f"({said or _first_line(answer.body)}): {_PORTS}"
        )
    return None


def no_json(url: str, body: bytes) -> JaegerError:
    """The error for an answer that is no JSON."""
    return JaegerError(
        f"Jaeger's API must answer with JSON, got {_first_line(body)!r} from {shown_url(url)}: {_PORTS}; {_ADDRESS}"
    )


def no_traces(url: str, what: str) -> JaegerError:
    """The error for JSON without traces; `what` says what it is, as a problem does."""
    return JaegerError(
        f"Jaeger's API must answer with OTLP traces, but what {shown_url(url)} answers {what}; {_ADDRESS}"
    )


def not_found(url: str, trace_id: str) -> TraceNotFound:
    """The error for a trace that is not there."""
    return TraceNotFound(
        f"Jaeger at {_origin(shown_url(url))} has no trace {trace_id}, or not yet: check the id, and that the run sent "
        "its spans there; Jaeger forgets old traces, and those in memory when it stops"
    )


def message_in(body: bytes) -> str | None:
    """What Jaeger's API says is wrong, its first line; `None` where it says nothing of that kind."""
    try:
        value: Any = json.loads(body)
        said = value["error"]["message"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return _first_line(said.encode(errors="replace")) if isinstance(said, str) else None


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else url


def _first_line(body: bytes) -> str:
    lines = body[: 4 * _LONGEST].decode(errors="replace").strip().splitlines()
    line = "".join(character if character.isprintable() else "\ufffd" for character in lines[0]) if lines else ""
    return line[:_LONGEST].rstrip(" .") or "it says nothing"
