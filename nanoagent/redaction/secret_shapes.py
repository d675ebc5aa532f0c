"""The shapes of secrets: keys, tokens and credentials that one knows by how they look.

A shape is a pattern of fixed cost: what may be long in it cannot begin in its own middle, and all else is bounded.
None takes a quote or a backslash that ends an escape, so that JSON stays JSON.
"""

import binascii
import re
from collections.abc import Callable
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Final, NamedTuple

from nanoagent.redaction.masks import START, mask_of, start


class Shape(NamedTuple):
    """How a kind of secret looks."""

    kind: str
    """Its plain name, as the mask shows it."""
    hints: str
    """Texts, set apart by blanks: without one of them there is none of the kind."""
    secret: str
    """Pattern of what is masked."""
    after: str = ""
    """Pattern of what must be before it, and stays."""


_DOT: Final = "."
_DISCORD_DOTS: Final = r"\.[A-Za-z0-9_-]{6}\."
_HEX: Final = "[0-9a-f]{32}"
_WITH_DIGIT: Final = r"(?=[A-Za-z_-]{0,64}[0-9])"
_WORD_WITH_DIGIT: Final = r"(?=[A-Za-z_.~+/=-]{0,32}[0-9])[\w.~+/=-]{6,}"
_AUTHORIZATION: Final = r"authorization(?:\\*[\"']\s{0,8}[:,]\s{0,8}b?\\*[\"']|\s{0,8}[:=]\s{0,8}(?:\\*[\"'])?)"
_URL_NAMES: Final = r"(?:key|sig|signature|token|auth|sas|code|x-amz-signature|x-amz-security-token|x-goog-signature)"
_BETWEEN_LINES: Final = r"(?:[\s\"',#>]|\\+(?:[nrt\"']|u00[0-9a-fA-F]{2})|[+\\](?=\s)){1,80}+"
"""Ends and beginnings of lines as texts, lists, code and JSON have them; no bracket, so that lists stay lists."""
_BASE64: Final = r"(?:[A-Za-z0-9+/=]|\\+/)"
_PRIVATE_KEY: Final = (
    r"-----BEGIN[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    rf"(?:{_BETWEEN_LINES}(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset):[^\n\"'\\]{{0,100}}){{0,5}}+{_BETWEEN_LINES}"
    rf"(?:(?:M[CEFHI][A-Za-z0-9]|b3B){_BASE64}*+|(?=[A-Za-z/\\]{{0,64}}[0-9+=]){_BASE64}{{16,}}+)(?!\\*[\"']\s{{0,8}}:)"
    rf"(?:{_BETWEEN_LINES}(?:{_BASE64}{{16,}}+(?!\\*[\"']\s{{0,8}}:)|{_BASE64}{{1,80}}+(?=(?:{_BETWEEN_LINES})?(?:\Z|-----END))))*+"
    rf"(?:(?:{_BETWEEN_LINES})?(?:-----END[A-Z0-9 ]{{0,40}}-----|-[A-Z0-9 -]{{0,60}}\Z))?"
)
"""The first line of a key with what follows it; named alone, in a sentence, it is none."""

KEYS: Final = (
    Shape("private key", "-----BEGIN", _PRIVATE_KEY),
    Shape("anthropic key", "sk-ant-", START + r"sk-ant-[\w-]{10,}"),
    Shape("openrouter key", "sk-or-", START + r"sk-or-[\w-]{10,}"),
    Shape("langfuse key", "sk-lf-", START + r"sk-lf-[0-9a-f-]{30,}"),
    Shape("openai key", "sk-", START + r"sk-(?:(?:proj|svcacct|admin)-[\w-]{10,}|" + _WITH_DIGIT + r"[\w-]{16,})"),
    Shape("google key", "AIza", r"AIza[\w-]{30,}"),
    Shape("google key", "AQ.", START + r"AQ\.[\w-]{30,}"),
    Shape("google token", "ya29.", START + r"ya29\.[\w.-]{16,}"),
    Shape("google client secret", "GOCSPX-", r"GOCSPX-[\w-]{16,}"),
    Shape("aws key id", "AKIA ASIA", START + r"A[KS]IA[A-Z0-9]{16}(?![A-Za-z0-9])"),
    Shape("aws bedrock key", "ABSK", START + r"ABSK[A-Za-z0-9+/]{40,}={0,2}"),
    Shape("azure client secret", "8Q~", r"[A-Za-z0-9_~.-]{3}8Q~[A-Za-z0-9_~.-]{31,34}(?![A-Za-z0-9_~.-])"),
    Shape("fireworks key", "fw_", START + r"fw_[A-Za-z0-9]{20,}"),
    Shape("pinecone key", "pcsk_", START + r"pcsk_\w{20,}"),
    Shape("doppler token", "dp.", START + r"dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{20,}"),
    Shape("supabase token", "sbp_ sb_secret_", START + r"sb(?:p|_secret)_[A-Za-z0-9_]{20,}"),
    Shape("github token", "ghp_ gho_ ghu_ ghs_ ghr_", START + r"gh[pousr]_[A-Za-z0-9]\w{15,}"),
    Shape("github token", "github_pat_", r"github_pat_\w{16,}"),
    Shape(
        "gitlab token",
        "glpat- gldt- glrt- glft- glptt- glcbt- glimt- glsoat- glagent- gloas-",
        START + r"gl(?:pat|dt|rt|ft|ptt|cbt|imt|soat|agent|oas)-[\w.-]{16,}",
    ),
    Shape("slack token", "xox", r"xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{10,}"),
    Shape("slack token", "xapp-", r"xapp-[A-Za-z0-9-]{10,}"),
    Shape("slack webhook", "hooks.slack.com", r"(?:[A-Za-z0-9_-]|\\*/){8,}", r"hooks\.slack\.com\\*/"),
    Shape("discord webhook", "webhooks", r"[\w-]{16,}", r"/api\\*/webhooks\\*/[0-9]{5,25}\\*/"),
    Shape("stripe key", "sk_live_ sk_test_ rk_live_ rk_test_", r"[sr]k_(?:live|test)_[A-Za-z0-9]{10,}"),
    Shape("stripe secret", "whsec_", r"whsec_[\w+/=-]{16,}"),
    Shape("hugging face token", "hf_", START + r"hf_[A-Za-z0-9]{16,}"),
    Shape("groq key", "gsk_", START + r"gsk_[A-Za-z0-9]{16,}"),
    Shape("xai key", "xai-", START + r"xai-[A-Za-z0-9]{16,}"),
    Shape("replicate token", "r8_", START + r"r8_[A-Za-z0-9]{16,}"),
    Shape("perplexity key", "pplx-", START + r"pplx-[A-Za-z0-9]{16,}"),
    Shape("cerebras key", "csk-", START + r"csk-[A-Za-z0-9]{16,}"),
    Shape("nvidia key", "nvapi-", START + r"nvapi-[\w-]{16,}"),
    Shape("tavily key", "tvly-", START + r"tvly-[\w-]{16,}"),
    Shape("langsmith key", "lsv2_", START + r"lsv2_[a-z]{2}_\w{16,}"),
    Shape("logfire token", "pylf_v", START + r"pylf_v[0-9]_\w{16,}"),
    Shape("npm token", "npm_", START + r"npm_[A-Za-z0-9]{16,}"),
    Shape("pypi token", "pypi-", START + r"pypi-[\w-]{30,}"),
    Shape("docker token", "dckr_pat_", r"dckr_pat_[\w-]{16,}"),
    Shape("sendgrid key", "SG.", START + r"SG\.[\w-]{16,64}\.[\w-]{16,}"),
    Shape("twilio key", "SK", "SK" + start(2) + _HEX + "(?![A-Za-z0-9])"),
    Shape("twilio account", "AC", "AC" + start(2) + _HEX + "(?![A-Za-z0-9])"),
    Shape("digitalocean token", "dop_v1_ doo_v1_ dor_v1_", START + r"do[opr]_v1_[0-9a-f]{16,}"),
    Shape("telegram token", ":AA", START + r"[0-9]{8,10}:AA[\w-]{32,}"),
    Shape("discord token", _DOT, "[MNO]" + start(1) + rf"[\w-]{{22,27}}{_DISCORD_DOTS}[\w-]{{27,}}"),
    Shape("databricks token", "dapi", START + r"dapi[0-9a-f]{32}(?:-[0-9])?"),
    Shape("linear key", "lin_api_ lin_oauth_", START + r"lin_(?:api|oauth)_[A-Za-z0-9]{16,}"),
    Shape("notion token", "ntn_", START + r"ntn_[A-Za-z0-9]{16,}"),
    Shape("notion token", "secret_", START + r"secret_[A-Za-z0-9]{40,}"),
    Shape("grafana token", "glsa_ glc_", START + r"gl(?:sa|c)_[\w+/=-]{16,}"),
    Shape("vault token", "hvs. hvb.", START + r"hv[sb]\.[\w-]{16,}"),
    Shape("shopify token", "shpat_ shpca_ shppa_ shpss_", START + r"shp(?:at|ca|pa|ss)_[A-Za-z0-9]{16,}"),
    Shape("sentry token", "sntrys_ sntryu_", START + r"sntry[su]_[\w+/=-]{16,}"),
    Shape("jwt", "eyJ", START + r"eyJ[\w-]{8,1000}+(?:\.[\w-]*){1,4}"),
)
"""What is known by how it begins, whatever stands around it; capital and small letters differ."""

CREDENTIALS: Final = (
    Shape(
        "credential",
        "authorization",
        r"[\w+/=.~:-]{4,}",
        _AUTHORIZATION + r"(?:bearer|basic|token|(?:api)?key)(?:\s|%20)+",
    ),
    Shape(
        "credential", "authorization", r"[^\"'\\\r\n]+", _AUTHORIZATION + r"(?:digest|ntlm|negotiate|aws4-[\w-]+)\s+"
    ),
    Shape("credential", "authorization", _WORD_WITH_DIGIT, _AUTHORIZATION),
    Shape("bearer token", "bearer", rf"(?:{_WORD_WITH_DIGIT}|[\w.~+/=-]{{16,}})", r"bearer(?:\s|%20)+"),
    Shape(
        "cookie",
        "cookie",
        r"[^\s\"'\\=;,]{1,64}=[^\"'\\\r\n]+",
        r"cookie(?:\\*[\"']\s{0,8}[:,]|\s{0,8}:)\s{0,8}(?:\\*[\"'])?",
    ),
    Shape("password", "@", r"[^\s/?#\"'\\<>]{1,512}(?=@)", r":(?:\\*/){2}[^\s/?#\"'\\<>:@]{0,256}:"),
    Shape("credential", "@", r"[\w-]{20,512}(?=@)", r":(?:\\*/){2}"),
    Shape("url parameter", "=", r"(?!\[redacted: )[^\s&\"'\\#<>]{4,}", rf"(?:[?&;]|\\u0026){_URL_NAMES}="),
)
"""What is known by what stands before it; capital and small letters are the same."""


def may_hold_key(text: str) -> bool:
    """Whether one of the hints of a key is in the text: one look for all is quicker than one for each."""
    return _any_hint().search(text) is not None


def with_keys_masked(text: str) -> str:
    """The text without keys that are known by how they begin."""
    for hint, masked in _key_maskings():
        if hint in text:
            text = masked(text)
    return text


def with_credentials_masked(text: str) -> str:
    """The text without credentials that are known by what stands before them."""
    lowered = text.lower()
    for hint, masked in _credential_maskings():
        if hint in lowered:
            text = masked(text)
    return text


Masking = Callable[[str], str]


@cache
def _any_hint() -> re.Pattern[str]:
    """Finds a hint; those that begin alike stand together, which makes it three times as quick."""
    hints = sorted({hint for shape in KEYS for hint in shape.hints.split()} - {_DOT, "SK", "AC"})
    rests = [(first, "|".join(re.escape(hint[1:]) for hint in group)) for first, group in groupby(hints, itemgetter(0))]
    short = _DISCORD_DOTS, f"SK{_HEX}", f"AC{_HEX}"
    return re.compile("|".join([*(f"{re.escape(first)}(?:{rest})" for first, rest in rests), *short]))


@cache
def _key_maskings() -> list[tuple[str, Masking]]:
    return [(hint, masking) for shape in KEYS for masking in [_masking(shape)] for hint in shape.hints.split()]


@cache
def _credential_maskings() -> list[tuple[str, Masking]]:
    shapes = [(shape.hints, _masking(shape, re.IGNORECASE)) for shape in CREDENTIALS]
    return [("basic", _with_basic_masked), *shapes]


def _masking(shape: Shape, flags: int = 0) -> Masking:
    pattern = re.compile(f"({shape.after}){shape.secret}", re.ASCII | flags)
    replacement = rf"\1{mask_of(shape.kind)}"
    return lambda text: pattern.sub(replacement, text)


def _with_basic_masked(text: str) -> str:
    return _basic().sub(_basic_mask, text)


@cache
def _basic() -> re.Pattern[str]:
    return re.compile(r"(\bbasic\s+)([A-Za-z0-9+/]{4,1024}={0,2})", re.ASCII | re.IGNORECASE)


def _basic_mask(found: re.Match[str]) -> str:
    """User and password in base64 are masked; the word after `basic` in a sentence is neither."""
    try:
        decoded = binascii.a2b_base64(found[2] + "==")
    except binascii.Error:
        return found[0]
    return found[1] + mask_of("credential") if b":" in decoded else found[0]
