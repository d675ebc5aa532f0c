import io
import json
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from logging.handlers import QueueHandler
from queue import SimpleQueue
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import context as otel_context
from opentelemetry.trace import INVALID_SPAN_CONTEXT, NonRecordingSpan, SpanContext

from instrumentation.logs import (
    MAX_EXTRA_BYTES,
    MAX_MESSAGE_CHARACTERS,
    ContextFilter,
    JsonFormatter,
    configure_logging,
)
from instrumentation.testing import Capture
from nanoagent import Redactor
from nanoagent.errors import ConfigurationError
from nanoagent.redaction.redactor import use_redactor
from nanoagent.tracing.run import SPAN_KEY
from tests.models import CannedModel, call, executed, plan, reflected, response
from tests.runs import prepared
from tests.timing import timed

CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH"


class Log:
    """A logger of its own that writes JSON, and what it wrote."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        handler = logging.StreamHandler(self.stream)
        handler.addFilter(ContextFilter())
        handler.setFormatter(JsonFormatter())
        self.logger = logging.Logger("shop")
        self.logger.addHandler(handler)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Without their times."""
        written = self.stream.getvalue()
        assert written.isascii()
        assert written.endswith("\n")
        lines = [json.loads(line, parse_constant=_refuse) for line in written.splitlines()]
        for line in lines:
            assert line.pop("time").endswith("Z")
        return lines

    @property
    def line(self) -> dict[str, Any]:
        [line] = self.lines
        return line


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, which is as it was after the test."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def hook() -> Iterator[Any]:
    """Puts a hook of the redactor in force, for the test."""
    before = use_redactor(Redactor())
    yield lambda function: use_redactor(Redactor(hook=function))
    use_redactor(before)


def test_a_record_is_a_line_of_its_time_level_logger_and_message() -> None:
    log, before = Log(), datetime.now(UTC) - timedelta(milliseconds=1)
    log.logger.warning("%d chairs are left", 3)
    line = json.loads(log.stream.getvalue())
    assert before <= datetime.fromisoformat(line.pop("time")) <= datetime.now(UTC)
    assert line == {"level": "WARNING", "logger": "shop", "message": "3 chairs are left"}


async def test_a_line_carries_the_ids_of_the_span_and_the_run_that_it_was_logged_in(log: Log) -> None:
    def add(a: int, b: int) -> int:
        log.logger.info("adding")
        return a + b

    replies = [plan("add"), response(call("add", a=5, b=3)), executed("8"), reflected("8")]
    orchestrator, captured = prepared(CannedModel(replies), tools=(add,))
    log.logger.info("before")
    await orchestrator.run()
    log.logger.info("after")
    tool = next(span for span in captured.spans if span.name == "execute_tool add")
    assert tool.context is not None
    assert log.lines == [
        {"level": "INFO", "logger": "shop", "message": "before"},
        {
            "level": "INFO",
            "logger": "shop",
            "message": "adding",
            "trace_id": f"{tool.context.trace_id:032x}",
            "span_id": f"{tool.context.span_id:016x}",
            "run_id": "run-1",
        },
        {"level": "INFO", "logger": "shop", "message": "after"},
    ]


async def test_a_run_that_is_not_traced_has_its_own_id_alone(log: Log) -> None:
    replies = [plan("add"), response(call("add", a=5, b=3)), executed("8"), reflected("8")]

    def add(a: int, b: int) -> int:
        log.logger.info("adding")
        return a + b

    orchestrator, _ = prepared(CannedModel(replies), tools=(add,), tracer_provider=None)
    await orchestrator.run()
    assert log.line == {"level": "INFO", "logger": "shop", "message": "adding", "run_id": "run-1"}


def test_a_span_of_the_application_gives_its_ids_and_no_run(log: Log) -> None:
    with Capture().provider.get_tracer("shop").start_as_current_span("order") as span:
        log.logger.info("ordered")
    ids = span.get_span_context()
    assert log.line == {
        "level": "INFO",
        "logger": "shop",
        "message": "ordered",
        "trace_id": f"{ids.trace_id:032x}",
        "span_id": f"{ids.span_id:016x}",
    }


def test_an_id_that_the_caller_gives_stays(log: Log) -> None:
    with Capture().provider.get_tracer("shop").start_as_current_span("order"):
        log.logger.info("answered", extra={"run_id": "run-7", "trace_id": "t"})
    assert log.line["run_id"] == "run-7"
    assert log.line["trace_id"] == "t"


def test_the_ids_are_there_for_formats_of_others() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(ContextFilter())
    handler.setFormatter(logging.Formatter("%(message)s trace=%(trace_id)s", defaults={"trace_id": "-"}))
    logger = logging.Logger("shop")
    logger.addHandler(handler)
    logger.info("outside")
    with Capture().provider.get_tracer("shop").start_as_current_span("order") as span:
        logger.info("inside")
    assert stream.getvalue() == f"outside trace=-\ninside trace={span.get_span_context().trace_id:032x}\n"


def test_a_queue_that_has_filter_and_formatter_hands_on_lines_as_they_are_elsewhere(log: Log) -> None:
    queue: SimpleQueue[logging.LogRecord] = SimpleQueue()
    handler = QueueHandler(queue)
    handler.addFilter(ContextFilter())
    handler.setFormatter(JsonFormatter())
    logger = logging.Logger("shop")
    logger.addHandler(handler)
    logger.addHandler(log.logger.handlers[0])
    with Capture().provider.get_tracer("shop").start_as_current_span("order"):
        try:
            raise ValueError("the goal was to sell 3 chairs")
        except ValueError:
            logger.exception("failed", extra={"items": 3})
    line = json.loads(logging.Formatter().format(queue.get()))
    assert line.pop("time")
    assert line == log.line


def test_what_the_caller_adds_stands_in_the_line_and_takes_no_place_of_ours(log: Log) -> None:
    given = {"status": "completed", "seconds": 1.5, "tags": ["a", None], "level": "mine", "color_message": "\x1b[1m"}
    log.logger.info("answered", extra=given)
    assert log.line == {
        "level": "INFO",
        "logger": "shop",
        "message": "answered",
        "status": "completed",
        "seconds": 1.5,
        "tags": ["a", None],
    }


def test_secrets_are_masked_in_messages_and_in_what_the_caller_adds(log: Log) -> None:
    log.logger.info("the key is %s", KEY, extra={"password": "hunter2", "header": f"Bearer {KEY}"}, stack_info=True)
    assert KEY not in log.stream.getvalue()
    assert "hunter2" not in log.stream.getvalue()
    assert log.line["password"] == "[redacted: password]"


@pytest.mark.parametrize(("captures", "shown"), [("NO_CONTENT", ""), ("SPAN_ONLY", ": the goal was to sell 3 chairs")])
def test_an_exception_is_told_by_its_class_and_code_and_says_something_only_where_content_is_captured(
    log: Log, monkeypatch: pytest.MonkeyPatch, captures: str, shown: str
) -> None:
    monkeypatch.setenv(CONTENT, captures)
    try:
        try:
            raise KeyError("chairs")
        except KeyError as error:
            raise ValueError("the goal was to sell 3 chairs") from error
    except ValueError:
        log.logger.exception("failed")
    line = log.line
    stack = line.pop("exception_stack").splitlines()
    assert line == {"level": "ERROR", "logger": "shop", "message": "failed", "exception_type": "ValueError"}
    assert stack[0] == f"ValueError{shown}"
    assert stack[1].endswith(f", in {sys._getframe().f_code.co_qualname}")
    assert stack[-1] == "after KeyError"
    assert "raise ValueError" not in "".join(stack)


def test_an_exception_that_is_none_adds_nothing(log: Log) -> None:
    log.logger.error("failed", exc_info=True)
    assert log.line == {"level": "ERROR", "logger": "shop", "message": "failed"}


def test_controls_newlines_and_lone_surrogates_stay_one_line_that_every_reader_takes(log: Log) -> None:
    log.logger.info("a\nb\x00\x1b[1m\u2028\x85é\ud83e", extra={"key\ud83e": "\udfff\r\n"})
    assert len(log.stream.getvalue().splitlines()) == 1
    assert "\\ud83e" not in log.stream.getvalue()
    assert log.line == {
        "level": "INFO",
        "logger": "shop",
        "message": "a\nb\ufffd\x1b[1m\u2028\x85é\ufffd",
        "key\ufffd": "\ufffd\r\n",
    }


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(), max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(message=st.text(st.characters()), args=st.lists(_VALUES, max_size=3), extra=_VALUES)
def test_every_record_is_one_line(message: str, args: list[Any], extra: Any) -> None:
    log = Log()
    log.logger.info(message, *args, extra={"extra": extra})
    assert log.line["level"] == "INFO"


class Odd:
    """Raises whatever is asked of it."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __str__(self) -> str:
        raise self.error

    __repr__ = __str__


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), RecursionError()], ids=lambda e: type(e).__name__)
def test_what_cannot_be_shown_is_said_and_raises_nothing(log: Log, error: BaseException) -> None:
    log.logger.info("%s", Odd(error))
    log.logger.info(Odd(error))
    log.logger.info("extra", extra={"odd": Odd(error)})
    log.logger.handle(logging.makeLogRecord({"name": "shop", "levelno": logging.INFO, "created": float("nan")}))
    assert len(log.lines) == 4


def test_arguments_that_do_not_fit_leave_the_message_as_it_was_written(log: Log) -> None:
    log.logger.info("%d chairs", "three")
    assert log.line["message"] == "%d chairs [its arguments do not fit: TypeError]"


def test_a_long_line_is_cut(log: Log) -> None:
    log.logger.info("x" * 1_000_000, extra={"text": "y" * 1_000_000, "items": list(range(100_000))})
    assert len(log.stream.getvalue()) < MAX_MESSAGE_CHARACTERS + 2 * MAX_EXTRA_BYTES
    assert log.line["message"].endswith("…")


def test_a_hook_that_logs_does_not_ask_itself(log: Log, hook: Any) -> None:
    def logs(text: str) -> str:
        log.logger.info("redacting %s", text)
        return text.upper()

    hook(logs)
    log.logger.info("sold")
    assert [line["message"] for line in log.lines] == ["[logged while another line was redacted]", "SOLD"]


def test_a_context_that_breaks_leaves_the_record_without_ids(log: Log) -> None:
    class Broken(NonRecordingSpan):
        def get_span_context(self) -> SpanContext:
            raise RuntimeError

    token = otel_context.attach(otel_context.set_value(SPAN_KEY, Broken(INVALID_SPAN_CONTEXT)))
    log.logger.info("sold")
    otel_context.detach(token)
    assert log.line == {"level": "INFO", "logger": "shop", "message": "sold"}


def test_configured_logs_are_written_once_however_often_they_are_configured(root: logging.Logger) -> None:
    first, second = io.StringIO(), io.StringIO()
    own = logging.StreamHandler(io.StringIO())
    own.setFormatter(JsonFormatter())
    root.addHandler(own)
    others = list(root.handlers)
    configure_logging(stream=first)
    handler = configure_logging(stream=second, level="warning")
    logging.getLogger("shop.orders").warning("sold")
    logging.getLogger("shop.orders").info("not written")
    assert first.getvalue() == ""
    assert [json.loads(line)["message"] for line in second.getvalue().splitlines()] == ["sold"]
    assert root.handlers == [*others, handler]


def test_loggers_with_handlers_of_their_own_write_json_instead(root: logging.Logger) -> None:
    own, common = io.StringIO(), io.StringIO()
    server = logging.getLogger("shop-server")
    server.addHandler(logging.StreamHandler(own))
    server.propagate = False
    configure_logging(stream=common, instead_of=["shop-server"])
    server.error("stopped")
    assert own.getvalue() == ""
    assert json.loads(common.getvalue())["message"] == "stopped"


def test_a_logger_that_was_silenced_stays_so(root: logging.Logger) -> None:
    common = io.StringIO()
    silenced = logging.getLogger("shop-access")
    silenced.propagate = False
    configure_logging(stream=common, instead_of=["shop-access"])
    silenced.error("GET /healthz")
    assert common.getvalue() == ""


def test_logs_go_to_stderr_by_default(root: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    logging.getLogger("shop").info("sold")
    assert json.loads(capsys.readouterr().err)["message"] == "sold"


@pytest.mark.parametrize("level", ["LOUD", "", None, 1.5])
def test_a_level_that_there_is_not_is_refused(root: logging.Logger, level: Any) -> None:
    before = root.level, list(root.handlers)
    with pytest.raises(ConfigurationError, match=f"level must be a level of logging, such as INFO, got {level!r}"):
        configure_logging(level=level)
    assert (root.level, root.handlers) == before


def test_a_line_costs_little(log: Log) -> None:
    log.logger.info("answered %s", "before")
    with timed() as took:
        for number in range(1_000):
            log.logger.info("answered %s in %d iterations", "a goal", number)
    assert took.seconds < 0.2
