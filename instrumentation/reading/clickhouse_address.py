"""Where a ClickHouse is, and who asks it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from instrumentation.reading.jaeger_errors import shown_url
from nanoagent.errors import ConfigurationError

DEFAULT_DATABASE: Final = "otel"
"""Where the Collector's exporter puts spans unless it is told otherwise."""
DEFAULT_USER: Final = "default"
"""As ClickHouse calls whoever does not say."""
USER_VARIABLE: Final = "CLICKHOUSE_USER"
PASSWORD_VARIABLE: Final = "CLICKHOUSE_PASSWORD"  # noqa: S105 - its name
"""As ClickHouse's own client reads them. A password in the URL is seen by whoever lists processes."""
_PORTS: Final = {"http": 8123, "https": 8443}
_FORM: Final = "http://HOST:8123/DATABASE or https://HOST:8443/DATABASE"


@dataclass(frozen=True, kw_only=True)
class ClickHouseAddress:
    """A database behind the HTTP interface of a ClickHouse."""

    scheme: str
    """http or https."""
    host: str
    port: int
    database: str = DEFAULT_DATABASE
    user: str = DEFAULT_USER
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        """Without who asks, as messages show it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def address_of(url: str, env: Mapping[str, str]) -> ClickHouseAddress:
    """The address that a URL and the environment name.

    Args:
        url: As `http://localhost:8123/otel`. Port and database may be left out. A user and a password in it come
            before those of the environment.
        env: Says in CLICKHOUSE_USER and CLICKHOUSE_PASSWORD who asks.

    Raises:
        ConfigurationError: The URL is none of this kind.
    """
    parts = _split(url)
    host, port, database = parts.hostname, _port(parts), unquote(parts.path.strip("/"))
    if parts.scheme in _PORTS and "@" in f"{parts.path}{parts.query}{parts.fragment}":
        raise _bad(url, "a /, ? or # before an @, as in a password, is written %2F, %3F or %23")
    if parts.scheme not in _PORTS or not host or port is None:
        raise _bad(url, "it is no such URL")
    if "/" in database:
        raise _bad(url, f"{database!r} is no name of a database")
    if parts.query or parts.fragment:
        raise _bad(url, "nothing may follow the database")
    return ClickHouseAddress(
        scheme=parts.scheme,
        host=host,
        port=port,
        database=database or DEFAULT_DATABASE,
        user=unquote(parts.username or "") or env.get(USER_VARIABLE) or DEFAULT_USER,
        password=unquote(parts.password or "") or env.get(PASSWORD_VARIABLE) or "",
    )


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url.strip())
    except ValueError as error:
        raise _bad(url, "it is no such URL") from error


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port if parts.port is not None else _PORTS.get(parts.scheme)
    except ValueError:
        return None


def _bad(url: str, why: str) -> ConfigurationError:
    return ConfigurationError(f"--clickhouse takes {_FORM}, got {shown_url(url)!r}: {why}")
