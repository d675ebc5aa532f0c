"""Secrets by their names: `password=...`, `"api_key": "..."` and what else is given to such a name.

What counts is how the name ends: `DB_PASSWORD`, `clientSecret` and `x-api-key`, but not `max_tokens` or `secretary`.
Of what it is given is masked:

    in quotes      all, to the closing quote; a token, a key or a secret from 6 characters on, a token without blanks
    after `=`      a password that is no call; a token, a key or a secret from 6 characters on that are not all digits
    after `: `     what looks like no word: from 6 characters on with a letter and a digit, or from 16 on; and a
                   password at the end of its line or clause
    a number       of a password only
    in a pair      `"name": "DB_PASSWORD", "value": "..."` and `"--password", "..."` like in quotes; what looks like no
                   word in `["x-api-key", "..."]`

A token, a key or a secret after `= ` is taken like one after `: `, for it may be code: its names and calls stay. So do
`None`, `true`, `***`, `<your key>`, `${KEY}` and other placeholders.
"""

import re
from collections.abc import Iterator
from functools import cache
from string import ascii_uppercase
from typing import Final

from nanoagent.redaction.masks import JsonStrings, depth_of, mask_of

SHORTEST: Final = 6
"""Characters of a token, a key or a secret."""
LONGEST_WORD: Final = 15
"""Characters; what is longer is no word of a sentence."""

Part = tuple[int, int, str]
"""From where to where a text is masked, and what stands there instead."""

_FIRST_WORDS: Final = (
    "pass|pwd|secret|credential|token|auth|api|access|account|client|encryption|master|private|service|shared|signing"
    "|subscription"
)
"""What every name begins with, in small letters: looked for first, and ten times as quickly."""
_NAME: Final = r"""
    (?: (?P<password> pass(?:word|wd|phrase|code) | pwd
                      | (?<=[_-])(?<!low[_-])(?<!high[_-])(?<!band[_-])(?<!all[_-])pass
                      | (?<=["'])pass(?=\\*["']\s{0,8}:\s{0,8}\\*["']) )
      | (?P<secret> secret | credentials? )
      | (?P<token> token | (?<=[_-])auth )
      | (?P<key> (?: api | access | account | auth | client | encryption | master | private | secret | service | shared
                   | signing | subscription ) [_\ -]? key )
    ) (?: _?[0-9]{1,2} )?
    (?P<close> \\*["'] )?
    (?: \s{0,8} (?P<sign> ==? | := | => | : | %3[ad]
        | (?(close) (?P<pair> , ) (?: \s{0,8} \\*["'] value \\*["'] \s{0,8} : )?
            (?= \s{0,8} [bfru]{0,2} \\*["'] ) | (?!) )
        ) \s{0,8} | (?P<option> \s ) )
    (?: bearer \s+ | basic \s+ )?
    (?: [bfru]{0,2} (?P<open> \\*["'] ) (?(close) | (?! (?: \s | \\+[nrt] ){0,40} (?: [:,}\]"] | \\+" | \Z ) ) ) )?
"""
"""A quote that ends what the name itself stands in opens no value: a comma, a colon or a bracket follows it."""
_PLACEHOLDER: Final = r"""
    none | null | nil | nan | -?infinity | true | false | undefined | bytes | str(?:ing)? | required | optional
  | missing | invalid | [*.x…-]+ | [<$%{].* | (?:your|my)[_\ -].* | (?:self|os|env|settings|config)\.[\w.]+
  | [a-z]+://.* | (?: \[redacted:\ [a-z\ ]+\] )+
"""
_IDENTIFIER: Final = r"(?>[A-Z]*[a-z]{2,}|[A-Z]{2,}|[_.])++"
"""Words as code joins them: `CancellationToken`, `settings.api_key`."""
_UNQUOTED: Final = r"""(?: [^\s"'`\\&;,<>(){}\[\]|] | [,)}\]>|](?=[^\s"'`\\&;,<>(){}\[\]|]) )+"""
_IN_APOSTROPHES: Final = r"""(?: [^'"\\\n] | \\+[^'"\\] )*(?=\\*')"""
_NUMBER: Final = r"-?[0-9][0-9.eE+-]*(?=\s{0,200}[,}\]])"
_CLAUSE_END: Final = r"""\Z | \s*\n | \\+[nr"'] | ["',;)}\]]"""
_SMALL: Final = {ord(capital): capital.lower() for capital in ascii_uppercase}
_ASIDE: Final = 80
"""Characters before a name that tell what it stands in."""
_NAMED: Final = r"""["'] (?: name | key ) \\*["'] \s{0,8} : \s{0,8} \\*["'] [\w.-]* \Z"""
_FIRST: Final = r"""[\[(] \s{0,8} b? \\*["'] [\w-]* \Z"""
_OPTION: Final = r"(?:\A|[\s\"'\[,])--[\w-]*\Z"


def with_named_masked(text: str) -> str:
    """The text without what is given to the names of secrets."""
    strings = JsonStrings(text)
    parts: list[str] = []
    done = 0
    for name in _names(text):
        part = _masked(text, name, strings) if name.start() >= done else None
        if part is not None:
            start, end, mask = part
            parts += text[done:start], mask
            done = end
    return "".join((*parts, text[done:])) if parts else text


def kind_of_name(name: str) -> str | None:
    """The kind of secret that is given to this name; `None` for another name."""
    return next((_kind_of(one) for one in _names(f"{name}=") if one.end() == len(name) + 1), None)


def is_placeholder(value: str) -> bool:
    """Whether a value only stands for one."""
    return finder(_PLACEHOLDER).fullmatch(value) is not None


def _kind_of(name: re.Match[str]) -> str:
    return next(kind for kind in ("password", "secret", "token", "key") if name[kind])


def _names(text: str) -> Iterator[re.Match[str]]:
    lowered = text.lower()
    if len(lowered) != len(text):  # a few capital letters have longer small ones
        lowered = text.translate(_SMALL)
    for word in finder(_FIRST_WORDS, 0).finditer(lowered):
        name = finder(_NAME).match(text, word.start())
        if name is not None:
            yield name


def _masked(text: str, name: re.Match[str], strings: JsonStrings) -> Part | None:
    kind = _kind_of(name)
    if name["option"] and not _is_option(text, name):
        return None
    start, end = name.end(), _end_of_quoted(text, name, strings)
    if name["pair"] and end is not None and not _is_of_pair(text, name, text[start:end]):
        return None
    if end is not None:
        return (start, end, mask_of(kind)) if _is_secret(text[start:end], kind) else None
    if name["close"] and (number := finder(_NUMBER).match(text, start)):
        return (start, number.end(), strings.mask_of_number(kind, start)) if kind == "password" else None
    value = finder(_UNQUOTED).match(text, start)
    if value is None or not _is_assigned(text, name, value, kind):
        return None
    return start, value.end(), mask_of(kind)


def _is_option(text: str, name: re.Match[str]) -> bool:
    """Whether the name ends a command line's `--option`."""
    return finder(_OPTION).search(text[max(0, name.start() - 40) : name.start()]) is not None


def _is_of_pair(text: str, name: re.Match[str], value: str) -> bool:
    """Whether a quoted value belongs to the name in the string before it, and is no other name of a list."""
    if "value" in name[0].lower():
        return finder(_NAMED).search(text[max(0, name.start() - _ASIDE) : name.start()]) is not None
    if _is_option(text, name):
        return not value.startswith("-")
    is_first = finder(_FIRST).search(text[max(0, name.start() - _ASIDE) : name.start()]) is not None
    return is_first and looks_like_no_word(value)


def _end_of_quoted(text: str, name: re.Match[str], strings: JsonStrings) -> int | None:
    """Where the quoted value ends; `None` where there is none on the line."""
    quote = name["open"]
    if quote is None:
        return None
    if quote[-1] == "'":
        value = finder(_IN_APOSTROPHES).match(text, name.end())
        return value.end() if value else None
    end = strings.end_of(name.end(), depth_of(len(quote) - 1))
    return None if end is None or text.find("\n", name.end(), end) >= 0 else end


def _is_secret(value: str, kind: str) -> bool:
    """Whether a quoted value is one."""
    if not value or is_placeholder(value):
        return False
    return kind == "password" or (len(value) >= SHORTEST and not (kind == "token" and " " in value))


def _is_assigned(text: str, name: re.Match[str], value: re.Match[str], kind: str) -> bool:
    """Whether an unquoted value is a secret."""
    said, sign = value[0], name["sign"]
    if is_placeholder(said) or (name[0].lower().startswith("pwd") and said[0] in "/~"):
        return False
    if sign is None:
        return said[0] != "-" and len(said) >= SHORTEST
    if sign == "==":
        return looks_like_no_word(said)
    if kind == "password" and sign != ":":
        return not text.startswith(("(", "["), value.end())
    if sign != ":" and not name[0][-1].isspace():
        return (
            len(said) >= SHORTEST and not said.isdigit() and not _is_of_code(said, text[value.end() : value.end() + 1])
        )
    if kind == "password" and len(said) >= 4 and finder(_CLAUSE_END).match(text, value.end()):
        return True
    return looks_like_no_word(said)


def _is_of_code(value: str, after: str) -> bool:
    """Whether a value is a name or a call: `api_key=exa_api_key`."""
    is_identifier = finder(_IDENTIFIER, re.ASCII).fullmatch(value) is not None
    return is_identifier and ("_" in value or "." in value or after in ("(", "["))


def looks_like_no_word(value: str) -> bool:
    """Whether a text is too long, or too mixed, to be a word of a sentence or of code."""
    if len(value) < SHORTEST or value.isdigit():
        return False
    if len(value) > LONGEST_WORD:
        return finder(_IDENTIFIER, re.ASCII).fullmatch(value) is None
    return any(map(str.isdigit, value)) and any(map(str.isalpha, value))


@cache
def finder(pattern: str, flags: int = re.ASCII | re.IGNORECASE | re.VERBOSE) -> re.Pattern[str]:
    """The pattern, compiled when it is looked for first."""
    return re.compile(pattern, flags)
