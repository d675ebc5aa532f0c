"""What takes a while to fetch or to build, and is therefore kept from one test run to the next."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.required import UnavailableError, installed

TIMEOUT_S: Final = 3600.0


def kept(
    name: str,
    recipe: Path,
    make: Callable[[Path], None],
    announce: Callable[[str], None],
    *,
    require: Callable[[], object] = lambda: None,
) -> Path:
    """The directory that `make` has filled, from the cache or made into it.

    Args:
        name: What is made.
        recipe: The file that it is made from; another content is another directory.
        make: Fills the directory that it is given, or raises.
        announce: Is told before something is made, which takes a while.
        require: Raises where this machine lacks what `make` needs.
    """
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nanoagent"
    digest = hashlib.sha256(recipe.read_bytes()).hexdigest()
    found = caches / f"{name}-{digest[:16]}"
    if found.exists():
        return found
    require()
    import fcntl  # POSIX only, and this module is imported everywhere

    caches.mkdir(parents=True, exist_ok=True)
    with (caches / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not found.exists():
            announce(f"making {name} in {found}: some minutes, once")
            unfinished = caches / f"{name}.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)  # of one that was killed
            unfinished.mkdir()
            try:
                make(unfinished)
                unfinished.rename(found)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
    return found


def made_by(command: Sequence[str], *, directory: Path, env: Mapping[str, str] | None = None) -> str:
    """Run a command of a recipe, and give what it prints.

    Args:
        command: Its first word is a program of the PATH.
        directory: Where it runs.
        env: Environment variables beside those of the tests.

    Raises:
        UnavailableError: It fails; the message carries the end of what it said.
    """
    surroundings = {**os.environ, **(env or {})}
    try:
        done = subprocess.run(
            command, capture_output=True, check=False, cwd=directory, env=surroundings, text=True, timeout=TIMEOUT_S
        )
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(str(error)) from error
    if done.returncode != 0:
        tail = "\n".join(f"{done.stdout}{done.stderr}".splitlines()[-15:])
        raise UnavailableError(f"{' '.join(command)} failed ({done.returncode}):\n{tail}")
    return done.stdout


def go_built(module: Path, program: Path, package: str = ".") -> None:
    """Build a program of a Go module, with what its `go.sum` names.

    Raises:
        UnavailableError: Go is missing, or fails to build it.
    """
    installed("go", "install Go >= 1.24")
    # Without version stamps the build needs no git, and a foreign owner of the checkout does not stop it.
    made_by(["go", "build", "-mod=readonly", "-buildvcs=false", "-o", str(program), package], directory=module)


def announcing(config: pytest.Config) -> Callable[[str], None]:
    """What shows a line to whoever runs the tests, also while a test's output is captured."""
    capture = config.pluginmanager.get_plugin("capturemanager")
    reporter = config.pluginmanager.get_plugin("terminalreporter")

    def announce(line: str) -> None:
        if capture is not None and reporter is not None:
            with capture.global_and_fixture_disabled():
                reporter.write_line(line)

    return announce
