"""Whatever starts and ends where and in which order: what arrives is what belongs to the runs that are kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.context import Context, attach, detach
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Span, get_current_span, set_span_in_context

from instrumentation.keeping.policy import Keep
from nanoagent.tracing import names
from nanoagent.tracing.run import Run, place_in
from nanoagent.tracing.span import RunSpan
from nanoagent.tracing.spans import agent_root_span, nested_agent_span
from tests.instrumentation.keeping.sides import Keeping


@dataclass(eq=False)
class Opened:
    """Something that has started: a span of others, of a run, or a run's root."""

    span: Span | RunSpan
    context: Context
    above: "Opened | None"
    outermost: "Opened | None"
    """The root of the outermost run that went on around it when it started; a root's own where there was none."""
    has_failed: bool = False
    is_open: bool = True

    @property
    def span_id(self) -> int:
        return get_current_span(self.context).get_span_context().span_id


@dataclass
class Program:
    """Starts and ends things, and works out in its own way what must arrive."""

    keeping: Keeping = field(default_factory=lambda: Keeping(Keep(failed=True)))
    begun: list[Opened] = field(default_factory=list)
    due: set[int] = field(default_factory=set)
    """Ids of the spans that must arrive, if they ever end."""

    def start(self, kind: str, at: int) -> None:
        above = self.begun[at % len(self.begun)] if self.begun and at else None
        context = above.context if above else Context()
        outermost = above.outermost if above and above.outermost and above.outermost.is_open else None
        place = place_in(context)
        span: Span | RunSpan
        if kind == "other":
            span = self.keeping.provider.get_tracer("others").start_span("other", context)
            inside = set_span_in_context(span, context)
        elif kind == "part" and place is not None:
            with attached(context):
                span = nested_agent_span(place, "part", agent_version=None, attributes={})
            inside = span.context
        else:
            run = Run(parent=place, tracer_provider=self.keeping.provider, root_operation=names.OP_AGENT)
            with attached(context):
                span = agent_root_span(run, "agent", agent_version=None, attributes={})
            inside = span.context
        opened = Opened(span, inside, above, outermost)
        if outermost is None and isinstance(span, RunSpan):
            opened.outermost = opened
        self.begun.append(opened)

    def end(self, at: int, *, has_failed: bool) -> None:
        going_on = [one for one in self.begun if one.is_open]
        if not going_on:
            return
        one = going_on[at % len(going_on)]
        if has_failed and isinstance(one.span, RunSpan):
            one.span.fail("ValueError")
            if one.outermost is one:
                self._is_kept(one)
        one.span.end()
        one.is_open = False

    def _is_kept(self, root: Opened) -> None:
        root.has_failed = True
        above = root.above
        while above is not None and above.is_open and above.outermost is None:
            self.due.add(above.span_id)
            above = above.above

    @property
    def expected(self) -> list[int]:
        """The ids of what ended and must have arrived."""
        kept = {one.span_id for one in self.begun if one.outermost and one.outermost.has_failed} | self.due
        return sorted(kept & set(ids_of(self.keeping.everything.spans)))


@contextmanager
def attached(context: Context) -> Iterator[None]:
    token = attach(context)
    try:
        yield
    finally:
        detach(token)


def ids_of(spans: list[ReadableSpan]) -> list[int]:
    return sorted(span.context.span_id for span in spans if span.context)


STEPS = st.one_of(
    st.tuples(st.sampled_from(["other", "part", "run"]), st.integers(0, 30)),
    st.tuples(st.sampled_from(["end", "fail"]), st.integers(0, 30)),
)


@settings(max_examples=200)
@given(st.lists(STEPS, min_size=8, max_size=40))
def test_what_arrives_is_what_belongs_to_the_runs_that_are_kept(steps: list[tuple[str, int]]) -> None:
    program = Program()
    for kind, at in steps:
        if kind in ("end", "fail"):
            program.end(at, has_failed=kind == "fail")
        else:
            program.start(kind, at)
    keeping = program.keeping
    undecided = {one.span_id for one in program.begun if one.outermost and one.outermost.is_open}
    assert ids_of(keeping.arrivals.spans) == program.expected
    assert keeping.processor.held_spans == len(undecided & set(ids_of(keeping.everything.spans)))
    assert keeping.account_is_true
    keeping.processor.shutdown()
    assert ids_of(keeping.arrivals.spans) == program.expected
    assert keeping.processor.held_spans == 0
