"""The expressions that panels ask Prometheus for."""

from typing import Final

Query = tuple[str, str]
"""An expression, and what a series of it is called."""
WHOSE: Final = 'job=~"$job", service_version=~"$version"'
"""What every query of nanoagent's metrics is narrowed to."""
FAILED_STATUS: Final = 'nanoagent_status="failed"'
FAILED_CALL: Final = 'error_type!=""'


def increase(metric: str, *by: str, only: str = "") -> str:
    """How much a counter grew between two points of a graph."""
    return f"sum by ({', '.join(by)}) (increase({selected(metric, only)}[$__rate_interval]))"


def rate(metric: str, *by: str, only: str = "") -> str:
    """How much a counter grows in a second."""
    return f"sum by ({', '.join(by)}) (rate({selected(metric, only)}[$__rate_interval]))"


def share(metric: str, *by: str) -> str:
    """What part of a counter's growth each group has."""
    return f"{rate(metric, *by)} / on () group_left () ({rate(metric)} > 0)"


def quantile(share_of_all: float, histogram: str, *by: str) -> str:
    """The value that this share of all observations does not exceed."""
    return f"histogram_quantile({share_of_all}, {rate(f'{histogram}_bucket', 'le', *by)})"


def limit(of: str) -> Query:
    """The limit that an alert has."""
    return f'nanoagent:limit{{of="{of}"}}', "limit"


def selected(metric: str, only: str = "") -> str:
    """The series of a metric that the dashboard's variables leave, or some of them."""
    return f"{metric}{{{', '.join(filter(None, (WHOSE, only)))}}}"
