"""The lines that a person sees of delivery: why spans do not arrive, and where they are."""

import os
import threading
from collections.abc import Callable
from typing import Final

from instrumentation.delivery.account import DeliveryReport
from instrumentation.otlp.addresses import diagnosis, shown
from instrumentation.otlp.answers import Answer
from instrumentation.otlp.exporters import Receiver

Notify = Callable[[str], object]

MAX_LINES: Final = 8
"""Different lines about one destination; a receiver that fails in ever new ways says no more after them."""
_AS_STATUS: Final = {"UNAUTHENTICATED": 401, "PERMISSION_DENIED": 403}
"""What gRPC says of credentials, as HTTP does."""


class Explainer:
    """Says what is wrong with a place, each thing once."""

    def __init__(self, receiver: Receiver, notify: Notify) -> None:
        self._receiver = receiver
        self._notify = notify
        self._said: set[str] = set()
        self.after_fork()

    def after_fork(self) -> None:
        """Be ready to say something, in a forked child, too."""
        self._lock = threading.RLock()  # a signal handler may say something, too

    def look(self) -> bool:
        """Look at the place before anything is sent there; whether nothing is wrong as far as can be seen."""
        line = self._diagnosis()
        self._say(line)
        return line is None

    def refused(self, answer: Answer) -> None:
        """Say why a batch, or a part of it, did not arrive."""
        receiver = self._receiver
        if receiver.endpoint is None:
            self._say(f"{receiver.name}: {_items(receiver)} could not be written ({answer.reason})")
            return
        status = answer.status or _AS_STATUS.get(answer.code or "")
        found = self._diagnosis(status=status, web_page=answer.web_page)
        hint = "; Jaeger takes traces only" if answer.code == "UNIMPLEMENTED" and receiver.signal == "metrics" else ""
        self._say(found or self._not_taken(answer.reason) + hint)

    def late(self) -> None:
        """Say that the last batch did not arrive in time, unless something is known to be wrong."""
        if not self._said:
            self._say(self._not_taken("no answer in time"))

    def _not_taken(self, reason: str) -> str:
        receiver = self._receiver
        place = f"{receiver.name} at {shown(receiver.endpoint)}" if receiver.endpoint else receiver.name
        return f"{place} does not take {_items(receiver)}: {reason}"

    def _diagnosis(self, *, status: int | None = None, web_page: bool = False) -> str | None:
        at = self._receiver
        if at.endpoint is None or at.protocol is None:
            return None
        return diagnosis(at.endpoint, at.protocol, signal=at.signal, status=status, web_page=web_page, env=os.environ)

    def _say(self, line: str | None) -> None:
        with self._lock:
            if line is None or line in self._said or len(self._said) >= MAX_LINES:
                return
            self._said.add(line)
        self._notify(line)


def _items(receiver: Receiver) -> str:
    return "spans" if receiver.signal == "traces" else receiver.signal


def loss_notice(report: DeliveryReport, endpoint: str | None) -> str | None:
    """The line for an end with spans that did not arrive; `None` when all did."""
    if not report.missing_spans:
        return None
    place = f"{report.destination} at {shown(endpoint)}" if endpoint else report.destination
    reason = f" ({report.last_reason})" if report.last_reason else ""
    due = report.exported_spans + report.missing_spans
    line = f"traces did not arrive: {report.missing_spans:,} of {due:,} spans for {place}{reason}"
    if report.spooled_spans:
        line += f"; {report.spooled_spans:,} are kept in {report.spool}: send them with nanoagent resend"
    if report.missing_spans > report.spooled_spans:
        line += f"; {report.missing_spans - report.spooled_spans:,} are lost"
    return line
