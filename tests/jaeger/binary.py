"""The Jaeger program that the tests run, built once from the Go module beside this file."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.builds import go_built, kept
from tests.required import UnavailableError, installed

MODULE = Path(__file__).parent
PACKAGE = "github.com/jaegertracing/jaeger/cmd/jaeger"
OLDEST_GO = (1, 24)


def jaeger_binary(announce: Callable[[str], None]) -> Path:
    """The program, from the cache or built into it.

    Args:
        announce: Is told before a build begins, which takes minutes.

    Raises:
        UnavailableError: There is none in the cache and Go is missing, too old, or fails to build it.
    """

    def make(directory: Path) -> None:
        go_built(MODULE, directory / "jaeger", PACKAGE)

    return kept("jaeger", MODULE / "go.sum", make, announce, require=_require_go) / "jaeger"


def _require_go() -> None:
    if os.name != "posix":
        raise UnavailableError("Jaeger is built on POSIX systems only; set NANOAGENT_JAEGER_URL to a running one")
    go = installed("go", "install Go >= 1.24 or set NANOAGENT_JAEGER_URL")
    # `local`: what is installed, not what go.mod makes it download.
    surroundings = {**os.environ, "GOTOOLCHAIN": "local"}
    answer = subprocess.run(
        [go, "env", "GOVERSION"], capture_output=True, check=False, env=surroundings, text=True, timeout=60
    )
    found = re.match(r"go(\d+)\.(\d+)", answer.stdout)
    if found is None or (int(found[1]), int(found[2])) < OLDEST_GO:
        version = answer.stdout.strip() or answer.stderr.strip()
        raise UnavailableError(f"Go must be >= 1.24, got {version!r}; or set NANOAGENT_JAEGER_URL")
