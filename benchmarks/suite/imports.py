"""Imports of a user's own code, by a name such as `my_agents:agent`."""

import importlib
import sys
from pathlib import Path
from typing import Any

from benchmarks.formats import first_line, quoted
from benchmarks.suite.selection import nearest
from nanoagent.errors import ConfigurationError

_MOST_NAMES = 5
"""Of a module's names, so many are named when the one that is asked for is not among them."""


def load(reference: str, what: str) -> Any:
    """Import an object; modules are looked for in the current directory first.

    Args:
        reference: `MODULE:OBJECT`; the object may be an attribute of another, as in `my_agents:Team.lead`.
        what: Whose value it is, for messages, such as `--agent`.

    Raises:
        ConfigurationError: There is no such object, or its module cannot be imported.
    """
    module_name, _, path = reference.partition(":")
    if not all(part.isidentifier() for part in (*module_name.split("."), *path.split("."))):
        raise ConfigurationError(
            f"{what} must be written MODULE:OBJECT, got {quoted(reference)}; such as my_agents:agent for agent of "
            "my_agents.py in the current directory"
        )
    here = str(Path.cwd())
    if sys.path[0] != here:
        sys.path.insert(0, here)
    found = _import(module_name, reference, what)
    for name in path.split("."):
        if not hasattr(found, name):
            raise ConfigurationError(_no_such_name(found, name, reference, what))
        found = getattr(found, name)
    return found


def _import(module: str, reference: str, what: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name and (module == error.name or module.startswith(f"{error.name}.")):
            raise ConfigurationError(
                f"{what} must name a module that can be imported, got {quoted(reference)}: there is no module "
                f"{error.name} in the current directory or among the installed packages; correct the name, or change "
                "to the directory that holds it"
            ) from error
        raise _broken(reference, what, error) from error
    except (Exception, SystemExit) as error:  # whatever a user's module does when it is imported
        raise _broken(reference, what, error) from error


def _broken(reference: str, what: str, error: BaseException) -> ConfigurationError:
    return ConfigurationError(
        f"{what} must name a module that can be imported, got {quoted(reference)}: its import raised "
        f"{type(error).__name__}: {first_line(error)}; correct it, or set or install what is missing"
    )


def _no_such_name(holder: Any, name: str, reference: str, what: str) -> str:
    names = nearest(name, [known for known in vars(holder) if not known.startswith("_")])[:_MOST_NAMES]
    return (
        f"{what} must name an object of its module, got {quoted(reference)}: there is no {name}; "
        f"nearest first, there are {', '.join(names) or 'no others'}"
    )
