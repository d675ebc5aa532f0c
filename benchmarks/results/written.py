"""JSON as files of results hold it."""

import json
from collections.abc import Mapping
from typing import Any

from benchmarks.formats import printable


def json_text(value: Mapping[str, Any], *, indent: int | None = None) -> str:
    """Strict JSON: NaN and Infinity are none, and many parsers refuse the whole file for one of them.

    Raises:
        ValueError: There is one of those in it.
    """
    return printable(json.dumps(value, allow_nan=False, ensure_ascii=False, indent=indent))
