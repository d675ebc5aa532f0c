"""A job: what workers are given to make attempts, and what they give back."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from benchmarks.request import Request
from benchmarks.tokens import TokenSource
from instrumentation.otlp.settings import credentials_in
from nanoagent.config import ROLE_VARIABLES

_PASSED_ON: Final = ("OTEL_", "NANOAGENT_", *ROLE_VARIABLES.values())
"""What the names of settings begin with."""
_UNCOMPARED: Final = ("nanoagent",)
"""Of the packages whose versions can change a number: ours are brought along."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What workers are given."""

    request: Request
    """With the goals, and what is tested."""
    session_id: str
    """Of the benchmark run: on the root of every trace."""
    service_name: str
    """Of every trace."""
    settings: Mapping[str, str]
    """Variables of the environment that workers are to have."""
    directory: Path | None
    """Where the command was called; `None` where workers are in a copy of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """What a worker says of itself when it can begin."""

    place: str
    """The address of the machine that it is on."""
    packages: Mapping[str, str | None]
    """The versions of those that can change a number."""
    token_source: TokenSource

    def unlike(self, packages: Mapping[str, str | None], token_source: TokenSource) -> str | None:
        """What would be measured otherwise there than here, in words; `None` where nothing would.

        Args:
            packages: The versions here.
            token_source: What counts tokens here.
        """
        for name, version in packages.items():
            other = self.packages.get(name)
            if name not in _UNCOMPARED and version is not None and other not in (None, version):
                return f"{name} is {other} on {self.place}, and {version} here"
        if self.token_source != token_source:
            return f"tokens are {self.token_source} on {self.place}, and {token_source} here"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """An attempt that was made, in a form that can be sent."""

    row: str
    """The sealed line of attempts.jsonl."""
    trace: bytes | None
    """A line of OTLP JSON; `None` where the trace is not kept."""
    troubles: tuple[str, ...]
    """What went wrong in it, redacted."""
    notices: tuple[str, ...]
    """What tracing has said in the worker since it was heard last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """What a worker says at its end."""

    arrived: bool
    """Whether every span has arrived."""
    notices: tuple[str, ...]


def settings_in(env: Mapping[str, str]) -> dict[str, str]:
    """The settings of tracing and of models that an environment holds, without those that hold a credential.

    Args:
        env: The environment variables.
    """
    secrets = credentials_in(env)
    return {
        name: value
        for name, value in env.items()
        if name.startswith(_PASSED_ON)
        and not name.endswith("_HEADERS")
        and not any(secret in value or secret in unquote(value) for secret in secrets)
    }


def withheld_in(env: Mapping[str, str]) -> list[str]:
    """The names of the settings of tracing and of models that may hold a credential, sorted.

    Args:
        env: The environment variables.
    """
    return sorted(name for name in env.keys() - settings_in(env).keys() if name.startswith(_PASSED_ON))
