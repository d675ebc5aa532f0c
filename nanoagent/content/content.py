"""Content: goals, messages, arguments and results as bounded JSON, where it is asked for."""

import logging
import os
from collections.abc import Mapping
from typing import Any, Final

from nanoagent.content.repeats import Repeats
from nanoagent.content.shown import shown

_logger = logging.getLogger(__name__)

CONTENT_VARIABLE: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""`NO_CONTENT` (default) or `SPAN_ONLY`; `SPAN_AND_EVENT` is taken as `SPAN_ONLY`, `EVENT_ONLY` as `NO_CONTENT`. The
older `true` and `false` mean `SPAN_ONLY` and `NO_CONTENT`."""
LENGTH_VARIABLES: Final = ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT")
"""Where the SDK cuts the texts of spans, in characters; the first one that is set holds."""
MAX_ATTRIBUTE_BYTES: Final = 16_384
"""Of UTF-8, in one attribute."""
MAX_CONVERSATIONS: Final = 16_384
"""Agents at work at the same time in a run whose earlier messages are known again: little is kept of each."""

_CAPTURES: Final = {
    "": False,
    "NO_CONTENT": False,
    "SPAN_ONLY": True,
    "SPAN_AND_EVENT": True,
    "EVENT_ONLY": False,
    "TRUE": True,
    "FALSE": False,
}
_TAKEN_AS: Final = {"SPAN_AND_EVENT": "SPAN_ONLY", "EVENT_ONLY": "NO_CONTENT"}
"""nanoagent makes no events of content."""


class ContentSettings:
    """What the environment says of content, read anew each time; what is odd about it is said once."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        """Read this environment."""
        self._environment = environment
        self._said: set[str] = set()

    def captures(self) -> bool:
        """Whether content may stand in telemetry."""
        value = self._environment.get(CONTENT_VARIABLE, "").strip().upper()
        if value in _TAKEN_AS:
            self._say_once(value, f"{CONTENT_VARIABLE}={value} is taken as {_TAKEN_AS[value]}: content stands on spans")
        elif value not in _CAPTURES:
            self._say_once(
                "unknown",
                f"{CONTENT_VARIABLE} must be NO_CONTENT or SPAN_ONLY, got {shown(value, 80)!r}; "
                "it is taken as NO_CONTENT",
            )
        return _CAPTURES.get(value, False)

    def limit_bytes(self) -> int:
        """How long an attribute may be so that nothing cuts it: what is cut is no JSON any more."""
        for variable in LENGTH_VARIABLES:
            value = self._environment.get(variable, "").strip()
            if value:
                break
        limit_bytes = _as_limit(value)
        if limit_bytes < MAX_ATTRIBUTE_BYTES:
            self._say_once(
                variable,
                f"{variable}={value} would cut content: each attribute of it is shortened to {limit_bytes} bytes, "
                "or left out where no JSON is that short",
            )
        return limit_bytes

    def say_cut(self, limit_characters: int) -> None:
        """An attribute was cut by a limit that the environment says nothing of."""
        self._say_once(
            "cut",
            f"a span's limits cut content after {limit_characters} characters: each attribute of it is shortened to so "
            "many bytes, or empty where no JSON is that short",
        )

    def _say_once(self, what: str, message: str) -> None:
        if what not in self._said:
            self._said.add(what)
            _logger.warning(message)


def _as_limit(value: str) -> int:
    """The limit as the SDK reads it; what it refuses to read is none."""
    try:
        limit = int(value)
    except ValueError:
        return MAX_ATTRIBUTE_BYTES
    return limit if 0 <= limit < MAX_ATTRIBUTE_BYTES else MAX_ATTRIBUTE_BYTES


_SETTINGS: Final = ContentSettings()


def captures_content() -> bool:
    """Whether content may stand in telemetry, as the environment says now."""
    return _SETTINGS.captures()


class Content:
    """The content of a run: how it is written, and what has been shown already. Safe under threads."""

    def __init__(self, limit_bytes: int = MAX_ATTRIBUTE_BYTES, *, settings: ContentSettings = _SETTINGS) -> None:
        """Show at most so much in an attribute; `settings` say what is odd about its limits."""
        self._limit_bytes = limit_bytes
        self._settings = settings
        self._begin()

    def json(self, value: object, *, is_shown: bool = True) -> str | None:
        """The value as JSON, shortened to fit an attribute; `None` where none is short enough.

        Args:
            value: What to write.
            is_shown: Whether this JSON will stand on a span as it is: what does need not be shown again.
        """
        from nanoagent.content.bounded_json import bounded_json  # most processes never need it

        return bounded_json(value, self._limit_bytes, after=self._repeats.remember if is_shown else None)

    def json_of_request(self, value: object) -> str | None:
        """As `json`, without what the run has shown before: requests repeat results, and the prompts of agents."""
        from nanoagent.content.bounded_json import bounded_json

        repeats, whole = self._repeats, dict[str, str]()

        def before(text: str) -> str:
            seen = repeats.left_out(text)
            whole[seen] = text
            return seen

        def after(seen: str) -> None:
            repeats.remember(whole.get(seen, seen))  # what it leaves out stands in the trace too

        return bounded_json(value, self._limit_bytes, before=before, after=after)

    def shorten(self, limit_bytes: int) -> None:
        """Show no more than so much from now on, and all of it anew: what is longer is cut, and stands nowhere."""
        self._settings.say_cut(limit_bytes)
        self._limit_bytes = limit_bytes
        self._begin()

    def elsewhere(self) -> "Content":
        """The content of a run whose spans go elsewhere: what is shown here does not stand there."""
        return Content(self._limit_bytes, settings=self._settings)

    def conversation(self, span_id: str) -> Any:
        """What was remembered of the conversation that goes on in this span; `None` at first."""
        return self._conversations.get(span_id)

    def remember(self, span_id: str, conversation: object) -> None:
        """Keep what the conversation in this span has shown, until the span ends."""
        while span_id not in self._conversations and len(self._conversations) >= MAX_CONVERSATIONS:
            self._conversations.pop(next(iter(self._conversations), ""), None)
        self._conversations[span_id] = conversation

    def forget(self, span_id: str) -> None:
        """The span has ended."""
        self._conversations.pop(span_id, None)

    def _begin(self) -> None:
        """Have shown nothing so far."""
        self._conversations: dict[str, Any] = {}
        self._repeats = Repeats()


def content_of_run() -> Content | None:
    """The content of a run that starts now; `None` where none is captured."""
    return Content(_SETTINGS.limit_bytes()) if _SETTINGS.captures() else None
