"""Why a model under test gives no answer at all, where the reason is none of its own."""

from enum import StrEnum
from typing import ClassVar


class NoAnswerCause(StrEnum):
    """The causes, as verdicts name them."""

    STALE_TRANSCRIPT = "stale_transcript"
    """A replayed model was asked for what no recording answers."""
    COST_LIMIT = "cost_limit"
    """The call might have cost more than is left of what may be spent."""


class NoAnswerError(Exception):
    """The call was not made, or could not be answered, for a reason that says nothing of the model."""

    cause: ClassVar[NoAnswerCause]


class StaleTranscriptError(NoAnswerError):
    """A request that matches no recording; the message holds the command that records anew."""

    cause = NoAnswerCause.STALE_TRANSCRIPT


class SpendingLimitError(NoAnswerError):
    """A call that was not made, because what may be spent might be passed."""

    cause = NoAnswerCause.COST_LIMIT


_CAUSES = {f"{kind.__module__}.{kind.__qualname__}": kind.cause for kind in (StaleTranscriptError, SpendingLimitError)}


def cause_of(error_type: str | None) -> NoAnswerCause | None:
    """The cause of a run's end, by the class of the error that ended it; `None` where it is none of these."""
    return None if error_type is None else _CAUSES.get(error_type)
