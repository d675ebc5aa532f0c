"""Reading results back from their files, with one clear message for whatever is wrong with one."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from benchmarks.formats import first_line, quoted, reason_of
from benchmarks.results.forms import HeadForm, ResultsForm, RowForm
from benchmarks.results.results import SCHEMA_VERSION, Attempt, Provenance, Results
from benchmarks.results.sealed import checksum_of, is_sealed, unpacked
from benchmarks.suite.facts import GoalFacts
from nanoagent.errors import ConfigurationError

_Form = TypeVar("_Form", bound=BaseModel)
_EDITED: Final = "it is not as it was written: its checksum is another one"
_LARGEST_BYTES: Final = 1 << 30
"""Of a file that is read whole."""


class UnusableResultsError(ConfigurationError):
    """A file of results cannot be used."""


class Attempts(NamedTuple):
    """What attempts.jsonl holds."""

    provenance: Provenance
    goals: Sequence[GoalFacts]
    attempts: Sequence[Attempt]
    """In the order in which they ended."""


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
    text = _text_of(path, rule, way_out)
    try:
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
    """Read attempts.jsonl; the half of a last line that a crash left is left out.

    Raises:
        UnusableResultsError: It is none.
    """
    text = _text_of(path, rule, way_out)
    head, *rows = text.split("\n")
    try:
        if not rows:
            raise ValueError("its first line is not whole")
        first = _read(HeadForm, head, _data(head))
        _check_line(head)
        goals = [goal.facts() for goal in first.goals]
        _check_ids(goals)
        attempts = [_attempt(row, number) for number, row in enumerate(rows[:-1], 2)]
        _check_attempts(attempts, {goal.id for goal in goals})
    except ValueError as error:
        raise _unusable(path, rule, way_out, str(error)) from error
    return Attempts(first.provenance, goals, attempts)


def _attempt(row: str, line: int) -> Attempt:
    try:
        form = _read(RowForm, row, _data(row))
        _check_line(row)
        return form.attempt_of(form.id)
    except ValueError as error:
        raise ValueError(f"line {line}: {error}") from error


def _text_of(path: Path, rule: str, way_out: str) -> str:
    try:
        size = path.stat().st_size
        if size > _LARGEST_BYTES:
            raise _unusable(path, rule, way_out, f"{size:,} bytes are too many to be one")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise _unusable(path, rule, way_out, reason_of(error)) from error
    except UnicodeDecodeError as error:
        raise _unusable(path, rule, way_out, "it is no text") from error


def _data(text: str) -> dict[str, Any]:
    """The JSON object that it is."""
    if not text.strip():
        raise ValueError("it is empty")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is no JSON: {first_line(error)}") from error
    if not isinstance(data, dict) or not {"provenance", "metrics"} & data.keys():
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
