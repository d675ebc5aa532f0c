"""Settings: which model each role uses."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from pydantic_ai.models import Model, infer_model

from nanoagent.errors import ModelConfigurationError

ModelSetting = Model | str
"""A pydantic-ai model, or its name, such as `openai:gpt-5-mini`."""

MODEL_VARIABLE: Final = "NANOAGENT_MODEL"
ROLE_VARIABLES: Final = {
    "task_planner": "TASK_PLANNER_MODEL",
    "executor": "EXECUTOR_MODEL",
    "reflector": "REFLECTOR_MODEL",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """Which model each role uses. What code gives wins over the environment; a role's own wins over the common one."""

    model: ModelSetting | None = None
    """For all roles. Environment: `NANOAGENT_MODEL`. No default."""
    task_planner: ModelSetting | None = None
    """Environment: `TASK_PLANNER_MODEL`. Default: `model`."""
    executor: ModelSetting | None = None
    """Environment: `EXECUTOR_MODEL`. Default: `model`."""
    reflector: ModelSetting | None = None
    """Environment: `REFLECTOR_MODEL`. Default: `model`."""

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Self:
        """The settings that the environment holds; an empty variable counts as unset."""
        env = os.environ if env is None else env
        found = {name: env.get(variable, "").strip() or None for name, variable in ROLE_VARIABLES.items()}
        return cls(model=env.get(MODEL_VARIABLE, "").strip() or None, **found)

    def resolve(self, env: Mapping[str, str] | None = None) -> "RoleModels":
        """The model of each role, built. Nothing is built at import: this is called when a run starts.

        Raises:
            ModelConfigurationError: A role has no model, or its model cannot be built.
        """
        from_env = self.from_env(env)
        built: dict[str, Model] = {}
        for role, variable in ROLE_VARIABLES.items():
            setting, source = _first(
                (getattr(self, role), f"the model of {role}"),
                (self.model, "model"),
                (getattr(from_env, role), variable),
                (from_env.model, MODEL_VARIABLE),
            )
            built[role] = _build(setting, source)
        return RoleModels(**built)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleModels:
    """A built model for each role."""

    task_planner: Model
    executor: Model
    reflector: Model


def _first(*candidates: tuple[ModelSetting | None, str]) -> tuple[ModelSetting, str]:
    for setting, source in candidates:
        if setting is not None:
            return setting, source
    raise ModelConfigurationError(
        f"no model is configured: set {MODEL_VARIABLE} (for example openai:gpt-5-mini), or pass model="
    )


def _build(setting: ModelSetting, source: str) -> Model:
    if isinstance(setting, Model):
        return setting
    try:
        return infer_model(setting)
    except Exception as error:  # each provider's own client raises its own kind when a key is missing
        reason = str(error).strip().splitlines()
        raise ModelConfigurationError(
            f"{source}={setting!r} cannot be used: {reason[0] if reason else type(error).__name__} "
            f"(set what is missing, or choose another model with {MODEL_VARIABLE})"
        ) from error
