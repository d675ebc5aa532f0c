"""Recordings: what a model answered in the attempts at a goal, as a file of JSON lines.

The first line says of which goal and model, when, and how many calls follow; each further line is a call: the number of
the attempt, the request's fingerprint and the response. A file's name is legal everywhere, whatever the goal's id is.
"""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_ai.messages import ModelResponse

from benchmarks.formats import first_line, printable, quoted, reason_of
from benchmarks.subjects.masking import masked
from nanoagent.errors import ConfigurationError

KIND: Final = "nanoagent.recording"
SCHEMA_VERSION: Final = 1
"""It rises when a field changes its meaning or goes."""
SUFFIX: Final = ".jsonl"
_LONGEST_SLUG: Final = 40
_NOT_KEPT: Final = frozenset(
    (
        "timestamp",
        "run_id",
        "conversation_id",
        "metadata",
        "provider_url",
        "provider_details",
        "provider_response_id",
    )
)
"""Of a response: what says which run and which account it was of."""
_RESPONSE: Final = TypeAdapter(ModelResponse)


class Head(BaseModel):
    """What a recording is of."""

    model_config = ConfigDict(frozen=True, strict=True)

    kind: str
    schema_version: int
    goal_id: str
    goal: str
    """The goal's text."""
    model: str
    """As reports show it."""
    options: tuple[str, ...]
    """The options of the command line that chose it."""
    recorded_on: str
    """The day, UTC, ISO 8601."""
    packages: dict[str, str | None]
    """Versions of those that make the requests."""
    calls: int = 0
    """How many follow."""


class Call(BaseModel):
    """A request that was answered."""

    model_config = ConfigDict(frozen=True, strict=True)

    attempt: int = Field(ge=1)
    """Its number."""
    request: str
    """The fingerprint."""
    response: dict[str, Any]
    """JSON-ready, without secrets."""

    @property
    def answer(self) -> ModelResponse:
        """The response, as one that comes now."""
        return _RESPONSE.validate_python(self.response)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """The attempts at one goal."""

    head: Head
    calls: Sequence[Call]
    """Attempt by attempt, in the order in which they were answered."""

    @property
    def attempts(self) -> list[int]:
        """The numbers of the attempts, in order."""
        return sorted({call.attempt for call in self.calls})


def file_name(goal_id: str) -> str:
    """The name of a goal's file: readable, legal on every system, and another one for every other id."""
    slug = re.sub(r"[^a-z0-9]+", "-", goal_id.lower()).strip("-")[:_LONGEST_SLUG]
    digest = hashlib.sha256(goal_id.encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{slug or 'goal'}-{digest}{SUFFIX}"


def kept_form(response: ModelResponse) -> dict[str, Any]:
    """The response as a recording holds it."""
    dumped = _RESPONSE.dump_python(response, mode="json", exclude_none=True)
    seen = {name: value for name, value in dumped.items() if name not in _NOT_KEPT}
    return seen | {"parts": masked(seen["parts"])}


def write(path: Path, recording: Recording) -> None:
    """Put a recording in place in one go, for its owner's eyes only.

    Raises:
        OSError: It cannot be written; what was there is as it was.
    """
    head = recording.head.model_copy(update={"calls": len(recording.calls)})
    lines = [one.model_dump(mode="json") for one in (head, *recording.calls)]
    text = "".join(printable(json.dumps(line, ensure_ascii=False)) + "\n" for line in lines)
    descriptor, temporary = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def read(path: Path) -> Recording:
    """Read a recording.

    Raises:
        ConfigurationError: It cannot be read, is cut off, is none, or is of a newer version.
    """
    try:
        first, *rest = path.read_text(encoding="utf-8").split("\n")
        head = _head(json.loads(first), path)
        calls = [Call.model_validate(json.loads(line)) for line in rest if line]
        for call in calls:
            _ = call.answer
    except ConfigurationError:
        raise
    except OSError as error:
        raise _unfit(path, reason_of(error)) from error
    except (ValueError, RecursionError) as error:
        raise _unfit(path, _reason(error)) from error
    if len(calls) != head.calls or not calls:
        raise _unfit(path, f"it is cut off: {len(calls)} of {head.calls} calls are there")
    return Recording(head=head, calls=calls)


def _head(found: Any, path: Path) -> Head:
    if not isinstance(found, dict) or found.get("kind") != KIND:
        raise ValueError("it is no recording")
    version = found.get("schema_version")
    if version != SCHEMA_VERSION:
        raise ConfigurationError(
            f"recordings must be of schema version {SCHEMA_VERSION}, got {version!r} in {quoted(str(path))}; record "
            "anew with --record, or replay it with the version of the benchmark that wrote it"
        )
    return Head.model_validate(found | {"options": tuple(found.get("options", ()))})


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return "it is cut off, or no recording"
    if isinstance(error, ValidationError):
        return f"it holds what is none: {first_line(error)}"
    return first_line(error)


def _unfit(path: Path, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"replay needs recordings that --record has written, got {quoted(str(path))}: {reason}; record anew"
    )
