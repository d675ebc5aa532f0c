"""Recording: `--record` keeps what a model answers, for `--model replay:DIR` to answer the same.

Kept are the attempts in which every call was answered: one that a failure, a time limit or Ctrl-C broke off cannot be
replayed. Calls that were made again after a failure are kept as the one that was answered.
"""

import importlib.metadata
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

from pydantic_ai import RunContext
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings

from benchmarks.formats import quoted, reason_of
from benchmarks.subjects.fingerprint import fingerprint
from benchmarks.subjects.recordings import (
    KIND,
    SCHEMA_VERSION,
    Call,
    Head,
    Recording,
    file_name,
    kept_form,
    read,
    write,
)
from benchmarks.subjects.subject import GoalRun, Outcome, Subject, Surroundings
from benchmarks.suite.goals import Goal
from benchmarks.tokens import TokenSource
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.errors import ConfigurationError

_PACKAGES: Final = ("nanoagent", "pydantic-ai-slim")


class WithModel(Subject, Protocol):
    """A subject whose model can be wrapped."""

    @property
    def options(self) -> tuple[str, ...]:
        """Those of the command line that choose it."""

    def model_for(self, goal: Goal, attempt: int) -> Model:
        """The model that answers in an attempt at the goal."""

    def run_with(self, model: Model, goal: Goal, surroundings: Surroundings) -> GoalRun:
        """A run of the goal in which this model answers."""


class Recorder:
    """Keeps the attempts at each goal in a file of its own, anew as each attempt ends.

    Args:
        directory: Where the files are; it is made if need be.
        resume: Whether a run goes on: attempts that are recorded already are kept.
        now: What the day of recording is taken from.

    Raises:
        ConfigurationError: The directory cannot be made.
    """

    def __init__(
        self, directory: Path, *, resume: bool = False, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._directory, self._resume, self._now = directory, resume, now
        self._calls: dict[str, list[Call]] = {}
        self.kept, self.left_out = 0, 0
        """Attempts that are in the files, and those that cannot be replayed."""
        self.failure: str | None = None
        """Why a file could not be written."""
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"--record must name a directory that can be written to, got {quoted(str(directory))}: "
                f"{reason_of(error)}; choose another one"
            ) from error

    def subject(self, subject: WithModel, goals: Sequence[Goal]) -> "RecordedSubject":
        """The subject, recorded.

        Raises:
            ConfigurationError: A file that would be replaced is no recording, or one of another model that goes on.
        """
        for goal in goals:
            self._calls[goal.id] = self._before(subject, goal)
        return RecordedSubject(subject, self)

    def keep(self, subject: WithModel, goal: Goal, tape: "Tape") -> None:
        """An attempt has ended: keep it, if it can be replayed."""
        if not tape.whole:
            self.left_out += 1
            return
        others = [call for call in self._calls.get(goal.id, ()) if call.attempt != tape.attempt]
        self._calls[goal.id] = sorted([*others, *tape.calls], key=lambda call: call.attempt)
        try:
            write(self._path(goal), Recording(head=self._head(subject, goal), calls=self._calls[goal.id]))
            self.kept += 1
        except OSError as error:
            reason = reason_of(error)
            self.failure = f"--record cannot write {quoted(str(self._path(goal)))}: {reason}; make room and run again"

    @property
    def summary(self) -> str:
        """What was recorded, in a sentence."""
        left_out = f"; {self.left_out} not, since calls in them were not answered" if self.left_out else ""
        attempts = "attempt is" if self.kept == 1 else "attempts are"
        return f"Recorded: {self.kept} {attempts} in {self._directory}{left_out}"

    def _before(self, subject: WithModel, goal: Goal) -> list[Call]:
        path = self._path(goal)
        if not path.exists():
            return []
        before = read(path)
        if not self._resume:
            return []
        if before.head.model != subject.name:
            raise ConfigurationError(
                f"--record goes on with recordings of the same model only, got {quoted(subject.name)} where "
                f"{quoted(str(path))} is of {quoted(before.head.model)}; choose another directory"
            )
        return list(before.calls)

    def _head(self, subject: WithModel, goal: Goal) -> Head:
        return Head(
            kind=KIND,
            schema_version=SCHEMA_VERSION,
            goal_id=goal.id,
            goal=goal.text,
            model=subject.name,
            options=subject.options,
            recorded_on=self._now().date().isoformat(),
            packages={name: _version(name) for name in _PACKAGES},
        )

    def _path(self, goal: Goal) -> Path:
        return self._directory / file_name(goal.id)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:  # a checkout that is on the path, and not installed
        return None


@dataclass(slots=True)
class Tape:
    """The calls of one attempt."""

    attempt: int
    calls: list[Call] = field(default_factory=list)
    whole: bool = True
    """Whether every call was answered."""

    def add(self, request: str, response: ModelResponse) -> None:
        """A call was answered."""
        self.calls.append(Call(attempt=self.attempt, request=request, response=kept_form(response)))


class RecordingModel(WrapperModel):
    """Puts every answer of a model on a tape."""

    def __init__(self, wrapped: Model, tape: Tape) -> None:
        super().__init__(wrapped)
        self._tape = tape

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Make the request, and keep what comes."""
        request = fingerprint(messages, model_settings, model_request_parameters)
        try:
            response = await self.wrapped.request(messages, model_settings, model_request_parameters)
        except BaseException:
            self._tape.whole = False
            raise
        self._tape.add(request, response)
        return response

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """Open the stream, and keep what came once it was read to its end."""
        request = fingerprint(messages, model_settings, model_request_parameters)
        answered = False
        try:
            async with self.wrapped.request_stream(
                messages, model_settings, model_request_parameters, run_context
            ) as stream:
                yield stream
            response = stream.get()
            answered = response.state == "complete"
        finally:
            self._tape.whole &= answered
        if answered:
            self._tape.add(request, response)


class RecordedRun:
    """A run whose calls are kept when it has ended."""

    def __init__(self, run: GoalRun, keep: Callable[[], object]) -> None:
        self._run, self._keep = run, keep

    async def __call__(self) -> Outcome:
        """Run, and keep the calls; one that raises or is cancelled has not ended."""
        outcome = await self._run()
        self._keep()
        return outcome

    @property
    def metrics(self) -> PerformanceMetrics:
        """The run's own."""
        return self._run.metrics


class RecordedSubject:
    """A subject that is recorded in every attempt."""

    def __init__(self, subject: WithModel, recorder: Recorder) -> None:
        self._subject, self._recorder = subject, recorder

    @property
    def name(self) -> str:
        """The subject's own."""
        return self._subject.name

    @property
    def token_source(self) -> TokenSource:
        """The subject's own."""
        return self._subject.token_source

    def run_of(self, goal: Goal, surroundings: Surroundings) -> RecordedRun:
        """A run of the goal with a tape of its own."""
        tape = Tape(surroundings.attempt)
        model = RecordingModel(self._subject.model_for(goal, surroundings.attempt), tape)
        run = self._subject.run_with(model, goal, surroundings)
        return RecordedRun(run, lambda: self._recorder.keep(self._subject, goal, tape))
