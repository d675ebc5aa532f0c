"""A request to a collector and its answer, in the words of either protocol."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from instrumentation.testing.collector import Collector
from instrumentation.testing.signals import Request


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """An answer to a request of which nothing is taken."""

    status: int
    """Over HTTP."""
    code: str
    """Over gRPC."""
    retry_after_s: int | None = None
    details: str = "no"


BUSY: Final = Refusal(status=429, code="RESOURCE_EXHAUSTED", retry_after_s=1, details="busy")
"""Try again in a second."""
AWAY: Final = Refusal(status=503, code="UNAVAILABLE")
"""Try again when you like."""
BROKEN: Final = Refusal(status=500, code="INTERNAL")
"""Something went wrong here."""
INVALID: Final = Refusal(status=400, code="INVALID_ARGUMENT")
"""This cannot be read."""
FORBIDDEN: Final = Refusal(status=401, code="UNAUTHENTICATED")
"""The credentials are missing or wrong."""
NOT_FOUND: Final = Refusal(status=404, code="UNIMPLEMENTED")
"""Nothing of the kind is taken here."""
TOO_LARGE: Final = Refusal(
    status=413, code="RESOURCE_EXHAUSTED", details="grpc: received message larger than max (2 vs. 1)"
)
"""Send less at a time."""


class Exchange(ABC):
    """A request and its answer: what a behaviour is given."""

    def __init__(self, collector: Collector, number: int) -> None:
        self.collector = collector
        self.number = number
        """From 1, among the requests to the same path: spans and metrics are counted apart."""

    @abstractmethod
    def request(self) -> Request:
        """What was sent, read to its end."""

    @abstractmethod
    def accept(self, rejected: int) -> None:
        """Answer that all was taken but so many spans or points."""

    @abstractmethod
    def refuse(self, refusal: Refusal) -> None:
        """Answer that nothing was taken."""

    @abstractmethod
    def reset(self) -> None:
        """Break the connection off with RST, without an answer."""

    def take(self, rejected: int = 0) -> None:
        """Take what was sent, and say so; a collector that has been closed takes nothing."""
        if self.collector.ended.is_set():
            return
        self.collector.take(self.request())
        self.accept(rejected)

    def wait(self, seconds: float | None) -> None:
        """Let time pass, or `None` for ever; the end of the collector ends it."""
        self.collector.ended.wait(seconds)


class HttpExchange(Exchange):
    """One over HTTP, of which more can be done wrong."""

    path: str

    @abstractmethod
    def read_some(self, count: int) -> None:
        """Read so many bytes of the body."""

    @abstractmethod
    def answer(
        self, status: int, content: bytes = b"", headers: Mapping[str, str] | None = None, *, pause_s: float = 0.0
    ) -> None:
        """Answer; with a pause, byte by byte."""
