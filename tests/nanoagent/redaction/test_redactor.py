import base64
import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanoagent.errors import ConfigurationError
from nanoagent.redaction.redactor import (
    Redactor,
    current_redactor,
    redacted,
    redacted_start,
    use_redactor,
)
from tests.secrets import PLANTED
from tests.timing import timed

KEY = PLANTED["openai"]

MASKED = {
    "openai": "[redacted: openai key]",
    "openai project": "[redacted: openai key]",
    "openai service account": "[redacted: openai key]",
    "anthropic": "[redacted: anthropic key]",
    "google": "[redacted: google key]",
    "google oauth": "[redacted: google token]",
    "google client secret": "[redacted: google client secret]",
    "aws key id": "[redacted: aws key id]",
    "aws temporary key id": "[redacted: aws key id]",
    "aws secret": "aws_secret_access_key=[redacted: key]",
    "azure storage": "AccountKey=[redacted: key]",
    "azure sas": "https://store.example/box?sv=2024-11-04&sig=[redacted: url parameter]",
    "github": "[redacted: github token]",
    "github app": "[redacted: github token]",
    "github fine-grained": "[redacted: github token]",
    "gitlab": "[redacted: gitlab token]",
    "slack bot": "[redacted: slack token]",
    "slack app": "[redacted: slack token]",
    "slack webhook": "https://hooks.slack.com/[redacted: slack webhook]",
    "discord webhook": "https://discord.com/api/webhooks/123456789012345678/[redacted: discord webhook]",
    "stripe": "[redacted: stripe key]",
    "stripe restricted": "[redacted: stripe key]",
    "stripe webhook": "[redacted: stripe secret]",
    "hugging face": "[redacted: hugging face token]",
    "groq": "[redacted: groq key]",
    "xai": "[redacted: xai key]",
    "replicate": "[redacted: replicate token]",
    "perplexity": "[redacted: perplexity key]",
    "npm": "[redacted: npm token]",
    "pypi": "[redacted: pypi token]",
    "sendgrid": "[redacted: sendgrid key]",
    "twilio": "[redacted: twilio key]",
    "twilio account": "[redacted: twilio account]",
    "digitalocean": "[redacted: digitalocean token]",
    "telegram": "[redacted: telegram token]",
    "discord": "[redacted: discord token]",
    "databricks": "[redacted: databricks token]",
    "linear": "[redacted: linear key]",
    "notion": "[redacted: notion token]",
    "logfire": "[redacted: logfire token]",
    "jwt": "[redacted: jwt]",
    "private key": "[redacted: private key]",
    "bearer": "Authorization: Bearer [redacted: credential]",
    "bare bearer": "Bearer [redacted: bearer token]",
    "basic": "Authorization: Basic [redacted: credential]",
    "api key header": "x-api-key: [redacted: key]",
    "cookie": "Cookie: [redacted: cookie]",
    "password": "password=[redacted: password]",
    "password in a url": "postgres://admin:[redacted: password]@db.example/main",
    "access token in a url": "https://api.example/v1?access_token=[redacted: token]&page=2",
    "client secret": 'client_secret: "[redacted: secret]"',
    "aws bedrock": "[redacted: aws bedrock key]",
    "azure client secret": "[redacted: azure client secret]",
    "fireworks": "[redacted: fireworks key]",
    "openrouter": "[redacted: openrouter key]",
    "langfuse": "[redacted: langfuse key]",
    "langsmith": "[redacted: langsmith key]",
    "pinecone": "[redacted: pinecone key]",
    "doppler": "[redacted: doppler token]",
    "supabase": "[redacted: supabase token]",
    "vault": "[redacted: vault token]",
    "shopify": "[redacted: shopify token]",
    "grafana": "[redacted: grafana token]",
    "sentry": "[redacted: sentry token]",
    "docker": "[redacted: docker token]",
    "nvidia": "[redacted: nvidia key]",
    "tavily": "[redacted: tavily key]",
    "cerebras": "[redacted: cerebras key]",
    "google express": "[redacted: google key]",
    "notion of old": "[redacted: notion token]",
    "card": "[redacted: card number]",
    "card without blanks": "[redacted: card number]",
}


def test_every_planted_secret_is_masked_by_the_name_of_its_kind() -> None:
    assert {label: redacted(secret) for label, secret in PLANTED.items()} == MASKED


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("The key is ", " as you know"),
        ("a\n", "\nb"),
        ("é", "é"),
        ("('", "')"),
        ("tool_", ""),
        ("x=", "; y"),
        ("<", ">"),
    ],
)
def test_secrets_are_masked_wherever_they_stand(before: str, after: str) -> None:
    own = {label: before + mask + after for label, mask in MASKED.items() if mask[0] == "[" and mask[-1] == "]"}
    assert {label: redacted(before + PLANTED[label] + after) for label in own} == own


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ('{"password": "a\\"b\\\\", "x": 1}', '{"password": "[redacted: password]", "x": 1}'),
        ('{"password": 12345, "x": 1}', '{"password": "[redacted: password]", "x": 1}'),
        ('{"token": 12345678, "api_key": 1e10}', '{"token": 12345678, "api_key": 1e10}'),
        ('{"a": "{\\"api_key\\": \\"ab\\\\\\"cdef\\"}"}', '{"a": "{\\"api_key\\": \\"[redacted: key]\\"}"}'),
        ("{'password': 'hunter2', 'n': 1}", "{'password': '[redacted: password]', 'n': 1}"),
        ("Settings(password='hunter2', n=1)", "Settings(password='[redacted: password]', n=1)"),
        ('{"a": "{\\"password\\": \\"ab", "b": 1}', '{"a": "{\\"password\\": \\"[redacted: password]", "b": 1}'),
        ('password: "hunter2\nand "so on"', 'password: "[redacted: password]\nand "so on"'),
        ("\u0130\u0130 password=hunter2", "\u0130\u0130 password=[redacted: password]"),
        (json.dumps(f"a\n{KEY}"), '"a\\n[redacted: openai key]"'),
        ("DB_PASSWORD=pa,ss&n=1", "DB_PASSWORD=[redacted: password]&n=1"),
        ("password: hunter2", "password: [redacted: password]"),
        ("user: me, password: swordfish, host: db", "user: me, password: [redacted: password], host: db"),
        ("login --password swordfish --user me", "login --password [redacted: password] --user me"),
        ("Incorrect API key: abcdef123456", "Incorrect API key: [redacted: key]"),
        ("OPENAI_API_KEY=abcdefghij", "OPENAI_API_KEY=[redacted: key]"),
        ("Server=db;Password=hunter2;Database=x", "Server=db;Password=[redacted: password];Database=x"),
        ("redis://:hunter2@cache:6379/0", "redis://:[redacted: password]@cache:6379/0"),
        ("https://me:p@ss@host/", "https://me:[redacted: password]@host/"),
        ("GET /v1?key=abcd&page=2", "GET /v1?key=[redacted: url parameter]&page=2"),
        ("basic bWU6cGFzcw==", "basic [redacted: credential]"),
        ("Authorization: Digest username=me, response=1a", "Authorization: Digest [redacted: credential]"),
        ('"authorization": "Token abcd"', '"authorization": "Token [redacted: credential]"'),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\nabc", "[redacted: private key]"),
        ('{"k": "-----BEGIN PRIVATE KEY-----\\nMII", "n": 1}', '{"k": "[redacted: private key]", "n": 1}'),
        ("4111-1111-1111-1111 12/27", "[redacted: card number] 12/27"),
        ("order-1234 4111111111111111 5", "order-1234 [redacted: card number] 5"),
        ("3782 822463 10005", "[redacted: card number]"),
        ("4111 1111 1111 1111 123", "[redacted: card number]"),
        ("3782 822463 10005 1234", "[redacted: card number] 1234"),
        ("4111 1111 1111 1111 378282246310005", "[redacted: card number] [redacted: card number]"),
        ("378282246310005 4111 1111 1111 1111", "[redacted: card number] [redacted: card number]"),
        ('{"card": 4111111111111111}', '{"card": "[redacted: card number]"}'),
        ('{"cards": [5555555555554444, 1]}', '{"cards": ["[redacted: card number]", 1]}'),
        ('{"text": "cards [5555555555554444, 1]"}', '{"text": "cards [[redacted: card number], 1]"}'),
    ],
)  # fmt: skip
def test_secrets_are_known_by_what_stands_around_them(text: str, seen: str) -> None:
    assert redacted(text) == seen


@pytest.mark.parametrize(
    "text",
    [
        "",
        "order 1234 4111 1111 1111 1111",
        "4111 1111 1111 1111 2222",
        "4111 1111 1111 1111 222222",
        "222222 4111 1111 1111 1111",
        "4111 1111 1111 1111 123 4567",
        "4111 1111 1111 1116 123",
        "call_abc123",
        "gpt-5-mini-2025-08-07",
        "chatcmpl-BxYzAbCdEf0123456789abcdefghij",
        "token: 5",
        "max_tokens=100",
        "tokens_used: 1234",
        '{"input_tokens": 1200, "token": "the", "max_tokens": 4096}',
        "secret: the cake is a lie",
        "The secret of success: work",
        "the password is in the safe; password: None",
        '{"required": ["username", "password", "email"]}',
        '{"password": {"type": "string"}, "token": null, "secret": ""}',
        "PWD=/home/me",
        "api_key = os.environ['KEY']",
        "f(cancellation_token: CancellationToken | None, api_key=exa_api_key, token=make_token(x))",
        "password = get_password(proxy)",
        "api_key=<your key>, api_key=${KEY}, password=***",
        "Bearer of bad news",
        "basic understanding of a task-oriented agent",
        "authorization: required",
        "sk-learn-compatible-estimators-in-a-pipeline",
        "risk-1234567890abcdefghij",
        "1764105600000000000",
        "4bf92f3577b34da6a3ce929d0e0e4736",
        "550e8400-e29b-41d4-a716-446655440000",
        "4111 1111 1111 1112",
        "4111 1111 1111 1116",
        "token=123456",
        "9999999999999995",
        "0.4111111111111111",
        "-4111111111111111.5",
        "a4111111111111111",
        "41111111111111114111111111111111",
        "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        "http://localhost:4318/v1/traces",
        "git@github.com:owner/name.git",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redacted(text) == text


GLUE = st.text(alphabet=" \n\t\"'\\/,;:=&?{}[]()<>é\x1b", max_size=4)
SECRETS = st.sampled_from(sorted(PLANTED.values()))
NAMES = st.sampled_from(["password", "api_key", "x", "token", "Authorization", "private_key", "text", "secret"])
TEXTS = st.lists(GLUE | SECRETS | NAMES | st.text(max_size=5).map(lambda text: f" {text} "), max_size=5).map(" ".join)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.just(4111111111111111) | TEXTS
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | TEXTS, inner, max_size=3), max_leaves=8
).map(lambda value: {"content": value})


def holds_a_secret(value: Any) -> bool:
    spelled = json.dumps(value, ensure_ascii=False)
    return any(json.dumps(secret)[1:-1] in spelled for secret in PLANTED.values())


@settings(max_examples=300, deadline=None)
@given(DOCUMENTS, st.booleans(), st.sampled_from([None, 2]))
def test_json_stays_json_and_holds_no_secret(document: Any, ensure_ascii: bool, indent: int | None) -> None:
    seen = redacted(json.dumps(document, ensure_ascii=ensure_ascii, indent=indent))
    assert not holds_a_secret(json.loads(seen))
    assert redacted(seen) == seen


@settings(max_examples=200, deadline=None)
@given(DOCUMENTS)
def test_json_inside_of_json_stays_json_and_holds_no_secret(document: Any) -> None:
    seen = json.loads(redacted(json.dumps({"arguments": json.dumps(document), "n": 1})))
    assert (seen["n"], holds_a_secret(seen)) == (1, False)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_redacting_twice_changes_nothing(text: str) -> None:
    seen = redacted(text)
    assert redacted(seen) == seen


def seconds_of(call: Callable[[], object]) -> float:
    with timed() as took:
        call()
    return took.seconds


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "-",
        "1 ",
        "411 ",
        "eyJ",
        "_eyJ",
        "sk-",
        "\\",
        '\\"',
        "password=",
        'password:"',
        'token=\\\\"',
        "://a:",
        '"value":"',
        '"passwords":["',
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nMIIE ",
        '["token","',
    ],
)
def test_a_megabyte_of_anything_takes_less_than_a_second(unit: str) -> None:
    text = (unit * (1_000_000 // len(unit) + 1))[:1_000_000]
    assert seconds_of(lambda: redacted(text)) < 1


def test_a_short_harmless_text_costs_next_to_nothing() -> None:
    ids = [f"call_{number:016x}" for number in range(10_000)]
    redacted("warm up")
    assert [redacted(id_) for id_ in ids] == ids
    assert seconds_of(lambda: [redacted(id_) for id_ in ids]) < 0.1


def test_importing_compiles_no_pattern_of_a_secret() -> None:
    program = """
import re
compiled, original = [], re.compile
re.compile = lambda pattern, *flags: compiled.append(str(pattern)) or original(pattern, *flags)
import nanoagent.redaction.redactor
print([pattern for pattern in compiled if "sk-" in pattern or "pass" in pattern])
nanoagent.redaction.redactor.redacted("password=1 sk-")
print(len([pattern for pattern in compiled if "sk" in pattern or "pass" in pattern]) > 3)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\nTrue\n"


def test_a_hook_is_asked_after_the_masks() -> None:
    redactor = Redactor(hook=lambda text: text.replace("Alice", "[a person]"))
    assert redactor.redacted(f"Alice has {KEY}") == "[a person] has [redacted: openai key]"
    assert redactor.failed_texts == 0


@pytest.mark.parametrize("hook", [lambda text: 1 / 0, lambda text: None, lambda: ""])
def test_a_text_that_the_hook_fails_on_is_dropped_and_counted(hook: Any) -> None:
    redactor = Redactor(hook=hook)
    assert [redactor.redacted("one"), redactor.redacted("two")] == ["[redaction failed]"] * 2
    assert redactor.failed_texts == 2


def test_a_failing_hook_is_said_once_without_what_it_says(caplog: pytest.LogCaptureFixture) -> None:
    def hook(text: str) -> str:
        raise ValueError(text)

    redactor = Redactor(hook=hook)
    redactor.redacted("content")
    redactor.redacted("content")
    assert caplog.messages == ["the redaction of a text raised ValueError: texts on which it fails are dropped"]


def test_failures_are_counted_under_threads() -> None:
    redactor = Redactor(hook=lambda text: text.no_such_attribute)  # type: ignore[attr-defined]
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(redactor.redacted, ["x"] * 2_000)) == {"[redaction failed]"}
    assert redactor.failed_texts == 2_000


def test_a_hook_that_cannot_be_called_is_refused() -> None:
    with pytest.raises(ConfigurationError) as refused:
        Redactor(hook="mask")  # type: ignore[arg-type]
    assert str(refused.value) == (
        "hook must be a function that takes a text and returns one, got 'mask'; leave it out for none"
    )


@pytest.mark.parametrize("before", ["", "a", "ab"])
def test_literal_secrets_are_masked_however_they_are_written(before: str) -> None:
    secret = 'pä/"ss+ word'
    redactor = Redactor(secrets=[secret, "secret", "abc"])
    encoded = base64.b64encode(f"{before}:{secret}:".encode()).decode()
    seen = redactor.redacted(
        f"{secret} | {json.dumps(secret)} | p%C3%A4%2F%22ss%2B%20word | {encoded} | abc | the secret of secret"
    )
    assert "abc | the [redacted: secret] of [redacted: secret]" in seen
    assert seen.count("[redacted: secret]") == 6
    assert redactor.redacted(seen) == seen


def test_a_start_of_a_text_holds_no_half_of_a_secret() -> None:
    text = "word " * 30 + KEY + " and so on" * 10_000
    for length in range(140, 180, 3):
        start = redacted_start(text, length)
        assert (len(start), start[-1], KEY[:4] in start) == (length, "…", False)
    cards = "4111 1111 1111 1111, " * 10_000
    assert {"1111" in redacted_start(cards, length) for length in range(1, 3_000, 101)} == {False}
    assert redacted_start(f"a {KEY}", 100) == "a [redacted: openai key]"


def test_the_redactor_in_force_can_be_replaced() -> None:
    mine = Redactor(hook=str.upper)
    before = use_redactor(mine)
    try:
        assert (current_redactor() is mine, redacted("a text")) == (True, "A TEXT")
    finally:
        assert use_redactor(before) is mine
    assert redacted("a text") == "a text"


@pytest.mark.parametrize("ending", ["1", "internationalization2", "-1"])
@pytest.mark.parametrize("name", ["api_key=", "token: ", "x-api-key: ", "secret: "])
def test_long_words_after_the_name_of_a_secret_take_no_longer_for_each_letter(name: str, ending: str) -> None:
    assert seconds_of(lambda: Redactor().redacted(name + "abcdefghij" * 10_000 + ending)) < 2
