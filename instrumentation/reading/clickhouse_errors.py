"""What goes wrong when a ClickHouse is read, in words that say what to do."""

import re
import shlex
from pathlib import Path
from typing import Final, NamedTuple

from instrumentation.reading.answers import Failure, failure_of, is_loopback
from instrumentation.reading.clickhouse_address import PASSWORD_VARIABLE, USER_VARIABLE, ClickHouseAddress
from nanoagent.errors import ConfigurationError

VIEW: Final = "nanoagent_runs"
TABLE: Final = "otel_traces"
_PORTS: Final = "the port is that of the HTTP interface, 8123 or, with TLS, 8443"
_LONGEST: Final = 200
"""Characters of what ClickHouse says that a message repeats."""
# https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp
_NO_ENTRY: Final = {192, 193, 194, 516}
_NO_RIGHTS: Final = {497}
_NO_DATABASE: Final = {81}
_NO_MEMORY: Final = {173, 241}
_TOO_MUCH: Final = {158, 159, 160, 201, 202, 209, 307, 396}
NO_VIEW: Final = {46, 60}


class ClickHouseError(ConfigurationError):
    """A ClickHouse cannot be read; the message states the rule, what came instead and the way out."""


class Said(NamedTuple):
    """An error of ClickHouse's own."""

    code: int
    text: str
    """One line, without its version and its query."""


def said_in(text: str) -> Said | None:
    """The last error of ClickHouse's own in a text; `None` where there is none.

    Example:
        >>> said_in("Code: 60. DB::Exception: Table otel.t does not exist. (UNKNOWN_TABLE) (version 26.9.2.1)")
        Said(code=60, text='Table otel.t does not exist')
    """
    for found in reversed(list(_EXCEPTION.finditer(text))):
        words = "".join(char if char.isprintable() else " " for char in found[2])
        return Said(int(found[1]), words[:_LONGEST].rstrip(" .:"))
    return None


_EXCEPTION: Final = re.compile(
    r"Code: (\d+)\. DB::Exception: (.*?)(?=:? (?:While|In scope) |\. \([A-Z_]+\)|\\n|$)", re.MULTILINE
)


def refused(address: ClickHouseAddress, said: Said) -> ClickHouseError:
    """The error for what ClickHouse itself refuses."""
    code, text = said
    database, user = address.database, address.user
    if code in _NO_ENTRY:
        return ClickHouseError(
            f"ClickHouse must let us in, but {address} does not take the password of {user!r}: "
            f"put user and password into {USER_VARIABLE} and {PASSWORD_VARIABLE}"
        )
    if code in _NO_RIGHTS:
        return ClickHouseError(
            f"ClickHouse must let {user!r} read the runs, got {text!r} from {address}: GRANT SELECT ON `{database}`.* "
            f"TO that user, or name another one in {USER_VARIABLE}"
        )
    if code in _NO_DATABASE:
        return ClickHouseError(
            f"ClickHouse must have the database that is asked, but {address} has no {database!r}: the Collector's "
            f"exporter makes it when it starts; another one is named at the end of the URL, as in {address}/otel"
        )
    if code in _NO_MEMORY:
        return ClickHouseError(
            f"ClickHouse must have the memory to count these runs, got {text!r} from {address}: ask for fewer with "
            "--since, or let the user have more (max_memory_usage)"
        )
    if code in _TOO_MUCH:
        return ClickHouseError(
            f"ClickHouse must be allowed to count these runs, got {text!r} from {address}: ask for fewer with "
            "--since, or raise that limit"
        )
    return ClickHouseError(
        f"ClickHouse must answer the query, got {text!r} (code {code}) from {address}: look at what it logs, "
        f"or make the view anew with {_made(address)}"
    )


def no_table(address: ClickHouseAddress) -> ClickHouseError:
    """The error for a database that spans were never written to."""
    return ClickHouseError(
        f"ClickHouse must have spans to count, but {_place(address)} has no table {TABLE}: "
        f"the Collector's exporter makes it when it starts; make the view after it, with {_made(address)}"
    )


def no_view(address: ClickHouseAddress) -> ClickHouseError:
    """The error for a database that has spans, and not the view that counts them."""
    return ClickHouseError(
        f"ClickHouse must have the view that counts runs, but {_place(address)} has no {VIEW}: "
        f"make it with {_made(address)}"
    )


def other_view(address: ClickHouseAddress, what: str) -> ClickHouseError:
    """The error for a view that is not the one of this version; `what` says what is wrong with it."""
    return ClickHouseError(
        f"the view {VIEW} must be the one of this version of nanoagent, but that of {_place(address)} {what}: "
        f"make it anew with {_made(address)}"
    )


def broken(address: ClickHouseAddress, what: object) -> ClickHouseError:
    """The error for an answer that is not whole, and does not say why."""
    return ClickHouseError(
        f"ClickHouse's answer must be whole, got {what} from {address}: try again, and look at what ClickHouse logs"
    )


def no_answer(address: ClickHouseAddress, error: BaseException) -> ClickHouseError:
    """The error for what came of a question that ClickHouse did not answer."""
    failure, reason = failure_of(error)
    match failure:
        case Failure.REFUSED:
            return ClickHouseError(
                f"ClickHouse must run to be read, but nothing listens at {address}: start it, or look at the URL, "
                f"where {_PORTS}"
            )
        case Failure.UNREACHABLE:
            return ClickHouseError(
                f"ClickHouse must be reachable, got no connection to {address} ({reason}): look at the URL, where "
                f"{_PORTS}; SSL_CERT_FILE names certificates that are trusted"
            )
        case Failure.LATE:
            return ClickHouseError(
                f"ClickHouse must answer in time, got none from {address} ({reason}): ask for fewer runs with --since, "
                f"or look at the URL, where {_PORTS}"
            )
        case Failure.CUT_OFF:
            return ClickHouseError(
                f"ClickHouse's answer must be whole, got the end of the connection from {address} ({reason}): try "
                f"again; if it stays so, look at what ClickHouse logs, and at the URL, where {_PORTS}"
            )
    what = reason.partition(" (for url ")[0]
    return ClickHouseError(
        f"ClickHouse must be what answers, got {what!r} from {address}: look at the URL, where {_PORTS}"
    )


def _place(address: ClickHouseAddress) -> str:
    return f"the database {address.database!r} of {address}"


def _made(address: ClickHouseAddress) -> str:
    host = () if is_loopback(str(address)) else ("--host", address.host)
    secure = ("--secure",) if address.scheme == "https" else ()
    command = ("clickhouse-client", *host, *secure, "--database", address.database)
    return f"{shlex.join(command)} < {shlex.quote(str(view_sql()))}"


def view_sql() -> Path:
    """The file that makes the view of this version: beside this module where that was installed, else in its clone."""
    installed = Path(__file__).with_name("nanoagent_runs.sql")
    return installed if installed.exists() else Path(__file__).parents[2] / "deploy/scale/clickhouse" / installed.name
