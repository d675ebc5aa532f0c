"""The models that goals are run on, by the name that the command line gives them."""

from dataclasses import dataclass
from typing import Final

from pydantic_ai.models import Model

from benchmarks.tokens import TokenSource
from nanoagent.config import ModelSettings
from nanoagent.errors import ModelConfigurationError

SCRIPTED: Final = "scripted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A model under test."""

    name: str
    """As the command line gives it."""
    model: Model
    token_source: TokenSource


def subject_named(name: str) -> Subject:
    """Build the model once, so that a missing key is found before any goal is run.

    Args:
        name: `scripted`, or any pydantic-ai model string.

    Raises:
        ModelConfigurationError: There is no such model, or something that it needs is missing.
    """
    if name.strip().lower() == SCRIPTED:
        from benchmarks.scripted import ScriptedModel
        from benchmarks.tokens import token_counter

        return Subject(name=SCRIPTED, model=ScriptedModel(), token_source=token_counter().source)
    try:
        model = ModelSettings(model=name).resolve(env={}).executor
    except ModelConfigurationError as error:
        raise ModelConfigurationError(f"--{error}; --model {SCRIPTED} needs nothing") from error
    return Subject(name=name, model=model, token_source="provider")  # noqa: S106 - tokens of a model
