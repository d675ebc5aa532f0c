"""The table of endings: every way in which an attempt can end has its line."""

from itertools import chain, combinations, product

import pytest

from benchmarks.judging.measures import MEASURES, Kind
from benchmarks.judging.outcomes import MEANINGS, CauseKind, Ending, ending_of, meaning_of
from benchmarks.judging.verdict import Cause, Criterion, Verdict, VerdictWord, judge
from benchmarks.results.results import Attempt
from benchmarks.subjects.subject import Outcome
from benchmarks.subjects.unanswered import NoAnswerCause, NoAnswerError, SpendingLimitError, StaleTranscriptError
from benchmarks.suite.goals import GOALS
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.core.result import Status, StopReason

CRITERIA = ("status", "stop_reason", "answer", "iterations", "tokens", "max_iterations")


def failed(*names: str, stop_reason: str | None = "goal_reached", status: str = "completed") -> Attempt:
    criteria = tuple(Criterion(name=name, passed=name not in names, text=name) for name in CRITERIA)
    metrics = PerformanceMetrics(stop_reason=stop_reason, status=status)
    return Attempt(goal_id="own", number=1, verdict=Verdict(word=VerdictWord.FAIL, criteria=criteria), metrics=metrics)


def ended(word: VerdictWord, cause: Cause | None = None) -> Attempt:
    return Attempt(goal_id="own", number=1, verdict=Verdict(word=word, cause=cause), metrics=PerformanceMetrics())


def test_every_ending_has_its_line_and_every_cause_is_an_ending() -> None:
    assert set(MEANINGS) == set(Ending)
    assert {cause: ending_of(ended(VerdictWord.ERROR, cause)).value for cause in Cause} == {
        cause: cause.value for cause in Cause
    }


@pytest.mark.parametrize("error", [StaleTranscriptError, SpendingLimitError])
def test_a_model_that_gives_no_answer_for_a_reason_of_ours_is_no_models_error(error: type[NoAnswerError]) -> None:
    metrics = PerformanceMetrics(error_type=f"{error.__module__}.{error.__qualname__}", complete=True)
    outcome = Outcome(
        output="", status=Status.FAILED, stop_reason=StopReason.MODEL_ERROR, metrics=metrics, model_failed=True
    )
    verdict = judge(GOALS[0], outcome)
    assert (verdict.word, verdict.cause) == (VerdictWord.ERROR, error.cause.value)


def test_every_reason_for_no_answer_is_a_cause() -> None:
    assert {cause.value for cause in NoAnswerCause} <= {cause.value for cause in Cause}


def test_every_failure_whatever_failed_and_however_it_stopped_has_an_ending() -> None:
    some = chain.from_iterable(combinations(CRITERIA, size) for size in range(1, len(CRITERIA) + 1))
    reasons = [None, *StopReason]
    kinds = {meaning_of(failed(*names, stop_reason=reason)).kind for names, reason in product(some, reasons)}
    assert kinds == {CauseKind.AGENT, CauseKind.BUDGET}


@pytest.mark.parametrize(
    ("attempt", "ending"),
    [
        (ended(VerdictWord.PASS), Ending.PASSED),
        (failed("answer"), Ending.WRONG_ANSWER),
        (failed("tokens"), Ending.OVER_BUDGET),
        (failed("answer", "tokens", "iterations"), Ending.WRONG_ANSWER),
        (failed("status", "stop_reason", "answer", stop_reason="max_iterations"), Ending.LIMIT),
        (failed("status", "stop_reason", stop_reason="time_budget"), Ending.LIMIT),
        (failed("status", "stop_reason", stop_reason="cost_budget"), Ending.LIMIT),
        (failed("status", "stop_reason", stop_reason="policy"), Ending.LIMIT),
        (failed("status", "stop_reason", "answer", "tokens", stop_reason="no_progress"), Ending.OTHER_ENDING),
        # An agent has no stop reason: it was cancelled when its time was over.
        (failed("status", "answer", stop_reason=None, status="cancelled"), Ending.LIMIT),
        (failed("status", "answer", stop_reason=None, status="incomplete"), Ending.LIMIT),
        (failed("status", "answer", stop_reason=None, status="failed"), Ending.OTHER_ENDING),
        # A limit that was expected has cut nothing off.
        (failed("answer", stop_reason="max_iterations"), Ending.WRONG_ANSWER),
        (ended(VerdictWord.ERROR), Ending.HARNESS),
        (None, Ending.CANCELLED),
    ],
    ids=str,
)
def test_an_attempt_has_the_first_cause_that_holds(attempt: Attempt | None, ending: Ending) -> None:
    assert ending_of(attempt) is ending


def test_the_table_is_this() -> None:
    everything = set(Kind)
    assert {ending.value: (one.kind, set(one.measures), one.is_retried) for ending, one in MEANINGS.items()} == {
        "passed": (None, everything, False),
        "limit": ("budget", everything, False),
        "other_ending": ("agent", everything, False),
        "wrong_answer": ("agent", everything, False),
        "over_budget": ("budget", everything, False),
        "harness": ("harness", set(), True),
        "check": ("harness", everything - {"score"}, True),
        "model_error": ("model provider", set(), True),
        "unmeasured_tokens": ("model provider", {"counts", "time"}, True),
        "incomplete_numbers": ("harness", set(), True),
        "stale_transcript": ("harness", set(), False),
        "cost_limit": ("budget", set(), True),
        "cancelled": ("cancelled", set(), True),
    }


def test_no_provider_moves_the_score() -> None:
    of_providers = [one for one in MEANINGS.values() if one.kind is CauseKind.PROVIDER]
    assert of_providers
    assert not any(Kind.SCORE in one.measures for one in of_providers)


def test_measures_are_called_as_the_metrics_of_results_are() -> None:
    assert {measure.name for measure in MEASURES} - {"llm_seconds"} <= PerformanceMetrics().to_dict().keys()
    assert {measure.name: measure.of(PerformanceMetrics(iterations=None)) for measure in MEASURES} == {
        "iterations": None,
        "api_calls": 0,
        "tool_calls": 0,
        "failed_tool_calls": 0,
        "input_tokens": 0,
        "output_tokens": 0,
        "tokens_used": 0,
        "cost_usd": None,
        "duration_seconds": 0.0,
        "llm_seconds": 0.0,
    }
