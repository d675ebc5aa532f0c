"""A span of a run, from its start to its end."""

import logging
from asyncio import CancelledError
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, Status, StatusCode
from opentelemetry.util.types import AttributeValue

from nanoagent.content.content import Content
from nanoagent.core.records import CANCELLED_ERROR_TYPE
from nanoagent.tracing import names
from nanoagent.tracing.failures import error_type_of, log_failure, message_of
from nanoagent.tracing.run import ENDING_S, PLACE_KEY, SPAN_KEY, Place, Run, stop_in

_logger = logging.getLogger(__name__)
_P = ParamSpec("_P")


class RunSpan:
    """A span of a run, open until the end of its `with` block; current inside it.

    It keeps what it sets, so that its record is the same whether or not an SDK is there. Nothing in it raises.
    """

    __slots__ = (
        "_attributes",
        "_ended",
        "_late",
        "_name",
        "_parent_span_id",
        "_span",
        "_span_id",
        "_start_ns",
        "_trace_id",
        "error_type",
        "outside",
        "place",
        "run",
    )

    def __init__(
        self,
        run: Run,
        name: str,
        attributes: dict[str, AttributeValue],
        *,
        place: Place | None,
        kind: SpanKind = SpanKind.INTERNAL,
        phase: str | None = None,
        iteration: int | None = None,
        agent: str | None = None,
        context: Context | None = None,
    ) -> None:
        """Start the span below `place`; phase, iteration and agent are those of `place` unless given.

        The attributes become the span's own: those of its run are added to them. Its parent is the span that is current
        in `context`, by default the caller's own: another instrumentation may have put spans between.
        """
        if place is not None:
            phase = phase or place.phase
            iteration = iteration or place.iteration
            agent = agent or place.agent
        attributes[names.RUN_ID] = run.id
        if phase is not None:
            attributes[names.PHASE] = phase
        if iteration is not None:
            attributes[names.ITERATION] = iteration
        self.run = run
        self.error_type: str | None = None
        self._name = name
        self._attributes = attributes
        self._late: dict[str, AttributeValue] = {}
        self._ended = False
        self._start_ns = run.clock.now_ns()
        self.outside = otel_context.get_current() if context is None else context
        """The context that the span was started in."""
        self._span, self._trace_id, self._span_id, self._parent_span_id = self._start(kind, place)
        if (
            self._trace_id is None
            and place is not None
            and (phase, iteration, agent) == place[2:5]
            and run is place.run
        ):
            self.place = place  # nothing inside can tell the one from the other
        else:
            self.place = Place(run, self._span_id, phase, iteration, agent, self._trace_id, self._span)
        run.opened(self)

    def set(self, key: str, value: AttributeValue | None) -> None:
        """Set an attribute at the span's end; `None` sets nothing."""
        if value is not None:
            self._late[key] = value

    def set_all(self, attributes: Mapping[str, AttributeValue | None]) -> None:
        """Set attributes at the span's end, those that are `None` excepted."""
        for key, value in attributes.items():
            if value is not None:
                self._late[key] = value

    def show(
        self,
        content_of: Callable[Concatenate[Content, _P], Mapping[str, AttributeValue | None]],
        *args: _P.args,
        **options: _P.kwargs,
    ) -> None:
        """Set content on the span at once, if its run shows any: only then is it asked what there is to show.

        It is on the span alone: no number depends on it.
        """
        content = self.run.content
        if content is None or self._ended or self._trace_id is None or not self._span.is_recording():
            return
        try:
            cut = self._set_shown(content_of(content, *args, **options))
            if cut:
                content.shorten(min(cut.values()))
                # What is set cannot be taken away, but it can be empty.
                self._set_shown(dict.fromkeys(cut, "") | _without_none(content_of(content, *args, **options)))
        except KeyboardInterrupt:
            raise
        except BaseException:  # what is shown has code of its own, and its SystemExit would end the application
            log_failure(_logger, "content of span %s could not be shown", self._name)

    def event(self, name: str, attributes: Mapping[str, AttributeValue]) -> None:
        """Add an event, stamped by the run's clock."""
        if not self._ended:
            try:
                self._span.add_event(name, attributes, timestamp=self.run.clock.now_ns())
            except Exception:
                log_failure(_logger, "event %s could not be added", name)

    def fail(self, error: BaseException | str) -> None:
        """Mark the span as failed, by an exception or an error type.

        An exception is recorded once in a run, where it happened; a cancellation is none, and only marks.
        """
        self.error_type = error if isinstance(error, str) else error_type_of(error)
        if isinstance(error, Exception) and self.run.first_sight(error):
            said = "" if self.run.content is None else message_of(error)
            about = {names.EXCEPTION_TYPE: self.error_type}
            self.event(names.EXCEPTION_EVENT, about | {names.EXCEPTION_MESSAGE: said} if said else about)

    def abandon(self) -> None:
        """End the span because nobody waits for it any more. It counts as cancelled."""
        self.set(names.ABANDONED, value=True)
        self.fail(CANCELLED_ERROR_TYPE)
        self.end()

    def end(self) -> None:
        """End the span once; later calls do nothing, and neither does a first one after its run has closed."""
        run = self.run
        is_held = run.ending.acquire(True, ENDING_S)  # noqa: FBT003 - by name it takes longer
        try:
            if self._ended:
                return
            self._ended = True
            if run.closed and not run.takes(self):
                return
            if self.error_type is not None:
                self._late[names.ERROR_TYPE] = self.error_type
            end_ns = run.clock.now_ns()
            if self._trace_id is not None:
                try:
                    if self._late:
                        self._span.set_attributes(self._late)
                    if self.error_type is not None:
                        self._span.set_status(Status(StatusCode.ERROR))
                    self._span.end(end_time=end_ns)
                except Exception:
                    log_failure(_logger, "span %s could not be ended", self._name)
            self._attributes.update(self._late)
            ids = self._trace_id, self._span_id, self._parent_span_id
            failed = self.error_type is not None
            run.ended(self, (*ids, self._start_ns, end_ns, self._name, self._attributes, failed))
        finally:
            if is_held:
                run.ending.release()

    @property
    def context(self) -> Context:
        """The context in which the span is current."""
        return Context(self.outside, **{PLACE_KEY: self.place, SPAN_KEY: self._span})

    @contextmanager
    def current(self) -> Iterator[None]:
        """Make the span current in the block, and leave it open."""
        before = otel_context.get_current()
        otel_context.attach(self.context)
        try:
            yield
        finally:
            self._restore(before)

    def __enter__(self) -> Self:
        """Make the span current, where it was started."""
        if self.place.span_id == self._span_id:
            otel_context.attach(self.context)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the span; an exception marks it as failed and goes on unchanged."""
        if self.place.span_id == self._span_id:
            self._restore(self.outside)
        if error is not None:
            self.end_with(error)
        self.end()

    def end_with(self, error: BaseException) -> None:
        """End the span because of an exception, unless it is one that ends a run in good order."""
        if isinstance(error, GeneratorExit) or (isinstance(error, CancelledError) and self.run.broken_off):
            self.abandon()
        elif self.error_type is None and stop_in(error) is None:
            self.fail(error)
        self.end()

    def _set_shown(self, shown: Mapping[str, AttributeValue | None]) -> dict[str, int]:
        """Set content; how many characters are left of each attribute that the limits of the SDK have cut."""
        given = _without_none(shown)
        self._span.set_attributes(given)
        held: Any = getattr(self._span, "attributes", None) or {}
        left = {key: len(held.get(key, value)) for key, value in given.items() if isinstance(value, str)}
        return {key: length for key, length in left.items() if length < len(str(given[key]))}

    def _restore(self, before: Context) -> None:
        """Make `before` current again, in place of the span or of what was made from its context.

        A block that is closed from elsewhere, as one in a dropped generator is, has no context to put right, and
        detaching a token there would log an error.
        """
        if otel_context.get_current().get(PLACE_KEY) is self.place:
            otel_context.attach(before)

    def _start(self, kind: SpanKind, place: Place | None) -> tuple[Span, str | None, str, str | None]:
        """The span, its trace's, its own and its parent's id; the run's own ids where no SDK gave any."""
        found: Any = self.outside.get(SPAN_KEY)
        around: Span = found or INVALID_SPAN
        is_below = place is not None and around is place.span
        if place is not None and is_below and place.trace_id is None and place.run.tracer is self.run.tracer:
            # What is right around it is not traced, so this is not either.
            return around, None, self.run.own_span_id(), place.span_id
        try:
            span = self.run.tracer.start_span(
                self._name, self.outside, kind, attributes=self._attributes, start_time=self._start_ns
            )
        except Exception:
            log_failure(_logger, "span %s could not be started", self._name)
            span = INVALID_SPAN
        ids = span.get_span_context()
        span_id = ids[1]  # a span context is a tuple that begins with the trace's and the span's id
        if place is not None and is_below and place.trace_id is not None:
            as_hex = f"{span_id:016x}"
            if span_id and as_hex != place.span_id:
                return span, place.trace_id, as_hex, place.span_id
        parent = around.get_span_context()
        # Without an SDK the span is the parent's own context passed on, or an invalid one.
        if not ids.is_valid or span_id == parent.span_id:
            return span, None, self.run.own_span_id(), place.span_id if place else None
        parent_id = f"{parent.span_id:016x}" if parent.is_valid else None
        return span, f"{ids.trace_id:032x}", f"{span_id:016x}", parent_id


def _without_none(attributes: Mapping[str, AttributeValue | None]) -> dict[str, AttributeValue]:
    return {key: value for key, value in attributes.items() if value is not None}
