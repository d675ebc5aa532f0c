"""The report of a measurement, for the terminal and for machines."""

import math
import os
import platform
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import version
from typing import Any, Final

from benchmarks.measuring.measured import Report
from benchmarks.measuring.ratios import CONFIDENCE, Finding

SCHEMA_VERSION: Final = 2
_US_PER_S: Final = 1_000_000
_MIB: Final = 1 << 20
_PACKAGES: Final = ("msgspec", "nanoagent", "opentelemetry-sdk", "pydantic-ai-slim")


def as_data(report: Report) -> dict[str, Any]:
    """The report as JSON data; a number that is past all measure is `null`."""
    return {
        "schema_version": SCHEMA_VERSION,
        "quick": report.quick,
        "confidence": CONFIDENCE,
        "ok": report.ok,
        "findings": [_finding_data(finding) for finding in report.findings],
        "medians_us": {name: round(cost, 2) for name, cost in report.medians_us.items()},
        "peaks_bytes": {name: round(peak) for name, peak in report.peaks_bytes.items()},
        "machine": {
            "python": platform.python_version(),
            "platform": platform.platform(),
            "cpus": os.cpu_count(),
            "packages": {package: version(package) for package in _PACKAGES},
        },
    }


_READING: Final = {
    "json": "json.loads alone",
    "json_dropped": "json.loads alone, each line dropped at once",
    "metrics": "OTLP JSON to metrics",
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
    yield "`past`: all of the interval is on the wrong side of the bound."
    yield ""
    for way, what in _READING.items():
        if cost_us := report.medians_us.get(f"reading.{way}"):
            yield f"{what}: {_US_PER_S / cost_us:,.0f} spans a second"
    for name, peak in report.peaks_bytes.items():
        yield f"memory at the most, {name}: {peak / _MIB:.1f} MiB"


def _line(finding: Finding) -> str:
    between = f"{finding.low:.3f} to {finding.high:.3f}"
    bound = finding.bound or "-"
    verdict = "" if finding.bound is None else "past" if finding.past else "ok"
    return f"{finding.what:38} {finding.value:7.3f}  {between:>16}  {bound!s:>5}  {verdict}"


def _finding_data(finding: Finding) -> dict[str, Any]:
    numbers = {name: _number(getattr(finding, name)) for name in ("value", "low", "high")}
    return asdict(finding) | numbers | {"past": finding.past}


def _number(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None
