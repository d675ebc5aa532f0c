"""The expressions that panels ask Prometheus for."""

from typing import Final

Query = tuple[str, str]
"""An expression, and what a series of it is called."""
WHOSE: Final = 'job=~"$job", service_version=~"$version"'
"""What every query of nanoagent's metrics is narrowed to."""
FAILED_STATUS: Final = 'nanoagent_status="failed"'
FAILED_CALL: Final = 'error_type!=""'


def total(metric: str, only: str = "") -> str:
    """How much a counter grew in the whole time range."""
    series, window = selected(metric, only), "$__range"
    # Prometheus may be younger than the range: then it is enough that a worker has answered without the series.
    answered_without = (
        f"(count_over_time({series}[{window}]) < on (job, instance) group_left () sum_over_time(up[{window}]))"
    )
    first = f"{_first(series, window)} or {_begun(series, window)} and {answered_without}"
    return f"sum({_with_first(f'increase({series}[{window}])', first)})"


def increase(metric: str, *by: str, only: str = "") -> str:
    """How much a counter grew from one point of a graph to the next: the points add up to all of it."""
    return f"{rate(metric, *by, only=only)} * $__interval_ms / 1000"


def rate(metric: str, *by: str, only: str = "") -> str:
    """How much a counter grows in a second, from one point of a graph to the next."""
    series = selected(metric, only)
    first = f"({_first(series, '$__interval')}) * 1000 / $__interval_ms"
    return f"sum by ({', '.join(by)}) ({_with_first(f'rate({series}[$__rate_interval])', first)})"


def share(metric: str, *by: str) -> str:
    """What part of a counter's growth each group has."""
    return f"{_smooth(metric, *by)} / on () group_left () ({_smooth(metric)} > 0)"


def quantile(share_of_all: float, histogram: str, *by: str) -> str:
    """The value that this share of all observations does not exceed."""
    return f"histogram_quantile({share_of_all}, {_smooth(f'{histogram}_bucket', 'le', *by)})"


def spread(histogram: str, *by: str, of: str = "") -> tuple[Query, Query]:
    """The median and the 95th percentile; `of` stands before both names."""
    named = f"{of} " if of else ""
    return (quantile(0.5, histogram, *by), f"{named}p50"), (quantile(0.95, histogram, *by), f"{named}p95")


def limit(of: str) -> Query:
    """The limit that an alert has."""
    return f'nanoagent:limit{{of="{of}"}}', "limit"


def selected(metric: str, only: str = "") -> str:
    """The series of a metric that the dashboard's variables leave, or some of them."""
    return f"{metric}{{{', '.join(filter(None, (WHOSE, only)))}}}"


def _smooth(metric: str, *by: str) -> str:
    """How much a counter grows in a second, but for the first value of each series: what is compared needs no more."""
    return f"sum by ({', '.join(by)}) (rate({selected(metric)}[$__rate_interval]))"


def _first(series: str, window: str) -> str:
    """The first value of each series that began in the window, at a worker asked before: rules.yml says why."""
    return f"{_begun(series, window)} and on (job, instance) last_over_time(up[1h] offset {window})"


def _begun(series: str, window: str) -> str:
    """The first value of each series that was not there before the window."""
    return f"min_over_time({series}[{window}]) unless last_over_time({series}[1h] offset {window})"


def _with_first(growth: str, first: str) -> str:
    """Both, side by side: PromQL's own functions see a series from its second value on."""
    return f'label_replace({growth}, "part", "later", "", "") or label_replace({first}, "part", "first", "", "")'
