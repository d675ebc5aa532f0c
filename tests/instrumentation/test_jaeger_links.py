import json
from urllib.parse import parse_qs, urlsplit

import pytest

from instrumentation.jaeger import DEFAULT_UI_URL, search_url, trace_url, ui_url_from_env
from nanoagent.errors import ConfigurationError

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize("ui_url", ["http://localhost:16686", "http://localhost:16686/"])
def test_a_trace_has_a_page(ui_url: str) -> None:
    assert trace_url(ui_url, TRACE_ID) == f"http://localhost:16686/trace/{TRACE_ID}"


def test_a_ui_below_a_path_keeps_it() -> None:
    assert trace_url("https://tools/jaeger", TRACE_ID) == f"https://tools/jaeger/trace/{TRACE_ID}"
    assert search_url("https://tools/jaeger/", "s", {}).startswith("https://tools/jaeger/search?")


def test_a_search_names_service_window_limit_and_attributes() -> None:
    url = search_url("http://localhost:16686", "nanoagent-bench", {"nanoagent.benchmark.session_id": "s 1"})
    assert url == (
        "http://localhost:16686/search?service=nanoagent-bench&lookback=24h&limit=200"
        "&tags=%7B%22nanoagent.benchmark.session_id%22%3A%22s%201%22%7D"
    )


def test_window_and_limit_can_be_chosen() -> None:
    url = search_url("http://localhost:16686", "nanoagent", {}, lookback="2d", limit=20)
    assert url == "http://localhost:16686/search?service=nanoagent&lookback=2d&limit=20"


def test_values_are_compared_as_text_whatever_they_contain() -> None:
    attributes: dict[str, str | int] = {"attempt": 2, "last": True, "goal": 'say "é&=#%" + more'}
    query = parse_qs(urlsplit(search_url("http://localhost:16686", "a&b", attributes)).query, strict_parsing=True)
    assert query["service"] == ["a&b"]
    assert json.loads(query["tags"][0]) == {"attempt": "2", "last": "true", "goal": 'say "é&=#%" + more'}


@pytest.mark.parametrize("env", [{}, {"NANOAGENT_JAEGER_URL": ""}, {"NANOAGENT_JAEGER_URL": "  "}])
def test_an_unset_or_empty_url_is_the_local_jaeger(env: dict[str, str]) -> None:
    assert ui_url_from_env(env) == DEFAULT_UI_URL == "http://localhost:16686"


def test_the_url_comes_from_the_environment() -> None:
    assert ui_url_from_env({"NANOAGENT_JAEGER_URL": " https://tools/jaeger/ "}) == "https://tools/jaeger"


def test_a_url_without_a_scheme_says_what_to_write() -> None:
    with pytest.raises(ConfigurationError, match=r"must start with http:// or https://, got 'localhost:16686'; for"):
        ui_url_from_env({"NANOAGENT_JAEGER_URL": "localhost:16686"})
