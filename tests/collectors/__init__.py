"""What else a receiver of OTLP can do wrong, of interest to our own tests alone; see `instrumentation.testing`."""

from tests.collectors.behaviours import (
    dribbles,
    knows_only,
    redirects_to,
    refuses_spans_named,
    resets_half_way,
    shows_a_web_page,
)
from tests.collectors.sockets import accepting_only, answering, reset_often

__all__ = [
    "accepting_only",
    "answering",
    "dribbles",
    "knows_only",
    "redirects_to",
    "refuses_spans_named",
    "reset_often",
    "resets_half_way",
    "shows_a_web_page",
]
