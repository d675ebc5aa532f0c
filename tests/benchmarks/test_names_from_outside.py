"""Names from outside: shown as text, never a way out of a directory, nor to steer a terminal; and nothing listens."""

import dataclasses
import io
import json
import os
import socket
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any, Final

import pytest
from markdown_it import MarkdownIt
from pydantic_ai import Agent
from pydantic_ai.messages import ModelResponse, TextPart
from pydantic_ai.models.function import FunctionModel

from benchmarks.cli import app as benchmark_app
from benchmarks.reports.files import JUNIT, PAGE, REPORT
from benchmarks.reports.markdown import escaped, table
from benchmarks.results.attempts_file import ATTEMPTS, AttemptsFile
from benchmarks.results.store import RESULTS, Store, results_pieces
from benchmarks.results.traces_file import TRACES
from benchmarks.suite import checks
from benchmarks.suite.goals import GOALS
from instrumentation.cli import app as nanoagent_app
from instrumentation.commands.run import run_goal
from instrumentation.configuration import _forget
from instrumentation.exits import run_command
from tests.commands import ROOT
from tests.models import CannedModel, executed, plan, reflected

FROM_OUTSIDE = (
    "[here](http://evil.example)",
    "![picture](http://evil.example/x.png)",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "[x][ref]",
    "<http://evil.example>",
    "http://evil.example/a",
    "https://evil.example",
    "www.evil.example",
    "mail me@evil.example",
    "@everyone, see #1",
    "`code` and ``more``",
    "# heading",
    "a | b | c",
    "a\n\n# heading\n\n- item",
    "a\r\n| b |",
    "**bold** _it_ ~~gone~~",
    "&lt;b&gt; &#60;",
    "1. item",
    "1) item",
    "+ item",
    "> quote",
    "---",
    "===",
    "\\[x](http://evil.example)",
    "\x1b[31mred\x1b[0m \x1b]8;;http://evil.example\x07link\x1b]8;;\x07",
    "\x9b31m \u202egnp.exe\u202c \u2066x\u2069",
    "a\x00b \ud83e \x7f",
    "../x",
    "/etc/passwd",
    "CON",
    "a/b:c?*",
)
HARMLESS = {"inline", "text", "text_special", "softbreak"}
IN_A_TABLE = {f"{part}_{end}" for part in ("table", "thead", "tbody", "tr", "th", "td") for end in ("open", "close")}


def tokens(markdown: str) -> list[Any]:
    """What a Markdown reader with GitHub's additions makes of it, inside and out."""
    reader = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    return [inner for token in reader.parse(markdown) for inner in [token, *(token.children or [])]]


def steering(text: str) -> list[str]:
    """What a terminal does something else with than to show it."""
    return [
        char for char in text if char not in "\n\t" and unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    ]


@pytest.mark.parametrize("text", FROM_OUTSIDE, ids=ascii)
def test_a_text_from_outside_is_nothing_but_text_in_a_cell(text: str) -> None:
    found = tokens("\n".join(table(["Goal"], [[escaped(text)]])))
    assert {token.type for token in found} <= HARMLESS | IN_A_TABLE
    assert sum(token.type == "tr_open" for token in found) == 2
    assert sum(token.type == "td_open" for token in found) == 1


@pytest.mark.parametrize("text", FROM_OUTSIDE, ids=ascii)
@pytest.mark.parametrize("before", ["", "- ", "It says "])
def test_a_text_from_outside_is_nothing_but_text_in_a_line(before: str, text: str) -> None:
    around = {token.type for token in tokens(f"{before}x")}
    assert {token.type for token in tokens(f"{before}{escaped(text)}")} <= HARMLESS | around


@pytest.mark.parametrize("text", FROM_OUTSIDE, ids=ascii)
def test_no_character_that_steers_a_reader_is_in_a_report(text: str) -> None:
    shown = escaped(text)
    assert steering(shown) == []
    shown.encode()


def test_a_bare_address_becomes_no_link_on_sites_that_make_links_of_them() -> None:
    assert escaped("see http://evil.example or www.evil.example") == r"see http\://evil.example or www\.evil.example"


def test_half_a_character_costs_no_results(tmp_path: Path) -> None:
    file = AttemptsFile(tmp_path)
    file.begin({"id": "x\ud83e"}, [])
    file.add({"id": "a", "answer": "x\ud83e"})
    results = {"goals": [{"id": "a", "answer": "x\ud83e"}]}
    Store(tmp_path).write({RESULTS: results_pieces(results), REPORT: f"# {escaped(chr(0xD83E))}"})
    assert json.loads((tmp_path / RESULTS).read_bytes())["goals"] == [{"id": "a", "answer": "x\ufffd"}]


# -- terminals ---------------------------------------------------------------------------------------------------------

ODD: Final = "x\x1b[31m\x9b1m\x07\u202ey\udcff\u2028[/red][link=http://evil.example]z"


class Terminal(io.StringIO):
    """A terminal that shows no colours: what steers it is from outside."""

    def isatty(self) -> bool:
        return True


def said_by(app: Callable[..., Any], *arguments: object) -> tuple[object, str]:
    """The exit code of a command, and all that it says on a terminal."""
    terminal = Terminal()
    with redirect_stdout(terminal), redirect_stderr(terminal), pytest.raises(SystemExit) as ended:
        run_command(lambda: app(list(map(str, arguments))))
    return ended.value.code, terminal.getvalue()


@pytest.fixture
def _dumb_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("PYDANTIC_AI_NO_BANNER", "1")
    (tmp_path / "here" / "and").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here" / "and")


REFUSED: Final = [
    (benchmark_app, "--goal", ODD),
    (benchmark_app, "--tier", ODD),
    (benchmark_app, "--agent", ODD),
    (benchmark_app, "--agent", "../../x:agent"),
    (benchmark_app, "--goals", ODD),
    (benchmark_app, "--model", ODD),
    (benchmark_app, "--concurrency", ODD),
    (benchmark_app, "--output", f"/dev/null/{ODD}"),
    (nanoagent_app, "run", "goal", "--model", ODD),
    *(
        (nanoagent_app, *command, source)
        for command in (["metrics"], ["tree"], ["verify", "/dev/null"], ["resend"])
        for source in (ODD, "../../x", "../" * 9 + "0" * 32)
    ),
]


@pytest.mark.usefixtures("_dumb_terminal")
@pytest.mark.parametrize("arguments", REFUSED, ids=lambda arguments: ascii(arguments[1:])[:40])
def test_a_refused_name_steers_no_terminal_and_makes_no_file(arguments: tuple[Any, ...], tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    code, said = said_by(*arguments)
    assert code == 4
    assert said.startswith("error: ")
    assert steering(said) == []
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.usefixtures("_dumb_terminal")
@pytest.mark.parametrize(
    "goal",
    [
        {"id": ODD},
        {"id": "../../x"},
        {"tier": ODD},
        {ODD: 1},
        {"check": {"contains": [1, ODD]}},
        {"check": {"function": f"{ODD}:x"}},
    ],
    ids=ascii,
)
def test_a_refused_goals_file_steers_no_terminal(goal: dict[str, Any], tmp_path: Path) -> None:
    whole = {"id": "a", "goal": "do", "tier": "simple", "check": {"any_answer": True}} | goal
    file = tmp_path / "goals.json"
    file.write_text(json.dumps({"goals": [whole]}).replace("\\udcff", ""))
    code, said = said_by(benchmark_app, "--goals", file, "--output", tmp_path / "out")
    assert (code, steering(said)) == (4, [])
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("_dumb_terminal")
def test_a_list_of_goals_steers_no_terminal(tmp_path: Path) -> None:
    goal = {"id": "a", "goal": f"do {ODD}", "tier": "simple", "check": {"any_answer": True}}
    file = tmp_path / "goals.json"
    file.write_text(json.dumps({"goals": [goal]}).replace("\\udcff", ""))
    code, said = said_by(benchmark_app, "--goals", file, "--list")
    assert (code, steering(said)) == (0, [])
    assert "[/red][link=http://evil.example]z" in said


@pytest.mark.usefixtures("_dumb_terminal")
def test_what_a_model_says_in_a_run_steers_no_terminal() -> None:
    odd = ODD.replace("\udcff", "")
    failing: Any = CannedModel(
        [plan(odd), executed(odd), reflected(gaps=[odd], new_tasks=[f"again {odd}"]), LookupError(odd)]
    )
    answering: Any = CannedModel([plan(odd), executed(odd), reflected(odd)])
    limits: dict[str, Any] = {"max_iterations": 5, "max_tokens": None, "timeout_s": None}
    for one, code in ((failing, 1), (answering, 0)):
        _forget()
        ended, said = said_by(lambda _, one=one: run_goal("goal", model=one, **limits))
        assert (ended, steering(said)) == (code, [])
        assert said.count("[/red][link=http://evil.example]z") >= 2
    _forget()


# -- a whole benchmark -------------------------------------------------------------------------------------------------


ODD_GOALS: Final = (*FROM_OUTSIDE, "../../x")


def echoed(*_: object) -> ModelResponse:
    return ModelResponse(parts=[TextPart(" ".join(FROM_OUTSIDE))], model_name=FROM_OUTSIDE[1])


echo = Agent(FunctionModel(echoed, model_name=FROM_OUTSIDE[2]), name=FROM_OUTSIDE[3])


def benchmark_of_odd_goals() -> None:
    """Ids, texts and answers are all from outside, and half of the goals fail; at its end it says of its sockets which
    addresses were bound, and which listen."""
    from benchmarks.cli import main

    bound: list[object] = []
    sys.addaudithook(lambda event, arguments: bound.append(arguments[1]) if event == "socket.bind" else None)
    kinds = (checks.any_answer(), checks.contains_all("no answer has this"))
    goals = [
        dataclasses.replace(GOALS[0], id=f"{number}{text}", text=text, check=kinds[number % 2])
        for number, text in enumerate(ODD_GOALS)
    ]
    try:
        main(goals)
    finally:
        sys.stderr.write(f"\nsockets {json.dumps([bound, listening()])}\n")


def listening() -> list[str]:
    """The inodes of this process's own sockets that listen."""
    own = set()
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the one that lists them is closed by now
            own.add(str(link.readlink()).removeprefix("socket:[").removesuffix("]"))
    tables = [Path(f"/proc/self/net/{name}").read_text("utf-8").splitlines()[1:] for name in ("tcp", "tcp6")]
    rows = [row.split() for table_rows in tables for row in table_rows]
    return [row[9] for row in rows if row[3] == "0A" and row[9] in own]


def test_a_socket_that_listens_is_seen() -> None:
    before = listening()
    with socket.create_server(("127.0.0.1", 0)):
        assert len(listening()) == len(before) + 1


Done = tuple[Path, subprocess.CompletedProcess[bytes]]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """That benchmark, at its end, and where its results may be."""
    directory = tmp_path_factory.mktemp("outside")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]  # nobody answers there once it is closed
    program = f"from {__name__} import benchmark_of_odd_goals as run; run()"
    done = subprocess.run(
        [sys.executable, "-c", program, "--agent", f"{__name__}:echo", "--output", str(directory / "a" / "out")],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "OTEL_EXPORTER": "console,file,jaeger",
            "OTEL_EXPORTER_FILE_PATH": str(directory / "a" / "traces.jsonl"),
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
            "NANOAGENT_SPOOL_DIR": str(directory / "a" / "spool"),
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY",
        },
        capture_output=True,
        check=False,
        timeout=120,
    )
    return directory, done


def test_a_benchmark_of_odd_goals_ends_as_any_other_and_steers_no_terminal(ended: Done) -> None:
    _, done = ended
    assert done.returncode == 1, done.stderr
    assert (steering(done.stdout.decode()), steering(done.stderr.decode())) == ([], [])


def test_a_benchmark_listens_nowhere_and_binds_no_socket_beyond_loopback(ended: Done) -> None:
    _, done = ended
    bound, listen = json.loads(done.stderr.decode().splitlines()[-1].removeprefix("sockets "))
    assert {host for host, *_ in bound} <= {"::1", "127.0.0.1"}  # a library looks whether there is IPv6
    assert listen == []


def test_a_benchmark_of_odd_goals_writes_nowhere_else(ended: Done) -> None:
    directory, _ = ended
    files = {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}
    spools = {name for name in files if name.startswith("a/spool/")}
    charts = {f"charts/headroom-{surroundings}.svg" for surroundings in ("light", "dark")}
    out = {ATTEMPTS, RESULTS, REPORT, PAGE, JUNIT, TRACES, ".lock", *charts}
    assert files - spools == {f"a/out/{name}" for name in out} | {"a/traces.jsonl"}
    assert len(spools) == 1


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def test_results_of_odd_goals_can_be_read_and_keep_their_ids(ended: Done) -> None:
    directory, _ = ended
    out = directory / "a" / "out"
    ids = [f"{number}{text}".replace("\ud83e", "\ufffd") for number, text in enumerate(ODD_GOALS)]
    results = json.loads(out.joinpath(RESULTS).read_bytes().decode(), parse_constant=refuse)
    assert [goal["id"] for goal in results["goals"]] == ids
    assert {goal["verdict"] for goal in results["goals"]} == {"pass", "fail"}
    _, *rows = out.joinpath(ATTEMPTS).read_bytes().decode().removesuffix("\n").split("\n")
    assert sorted(json.loads(row, parse_constant=refuse)["id"] for row in rows) == sorted(ids)


def test_a_report_of_odd_goals_is_nothing_but_text_and_tables(ended: Done) -> None:
    directory, _ = ended
    report = directory.joinpath("a", "out", REPORT).read_bytes().decode()
    assert steering(report) == []
    found = tokens(report)
    (chart,) = [token.content for token in found if token.type.startswith("html")]
    assert [line.partition(" ")[0] for line in chart.splitlines()] == ["<picture>", "<source", "<img", "</picture>"]
    assert chart.count("<") == 4
    assert [token.attrs for token in found if token.type in ("link_open", "image") and "evil" in str(token.attrs)] == []
    headings = [found[place + 1].content for place, token in enumerate(found) if token.type == "heading_open"]
    assert [heading for heading in headings if heading in ("heading", "a", "===", "---")] == []
