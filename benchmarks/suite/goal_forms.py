"""The form of a goals file: what may stand in it, and the JSON schema of that."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from benchmarks.suite.goals import Tier
from nanoagent.core.result import StopReason

UNKNOWN_CHECK: Final = "unknown_check"
"""Type of the validation error of a check that is none of the known ones."""
_TEXT: Final = r"\S"
"""A pattern: something to read."""


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class NumberForm(_Form):
    """The answer holds this number, give or take the tolerance."""

    number: float
    tolerance: float = Field(default=0.0, ge=0)


class NumbersInOrderForm(_Form):
    """The answer holds these numbers one after the other; others may stand between them."""

    numbers_in_order: list[float] = Field(min_length=1)


class ContainsForm(_Form):
    """The answer contains all these texts, whatever their case."""

    contains: list[Annotated[str, Field(pattern=_TEXT)]] = Field(min_length=1)


class AllOfForm(_Form):
    """Every one of these checks holds."""

    all_of: list["CheckForm"] = Field(min_length=1)


class AnyAnswerForm(_Form):
    """The answer is not empty."""

    any_answer: Literal[True]


class FunctionForm(_Form):
    """A function of your own, as `module:name`: from the answer to a bool, or to a bool and the reason."""

    function: str = Field(pattern=r"^[\w.]+:[\w.]+$")


CHECKS: Final = ("number", "numbers_in_order", "contains", "all_of", "any_answer", "function")
"""The known checks, by the field that tells them."""


def _kind(value: Any) -> str | None:
    fields = value if isinstance(value, dict) else vars(value) if isinstance(value, _Form) else {}
    return next((kind for kind in CHECKS if kind in fields), None)


CheckForm = Annotated[
    Annotated[NumberForm, Tag("number")]
    | Annotated[NumbersInOrderForm, Tag("numbers_in_order")]
    | Annotated[ContainsForm, Tag("contains")]
    | Annotated[AllOfForm, Tag("all_of")]
    | Annotated[AnyAnswerForm, Tag("any_answer")]
    | Annotated[FunctionForm, Tag("function")],
    Discriminator(_kind, custom_error_type=UNKNOWN_CHECK, custom_error_message="unknown check"),
]
"""A check of the answer."""


class GoalForm(_Form):
    """A goal, with what counts as reaching it."""

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=60)
    """Its own in the file, and permanent: results of different times are compared by it."""
    tier: Tier = Field(strict=False)
    """The kind of work; it decides the budget. Simple and medium: fewer than 5 iterations and 10,000 tokens; all
    others: fewer than 15 and 50,000."""
    goal: str = Field(pattern=_TEXT)
    """What the agent is asked for."""
    check: CheckForm
    """Of the answer."""
    stop_reason: StopReason = Field(default=StopReason.GOAL_REACHED, strict=False)
    """How an orchestrator's run is expected to end; an agent, which has no stop reasons, has to complete its run."""
    max_iterations: int = Field(default=20, ge=1)
    """Of an orchestrator."""
    timeout_s: float = Field(default=300.0, gt=0)
    """Seconds that an attempt may take."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class GoalsForm(_Form):
    """Goals for benchmarks/run_benchmarks.py --goals FILE."""

    schema_: str | None = Field(default=None, alias="$schema", description="Where this schema is, for editors.")
    goals: list[GoalForm] = Field(min_length=1)


def json_schema() -> dict[str, Any]:
    """The JSON schema of a goals file; it is published as benchmarks/goals.schema.json."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **GoalsForm.model_json_schema()}
