"""Changes to a rule, each of which makes another rule: whoever compares must notice."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Final

import nanoagent.core

_CORE: Final = Path(nanoagent.core.__file__).parent
_MODULES: Final = ("counting", "intervals", "lineage", "others", "producers", "records", "runs", "streams", "tally")
"""What counts; the rest stays what it is."""
_numbers: Final = count(1)

OF_THE_FOLD: Final = {
    "a copy that ended earlier counts": ("lineage", "max(known, record,", "min(known, record,"),
    "a copy that started earlier counts": ("lineage", "(one.end_ns, one.start_ns,", "(one.end_ns, -one.start_ns,"),
    "a deferred tool was called": ("records", "names.OP_TOOL and names.DEFERRED in attributes", "'never'"),
    "a cancelled tool did not fail": (
        "tally",
        "+= error_type is not None",
        "+= error_type not in (None, CANCELLED_ERROR_TYPE)",
    ),
    "cancelled calls failed": ("tally", "elif error_type == CANCELLED_ERROR_TYPE", "elif error_type == ''"),
    "the model that was asked counts": ("records", "_text(get(names.RESPONSE_MODEL)) or ", ""),
    "only chats are calls": ("records", "if operation in names.INFERENCE_OPERATIONS", "if operation == 'chat'"),
    "the first exception counts": ("records", "for found in reversed(types)", "for found in types"),
    "a call makes an iteration": ("counting", "sum(bool(tally.frame) for", "sum(True for"),
    "one run less around a run": ("counting", "MAX_DEPTH: Final = 64", "MAX_DEPTH: Final = 63"),
    "nested calls count at their own place": ("counting", "nested[str(record.run_id)]", "(record.phase, None)"),
    "a nested run has no iteration": ("runs", "inner.root.phase, inner.root.iteration)", "inner.root.phase, None)"),
    "a run is nested in itself": ("runs", "outer is self or ", ""),
    "untracked calls count once": ("runs", "(ours[run_id], *ours[run_id].around)", "(ours[run_id],)"),
    "a log is a call": ("counting", "0 if record.operation == producers.STREAM_USAGE else 1", "1"),
    "one producer less": ("producers", '"completion": "text_completion"', ""),
    "only what lies right below is untracked": (
        "lineage",
        "at = parent_of(spans[at]) if run_id",
        "at = None if run_id",
    ),
    "calls use a token more": ("records", "MAX_TOKENS: Final = 10**9", "MAX_TOKENS: Final = 10**9 + 1"),
    "unknown tokens are none": ("tally", "none_known = None if calls else 0", "none_known = 0"),
    "a call is measured by its input": ("tally", "not call.is_measured", "input_tokens is None"),
    "larger steps of money": ("records", 'Decimal("1e-12")', 'Decimal("1e-11")'),
    "half a step is a whole one": ("records", "rounding=ROUND_HALF_EVEN", "rounding='ROUND_HALF_UP'"),
    "a large price is none": ("records", "MAX_COST_USD: Final = 10**9", "MAX_COST_USD: Final = 10**9 - 1"),
    "nothing costs nothing": ("tally", "if answered and not self", "if not self"),
    "tools run after their run": ("intervals", "tools = [(max(start, low), min(end, high))", "[(start, end)"),
    "phases have nothing parallel": ("intervals", "inside(calls + tools) - busy_ns)", "0)"),
    "an end before its start is time": (
        "counting",
        "(start_ns, end_ns if end_ns > start_ns else start_ns)",
        "(min(start_ns, end_ns), max(start_ns, end_ns))",
    ),
    "the last first chunk counts": ("tally", "else min(self.first_chunk, chunk)", "else max(self.first_chunk, chunk)"),
    "first chunks are cut off": ("records", "round(seconds * NS_PER_S)", "int(seconds * NS_PER_S)"),
    "the newest root counts": ("counting", "age(record) < age(self._root)", "age(record) > age(self._root)"),
    "without a status it failed": ("counting", 'or "running"', 'or "failed"'),
    "without a root there is no time": ("runs", "so_far=None if self.root else _lasting(self.spans)", "so_far=None"),
    "a root needs its parent": ("runs", "and span is not self.root\n", "\n"),
    "any trace has a parent": (
        "runs",
        "(span.trace_id, span.parent_span_id) not in present",
        "span.parent_span_id not in {span_id for _, span_id in present}",
    ),
    "nested runs lose nothing": ("runs", "(self.spans, *self.nested)", "(self.spans,)"),
    "large costs differ": ("counting", "as_cost_usd(float(found.cost_usd))", "found.cost_usd"),
    "a root tells its spans": ("counting", "summary.api_calls is None:", "summary.spans is None:"),
    "spans need not be as many": ("counting", "if summary.spans is None:", "if summary.spans is not None:"),
}
"""What a fold with the change would say: the module of nanoagent/core, what stands in it once, and what instead."""

OF_THE_VIEW: Final = {
    "a copy that ended earlier counts": ("toInt128(said_end) * 92", "-toInt128(said_end) * 92"),
    "a copy that started earlier counts": (
        "* 9223372036854775808 + began AS age",
        "* 9223372036854775808 - began AS age",
    ),
    "copies count each": (
        "    WHERE arrayAll(last -> last.1 != TraceId OR last.2 = age, ages)\n    LIMIT 1 BY TraceId, SpanId)",
        "    WHERE true)",
    ),
    "a deferred tool was called": ("mapContains(SpanAttributes, 'nanoagent.tool.deferred') AS", "false AS"),
    "a cancelled tool did not fail": (
        "is_tool AND has_failed AS is_failed_tool",
        "is_tool AND has_failed AND NOT is_cancelled AS is_failed_tool",
    ),
    "cancelled calls failed": ("is_call AND is_cancelled AS is_cancelled_call", "false AS is_cancelled_call"),
    "the model that was asked counts": (
        "if(answering != '', answering, attribute('gen_ai.request.model'))",
        "attribute('gen_ai.request.model')",
    ),
    "only chats are calls": (
        "operation IN ('chat', 'generate_content', 'text_completion'), 'call',\n            operation = 'execute",
        "operation = 'chat', 'call',\n            operation = 'execute",
    ),
    "the first exception counts": ("arrayLast(", "arrayFirst("),
    "'' is no phase": ("attribute('nanoagent.phase') AS phase", "nullIf(attribute('nanoagent.phase'), '') AS phase"),
    "a call makes an iteration": ("countIf(has(marks, 8))", "countIf(is_iteration)"),
    "one run less around a run": ("if(circle = 0, way,", "if(circle = 0, arraySlice(way, 1, 63),"),
    "a run is nested in itself": ("id = run OR ", ""),
    "calls use a token more": ("length(text) < 10,", "length(text) < 11,"),
    "any digits are a count": ("toString(toUInt64OrNull(text)) = text", "toUInt64OrNull(text) >= 0"),
    "unknown tokens are none": ("if(api_calls = 0, 0, input_tokens)", "ifNull(input_tokens, 0)"),
    "a call is measured by its input": ("input IS NULL OR output IS NULL", "input IS NULL"),
    "half a step is a whole one": ("roundBankers(toDecimal128OrNull(", "round(toDecimal128OrNull("),
    "nothing costs nothing": ("api_calls = failed_api_calls + cancelled_api_calls, NULL,", ""),
    "tools run after their run": ("gap * (open > 0 AND call + tool > 0)", "gap * (call + tool > 0)"),
    "phases have nothing parallel": ("gap * (open > 0) * (call + tool)", "gap * (open > 0) * (call + tool > 0)"),
    "an end before its start is time": ("greatest(began, said_end) AS ended", "said_end AS ended"),
    "the last first chunk counts": ("min(chunk)", "max(chunk)"),
    "first chunks are cut off": ("roundBankers(seconds * 1e9)", "floor(seconds * 1e9)"),
    "the newest root counts": ("arraySort(root -> (root.1, root.2", "arraySort(root -> (-root.1, root.2"),
    "without a status it failed": ("'running') AS status", "'failed') AS status"),
    "a root needs its parent": (
        "orphan -> orphan.1 != root.trace_id || root.span_id",
        "orphan -> true",
    ),
    "a root tells its spans": ("said_api_calls IS NULL, NULL,", "expected_spans IS NULL, NULL,"),
    "spans need not be as many": ("ifNull(expected_spans, run.spans))", "run.spans)"),
    "reflections come first": (
        "indexOf(['plan', 'execute', 'reflect'], row.1)",
        "-indexOf(['plan', 'execute', 'reflect'], row.1)",
    ),
    "a nested run has no iteration": ("is_used AND outer.3 IS NOT NULL", "false"),
    "large costs differ": ("as_usd(toString(toFloat64(toString(counts.cost_usd))))", "counts.cost_usd"),
    "a log is a call": ("is_call AND NOT ifNull(", "is_call OR ifNull("),
    "one producer less": (
        "attribute('llm.request.type') IN ('chat', 'completion')",
        "attribute('llm.request.type') = 'chat'",
    ),
}
"""What a view with the change would say: what stands in the file once, and what instead."""


def replaced(text: str, old: str, new: str) -> str:
    """The text with one place changed.

    Raises:
        ValueError: `old` is not there, or more than once: the list of changes is to follow the text.
    """
    if text.count(old) != 1:
        raise ValueError(f"to be changed, it must be there once, but is {text.count(old)} times: {old!r}")
    return text.replace(old, new)


@contextmanager
def mutant(directory: Path, module: str, old: str, new: str) -> Iterator[tuple[ModuleType, ModuleType]]:
    """The modules `runs` and `records` of a copy in which `old` stands as `new` in one of the modules.

    Args:
        directory: Where the copy may be written.
        module: One of those that count.
        old: Stands there once.
        new: What stands there in the copy.
    """
    package = f"mutant_{next(_numbers)}"
    (directory / package).mkdir()
    for name in _MODULES:
        text = (_CORE / f"{name}.py").read_text()
        text = replaced(text, old, new) if name == module else text
        for other in _MODULES:
            text = text.replace(f"from nanoagent.core.{other} import", f"from {package}.{other} import")
        text = text.replace("from nanoagent.core import producers", f"from {package} import producers")
        (directory / package / f"{name}.py").write_text(text)
    (directory / package / "__init__.py").touch()
    sys.path.insert(0, str(directory))
    try:
        yield import_module(f"{package}.runs"), import_module(f"{package}.records")
    finally:
        sys.path.remove(str(directory))
        for name in [name for name in sys.modules if name.split(".")[0] == package]:
            del sys.modules[name]
