"""What workers are given: the settings of tracing and of models, and no secrets."""

from benchmarks.engines.job import Ready, settings_in, withheld_in


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


def test_settings_that_hold_a_credential_are_not_passed_on_but_named() -> None:
    secret = {
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20abcdefghijkl",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "x=y",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://me:p%40ssw0rd-long@collector:4318",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://collector:4318/v1/metrics?key=abcdefghijkl",
    }
    env = secret | {"OTEL_EXPORTER": "otlp", "OPENAI_API_KEY": "sk-1234567890"}
    assert settings_in(env) == {"OTEL_EXPORTER": "otlp"}
    assert withheld_in(env) == sorted(secret)


def test_what_would_be_measured_otherwise_elsewhere_is_said_and_what_is_not_there_is_not() -> None:
    ready = Ready(
        place="10.0.0.7", packages={"nanoagent": "0.1", "pint": "0.25", "sympy": None}, token_source="counted"
    )
    here = {"nanoagent": "0.2", "pint": "0.25", "sympy": "1.14", "numpy": None}
    assert ready.unlike(here, "counted") is None
    assert ready.unlike(here | {"pint": "0.24"}, "counted") == "pint is 0.25 on 10.0.0.7, and 0.24 here"
    assert ready.unlike(here, "approximate") == "tokens are counted on 10.0.0.7, and approximate here"
