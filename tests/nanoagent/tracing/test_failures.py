import logging
from collections.abc import Callable

import pytest

from nanoagent.content.content import CONTENT_VARIABLE
from nanoagent.tracing.failures import described, log_failure, redacted_traceback
from tests.secrets import PLANTED

logger = logging.getLogger("nanoagent.of.a.test")
URL_WITH_KEY = "https://models.example/v1?key=AIzaSyA1234567890abcdefghijklmnopqrstuv"


class Mute(Exception):  # noqa: N818 - it says nothing
    def __str__(self) -> str:
        raise RuntimeError("I say nothing")


def recursing(depth: int) -> None:
    if not depth:
        raise ValueError("deep")
    recursing(depth - 1)


def fail_on_content() -> None:
    try:
        raise KeyError("the goal")
    except KeyError as error:
        raise ValueError(f"cannot reach {URL_WITH_KEY}\nfor the goal\x1b[31m") from error


def logged(caplog: pytest.LogCaptureFixture, fail: Callable[[], object], **options: int) -> list[str]:
    try:
        fail()
    except Exception:
        log_failure(logger, "run %s failed", 7, **options)
    [record] = caplog.records
    assert (record.exc_info, record.exc_text, record.funcName) == (None, None, "logged")
    return record.getMessage().splitlines()


@pytest.fixture(params=["NO_CONTENT", "SPAN_ONLY"])
def content(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setenv(CONTENT_VARIABLE, request.param)
    return bool(request.param == "SPAN_ONLY")


def test_a_failure_is_logged_with_its_code_and_says_more_only_with_content(
    content: bool, caplog: pytest.LogCaptureFixture
) -> None:
    said = ": cannot reach https://models.example/v1?key=[redacted: google key] for the goal\ufffd[31m"
    lines = logged(caplog, fail_on_content)
    assert [line.split(", line")[0] for line in lines] == [
        "run 7 failed",
        "ValueError" + (said if content else ""),
        f'  File "{__file__}"',
        f'  File "{__file__}"',
        "after KeyError",
    ]
    assert [line.rsplit(" in ")[1] for line in lines[2:4]] == ["logged", "fail_on_content"]
    assert caplog.records[0].levelname == "ERROR"


def test_only_the_last_frames_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    lines = logged(caplog, lambda: recursing(200), level=logging.WARNING)
    assert [line.rsplit(" in ")[1] for line in lines[2:]] == ["recursing"] * 20
    assert caplog.records[0].levelname == "WARNING"


def test_exceptions_that_led_to_another_are_told_of_up_to_a_limit(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        error, cause = ValueError("a"), LookupError("b")
        error.__cause__, cause.__cause__ = cause, error
        raise error

    assert logged(caplog, fail)[-5:] == ["after LookupError", "after ValueError"] * 2 + ["after LookupError"]


def test_a_context_that_is_suppressed_is_not_told_of(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        try:
            raise KeyError("a")
        except KeyError:
            raise ValueError("b") from None

    assert [line for line in logged(caplog, fail) if line.startswith("after")] == []


def test_without_an_exception_the_message_stands_alone(caplog: pytest.LogCaptureFixture) -> None:
    log_failure(logger, "run %s failed", 7)
    assert caplog.messages == ["run 7 failed"]


def test_an_error_is_described_on_one_line_and_says_more_only_with_content(content: bool) -> None:
    errors = [ValueError(f"a\nb {PLANTED['openai']}"), ValueError(), Mute("x"), ValueError("x" * 10_000)]
    more = [": a b [redacted: openai key]", "", "", f": {'x' * 999}…"]
    classes = ["ValueError", "ValueError", f"{__name__}.Mute", "ValueError"]
    assert [described(error) for error in errors] == [
        kind + (text if content else "") for kind, text in zip(classes, more, strict=True)
    ]


def test_a_traceback_for_the_terminal_keeps_its_message_redacted() -> None:
    try:
        fail_on_content()
    except ValueError as error:
        shown = redacted_traceback(error)
    assert shown.startswith("Traceback (most recent call last):\n")
    assert "ValueError: cannot reach https://models.example/v1?key=[redacted: google key]\n" in shown
    assert "KeyError: 'the goal'" in shown
