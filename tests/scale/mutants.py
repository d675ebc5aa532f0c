"""Copies of the counting rule's modules with one line changed: whoever compares must notice."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Final

import nanoagent.core

_CORE: Final = Path(nanoagent.core.__file__).parent
_MODULES: Final = ("counting", "intervals", "lineage", "others", "producers", "records", "runs", "streams", "tally")
"""What counts; the rest stays what it is."""
_numbers: Final = count(1)


def replaced(text: str, old: str, new: str) -> str:
    """The text with one place changed.

    Raises:
        ValueError: `old` is not there, or more than once: the list of changes is to follow the text.
    """
    if text.count(old) != 1:
        raise ValueError(f"to be changed, it must be there once, but is {text.count(old)} times: {old!r}")
    return text.replace(old, new)


@contextmanager
def mutant(directory: Path, module: str, old: str, new: str) -> Iterator[tuple[ModuleType, ModuleType]]:
    """The modules `runs` and `records` of a copy in which `old` stands as `new` in one of the modules.

    Args:
        directory: Where the copy may be written.
        module: One of those that count.
        old: Stands there once.
        new: What stands there in the copy.
    """
    package = f"mutant_{next(_numbers)}"
    (directory / package).mkdir()
    for name in _MODULES:
        text = (_CORE / f"{name}.py").read_text()
        text = replaced(text, old, new) if name == module else text
        for other in _MODULES:
            text = text.replace(f"from nanoagent.core.{other} import", f"from {package}.{other} import")
        text = text.replace("from nanoagent.core import producers", f"from {package} import producers")
        (directory / package / f"{name}.py").write_text(text)
    (directory / package / "__init__.py").touch()
    sys.path.insert(0, str(directory))
    try:
        yield import_module(f"{package}.runs"), import_module(f"{package}.records")
    finally:
        sys.path.remove(str(directory))
        for name in [name for name in sys.modules if name.split(".")[0] == package]:
            del sys.modules[name]
