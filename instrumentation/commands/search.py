"""The search options of the commands, as a search in Jaeger."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from instrumentation.commands.sources import SearchSource
from nanoagent.errors import ConfigurationError

DEFAULT_SINCE: Final = "1h"
_AGO: Final = re.compile(r"(\d{1,6}) ?([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def search_of(
    service: str | None,
    since: str | None,
    until: str | None,
    attributes: Iterable[str],
    limit: int | None,
    *,
    now: datetime,
) -> SearchSource | None:
    """The search that the options ask for; `None` where they ask for none.

    Args:
        service: `--service`; without it the others have no meaning.
        since: `--since`, as `time_of` takes it; by default an hour ago.
        until: `--until`, likewise; by default now.
        attributes: `--attribute`, each as `KEY=VALUE`.
        limit: `--limit`.
        now: The time that both count back from.

    Raises:
        ConfigurationError: An option cannot be used.
    """
    attributes = list(attributes)
    if service is None:
        given = {"--since": since, "--until": until, "--attribute": attributes or None, "--limit": limit}
        alone = [name for name, value in given.items() if value is not None]
        if alone:
            raise ConfigurationError(f"{alone[0]} is for a search in Jaeger, which needs --service: name a service")
        return None
    pairs = {}
    for attribute in attributes:
        key, equals, value = attribute.partition("=")
        if not key or not equals:
            raise ConfigurationError(f"--attribute takes KEY=VALUE, got {attribute!r}")
        pairs[key] = value
    return SearchSource(
        service=service,
        start=time_of("--since", since or DEFAULT_SINCE, now=now),
        end=time_of("--until", until, now=now) if until else now,
        attributes=pairs,
        limit=100 if limit is None else limit,
    )


def time_of(option: str, text: str, *, now: datetime) -> datetime:
    """A time: so long ago, as `30s`, `15m`, `1h` or `2d`, or an ISO 8601 one, in UTC unless it says otherwise.

    Raises:
        ConfigurationError: The text is no time.
    """
    try:
        return _time(text.strip(), now).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ConfigurationError(
            f"{option} takes a time ago, such as 30s, 15m, 1h or 2d, or one such as 2026-11-25T08:00, got {text!r}"
        ) from error


def _time(text: str, now: datetime) -> datetime:
    if ago := _AGO.fullmatch(text):
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)
