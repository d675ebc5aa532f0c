"""Turns what a producer traced in one case into a trace file and its entry in the manifest."""

import getpass
import json
import logging
import re
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from opentelemetry.exporter.otlp.json.file import FileSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from provider import FakeProvider

logging.getLogger("opentelemetry").setLevel(logging.ERROR)  # it tells of every text that is cut
_MAX_TEXT = 1_000
"""Longer prompts and answers are cut by the SDK, so that the files stay small."""
_OF_THE_MACHINE = re.compile(r"(process|host|os|code|thread|container)\.|service\.instance\.id$")
"""Attributes that say where a file was made rather than what happened."""
_STACK_TRACES = ("exception.stacktrace", "error.stack_trace")
_STACK_TRACE_IN_TEXT = "Traceback (most recent call last)"
_FORBIDDEN = re.compile(r"/(tmp|root|home|work|usr|Users)/|site-packages|\b" + re.escape(socket.gethostname()) + r"\b")


class Recording:
    """Writes the files of one producer."""

    def __init__(self, provider: FakeProvider) -> None:
        """The provider's ledger has the totals. `begin` says whose files come first."""
        self.provider = provider
        self.finished = InMemorySpanExporter()
        self.processor = SimpleSpanProcessor(self.finished)
        """Sees every span of the producer: give it to the provider that the producer traces to."""
        self.name = ""
        """The first part of the files' names."""
        self.producer = ""
        """Whose files they are, with the version."""

    def begin(self, name: str, distribution: str) -> None:
        """Go on with another producer in the same process."""
        self.begin_other(name, f"{distribution} {version(distribution)}")

    def begin_other(self, name: str, producer: str) -> None:
        """Go on with a producer that is no Python distribution."""
        self.name = name
        self.producer = producer

    def tracer_provider(self, *before: SpanProcessor) -> TracerProvider:
        """A provider whose spans are recorded, after these processors, for producers that make none of their own."""
        provider = TracerProvider(
            resource=Resource({"service.name": f"foreign-{self.name}"}),
            span_limits=SpanLimits(max_span_attribute_length=_MAX_TEXT),
        )
        for processor in before:
            provider.add_span_processor(processor)
        provider.add_span_processor(self.processor)
        return provider

    def save(
        self,
        case: str,
        note: str,
        *,
        runs: int = 1,
        totals: Mapping[str, Any] | None = None,
        readable_from_file: Mapping[str, Any] | None = None,
    ) -> None:
        """Write what was traced since the last time, with the totals of the provider's ledger.

        Args:
            case: The second part of the file's name.
            note: What happens in it.
            runs: How many agent runs it is made of.
            totals: Those of the ledger that the provider cannot know.
            readable_from_file: What a right reader gives where the file cannot show the truth, with its `why`.
        """
        spans = self.finished.get_finished_spans()
        self.finished.clear()
        with tempfile.TemporaryDirectory() as folder:
            exporter = FileSpanExporter(Path(folder) / "spans.jsonl")
            exporter.export(spans)
            exporter.shutdown()
            text = (Path(folder) / "spans.jsonl").read_text()
        self.save_text(case, note, text, runs=runs, totals=totals, readable_from_file=readable_from_file)

    def save_text(
        self,
        case: str,
        note: str,
        text: str,
        *,
        runs: int = 1,
        totals: Mapping[str, Any] | None = None,
        readable_from_file: Mapping[str, Any] | None = None,
    ) -> None:
        """As `save`, with the OTLP JSON lines that the producer wrote itself."""
        self.provider.check_played_out()
        requests = [_cleaned(json.loads(line)) for line in text.splitlines()]
        trace_ids = sorted({span["traceId"] for request in requests for span in _spans(request)})
        if not trace_ids:
            raise RuntimeError(f"nothing was traced in {case}")
        path = Path(sys.argv[1]) / f"{self.name}.{case}.jsonl"
        path.write_text("".join(json.dumps(request, separators=(",", ":")) + "\n" for request in requests))
        _check(path)
        entry: dict[str, Any] = {
            "file": path.name,
            "producer": self.producer,
            "case": case,
            "note": note,
            "trace_ids": trace_ids,
            "runs": runs,
            "totals": {**self.provider.ledger.totals(), **(totals or {})},
        }
        if readable_from_file:
            entry["readable_from_file"] = dict(readable_from_file)
        path.with_suffix(".entry.json").write_text(json.dumps(entry))


def _spans(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for resource_spans in request["resourceSpans"]:
        for scope_spans in resource_spans["scopeSpans"]:
            yield from scope_spans["spans"]


def _cleaned(request: dict[str, Any]) -> dict[str, Any]:
    for resource_spans in request["resourceSpans"]:
        _clean(resource_spans["resource"])
    for span in _spans(request):
        _clean(span)
        if _STACK_TRACE_IN_TEXT in span.get("status", {}).get("message", ""):
            span["status"]["message"] = span["status"]["message"].partition(_STACK_TRACE_IN_TEXT)[0]
        for event in span.get("events", ()):
            _clean(event)
    return request


def _clean(owner: dict[str, Any]) -> None:
    kept = [attribute for attribute in owner.get("attributes", ()) if not _OF_THE_MACHINE.match(attribute["key"])]
    for attribute in kept:
        if attribute["key"] in _STACK_TRACES:
            attribute["value"] = {"stringValue": "(left out)"}
    if "attributes" in owner:
        owner["attributes"] = kept


def _check(path: Path) -> None:
    text = path.read_text()
    found = _FORBIDDEN.search(text) or re.search(rf'"{re.escape(getpass.getuser())}"', text)
    if found:
        raise RuntimeError(f"{path.name} says where it was made: {text[found.start() - 60 : found.end() + 60]!r}")
