"""A real ClickHouse engine inside this process, and databases of it that hold the exporter's table and the view."""

import atexit
import json
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from decimal import Decimal
from functools import cache
from itertools import count, islice
from pathlib import Path
from typing import Any, Final

import msgspec
from chdb import session

from nanoagent.core.performance import IterationCounts, PerformanceMetrics, PhaseCounts
from nanoagent.core.runs import CountedRun
from tests.scale.rows import Span, row_of

SQL_FILES: Final = Path(__file__).parents[2] / "deploy/scale/clickhouse"
TABLE_SQL: Final = SQL_FILES / "otel_traces.sql"
"""The exporter's own tables."""
VIEW_SQL: Final = SQL_FILES / "nanoagent_runs.sql"
PROTOTYPE_SQL: Final = Path(__file__).with_name("prototype_runs.sql")
_VIEW: Final = re.compile(r"VIEW nanoagent_runs_since AS\n(.*?);\n", re.DOTALL)

_INTO_MEMORY: Final = 50_000
"""So many rows are written into the table at once."""
_SETTINGS: Final = (
    "output_format_json_quote_64bit_integers = 0, output_format_json_quote_decimals = 0, "
    "output_format_json_named_tuples_as_objects = 1"
)
_MAP: Final = "Map(String, String)"
_COLUMNS: Final = {
    "Timestamp": "Int64",
    "TraceId": "String",
    "SpanId": "String",
    "ParentSpanId": "String",
    "SpanName": "String",
    "SpanKind": "String",
    "ServiceName": "String",
    "ResourceAttributes": _MAP,
    "ScopeName": "String",
    "SpanAttributes": _MAP,
    "Duration": "UInt64",
    "StatusCode": "String",
    "Events.Timestamp": "Array(Int64)",
    "Events.Name": "Array(String)",
    "Events.Attributes": f"Array({_MAP})",
}
"""What `row_of` gives."""
_FIELDS: Final = {field.name for field in fields(PerformanceMetrics)} - {"goal", "remote_usage"}
"""What the view knows of a run; the others stand on no span of a run of ours."""
_BESIDES: Final = {"spans", "expected_spans", "missing_parents", "judged", "schema_version"}
_numbers: Final = count(1)


class Engine:
    """The engine: there can be only one in a process, which is why everybody asks `engine` for it."""

    def __init__(self) -> None:
        self._directory = tempfile.mkdtemp(prefix="clickhouse-")
        self._session: Any = session.Session(self._directory)
        atexit.register(self._close)

    def query(self, sql: str, output_format: str = "JSONEachRow") -> bytes:
        """What the engine answers."""
        answer: bytes = self._session.query(sql, output_format).bytes()
        return answer

    def _close(self) -> None:
        self._session.close()
        shutil.rmtree(self._directory, ignore_errors=True)


@cache
def engine() -> Engine:
    """The engine of this process."""
    return Engine()


class Store:
    """A database with the exporter's tables."""

    def __init__(self, name: str) -> None:
        self.name = name
        engine().query(f"CREATE DATABASE {name}")
        self.run(TABLE_SQL.read_text())

    def run(self, statements: str, output_format: str = "JSONEachRow") -> bytes:
        """Run statements that name no database in this one, and give what the last one answers."""
        engine().query(f"USE {self.name}")
        return engine().query(statements, output_format)

    def rows(self, sql: str, **settings: int) -> list[dict[str, Any]]:
        """The rows that a query gives; decimals are exact."""
        added = "".join(f", {setting} = {value}" for setting, value in settings.items())
        lines = self.run(f"{sql} SETTINGS {_SETTINGS}{added}").splitlines()
        return [json.loads(line, parse_float=Decimal) for line in lines]

    def cpu_s(self, view: str) -> float:
        """How long the processors take for all rows of a view."""
        start_s = time.process_time()
        self.run(f"SELECT * FROM {view}", "Null")  # noqa: S608 - our own
        return time.process_time() - start_s

    def load(self, spans: Iterable[Span]) -> None:
        """Write spans into the table, as they come."""
        rest = iter(spans)
        while chunk := list(islice(rest, _INTO_MEMORY)):
            self._insert(chunk)

    def runs(self, view: str = "nanoagent_runs", **settings: int) -> dict[str, CountedRun]:
        """The runs that a view, or a query in brackets, tells of, by their ids."""
        return by_id(self.rows(f"SELECT * FROM {view}", **settings))  # noqa: S608 - our own

    def _insert(self, spans: list[Span]) -> None:
        structure = ", ".join(f"`{column}` {kind}" for column, kind in _COLUMNS.items())
        with tempfile.NamedTemporaryFile(suffix=".jsonl") as file:
            file.write(msgspec.json.Encoder().encode_lines(map(row_of, spans)))
            file.flush()
            columns, values = ", ".join(map(_quoted, _COLUMNS)), ", ".join(map(_value, _COLUMNS))
            written = f"file('{file.name}', JSONEachRow, '{structure}')"
            self.run(f"INSERT INTO otel_traces ({columns}) SELECT {values} FROM {written}")  # noqa: S608 - our own


def query_of(view: str) -> str:
    """The query of all runs in the statements that make the views: as it stands, the engine plans it sooner."""
    found = _VIEW.search(view)
    assert found is not None
    query: str = found[1].replace("{since:DateTime64(9)}", "toDateTime64('1970-01-01 00:00:00', 9, 'UTC')")
    return f"({query})"


def _quoted(column: str) -> str:
    return f"`{column}`"


def _value(column: str) -> str:
    if column == "Timestamp":
        return "fromUnixTimestamp64Nano(Timestamp)"
    if column == "Events.Timestamp":
        return "arrayMap(at -> fromUnixTimestamp64Nano(at), `Events.Timestamp`)"
    return _quoted(column)


def by_id(rows: Sequence[dict[str, Any]]) -> dict[str, CountedRun]:
    """The runs that rows of the view tell of, by their ids."""
    found = {str(row["run_id"]): counted(row) for row in rows}
    assert len(found) == len(rows), "a run has two rows"
    return found


def counted(row: dict[str, Any]) -> CountedRun:
    """A row of the view as the fold has it, which lacks nothing."""
    assert set(row) == _FIELDS | _BESIDES
    assert (row["judged"], row["schema_version"]) == (True, 1)
    for key, kind in (("by_phase", PhaseCounts), ("by_iteration", IterationCounts)):
        assert all(set(part) == {field.name for field in fields(kind)} for part in row[key])
    return CountedRun(
        metrics=PerformanceMetrics.from_dict(row),
        spans=row["spans"],
        expected_spans=row["expected_spans"],
        missing_parents=tuple(row["missing_parents"]),
    )


@contextmanager
def store(*spans: Iterable[Span], view: str | None = None) -> Iterator[Store]:
    """A database of its own with these spans and the view, by default as it is shipped; gone afterwards.

    Args:
        spans: What to write into the table.
        view: The statements that make the view.
    """
    made = Store(f"otel_{next(_numbers)}")
    try:
        for some in spans:
            made.load(some)
        made.run(VIEW_SQL.read_text() if view is None else view)
        yield made
    finally:
        engine().query(f"DROP DATABASE {made.name}")
