import pytest
from pydantic_ai import FunctionToolset, Tool

from nanoagent.redaction.redactor import Redactor, use_redactor
from nanoagent.texts import clean
from tests.models import CannedModel, call, executed, plan, reflected, response
from tests.runs import Ran, ran


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\0b", "a\ufffdb"),
        ("\ud83e", "\ufffd"),
        ("é\ud83eé\0", "é\ufffdé\ufffd"),
        ("🤖 tab\t esc\x1b bidi\u202e", "🤖 tab\t esc\x1b bidi\u202e"),
    ],
)
def test_what_no_exporter_can_send_becomes_a_visible_mark_and_the_rest_stays(text: str, expected: str) -> None:
    assert clean(text) == expected


async def test_names_on_spans_are_clean_wherever_they_come_from() -> None:
    def tool(x: int) -> int:
        """Do\0it."""
        return x

    model = CannedModel(
        [
            plan("a", model="m\0\ud83e"),
            response(call("look\0up", "c\0", x=1), call("no\0tool", "c2"), model="m\0\ud83e"),
            executed("b"),
            reflected("c"),
        ],
        name="canned\0",
        base_url="https://example.com",
    )
    toolset = FunctionToolset([Tool[None](tool, name="look\0up")])
    run = await ran(model, tools=(), toolsets=[toolset], attributes={"user": "ann\0"})
    texts = [span.name for span in run.captured.spans]
    texts += [
        value for span in run.captured.spans for value in (span.attributes or {}).values() if isinstance(value, str)
    ]
    assert [text for text in texts if clean(text) != text] == []
    assert {
        "chat canned\ufffd",
        "execute_tool look\ufffdup",
        "no\ufffdtool",
        "c\ufffd",
        "m\ufffd\ufffd",
        "ann\ufffd",
    } <= set(texts)


async def test_texts_of_models_and_callers_pass_the_redactor_without_content_too() -> None:
    class Masking(Redactor):
        def redacted(self, text: str) -> str:
            return text.replace("sesame", "***")

    async def run_of_secrets() -> Ran:
        called = response(call("sesame-tool", "sesame-id"), model="sesame-2026")
        called.provider_response_id = "sesame-response"
        model = CannedModel([plan("a"), called, executed("b"), reflected("c")], name="sesame")
        return await ran(model, attributes={"user": "sesame", "tags": ["sesame"]})

    assert "sesame" in (await run_of_secrets()).tree
    before = use_redactor(Masking())
    try:
        run = await run_of_secrets()
    finally:
        use_redactor(before)
    assert "***-response" in run.tree
    assert "sesame" not in run.tree
