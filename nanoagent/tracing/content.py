"""Content: goals, messages, arguments and results as bounded JSON, where it is asked for."""

from typing import Final

CONTENT_VARIABLE: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""`NO_CONTENT` (default) or `SPAN_ONLY`; `SPAN_AND_EVENT` is taken as `SPAN_ONLY`, `EVENT_ONLY` as `NO_CONTENT`."""


def captures_content() -> bool:
    """Whether content may stand in telemetry, as the environment says now."""
    return False
