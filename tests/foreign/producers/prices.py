"""The list price of what the ledger holds, for producers that write prices on their spans."""

from decimal import Decimal

from genai_prices import Usage, calc_price
from ledger import Ledger, Reply


def list_price(ledger: Ledger) -> dict[str, str]:
    """The totals' part about money."""
    price = sum((_price(one.model, one.reply) for one in ledger.answered()), Decimal(0))
    return {"cost_usd": str(price.normalize()), "cost_usd_known_part": str(price.normalize())}


def _price(model: str, reply: Reply) -> Decimal:
    usage = Usage(
        input_tokens=reply.input,
        output_tokens=reply.output,
        cache_read_tokens=reply.cached,
        cache_write_tokens=reply.written,
    )
    return calc_price(usage, model_ref=model, provider_id="openai").total_price
