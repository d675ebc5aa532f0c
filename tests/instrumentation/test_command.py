"""The `nanoagent` command and the exit codes that all commands share."""

import subprocess

import pytest

from instrumentation.exits import Ended, ExitCode, run_command, worst
from nanoagent import ConfigurationError
from tests.commands import run_imported, run_python

MAIN = "from instrumentation.cli import main; main()"
KEY = "AIzaSyA1234567890abcdefghijklmnopqrstuv"

CANNED = """
from nanoagent import config
from tests.models import CannedModel, executed, plan, reflected, response
model = CannedModel({replies})
config._build = lambda setting, source: model
from instrumentation.cli import main
main()
"""


def command(*arguments: str, replies: str | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    program = CANNED.format(replies=replies) if replies else MAIN
    return run_imported(program, *arguments, env=env)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("replies", "code", "answer", "said"),
    [
        ("[plan('a'), executed('A'), reflected('It is A.')]", 0, "It is A.\n", "1 iterations, 3 model calls"),
        ("[plan(questions=['Which one?'])]", 3, "Which one?\n", "incomplete needs_clarification"),
        ("[plan('a'), executed('A'), reflected(None, gaps=['b'])]", 3, None, "missing: b"),
        ("[RuntimeError('down')]", 1, None, "RuntimeError: down"),
    ],
    ids=["completed", "questions", "incomplete", "failed"],
)  # fmt: skip
def test_a_run_prints_its_answer_alone_on_stdout(replies: str, code: int, answer: str | None, said: str) -> None:
    done = command("run", "What is it?", "--model", "canned", replies=replies)
    assert done.returncode == code
    assert answer is None or done.stdout == answer
    assert said in done.stderr
    assert "\x1b" not in done.stderr + done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "env", "said"),
    [
        (["run", "hi"], {}, "NANOAGENT_MODEL"),
        (["run", "hi", "--model", "nosuch:model"], {}, "nosuch:model"),
        (["run", "  "], {}, "goal must be a text"),
        (["run", "hi", "--max-iterations", "0"], {}, "max_iterations must be a positive integer, got 0"),
        (["run", "hi", "--model", "test"], {"OTEL_EXPORTER": "zipkin"}, "OTEL_EXPORTER"),
    ],
    ids=["no model", "unknown model", "no goal", "limit", "exporter"],
)
def test_bad_input_is_one_line_and_exit_code_4(arguments: list[str], env: dict[str, str], said: str) -> None:
    done = command(*arguments, **env)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (4, "", 1)
    assert said in done.stderr


@pytest.mark.slow
def test_help_answers() -> None:
    shown = run_python("-c", MAIN, "run", "--help").stdout
    assert "--max-iterations" in shown
    assert "NANOAGENT_MODEL" in shown
    assert run_python("-c", MAIN, "--help").returncode == 0


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([], 0),
        ([0, 3], 3),
        ([3, 1, 0], 1),
        ([1, 2, 3], 2),
        ([2, 4, 1], 4),
        ([4, 130], 130),
    ],
)
def test_the_worst_of_several_codes_is_the_one_to_exit_with(codes: list[int], expected: int) -> None:
    assert worst(map(ExitCode, codes)) == expected


@pytest.mark.parametrize(
    ("ending", "code", "said"),
    [
        (Ended(ExitCode.FAILED), 1, ""),
        (SystemExit(2), 4, ""),
        (SystemExit(0), 0, ""),
        (SystemExit(130), 130, "interrupted\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (ConfigurationError("say it"), 4, "error: say it\n"),
        (ConfigurationError(f"refused ?key={KEY}"), 4, "error: refused ?key=[redacted: google key]\n"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_a_command_exits_with_a_code_of_the_table(
    ending: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def app() -> None:
        raise ending

    with pytest.raises(SystemExit) as exited:
        run_command(app)
    assert (exited.value.code, capsys.readouterr().err) == (code, said)


def test_a_crash_shows_where_it_happened_and_exits_with_4(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        run_command(lambda: 1 / 0)
    assert exited.value.code == 4
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_crash_shows_its_message_without_a_key(capsys: pytest.CaptureFixture[str]) -> None:
    def app() -> None:
        raise RuntimeError(f"refused https://models.example/v1?key={KEY}")

    with pytest.raises(SystemExit):
        run_command(app)
    said = capsys.readouterr().err
    assert said.startswith("Traceback (most recent call last):\n")
    assert said.endswith("RuntimeError: refused https://models.example/v1?key=[redacted: google key]\n")


@pytest.mark.slow
@pytest.mark.parametrize("replies", ["[RuntimeError({!r})]", "[plan('a'), RuntimeError({!r})]"])
def test_a_key_in_the_error_of_a_model_is_on_no_line_of_a_run(replies: str) -> None:
    url = f"https://models.example/v1?key={KEY}"
    done = command("run", "hi", "--model", "canned", replies=replies.format(url), OTEL_EXPORTER="console")
    assert done.returncode == 1
    assert "RuntimeError: https://models.example/v1?key=[redacted: google key]" in done.stderr
    assert KEY not in done.stdout + done.stderr
