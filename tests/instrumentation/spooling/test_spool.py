"""The spool: private, whole lines or none, within its bounds, and readable whatever happens to the process."""

import logging
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan

from instrumentation.reading.files import read_file
from instrumentation.reading.problems import Problems
from instrumentation.spooling import spool as module
from instrumentation.spooling.spool import Spool, is_spool, is_taken, spool_directory, spool_in
from instrumentation.spooling.spooled import spooled_spans
from nanoagent.errors import ConfigurationError
from tests.commands import ROOT
from tests.instrumentation.command_line import nanoagent
from tests.instrumentation.delivery.doubles import spans, spooled_in


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "state" / "spool"


def in_child(do: Callable[[], None]) -> int:
    """Do something in a forked process; its exit code."""
    child = os.fork()
    if child == 0:
        try:
            do()
            os._exit(0)
        except BaseException:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def python(code: str, *arguments: object) -> subprocess.Popen[bytes]:
    preamble = "import sys\nfrom pathlib import Path\nfrom instrumentation.spooling.spool import Spool\n"
    preamble += "from tests.instrumentation.delivery.doubles import spans\n"
    return subprocess.Popen([sys.executable, "-c", preamble + code, *map(str, arguments)], cwd=ROOT)


def test_there_is_no_file_before_there_is_something_to_write(directory: Path) -> None:
    assert Spool(directory).write([]) == 0
    assert not directory.exists()


def test_what_it_makes_is_for_the_user_alone_whatever_the_umask(directory: Path) -> None:
    before = os.umask(0)
    try:
        spool = Spool(directory)
        assert spool.write(spans(1)) == 1
    finally:
        os.umask(before)

    assert spool.path is not None
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(spool.path.stat().st_mode) == 0o600
    assert is_spool(spool.path)


def test_each_process_has_one_file_and_a_forked_child_its_own(directory: Path) -> None:
    spool = Spool(directory)
    spool.write(spans(1))

    def write_in_the_child() -> None:
        spool.after_fork()
        assert spool.write(spans(2)) == 2

    assert in_child(write_in_the_child) == 0
    assert spool.write(spans(3)) == 3

    sizes = sorted(len(file.read_bytes().splitlines()) for file in directory.iterdir())
    assert sizes == [1, 2]
    assert sorted(spooled_in(directory)) == ["s0", "s0", "s0", "s1", "s1", "s2"]


def test_a_file_is_free_between_what_is_written_to_it(directory: Path) -> None:
    spool = Spool(directory)
    before = open_files()
    for _ in range(3):
        assert spool.write(spans(1)) == 1
        assert spool.path is not None
        with spool.path.open("rb") as file:
            assert is_taken(file.fileno())
    assert open_files() == before
    assert [len(file.read_bytes().splitlines()) for file in directory.iterdir()] == [3]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_that_is_forked_while_a_line_is_written_keeps_nothing_in_use(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(directory)
    read_end, write_end = os.pipe()
    children: list[int] = []

    def with_room(own_bytes: int, length: int) -> bool:
        children.append(os.fork())
        if children[-1] == 0:
            os.close(write_end)
            os.read(read_end, 1)  # until the parent has looked
            before = open_files()
            spool.after_fork()
            os._exit(before - open_files())
        return True

    monkeypatch.setattr(spool, "_has_room", with_room)
    assert spool.write(spans(1)) == 1
    assert spool.path is not None
    with spool.path.open("rb") as file:
        assert is_taken(file.fileno())
    os.close(write_end)
    os.close(read_end)
    assert os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]) == 1


def test_a_file_that_somebody_sends_is_followed_by_another_one(directory: Path) -> None:
    spool = Spool(directory)
    spool.write(spans(1))
    [first] = directory.iterdir()

    with first.open("rb") as file:
        assert is_taken(file.fileno())
        assert spool.write(spans(2)) == 2
    assert spool.path != first
    assert sorted(spooled_in(directory)) == ["s0", "s0", "s1"]


def test_a_finalizer_that_writes_while_a_line_is_written_leaves_no_file_open(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool, write, open_before = Spool(directory), os.write, len(list(Path("/dev/fd").iterdir()))

    def write_meanwhile(descriptor: int, data: bytes) -> int:
        monkeypatch.setattr(os, "write", write)
        assert spool.write(spans(2)) == 2
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", write_meanwhile)
    assert spool.write(spans(1)) == 1
    assert len(list(Path("/dev/fd").iterdir())) == open_before
    assert sorted(spooled_in(directory)) == ["s0", "s0", "s1"]


def test_a_file_that_is_sent_between_opening_and_taking_it_is_followed_by_another_one(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(directory)
    spool.write(spans(2))
    [first] = directory.iterdir()

    def late(descriptor: int) -> bool:
        first.unlink(missing_ok=True)
        return is_taken(descriptor)

    monkeypatch.setattr(module, "is_taken", late)
    assert spool.write(spans(1)) == 1
    assert spooled_in(directory) == ["s0"]


def test_a_line_goes_to_what_is_left_of_a_file_that_was_sent(directory: Path) -> None:
    spool = Spool(directory)
    spool.write(spans(2))
    [path] = directory.iterdir()
    rest = directory / "rest"
    rest.write_bytes(path.read_bytes())
    rest.replace(path)

    assert spool.write(spans(1)) == 1
    assert list(directory.iterdir()) == [path]
    assert spooled_in(directory) == ["s0", "s1", "s0"]


def test_a_file_that_was_taken_away_is_followed_by_another_one(directory: Path) -> None:
    spool = Spool(directory)
    spool.write(spans(1))
    [first] = directory.iterdir()
    first.unlink()

    assert spool.write(spans(2)) == 2
    assert spooled_in(directory) == ["s0", "s1"]


def test_a_new_file_that_is_sent_before_it_is_taken_is_followed_by_another_one(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [False, True]
    monkeypatch.setattr(module, "is_taken", lambda descriptor: answers.pop(0))

    assert Spool(directory).write(spans(1)) == 1
    assert answers == []
    assert sorted(file.stat().st_size > 0 for file in directory.iterdir()) == [False, True]


@pytest.mark.parametrize("name", ["spans-1.jsonl.unreadable", "traces.jsonl", "spans-1.json", ".spans-1.jsonl.rest"])
def test_other_files_are_no_spools(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()

    assert not is_spool(tmp_path / name)


def test_neither_a_link_nor_a_directory_is_a_spool(tmp_path: Path) -> None:
    (tmp_path / "target").touch()
    (tmp_path / "spans-1.jsonl").symlink_to(tmp_path / "target")
    (tmp_path / "spans-2.jsonl").mkdir()

    assert not is_spool(tmp_path / "spans-1.jsonl")
    assert not is_spool(tmp_path / "spans-2.jsonl")


# -- bounds -----------------------------------------------------------------------------------------------------------


def line_bytes(directory: Path) -> int:
    """What one span takes."""
    measured = Spool(directory)
    measured.write(spans(1))
    assert measured.path is not None
    size = measured.path.stat().st_size
    measured.path.unlink()
    return size


def test_all_files_together_keep_within_the_bound(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    size = line_bytes(directory)
    (directory / "of-another-process").write_bytes(b"x" * size)
    one, two = (Spool(directory, max_bytes=4 * size + size // 2) for _ in range(2))

    with caplog.at_level(logging.WARNING):
        written = [
            one.write(spans(1)),
            two.write(spans(1)),
            one.write(spans(1)),
            two.write(spans(1)),
            one.write([*spans(1)]),
        ]

    assert written == [1, 1, 1, 0, 0]
    assert sum(file.stat().st_size for file in directory.iterdir()) == 4 * size
    assert [record.message.rpartition(": ")[2] for record in caplog.records] == [
        "send them, or raise NANOAGENT_SPOOL_MAX_MB"
    ] * 2


def test_a_directory_that_was_sent_takes_spans_again(directory: Path) -> None:
    size = line_bytes(directory)
    other = directory / "spans-other.jsonl"
    other.write_bytes(b"x" * size)
    spool = Spool(directory, max_bytes=2 * size)
    assert [spool.write(spans(1)), spool.write(spans(1))] == [1, 0]

    other.unlink()

    assert spool.write(spans(1)) == 1


def test_lines_are_bounded_so_that_they_can_be_read(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINE_BYTES", 10_000)
    monkeypatch.setattr(module, "MAX_LINE", 40_000)
    spool = Spool(directory)

    assert spool.write([*spans(3, text="x" * 4_000), *spans(1, text="y" * 30_000), *spans(1, text="é" * 30_000)]) == 5

    assert spool.path is not None
    lines = spool.path.read_bytes().splitlines()
    assert len(lines) == 4
    assert max(map(len, lines)) < 60_000
    assert b"y" * 30_000 in lines[2]
    assert b"[shortened: 8,192 of 30,000 characters]" in lines[3]
    assert spooled_in(directory) == ["s0", "s1", "s2", "s0", "s0"]


# -- disks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("limit", "most"), [(1, 0), (400, 0), (2_500, 4), (10_000, 10)])
def test_a_line_is_whole_or_not_there_when_the_disk_fills_up(directory: Path, limit: int, most: int) -> None:
    # As a disk that is full, the limit lets a write through in part.
    code = f"""
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
spool = Spool(Path(sys.argv[1]))
sys.exit(sum(spool.write(spans(number)) for number in (1, 2, 3, 64, 1, 2, 1)))
"""
    with python(code, directory) as process:
        written = process.wait()

    [file] = directory.iterdir()
    content = file.read_bytes()
    assert len(content) <= limit
    assert content == b"" or content.endswith(b"\n")
    assert sum(len(spooled_spans(line)) for line in content.splitlines()) == written
    assert (written > 0) == (most > 0)
    assert written <= most


def test_a_line_that_cannot_be_taken_back_is_not_continued(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(directory)
    spool.write(spans(1))
    really, lengths = os.write, [700, 0]

    def write(descriptor: int, data: bytes) -> int:
        return really(descriptor, data[:length]) if (length := lengths.pop(0)) else fail()

    def fail(*_: object) -> int:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "write", write)
        broken.setattr(os, "ftruncate", fail)
        assert spool.write(spans(2)) == 0

    assert spool.write(spans(3)) == 3
    assert sorted(len(file.read_bytes().splitlines()) for file in directory.iterdir()) == [1, 2]
    assert spool.path is not None
    assert [span.name for span in spooled_spans(spool.path.read_bytes())] == ["s0", "s1", "s2"]


def test_a_directory_that_cannot_be_made_loses_spans_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    spool = Spool(tmp_path / "file" / "spool")

    with caplog.at_level(logging.WARNING):
        assert [spool.write(spans(1)), spool.write(spans(2))] == [0, 0]

    assert [record.message for record in caplog.records] == [
        f"spans cannot be spooled in {tmp_path / 'file' / 'spool'}: NotADirectoryError: Not a directory"
    ]


def test_a_directory_without_permission_loses_spans_and_raises_nothing(directory: Path) -> None:
    directory.mkdir(parents=True)
    directory.chmod(0o555)
    code = """
import os
some = spans(1)
if os.getuid() == 0:
    os.setuid(65534)  # root may write everywhere
sys.exit(Spool(Path(sys.argv[1])).write(some))
"""
    with python(code, directory) as process:
        assert process.wait() == 0
    assert list(directory.iterdir()) == []


# -- spans that cannot be written -------------------------------------------------------------------------------------


def test_a_span_that_cannot_be_encoded_takes_no_other_with_it(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = ReadableSpan("broken", context=spans(1)[0].context, kind="none of them")  # type: ignore[arg-type]
    spool = Spool(directory)

    with caplog.at_level(logging.WARNING):
        assert spool.write([*spans(2), broken, *spans(1)]) == 3

    assert spooled_in(directory) == ["s0", "s1", "s0"]
    assert [record.message.rpartition(": ")[2] for record in caplog.records] == ["KeyError"]


def test_a_span_that_has_no_size_spoils_no_line_of_others(directory: Path) -> None:
    nameless = ReadableSpan(7, context=spans(1)[0].context)  # type: ignore[arg-type]
    spool = Spool(directory)

    assert spool.write([*spans(2), nameless]) == 3

    assert spool.path is not None
    others, _ = spool.path.read_bytes().splitlines()
    assert [span.name for span in spooled_spans(others)] == ["s0", "s1"]


# -- a process that is killed -----------------------------------------------------------------------------------------


def test_what_a_killed_process_has_written_is_read_and_its_file_is_free(directory: Path) -> None:
    code = """
spool = Spool(Path(sys.argv[1]))
some = spans(64, text="x" * 1_000)
while True:
    spool.write(some)
"""
    with python(code, directory) as process:
        until_s = time.monotonic() + 20
        while not (found := list(directory.glob("*"))) or found[0].stat().st_size < 3_000_000:
            assert time.monotonic() < until_s
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()

    [file] = directory.iterdir()
    problems = Problems()
    whole = [span for batch in read_file(str(file), problems) for span in batch]
    assert len(whole) >= 64
    # It may have been killed in the middle of the last write.
    assert [problem.what for problem in problems.kept if "is cut off after" not in problem.what] == []
    assert "is no run" not in nanoagent("metrics", file).out
    with file.open("rb") as left:
        assert is_taken(left.fileno())


# -- the environment --------------------------------------------------------------------------------------------------


def test_the_environment_names_the_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    assert spool_directory({"NANOAGENT_SPOOL_DIR": " ~/mine "}) == tmp_path / "mine"
    assert spool_directory({}).parts[-2:] == ("nanoagent", "spool")
    assert spool_in({"NANOAGENT_SPOOL_DIR": str(tmp_path), "NANOAGENT_SPOOL_MAX_MB": " 3 "}).write(spans(1)) == 1


@pytest.mark.parametrize("size", ["0", "-1", "1.5", "much"])
def test_a_size_that_is_none_is_refused(size: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"NANOAGENT_SPOOL_MAX_MB .* from 1, got '{size}'"):
        spool_in({"NANOAGENT_SPOOL_MAX_MB": size})
