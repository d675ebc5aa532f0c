import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.util.types import AttributeValue
from pydantic_ai import Agent
from pydantic_ai.capabilities import ProcessHistory
from pydantic_ai.direct import model_request
from pydantic_ai.exceptions import ModelAPIError
from pydantic_ai.messages import (
    BinaryContent,
    ImageUrl,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.instrumented import InstrumentationSettings

from instrumentation.testing import Capture, span_dicts
from nanoagent import Tracing, traced, traced_run
from nanoagent.content.content import CONTENT_VARIABLE, MAX_CONVERSATIONS, Content, ContentSettings
from nanoagent.tracing.run import Run
from nanoagent.tracing.spans import agent_root_span
from tests.models import (
    CannedModel,
    blocking,
    call,
    executed,
    final,
    plan,
    reflected,
    response,
    waiting_at,
)
from tests.runs import Ran, add, prepared, ran

JSON_KEYS = (
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
)
OFFSET = "nanoagent.input.messages.offset"


@pytest.fixture
def content(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONTENT_VARIABLE, "SPAN_ONLY")


def contents(spans: Sequence[ReadableSpan], name: str = "") -> list[dict[str, Any]]:
    """What the spans of this name show, in order of start, with keys cut to their last part; all of it must parse."""
    return [
        {
            key.rpartition("call.")[2].removeprefix("gen_ai."): json.loads(str(span["attributes"][key]))
            for key in (*JSON_KEYS, OFFSET)
            if key in span["attributes"]
        }
        for span in span_dicts(spans)
        if span["name"].startswith(name)
    ]


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "parts": [{"type": "text", "content": text}]}


def assistant(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "parts": list(parts)}


def answered(*parts: dict[str, Any], reason: str = "stop") -> dict[str, Any]:
    return assistant(*parts) | {"finish_reason": reason}


def text(content: str) -> dict[str, Any]:
    return {"type": "text", "content": content}


def tool_call(call_id: str, **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_call", "id": call_id, "name": "add", "arguments": arguments}


def returned(call_id: str, value: Any) -> dict[str, Any]:
    return {"role": "tool", "parts": [{"type": "tool_call_response", "id": call_id, "response": value}]}


@pytest.mark.parametrize(
    ("value", "captures", "warning"),
    [
        (None, False, None),
        ("", False, None),
        (" ", False, None),
        ("NO_CONTENT", False, None),
        ("SPAN_ONLY", True, None),
        (" span_only ", True, None),
        ("true", True, None),
        ("False", False, None),
        ("SPAN_AND_EVENT", True, "is taken as SPAN_ONLY"),
        ("EVENT_ONLY", False, "is taken as NO_CONTENT"),
        ("yes", False, "must be NO_CONTENT or SPAN_ONLY, got 'YES'"),
    ],
)
def test_the_standard_variable_switches_content_and_odd_values_are_told_once(
    value: str | None, captures: bool, warning: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    settings = ContentSettings({} if value is None else {CONTENT_VARIABLE: value})
    assert [settings.captures(), settings.captures()] == [captures, captures]
    told = [record.getMessage() for record in caplog.records if record.name.startswith("nanoagent")]
    assert len(told) == (warning is not None)
    assert all(str(warning) in line and CONTENT_VARIABLE in line for line in told)


@pytest.mark.parametrize(
    ("environment", "limit", "warnings"),
    [
        ({}, 16_384, 0),
        ({"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "500"}, 500, 1),
        ({"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "100000"}, 16_384, 0),
        ({"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": ""}, 16_384, 0),
        ({"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "many"}, 16_384, 0),
        ({"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "-5"}, 16_384, 0),
        ({"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "+500"}, 500, 1),
        ({"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "5_00"}, 500, 1),
        ({"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "20000", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "5"}, 16_384, 0),
    ],
)
def test_content_keeps_below_the_limit_of_the_sdk_and_says_so_once(
    environment: dict[str, str], limit: int, warnings: int, caplog: pytest.LogCaptureFixture
) -> None:
    settings = ContentSettings(environment)
    assert [settings.limit_bytes(), settings.limit_bytes()] == [limit, limit]
    assert len(caplog.records) == warnings


async def test_a_run_keeps_what_the_environment_said_when_it_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def switch() -> str:
        monkeypatch.setenv(CONTENT_VARIABLE, "SPAN_ONLY")
        return "on"

    replies = [plan("a"), response(call("switch")), executed("on"), reflected("on")]
    run = await ran(CannedModel(replies), tools=(switch,))
    assert not any(contents(run.captured.spans))
    later = await ran(CannedModel(replies), tools=(switch,))
    assert any(contents(later.captured.spans))


async def test_a_run_reads_as_conversations(content: None) -> None:
    model = CannedModel([plan("Add"), response(call("add", "c1", a=5, b=3)), executed("8"), reflected("It is 8.")])
    run = await ran(model)
    root, _, planned, _, _, asked, tool, last, *_ = contents(run.captured.spans)
    assert root == {
        "input.messages": [user("What is 5 + 3?")],
        "output.messages": [assistant(text("It is 8.")) | {"finish_reason": "goal_reached"}],
    }
    assert planned["output.messages"] == [answered(text('{"tasks": ["Add"], "questions": []}'))]
    assert asked.pop("system_instructions")[0]["content"].startswith("You carry out one task")
    prompt = "Goal: What is 5 + 3?\n\nResults so far:\n(none yet)\n\nYour task (t1): Add"
    assert asked == {
        "input.messages": [user(prompt)],
        "output.messages": [answered(tool_call("c1", a=5, b=3), reason="tool_call")],
        OFFSET: 0,
    }
    assert tool == {"arguments": {"a": 5, "b": 3}, "result": 8}
    assert last == {
        "input.messages": [returned("c1", 8)],
        "output.messages": [answered(text('{"success": true, "output": "8"}'))],
        OFFSET: 2,
    }


async def test_without_content_no_span_shows_any(caplog: pytest.LogCaptureFixture) -> None:
    run = await ran(
        CannedModel([plan("Add"), response(call("broken", why="secret")), executed("8"), reflected("It is 8.")])
    )
    assert not any(contents(run.captured.spans))
    assert not any(word in run.tree for word in ("5 + 3", "secret", "It is 8"))
    assert caplog.records == []


async def test_a_nested_run_shows_what_the_run_around_it_shows(monkeypatch: pytest.MonkeyPatch, content: None) -> None:
    async def delegate() -> str:
        """Let another orchestrator do it."""
        monkeypatch.setenv(CONTENT_VARIABLE, "NO_CONTENT")
        model = CannedModel([plan("b"), executed("c"), reflected("d")])
        nested, _ = prepared(model, goal="Inner", run_id="run-2", tracer_provider=None)
        return (await nested.run()).output

    run = await ran(
        CannedModel([plan("a"), response(call("delegate")), executed("d"), reflected("d")]), tools=(delegate,)
    )
    asked = [root["input.messages"] for root in contents(run.captured.spans, "invoke_workflow")]
    assert asked == [[user("What is 5 + 3?")], [user("Inner")]]


async def test_the_numbers_do_not_depend_on_content(monkeypatch: pytest.MonkeyPatch) -> None:
    replies = [
        plan("a", "b"),
        response(call("add", a=5, b=3), call("nope", "c2")),
        executed("8"),
        executed("9"),
        reflected("9"),
    ]
    without = await ran(CannedModel(replies))
    monkeypatch.setenv(CONTENT_VARIABLE, "SPAN_ONLY")
    with_content = await ran(CannedModel(replies))
    assert with_content.orchestrator.metrics == without.orchestrator.metrics


async def conversation(*agent_replies: Any, history: Any = None, **options: Any) -> list[dict[str, Any]]:
    """What the chats of one agent's run show."""
    captured = Capture()
    capabilities = [Tracing(tracer_provider=captured.provider), *([ProcessHistory(history)] if history else [])]
    agent = Agent(CannedModel(agent_replies), tools=[add], capabilities=capabilities, **options)
    await agent.run("Add things.")
    return contents(captured.spans, "chat")


def adding(*numbers: int) -> list[ModelResponse]:
    return [response(call("add", f"c{number}", a=number, b=1)) for number in numbers]


async def test_the_chats_of_an_agent_show_each_message_once(content: None) -> None:
    chats = await conversation(*adding(1, 2, 3), response(TextPart("done")), system_prompt="Be exact.")
    shown = [message for chat in chats for key in ("input.messages", "output.messages") for message in chat[key]]
    assert shown == [
        {"role": "system", "parts": [text("Be exact.")]},
        user("Add things."),
        answered(tool_call("c1", a=1, b=1), reason="tool_call"),
        returned("c1", 2),
        answered(tool_call("c2", a=2, b=1), reason="tool_call"),
        returned("c2", 3),
        answered(tool_call("c3", a=3, b=1), reason="tool_call"),
        returned("c3", 4),
        answered(text("done")),
    ]
    assert [chat[OFFSET] for chat in chats] == [0, 3, 5, 7]


async def test_a_rewritten_history_is_shown_whole(content: None) -> None:
    def trimmed(messages: list[Any]) -> list[Any]:
        return messages if len(messages) < 5 else [messages[0], *messages[3:]]

    chats = await conversation(*adding(1, 2), response(TextPart("done")), history=trimmed)
    assert [chat[OFFSET] for chat in chats] == [0, 2, 0]
    assert chats[2]["input.messages"] == [user("Add things."), assistant(tool_call("c2", a=2, b=1)), returned("c2", 3)]


async def test_a_history_that_is_equal_but_not_the_same_objects_is_known_again(content: None) -> None:
    def copied(messages: list[Any]) -> list[Any]:
        return [replace(message, parts=list(message.parts)) for message in messages]

    chats = await conversation(*adding(1, 2), response(TextPart("done")), history=copied)
    assert [chat[OFFSET] for chat in chats] == [0, 2, 4]


async def test_an_answer_that_was_changed_after_its_chat_is_shown_again(content: None) -> None:
    def changed(messages: list[Any]) -> list[Any]:
        last = len(messages) - 2
        return [
            replace(message, parts=[TextPart("changed"), *message.parts]) if number == last and last > 0 else message
            for number, message in enumerate(messages)
        ]

    chats = await conversation(*adding(1), response(TextPart("done")), history=changed)
    assert chats[1]["input.messages"] == [assistant(text("changed"), tool_call("c1", a=1, b=1)), returned("c1", 2)]
    assert chats[1][OFFSET] == 1


async def test_instructions_are_shown_at_first_and_when_they_change(content: None) -> None:
    said = iter(["Be exact.", "Be exact.", "Be quick."])
    chats = await conversation(*adding(1, 2), response(TextPart("done")), instructions=lambda: next(said))
    shown = [chat.get("system_instructions") for chat in chats]
    assert shown == [[text("Be exact.")], None, [text("Be quick.")]]


async def test_a_call_that_fails_shows_what_it_asked_and_the_next_attempt_does_not_again(content: None) -> None:
    captured = Capture()
    first = CannedModel([ModelAPIError("first", "down")], name="first")
    second = CannedModel([response(TextPart("hi"))], name="second")
    agent = Agent(FallbackModel(first, second), capabilities=[Tracing(tracer_provider=captured.provider)])
    await agent.run("Hello")
    assert contents(captured.spans, "chat") == [
        {"input.messages": [user("Hello")], OFFSET: 0},
        {"output.messages": [answered(text("hi"))], OFFSET: 1},
    ]


async def test_a_cancelled_call_shows_what_it_asked(content: None) -> None:
    reached = asyncio.Event()
    orchestrator, captured = prepared(CannedModel([blocking(reached)]))
    task = asyncio.create_task(orchestrator.run())
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (chat,) = contents(captured.spans, "chat")
    assert chat.keys() == {"input.messages", "system_instructions", OFFSET}
    (root,) = contents(captured.spans, "invoke_workflow")
    assert root["output.messages"] == [assistant(text("Cancelled.")) | {"finish_reason": "cancelled"}]


async def test_a_stream_that_is_left_shows_the_answer_as_far_as_it_came(content: None) -> None:
    captured = Capture()
    reached = asyncio.Event()
    model = CannedModel([response(TextPart("one two three"))], before_chunk=waiting_at(2, reached))
    agent = Agent(model, capabilities=[Tracing(tracer_provider=captured.provider)])

    async def read() -> None:
        async with agent.run_stream("Count") as stream:
            async for _ in stream.stream_text(debounce_by=None):
                pass

    task = asyncio.create_task(read())
    await reached.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    (chat,) = contents(captured.spans, "chat")
    assert chat["input.messages"] == [user("Count")]
    assert chat["output.messages"] == [answered(text("one two "), reason="error")]


async def test_what_is_remembered_of_a_conversation_goes_with_its_agent(content: None) -> None:
    captured = Capture()
    with traced_run(tracer_provider=captured.provider) as span:
        await model_request(traced(CannedModel([response(TextPart("hi"))])), [ModelRequest.user_text_prompt("Hello")])
        shown = span.run.content
        assert shown is not None
        assert shown.conversation(span.place.span_id) is not None
    assert shown.conversation(span.place.span_id) is None


async def test_of_many_agents_at_once_each_message_is_shown_once(content: None) -> None:
    captured, agents = Capture(), 100
    waiting = asyncio.Barrier(agents)

    async def meet() -> str:
        """Wait for the others."""
        await waiting.wait()
        return "met"

    async def run_one() -> None:
        replies = [*(response(call("meet", f"c{number}")) for number in range(3)), response(TextPart("done"))]
        await Agent(CannedModel(replies), tools=[meet], capabilities=[Tracing()]).run("Meet the others.")

    with traced_run(tracer_provider=captured.provider):
        await asyncio.gather(*(run_one() for _ in range(agents)))
    offsets = sorted(chat[OFFSET] for chat in contents(captured.spans, "chat"))
    assert offsets == [0] * agents + [2] * agents + [4] * agents + [6] * agents


def test_conversations_that_are_remembered_are_bounded() -> None:
    shown = Content()
    for number in range(MAX_CONVERSATIONS + 1):
        shown.remember(str(number), number)
    assert [shown.conversation(str(number)) for number in (0, 1, MAX_CONVERSATIONS)] == [None, 1, MAX_CONVERSATIONS]


async def test_a_history_that_was_changed_in_place_is_shown_again(content: None) -> None:
    def changed(messages: list[Any]) -> list[Any]:
        if len(messages) == 5:
            messages[2].parts[0].content["sum"][0] = "changed"
        return messages

    replies = [response(call("total", f"c{number}")) for number in (1, 2)]

    def total() -> dict[str, Any]:
        """Say the total."""
        return {"sum": ["2"]}

    captured = Capture()
    capabilities = [Tracing(tracer_provider=captured.provider), ProcessHistory(changed)]
    model = CannedModel([*replies, response(TextPart("done"))])
    await Agent(model, tools=[total], capabilities=capabilities).run("Add things.")
    chats = contents(captured.spans, "chat")
    assert [chat[OFFSET] for chat in chats] == [0, 2, 0]
    assert chats[2]["input.messages"][2] == returned("c1", {"sum": ["changed"]})


async def test_a_nested_run_whose_spans_go_elsewhere_points_at_nothing_that_stands_here(content: None) -> None:
    goal = "".join(f"Line {number}.\n" for number in range(100))
    elsewhere = Capture()

    async def delegate() -> str:
        """Let another orchestrator do it."""
        model = CannedModel([plan("b"), executed("c"), reflected("d")])
        nested, _ = prepared(model, goal=goal, run_id="run-2", tracer_provider=elsewhere.provider)
        return (await nested.run()).output

    replies = [plan("a"), response(call("delegate")), executed("d"), reflected("d")]
    orchestrator, _ = prepared(CannedModel(replies), tools=(delegate,), goal=goal)
    await orchestrator.run()
    (root,) = contents(elsewhere.spans, "invoke_workflow")
    assert root["input.messages"] == [user(goal)]
    first = contents(elsewhere.spans, "chat")[0]
    assert "…[shown before: " in str(first["input.messages"])


async def test_calls_that_reach_no_tool_show_their_arguments(content: None) -> None:
    calls = [
        call("nope", "c1", x="y"),
        call("add", "c2", a="five", b=1),
        ToolCallPart("add", '{"a": ', "c3"),
        ToolCallPart("add", '{"a": "six"}', "c4"),
    ]
    run = await ran(CannedModel([plan("a"), response(*calls), executed("8"), reflected("8")]))
    shown = sorted(json.dumps(tool) for tool in contents(run.captured.spans, "execute_tool"))
    assert shown == [
        '{"arguments": "{\\"a\\": "}',
        '{"arguments": {"a": "five", "b": 1}}',
        '{"arguments": {"a": "six"}}',
        '{"arguments": {"x": "y"}}',
    ]


def exceptions(run: Ran) -> list[dict[str, Any]]:
    return [
        event["attributes"]
        for span in span_dicts(run.captured.spans)
        for event in span["events"]
        if event["name"] == "exception"
    ]


async def test_what_an_exception_says_is_on_its_event_with_content_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    replies = [plan("a"), response(call("broken", why="no\0pe " * 1_000)), executed("8"), reflected("8")]
    assert exceptions(await ran(CannedModel(replies))) == [{"exception.type": "ValueError"}]
    monkeypatch.setenv(CONTENT_VARIABLE, "SPAN_ONLY")
    (event,) = exceptions(await ran(CannedModel(replies)))
    assert event["exception.message"].startswith("no\ufffdpe no\ufffdpe")
    assert len(event["exception.message"]) <= 1_000


async def test_an_agents_own_root_shows_what_it_was_asked_and_what_it_answered(content: None) -> None:
    captured = Capture()
    agent = Agent(
        CannedModel([final({"response": {"total": 8}})]),
        output_type=dict[str, int],
        capabilities=[Tracing(tracer_provider=captured.provider)],
    )
    await agent.run(["Add", "5 and 3"])
    (root,) = contents(captured.spans, "invoke_agent")
    assert root == {
        "input.messages": [{"role": "user", "parts": [text("Add"), text("5 and 3")]}],
        "output.messages": [assistant(text('{"total":8}')) | {"finish_reason": "stop"}],
    }


async def test_the_messages_have_the_form_that_pydantic_ai_gives_them(content: None) -> None:
    messages: list[ModelMessage] = [
        ModelRequest(
            [SystemPromptPart("Be exact."), UserPromptPart(["Look", ImageUrl("https://example.com/cat.png")])]
        ),
        ModelResponse(
            [ThinkingPart("Hm."), TextPart("I call."), call("add", "c1", a=1, b=2)], finish_reason="tool_call"
        ),
        ModelRequest([ToolReturnPart("add", {"sum": 3}, "c1"), UserPromptPart("And now?")]),
    ]
    captured = Capture()
    with traced_run(tracer_provider=captured.provider):
        await model_request(traced(CannedModel([response(TextPart("3"))])), messages)
    (chat,) = contents(captured.spans, "chat")
    # They say "thinking" and "result", repeat the tool's name, and guess the type of a file from its address.
    theirs = json.dumps(InstrumentationSettings(version=6).messages_to_otel_messages(messages))
    as_in_conventions = theirs.replace('"thinking"', '"reasoning"').replace('"result":', '"response":')
    as_in_conventions = as_in_conventions.replace('"mime_type": "image/png", ', "")
    as_in_conventions = as_in_conventions.replace('"id": "c1", "name": "add", "response"', '"id": "c1", "response"')
    assert chat["input.messages"] == json.loads(as_in_conventions)


async def test_files_are_shown_by_kind_and_size_and_never_by_their_bytes(content: None) -> None:
    captured = Capture()
    prompt: list[Any] = [
        "Look",
        BinaryContent(b"\x89PNG" * 100, media_type="image/png"),
        ImageUrl("data:image/gif;base64,AAAAAAAA"),
    ]
    with traced_run(tracer_provider=captured.provider):
        await model_request(
            traced(CannedModel([response(TextPart("a cat"))])), [ModelRequest([UserPromptPart(prompt)])]
        )
    (chat,) = contents(captured.spans, "chat")
    assert chat["input.messages"][0]["parts"] == [
        text("Look"),
        {"type": "binary", "modality": "image", "mime_type": "image/png", "size_bytes": 400},
        {"type": "binary", "modality": "image", "mime_type": "image/gif", "size_bytes": 6},
    ]


def span_bytes(span: ReadableSpan) -> int:
    return len(json.dumps(dict(span.attributes or {})).encode())


async def test_a_huge_tool_result_makes_no_huge_span(content: None) -> None:
    def read() -> str:
        """Read."""
        return "x" * 25_000_000

    run = await ran(CannedModel([plan("a"), response(call("read")), executed("8"), reflected("8")]), tools=(read,))
    assert max(span_bytes(span) for span in run.captured.spans) < 40_000
    (tool,) = contents(run.captured.spans, "execute_tool")
    assert tool["result"].endswith(" of 25,000,000 characters]")


async def test_a_huge_goal_makes_no_huge_span(content: None) -> None:
    run = await ran(CannedModel([plan("a"), executed("8"), reflected("8")]), goal="x" * 5_000_000)
    assert max(span_bytes(span) for span in run.captured.spans) < 60_000
    assert any(contents(run.captured.spans))


async def test_with_many_tools_and_content_no_attribute_is_dropped(content: None) -> None:
    def tool_of(number: int) -> Any:
        def tool(x: int) -> int:
            return x

        tool.__name__ = f"tool_{number}"
        return tool

    tools = tuple(tool_of(number) for number in range(40))
    calls = [call(tool.__name__, f"c{number}", x=number) for number, tool in enumerate(tools)]
    attributes = {f"key.{number}": "value" for number in range(32)}
    run = await ran(
        CannedModel([plan("a"), response(*calls), executed("8"), reflected("8")]), tools=tools, attributes=attributes
    )
    assert [span.dropped_attributes for span in run.captured.spans] == [0] * len(run.captured.spans)
    chats = [dict(span.attributes or {}) for span in run.captured.spans if span.name.startswith("chat")]
    assert all(
        {"gen_ai.operation.name", "gen_ai.usage.input_tokens", "gen_ai.input.messages"} <= chat.keys() for chat in chats
    )


async def test_below_a_low_limit_of_the_sdk_content_still_parses(
    monkeypatch: pytest.MonkeyPatch, content: None
) -> None:
    monkeypatch.setenv("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "500")
    run = await ran(CannedModel([plan("a"), executed("8" * 5_000), reflected("8")]), goal="Add. " * 1_000)
    shown = contents(run.captured.spans)
    assert shown[0]["input.messages"][0]["parts"][0]["content"].endswith(" of 5,000 characters]")
    assert all("input.messages" in chat for chat in contents(run.captured.spans, "chat"))


@pytest.mark.parametrize("limit", [0, 1, 40, 300, 5_000])
async def test_below_a_limit_that_code_gives_to_the_provider_content_still_parses(
    limit: int, content: None, caplog: pytest.LogCaptureFixture
) -> None:
    captured = Capture(provider=TracerProvider(span_limits=SpanLimits(max_span_attribute_length=limit)))
    say = CannedModel(
        [response(call("add", "c1", a=1, b=2)), response(TextPart("8" * 9_000)), response(TextPart("ok"))]
    )
    agent = Agent(say, tools=[add], capabilities=[Tracing(tracer_provider=captured.provider)])
    first = await agent.run("Add. " * 1_000, instructions="Be brief. " * 50)
    await agent.run("And now?", message_history=first.all_messages())
    held = [str(value) for span in captured.spans for key, value in (span.attributes or {}).items() if key in JSON_KEYS]
    assert all(len(value) <= limit and (not value or json.loads(value)) for value in held)
    assert any(held) == (limit > 0)
    assert not [record for record in caplog.records if record.name.startswith("nanoagent") and record.levelno > 30]


def test_limits_that_cut_content_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    content = Content(settings=ContentSettings({}))
    content.shorten(400)
    content.elsewhere().shorten(300)
    [line] = [record.getMessage() for record in caplog.records]
    assert line == (
        "a span's limits cut content after 400 characters: each attribute of it is shortened to so many bytes, "
        "or empty where no JSON is that short"
    )


async def test_where_the_sdk_has_cut_content_it_is_shown_again_shorter_and_each_message_once(content: None) -> None:
    captured = Capture(provider=TracerProvider(span_limits=SpanLimits(max_span_attribute_length=400)))
    model = CannedModel([response(call("add", "c1", a=1, b=2)), response(TextPart("3"))])
    agent = Agent(model, tools=[add], capabilities=[Tracing(tracer_provider=captured.provider)])
    instructions = "\n".join(f"{number} is a number." for number in range(60))
    await agent.run("What is the sum?", instructions=instructions)
    _, first, _, second = contents(captured.spans)
    [told] = first["system_instructions"]
    start, _, marker = told["content"].partition("…")
    assert instructions.startswith(start)
    assert marker == f"[shortened: {len(start)} of {len(instructions):,} characters]"
    assert (first[OFFSET], first["input.messages"]) == (0, [user("What is the sum?")])
    assert (second[OFFSET], second["input.messages"]) == (2, [returned("c1", 3)])


async def test_what_no_exporter_can_send_becomes_a_visible_mark_in_content(content: None) -> None:
    def odd() -> str:
        """Return what breaks readers."""
        return "a\0b\ud83e"

    run = await ran(
        CannedModel([plan("a"), response(call("odd", "c1")), executed("8"), reflected("8")]),
        tools=(odd,),
        goal="goal\0",
    )
    root, *_ = contents(run.captured.spans)
    (tool,) = contents(run.captured.spans, "execute_tool")
    assert (root["input.messages"], tool["result"]) == ([user("goal\ufffd")], "a\ufffdb\ufffd")


async def test_content_that_cannot_be_shown_harms_neither_the_run_nor_its_numbers(content: None) -> None:
    class Odd:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    def odd() -> Any:
        """Return an object that raises wherever it is touched."""
        return {"ok": 1, "odd": Odd()}

    run = await ran(CannedModel([plan("a"), response(call("odd", "c1")), executed("8"), reflected("8")]), tools=(odd,))
    (tool,) = contents(run.captured.spans, "execute_tool")
    assert tool["result"] == {"ok": 1, "odd": "[Odd that cannot be shown]"}


class Leaving:
    """It ends the interpreter wherever somebody asks what it is, as code of others may."""

    def __getattribute__(self, name: str) -> Any:
        raise SystemExit(f"asked for {name}")


async def test_content_whose_code_ends_the_interpreter_does_not_end_the_run(
    content: None, caplog: pytest.LogCaptureFixture
) -> None:
    prompt: Any = UserPromptPart("Look")
    prompt.content = ["Look", Leaving()]
    captured = Capture()
    with traced_run(tracer_provider=captured.provider):
        await model_request(traced(CannedModel([response(TextPart("a cat"))])), [ModelRequest([prompt])])
    (chat,) = contents(captured.spans, "chat")
    assert chat == {"output.messages": [answered(text("a cat"))]}
    assert "content of span chat" in caplog.text


def test_an_interrupt_while_content_is_looked_at_reaches_the_application(content: None) -> None:
    def interrupted(_: Content) -> dict[str, AttributeValue | None]:
        raise KeyboardInterrupt

    run = Run(tracer_provider=Capture().provider)
    with agent_root_span(run, "helper", agent_version=None, attributes={}) as span, pytest.raises(KeyboardInterrupt):
        span.show(interrupted)
