"""Answers: what a receiver said to a batch, as far as the official exporters let it be seen."""

import logging
import threading
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, Protocol, TypeVar

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, Context, attach, detach, set_value

_BatchT = TypeVar("_BatchT", contravariant=True)


class Fault(Enum):
    """Who must act so that a batch arrives."""

    LATER = "the receiver is away or busy: the same batch may arrive later"
    BATCH = "the batch is too large, or something in it cannot be taken: parts of it may arrive"
    PLACE = "the address, the credentials or the protocol are wrong: nothing will arrive there"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What became of one attempt to send a batch."""

    accepted: bool = False
    status: int | None = None
    """HTTP's."""
    code: str | None = None
    """gRPC's, as `UNAVAILABLE`."""
    error: str | None = None
    """The class of what was raised, where the receiver said nothing."""
    web_page: bool = False
    """It was answered by a web page: nobody there takes anything."""
    too_large: bool = False
    retry_after_s: float | None = None
    rejected: int = 0
    """Of an accepted batch, the spans or data points that the receiver says it did not take."""

    @property
    def fault(self) -> Fault | None:
        """`None` for what was accepted."""
        if self.accepted:
            return None
        if self.too_large or self.status in _BATCH_STATUS or self.code in _BATCH_CODES:
            return Fault.BATCH
        if self.web_page or self.status in _PLACE_STATUS or self.code in _PLACE_CODES:
            return Fault.PLACE
        if self.status is None and self.code is None and self.error is None:
            return Fault.BATCH  # it was not even sent: something in it cannot be encoded
        return Fault.LATER

    @property
    def is_broken_off(self) -> bool:
        """Whether the connection failed, as one does that was kept and that the receiver has closed meanwhile."""
        return self.error == "ConnectionError" or self.code == "UNAVAILABLE"

    @property
    def reason(self) -> str:
        """A few words for a report; nothing that the receiver wrote is in them."""
        if self.web_page:
            return "answered by a web page"
        if self.rejected:
            return f"{self.rejected:,} of a batch were rejected"
        if self.status is not None:
            return f"answered {self.status}"
        if self.too_large:
            return "too large"
        said = self.code or self.error
        return _WORDS.get(said, said) if said else "cannot be encoded"


def answer_to(exporter: "_Exporter[_BatchT]", batch: _BatchT) -> Answer:
    """Export the batch, and find out what was said to it. It never raises, and keeps the exporter from logging."""
    _EAR.heard = Answer()
    token = attach(_NOT_TRACED)
    accepted, error = False, None
    try:
        accepted = exporter.export(batch).name == "SUCCESS"
    except (AttributeError, TypeError, ValueError):
        pass  # something in it cannot be encoded, and nothing was sent
    except Exception as raised:
        error = type(raised).__name__
    finally:
        detach(token)
        heard, _EAR.heard = _EAR.heard, None
    return replace(heard, accepted=accepted, error=heard.error or error)


def last_answer_to(exporter: "_Exporter[_BatchT]", batch: _BatchT) -> Answer:
    """As `answer_to`, once more where the connection was broken off: a kept one may have been closed meanwhile."""
    answer = answer_to(exporter, batch)
    return answer_to(exporter, batch) if answer.is_broken_off else answer


def hear(answer: Answer) -> None:
    """Note what was said to the batch that this thread is sending."""
    if _EAR.heard is not None:
        _EAR.heard = answer


def silence_exporters() -> None:
    """Keep the official exporters from logging while they work for us; for others they log as ever."""
    for name in _EXPORTER_LOGGERS:
        logging.getLogger(name).addFilter(_SILENCE)


_NOT_TRACED: Final = set_value(_SUPPRESS_INSTRUMENTATION_KEY, True, Context())  # noqa: FBT003 - the API's signature
"""As the SDK's own processors have it: what sends spans must make none."""
_WORDS: Final = {
    "ConnectTimeout": "no connection in time",
    "ConnectionError": "no connection",
    "DEADLINE_EXCEEDED": "no answer in time",
    "ForkedDuringCallError": "this process was forked during a call of gRPC, and can make none",
    "ProtocolError": "no connection",
    "ReadTimeout": "no answer in time",
    "ReadTimeoutError": "no answer in time",
}
_BATCH_STATUS: Final = frozenset({400, 413, 422})
_BATCH_CODES: Final = frozenset({"INVALID_ARGUMENT", "OUT_OF_RANGE"})
_PLACE_STATUS: Final = frozenset({*range(300, 400), 401, 402, 403, 404, 405, 406, 410, 415, 501})
_PLACE_CODES: Final = frozenset({"UNIMPLEMENTED", "UNAUTHENTICATED", "PERMISSION_DENIED", "NOT_FOUND"})
_EXPORTER_LOGGERS: Final = (
    "opentelemetry.exporter.otlp.json.file.trace_exporter",
    "opentelemetry.exporter.otlp.proto.grpc.exporter",
    "opentelemetry.exporter.otlp.proto.http.metric_exporter",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
)


class _Exporter(Protocol[_BatchT]):
    """An exporter of any signal."""

    def export(self, batch: _BatchT, /) -> Enum:
        """Send the batch; `SUCCESS` when it was taken."""
        ...


class _Ear(threading.local):
    """What was said to the batch that the thread is sending; `None` in a thread that sends none."""

    heard: Answer | None = None


_EAR: Final = _Ear()


class _Silence(logging.Filter):
    """Lets out nothing that an exporter logs while it works for us: a line can quote a URL or what was sent."""

    def filter(self, record: logging.LogRecord) -> bool:
        return _EAR.heard is None


_SILENCE: Final = _Silence()
