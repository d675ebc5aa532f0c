"""The file of thresholds: what a difference must exceed to matter, a number, tier and goal."""

import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from benchmarks.comparing.comparison import Threshold
from benchmarks.formats import first_line, quoted, reason_of
from benchmarks.judging.measures import LABELS
from benchmarks.suite.goals import Tier
from benchmarks.suite.selection import nearest
from nanoagent.errors import ConfigurationError

THRESHOLDS: Final = Path(__file__).parents[1] / "thresholds.toml"
"""The file that holds where no other is named."""
_NAMED: Final = 5
_NONE: Final = Threshold()

ByMetric = Mapping[str, Threshold]


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """What a difference must exceed to matter."""

    significance: float = 0.001
    """How often, at most, any comparison at all may find a difference where there is none."""
    suspicion: float = 0.05
    """How often, at most, any comparison at all may be inconclusive where there is none."""
    metrics: ByMetric = field(default_factory=dict)
    tiers: Mapping[str, ByMetric] = field(default_factory=dict)
    goals: Mapping[str, ByMetric] = field(default_factory=dict)

    def of(self, metric: str, *, tier: str | None, goal_id: str | None) -> Threshold:
        """Of a number: the goal's own, else its tier's, else the number's; 0 where nothing is said."""
        for own in (self.goals.get(goal_id or "", {}), self.tiers.get(tier or "", {}), self.metrics):
            if metric in own:
                return own[metric]
        return _NONE


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class ThresholdForm(_Form):
    """What a difference must exceed: both."""

    relative: float = Field(default=0.0, ge=0)
    absolute: float = Field(default=0.0, ge=0)


class ThresholdsForm(_Form):
    """A file of thresholds."""

    significance: float = Field(gt=0, lt=1)
    suspicion: float = Field(gt=0, lt=1)
    metrics: dict[str, ThresholdForm] = {}
    tiers: dict[str, dict[str, ThresholdForm]] = {}
    goals: dict[str, dict[str, ThresholdForm]] = {}

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.suspicion < self.significance:
            raise ValueError("suspicion must not be below significance")
        return self


def read_thresholds(goal_ids: Collection[str], path: Path = THRESHOLDS) -> Thresholds:
    """Read a file of thresholds.

    Args:
        goal_ids: The goals that there are: it must name no others.
        path: The file.

    Raises:
        ConfigurationError: It cannot be read, or something in it is wrong; one line says what, and what is nearest.
    """
    form = _form(path)
    _check_known(path, "metrics", form.metrics, LABELS)
    _check_known(path, "tiers", form.tiers, [tier.value for tier in Tier])
    _check_known(path, "goals", form.goals, goal_ids)
    for section, table in (("tiers", form.tiers), ("goals", form.goals)):
        for name, metrics in table.items():
            _check_known(path, f"{section}.{name}", metrics, LABELS)
    return Thresholds(
        significance=form.significance,
        suspicion=form.suspicion,
        metrics=_thresholds(form.metrics),
        tiers={tier: _thresholds(metrics) for tier, metrics in form.tiers.items()},
        goals={goal: _thresholds(metrics) for goal, metrics in form.goals.items()},
    )


def _form(path: Path) -> ThresholdsForm:
    try:
        return ThresholdsForm.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise _unusable(path, reason_of(error)) from error
    except UnicodeDecodeError as error:
        raise _unusable(path, "it is no text") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise _unusable(path, f"{where}: {first['msg']}, got {quoted(str(first['input']))}") from error
    except tomllib.TOMLDecodeError as error:
        raise _unusable(path, f"it is no TOML: {first_line(error)}") from error


def _thresholds(forms: Mapping[str, ThresholdForm]) -> dict[str, Threshold]:
    return {name: Threshold(relative=form.relative, absolute=form.absolute) for name, form in forms.items()}


def _check_known(path: Path, section: str, names: Iterable[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            near = ", ".join(nearest(name, known)[:_NAMED]) or "none"
            raise _unusable(path, f"[{section}] has no {quoted(name)}; the nearest are {near}")


def _unusable(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(f"thresholds must be a file of them, got {quoted(str(path))}: {why}")
