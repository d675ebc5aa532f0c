"""Resending: what was accepted goes out of its file, and whatever else happens stays in it."""

import json
import os
import resource
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from instrumentation.otlp.answers import Answer
from instrumentation.otlp.exporters import Outlet
from instrumentation.spooling import resending
from instrumentation.spooling.resending import Resender, Resent, files_in, outlet_in
from instrumentation.spooling.spool import Spool, as_line
from nanoagent.errors import ConfigurationError
from tests.instrumentation.delivery.doubles import (
    AWAY,
    TAKEN,
    WRONG,
    Picky,
    Scripted,
    dead_endpoint,
    spans,
    spooled_in,
)

TORN = b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0af7'


def spool_of(directory: Path, *lines: bytes | Sequence[ReadableSpan], name: str = "spans-1.jsonl") -> Path:
    """A spool of a process that is gone."""
    path = directory / name
    path.write_bytes(b"".join(line if isinstance(line, bytes) else as_line(line) for line in lines))
    return path


@contextmanager
def disk_with_room_for(size: int) -> Iterator[None]:
    """No file can be longer."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class Told:
    """A resender, and what it has told."""

    def __init__(self, exporter: SpanExporter, *, endpoint: str | None = None, max_batch_bytes: int = 10**6) -> None:
        self.refusals: list[str] = []
        self.lines: list[str] = []
        self.pauses_s: list[float] = []
        outlet = Outlet(name="there", build=lambda: exporter, endpoint=endpoint, max_batch_bytes=max_batch_bytes)
        self.resender = Resender(
            outlet,
            refused=lambda answer: self.refusals.append(answer.reason),
            tell=self.lines.append,
            sleep=self.pauses_s.append,
        )

    def resend(self, path: Path) -> Resent:
        return self.resender.resend(path)


def test_a_receiver_that_is_busy_is_asked_again_a_few_times_as_late_as_it_says(tmp_path: Path) -> None:
    told = Told(Scripted(AWAY, Answer(status=429, retry_after_s=7.0), TAKEN))
    path = spool_of(tmp_path, spans(3))
    assert told.resend(path) == Resent(path=path, spans=3, sent=3)
    assert (told.pauses_s, told.refusals) == ([1.0, 7.0], [])


def names(sent: Sequence[ReadableSpan]) -> list[str]:
    return [span.name for span in sent]


def test_a_spool_that_was_accepted_is_gone_and_lines_went_out_together(tmp_path: Path) -> None:
    lines = [[span] for span in spans(100)]
    path = spool_of(tmp_path, *lines, b"\n", spans(70))
    exporter = Scripted(TAKEN)

    assert Told(exporter).resend(path) == Resent(path=path, spans=170, sent=170)

    assert names(exporter.spans) == [f"s{number}" for number in (*range(100), *range(70))]
    assert [len(batch) for batch in exporter.batches] == [64, 64, 42]
    assert list(tmp_path.iterdir()) == []


def test_only_what_the_receiver_does_not_take_is_left(tmp_path: Path) -> None:
    path = spool_of(tmp_path, spans(3), spans(10), spans(2), spans(60))
    told = Told(Picky(poison="s4"))

    assert told.resend(path) == Resent(path=path, spans=75, sent=73)

    assert told.refusals == ["answered 400"]
    assert spooled_in(tmp_path) == ["s4", "s4"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["spans-1.jsonl"]
    assert Told(Scripted(TAKEN)).resend(path) == Resent(path=path, spans=2, sent=2)


def test_a_batch_that_is_too_large_goes_in_parts_and_a_span_that_is_goes_shortened(tmp_path: Path) -> None:
    path = spool_of(tmp_path, spans(8, text="x" * 50_000))
    exporter = Scripted(TAKEN)

    assert Told(exporter, max_batch_bytes=10_000).resend(path).left == 0

    assert [len(batch) for batch in exporter.batches] == [1] * 8
    assert all(len(str((span.attributes or {})["text"])) < 10_000 for span in exporter.spans)


@pytest.mark.parametrize(("answer", "tries"), [(AWAY, 3), (WRONG, 1)])
def test_it_stops_where_nothing_more_will_arrive_and_leaves_the_rest(
    tmp_path: Path, answer: Answer, tries: int
) -> None:
    first = spool_of(tmp_path, spans(64), spans(64), TORN + b"\n", spans(5))
    second = spool_of(tmp_path, spans(9), name="spans-2.jsonl")
    rest = b"".join(first.read_bytes().splitlines(keepends=True)[1:])
    exporter = Scripted(TAKEN, answer)
    told = Told(exporter)

    assert told.resend(first) == Resent(path=first, spans=133, sent=64)
    assert told.resend(second) == Resent(path=second, spans=9, sent=0)

    assert len(exporter.batches) == 1 + tries
    assert told.refusals == [answer.reason]
    assert first.read_bytes() == rest
    assert sorted(file.name for file in tmp_path.iterdir()) == ["spans-1.jsonl", "spans-2.jsonl"]


def test_a_line_of_which_a_part_was_accepted_keeps_the_other_part(tmp_path: Path) -> None:
    path = spool_of(tmp_path, spans(100), spans(2))

    assert Told(Scripted(TAKEN, AWAY)).resend(path) == Resent(path=path, spans=102, sent=64)

    assert spooled_in(tmp_path) == [f"s{number}" for number in (*range(64, 100), 0, 1)]


def test_a_spool_of_which_nothing_was_accepted_is_not_touched(tmp_path: Path) -> None:
    path = spool_of(tmp_path, spans(3))
    before = path.stat()

    assert Told(Scripted(AWAY)).resend(path) == Resent(path=path, spans=3)
    assert Told(Picky(most=0)).resend(path) == Resent(path=path, spans=3)

    assert path.stat() == before


def test_a_receiver_that_is_away_needs_no_room_on_disk(tmp_path: Path) -> None:
    path = spool_of(tmp_path, TORN + b"\n", spans(60))

    with disk_with_room_for(0):
        assert Told(Scripted(AWAY)).resend(path) == Resent(path=path, spans=60)

    assert list(tmp_path.iterdir()) == [path]


def test_where_nobody_listens_nothing_is_tried(tmp_path: Path) -> None:
    path = spool_of(tmp_path, spans(3))
    exporter = Scripted(TAKEN)
    told = Told(exporter, endpoint=dead_endpoint())

    assert told.resend(path) == Resent(path=path, spans=3)

    assert (exporter.batches, told.refusals) == ([], ["ConnectionRefusedError"])


def test_spans_that_were_accepted_and_rejected_are_kept(tmp_path: Path) -> None:
    path = spool_of(tmp_path, spans(64), spans(2))
    told = Told(Scripted(Answer(accepted=True, rejected=3), TAKEN))

    assert told.resend(path) == Resent(path=path, spans=66, sent=2)

    assert spooled_in(tmp_path) == names(spans(64))
    assert told.lines == [
        "the receiver has rejected 3 of a batch of 64 spans, and does not say which: all of them are kept"
    ]


def test_what_others_wrote_leaves_as_everything_does_that_leaves(tmp_path: Path) -> None:
    path = spool_of(tmp_path, spans(1, half="a\ud83e"))
    exporter = Scripted(TAKEN)

    Told(exporter).resend(path)

    assert dict(exporter.spans[0].attributes or {}) == {"half": "a\ufffd"}


# -- lines that are none ----------------------------------------------------------------------------------------------


def test_lines_without_spans_are_moved_aside_so_that_the_spool_can_go(tmp_path: Path) -> None:
    path = spool_of(tmp_path, spans(1), b"no JSON\n", b'{"resourceLogs":[]}\n', spans(2), TORN)
    told = Told(Scripted(TAKEN))

    assert told.resend(path) == Resent(path=path, spans=3, sent=3, unreadable_lines=3)

    [aside] = tmp_path.iterdir()
    assert aside.name == "spans-1.jsonl.unreadable"
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600
    assert aside.read_bytes() == b'no JSON\n{"resourceLogs":[]}\n' + TORN + b"\n"
    assert told.lines == [
        f"{path}:2: no OTLP JSON of traces: JSONDecodeError",
        f"{path}:3: no OTLP JSON of traces: ValueError",
        f"{path}:5: cut off after {len(TORN)} bytes",
    ]


def test_lines_without_spans_do_not_wait_for_spans(tmp_path: Path) -> None:
    path = spool_of(tmp_path, *[b"none\n"] * 64, spans(1))

    assert Told(Scripted(AWAY)).resend(path) == Resent(path=path, spans=1, unreadable_lines=64)

    assert path.read_bytes().count(b"\n") == 1
    assert (tmp_path / "spans-1.jsonl.unreadable").read_bytes() == b"none\n" * 64


def test_what_is_moved_aside_is_added_to_what_is_there(tmp_path: Path) -> None:
    for text in (b"one\n", b"two\n"):
        Told(Scripted(TAKEN)).resend(spool_of(tmp_path, text))

    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"one\ntwo\n"]


def test_a_line_that_is_too_long_is_moved_aside_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("instrumentation.reading.lines._PIECE", 1_000)
    monkeypatch.setattr("instrumentation.spooling.leftovers.MAX_LINE", 3_000)
    monkeypatch.setattr("instrumentation.spooling.leftovers._PIECE", 700)
    path = spool_of(tmp_path, spans(1), b"x" * 5_000 + b"\n", spans(1))
    told = Told(Scripted(TAKEN))

    assert told.resend(path) == Resent(path=path, spans=2, sent=2, unreadable_lines=1)

    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"x" * 5_000 + b"\n"]
    assert told.lines == [f"{path}:2: too long: 5,000 bytes"]


def test_an_empty_spool_goes(tmp_path: Path) -> None:
    path = spool_of(tmp_path)

    assert Told(Scripted(TAKEN)).resend(path) == Resent(path=path)
    assert list(tmp_path.iterdir()) == []


# -- who else has the file --------------------------------------------------------------------------------------------


def test_the_spool_of_a_process_that_lives_is_sent_and_the_process_goes_on(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.write(spans(2))
    assert spool.path is not None

    assert Told(Scripted(TAKEN)).resend(spool.path) == Resent(path=spool.path, spans=2, sent=2)

    assert spool.write(spans(1)) == 1
    assert spooled_in(tmp_path) == ["s0"]


def test_a_span_that_two_destinations_have_spooled_is_sent_once(tmp_path: Path) -> None:
    twice, again = spans(3), spans(1)
    one = spool_of(tmp_path, twice, [*twice, *again], name="spans-1.jsonl")
    other = spool_of(tmp_path, twice, name="spans-2.jsonl")
    exporter = Scripted(TAKEN)
    told = Told(exporter)

    assert told.resend(one) == Resent(path=one, spans=7, sent=7)
    assert told.resend(other) == Resent(path=other, spans=3, sent=3)
    assert exporter.batches == [["s0", "s1", "s2", "s0"]]
    assert list(tmp_path.iterdir()) == []


def test_so_many_spans_are_known_to_have_arrived_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resending, "MAX_KNOWN", 2)
    same = spans(2)
    exporter = Scripted(TAKEN)
    told = Told(exporter)
    for number in range(3):
        path = spool_of(tmp_path, same, name=f"spans-{number}.jsonl")
        assert told.resend(path) == Resent(path=path, spans=2, sent=2)
    assert exporter.batches == [["s0", "s1"]] * 3


def test_the_second_of_two_leaves_the_file_alone(tmp_path: Path) -> None:
    path = spool_of(tmp_path, spans(2))
    second: list[Resent] = []

    class Meanwhile(Scripted):
        def export(self, batch: Sequence[ReadableSpan]) -> SpanExportResult:
            second.append(Told(Scripted(TAKEN)).resend(path))
            return super().export(batch)

    assert Told(Meanwhile(TAKEN)).resend(path).sent == 2
    assert second == [Resent(path=path, in_use=True)]


def test_a_spool_that_another_one_sends_between_opening_and_taking_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = spool_of(tmp_path, spans(2))

    def taken_too_late(descriptor: int) -> bool:
        path.unlink()
        return True

    monkeypatch.setattr("instrumentation.spooling.leftovers.is_taken", taken_too_late)

    assert Told(Scripted(TAKEN)).resend(path) == Resent(path=path, in_use=True)


def test_a_file_that_is_no_spool_is_sent_and_stays(tmp_path: Path) -> None:
    path = spool_of(tmp_path, spans(2), b"no JSON\n", TORN, name="nanoagent-traces.jsonl")
    before = path.read_bytes()
    told = Told(Scripted(TAKEN))

    assert told.resend(path) == Resent(path=path, spans=2, sent=2, unreadable_lines=2, is_spool=False)

    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    assert len(told.lines) == 2


def test_the_target_of_a_link_stays(tmp_path: Path) -> None:
    target = spool_of(tmp_path, spans(2), name="spans-target.jsonl")
    link = tmp_path / "spans-link.jsonl"
    link.symlink_to(target)

    assert Told(Scripted(TAKEN)).resend(link) == Resent(path=link, spans=2, sent=2, is_spool=False)
    assert files_in([tmp_path]) == [target]


# -- interruptions ----------------------------------------------------------------------------------------------------


class Interrupted(Scripted):
    """Takes so many batches; in the next one somebody presses Ctrl-C."""

    def __init__(self, batches: int) -> None:
        super().__init__(TAKEN)
        self._left = batches

    def export(self, batch: Sequence[ReadableSpan]) -> SpanExportResult:
        self._left -= 1
        if self._left < 0:
            raise KeyboardInterrupt
        return super().export(batch)


@pytest.mark.parametrize(("batches", "left"), [(0, 192), (1, 128), (2, 64)])
def test_what_arrived_before_ctrl_c_is_not_sent_again(tmp_path: Path, batches: int, left: int) -> None:
    path = spool_of(tmp_path, *([span] for span in spans(192)))

    with pytest.raises(KeyboardInterrupt):
        Told(Interrupted(batches)).resend(path)

    assert spooled_in(tmp_path) == [f"s{number}" for number in range(192 - left, 192)]
    assert list(tmp_path.iterdir()) == [path]


def interrupt_after_one_rewritten_line(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = iter([as_line])

    def write(left: Sequence[ReadableSpan]) -> bytes:
        for call in calls:
            return call(left)
        raise KeyboardInterrupt

    monkeypatch.setattr("instrumentation.spooling.resending.as_line", write)


def test_a_ctrl_c_while_lines_are_kept_loses_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [spans(100), spans(70), spans(3)]
    path = spool_of(tmp_path, *lines)
    interrupt_after_one_rewritten_line(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        Told(Picky(poison="s7")).resend(path)

    # What was settled before is gone; of the rest some is sent twice.
    assert spooled_in(tmp_path) == ["s7", *names(lines[1]), *names(lines[2])]


def test_a_ctrl_c_leaves_nothing_behind_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Written anew, a part of this line is longer than the line, since escapes are.
    long = json.dumps(json.loads(as_line(spans(100, text="é" * 30_000)[98:])), ensure_ascii=False).encode() + b"\n"
    path = spool_of(tmp_path, spans(64), long, spans(100)[98:])
    rest = b"".join(path.read_bytes().splitlines(keepends=True)[1:])
    interrupt_after_one_rewritten_line(monkeypatch)

    with pytest.raises(KeyboardInterrupt):
        Told(Picky(poison="s99")).resend(path)

    assert path.read_bytes() == rest


@pytest.mark.parametrize("lines", [1, 100])
def test_a_spool_that_cannot_be_rewritten_stays_as_it_was(tmp_path: Path, lines: int) -> None:
    path = spool_of(tmp_path, spans(64), *[spans(3)] * lines)
    before = path.read_bytes()

    with disk_with_room_for(1_000):
        resent = Told(Scripted(TAKEN, AWAY)).resend(path)

    assert (resent.sent, resent.error) == (64, "File too large")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_without_room_takes_no_lines_aside_and_lets_go_of_what_was_accepted(tmp_path: Path) -> None:
    torn = spool_of(tmp_path, spans(2), TORN)
    with disk_with_room_for(10):
        assert Told(Scripted(TAKEN)).resend(torn).error == "File too large"
        assert len(torn.read_bytes().splitlines()) == 2
        whole = tmp_path / "spans-2.jsonl"
        torn.rename(whole)
        os.truncate(whole, whole.stat().st_size - len(TORN))
        assert Told(Scripted(TAKEN)).resend(whole) == Resent(path=whole, spans=2, sent=2)
    assert not whole.exists()


def test_what_a_killed_resend_has_left_is_cleaned_up(tmp_path: Path) -> None:
    path = spool_of(tmp_path, spans(100))
    (tmp_path / ".spans-1.jsonl.rest").write_bytes(b"half a li")

    assert files_in([tmp_path]) == [path]
    assert Told(Scripted(TAKEN, AWAY)).resend(path).sent == 64
    assert len(spooled_in(tmp_path)) == 36
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    assert Told(Scripted(TAKEN)).resend(tmp_path).error == "Is a directory"


def test_a_file_that_is_gone_by_now_is_somebody_elses(tmp_path: Path) -> None:
    path = tmp_path / "spans-1.jsonl"

    assert Told(Scripted(TAKEN)).resend(path) == Resent(path=path, in_use=True, is_spool=False)


# -- which files, and where to ----------------------------------------------------------------------------------------


def test_directories_give_their_spools_and_files_stand_for_themselves(tmp_path: Path) -> None:
    new, old = (spool_of(tmp_path, name=f"spans-{year}.jsonl") for year in (2026, 2025))
    other = spool_of(tmp_path, name="traces.jsonl")
    spool_of(tmp_path, name="spans-2025.jsonl.unreadable")
    (tmp_path / "spans-deep.jsonl").mkdir()

    assert files_in([tmp_path]) == [old, new]
    assert files_in([new, other, tmp_path]) == [new, other, old]
    assert files_in([]) == []


@pytest.mark.parametrize("name", ["nosuch", "nosuch/spans-1.jsonl", "\0"])
def test_a_path_that_is_not_there_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^a spool must be a file or a directory of them, got '.*nosuch|null"):
        files_in([tmp_path / name])


@pytest.mark.parametrize(
    ("env", "name"),
    [
        ({}, "jaeger"),
        ({"OTEL_EXPORTER": " "}, "jaeger"),
        ({"OTEL_EXPORTER": "file, OTLP"}, "otlp"),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, "otlp"),
        ({"OTEL_EXPORTER": "jaeger", "OTEL_TRACES_EXPORTER": "otlp"}, "jaeger"),
    ],
)
def test_the_environment_says_where_to(env: dict[str, str], name: str) -> None:
    outlet = outlet_in({**env, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"})

    assert (outlet.name, outlet.endpoint) == (name, "http://collector:4318/v1/traces")


@pytest.mark.parametrize("exporters", ["none", "file", "console", "console,file"])
def test_exporters_that_send_nothing_are_refused(exporters: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        outlet_in({"OTEL_EXPORTER": exporters})

    assert str(refused.value) == (
        f"OTEL_EXPORTER must be jaeger or otlp to send what waits on disk, got '{exporters}': "
        "set it for this command alone, as in OTEL_EXPORTER=jaeger nanoagent resend"
    )
