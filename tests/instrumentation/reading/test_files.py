"""Files of traces: how they may be written, and what is told of those that are broken."""

import gc
import gzip
import io
import json
import os
import subprocess
import sys
import time
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instrumentation.reading.files import read_file
from instrumentation.reading.problems import Problems
from instrumentation.reading.spans import ReadSpan
from nanoagent.errors import ConfigurationError
from tests.commands import ROOT, run_python
from tests.instrumentation.reading.otlp import SPANS, as_line, as_otlp, read_span

A, B, C = (read_span(f"{number:016x}", attributes={"k": ["text", 5]}) for number in (1, 2, 3))
A, B, C = (span._replace(attributes={"k": ("text", 5)}) for span in (A, B, C))
LINE_A, LINE_B, LINE_C = map(as_line, (A, B, C))
PRETTY_A, PRETTY_B = (json.dumps(as_otlp(span), indent=2).encode() for span in (A, B))
CUT = as_line(A, B, C)[: as_line(A, B, C).index(C.span_id.encode())]
"""In the third span's id."""


class Read:
    """What a file was read as."""

    def __init__(self, path: Path, data: bytes | None = None, **options: Any) -> None:
        if data is not None:
            path.write_bytes(data)
        problems = Problems()
        self.spans = [span for batch in read_file(str(path), problems, **options) for span in batch]
        self.problems = [str(problem).removeprefix(str(path)) for problem in problems.kept]
        self.lossy = problems.lossy


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Read]:
    return lambda data, **options: Read(tmp_path / "traces.jsonl", data, **options)


@pytest.mark.parametrize(
    "data",
    [
        LINE_A + b"\n" + LINE_B + b"\n",
        LINE_A + b"\n" + LINE_B,
        LINE_A + b"\r\n" + LINE_B + b"\r\n",
        b"\xef\xbb\xbf" + LINE_A + b"\n" + LINE_B + b"\n",
        b"\n \n" + LINE_A + b"\n\n\n" + LINE_B + b"\n\n",
        LINE_A + LINE_B,
        LINE_A + b" " + LINE_B + b"\n",
        b"\x1e" + LINE_A + b"\n\x1e" + LINE_B + b"\n",
        as_line(A, B),
        b"[" + LINE_A + b", " + LINE_B + b"]\n",
        b"[\n" + LINE_A + b",\n" + LINE_B + b"\n]\n",
        json.dumps([as_otlp(A), as_otlp(B)], indent=2).encode(),
        PRETTY_A + b"\n" + PRETTY_B + b"\n",
        PRETTY_A + PRETTY_B,
        PRETTY_A.replace(b"\n", b"\r\n") + b"\r\n" + PRETTY_B,
        PRETTY_A + b"\n" + LINE_B,
        LINE_A + b"\n" + PRETTY_B,
        json.dumps(as_otlp(A, B), indent=0).encode(),
        json.dumps(as_otlp(A, B), indent="\t").encode(),
        json.dumps({"result": as_otlp(A)}).encode() + b"\n" + json.dumps({"result": as_otlp(B)}).encode(),
        gzip.compress(LINE_A + b"\n" + LINE_B + b"\n"),
        gzip.compress(LINE_A + b"\n") + gzip.compress(LINE_B + b"\n"),
        gzip.compress(LINE_A + b"\n" + LINE_B[:50]) + gzip.compress(LINE_B[50:]) + b"\0" * 20,
    ],
)
def test_each_way_to_write_traces_is_read(read: Callable[..., Read], data: bytes) -> None:
    found = read(data)
    assert (found.spans, found.problems) == ([A, B], [])


@given(st.lists(SPANS, min_size=1, max_size=5), st.data())
def test_however_spans_are_spread_over_lines_they_are_all_read(
    tmp_path_factory: pytest.TempPathFactory, spans: list[ReadSpan], data: st.DataObject
) -> None:
    lines, rest = [], spans
    while rest:
        number = data.draw(st.integers(1, len(rest)))
        indent = data.draw(st.sampled_from([None, None, 0, 2]))
        lines.append(json.dumps(as_otlp(*rest[:number]), indent=indent).encode())
        rest = rest[number:]
    written = data.draw(st.sampled_from([b"\n", b"\r\n", b"\n\n"])).join(lines)
    packed = gzip.compress(written) if data.draw(st.booleans()) else written
    found = Read(tmp_path_factory.getbasetemp() / "spread.jsonl", packed)
    assert (found.spans, found.problems) == (spans, [])


def test_each_line_is_a_batch(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    path.write_bytes(as_line(A, B) + b"\n" + LINE_C + b"\n")
    assert list(map(list, read_file(str(path), Problems()))) == [[A, B], [C]]


@pytest.mark.parametrize(
    ("data", "spans", "problems"),
    [
        (b"", [], [": is empty: it holds no traces"]),
        (b"\n \n", [], [": is empty: it holds no traces"]),
        (
            LINE_A + b"\n" + LINE_B[:100],
            [A],
            [":2: is cut off after 100 bytes, as a process that died leaves it: skipped"],
        ),
        (
            LINE_A + b"\n" + LINE_B[: LINE_B.index(b"[{")] + b"[{",
            [A],
            [":2: begins a value that is cut off, as a process that died leaves it: skipped"],
        ),
        (
            LINE_A[:100] + b"\n" + LINE_B + b"\n",
            [B],
            [
                ":1: is no JSON (Unterminated string starting at, character 88; "
                """it begins with '{"resourceSpans": [{'): skipped"""
            ],
        ),
        (
            LINE_A[: LINE_A.index(b"[{")] + b"[{\n" + LINE_B + b"\n",
            [B],
            [":1: begins a value that is cut off, as a process that died leaves it: skipped"],
        ),
        (
            LINE_A[:100] + LINE_B + LINE_C + b"\n",
            [B, C],
            [":1: holds 100 bytes of a value that is cut off, as a process that died leaves it: skipped"],
        ),
        (
            PRETTY_A[:90] + b"\n" + PRETTY_B,
            [B],
            [":1: begins a value that is cut off in line 7, as a process that died leaves it: skipped"],
        ),
        (
            PRETTY_A[:90] + b"\n" + LINE_B,
            [B],
            [":1: begins a value that is cut off in line 7, as a process that died leaves it: skipped"],
        ),
        (
            PRETTY_A.replace(b'"name"', b"name") + b"\n" + LINE_B,
            [B],
            [
                ":1: to line 40 is no JSON (Expecting property name enclosed in double quotes, line 12): skipped",
            ],
        ),
        (
            b"started\n" + LINE_A + b"\n",
            [A],
            [":1: is no JSON (Expecting value, character 1; it begins with 'started'): skipped"],
        ),
        (
            b'{"resourceLogs": []}\n' + LINE_A + b'\n{"resourceLogs": []}\n{"resourceMetrics": []}\n',
            [A],
            [
                ":1: holds OTLP logs, not traces: skipped, as all such lines",
                ":4: holds OTLP metrics, not traces: skipped, as all such lines",
            ],
        ),
        (
            b'{"a": 1}\n' + LINE_A + b"\n[1]\n",
            [A],
            [
                ":1: is JSON but no OTLP traces: its keys are 'a': skipped",
                ":3: is JSON but no OTLP traces: it is 1: skipped",
            ],
        ),
        (
            LINE_A + b"\n" + b"\0" * 1_000 + LINE_B + b"\n",
            [A, B],
            [":2: holds 1,000 NUL bytes, as a crash leaves them: left out"],
        ),
        (
            LINE_A.replace(b"text", b"t\xffxt") + b"\n" + LINE_B,
            [A._replace(attributes={"k": ("t\ufffdxt", 5)}), B],
            [f":1: is not UTF-8 at byte {LINE_A.index(b'text') + 1}: read with U+FFFD in its place"],
        ),
        (b"\xff\xfe{\0}\0", [], [": is UTF-16 text: nothing of it is read; save it as UTF-8"]),
        (
            b"\x28\xb5\x2f\xfdpacked",
            [],
            [": is packed with zstd: nothing of it is read; unpack it first, with zstd -d"],
        ),
        (
            gzip.compress(LINE_A + b"\n") + b"rest",
            [A],
            [
                ": is broken gzip (Error -3 while decompressing data: incorrect header check): "
                "what could be unpacked is read, the rest is lost"
            ],
        ),
        (
            gzip.compress(LINE_A + b"\n")[:-1],
            [A],
            [": is gzip that ends too early: what could be unpacked is read, the rest is lost"],
        ),
        (
            gzip.compress(LINE_A + b"\n")[:-8] + b"\0" * 8,
            [A],
            [
                ": is broken gzip (Error -3 while decompressing data: incorrect data check): "
                "what could be unpacked is read, the rest is lost"
            ],
        ),
    ],
)
def test_what_is_broken_is_told_and_the_rest_is_read(
    read: Callable[..., Read], data: bytes, spans: list[ReadSpan], problems: list[str]
) -> None:
    found = read(data)
    assert (found.spans, found.problems) == (spans, problems)
    harmless = ("logs", "metrics", "UTF-8 at")
    assert found.lossy is any(not any(word in problem for word in harmless) for problem in problems)


@pytest.mark.parametrize(
    ("data", "spans", "problem"),
    [
        (CUT, [A, B], ":1: is cut off after {} bytes, as a process that died leaves it: 2 whole spans of it read"),
        (
            CUT + b"\n" + LINE_A,
            [A, B, A],
            ":1: is no JSON (Unterminated string starting at, character {}; "
            """it begins with '{{"resourceSpans": [{{'): 2 whole spans of it read""",
        ),
        (
            CUT + LINE_A + b"\n",
            [A, B, A],
            ":1: holds {} bytes of a value that is cut off, as a process that died leaves it: 2 whole spans of it read",
        ),
        (
            as_line(A, B)[:-4] + b"\n" + LINE_A,
            [A, B, A],
            ":1: begins a value that is cut off, as a process that died leaves it: 2 whole spans of it read",
        ),
        (
            PRETTY_A[:-3] + b"\n" + LINE_B,
            [A, B],
            ":1: begins a value that is cut off in line 39, as a process that died leaves it: 1 whole span of it read",
        ),
    ],
)
def test_the_whole_spans_of_what_is_cut_off_are_read(
    read: Callable[..., Read], data: bytes, spans: list[ReadSpan], problem: str
) -> None:
    found = read(data)
    at = CUT.rindex(b'"') + 1 if "character" in problem else len(CUT)
    assert (found.spans, found.problems) == (spans, [problem.format(at)])
    assert found.lossy


@given(st.lists(SPANS, min_size=1, max_size=4), st.data())
def test_wherever_a_line_is_cut_off_its_whole_spans_are_read(
    tmp_path_factory: pytest.TempPathFactory, spans: list[ReadSpan], data: st.DataObject
) -> None:
    line = as_line(*spans)
    end = data.draw(st.integers(1, len(line) - 1))
    found = Read(tmp_path_factory.getbasetemp() / "cut.jsonl", line[:end])
    assert found.spans == spans[: len(found.spans)]
    assert len(found.spans) >= sum(len(as_line(*spans[: number + 1])) - 4 <= end for number in range(len(spans)))
    assert found.lossy


def test_a_gzip_file_that_ends_too_early_gives_what_could_be_unpacked(read: Callable[..., Read]) -> None:
    spans = [read_span(f"{number:016x}", name=os.urandom(20).hex()) for number in range(1, 1_000)]
    packed = gzip.compress(b"\n".join(map(as_line, spans)))
    found = read(packed[: len(packed) // 2])
    assert 400 < len(found.spans) < 600
    assert found.spans == spans[: len(found.spans)]
    assert found.lossy
    assert "ends too early" in found.problems[-1 if len(found.problems) == 1 else 0]


def test_a_gzip_file_that_unpacks_to_much_more_than_it_is_is_read_whole(read: Callable[..., Read]) -> None:
    found = read(gzip.compress((LINE_A + b"\n") * 20_000))
    assert (len(found.spans), found.problems) == (20_000, [])


def test_a_line_that_is_too_long_is_skipped_and_told(read: Callable[..., Read]) -> None:
    found = read(LINE_A + b"\n" + b"x" * 5_000 + b"\n" + LINE_B + b"\n", max_line=4_999)
    assert (found.spans, found.problems) == ([A, B], [":2: is 5,000 bytes long, more than 4,999: skipped"])
    assert read(LINE_A + b"\n", max_line=len(LINE_A)).spans == [A]
    assert read(LINE_A + b"\n", max_line=len(LINE_A) - 1).spans == []


def test_a_value_over_many_lines_that_is_too_long_is_skipped_to_its_end(read: Callable[..., Read]) -> None:
    long = json.dumps(as_otlp(*[A] * 50), indent=2).encode()
    found = read(long + b"\n" + PRETTY_B + b"\n" + LINE_C, max_line=5_000)
    assert (found.spans, found.problems) == (
        [B, C],
        [":1: begins a value of more than 5,000 bytes over many lines: skipped"],
    )


def test_a_value_over_many_lines_that_is_too_long_and_never_ends_is_told_once(read: Callable[..., Read]) -> None:
    long = json.dumps(as_otlp(*[A] * 50), indent=2).encode()
    found = read(long[:-10] + b"\n" + LINE_C, max_line=5_000)
    assert (found.spans, found.problems) == (
        [C],
        [":1: begins a value of more than 5,000 bytes over many lines: skipped"],
    )


def test_a_line_that_is_too_long_ends_what_was_cut_off_before_it(read: Callable[..., Read]) -> None:
    found = read(PRETTY_A[:-3] + b"\n" + b"x" * 5_000 + b"\n" + LINE_B, max_line=4_999)
    assert found.spans == [A, B]
    assert len(found.problems) == 2


def test_more_problems_than_anybody_reads_are_counted_only(tmp_path: Path) -> None:
    path, told = tmp_path / "traces.jsonl", list[str]()
    path.write_bytes(b"no\n" * 1_000)
    problems = Problems(lambda problem: told.append(str(problem)))
    assert list(read_file(str(path), problems)) == []
    assert (len(told), len(problems.kept), problems.count) == (100, 100, 1_000)


def test_a_path_that_cannot_be_read_is_the_callers_error(tmp_path: Path) -> None:
    secret = tmp_path / "secret.jsonl"
    secret.write_bytes(LINE_A)
    secret.chmod(0)
    cases = {
        str(tmp_path): f"a trace file must be a file, got the directory {str(tmp_path)!r}: name a file in it",
        "/no/such.jsonl": "a trace file must exist, got '/no/such.jsonl': check the path, or use - for standard input",
        "/dev/null/x": "a trace file must be readable, got '/dev/null/x' (Not a directory): check its permissions",
        "a\0b": "a trace file must be readable, got 'a\\x00b' (embedded null byte): check its permissions",
    }
    if os.geteuid():
        cases[str(secret)] = (
            f"a trace file must be readable, got {str(secret)!r} (Permission denied): check its permissions"
        )
    for path, message in cases.items():
        with pytest.raises(ConfigurationError) as raised:
            next(read_file(path, Problems()))
        assert str(raised.value) == message


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_dash_is_standard_input(pack: Callable[[bytes], bytes]) -> None:
    program = (
        "from instrumentation.reading.files import read_file\n"
        "from instrumentation.reading.problems import Problems\n"
        "problems = Problems(print)\n"
        "print([span.span_id for batch in read_file('-', problems) for span in batch])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=pack(LINE_A + b"\nno\n" + LINE_B),
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.decode().splitlines() == [
        "stdin:2: is no JSON (Expecting value, character 1; it begins with 'no'): skipped",
        f"['{A.span_id}', '{B.span_id}']",
    ]


def test_a_source_that_fails_is_read_up_to_there(monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:
            found = super().read1(-1 if size is None else size)
            if not found:
                raise OSError(5, "Input/output error")
            return found

    class Stdin:
        buffer = Failing(LINE_A + b"\n" + LINE_B[:100])

    monkeypatch.setattr(sys, "stdin", Stdin())
    problems = Problems()
    assert [span for batch in read_file("-", problems) for span in batch] == [A]
    assert "stdin: could not be read to its end (Input/output error): the rest is lost" in map(str, problems.kept)


def test_a_reader_that_is_left_early_closes_its_file(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    path.write_bytes((LINE_A + b"\n") * 10)
    batches = read_file(str(path), Problems())
    assert list(next(batches)) == [A]
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        del batches
        gc.collect()
    assert warned == []


def test_how_far_a_file_was_read_is_told(tmp_path: Path) -> None:
    path, told = tmp_path / "traces.jsonl", list[tuple[int, int | None]]()
    path.write_bytes((LINE_A + b"\n") * 8_000)
    size = path.stat().st_size
    assert size > 2 << 20
    for _ in read_file(str(path), Problems(), progress=lambda read, size: told.append((read, size))):
        pass
    assert told == sorted(told)
    assert told[0] == (1 << 20, size)
    assert told[-1] == (size, size)


@pytest.mark.slow
def test_a_line_of_200_mb_is_skipped_in_bounded_memory(tmp_path: Path) -> None:
    line_size = 200 << 20
    path = tmp_path / "traces.jsonl"
    with path.open("wb") as file:
        file.write(LINE_A + b'\n{"resourceSpans":[{"x":"')
        for _ in range(line_size >> 20):
            file.write(b"x" * (1 << 20))
        file.write(b'"}]}\n' + LINE_B + b"\n")
    found, problems, memory = _in_a_process(path)
    assert found == 2
    assert problems == [f"{path}:2: is {line_size + 28:,} bytes long, more than {64 << 20:,}: skipped"]
    assert memory < 150 << 20


def _in_a_process(path: Path) -> tuple[int, list[str], int]:
    """Read a file in a process of its own: how many spans, the problems, and the most memory in bytes."""
    program = (
        "import json, sys\n"
        "from benchmarks.measuring.reader import peak_bytes\n"
        "from instrumentation.reading.files import read_file\n"
        "from instrumentation.reading.problems import Problems\n"
        "problems = Problems()\n"
        "spans = sum(map(len, read_file(sys.argv[1], problems)))\n"
        "print(json.dumps([spans, list(map(str, problems.kept)), peak_bytes()]))"
    )
    done = run_python("-c", program, str(path))
    assert (done.returncode, done.stderr) == (0, "")
    spans, problems, memory = json.loads(done.stdout)
    return spans, problems, memory


def test_a_text_that_is_cut_off_in_indented_json_is_read_at_once_and_told(read: Callable[..., Read]) -> None:
    messages = json.dumps([{"role": "user", "content": "x"}] * 1_000)
    whole = json.dumps(as_otlp(A._replace(attributes={"gen_ai.input.messages": messages})), indent=2)
    began_s = time.process_time()
    found = read(whole[: whole.rindex("role") - 1].encode())
    assert time.process_time() - began_s < 1.0
    assert (len(found.problems), found.lossy) == (1, True)


def test_a_long_text_in_indented_json_takes_memory_of_about_its_own_size(tmp_path: Path) -> None:
    path = tmp_path / "long.json"
    path.write_text('{"resourceSpans": [\n {"x": "' + "x" * 4_000_000 + '"}\n]}\n')
    tracemalloc.start()
    Read(path)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 60_000_000
