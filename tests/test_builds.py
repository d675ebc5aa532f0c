import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.builds import kept, made_by
from tests.required import UnavailableError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="builds are kept on POSIX systems only")


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    recipe = tmp_path / "recipe"
    recipe.write_text("flour")
    return recipe


def bake(directory: Path) -> None:
    (directory / "bread").touch(exist_ok=False)


def refuse(directory: Path) -> None:
    (directory / "half").touch()
    raise UnavailableError("no oven")


def no_announcement(line: str) -> None:
    pytest.fail(f"announced {line!r}")


def test_it_is_made_once_for_each_content_of_its_recipe(recipe: Path) -> None:
    announced: list[str] = []
    first = kept("bread", recipe, bake, announced.append)
    assert kept("bread", recipe, refuse, announced.append) == first
    assert [path.name for path in first.iterdir()] == ["bread"]
    recipe.write_text("flour, water")
    assert kept("bread", recipe, bake, announced.append) != first
    assert announced[0] == f"making bread in {first}: some minutes, once"
    assert len(announced) == 2


def test_two_test_runs_at_once_make_it_once(recipe: Path, tmp_path: Path) -> None:
    announced: list[str] = []
    made: list[Path] = []
    with ThreadPoolExecutor(4) as pool:
        found = {*pool.map(lambda _: kept("bread", recipe, made.append, announced.append), range(4))}
    assert (len(found), len(made), len(announced)) == (1, 1, 1)


def test_what_fails_leaves_nothing_that_looks_made(recipe: Path, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no oven"):
        kept("bread", recipe, refuse, lambda line: None)
    assert [path.name for path in (tmp_path / "cache" / "nanoagent").iterdir()] == ["bread.lock"]


def test_what_one_that_was_killed_has_left_is_cleared_away(recipe: Path, tmp_path: Path) -> None:
    unfinished = tmp_path / "cache" / "nanoagent" / "bread.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "half").touch()
    found = kept("bread", recipe, bake, lambda line: None)
    assert [path.name for path in found.iterdir()] == ["bread"]
    assert not unfinished.exists()


def test_what_is_lacking_is_said_before_anything_is_announced_and_not_asked_for_once_it_is_made(recipe: Path) -> None:
    def require_oven() -> None:
        raise UnavailableError("no oven")

    with pytest.raises(UnavailableError, match="no oven"):
        kept("bread", recipe, bake, no_announcement, require=require_oven)
    made = kept("bread", recipe, bake, lambda line: None)
    assert kept("bread", recipe, refuse, no_announcement, require=require_oven) == made


def test_a_command_that_fails_shows_the_end_of_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"failed \(3\):\ntoo hot"):
        made_by(["sh", "-c", "echo too hot >&2; exit 3"], directory=tmp_path)


def test_without_a_cache_of_its_own_the_home_directory_has_one(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert kept("bread", recipe, bake, lambda line: None).parent == tmp_path / "home" / ".cache" / "nanoagent"
