"""`docs/compatibility.md` says what is true: of the bounds, of what is installed here and of what spans carry."""

import os
import re
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from nanoagent.tracing import names
from tests.models import CannedModel, call, executed, plan, reflected, response
from tests.runs import ran

ROOT = Path(__file__).parents[1]
DOCUMENT = (ROOT / "docs" / "compatibility.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ROW = re.compile(r"^\| `(?P<package>[\w-]+)` \| (?P<oldest>\S+) \| (?P<newest>\S+) \| (?P<below>\S+) \|$", re.MULTILINE)
TABLE = {row["package"]: row for row in ROW.finditer(DOCUMENT)}
# `make test-oldest` says "oldest"; every other environment is the one that `exclude-newer` fixes.
VERSIONS = os.environ.get("NANOAGENT_VERSIONS", "newest")


def bounds() -> dict[str, dict[str, Version]]:
    """Of each package that the project requires, by operator."""
    extras = PROJECT["optional-dependencies"]
    requirements = map(Requirement, [*PROJECT["dependencies"], *extras["otel"], *extras["clickhouse"]])
    return {
        each.name: {part.operator: Version(part.version) for part in each.specifier}
        for each in requirements
        if each.name != PROJECT["name"]
    }


def test_the_table_has_the_bounds_of_the_project() -> None:
    assert {
        package: {">=": Version(row["oldest"]), "<": Version(row["below"])} for package, row in TABLE.items()
    } == bounds()


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the table is of the Python that CI runs")
@pytest.mark.parametrize("package", bounds())
def test_what_is_installed_is_what_the_table_says_is_run(package: str) -> None:
    assert Version(version(package)) == Version(TABLE[package][VERSIONS]), f"{VERSIONS} of {package}"


def test_the_document_names_every_python_that_the_project_declares() -> None:
    assert PROJECT["requires-python"] == ">=3.11,<3.15"
    assert "declare 3.11 to 3.14 and CI runs 3.11" in DOCUMENT


def test_ci_runs_both_ends_and_what_lies_past_one_machine() -> None:
    verbs = re.search(r"^for verb in (.+); do$", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE)
    assert verbs is not None
    assert {"test", "test-oldest", "test-scale"} <= set(verbs[1].split())


async def test_every_span_of_a_run_names_the_tracer_and_the_version_of_the_conventions() -> None:
    model = CannedModel([plan("Add"), response(call("add", a=5, b=3)), executed("8"), reflected("8")])
    run = await ran(model)
    scopes = [(scope.name, scope.schema_url) for span in run.captured.spans if (scope := span.instrumentation_scope)]
    assert len(scopes) == len(run.captured.spans) == 10
    assert set(scopes) == {(names.SCOPE_NAME, names.SCHEMA_URL)}
    assert names.SCOPE_NAME == "nanoagent"


def test_the_document_says_the_version_of_the_conventions_that_spans_carry() -> None:
    assert re.findall(r"https://opentelemetry\.io/schemas/[\d.]+", DOCUMENT) == [names.SCHEMA_URL]
