from decimal import Decimal, localcontext
from typing import Any

import pytest
from pydantic_ai import Agent, ModelRetry
from pydantic_ai.messages import ModelResponse, TextPart
from pydantic_ai.models.concurrency import ConcurrencyLimitedModel
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.wrapper import WrapperModel

from nanoagent.tracing.model import TracedModel, traced
from tests.models import CannedModel, call, executed, plan, priced, reflected, response
from tests.runs import prepared, ran


def attributes(run: Any, name: str) -> list[dict[str, Any]]:
    return [dict(span.attributes) for span in run.captured.spans if span.name == name]


async def test_outside_of_a_run_a_traced_model_only_forwards() -> None:
    result = await Agent(traced(CannedModel([response(TextPart("hi"))]))).run("hello")
    assert (result.output, result.usage.requests) == ("hi", 1)


def test_leaves_are_traced_once_and_what_holds_them_is_copied() -> None:
    leaf, other = CannedModel([]), CannedModel([])
    fallback = FallbackModel(leaf, other)
    limited = ConcurrencyLimitedModel(fallback, limiter=1)
    outer = traced(traced(limited))
    assert isinstance(outer, ConcurrencyLimitedModel)
    inner = outer.wrapped
    assert isinstance(inner, FallbackModel)
    assert [(type(model), model.wrapped) for model in inner.models if isinstance(model, WrapperModel)] == [
        (TracedModel, leaf),
        (TracedModel, other),
    ]
    assert (limited.wrapped, fallback.models) == (fallback, [leaf, other])


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        (None, {}),
        ("https://api.example/v1", {"server.address": "api.example", "server.port": 443}),
        ("http://[::1]:8080", {"server.address": "::1", "server.port": 8080}),
        ("unix:///socket", {}),
        ("http://host:port", {}),
        ("https://user:secret@api.example", {"server.address": "api.example", "server.port": 443}),
    ],
)
async def test_the_server_is_named_where_the_base_url_names_one(base_url: str | None, expected: dict[str, Any]) -> None:
    run = await ran(CannedModel([plan(questions=["?"])], base_url=base_url))
    (chat,) = attributes(run, "chat canned")
    assert {key: value for key, value in chat.items() if key.startswith("server.")} == expected
    assert "secret" not in run.tree


async def test_request_settings_that_were_set_are_on_the_span() -> None:
    model = CannedModel([plan(questions=["?"])])
    model._settings = {"temperature": 0.5, "max_tokens": 99, "stop_sequences": ["END"], "timeout": 3}
    (chat,) = attributes(await ran(model), "chat canned")
    assert {key: value for key, value in chat.items() if key.startswith("gen_ai.request.")} == {
        "gen_ai.request.model": "canned",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 99,
        "gen_ai.request.stop_sequences": ("END",),
    }


async def test_what_the_response_tells_is_on_the_span() -> None:
    reply = plan(
        questions=["?"], input_tokens=50, output_tokens=20, cache_read_tokens=30, cache_write_tokens=5,
        output_reasoning_tokens=7,
    )  # fmt: skip
    reply.provider_response_id = "resp-1"
    reply.finish_reason = "stop"
    run = await ran(CannedModel([reply]))
    (chat,) = attributes(run, "chat canned")
    told = {key: value for key, value in chat.items() if key.startswith(("gen_ai.response.", "gen_ai.usage."))}
    assert told == {
        "gen_ai.response.model": "canned-2026",
        "gen_ai.response.id": "resp-1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 50,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 30,
        "gen_ai.usage.cache_creation.input_tokens": 5,
        "gen_ai.usage.reasoning.output_tokens": 7,
    }
    metrics = run.orchestrator.metrics
    assert (metrics.tokens_used, metrics.cached_input_tokens, metrics.reasoning_tokens) == (70, 30, 7)


async def test_a_known_model_is_priced_and_an_unknown_one_is_not() -> None:
    known = plan("a", input_tokens=1_000_000, output_tokens=0)
    known.model_name = "gpt-4o-mini"
    known.provider_name = "openai"
    run = await ran(CannedModel([known, executed("A"), reflected("A")]))
    metrics = run.orchestrator.metrics
    assert (metrics.cost_usd, float(metrics.cost_usd_known), metrics.unpriced_api_calls) == (None, 0.15, 2)
    assert "nanoagent.cost.usd" not in attributes(run, "invoke_workflow nanoagent")[0]


async def test_the_price_that_the_provider_tells_wins() -> None:
    run = await ran(CannedModel([plan(questions=["?"], **priced("0.000123"))]))
    assert float(run.orchestrator.metrics.cost_usd or 0) == 0.000123
    assert attributes(run, "invoke_workflow nanoagent")[0]["nanoagent.cost.usd"] == 0.000123


async def test_a_price_that_is_told_as_a_float_is_a_price() -> None:
    run = await ran(CannedModel([plan(questions=["?"], cost=0.25)]))
    assert float(run.orchestrator.metrics.cost_usd or 0) == 0.25


async def test_a_low_precision_of_the_application_loses_no_price() -> None:
    with localcontext(prec=3):
        run = await ran(CannedModel([plan(questions=["?"], **priced("0.00012345"))]))
    assert run.orchestrator.metrics.cost_usd_known == Decimal("0.00012345")


async def test_every_invented_tool_makes_one_span_also_in_parallel_and_with_a_monstrous_name() -> None:
    invented = [call("x" * 500, "c1"), call("\x1b[31mred", "c2"), call("add", "c3", a=1, b=2)]
    run = await ran(CannedModel([plan("a"), response(*invented), executed("A"), reflected("A")]))
    unknown = attributes(run, "execute_tool unknown")
    assert [len(span["gen_ai.tool.name"]) for span in unknown] == [64, 8]
    metrics = run.orchestrator.metrics
    assert (metrics.tool_calls, metrics.failed_tool_calls) == (3, 2)


async def test_the_output_tool_is_no_tool_call() -> None:
    output_call = response(call("final_result", tasks=["a"], questions=[]))
    run = await ran(CannedModel([output_call, executed("A"), reflected("A")]))
    assert run.orchestrator.metrics.tool_calls == 0


async def test_a_model_that_lies_about_its_usage_harms_nothing() -> None:
    odd = plan("a")
    odd.usage.input_tokens = "many"  # type: ignore[assignment]
    odd.usage.output_tokens = -5
    orchestrator, _ = prepared(CannedModel([odd, executed("A"), reflected("A")]))
    metrics = (await orchestrator.run()).metrics  # pydantic-ai adds the -5 up
    assert (metrics.input_tokens, metrics.output_tokens, metrics.unmeasured_api_calls) == (200, 20, 1)


async def test_a_rejected_answer_of_a_fallback_model_is_counted() -> None:
    def reject_first(reply: ModelResponse) -> bool:
        return reply.model_name == "rejected"

    first = CannedModel([plan("bad", input_tokens=11, output_tokens=2) for _ in range(3)], name="first")
    for reply in first._replies:
        assert isinstance(reply, ModelResponse)
        reply.model_name = "rejected"
    second = CannedModel([plan("a"), executed("A"), reflected("A")], name="second")
    run_model = FallbackModel(first, second, fallback_on=reject_first)
    orchestrator, _ = prepared(run_model)
    metrics = (await orchestrator.run()).metrics
    assert (metrics.api_calls, metrics.failed_api_calls, metrics.input_tokens, metrics.output_tokens) == (6, 0, 333, 36)


async def test_a_tool_that_asks_for_another_try_is_a_failed_call_and_then_a_good_one() -> None:
    tries: list[int] = []

    def picky(value: int) -> int:
        """Refuse the first time."""
        tries.append(value)
        if len(tries) == 1:
            raise ModelRetry("too small")
        return value

    replies = [plan("a"), response(call("picky", value=1)), response(call("picky", value=2)), executed("2")]
    run = await ran(CannedModel([*replies, reflected("2")]), tools=(picky,))
    first, second = attributes(run, "execute_tool picky")
    assert first["error.type"] == "pydantic_ai.exceptions.ModelRetry"
    assert "error.type" not in second
