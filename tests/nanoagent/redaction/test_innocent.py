"""Texts of agents' work that hold no secret, and stay as they are."""

# ruff: noqa: E501, S311 - one text of the corpus a row

import json
from random import Random

import pytest

from nanoagent.redaction.redactor import redacted

INNOCENT = [
    "if password == other:\n    return True", "low_pass=440", "def login(password: str) -> None:", "token_count=12",
    "max_tokens: 500", "secret_santa", "the password is required", "try:\n    pass\nexcept E:\n    pass\n",
    "passport: P1234567", "author=Jane", "author: Jane Doe, 2024", "id 550e8400-e29b-41d4-a716-446655440000",
    "commit a84ea2e5c1d2b3a4958677f0e1d2c3b4a5968778", "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "| name | tokens |\n|---|---|\n| a | 1200 |", "passed: 12, failed: 0", '{"pass": 12, "fail": 3}', '{"pass": true}',
    "2026-01-02T03:04:05.678Z INFO token refreshed in 12 ms", "x = 4111 * 1111 + 1111", "pi = 3.14159265358979323846",
    "1234 5678 9012 3456 7890 1234", "4000 4001 4002 4003 4004", "start_time_unix_nano=1764105600123456789",
    "trace_id=106338239662793269832304564822427566080", "phone +49 30 1234567", "ISBN 978-3-16-148410-0",
    "IBAN DE89 3704 0044 0532 0130 00", '{"required": ["username", "password", "email"]}', '{"required": ["password", "email"]}',
    '{"tokens": ["walking", "the", "dog"]}', '{"secrets": ["DB_PASSWORD", "OPENAI_API_KEY"]}', '{"key": "name", "value": "Jane Doe"}',
    '{"name": "PATH", "value": "/usr/bin:/bin"}', '{"name": "KEY_COUNT", "value": "12345678"}', '["token", "the"]', '["--verbose", "yes"]',
    '{"value": "blue", "name": "color"}', "for key in keys:\n    print(key, values[key])", "key=lambda pair: pair[1]",
    "sorted(words, key=len)", "primary key: id", "foreign key (user_id) references users(id)", "keyboard=qwerty", "monkey: banana",
    "tokens = text.split()", "token = next(tokens)", "import secrets\nsecrets.token_hex(8)", "password = getpass.getpass()",
    "hash(password)", "assert password is not None", "The secret of success: work", "tokenizer: cl100k_base", "compass: north",
    "bypass=true", "Find three cheap flights to Paris and book the best.", "Step 3 of 12: search(query='weather in Oslo')",
    '{"tool": "search", "args": {"query": "best pasta", "limit": 10}, "ok": true}', "HTTP/1.1 200 OK\nContent-Length: 1234",
    "author@example.com", "https://example.com/a?page=2&sort=asc", "git clone https://github.com/owner/name.git",
    r"\frac{1}{2} \cdot 4096^{16}", "[1.5, 2.25, -3.125]", "data:image/png;base64,iVBORw0KGgo=", "async def authorize(user): ...",
    "Cookie recipes: sugar, flour", "bearer of bad news", "basic arithmetic", "sk-learn", "hf_hub_download(repo)", "npm_config_cache",
    "AKIA is how a key id begins", "xai-sdk", "fw_version", "dp.Table", "secret_name: db", "The credentials of the author: a degree",
    "uuid4().hex == 0123456789abcdef0123456789abcdef", "size 1024 2048 4096 8192", "0.1234567890123456",
]  # fmt: skip


@pytest.mark.parametrize("text", INNOCENT)
def test_an_innocent_text_stays_as_it_is_and_in_json(text: str) -> None:
    assert [redacted(text), redacted(json.dumps({"content": text}))] == [text, json.dumps({"content": text})]


def test_tables_of_numbers_hold_no_card() -> None:
    random = Random(1)
    rows = [" ".join(str(random.randrange(1_000, 10_000)) for _ in range(8)) for _ in range(2_000)]
    times = [str(1_764_105_600_000_000_000 + random.randrange(10**17)) for _ in range(2_000)]
    assert [redacted(text) for text in rows + times] == rows + times


@pytest.mark.parametrize(
    "text",
    ["4111 1111 1111-1111", "4111 111111 111111", "411111 1111111111", "3782 8224 6310 005", "4111 1111 1111 1111 55",
     "55 4111 1111 1111 1111", "5105105105105100000", "4111111111111111115", "41111111111111", "1234567890123452"],
)  # fmt: skip
def test_numbers_that_no_issuer_sets_so_are_no_cards(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize(
    "card",
    ["4111111111111111", "4222222222222", "5555555555554444", "2223003122003222", "2720990000000007", "378282246310005",
     "30569309025904", "38520000023237", "3530111333300000", "6011111111111117", "6445644564456445", "6200000000000005", "6759649826438453",
     "4111-1111-1111-1111", "3782 822463 10005", "3056 930902 5904", "4111 1111 1111 1111 110"],
)  # fmt: skip
def test_cards_of_every_issuer_are_masked_as_they_are_set(card: str) -> None:
    assert redacted(f"card {card}, thanks") == "card [redacted: card number], thanks"
