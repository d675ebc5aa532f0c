"""A ClickHouse that counts the runs whose spans it holds, by the view of deploy/scale/clickhouse/nanoagent_runs.sql."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from instrumentation.reading.answers import is_loopback
from instrumentation.reading.byte_sources import Progress
from instrumentation.reading.clickhouse_address import ClickHouseAddress
from instrumentation.reading.clickhouse_answer import BrokenAnswer, Lines, rows_in
from instrumentation.reading.clickhouse_errors import (
    NO_VIEW,
    TABLE,
    VIEW,
    broken,
    no_answer,
    no_table,
    no_view,
    other_view,
    refused,
    said_in,
)
from instrumentation.reading.clickhouse_rows import COLUMNS, SCHEMA_VERSION, run_of
from instrumentation.reading.problems import Problems
from nanoagent.core.runs import CountedRun
from nanoagent.errors import ConfigurationError

if TYPE_CHECKING:
    from clickhouse_connect.driver.httpclient import HttpClient
    from urllib3 import HTTPResponse

HELLO_S: Final = 30
"""For what is no query over spans; a ClickHouse that sleeps until somebody asks may need as long."""
DEADLINE_S: Final = 300.0
"""For the first of the runs, and for each piece after it."""
_PIECE: Final = 1 << 16
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_NS: Final = 2**63 - 1
"""The view's times end here."""
_SILENCE: Final = logging.NullHandler()
"""What the client logs is what it raises as well."""


class ClickHouse:
    """A ClickHouse to read counted runs from.

    Example:
        >>> store = ClickHouse(address_of("http://localhost:8123/otel", os.environ))
        >>> runs = list(store.runs(Problems(), since=datetime(2026, 11, 25, tzinfo=UTC)))
    """

    def __init__(self, address: ClickHouseAddress, *, deadline_s: float = DEADLINE_S) -> None:
        """Ask nothing yet."""
        self._address = address
        self._deadline_s = deadline_s

    def runs(
        self,
        problems: Problems,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        run_id: str | None = None,
        progress: Progress = lambda read, size: None,
    ) -> Iterator[CountedRun]:
        """The runs of ours that it holds, the oldest first, as they come.

        Args:
            problems: Hears of runs that are too large to be judged, which are left out.
            since: Runs that began no earlier; by default all.
            until: Runs that began no later.
            run_id: Runs whose id begins so.
            progress: Told how many bytes were read.

        Raises:
            ClickHouseError: It cannot be read. What came before is good, and not all.
            ConfigurationError: Its client is not installed.
        """
        for row in self._rows(*_query(since, until, run_id), progress):
            self._check(row)
            if row["judged"]:
                yield self._run(row)
            else:
                what = f"has {int(row['spans']):,} spans, more than the view judges: left out of all numbers"
                problems.add(f"run {row['run_id']}", what)

    def _rows(self, query: str, parameters: dict[str, Any], progress: Progress) -> Iterator[dict[str, Any]]:
        """The rows of the view, by the names of its columns."""
        client = self._client()
        from clickhouse_connect.driver.exceptions import Error
        from urllib3.exceptions import HTTPError

        answer = Lines(())
        try:
            response = cast("HTTPResponse", client.raw_stream(query, parameters, fmt="JSONCompact"))
            with closing(response):
                answer = Lines(_counted(response.stream(_PIECE, decode_content=True), progress))
                yield from rows_in(answer)
        except (Error, HTTPError, OSError, BrokenAnswer) as error:
            raise self._explained(error, client, answer.tail) from error
        finally:
            client.close_connections()

    def _client(self) -> "HttpClient":
        """A client that has spoken with the server."""
        try:
            from clickhouse_connect import get_client
            from clickhouse_connect.driver.httputil import get_pool_manager
            from urllib3 import Timeout
        except ImportError as error:
            raise ConfigurationError(
                f"--clickhouse needs clickhouse-connect, got {str(error)!r}: pip install 'nanoagent[clickhouse]'"
            ) from error
        logging.getLogger("clickhouse_connect").addHandler(_SILENCE)
        address = self._address
        try:
            client = get_client(
                interface=address.scheme,
                host=address.host,
                port=address.port,
                username=address.user,
                password=address.password,
                database=address.database,
                client_name="nanoagent",
                send_receive_timeout=HELLO_S,
                # Sessions are for temporary tables, and held by one server of several.
                autogenerate_session_id=False,
                # A proxy of the environment is not asked for what is on this machine itself.
                pool_mgr=get_pool_manager() if is_loopback(str(address)) else None,
            )
        except Exception as error:  # whatever answers there, and however the client fails to understand it
            raise self._explained(error) from error
        http_client = cast("HttpClient", client)
        http_client.timeout = Timeout(connect=HELLO_S, read=self._deadline_s)
        return http_client

    def _explained(self, error: Exception, client: "HttpClient | None" = None, tail: bytes = b"") -> ConfigurationError:
        """The error in words that say what to do; `tail` is the last of an answer."""
        said = said_in(tail.decode(errors="replace")) or said_in(str(error))
        if said is None:
            unsaid = broken if isinstance(error, BrokenAnswer) else no_answer
            return unsaid(self._address, error)
        if client is not None and said.code in NO_VIEW:
            for name, missing in ((TABLE, no_table), (VIEW, no_view)):
                if not self._has(client, name):
                    return missing(self._address)
        return refused(self._address, said)

    def _has(self, client: "HttpClient", name: str) -> bool:
        try:
            return client.command(f"EXISTS TABLE {name}") == 1
        except Exception:  # what was wrong before is what is told
            return True

    def _check(self, row: Mapping[str, Any]) -> None:
        if (version := str(row.get("schema_version", SCHEMA_VERSION))) != str(SCHEMA_VERSION):
            raise other_view(self._address, f"is of version {version}, not {SCHEMA_VERSION}")
        if missing := COLUMNS - row.keys():
            raise other_view(self._address, f"has no column {min(missing)}")

    def _run(self, row: Mapping[str, Any]) -> CountedRun:
        try:
            return run_of(row)
        except ValueError as error:
            raise other_view(self._address, f"gives a row that is no run ({error})") from error


def _query(since: datetime | None, until: datetime | None, run_id: str | None) -> tuple[str, dict[str, Any]]:
    """The query, and the values of its parameters."""
    parameters: dict[str, Any] = {}
    source, conditions = VIEW, list[str]()
    if since is not None:
        seconds, ns = divmod(_unix_ns(since), 10**9)
        # Any other form of a time is taken for one in the time zone of the server.
        parameters["since"] = f"{seconds}.{ns:09}"
        source = f"{VIEW}_since(since = {{since:String}})"
    if until is not None:
        parameters["until"] = _unix_ns(until)
        conditions.append("start_time_unix_ns <= {until:Int64}")
    if run_id is not None:
        parameters["run"] = run_id.encode(errors="replace").decode()  # what is no Unicode begins no id
        conditions.append("startsWith(run_id, {run:String})")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    query = f"SELECT * FROM {source}{where} ORDER BY start_time_unix_ns, run_id"  # noqa: S608 - all of it is ours
    return query, parameters


def _unix_ns(time: datetime) -> int:
    return min(max(0, (time - _EPOCH) // timedelta(microseconds=1) * 1_000), _LAST_NS)


def _counted(pieces: Iterable[bytes], progress: Progress) -> Iterator[bytes]:
    read = 0
    for piece in pieces:
        read += len(piece)
        progress(read, None)
        yield piece
