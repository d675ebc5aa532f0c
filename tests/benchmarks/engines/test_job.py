"""What workers are given: the settings of tracing and of models, and no secrets."""

from benchmarks.engines.job import settings_in


def test_settings_of_tracing_and_of_models_are_passed_on_and_nothing_else() -> None:
    settings = {
        "OTEL_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318",
        "NANOAGENT_KEEP": "failed",
        "NANOAGENT_MODEL": "openai:gpt-5-mini",
        "REFLECTOR_MODEL": "openai:gpt-5",
    }
    others = {"OPENAI_API_KEY": "sk-1234567890", "PATH": "/bin", "HOME": "/root", "RAY_AUTH_TOKEN": "token"}
    assert settings_in(settings | others) == settings


def test_settings_that_hold_a_credential_are_not_passed_on() -> None:
    secret = {
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20abcdefghijkl",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "x=y",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://me:p%40ssw0rd-long@collector:4318",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://collector:4318/v1/metrics?key=abcdefghijkl",
    }
    assert settings_in(secret | {"OTEL_EXPORTER": "otlp"}) == {"OTEL_EXPORTER": "otlp"}
