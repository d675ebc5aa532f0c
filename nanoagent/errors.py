"""Errors that a caller of nanoagent can act on.

    ConfigurationError(ValueError)     whoever set the value: an argument, a setting, a variable
    └─ ModelConfigurationError         no model is set, its name is unknown or its key is missing

What goes wrong in a run is data, not an exception: see `RunResult.status` and `RunResult.error`.
"""


class ConfigurationError(ValueError):
    """A setting that cannot be used; the message states the rule, the value and the way out."""


class ModelConfigurationError(ConfigurationError):
    """No model is configured, or the configured one cannot be built."""
