"""What a recording holds, what its file is called, and what is said of one that cannot be used."""

import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_ai.messages import ModelMessage, ModelRequest, ToolReturnPart, UserPromptPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from benchmarks.running.runner import Listener, Session, run_goals
from benchmarks.subjects.fingerprint import fingerprint
from benchmarks.subjects.masking import masked
from benchmarks.subjects.models import ModelSubject, subject_named
from benchmarks.subjects.recording import Recorder
from benchmarks.subjects.recordings import file_name, read
from nanoagent.errors import ConfigurationError
from tests.benchmarks.subjects.recorded import GOAL, NAME, attempts_at, canned, files_in, path_in, recorded, replies
from tests.models import CannedModel, call, executed, plan, reflected, response
from tests.secrets import PLANTED

LEGAL = re.compile(r"(?!(?:con|prn|aux|nul|com\d|lpt\d)\.)[a-z0-9][a-z0-9-]{0,60}\.jsonl")


async def test_a_file_is_named_legally_whatever_the_goal_is_called_and_its_ids_are_unchanged_inside(
    tmp_path: Path,
) -> None:
    recorder = await recorded(tmp_path / "made")
    path = path_in(tmp_path / "made")
    assert LEGAL.fullmatch(path.name), path.name
    recording = read(path)
    assert (recording.head.goal_id, recording.head.model) == ("a/b:c?*", "openai:gpt-5-mini")
    assert (recording.head.goal, recording.head.recorded_on) == (GOAL.text, "2026-05-04")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path_in(tmp_path).name == "made"
    assert recorder.summary == f"Recorded: 1 attempt is in {tmp_path / 'made'}"


@given(st.text(max_size=80))
def test_any_id_makes_a_legal_name(goal_id: str) -> None:
    assert LEGAL.fullmatch(file_name(goal_id))


def test_ids_that_look_alike_have_files_of_their_own() -> None:
    ids = ["sum", "Sum", "SUM", "s-um", "s um", "", "..", "../sum", "con", "CON", "\uff53um"]
    assert len({file_name(goal_id).casefold() for goal_id in ids}) == len(ids)


async def test_a_recording_holds_no_secret_and_is_found_again_all_the_same(tmp_path: Path) -> None:
    key = PLANTED["openai"]
    told = [
        plan(f"use {key}"),
        response(call("calculate", expression=f"'{key}'")),
        executed(f"used {key}"),
        reflected(f"8 {key}"),
    ]
    await recorded(tmp_path, subject=canned(*told))
    assert key not in path_in(tmp_path).read_text()
    (attempt,) = await attempts_at(subject_named(f"replay:{tmp_path}", [GOAL]))
    assert (attempt.verdict.word, attempt.answer) == ("pass", "8 [redacted: openai key]")


@pytest.mark.parametrize("name", PLANTED)
def test_masking_twice_is_masking_once(name: str) -> None:
    once = masked({"text": PLANTED[name], "password": PLANTED[name], "nested": [{"api_key": PLANTED[name]}, 7, None]})
    assert PLANTED[name] not in json.dumps(once)
    assert masked(once) == once


async def test_ids_of_responses_and_accounts_are_not_kept(tmp_path: Path) -> None:
    first = plan("add")
    first.provider_response_id, first.provider_url = "resp-17", "https://account-3.example/v1"
    first.provider_details, first.conversation_id = {"account": "org-5"}, "conv-9"
    await recorded(tmp_path, subject=canned(first, *replies()[1:]))
    text = path_in(tmp_path).read_text()
    assert [one for one in ("resp-17", "account-3", "org-5", "conv-9", "timestamp") if one in text] == []


async def test_an_attempt_that_cannot_be_replayed_is_not_kept(tmp_path: Path) -> None:
    recorder = await recorded(tmp_path, subject=canned(plan("add"), RuntimeError("gone")))
    assert files_in(tmp_path) == []
    assert recorder.summary == f"Recorded: 0 attempts are in {tmp_path}; 1 not, since calls in them were not answered"


async def test_recording_anew_replaces_and_going_on_keeps(tmp_path: Path) -> None:
    await recorded(tmp_path, subject=canned(*replies(), *replies()), repeat=2)
    path = path_in(tmp_path)
    going_on = Recorder(tmp_path, resume=True).subject(canned(*replies()), [GOAL])
    await run_goals([(GOAL, 3)], Session(subject=going_on), concurrency=1, listener=Listener())
    assert read(path).attempts == [1, 2, 3]
    await recorded(tmp_path)
    assert read(path).attempts == [1]


async def test_recording_does_not_go_on_with_another_model(tmp_path: Path) -> None:
    await recorded(tmp_path)
    other = ModelSubject(name="other", model_for=lambda goal, attempt: CannedModel([]), token_source="provider")
    with pytest.raises(ConfigurationError, match=r"same model only, got 'other' where .* is of 'openai:gpt-5-mini'"):
        Recorder(tmp_path, resume=True).subject(other, [GOAL])


async def test_recording_touches_no_file_that_is_none_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / file_name(GOAL.id)
    path.write_text("my notes\n")
    with pytest.raises(ConfigurationError, match="it is cut off, or no recording"):
        Recorder(tmp_path).subject(canned(), [GOAL])
    assert path.read_text() == "my notes\n"


async def test_a_recording_that_cannot_be_written_spoils_no_verdict(tmp_path: Path) -> None:
    directory = tmp_path / "gone"
    recorder = Recorder(directory)
    subject = recorder.subject(canned(), [GOAL])
    directory.rmdir()
    (attempt,) = await attempts_at(subject)
    assert attempt.verdict.word == "pass"
    assert recorder.failure is not None
    assert "No such file or directory; make room and run again" in recorder.failure


def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="--record must name a directory that can be written to"):
        Recorder(tmp_path / "file" / "below")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda lines: lines[:-1], "it is cut off: 3 of 4 calls are there"),
        (lambda lines: [*lines[:-1], lines[-1][:40]], "it is cut off, or no recording"),
        (lambda lines: [], "it is cut off, or no recording"),
        (lambda lines: ['{"schema_version": 2, "goals": []}'], "it is no recording"),
        (lambda lines: ["[]"], "it is no recording"),
        (lambda lines: [lines[0].replace('"schema_version": 1', '"schema_version": 2'), *lines[1:]], "got 2 in"),
        (lambda lines: [lines[0], *(line.replace('"attempt": 1', '"attempt": 0') for line in lines[1:])], "is none"),
        (lambda lines: [lines[0], *(line.replace('"parts"', '"pieces"') for line in lines[1:])], "is none"),
        (lambda lines: [lines[0].replace("goal_id", "goal"), *lines[1:]], "is none"),
    ],
)
async def test_a_file_that_is_no_whole_recording_is_refused_with_one_line(
    tmp_path: Path, spoil: Any, reason: str
) -> None:
    await recorded(tmp_path)
    path = path_in(tmp_path)
    path.write_text("".join(f"{line}\n" for line in spoil(path.read_text().splitlines())))
    with pytest.raises(ConfigurationError) as refused:
        subject_named(f"replay:{tmp_path}", [GOAL])
    message = str(refused.value)
    assert (reason in message, str(path) in message, "record anew" in message, "\n" in message) == (
        True,
        True,
        True,
        False,
    ), message


async def test_nothing_and_a_mixture_cannot_be_replayed(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="which has none"):
        subject_named(f"replay:{tmp_path}", [GOAL])
    with pytest.raises(ConfigurationError, match="No such file"):
        subject_named(f"replay:{tmp_path / 'nosuch'}", [GOAL])
    await recorded(tmp_path)
    path = path_in(tmp_path)
    (tmp_path / "twice.jsonl").write_text(path.read_text())
    with pytest.raises(ConfigurationError, match=r"one recording of each goal, got several of 'a/b:c\?\*'"):
        subject_named(f"replay:{tmp_path}", [GOAL])
    (tmp_path / "twice.jsonl").write_text(path.read_text().replace(f'"model": "{NAME}"', '"model": "other"'))
    with pytest.raises(ConfigurationError, match="one model at a time, got openai:gpt-5-mini and other"):
        subject_named(f"replay:{tmp_path}", [GOAL])


def request(text: str = "hello", *, call_id: str = "c1", secret: str = "") -> list[ModelMessage]:
    return [
        ModelRequest(parts=[UserPromptPart(text + secret)], instructions="be kind"),
        response(call("look", call_id, id=7)),
        ModelRequest(parts=[ToolReturnPart("look", "seen", tool_call_id=call_id)], run_id=call_id),
    ]


def test_the_fingerprint_is_of_what_a_model_is_shown() -> None:
    parameters = ModelRequestParameters()
    same = fingerprint(request(), None, parameters)
    assert fingerprint(request(call_id="pyd_ai_5"), ModelSettings(timeout=3, max_retries=0), parameters) == same
    others = [
        fingerprint(request("hullo"), None, parameters),
        fingerprint(request()[:1], None, parameters),
        fingerprint(request(), ModelSettings(temperature=0.5), parameters),
        fingerprint(request(), None, ModelRequestParameters(allow_text_output=False)),
    ]
    assert len({same, *others}) == 5


def test_a_changed_tool_changes_the_fingerprint() -> None:
    tools = [
        ToolDefinition(name="look", description="Look there."),
        ToolDefinition(name="look", description="Look here."),
        ToolDefinition(name="look", description="Look here.", parameters_json_schema={"type": "object", "title": "x"}),
    ]
    given = [ModelRequestParameters(function_tools=[tool]) for tool in tools]
    given += [ModelRequestParameters(output_tools=[tool]) for tool in tools]
    assert len({fingerprint(request(), None, parameters) for parameters in given}) == 6
