"""Messages in the form of the conventions: what each kind of part is written as."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from pydantic_ai.messages import (
    AudioUrl,
    CachePoint,
    DocumentUrl,
    ImageUrl,
    ModelMessage,
    ModelRequest,
    ModelRequestPart,
    ModelResponse,
    ModelResponsePart,
    NativeToolCallPart,
    NativeToolReturnPart,
    RetryPromptPart,
    SystemPromptPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturn,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters

from nanoagent.content.content import Content
from nanoagent.content.messages import chat_input, chat_output, run_output, tool_output

MESSAGES = "gen_ai.input.messages"


def asked(*messages: ModelMessage) -> Any:
    shown = chat_input(Content(), "span", messages, ModelRequestParameters())
    return json.loads(str(shown[MESSAGES]))


def answered(response: ModelResponse, *, failed: bool = False) -> Any:
    (message,) = json.loads(str(chat_output(Content(), "span", response, failed=failed)["gen_ai.output.messages"]))
    return message


def text(content: str) -> dict[str, Any]:
    return {"type": "text", "content": content}


def test_a_request_is_a_message_for_each_role_that_speaks_in_it_in_their_order() -> None:
    parts: Sequence[ModelRequestPart] = [
        UserPromptPart("first"),
        SystemPromptPart("be brief"),
        UserPromptPart("second"),
        UserPromptPart("third"),
        ToolReturnPart("add", 3, "c1"),
    ]
    assert asked(ModelRequest(parts)) == [
        {"role": "user", "parts": [text("first")]},
        {"role": "system", "parts": [text("be brief")]},
        {"role": "user", "parts": [text("second"), text("third")]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": 3}]},
    ]


@pytest.mark.filterwarnings("ignore:`RetryPromptPart` is deprecated")
def test_a_retry_is_said_by_the_tool_that_asks_for_it_or_else_by_the_user() -> None:
    of_tool, of_nobody = RetryPromptPart("again", tool_name="add", tool_call_id="c1"), RetryPromptPart("once more")
    by_tool, by_user = asked(ModelRequest([of_tool, of_nobody]))
    assert (by_tool["role"], by_tool["parts"][0]["type"], by_tool["parts"][0]["id"]) == (
        "tool",
        "tool_call_response",
        "c1",
    )
    assert by_tool["parts"][0]["response"].startswith("again")
    assert (by_user["role"], by_user["parts"]) == ("user", [text(of_nobody.model_response())])


@pytest.mark.parametrize(
    ("item", "parts"),
    [
        ("text", [text("text")]),
        (CachePoint(), []),
        (
            ImageUrl("https://example.org/a.png"),
            [{"type": "uri", "modality": "image", "uri": "https://example.org/a.png"}],
        ),
        (
            AudioUrl("https://example.org/a.mp3"),
            [{"type": "uri", "modality": "audio", "uri": "https://example.org/a.mp3"}],
        ),
        (
            DocumentUrl("https://example.org/a.pdf"),
            [{"type": "uri", "modality": "document", "uri": "https://example.org/a.pdf"}],
        ),
        (
            DocumentUrl("data:application/pdf;base64,AAAAAAAA"),
            [{"type": "binary", "modality": "document", "mime_type": "application/pdf", "size_bytes": 6}],
        ),
    ],
)
def test_what_a_user_gives_is_a_part_by_its_kind(item: Any, parts: list[dict[str, Any]]) -> None:
    assert asked(ModelRequest([UserPromptPart(["see", item])])) == [{"role": "user", "parts": [text("see"), *parts]}]


@pytest.mark.parametrize(
    ("part", "written"),
    [
        (TextPart("yes"), text("yes")),
        (ThinkingPart("hm"), {"type": "reasoning", "content": "hm"}),
        (
            ToolCallPart("add", '{"a": 1}', "c1"),
            {"type": "tool_call", "id": "c1", "name": "add", "arguments": {"a": 1}},
        ),
        (ToolCallPart("add", None, "c1"), {"type": "tool_call", "id": "c1", "name": "add", "arguments": {}}),
        (
            NativeToolCallPart("search", {"q": "x"}, "c2"),
            {"type": "tool_call", "id": "c2", "name": "search", "arguments": {"q": "x"}},
        ),
        (NativeToolReturnPart("search", ["y"], "c2"), {"type": "tool_call_response", "id": "c2", "response": ["y"]}),
    ],
)
def test_what_a_model_answers_is_a_part_by_its_kind(part: ModelResponsePart, written: dict[str, Any]) -> None:
    assert answered(ModelResponse([part]))["parts"] == [written]


@pytest.mark.parametrize(
    ("response", "failed", "reason"),
    [
        (ModelResponse([TextPart("a")]), False, "stop"),
        (ModelResponse([ToolCallPart("add", {}, "c1")]), False, "tool_call"),
        (ModelResponse([TextPart("a")], finish_reason="length"), False, "length"),
        (ModelResponse([TextPart("a")], finish_reason="length"), True, "error"),
        (ModelResponse([TextPart("a")], state="incomplete"), False, "error"),
        (ModelResponse([TextPart("a")], state="interrupted"), False, "error"),
        (ModelResponse([ToolCallPart("add", {}, "c1")], state="incomplete"), False, "error"),
    ],
)
def test_an_answer_says_why_it_ended(response: ModelResponse, failed: bool, reason: str) -> None:
    assert answered(response, failed=failed)["finish_reason"] == reason


def test_a_run_answers_with_its_output_and_the_reason_that_is_given() -> None:
    for reason, said in ((None, "stop"), ("length", "length")):
        shown = json.loads(str(run_output(Content(), {"a": 1}, reason)["gen_ai.output.messages"]))
        assert shown == [{"role": "assistant", "parts": [text('{"a":1}')], "finish_reason": said}]


def test_of_what_a_tool_returns_for_model_and_application_the_value_is_shown() -> None:
    assert tool_output(Content(), ToolReturn("seen", metadata={"not": "this"})) == {"gen_ai.tool.call.result": '"seen"'}


def test_the_instructions_of_the_last_request_that_has_some_hold() -> None:
    history = [
        ModelRequest([UserPromptPart("a")], instructions="old"),
        ModelRequest([UserPromptPart("b")], instructions="new"),
        ModelRequest([UserPromptPart("c")]),
    ]
    shown = chat_input(Content(), "span", history, ModelRequestParameters())
    assert shown["gen_ai.system_instructions"] == '[{"type":"text","content":"new"}]'
