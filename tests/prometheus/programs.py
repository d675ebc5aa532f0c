"""The programs of Debian's package `prometheus`: the server, and promtool, which checks its files."""

import shutil
import subprocess
from pathlib import Path

TIMEOUT_S = 60.0


class ProgramUnavailableError(Exception):
    """A program is not on this machine; the message says what would help."""


def program(name: str) -> Path:
    """Where a program is.

    Raises:
        ProgramUnavailableError: It is not on the PATH.
    """
    found = shutil.which(name)
    if found is None:
        raise ProgramUnavailableError(f"{name} is not installed: apt-get install prometheus")
    return Path(found)


def checked(promtool: Path, *arguments: str, directory: Path) -> str:
    """What promtool says of files that it finds right.

    Raises:
        ValueError: It finds something wrong; the message is what it says.
    """
    command = [str(promtool), *arguments]
    done = subprocess.run(command, capture_output=True, check=False, cwd=directory, text=True, timeout=TIMEOUT_S)
    said = f"{done.stdout}{done.stderr}"
    if done.returncode != 0:
        raise ValueError(f"promtool {' '.join(arguments)}:\n{said}")
    return said
