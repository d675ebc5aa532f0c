"""What takes a while to fetch or to build, and is therefore kept from one test run to the next."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

BUILD_TIMEOUT_S: Final = 3600.0


class UnavailableError(Exception):
    """Something cannot be had on this machine; the message says why and what would help."""


def cached(name: str, recipe: Path, make: Callable[[Path], None], announce: Callable[[str], None]) -> Path:
    """The directory that `make` has filled, from the cache or made into it.

    Args:
        name: What is made.
        recipe: The file that it is made from; another content is another directory.
        make: Fills the directory that it is given, or raises.
        announce: Is told before something is made, which takes a while.
    """
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nanoagent"
    digest = hashlib.sha256(recipe.read_bytes()).hexdigest()
    kept = caches / f"{name}-{digest[:16]}"
    if kept.exists():
        return kept
    import fcntl  # POSIX only, and this module is imported everywhere

    caches.mkdir(parents=True, exist_ok=True)
    with (caches / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            announce(f"making {name} in {kept}: some minutes, once")
            unfinished = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=caches))
            try:
                make(unfinished)
                unfinished.rename(kept)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
    return kept


def made_by(command: Sequence[str], *, directory: Path, wanted: str, env: Mapping[str, str] | None = None) -> None:
    """Run a command of a recipe.

    Args:
        command: Its first word is a program of the PATH.
        directory: Where it runs.
        wanted: How whoever lacks the program gets it.
        env: Environment variables beside those of the tests.

    Raises:
        UnavailableError: The program is missing or fails; the message carries the end of what it said.
    """
    if shutil.which(command[0]) is None:
        raise UnavailableError(f"{command[0]} is not installed; {wanted}")
    done = subprocess.run(
        command,
        capture_output=True,
        check=False,
        cwd=directory,
        env={**os.environ, **(env or {})},
        text=True,
        timeout=BUILD_TIMEOUT_S,
    )
    if done.returncode != 0:
        tail = "\n".join(f"{done.stdout}{done.stderr}".splitlines()[-15:])
        raise UnavailableError(f"{' '.join(command)} failed ({done.returncode}):\n{tail}")
