"""The Jaeger program that the tests run, built once from the Go module beside this file."""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

MODULE = Path(__file__).parent
PACKAGE = "github.com/jaegertracing/jaeger/cmd/jaeger"
OLDEST_GO = (1, 24)
BUILD_TIMEOUT_S = 3600.0


class BinaryUnavailableError(Exception):
    """No Jaeger can be had on this machine; the message says why and what would help."""


def cache_dir() -> Path:
    """Where the program for this very `go.sum` is kept."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    digest = hashlib.sha256((MODULE / "go.sum").read_bytes()).hexdigest()
    return caches / "nanoagent" / f"jaeger-{digest[:16]}"


def jaeger_binary(announce: Callable[[str], None], cache: Path | None = None) -> Path:
    """The program, from the cache or built into it.

    Args:
        announce: Is told before a build begins, which takes minutes.
        cache: The directory to keep it in; `cache_dir()` by default.

    Raises:
        BinaryUnavailableError: There is none in the cache and Go is missing, too old, or fails to build it.
    """
    cache = cache or cache_dir()
    binary = cache / "jaeger"
    if binary.exists():
        return binary
    _require_go()
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(cache / "lock"):
        if not binary.exists():
            announce(f"building Jaeger with Go into {cache}: some minutes, once")
            _build(binary)
    return binary


def _require_go() -> None:
    if os.name != "posix":
        raise BinaryUnavailableError("Jaeger is built on POSIX systems only; set NANOAGENT_JAEGER_URL to a running one")
    if shutil.which("go") is None:
        raise BinaryUnavailableError("Go is not installed; install Go >= 1.24 or set NANOAGENT_JAEGER_URL")
    # `local`: what is installed, not what go.mod makes it download.
    answer = subprocess.run(
        ["go", "env", "GOVERSION"],
        capture_output=True,
        check=False,
        env={**os.environ, "GOTOOLCHAIN": "local"},
        text=True,
        timeout=60,
    )
    found = re.match(r"go(\d+)\.(\d+)", answer.stdout)
    if found is None or (int(found[1]), int(found[2])) < OLDEST_GO:
        version = answer.stdout.strip() or answer.stderr.strip()
        raise BinaryUnavailableError(f"Go must be >= 1.24, got {version!r}; or set NANOAGENT_JAEGER_URL")


def _build(binary: Path) -> None:
    unfinished = binary.with_name(f"jaeger.{os.getpid()}")
    log = binary.with_name("build.log")
    # Without version stamps the build needs no git, and a foreign owner of the checkout does not stop it.
    command = ["go", "build", "-mod=readonly", "-buildvcs=false", "-o", str(unfinished), PACKAGE]
    with log.open("w") as output:
        try:
            subprocess.run(
                command, check=True, cwd=MODULE, stdout=output, stderr=subprocess.STDOUT, timeout=BUILD_TIMEOUT_S
            )
        except subprocess.SubprocessError as error:
            unfinished.unlink(missing_ok=True)
            tail = "\n".join(log.read_text().splitlines()[-10:])
            raise BinaryUnavailableError(f"Jaeger could not be built: {error}\n{tail}\nwhole log: {log}") from error
    unfinished.replace(binary)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    import fcntl  # POSIX only, and this module is imported everywhere

    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
