"""Secrets in the forms that programs, lists and documents give them."""

# ruff: noqa: E501 - one text a row

import json

import pytest

from nanoagent.redaction.redactor import redacted
from nanoagent.redaction.secret_pairs import items_masked

BODY = "MIIEq7Lw2Zp9Rk4Tx8Vb1Nc6Md3Fs5Gj0YaeUoIiPlKmQzXcVbNm1aSdF/HjKlq7"
BEGIN, END = "-----BEGIN RSA " + "PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"
LINES = [BEGIN, BODY, BODY[::-1], "q7Lw2Z==", END]
MASK = "[redacted: private key]"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("\n".join(LINES), MASK),
        ("\r\n".join(LINES), MASK),
        (r"\n".join(LINES), MASK),
        (r"\\n".join(LINES), MASK),
        (" ".join(LINES), MASK),
        (json.dumps(LINES), f'["{MASK}"]'),
        (json.dumps(LINES, indent=2), f'[\n  "{MASK}"\n]'),
        (json.dumps({"lines": json.dumps(LINES), "n": 1}), f'{{"lines": "[\\"{MASK}\\"]", "n": 1}}'),
        (repr(LINES), f"['{MASK}']"),
        ("KEY = (\n" + "\n".join(f"    {line + chr(10)!r}" for line in LINES) + "\n)", f"KEY = (\n    '{MASK}\\n'\n)"),
        ('"' + '\\n" +\n  "'.join(LINES) + '";', f'"{MASK}";'),
        ("key: |\n  " + "\n  ".join(LINES) + "\nport: 1", f"key: |\n  {MASK}\nport: 1"),
        ("\n".join(f"> {line}" for line in LINES), f"> {MASK}"),
        ("\n".join(LINES).replace("/", r"\/"), MASK),
        ("\n".join(LINES[:3]) + "\nq7L", MASK),
        ("\n".join(LINES[:3]) + "\n-----EN", MASK),
        ("\n".join(LINES[:3]) + "\n\nThat was all.", f"{MASK}\n\nThat was all."),
        (f"{BEGIN}\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A1B\n\n{BODY}\n{END}", MASK),
        ("\n".join(LINES).replace("RSA", "EC"), MASK),
        ("\n".join(LINES).replace("RSA", "ENCRYPTED"), MASK),
        ("\n".join(LINES).replace("RSA", "OPENSSH").replace("MIIE", "b3BlbnNzaC1rZXk"), MASK),
        (f"-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v2\n\nlQ{BODY}\n=abcd\n-----END PGP PRIVATE KEY BLOCK-----", MASK),
        (f'{{"a": "{BEGIN}", "{BODY}": 1}}', f'{{"a": "{BEGIN}", "{BODY}": 1}}'),
        (f"A file that begins with {BEGIN} is a key. Put it in /usr/share/private/keys.", None),
        (f'if text.startswith("{BEGIN}"):\n    raise ValueError("a private key")', None),
        (f"{BEGIN}\n...\n{END}\nReplace the dots.", None),
    ],
)  # fmt: skip
def test_private_keys_are_masked_to_their_end_and_their_mention_is_none(text: str, seen: str | None) -> None:
    assert redacted(text) == (text if seen is None else seen)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ('{"name":"DB_PASSWORD","value":"hunter2"}', '{"name":"DB_PASSWORD","value":"[redacted: password]"}'),
        ('{"Key": "API_KEY", "Value": "abc\\"def"}', '{"Key": "API_KEY", "Value": "[redacted: key]"}'),
        ('{"value":"a\\"b","name":"DB_PASSWORD"}', '{"value":"[redacted: password]","name":"DB_PASSWORD"}'),
        ('{"a":"{\\"value\\":\\"y1\\",\\"key\\":\\"DB_PASSWORD\\"}"}',
         '{"a":"{\\"value\\":\\"[redacted: password]\\",\\"key\\":\\"DB_PASSWORD\\"}"}'),
        ("{'name': 'TOKEN', 'value': 'abcdef'}", "{'name': 'TOKEN', 'value': '[redacted: token]'}"),
        ('["Authorization", "Bearer abcd1234"]', '["Authorization", "Bearer [redacted: credential]"]'),
        ('["authorization", "abcd1234"]', '["authorization", "[redacted: credential]"]'),
        ('["cookie", "a=b1; c=d"]', '["cookie", "[redacted: cookie]"]'),
        ("[(b'x-api-key', b'abcd1234')]", "[(b'x-api-key', b'[redacted: key]')]"),
        ('{"pass": "hunter2"}', '{"pass": "[redacted: password]"}'),
        ('{"passwords": ["a", "b\\"c"], "n": ["d"]}',
         '{"passwords": ["[redacted: password]", "[redacted: password]"], "n": ["d"]}'),
        ('{"apiKeys": ["abcd1234", "the"]}', '{"apiKeys": ["[redacted: key]", "the"]}'),
        ('{"credentials": {"user": "me", "password": "x1"}}',
         '{"credentials": {"user": "me", "password": "[redacted: password]"}}'),
        ('["login", "--password", "hunter2", "-v"]', '["login", "--password", "[redacted: password]", "-v"]'),
        ('{"u": "https:\\/\\/me:hunter2@db\\/x"}', '{"u": "https:\\/\\/me:[redacted: password]@db\\/x"}'),
        ("https:\\/\\/abcdefghij0123456789@host", "https:\\/\\/[redacted: credential]@host"),
        ("hooks.slack.com\\/services\\/T01\\/B01\\/q7Lw", "hooks.slack.com\\/[redacted: slack webhook]"),
        ("/api\\/webhooks\\/123456\\/q7Lw2Zp9Rk4Tx8Vb1N", "/api\\/webhooks\\/123456\\/[redacted: discord webhook]"),
        ("?a=Bearer%20q7Lw2Zp9Rk4T", "?a=Bearer%20[redacted: bearer token]"),
        ("authorization=Basic%20bWU6cHc", "authorization=Basic%20[redacted: credential]"),
        ("https://q7Lw2Zp9Rk4Tx8Vb1Nc6@host/", "https://[redacted: credential]@host/"),
    ],
)  # fmt: skip
def test_secrets_are_known_by_a_name_that_does_not_stand_right_before_them(text: str, seen: str) -> None:
    assert redacted(text) == seen


def test_what_follows_an_option_of_a_secret_in_a_list_is_masked() -> None:
    items = [
        "run",
        "--password",
        "hunter2",
        "--token",
        "-v",
        "--api-key",
        "<your key>",
        "--max-tokens",
        "5",
        "password",
        "x",
    ]
    assert list(items_masked(items)) == [*items[:2], "[redacted: password]", *items[3:]]


def test_what_is_no_text_is_masked_after_such_an_option_too_and_stays_elsewhere() -> None:
    items = ["--pin", 1, "--password", 1234, "--password", None, "--password", True, 2.5, "--password"]
    assert list(items_masked(items)) == [*items[:3], "[redacted: password]", *items[4:]]


@pytest.mark.parametrize(
    "beginning",
    [
        "gho_",
        "ghu_",
        "ghr_",
        "gldt-",
        "glrt-",
        "glft-",
        "glptt-",
        "glcbt-",
        "glimt-",
        "glsoat-",
        "glagent-",
        "gloas-",
        "sk_test_",
        "rk_test_",
        "doo_v1_",
        "dor_v1_",
        "lin_oauth_",
        "glc_",
        "hvb.",
        "shpca_",
        "shppa_",
        "shpss_",
        "sntryu_",
        "sb_secret_",
    ],
)
def test_keys_of_a_kind_are_known_by_each_of_their_beginnings(beginning: str) -> None:
    assert redacted(f"{beginning}0123456789abcdef01234567").startswith("[redacted: ")
