# /// script
# requires-python = ">=3.11,<3.13"
# dependencies = [
#   "anthropic==0.116.0",
#   "openai==2.50.0",
#   "openlit==1.45.0",
#   "opentelemetry-exporter-otlp-json-file==0.66b1",
# ]
# ///
"""OpenLIT around the OpenAI and Anthropic clients; it traces HTTP as well, and prices calls by a table of its own."""

import json
import tempfile
from decimal import Decimal
from pathlib import Path

import anthropic_cases
import openai_cases
import openlit
from opentelemetry import trace
from provider import FakeProvider
from recording import Recording

PRICES = {
    "gpt-5-mini": (Decimal("0.00025"), Decimal("0.002")),
    "claude-sonnet-4-5": (Decimal("0.003"), Decimal("0.015")),
}
"""USD for a thousand tokens in and out."""


def price(input_tokens: int, output_tokens: int, model: str) -> dict[str, str]:
    """What OpenLIT reckons, as the totals' part about money: it knows no price of cached tokens."""
    in_usd, out_usd = PRICES[model]
    usd = str((input_tokens * in_usd + output_tokens * out_usd) / 1000)
    return {"cost_usd": usd, "cost_usd_known_part": usd}


provider = FakeProvider()
recording = Recording(provider)
recording.begin("openlit", "openlit")
trace.set_tracer_provider(recording.tracer_provider())
with tempfile.TemporaryDirectory() as folder:
    table = Path(folder) / "prices.json"
    chat = {model: {"promptPrice": float(i), "completionPrice": float(o)} for model, (i, o) in PRICES.items()}
    table.write_text(json.dumps({"chat": chat}))
    openlit.init(
        application_name="foreign-openlit",
        disable_metrics=True,
        disable_events=True,
        capture_message_content=False,
        pricing_json=str(table),
    )
tracer = trace.get_tracer("app")

openai_cases.make_calls(provider, openai_cases.client_of(provider), tracer)
recording.save(
    "calls",
    openai_cases.CALLS_NOTE,
    totals=price(165, 20, "gpt-5-mini"),
    readable_from_file={"reasoning_tokens": 0, "why": "it writes no reasoning tokens"},
)

anthropic_cases.make_cached_calls(provider, anthropic_cases.client_of(provider), tracer)
recording.save(
    "anthropic_cache",
    anthropic_cases.CACHE_NOTE,
    totals=price(500, 90, "claude-sonnet-4-5"),
    readable_from_file={
        "input_tokens": 500,
        "cache_read_tokens": 600,
        "why": "it passes on a count that leaves out cached tokens, and of a stream no cached tokens at all",
    },
)
