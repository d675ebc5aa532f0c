"""What is tested: the subject, with what keeps its answers and what holds its spending to a limit."""

from dataclasses import dataclass

from benchmarks.request import Request
from benchmarks.subjects.models import SCRIPTED, is_scripted, subject_named
from benchmarks.subjects.recording import Recorder
from benchmarks.subjects.spending import Spending
from benchmarks.subjects.subject import Subject
from instrumentation.rendering.quantities import money_text
from nanoagent.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """What is tested."""

    subject: Subject
    recorder: Recorder | None
    """`None` where nothing is recorded."""
    spending: Spending | None
    """`None` where anything may be spent."""

    def is_over(self) -> bool:
        """Whether no further attempt should start: there is no money for it."""
        return self.spending is not None and self.spending.reached

    @property
    def lines(self) -> list[str]:
        """What there is to say when it is over."""
        spent = [] if self.spending is None else [_spent(self.spending)]
        return spent if self.recorder is None else [*spent, self.recorder.summary]

    @property
    def failure(self) -> ConfigurationError | None:
        """Why what was answered could not be kept."""
        failure = self.recorder.failure if self.recorder else None
        return None if failure is None else ConfigurationError(failure)


def tested(request: Request) -> Tested:
    """What a request is about.

    Raises:
        ConfigurationError: There is no such model or agent, or something that it needs is missing.
    """
    recorder = None if request.record is None else Recorder(request.record, resume=request.resume)
    spending = None
    if request.max_cost_usd is not None:
        spending = Spending(limit_usd=request.max_cost_usd, allow_unpriced=request.allow_unpriced)
    return Tested(subject=_subject(request, recorder, spending), recorder=recorder, spending=spending)


def _spent(spending: Spending) -> str:
    spent = f"Spent: {money_text(spending.spent_usd)} of {money_text(spending.limit_usd)}"
    if not spending.reached:
        return spent
    passed = (
        "one call passed that" if spending.spent_usd > spending.limit_usd else "another call might have passed that"
    )
    return f"{spent}; {passed}: go on with a higher --max-cost and --resume --retry-errors"


def _subject(request: Request, recorder: Recorder | None, spending: Spending | None) -> Subject:
    goals = request.goals
    if request.agent is not None:
        from benchmarks.subjects.agents import subject_of

        return subject_of(request.agent, request.model, goals[0], goals=goals, recorder=recorder, spending=spending)
    model = SCRIPTED if request.model is None else request.model
    if request.goals_file is not None and is_scripted(model):
        from benchmarks.scripted.model import check_scripts

        check_scripts(goals)
    return subject_named(model, goals, recorder=recorder, spending=spending)
