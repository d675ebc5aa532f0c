"""A tool of your own: `uv run python examples/custom_tool.py`."""

import asyncio
import os

from benchmarks.scripted.model import ScriptedModel
from benchmarks.scripted.script import Script, TaskRule, call
from nanoagent import Orchestrator

RULES = Script(  # Without NANOAGENT_MODEL the model follows these rules, and understands nothing.
    goal=r"How many (?P<item>[a-z ]+) are in stock\?",
    plan=["Look up {item}"],
    rules=[TaskRule(task=r"Look up (?P<item>.+)", steps=[[call("stock_level", item="{item}")]], report="{0} {item}")],
    answers=["{t1}"],
)


async def stock_level(item: str) -> int:
    """Tell how many pieces of an item are in stock.

    Args:
        item: The item's name, such as blue chairs.
    """
    return {"blue chairs": 37}.get(item, 0)


async def main() -> None:
    """Run a goal that needs the tool."""
    model = os.environ.get("NANOAGENT_MODEL") or ScriptedModel([RULES])
    orchestrator = Orchestrator("How many blue chairs are in stock?", model=model)
    orchestrator.registry.register("stock_level", stock_level)
    result = await orchestrator.run()
    print(f"{result.status}: {result.output}")


asyncio.run(main())
