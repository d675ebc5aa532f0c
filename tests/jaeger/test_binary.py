import os
from pathlib import Path

import pytest

from tests.jaeger.binary import jaeger_binary
from tests.required import UnavailableError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Jaeger is built on POSIX systems only")

BUILDS = """
while [ "$1" != -o ]; do shift; done
echo program > "$2"
"""
FAILS = """
echo "no such module" >&2
exit 1
"""


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def use_go(monkeypatch: pytest.MonkeyPatch, directory: Path, *, version: str = "go1.24.6", build: str) -> None:
    go = directory / "go"
    go.write_text(f'#!/bin/sh\nif [ "$1" = env ]; then echo {version}; exit; fi\n{build}')
    go.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")


def no_announcement(line: str) -> None:
    pytest.fail(f"announced {line!r}")


def test_it_is_built_once_and_then_needs_no_go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_go(monkeypatch, tmp_path, build=BUILDS)
    announced: list[str] = []
    binary = jaeger_binary(announced.append)
    assert (binary.read_text(), len(announced)) == ("program\n", 1)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert jaeger_binary(no_announcement) == binary


def test_without_go_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnavailableError, match=r"install Go >= 1\.24 or set NANOAGENT_JAEGER_URL"):
        jaeger_binary(no_announcement)


@pytest.mark.parametrize("version", ["go1.23.9", "devel"])
def test_an_old_go_is_refused_before_it_builds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str) -> None:
    use_go(monkeypatch, tmp_path, version=version, build=BUILDS)
    with pytest.raises(UnavailableError, match=rf"Go must be >= 1\.24, got '{version}'"):
        jaeger_binary(no_announcement)


def test_a_failed_build_shows_the_end_of_what_it_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: Path
) -> None:
    use_go(monkeypatch, tmp_path, build=FAILS)
    with pytest.raises(UnavailableError, match="no such module"):
        jaeger_binary(lambda _: None)
    assert [path.name for path in (cache / "nanoagent").iterdir()] == ["jaeger.lock"]
