"""The instruments: what is measured of runs, in which unit and which buckets.

`gen_ai.*` follows the OpenTelemetry GenAI semantic conventions, their buckets included
(https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/gen-ai-metrics.md); what they lack
lives under `nanoagent.`. What is of calls is recorded once for each call that the counting rule counts, wherever its
run is nested; what is of runs once for each outermost run, from its `PerformanceMetrics`.
"""

from collections.abc import Sequence
from typing import Final

from opentelemetry.metrics import Counter, Histogram, Meter

CALL_SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""Of the conventions, for model calls and tools."""
AGENT_SECONDS: Final = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6)
"""Of the conventions, for agents."""
RUN_SECONDS: Final = (1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0)
"""Of the conventions, for workflows."""
TOKENS: Final = tuple(float(4**power) for power in range(14))
"""Of the conventions: 1 to 67,108,864."""
CALLS: Final = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
ITERATIONS: Final = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0, 30.0, 50.0, 100.0)
USD: Final = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0)
SHARES: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
"""Of a limit: a run that used 1.0 of it has nothing left."""


class Instruments:
    """What is recorded of runs, created once from a meter."""

    def __init__(self, meter: Meter) -> None:
        """Create them all."""

        def histogram(name: str, unit: str, description: str, buckets: Sequence[float]) -> Histogram:
            return meter.create_histogram(name, unit, description, explicit_bucket_boundaries_advisory=buckets)

        def counter(name: str, unit: str, description: str) -> Counter:
            return meter.create_counter(name, unit, description)

        self.call_duration = histogram(
            "gen_ai.client.operation.duration",
            "s",
            "Duration of model calls, failed and cancelled ones too",
            CALL_SECONDS,
        )
        self.call_tokens = histogram(
            "gen_ai.client.token.usage", "{token}", "Input and output tokens of model calls that said so", TOKENS
        )
        self.agent_duration = histogram(
            "gen_ai.invoke_agent.duration", "s", "Duration of agent invocations", AGENT_SECONDS
        )
        self.tool_duration = histogram(
            "gen_ai.execute_tool.duration", "s", "Duration of tool calls, failed ones too", CALL_SECONDS
        )
        self.call_cost = counter("nanoagent.cost", "usd", "Price of model calls that have one")
        self.unmeasured_calls = counter(
            "nanoagent.unmeasured_api_calls", "{call}", "Answered model calls without input or output tokens"
        )
        self.unpriced_calls = counter("nanoagent.unpriced_api_calls", "{call}", "Answered model calls without a price")

        self.runs = counter("nanoagent.runs", "{run}", "Outermost runs that ended")
        self.run_duration = histogram("nanoagent.run.duration", "s", "Duration of runs", RUN_SECONDS)
        self.run_iterations = histogram("nanoagent.run.iterations", "{iteration}", "Iterations of runs", ITERATIONS)
        self.run_tokens = histogram("nanoagent.run.tokens", "{token}", "Input plus output tokens of runs", TOKENS)
        self.run_calls = histogram("nanoagent.run.api_calls", "{call}", "Model calls of runs", CALLS)
        self.run_tool_calls = histogram("nanoagent.run.tool_calls", "{call}", "Tool calls of runs", CALLS)
        self.run_cost = histogram(
            "nanoagent.run.cost", "usd", "Cost of runs whose every answered call has a price", USD
        )
        self.run_time = counter("nanoagent.run.time", "s", "Time of runs, by what it was spent on")
        self.phase_time = counter("nanoagent.phase.time", "s", "Time of the phases of runs, by what it was spent on")
        self.budget_usage = histogram(
            "nanoagent.run.budget.usage", "1", "Share of a limit that runs used, of those that have the limit", SHARES
        )
        self.budgets_passed = counter(
            "nanoagent.budgets.passed", "{run}", "Runs that passed a budget while running, by what was done about it"
        )
