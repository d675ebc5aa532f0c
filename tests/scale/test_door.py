import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from tests.scale.door import PASSWORD, USER, Door, opened


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with opened(tmp_path_factory.mktemp("door") / "data", env={USER: "reader", PASSWORD: "secret word"}) as door:
        yield door


def client_of(door: Door, **options: Any) -> Any:
    user = {"username": "reader", "password": "secret word"}
    return clickhouse_connect.get_client(dsn=f"{door.url}/default", **{**user, **options})


@pytest.mark.parametrize("compress", [True, False, "gzip"])
def test_the_python_client_gets_values_of_its_parameters_and_settings(door: Door, compress: bool | str) -> None:
    client = client_of(door, compress=compress)
    answer = client.query(
        "SELECT toString({since:DateTime64(9)}) AS since, getSetting('max_threads') AS threads, [(1, NULL)] AS rows",
        parameters={"since": "2026-01-02 03:04:05.000000006"},
        settings={"max_threads": 3},
    )
    assert answer.result_rows == [("2026-01-02 03:04:05.000000006", 3, [(1, None)])]
    assert client.query("SELECT getSetting('max_threads') = 3").result_rows == [(False,)]


def test_the_python_client_reads_lines_of_json(door: Door) -> None:
    with client_of(door).raw_stream("SELECT number FROM numbers(2)", fmt="JSONEachRow") as lines:
        assert lines.read() == b'{"number":0}\n{"number":1}\n'


def test_an_error_comes_with_the_engines_own_code(door: Door) -> None:
    with pytest.raises(DatabaseError, match="UNKNOWN_TABLE") as raised:
        client_of(door).query("SELECT * FROM nothing_of_the_kind")
    assert raised.value.code == 60


def test_an_insert_that_is_refused_in_the_end_is_an_error(door: Door) -> None:
    client = client_of(door, compress=False)
    client.command("CREATE TABLE days (number Int64) ENGINE = MergeTree ORDER BY number PARTITION BY number")
    with pytest.raises(DatabaseError, match="TOO_MANY_PARTS"):
        client.insert("days", [[number] for number in range(101)], column_names=["number"])
    assert client.query("SELECT count() FROM days").result_rows == [(0,)]


def test_who_does_not_know_the_password_is_refused(door: Door) -> None:
    with pytest.raises(DatabaseError, match="AUTHENTICATION_FAILED"):
        client_of(door, password="another")


def test_what_was_written_is_there_after_a_kill(tmp_path: Path) -> None:
    with opened(tmp_path / "data") as door:
        door.query("CREATE TABLE kept (number Int64) ENGINE = MergeTree ORDER BY number")
        client = clickhouse_connect.get_client(dsn=f"{door.url}/default", compress=False)
        client.insert("kept", [[1], [2]], column_names=["number"])
        door.process.kill()
    shutil.move(tmp_path / "data", tmp_path / "moved")
    with opened(tmp_path / "moved") as door:
        assert door.query("SELECT sum(number) FROM kept") == "3\n"
