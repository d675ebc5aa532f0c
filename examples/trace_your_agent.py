"""A plain pydantic-ai agent, traced by one line: `uv run python examples/trace_your_agent.py`."""

import os

from pydantic_ai import Agent
from pydantic_ai.models.test import TestModel

from instrumentation import configure
from nanoagent import PerformanceMetrics, Tracing


def stock_level(item: str) -> int:
    """Tell how many pieces of an item are in stock."""
    return 37


def tell(metrics: PerformanceMetrics) -> None:
    """What each run used, when it has ended."""
    print(
        f"{metrics.status}: model calls {metrics.api_calls}, tool calls {metrics.tool_calls}, cost {metrics.cost_usd}"
    )


agent = Agent(
    # Without NANOAGENT_MODEL, pydantic-ai's model for tests: it calls every tool once and understands nothing.
    os.environ.get("NANOAGENT_MODEL") or TestModel(),
    name="warehouse",
    instructions="Answer in one sentence.",
    tools=[stock_level],
    capabilities=[Tracing(agent_version="1.0", attributes={"deployment.environment.name": "demo"}, on_complete=tell)],
)
telemetry = configure(exporters=["console"])
print(agent.run_sync("How many blue chairs are there?").output)
telemetry.shutdown()
