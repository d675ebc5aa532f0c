"""The provenance of results: whether the code was that of the commit, and if not, which it was."""

import subprocess
from pathlib import Path

import pytest

from benchmarks.results import provenance


def git(root: Path, *arguments: str) -> None:
    who = ("-c", "user.name=t", "-c", "user.email=t@t.example")
    subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    (tmp_path / "code.py").write_text("a = 1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def test_what_differs_from_the_commit_is_told_apart(checkout: Path) -> None:
    assert (provenance.commit(checkout)[1], provenance.changes(checkout)) == (False, None)
    seen: list[str | None] = []
    for name, text in (("code.py", "a = 2\n"), ("code.py", "a = 3\n"), ("new.py", "b = 1\n"), ("new.py", "b = 2\n")):
        (checkout / name).write_text(text)
        assert provenance.commit(checkout)[1] is True
        seen.append(provenance.changes(checkout))
    assert None not in seen
    assert len(set(seen)) == 4
    (checkout / "new.py").unlink()
    (checkout / "code.py").write_text("a = 2\n")
    assert provenance.changes(checkout) == seen[0]


def test_a_file_that_is_no_code_changes_no_number(checkout: Path) -> None:
    (checkout / "notes.txt").write_text("x")
    assert provenance.changes(checkout) is None


def test_outside_of_a_checkout_nothing_is_known(tmp_path: Path) -> None:
    assert (provenance.commit(tmp_path), provenance.changes(tmp_path)) == ((None, None), None)
