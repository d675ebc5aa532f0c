import pytest

from instrumentation.selection import exporters_in
from nanoagent.errors import ConfigurationError


@pytest.mark.parametrize(
    ("env", "exporters"),
    [
        ({}, ()),
        ({"OTEL_EXPORTER": ""}, ()),
        ({"OTEL_EXPORTER": " "}, ()),
        ({"OTEL_EXPORTER": "none"}, ()),
        ({"OTEL_EXPORTER": "console"}, ("console",)),
        ({"OTEL_EXPORTER": " Jaeger , FILE,"}, ("jaeger", "file")),
        ({"OTEL_EXPORTER": "file,jaeger,file"}, ("file", "jaeger")),
        ({"OTEL_EXPORTER": "file", "OTEL_TRACES_EXPORTER": "otlp"}, ("file",)),
        ({"OTEL_EXPORTER": "none", "OTEL_TRACES_EXPORTER": "otlp"}, ()),
        ({"OTEL_EXPORTER": "", "OTEL_TRACES_EXPORTER": "otlp"}, ("otlp",)),
        ({"OTEL_EXPORTER": " ", "OTEL_TRACES_EXPORTER": "otlp"}, ("otlp",)),
        ({"OTEL_TRACES_EXPORTER": "console,otlp"}, ("console", "otlp")),
        ({"OTEL_TRACES_EXPORTER": "jaeger"}, ("jaeger",)),
        ({"OTEL_TRACES_EXPORTER": ""}, ()),
    ],
)
def test_the_environment_chooses(env: dict[str, str], exporters: tuple[str, ...]) -> None:
    assert exporters_in(env) == exporters


def test_the_standard_variable_can_be_left_to_others() -> None:
    assert exporters_in({"OTEL_TRACES_EXPORTER": "otlp"}, standard=False) == ()
    assert exporters_in({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER": "file"}, standard=False) == ("file",)


@pytest.mark.parametrize(
    ("env", "message"),
    [
        (
            {"OTEL_EXPORTER": "file,Zipkin"},
            "OTEL_EXPORTER must name exporters out of none, console, file, jaeger, otlp; got 'zipkin' in 'file,Zipkin'",
        ),
        (
            {"OTEL_TRACES_EXPORTER": "a\nb"},
            "OTEL_TRACES_EXPORTER must name exporters out of none, console, file, jaeger, otlp; got 'a\\nb' in 'a\\nb'",
        ),
        (
            {"OTEL_EXPORTER": "None,file"},
            "OTEL_EXPORTER must be none alone, or exporters out of console, file, jaeger, otlp; got 'None,file'",
        ),
    ],
)
def test_an_unusable_choice_is_an_error_of_one_line(env: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        exporters_in(env)
    assert str(caught.value) == message
