"""The report of a measurement, for the terminal and for machines."""

import math
import os
import platform
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import version
from typing import Any, Final

from benchmarks.overhead_measured import Report
from benchmarks.overhead_ratios import CONFIDENCE, Finding

SCHEMA_VERSION: Final = 1
_PACKAGES: Final = ("nanoagent", "opentelemetry-sdk", "pydantic-ai-slim")


def as_data(report: Report) -> dict[str, Any]:
    """The report as JSON data; a number that is past all measure is `null`."""
    return {
        "schema_version": SCHEMA_VERSION,
        "quick": report.quick,
        "confidence": CONFIDENCE,
        "ok": report.ok,
        "findings": [_finding_data(finding) for finding in report.findings],
        "medians_us": {name: round(cost, 2) for name, cost in report.medians_us.items()},
        "machine": {
            "python": platform.python_version(),
            "platform": platform.platform(),
            "cpus": os.cpu_count(),
            "packages": {package: version(package) for package in _PACKAGES},
        },
    }


def table(report: Report) -> str:
    """The report as a table, not wider than 80 columns."""
    return "\n".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    yield f"{'':38} {'value':>7}  {'95 % interval':>16}  {'bound':>5}"
    for finding in report.findings:
        yield _line(finding).rstrip()
    yield ""
    yield "CPU time. `/ spans by hand`: what is added to the bare agent, as a multiple of"
    yield "what the SDK itself adds to it for the same four spans made by hand."
    yield "`over`: the lower end of the interval is past the bound."


def _line(finding: Finding) -> str:
    between = f"{finding.low:.3f} to {finding.high:.3f}"
    bound = "-" if finding.bound is None else f"{finding.bound:.2f}"
    verdict = "" if finding.bound is None else "over" if finding.over else "ok"
    return f"{finding.what:38} {finding.value:7.3f}  {between:>16}  {bound:>5}  {verdict}"


def _finding_data(finding: Finding) -> dict[str, Any]:
    numbers = {name: _number(getattr(finding, name)) for name in ("value", "low", "high")}
    return asdict(finding) | numbers | {"over": finding.over}


def _number(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None
