from pathlib import Path

import pytest

from tests.scale.cached import UnavailableError, cached, made_by


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    recipe = tmp_path / "recipe"
    recipe.write_text("flour")
    return recipe


def bake(directory: Path) -> None:
    (directory / "bread").touch()


def refuse(directory: Path) -> None:
    (directory / "half").touch()
    raise UnavailableError("no oven")


def test_it_is_made_once_for_each_content_of_its_recipe(recipe: Path) -> None:
    announced: list[str] = []
    first = cached("bread", recipe, bake, announced.append)
    assert cached("bread", recipe, refuse, announced.append) == first
    assert [path.name for path in first.iterdir()] == ["bread"]
    recipe.write_text("flour, water")
    assert cached("bread", recipe, bake, announced.append) != first
    assert announced[0] == f"making bread in {first}: some minutes, once"
    assert len(announced) == 2


def test_what_fails_leaves_nothing_that_looks_made(recipe: Path, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no oven"):
        cached("bread", recipe, refuse, lambda line: None)
    assert [path.name for path in (tmp_path / "cache" / "nanoagent").iterdir()] == ["bread.lock"]


def test_a_program_that_is_missing_is_named_with_what_would_help(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no-such-oven is not installed; buy one"):
        made_by(["no-such-oven"], directory=tmp_path, wanted="buy one")


def test_a_program_that_fails_shows_the_end_of_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"failed \(3\):\ntoo hot"):
        made_by(["sh", "-c", "echo too hot >&2; exit 3"], directory=tmp_path, wanted="install sh")
