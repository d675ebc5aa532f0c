"""Files of results, read back: what they hold, and what is said of files that are none."""

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jsonschema
import pytest

from benchmarks.results.attempts_file import AttemptsFile
from benchmarks.results.forms import json_schema
from benchmarks.results.reading import UnusableResultsError, read_attempts, read_results
from benchmarks.results.results import Results, head_of, results_of, row_of
from benchmarks.results.sealed import checksum_of, sealed
from tests.benchmarks.results_made import attempt, results, results_text

RULE = "--baseline must be a file of results"
WAY_OUT = "name another file"


def read(text: str | bytes, tmp_path: Path) -> Results:
    path = tmp_path / "results.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_results(path, RULE, WAY_OUT).results


def good() -> dict[str, Any]:
    return results(attempts=2).to_dict()


def edited(change: Callable[[dict[str, Any]], object]) -> str:
    """Results that were changed and sealed anew."""
    data = {**json.loads(json.dumps(good())), "comparison": None}
    change(data)
    return json.dumps(sealed(data))


def test_results_are_read_back_as_they_were(tmp_path: Path) -> None:
    made = results(attempts=2)
    path = tmp_path / "results.json"
    path.write_text(results_text(made.to_dict(), [b'{"resourceSpans":[]}']))
    recorded = read_results(path, RULE, WAY_OUT)
    assert recorded.results == made
    assert recorded.trace_lines == b'{"resourceSpans":[]}\n'


def test_results_follow_the_published_schema() -> None:
    written = json.loads(results_text(good(), [b"{}"]))
    jsonschema.validate(written, json_schema(), cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is empty"),
        ("{}", "it holds no results of a benchmark"),
        ("[1]", "it holds no results of a benchmark"),
        ('{"name": "web", "version": "1.0.0"}', "it holds no results of a benchmark"),
        (results_text(good())[:-200], "it is no JSON: "),
        (b"\xff\xfe{}", "it is no text"),
        ("[" * 100_000, "it is no JSON: "),
        (
            edited(lambda data: data.update(schema_version=1)),
            "it was written by an older nanoagent: schema_version",
        ),
        (
            edited(lambda data: data.update(schema_version=99)),
            "it was written by a newer nanoagent: schema_version",
        ),
        (edited(lambda data: data.update(schema_version="2")), "schema_version must be 2, got '2'"),
        (edited(lambda data: data.pop("goals")), "goals: Field required"),
        (edited(lambda data: data.update(more=1)), "more: Extra inputs are not permitted, got '1'"),
        (edited(lambda data: data["goals"].append(data["goals"][0])), "the goal id 'goal-0' stands in it twice"),
        (
            edited(lambda data: data["goals"][0]["attempts"].append(data["goals"][0]["attempts"][0])),
            "attempt 1 of 'goal-0' stands in it twice",
        ),
        (
            edited(lambda data: data["goals"][0]["attempts"][0]["metrics"].update(api_calls=-1)),
            "not metrics: api_calls must be a whole number of 0 or more, got -1",
        ),
        (
            edited(lambda data: data["goals"][0]["limits"].update(timeout_s=float("nan"))),
            "goals.0.limits.timeout_s: Input should be a finite number, got 'nan'",
        ),
        (
            edited(lambda data: data["goals"][0]["attempts"][0].update(verdict="great")),
            "goals.0.attempts.0.verdict: Input should be 'pass', 'fail' or 'error', got 'great'",
        ),
        (
            results_text(good()).replace('"input_tokens": 6000', '"input_tokens": 5000', 1),
            "it is not as it was written: its checksum is another one",
        ),
    ],
    ids=lambda value: "" if len(value) > 80 else value,
)
def test_what_is_no_file_of_results_is_told_in_one_line(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(UnusableResultsError) as refused:
        read(text, tmp_path)
    message = str(refused.value)
    assert message.startswith(f"--baseline must be a file of results, got {str(tmp_path / 'results.json')!r}: {said}")
    assert message.endswith(f"; {WAY_OUT}")
    assert "\n" not in message


def test_traces_that_cannot_be_unpacked_are_told(tmp_path: Path) -> None:
    for traces in ("no base64", "AAAA"):
        whole = {**json.loads(json.dumps(good())), "comparison": None, "traces": traces}
        with pytest.raises(UnusableResultsError, match="its traces cannot be unpacked"):
            read(json.dumps({**whole, "checksum": checksum_of(whole)}), tmp_path)


def test_a_file_that_is_too_large_is_told_and_not_read(tmp_path: Path) -> None:
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate((1 << 30) + 1)
    with pytest.raises(UnusableResultsError, match="1,073,741,825 bytes are too many to be one"):
        read_results(tmp_path / "large.json", RULE, WAY_OUT)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnusableResultsError, match=r"got '.*nosuch\.json': No such file or directory; name another"):
        read_results(tmp_path / "nosuch.json", RULE, WAY_OUT)


def rows_of(made: Results) -> list[str]:
    head = head_of(made.provenance, [row.goal for row in made.goals])
    with TemporaryDirectory() as directory:
        file = AttemptsFile(Path(directory))
        file.begin(head, [row_of(one) for _, one in made.attempts])
        return file.path.read_text().splitlines()


def test_attempts_are_read_back_without_the_half_of_a_last_line(tmp_path: Path) -> None:
    made = results(attempts=2, goals=2)
    path = tmp_path / "attempts.jsonl"
    lines = rows_of(made)
    for torn in ("", lines[-1][: len(lines[-1]) // 2]):
        path.write_text("\n".join([*lines[:-1], torn]))
        found = results_of(*read_attempts(path, "--resume needs the attempts of a run", WAY_OUT))
        kept = [one for _, one in made.attempts][:-1]
        assert found == results_of(made.provenance, [row.goal for row in made.goals], kept)
        assert not found.complete


def head_twice() -> str:
    """A head that names a goal twice."""
    (row,) = results().goals
    with TemporaryDirectory() as directory:
        file = AttemptsFile(Path(directory))
        file.begin(head_of(results().provenance, [row.goal, row.goal]), [])
        return file.path.read_text().strip()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda lines: [], "its first line is not whole"),
        (lambda lines: ['{"of": "another program"}'], "it holds no results of a benchmark"),
        (lambda lines: [lines[0], "nonsense", lines[1]], "line 2: it is no JSON: Expecting value"),
        (lambda lines: [lines[0], lines[1], lines[1]], "attempt 1 of 'goal-0' stands in it twice"),
        (lambda lines: [lines[0], lines[1].replace('"goal-0"', '"other"')], "line 2: it is not as it was written"),
        (lambda lines: [lines[0].replace('"s1"', '"s2"')], "it is not as it was written: its checksum is another one"),
        (lambda lines: [lines[0], *rows_of(results(goals=2))[2:]], "an attempt is of the goal 'goal-1'"),
        (lambda lines: [head_twice()], "the goal id 'goal-0' stands in it twice"),
        (
            lambda lines: [lines[0].replace('"schema_version": 2', '"schema_version": 3')],
            "written by a newer nanoagent",
        ),
    ],
)
def test_what_is_no_file_of_attempts_is_told_in_one_line(
    tmp_path: Path, spoil: Callable[[list[str]], list[str]], said: str
) -> None:
    path = tmp_path / "attempts.jsonl"
    path.write_text("".join(f"{line}\n" for line in spoil(rows_of(results(attempts=2)))))
    with pytest.raises(UnusableResultsError) as refused:
        read_attempts(path, "--resume needs the attempts of a run", WAY_OUT)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_form_of_an_attempt_keeps_what_went_wrong() -> None:
    made = attempt(error_type="ValueError")
    assert row_of(made)["error_type"] == "ValueError"
