from pathlib import Path

import pytest

from tests.required import UnavailableError, installed, unavailable


@pytest.mark.parametrize("env", [{}, {"CI": ""}, {"CI": "false"}])
def test_a_developer_without_what_a_test_needs_skips(env: dict[str, str]) -> None:
    with pytest.raises(pytest.skip.Exception, match="no Go"):
        unavailable("no Go", env)


@pytest.mark.parametrize("value", ["true", "1"])
def test_ci_without_what_a_test_needs_fails(value: str) -> None:
    with pytest.raises(pytest.fail.Exception, match="no Go"):
        unavailable("no Go", {"CI": value})


def test_a_program_that_is_missing_is_named_with_what_would_help(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnavailableError, match="promtool is not installed; apt-get install prometheus"):
        installed("promtool", "apt-get install prometheus")
