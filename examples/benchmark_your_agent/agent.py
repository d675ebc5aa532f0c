"""The agent that is benchmarked: replace it by yours."""

import os
from datetime import date

from pydantic_ai import Agent

from examples.benchmark_your_agent.offline_model import OFFLINE_MODEL

agent = Agent(
    os.environ.get("NANOAGENT_MODEL") or OFFLINE_MODEL,
    instructions="Answer in one sentence. Use the tools for money and for dates.",
)


@agent.tool_plain
def price_with_tax(net: float, tax_percent: float) -> float:
    """Add tax to a net price.

    Args:
        net: The price without tax.
        tax_percent: The rate of the tax, such as 19.
    """
    return round(net * (1 + tax_percent / 100), 2)


@agent.tool_plain
def days_between(start: date, end: date) -> int:
    """Count the days from one date to another."""
    return (end - start).days
