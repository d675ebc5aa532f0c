"""Reading results back from their files, with one clear message for whatever is wrong with one."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from benchmarks.formats import first_line, quoted, reason_of
from benchmarks.results.forms import EndForm, HeadForm, ResultsForm, RowForm
from benchmarks.results.results import SCHEMA_VERSION, Attempt, Provenance, Results
from benchmarks.results.sealed import checksum_of, is_sealed, unpacked
from benchmarks.sharding import Shard
from benchmarks.suite.facts import GoalFacts
from nanoagent.errors import ConfigurationError

_Form = TypeVar("_Form", bound=BaseModel)
_EDITED: Final = "it is not as it was written: its checksum is another one"
_LARGEST_BYTES: Final = 1 << 30


class UnusableResultsError(ConfigurationError):
    """A file of results cannot be used."""


class Attempts(NamedTuple):
    """What attempts.jsonl holds."""

    provenance: Provenance
    goals: Sequence[GoalFacts]
    attempts: Sequence[Attempt]
    """In the order in which they ended."""


class ShardFile(NamedTuple):
    """What the file of a shard holds."""

    path: Path
    attempts: Attempts
    shard: Shard
    end: EndForm | None
    """`None` where it came to no end."""


class Recorded(NamedTuple):
    """What results.json, or what has its form, holds."""

    results: Results
    trace_lines: bytes
    """OTLP JSON, a line a trace; empty where none are kept."""


def read_results(path: Path, rule: str, way_out: str) -> Recorded:
    """Read results.json, or what has its form.

    Args:
        path: The file.
        rule: What it must be, as messages say it, such as `--baseline must be a file of results`.
        way_out: What messages say that one can do.

    Raises:
        UnusableResultsError: It is none, or not whole, or not as it was written.
    """
    try:
        text = "".join(_texts_of(path))
        data = _data(text)
        form = _read(ResultsForm, text, data)
        results = form.results()
        _check_ids([row.goal for row in results.goals])
        for row in results.goals:
            _check_attempts(row.attempts, {row.goal.id})
        if form.checksum != checksum_of(data):
            raise ValueError(_EDITED)
        return Recorded(results, unpacked(form.traces))
    except ValueError as error:
        raise _unusable(path, rule, way_out, str(error)) from error


def read_attempts(path: Path, rule: str, way_out: str) -> Attempts:
    """Read attempts.jsonl, or the file of a shard; the half of a last line that a crash left is left out.

    Raises:
        UnusableResultsError: It is none.
    """
    return _read_lines(path, rule, way_out)[0]


def read_shard(path: Path, rule: str, way_out: str) -> ShardFile:
    """Read the file of a shard; the half of a last line that a crash left is left out.

    Raises:
        UnusableResultsError: It is none.
    """
    found, end = _read_lines(path, rule, way_out)
    shard = found.provenance.shard
    if shard is None:
        raise _unusable(path, rule, way_out, "it is of no shard")
    return ShardFile(path, found, shard, end)


def has_head(path: Path) -> bool:
    """Whether there is a file whose first line is whole, whatever it says; also of one that cannot be read now."""
    try:
        with path.open("rb") as file:
            return file.readline(_LARGEST_BYTES).endswith(b"\n")
    except OSError as error:
        return not isinstance(error, FileNotFoundError)


def _read_lines(path: Path, rule: str, way_out: str) -> tuple[Attempts, EndForm | None]:
    try:
        lines = _lines_of(path)
        head = next(lines, "")
        if not head:
            raise ValueError("its first line is not whole")
        first = _read(HeadForm, head, _data(head))
        _check_line(head)
        goals = [goal.facts() for goal in first.goals]
        _check_ids(goals)
        attempts, end = _rows(lines)
        _check_attempts(attempts, {goal.id for goal in goals})
    except ValueError as error:
        raise _unusable(path, rule, way_out, str(error)) from error
    return Attempts(first.provenance, goals, attempts), end


def _rows(lines: Iterable[str]) -> tuple[list[Attempt], EndForm | None]:
    attempts: list[Attempt] = []
    end: EndForm | None = None
    for number, line in enumerate(lines, 2):
        try:
            if end is not None:
                raise ValueError("it stands after the end")
            row = _row(line)
            if isinstance(row, EndForm):
                end = row
            else:
                attempts.append(row.attempt_of(row.id))
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from error
    return attempts, end


def _row(line: str) -> RowForm | EndForm:
    data = _data(line)
    row = _read(EndForm, line, data) if _is_end(data) else _read(RowForm, line, data)
    _check_line(line)
    return row


def _is_end(data: Mapping[str, Any]) -> bool:
    return data.get("type") == "end"


def _lines_of(path: Path) -> Iterator[str]:
    """The lines that are whole."""
    return (line[:-1] for line in _texts_of(path) if line.endswith("\n"))


def _texts_of(path: Path) -> Iterator[str]:
    """The text of a file line by line: of attempts there may be many.

    Raises:
        ValueError: It cannot be read, or is none.
    """
    try:
        size = path.stat().st_size
        if path.is_char_device():
            raise ValueError("it is a device")
        if size > _LARGEST_BYTES:
            raise ValueError(f"{size:,} bytes are too many to be one")
        with path.open(encoding="utf-8", newline="\n") as file:
            yield from file
    except OSError as error:
        raise ValueError(reason_of(error)) from error
    except UnicodeDecodeError as error:
        raise ValueError("it is no text") from error


def _data(text: str) -> dict[str, Any]:
    """The JSON object that it is."""
    if not text.strip():
        raise ValueError("it is empty")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is no JSON: {first_line(error)}") from error
    if not isinstance(data, dict) or not ({"provenance", "metrics"} & data.keys() or _is_end(data)):
        raise ValueError("it holds no results of a benchmark")
    return data


def _read(form: type[_Form], text: str, data: Mapping[str, Any]) -> _Form:
    # A row says no schema version: its file's first line does.
    version = data.get("schema_version") if "provenance" in data else SCHEMA_VERSION
    if version != SCHEMA_VERSION:
        raise ValueError(_other_version(version))
    try:
        return form.model_validate_json(text)
    except ValidationError as error:
        raise ValueError(_problem(error)) from error


def _check_line(line: str) -> None:
    if not is_sealed(line):
        raise ValueError(_EDITED)


def _other_version(version: object) -> str:
    if type(version) is not int:
        return f"schema_version must be {SCHEMA_VERSION}, got {quoted(str(version))}"
    age = "an older" if version < SCHEMA_VERSION else "a newer"
    return f"it was written by {age} nanoagent: schema_version is {version}, and this one reads {SCHEMA_VERSION}"


def _problem(error: ValidationError) -> str:
    """The first thing that is wrong, with where it stands."""
    first = error.errors(include_url=False)[0]
    where = ".".join(map(str, first["loc"])) or "the whole"
    return f"{where}: {first['msg']}, got {quoted(str(first['input']))}"


def _check_ids(goals: Sequence[GoalFacts]) -> None:
    twice = [id_ for id_, times in Counter(goal.id for goal in goals).items() if times > 1]
    if twice:
        raise ValueError(f"the goal id {quoted(twice[0])} stands in it twice")


def _check_attempts(attempts: Sequence[Attempt], ids: set[str]) -> None:
    unknown = [attempt.goal_id for attempt in attempts if attempt.goal_id not in ids]
    if unknown:
        raise ValueError(f"an attempt is of the goal {quoted(unknown[0])}, which it does not name")
    twice = [key for key, times in Counter((one.goal_id, one.number) for one in attempts).items() if times > 1]
    if twice:
        raise ValueError(f"attempt {twice[0][1]} of {quoted(twice[0][0])} stands in it twice")


def _unusable(path: Path, rule: str, way_out: str, why: str) -> UnusableResultsError:
    return UnusableResultsError(f"{rule}, got {quoted(str(path))}: {why}; {way_out}")
