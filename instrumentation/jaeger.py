"""Links into Jaeger's UI."""

import json
from collections.abc import Mapping
from urllib.parse import quote, urlencode

from nanoagent.errors import ConfigurationError

DEFAULT_UI_URL = "http://localhost:16686"
"""Where the Jaeger of docker-compose.yml shows its UI."""


def trace_url(ui_url: str, trace_id: str) -> str:
    """The page of one trace.

    Give it to a person only once Jaeger has the trace: the UI never reloads a trace that it has shown.

    Args:
        ui_url: The UI's base URL, as `ui_url_from_env` gives it.
        trace_id: 32 hexadecimal digits.
    """
    return f"{ui_url.rstrip('/')}/trace/{trace_id}"


def compare_url(ui_url: str, trace_id: str, other_trace_id: str) -> str:
    """The page that shows two traces against each other; see `trace_url`."""
    return f"{ui_url.rstrip('/')}/trace/{trace_id}...{other_trace_id}"


def search_url(
    ui_url: str, service: str, attributes: Mapping[str, str | int], lookback: str = "24h", limit: int = 200
) -> str:
    """The search for a service's traces in which one span has all the attributes.

    Args:
        ui_url: The UI's base URL, as `ui_url_from_env` gives it.
        service: The `service.name` that the traces were sent under.
        attributes: What the span must have. Jaeger compares values as text.
        lookback: How far back from now to look: a number and `m`, `h` or `d`.
        limit: The most traces to list; the UI takes up to 1,500.
    """
    query = {"service": service, "lookback": lookback, "limit": str(limit)}
    if attributes:
        query["tags"] = json.dumps({key: _text(value) for key, value in attributes.items()}, separators=(",", ":"))
    return f"{ui_url.rstrip('/')}/search?{urlencode(query, quote_via=quote)}"


def ui_url_from_env(env: Mapping[str, str]) -> str:
    """The UI's base URL: `NANOAGENT_JAEGER_URL`, or `DEFAULT_UI_URL` when that is unset or empty.

    Raises:
        ConfigurationError: The value is not an http or https URL.
    """
    url = env.get("NANOAGENT_JAEGER_URL", "").strip()
    if not url:
        return DEFAULT_UI_URL
    if not url.startswith(("http://", "https://")):
        raise ConfigurationError(
            f"NANOAGENT_JAEGER_URL must start with http:// or https://, got {url!r}; for example {DEFAULT_UI_URL}"
        )
    return url.rstrip("/")


def _text(value: str | int) -> str:
    """A value as Jaeger's index spells it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
