"""A divergence: one point where two runs differ, as data and as a sentence."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final


class DivergenceKind(StrEnum):
    """What differs."""

    MODEL = "model"
    """Another model was asked."""
    PROMPT = "prompt"
    """The first model call of an agent has a longer or a shorter prompt."""
    HISTORY = "history"
    """A later one has a longer or a shorter history before it."""
    FINISH_REASON = "finish_reason"
    ANSWER_LENGTH = "answer_length"
    PLAN = "plan"
    """The plan has another length, and the runs have another number of tasks in the end."""
    MODEL_ERROR = "model_error"
    """A model call failed here and not there, or with another error."""
    MODEL_CALLS = "model_calls"
    """A model was asked more often, with no tool called in between."""
    TOOL = "tool"
    """Another tool was called."""
    TOOL_COUNT = "tool_count"
    """The same tool was called more often."""
    TOOL_ARGUMENTS = "tool_arguments"
    TOOL_ERROR = "tool_error"
    """A tool failed here and not there, or with another error."""
    TASK = "task"
    """An iteration worked on another task, or with another outcome."""
    STEP = "step"
    """Something else was done: another agent was called, or a reflection was made or was not."""
    AGENT_ERROR = "agent_error"
    ITERATIONS = "iterations"
    """One run stopped where the other one went on."""
    ENDING = "ending"
    """The runs ended for other reasons, or with other tasks done."""
    INCOMPLETE = "incomplete"
    """Spans of a run are missing: nothing can be said."""


SIZES: Final = frozenset(
    {
        DivergenceKind.MODEL,
        DivergenceKind.PROMPT,
        DivergenceKind.HISTORY,
        DivergenceKind.FINISH_REASON,
        DivergenceKind.ANSWER_LENGTH,
        DivergenceKind.PLAN,
    }
)
"""After one of these the runs may still do the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """A point where two runs differ.

    Example:
        >>> print(divergence(baseline, current, names=("baseline", "this run")))
        iteration 2: baseline called `calculate` once, this run twice with the same arguments; +412 input tokens
    """

    kind: DivergenceKind
    where: str
    """In words: `iteration 2`, `iteration 3, reflection`, `plan`, `agent writer`, `end`."""
    what: str
    """In words, with the names of the sides. Names of tools, models and agents in it are as others chose them."""
    iteration: int | None = None
    """`None` outside of any."""
    phase: str | None = None
    """plan, execute or reflect; `None` outside of any."""
    input_tokens: int | None = None
    """How many more the second side has: in one model call where that is what differs, else in the iteration, in the
    phase outside of any, or in the run where one of the two has no such iteration. `None` where it is not known."""
    output_tokens: int | None = None
    """Likewise."""

    @property
    def parts_ways(self) -> bool:
        """Whether the runs do other things from here on, rather than the same at another length."""
        return self.kind not in SIZES

    def __str__(self) -> str:
        """On one line."""
        return f"{self.where}: {self.what}" + (f"; {more}" if (more := self.tokens_text) else "")

    @property
    def tokens_text(self) -> str:
        """The tokens in words, `+412 input tokens`; empty where they are none, not known, or in the sentence."""
        if not self.parts_ways:
            return ""
        counts = ((self.input_tokens, "input"), (self.output_tokens, "output"))
        told = [f"{count:+,} {kind}" for count, kind in counts if count]
        return f"{' and '.join(told)} tokens" if told else ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields, and the whole sentence."""
        return {
            "kind": self.kind.value,
            "parts_ways": self.parts_ways,
            "sentence": str(self),
            "where": self.where,
            "what": self.what,
            "iteration": self.iteration,
            "phase": self.phase,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
        }
