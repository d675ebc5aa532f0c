import pytest

from instrumentation.metrics.selection import metric_exporters_in, metric_exporters_named
from nanoagent.errors import ConfigurationError

VARIABLE = "OTEL_METRICS_EXPORTER"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ()),
        ("", ()),
        (" , ", ()),
        ("none", ()),
        (" NONE ", ()),
        ("prometheus", ("prometheus",)),
        (" Prometheus,OTLP ,, console,otlp", ("prometheus", "otlp", "console")),
    ],
)
def test_the_variable_names_the_exporters_whatever_its_case_and_blanks(
    value: str | None, expected: tuple[str, ...]
) -> None:
    env = {"OTEL_EXPORTER": "jaeger", "OTEL_TRACES_EXPORTER": "otlp"}
    assert metric_exporters_in(env if value is None else {**env, VARIABLE: value}) == expected


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("jaeger", f"{VARIABLE} must name exporters out of none, console, otlp, prometheus; got 'jaeger' in 'jaeger'"),
        (
            "otlp, statsd",
            f"{VARIABLE} must name exporters out of none, console, otlp, prometheus; got 'statsd' in 'otlp, statsd'",
        ),
        (
            "none,otlp",
            f"{VARIABLE} must be none alone, or exporters out of console, otlp, prometheus; got 'none,otlp'",
        ),
    ],
)
def test_another_value_is_an_error_that_lists_the_choices(value: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        metric_exporters_in({VARIABLE: value})
    assert str(raised.value) == message


def test_a_caller_names_them_in_the_same_way() -> None:
    assert metric_exporters_named(["OTLP "], source="metric_exporters", given=["OTLP"]) == ("otlp",)
    with pytest.raises(ConfigurationError, match="metric_exporters must be none alone, or"):
        metric_exporters_named(["OTLP", "none "], source="metric_exporters", given=["OTLP", "none "])
