"""The programs of Debian's package `prometheus`: the server, and promtool, which checks its files."""

import subprocess
from pathlib import Path

TIMEOUT_S = 60.0
WANTED = "apt-get install prometheus"


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
