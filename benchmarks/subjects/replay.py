"""Replay: recorded answers in place of a model, for exactly the requests that they were given to.

A request that no recording answers is an error: the prompts, the tools or the framework have changed since, and what
the model would have answered is not known. Attempt by attempt: attempt 2 replays the second one recorded, and after the
last one comes the first again, so that it does not matter which attempts run at a time.
"""

import shlex
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic_ai import RunContext
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import CompletedStreamedResponse, Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.settings import ModelSettings

from benchmarks.formats import listed, quoted
from benchmarks.subjects.fingerprint import fingerprint
from benchmarks.subjects.recordings import SUFFIX, Call, Recording, read
from benchmarks.subjects.unanswered import StaleTranscriptError
from benchmarks.suite.goals import Goal
from nanoagent.errors import ConfigurationError

NAME: Final = "replay"
REPLAY_OF: Final = f"{NAME} of "
"""How the name of what is replayed begins."""
RECORDED: Final = ", recorded "
"""What stands in it before the day."""
SHIPPED: Final = Path(__file__).parents[1] / "recordings"
"""The example: the simple goals, by the model that `local` runs."""
_COMMAND: Final = ("uv", "run", "python", "benchmarks/run_benchmarks.py")


class ReplayModel(Model):
    """Answers one attempt from a recording.

    Args:
        recording: Of the goal.
        attempt: The attempt's number, 1-based.
        source: Where the recording is, for messages.
    """

    def __init__(self, recording: Recording, attempt: int, source: Path) -> None:
        super().__init__()
        self._recording, self._source = recording, source
        number = recording.attempts[(attempt - 1) % len(recording.attempts)]
        self._left: defaultdict[str, deque[Call]] = defaultdict(deque)
        for call in recording.calls:
            if call.attempt == number:
                self._left[call.request].append(call)

    @property
    def model_name(self) -> str:
        """What was recorded."""
        return self._recording.head.model

    @property
    def system(self) -> str:
        """`replay`."""
        return NAME

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Answer as recorded, once for each time that this was asked."""
        left = self._left[fingerprint(messages, model_settings, model_request_parameters)]
        if not left:
            raise StaleTranscriptError(self._stale())
        return left.popleft().answer

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """The same as a stream."""
        response = await self.request(messages, model_settings, model_request_parameters)
        yield CompletedStreamedResponse(response, model_request_parameters=model_request_parameters, replay_events=True)

    def _stale(self) -> str:
        head = self._recording.head
        options = [*head.options, "--goal", head.goal_id, "--record", str(self._source)]
        return (
            f"no recording answers this request: it is not among those of {head.goal_id!r} that were recorded on "
            f"{head.recorded_on}, or was made once more than there; record anew: {shlex.join([*_COMMAND, *options])}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recordings:
    """What can be replayed."""

    source: Path
    by_goal: Mapping[str, Recording]
    """Never empty."""

    @property
    def name(self) -> str:
        """What answers, with model and dates."""
        heads = [recording.head for recording in self.by_goal.values()]
        days = sorted({head.recorded_on for head in heads})
        return f"{REPLAY_OF}{heads[0].model}{RECORDED}{' to '.join(dict.fromkeys((days[0], days[-1])))}"

    def model_for(self, goal: Goal, attempt: int) -> ReplayModel:
        """What answers in an attempt at a goal."""
        directory = self.source if self.source.is_dir() else self.source.parent
        return ReplayModel(self.by_goal[goal.id], attempt, directory)


def is_replay(name: str) -> bool:
    """Whether this names recordings."""
    return name.strip().lower() == NAME or name.lstrip().lower().startswith(f"{NAME}:")


def recordings_named(name: str, goals: Iterable[Goal]) -> Recordings:
    """Read the recordings that `--model replay` or `--model replay:DIR_OR_FILE` names.

    Raises:
        ConfigurationError: There are none, some cannot be used, or a goal has none.
    """
    _, _, where = name.strip().partition(":")
    source = Path(where) if where else SHIPPED
    found = Recordings(source=source, by_goal=_by_goal(source))
    missing = [goal.id for goal in goals if goal.id not in found.by_goal]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ConfigurationError(
            f"--model {NAME} needs a recording of every goal, got none of {quoted(missing[0])}{more} in "
            f"{quoted(str(source))}; choose among {listed(sorted(found.by_goal))} with --goal, or record the others "
            "with --record"
        )
    return found


def _by_goal(source: Path) -> dict[str, Recording]:
    paths = sorted(source.glob(f"*{SUFFIX}")) if source.is_dir() else [source]
    if not paths:
        raise ConfigurationError(
            f"--model {NAME}:DIR must name a directory of recordings, got {quoted(str(source))}, which has none; "
            "--record makes them"
        )
    recordings = [read(path) for path in paths]
    _refuse_mixed(source, recordings)
    return {recording.head.goal_id: recording for recording in recordings}


def _refuse_mixed(source: Path, recordings: Sequence[Recording]) -> None:
    models = sorted({recording.head.model for recording in recordings})
    if len(models) > 1:
        raise ConfigurationError(
            f"--model {NAME} replays one model at a time, got {listed(models)} in {quoted(str(source))}; "
            "keep each in a directory of its own"
        )
    ids = [recording.head.goal_id for recording in recordings]
    twice = sorted({goal_id for goal_id in ids if ids.count(goal_id) > 1})
    if twice:
        raise ConfigurationError(
            f"--model {NAME} needs one recording of each goal, got several of {quoted(twice[0])} in "
            f"{quoted(str(source))}; keep one of them"
        )
