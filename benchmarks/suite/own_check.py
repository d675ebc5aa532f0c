"""A user's own function as the check of an answer."""

from typing import Any

from benchmarks.formats import quoted
from benchmarks.suite.checks import Check
from benchmarks.suite.imports import load
from nanoagent.errors import ConfigurationError


def function_check(reference: str, where: str) -> Check:
    """The check that calls a function with the answer; it may say yes or no, or that and the reason.

    Args:
        reference: `module:name`.
        where: Whose value it is, for messages.

    Raises:
        ConfigurationError: There is no such function, or its module cannot be imported.
    """
    function = load(reference, where)
    if not callable(function):
        raise ConfigurationError(
            f"{where} must name a function, got {quoted(reference)}, which is an object of type "
            f"{type(function).__name__}; name a function that takes the answer"
        )

    def judge(answer: str) -> tuple[bool, str]:
        try:
            return _judgement(function(answer))
        except SystemExit as error:  # it ends no benchmark
            raise RuntimeError("the check called sys.exit") from error

    return Check(name=f"function {reference}", judge=judge)


def _judgement(said: Any) -> tuple[bool, str]:
    if isinstance(said, bool):
        return said, "will do" if said else "will not do"
    if isinstance(said, tuple) and len(said) == 2 and isinstance(said[0], bool) and isinstance(said[1], str):
        return said[0], said[1]
    raise TypeError(f"a check must return a bool, or a bool and a text, got an object of type {type(said).__name__}")
