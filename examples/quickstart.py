"""One goal, its answer on stdout and its trace as a tree on stderr: `uv run python examples/quickstart.py`."""

import asyncio
import os

from benchmarks.scripted.model import ScriptedModel
from instrumentation import configure
from nanoagent import Orchestrator, register_builtin_tools


async def main() -> None:
    """Run the goal. Without NANOAGENT_MODEL the model follows rules: it knows this goal and understands nothing."""
    model = os.environ.get("NANOAGENT_MODEL") or ScriptedModel()
    orchestrator = Orchestrator("Calculate 15% of 360, multiply by 2, then subtract 50", model=model)
    register_builtin_tools(orchestrator.registry)
    result = await orchestrator.run()
    metrics = result.metrics
    print(f"{result.status}: {result.output}")
    print(f"{metrics.iterations} iterations, {metrics.api_calls} model calls, {metrics.tokens_used:,} tokens")


telemetry = configure(exporters=["console"])
asyncio.run(main())
telemetry.shutdown()
