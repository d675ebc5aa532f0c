"""The form of results.json and of attempts.jsonl: what may stand in them, and the JSON schemas of that."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from benchmarks.judging.verdict import Cause, Criterion, Verdict, VerdictWord
from benchmarks.results.results import SCHEMA_VERSION, Attempt, GoalResults, Provenance, Results
from benchmarks.results.verification import Verification
from benchmarks.suite.facts import GoalFacts
from benchmarks.suite.goals import Budget, Tier
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.core.result import Status, StopReason

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_Metrics = Annotated[
    dict[str, Any],
    WithJsonSchema({"type": "object", "description": "The numbers of the run: PerformanceMetrics.to_dict()."}),
]

_Comparison = Annotated[
    dict[str, Any],
    WithJsonSchema({"type": "object", "description": "A row for each number of each goal: docs/benchmarks.md."}),
]
_Statistics = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {"type": "object", "description": "Under goals, tiers and all: pass rates, pass^k, and how each number lies."}
    ),
]


class _Form(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, allow_inf_nan=False, frozen=True, use_attribute_docstrings=True
    )


class CriterionForm(_Form):
    """One thing that has to hold, and how far it is from not holding."""

    name: str
    passed: bool
    text: str


class AttemptForm(_Form):
    """One run of one goal, judged."""

    attempt: int = Field(ge=1)
    """1-based."""
    trace_id: str | None = Field(pattern=r"^[0-9a-f]{32}$")
    """`null` when it was not traced."""
    trace_url: str | None
    """Where Jaeger shows it."""
    verdict: VerdictWord
    cause: Cause | None
    """Why a verdict is `error`."""
    checks: list[CriterionForm]
    answer: str | None
    """Redacted, and shortened."""
    error_type: str | None
    """Class of what the harness raised."""
    metrics: _Metrics

    def attempt_of(self, goal_id: str) -> Attempt:
        """The attempt.

        Raises:
            ValueError: Its metrics are none; the message says why.
        """
        criteria = tuple(Criterion(name=one.name, passed=one.passed, text=one.text) for one in self.checks)
        return Attempt(
            goal_id=goal_id,
            number=self.attempt,
            verdict=Verdict(word=self.verdict, criteria=criteria, cause=self.cause),
            metrics=PerformanceMetrics.from_dict(self.metrics),
            trace_id=self.trace_id,
            trace_url=self.trace_url,
            answer=self.answer,
            error_type=self.error_type,
        )


class RowForm(AttemptForm):
    """A line of attempts.jsonl."""

    id: str
    """Of the goal."""
    checksum: str
    """SHA-256 of the line without this field, the last one."""


class ExpectedForm(_Form):
    """What counts as reaching the goal."""

    status: Status
    stop_reason: StopReason
    answer: str
    """The check of the answer, in words."""


class LimitsForm(_Form):
    """What stops an attempt."""

    max_iterations: int
    timeout_s: float


class BudgetForm(_Form):
    """Exclusive upper bounds."""

    iterations: int
    tokens: int


class GoalForm(_Form):
    """A goal."""

    id: str
    tier: Tier
    goal: str
    """What the run is asked for."""
    expected: ExpectedForm
    limits: LimitsForm
    budget: BudgetForm
    extra_tools: list[str]
    """Beyond the built-in ones."""

    def facts(self) -> GoalFacts:
        """The goal."""
        return GoalFacts(
            id=self.id,
            tier=self.tier,
            text=self.goal,
            stop_reason=self.expected.stop_reason,
            check=self.expected.answer,
            max_iterations=self.limits.max_iterations,
            timeout_s=self.limits.timeout_s,
            budget=Budget(iterations=self.budget.iterations, tokens=self.budget.tokens),
            tools=tuple(self.extra_tools),
        )


class GoalResultsForm(GoalForm):
    """A goal with its attempts."""

    verdict: VerdictWord | None
    """Of all attempts: fail before error before pass; `null` when there is none."""
    checks: list[CriterionForm]
    """Of the last attempt."""
    attempts: list[AttemptForm]

    def results(self) -> GoalResults:
        """The goal with its attempts."""
        attempts = sorted((one.attempt_of(self.id) for one in self.attempts), key=lambda attempt: attempt.number)
        return GoalResults(goal=self.facts(), attempts=attempts)


class ResultsForm(_Form):
    """Results of benchmarks/run_benchmarks.py: results.json."""

    schema_version: int = Field(ge=SCHEMA_VERSION, le=SCHEMA_VERSION)
    complete: bool
    """Whether every goal was attempted as often as it should be."""
    interrupted: bool
    provenance: Provenance
    verification: Verification | None
    """What came of reading the traces back."""
    goals: list[GoalResultsForm]
    statistics: _Statistics | None
    """What the attempts come to; `null` where each goal is attempted once."""
    comparison: _Comparison | None
    """What became of the baseline; `null` where nothing was compared."""
    traces: str | None
    """Of the first attempts at each goal, where results are to be compared with: OTLP JSON lines as gzip in base64."""
    checksum: str
    """SHA-256 of everything else as JSON with sorted keys and no spaces."""

    def results(self) -> Results:
        """The results."""
        return Results(
            provenance=self.provenance,
            goals=[row.results() for row in self.goals],
            interrupted=self.interrupted,
            verification=self.verification,
        )


class HeadForm(_Form):
    """The first line of attempts.jsonl."""

    schema_version: int = Field(ge=SCHEMA_VERSION, le=SCHEMA_VERSION)
    provenance: Provenance
    goals: list[GoalForm]
    checksum: str
    """As of each row."""


class EndForm(_Form):
    """The last line of the file of a shard: all its attempts are made."""

    type: Literal["end"]
    ended_at: str
    """UTC, ISO 8601."""
    attempts: int = Field(ge=0)
    """So many rows there are."""
    verification: Verification | None
    """What came of reading the traces back; `null` where that was not asked for."""
    checksum: str
    """As of each row."""


def json_schema() -> dict[str, Any]:
    """The JSON schema of results.json; it is published as benchmarks/results.schema.json."""
    return {"$schema": _DIALECT, **ResultsForm.model_json_schema()}
