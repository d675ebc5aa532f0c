"""Edges of what is given to a secret's name: the last text that is masked, and the first that stays."""

import pytest

from nanoagent.redaction.redactor import redacted
from nanoagent.redaction.secret_pairs import items_masked


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("TOKEN=abcdef", "TOKEN=[redacted: token]"),
        ('"token": "abcdef"', '"token": "[redacted: token]"'),
        ("token: aBcDeFgHiJkLmNoP", "token: [redacted: token]"),
        ("password1=hunter2", "password1=[redacted: password]"),
        ("PASSWORD_2=hunter2", "PASSWORD_2=[redacted: password]"),
        ("password%3Dhunter2", "password%3D[redacted: password]"),
        ("password%3ahunter2", "password%3a[redacted: password]"),
        ("password=bearer hunter", "password=bearer [redacted: password]"),
        ("password=basic hunter", "password=basic [redacted: password]"),
        ("password=xsecret=abc1234", "password=[redacted: password]"),
        ("{'password': 'two words'}", "{'password': '[redacted: password]'}"),
        ("token=abcdefgh", "token=[redacted: token]"),
        ("password: abcd", "password: [redacted: password]"),
        ('"credentials": ["q7Lw2Zp9"]', '"credentials": ["[redacted: secret]"]'),
        ('"passwords": ["***", "hunter2"]', '"passwords": ["***", "[redacted: password]"]'),
        ('"passwords": ["one", "two", "six"]', '"passwords": [' + ", ".join(['"[redacted: password]"'] * 3) + "]"),
        ('"passwords": ["' + "long " * 50 + '"]', '"passwords": ["[redacted: password]"]'),
        ("4111 1111 1111 1111 12/27", "[redacted: card number] 12/27"),
        ('"api_keys": ["a", "q7Lw2Zp9"]', '"api_keys": ["a", "[redacted: key]"]'),
    ],
)
def test_what_is_just_a_secret_is_masked(text: str, seen: str) -> None:
    assert redacted(text) == seen


@pytest.mark.parametrize(
    "text",
    [
        "TOKEN=abcde",
        '"token": "abcde"',
        '"token": "a b c d e f g"',
        "token: aBcDeFgHiJkLmNo",
        "token: 12345678901234567890",
        "token: 1234-5678",
        "token= abcdefgh",
        "token=maketoken(x)",
        "password: abc",
        "password: give it to me",
        "--password -v2345678",
        "--token short",
        '["--password", "--verbose"]',
        '["user", "x-api-key", "abc123def4"]',
        '"password": "<your password>"',
        '"password": "***"',
        '"password": ""',
        '{"value": "<your key>", "name": "API_KEY"}',
        '{"value": "", "name": "API_KEY"}',
        '"passwords": [""]',
        '{"change":-4111111111111111}',
        '{"change": -4111111111111111}',
    ],
)
def test_what_is_just_none_stays(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize(
    "items", [["password", "hunter2"], ["--password=hunter2", "serve"], ["--password", "-v"], ["--password", "***"]]
)
def test_no_more_is_masked_of_a_list_than_what_an_option_is_given(items: list[str]) -> None:
    assert list(items_masked(items)) == items
