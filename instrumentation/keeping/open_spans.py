"""The spans that have started, are not sampled and have not ended: in which run each is, and around which."""

from collections import OrderedDict
from contextlib import suppress
from typing import Final

from instrumentation.keeping.held import HeldRun, SpanKey


class OpenSpan:
    """A span that has started and not ended."""

    __slots__ = ("around", "is_kept", "run")

    def __init__(self, run: HeldRun | None = None, around: SpanKey | None = None) -> None:
        """Begin with what is known at its start."""
        self.run: Final = run
        """The outermost run that it is inside of; `None` outside of any."""
        self.around: Final = around
        """The span that it is below."""
        self.is_kept = False
        """Whether it is around a run that is kept."""


class OpenSpans:
    """Knows them, up to a bound. It needs no lock: each operation on its dictionary is atomic."""

    def __init__(self, *, most: int) -> None:
        """Know of none."""
        self._most = most
        self._spans: OrderedDict[SpanKey, OpenSpan] = OrderedDict()

    def started(self, key: SpanKey, span: OpenSpan) -> tuple[SpanKey, OpenSpan] | None:
        """Know a span; of too many the oldest is known no more, and returned."""
        self._spans[key] = span
        if len(self._spans) > self._most:
            with suppress(KeyError):  # the others have ended meanwhile
                return self._spans.popitem(last=False)
        return None

    def ended(self, key: SpanKey) -> OpenSpan:
        """What is known of a span that has ended."""
        return self._spans.pop(key, _UNKNOWN)

    def keep_around(self, run: HeldRun) -> None:
        """The run is kept, and so are the spans that its root is below: they are open still."""
        key = run.around
        while key is not None and (span := self._spans.get(key)) is not None and not span.is_kept:
            span.is_kept = True
            key = span.around

    def forget(self) -> None:
        """Know of none any more."""
        self._spans = OrderedDict()


_UNKNOWN: Final = OpenSpan()
