"""Prices for the calls of others: the public list, a user's own file, and what is said of both."""

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from instrumentation.reading.counted import counted_runs
from instrumentation.reading.files import read_file
from instrumentation.reading.price_file import PriceFile, Rates, read_price_file
from instrumentation.reading.prices import Prices, Provenance
from instrumentation.reading.problems import Problems
from nanoagent import ConfigurationError
from nanoagent.core.records import SpanRecord
from nanoagent.tracing import names
from tests.commands import ROOT

FOREIGN = ROOT / "tests" / "foreign"
T0_NS = 1_795_600_000_000_000_000  # 2026-11-25
DAY_NS = 86_400 * 10**9
OWN = PriceFile("own.toml", "2026-11-01", {"my-*": Rates(*map(Decimal, ("1", "2", "0.5", "4")))})


def call(*usage: int | None, model: str | None = "gpt-5-mini", start_ns: int = T0_NS, **attributes: Any) -> Any:
    """The attributes and the record of a call that used so many input, output, cached and cache-creation tokens."""
    keys = (names.INPUT_TOKENS, names.OUTPUT_TOKENS, names.CACHE_READ_TOKENS, names.CACHE_CREATION_TOKENS)
    spoken = {names.OPERATION_NAME: names.OP_CHAT, names.RESPONSE_MODEL: model, "gen_ai.system": "openai"}
    spoken |= dict(zip(keys, usage, strict=False)) | {key.replace("__", "."): each for key, each in attributes.items()}
    spoken = {key: each for key, each in spoken.items() if each is not None}
    span_id = f"{start_ns:016x}"
    return spoken, SpanRecord.of("t", span_id, None, start_ns, start_ns + 1, "chat", spoken, failed=False)


def manifest() -> list[Any]:
    entries = json.loads((FOREIGN / "manifest.json").read_text())["files"]
    told = [e for e in entries if "cost_usd_known_part" in e.get("totals", ()) and "readable_from_file" not in e]
    return [pytest.param(e["file"], e["totals"], id=e["file"].removesuffix(".jsonl")) for e in told]


@pytest.mark.parametrize(("file", "totals"), manifest())
def test_the_calls_of_others_cost_what_the_public_list_says(file: str, totals: dict[str, Any]) -> None:
    problems = Problems()
    runs = list(counted_runs(read_file(str(FOREIGN / file), problems), problems, price=Prices()))
    metrics = [run.metrics for run in runs if run.metrics.api_calls]
    known_usd = sum((one.cost_usd_known for one in metrics), Decimal(0))
    assert known_usd == Decimal(totals["cost_usd_known_part"] or 0)
    assert any(one.unpriced_api_calls for one in metrics) == (totals["cost_usd"] is None)


@pytest.mark.parametrize(
    "priced",
    [
        call(1_000, 100),
        call(1_000, 100, gen_ai__system=None),
        call(1_000, 100, gen_ai__system=7, llm__provider="openai"),
        call(1_000, 100, gen_ai__system="azure.ai.openai"),
    ],
    ids=["provider", "no provider", "another name for the provider", "a provider by the conventions' name"],
)
def test_a_call_is_priced_by_its_provider_and_model(priced: Any) -> None:
    assert Prices()(*priced) == Decimal("0.00045")


def test_the_price_is_that_of_the_day_of_the_call() -> None:
    # It fell on 2025-06-10.
    before, after = (call(1_000, 100, model="o3", start_ns=s * 10**9) for s in (1_748_736_000, 1_751_328_000))
    assert (Prices()(*before), Prices()(*after)) == (Decimal("0.014"), Decimal("0.0028"))


@pytest.mark.parametrize(
    ("provider", "model"),
    [("gcp.gen_ai", "gemini-2.5-flash"), ("x_ai", "grok-4"), ("moonshot_ai", "kimi-k2-0905-preview")],
)
def test_providers_are_known_by_the_names_of_the_conventions(provider: str, model: str) -> None:
    assert Prices()(*call(1_000, 100, model=model, gen_ai__system=provider)) is not None


@pytest.mark.parametrize(
    "unknown",
    [
        call(10, 5, model=None),
        call(10, 5, model="nosuch"),
        call(10, 5, gen_ai__system="local"),
        call(None, 5),
        call(10, None),
        call(10, 5, 5_000),
        call(10, 5, 6, 5),
        call(10, 5, start_ns=0),
        call(10, 5, start_ns=2**63),
        call(10, 5, start_ns=10**21),
    ],
    ids=[
        "no model",
        "unknown model",
        "unknown provider",
        "no input tokens",
        "no output tokens",
        "more cached than input",
        "more parts than input",
        "no time",
        "far future",
        "beyond all years",
    ],
)
def test_what_is_not_known_has_no_price(unknown: Any) -> None:
    price = Prices()(*unknown)
    assert price is None or (price > 0 and unknown[1].start_ns == 2**63)
    assert Prices(OWN, public=False)(*unknown) is None


def test_the_users_own_prices_come_first() -> None:
    prices = Prices(OWN)
    # 3 tokens are neither cached nor written to the cache.
    assert prices(*call(10, 5, 5, 2, model="my-model")) == Decimal("0.0000235")
    assert prices(*call(1_000, 100)) == Decimal("0.00045")


def test_without_the_public_list_only_the_users_own_prices_count() -> None:
    prices = Prices(OWN, public=False)
    assert prices(*call(1_000, 100)) is None
    assert prices(*call(0, 1, model="my-model")) == Decimal("0.000002")


def test_where_prices_come_from_is_counted_once_a_call() -> None:
    prices = Prices(OWN)
    for priced in (
        call(1, 1),
        call(1, 1),
        call(1, 1, start_ns=T0_NS + DAY_NS),
        call(1, 1, model="my-model", start_ns=7),
    ):
        prices(*priced)
    prices(*call(1, 1, model="nosuch", start_ns=8))
    prices(*call(1, None, model="nosuch", start_ns=9))
    [own, public] = prices.provenance()
    assert own == Provenance(source="own.toml", version=None, prices_of="2026-11-01", calls=1)
    assert str(own) == "1 call priced by own.toml, prices of 2026-11-01"
    assert (public.source, public.calls, public.prices_of) == ("genai-prices", 2, "2026-11-25 to 2026-11-26")
    assert str(public) == f"2 calls priced by genai-prices {public.version}, prices of 2026-11-25 to 2026-11-26"
    assert prices.unpriced == {"nosuch": 1}


def test_nothing_priced_has_no_provenance() -> None:
    prices = Prices(OWN)
    prices(*call(1, 1, model="nosuch"))
    assert prices.provenance() == []


def test_the_public_list_is_loaded_with_the_first_call_that_needs_it() -> None:
    program = f"""
import sys
from instrumentation.reading.counted import counted_runs
from instrumentation.reading.files import read_file
from instrumentation.reading.prices import Prices
from instrumentation.reading.problems import Problems
def loaded(file):
    list(counted_runs(read_file({str(FOREIGN)!r} + file, Problems()), Problems(), price=Prices()))
    return "genai_prices" in sys.modules
print(loaded("/util_genai.remote_agent.jsonl"), loaded("/sdk_odd_values.twelve_parallel_calls.jsonl"))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False True\n"


TOML = """
as_of = "2026-11-01"
[models."my-*"]
input = 1
output = 2.0
cached_input = 0.5
cache_creation_input = 4
[models.my-free]
input = 0
output = 0
"""


def price_file(tmp_path: Path, text: str, name: str = "prices.toml") -> str:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_price_file_is_toml_or_json(tmp_path: Path) -> None:
    models = {"my-*": OWN.models["my-*"], "my-free": Rates(*[Decimal(0)] * 4)}
    toml = price_file(tmp_path, TOML)
    assert read_price_file(toml) == PriceFile(toml, "2026-11-01", models)
    entry = '{"input": 1, "output": 2.0, "cached_input": 5e-1, "cache_creation_input": 4}'
    text = f'{{"models": {{"my-*": {entry}, "my-free": {{"input": 0, "output": 0}}}}}}'
    path = price_file(tmp_path, text, "prices.json")
    assert read_price_file(path) == PriceFile(path, None, models)


def test_the_exact_name_comes_before_patterns(tmp_path: Path) -> None:
    prices = read_price_file(price_file(tmp_path, TOML))
    assert prices.rates_of("my-free") == Rates(*[Decimal(0)] * 4)
    assert prices.rates_of("my-freer") == OWN.models["my-*"]
    assert prices.rates_of("My-free") is None


def test_parts_of_the_input_cost_as_much_as_the_rest_unless_said(tmp_path: Path) -> None:
    prices = read_price_file(price_file(tmp_path, "[models.m]\ninput = 3\noutput = 4\n"))
    assert prices.rates_of("m") == Rates(*map(Decimal, (3, 4, 3, 3)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[models", "a price file must be TOML, but "),
        ("as_of = 1", 'must have models, each with its prices, such as [models."llama-*"] in TOML; got None'),
        ("models = {}", "must have models, each with its prices"),
        ("x = 1\n[models.m]\ninput = 1\noutput = 1", "a price file holds as_of and models, got 'x'"),
        ("[models]\nm = 3", "models.'m' must hold prices, got 3; for example input = 0.2"),
        ("[models.m]\ninput = 1", "models.'m' must have output: USD per million tokens, 0 where they are free"),
        ("[models.m]\ninput = 1\noutput = 1\ncached = 1", "models.'m' takes input, output, cached_input, "),
        ("[models.m]\ninput = '1'\noutput = 1", "models.'m'.input must be USD per million tokens, a number from 0 to "),
        ("[models.m]\ninput = -0.5\noutput = 1", "got -0.5"),
        ("[models.m]\ninput = nan\noutput = 1", "got NaN"),
        ("[models.m]\ninput = true\noutput = 1", "got True"),
        ("[models.m]\ninput = 1\noutput = 1000001", "got 1000001"),
    ],
)
def test_a_bad_price_file_is_one_line_that_names_the_value(text: str, said: str, tmp_path: Path) -> None:
    path = price_file(tmp_path, text)
    with pytest.raises(ConfigurationError) as raised:
        read_price_file(path)
    message = str(raised.value)
    assert message.startswith(path)
    assert said in message
    assert "\n" not in message


@pytest.mark.parametrize("text", ['{"models": ', "[1]", '{"models": {"m": {"input": NaN, "output": 1}}}'])
def test_bad_json_names_the_file(text: str, tmp_path: Path) -> None:
    path = price_file(tmp_path, text, "prices.json")
    with pytest.raises(ConfigurationError) as raised:
        read_price_file(path)
    assert str(raised.value).startswith(path)


def test_a_price_file_that_is_not_there_names_the_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"a price file must be readable, got .*nosuch.toml.* check the path"):
        read_price_file(str(tmp_path / "nosuch.toml"))
