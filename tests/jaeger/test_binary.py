import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.jaeger.binary import BinaryUnavailableError, cache_dir, jaeger_binary

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Jaeger is built on POSIX systems only")

BUILDS = """
echo "$PWD" >> "$BUILDS"
while [ "$1" != -o ]; do shift; done
echo program > "$2"
"""
FAILS = """
while [ "$1" != -o ]; do shift; done
echo half > "$2"
echo "no such module" >&2
exit 1
"""


def use_go(monkeypatch: pytest.MonkeyPatch, directory: Path, *, version: str = "go1.24.6", build: str) -> None:
    go = directory / "go"
    go.write_text(f'#!/bin/sh\nif [ "$1" = env ]; then echo {version}; exit; fi\n{build}')
    go.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")


def no_announcement(line: str) -> None:
    pytest.fail(f"announced {line!r}")


def test_two_test_runs_at_once_build_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_go(monkeypatch, tmp_path, build=BUILDS)
    monkeypatch.setenv("BUILDS", str(tmp_path / "builds"))
    announced: list[str] = []
    cache = tmp_path / "no" / "cache" / "yet"
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda _: jaeger_binary(announced.append, cache), range(4)))
    assert found == {cache / "jaeger"}
    assert (cache / "jaeger").read_text() == "program\n"
    assert len((tmp_path / "builds").read_text().splitlines()) == 1
    assert announced == [f"building Jaeger with Go into {cache}: some minutes, once"]


def test_a_cached_program_needs_no_go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "jaeger").touch()
    assert jaeger_binary(no_announcement, tmp_path) == tmp_path / "jaeger"


def test_without_go_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BinaryUnavailableError, match=r"install Go >= 1\.24 or set NANOAGENT_JAEGER_URL"):
        jaeger_binary(no_announcement, tmp_path / "cache")


@pytest.mark.parametrize("version", ["go1.23.9", "devel"])
def test_an_old_go_is_refused_before_it_builds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str) -> None:
    use_go(monkeypatch, tmp_path, version=version, build=BUILDS)
    with pytest.raises(BinaryUnavailableError, match=rf"Go must be >= 1\.24, got '{version}'"):
        jaeger_binary(no_announcement, tmp_path / "cache")


def test_a_failed_build_leaves_no_program_and_shows_the_end_of_its_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use_go(monkeypatch, tmp_path, build=FAILS)
    cache = tmp_path / "cache"
    with pytest.raises(BinaryUnavailableError, match="no such module"):
        jaeger_binary(lambda _: None, cache)
    assert sorted(path.name for path in cache.iterdir()) == ["build.log", "lock"]


def test_the_cache_follows_xdg_or_the_home_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert cache_dir().parent == Path("/xdg/nanoagent")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", "/home/someone")
    assert cache_dir().parent == Path("/home/someone/.cache/nanoagent")
