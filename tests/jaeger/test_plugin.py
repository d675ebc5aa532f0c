import pytest

from tests.jaeger.client import JaegerClient
from tests.jaeger.plugin import Jaeger, external_jaeger


def test_a_running_jaeger_takes_otlp_on_the_usual_ports_of_its_host() -> None:
    assert external_jaeger({"NANOAGENT_JAEGER_URL": "http://traces:8080/"}) == Jaeger(
        otlp_http_endpoint="http://traces:4318",
        otlp_grpc_endpoint="http://traces:4317",
        ui_url="http://traces:8080",
        client=JaegerClient("http://traces:8080"),
    )


def test_a_running_jaeger_may_take_otlp_elsewhere() -> None:
    env = {"NANOAGENT_JAEGER_URL": "http://traces", "NANOAGENT_JAEGER_OTLP": "http://collector:5318"}
    found = external_jaeger(env)
    assert found is not None
    assert (found.otlp_http_endpoint, found.otlp_grpc_endpoint) == ("http://collector:5318", "http://collector:5317")


@pytest.mark.parametrize("env", [{}, {"NANOAGENT_JAEGER_URL": ""}])
def test_without_a_url_there_is_no_running_jaeger(env: dict[str, str]) -> None:
    assert external_jaeger(env) is None
