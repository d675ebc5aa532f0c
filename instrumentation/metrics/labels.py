"""The labels of metrics: which there are, and how many values each may have."""

from collections.abc import Hashable, Mapping
from typing import Any, Final

from opentelemetry.util.types import AttributeValue

from instrumentation.observing import Filed
from nanoagent.tracing import names

Labels = dict[str, AttributeValue]

TOKEN_TYPE: Final = "gen_ai.token.type"  # noqa: S105 - tokens of a model
"""On token usage: input or output."""
TIME: Final = "nanoagent.time"
"""On times: llm, tool or other, as `PerformanceMetrics` splits them."""
DESTINATION: Final = "nanoagent.destination"
"""On spans: the exporter's name."""
OUTCOME: Final = "nanoagent.outcome"
"""On spans: exported, spooled, dropped or sampled_out, as `DeliveryReport` counts them."""
OTHER: Final = "other"
"""Stands for every value past the cap."""

MODEL_LABELS: Final = (
    names.PROVIDER_NAME,
    names.REQUEST_MODEL,
    names.RESPONSE_MODEL,
    names.SERVER_ADDRESS,
    names.SERVER_PORT,
)
"""What tells models apart; they count as one value of the cap together."""
MAX_MODELS: Final = 100
MAX_TOOLS: Final = 100
MAX_AGENTS: Final = 50
MAX_VERSIONS: Final = 20
MAX_ERROR_TYPES: Final = 50
MAX_BUDGETS: Final = 20


class LabelMaker:
    """Chooses the labels of everything that is measured.

    No label ever holds a goal, an id or a name that a model invented. Each has a bounded number of values: the first
    ones that come are kept, and every further one is `other`, so that the sums stay whole. For one thread at a time.
    """

    def __init__(self) -> None:
        """Know no values."""
        self._known: dict[str, set[Hashable]] = {}

    def of_call(self, span: Mapping[str, Any], filed: Filed, operation: str | None) -> Labels:
        """Of a model call, by its span's attributes."""
        model = tuple(span.get(key) for key in MODEL_LABELS)
        if self._is_known("model", model, MAX_MODELS):
            values = dict(zip(MODEL_LABELS, model, strict=True))
        else:
            values = {names.PROVIDER_NAME: OTHER, names.REQUEST_MODEL: OTHER}
        return _labels(
            {names.OPERATION_NAME: operation, **values, names.PHASE: filed.phase} | self._version(filed.version)
        )

    def of_tool(self, span: Mapping[str, Any], filed: Filed, *, is_known: bool) -> Labels:
        """Of a tool call; `is_known` is False where the model invented the tool."""
        tool = self._capped("tool", span.get(names.TOOL_NAME), MAX_TOOLS) if is_known else names.UNKNOWN_TOOL
        return _labels({names.TOOL_NAME: tool, names.TOOL_TYPE: span.get(names.TOOL_TYPE)}) | self._version(
            filed.version
        )

    def of_agent(self, span: Mapping[str, Any], filed: Filed) -> Labels:
        """Of an agent's work."""
        return _labels({names.AGENT_NAME: self._agent(span)}) | self._version(filed.version)

    def of_run(self, root: Mapping[str, Any]) -> Labels:
        """Of an outermost run, by its root's attributes."""
        workflow = root.get(names.WORKFLOW_NAME)
        named = {names.WORKFLOW_NAME: workflow} if workflow is not None else {names.AGENT_NAME: self._agent(root)}
        return _labels(named) | self._version(root.get(names.AGENT_VERSION))

    def of_error(self, error_type: str | None) -> Labels:
        """Of what failed or was cancelled; none where nothing did."""
        return _labels({names.ERROR_TYPE: self._capped("error", error_type, MAX_ERROR_TYPES)})

    def of_budget(self, budget: str, action: str) -> Labels:
        """Of a budget that a run passed: policies of the caller's have names of their own."""
        return _labels({names.BUDGET: self._capped("budget", budget, MAX_BUDGETS), names.ACTION: action})

    def _agent(self, span: Mapping[str, Any]) -> AttributeValue | None:
        return self._capped("agent", span.get(names.AGENT_NAME), MAX_AGENTS)

    def _version(self, version: str | None) -> Labels:
        return _labels({names.AGENT_VERSION: self._capped("version", version, MAX_VERSIONS)})

    def _capped(self, kind: str, value: str | None, most: int) -> str | None:
        return value if value is None or self._is_known(kind, value, most) else OTHER

    def _is_known(self, kind: str, value: Hashable, most: int) -> bool:
        """Whether it is one of the values that are kept, which it becomes while there is room."""
        known = self._known.setdefault(kind, set())
        if len(known) < most:
            known.add(value)
        return value in known


def _labels(values: Mapping[str, AttributeValue | None]) -> Labels:
    """What is unknown is no label."""
    return {key: value for key, value in values.items() if value is not None}
