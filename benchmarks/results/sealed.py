"""The seal of results: a checksum, so that a file that somebody edited is not taken for what was measured."""

import base64
import gzip
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, Final

from benchmarks.results.written import ATTEMPT_DEPTH, compact

CHECKSUM: Final = "checksum"
TRACES: Final = "traces"
_SHA256: Final = "sha256:"
_SEAL: Final = f', "{CHECKSUM}": "'


def sealed(results: Mapping[str, Any], trace_lines: Iterable[bytes] = ()) -> dict[str, Any]:
    """The results with the traces of their attempts, and a checksum over all of it.

    Args:
        results: JSON-ready.
        trace_lines: OTLP JSON, a line a trace.
    """
    whole = {**results, TRACES: packed(trace_lines)}
    return {**whole, CHECKSUM: checksum_of(whole)}


def checksum_of(results: Mapping[str, Any]) -> str:
    """SHA-256 of the results as JSON with sorted keys and no spaces, without the checksum itself; in hex."""
    content = {key: value for key, value in results.items() if key != CHECKSUM}
    digest = sha256()
    for piece in compact(content, ATTEMPT_DEPTH):
        digest.update(piece.encode())
    return f"{_SHA256}{digest.hexdigest()}"


def sealed_line(text: str) -> str:
    """A JSON object in one line, which is not empty, with a checksum of the line as its last field."""
    return f'{text[:-1]}{_SEAL}{_sha256(text)}"}}'


def is_sealed(line: str) -> bool:
    """Whether the line is as it was sealed."""
    text, _, checksum = line.rpartition(_SEAL)
    return checksum == f'{_sha256(text + "}")}"}}'


def _sha256(text: str) -> str:
    return f"{_SHA256}{sha256(text.encode()).hexdigest()}"


def packed(lines: Iterable[bytes]) -> str | None:
    """The lines as gzip in base64; `None` for none."""
    text = b"".join(line + b"\n" for line in lines)
    return base64.b64encode(gzip.compress(text, mtime=0)).decode() if text else None


def unpacked(traces: str | None) -> bytes:
    """The lines again.

    Raises:
        ValueError: It is no gzip in base64.
    """
    try:
        return gzip.decompress(base64.b64decode(traces, validate=True)) if traces else b""
    except (OSError, EOFError, ValueError) as error:
        raise ValueError("its traces cannot be unpacked") from error
