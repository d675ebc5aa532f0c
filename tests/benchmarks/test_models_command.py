"""Models through the command line: a provider's answers recorded, replayed and paid for, and the shipped recording."""

from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.subjects.provider import Failing, Provider, provider
from tests.commands import attempts_in, results_in, run_benchmark

AGENT = ("--agent", "tests.benchmarks.own_agents:without_model")
LIVE = ("--model", "openai-chat:gpt-5-mini")
COST_USD = 0.00045
"""Of one of the provider's answers: 1,000 tokens in, 100 out."""


def key_to(server: Provider) -> dict[str, str]:
    return {"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "none"}


def tokens_in(out: Path) -> list[tuple[str, str, str | None, Any, Any]]:
    rows = attempts_in(out)
    return [
        (row["id"], row["verdict"], row["cause"], row["metrics"]["input_tokens"], row["metrics"]["output_tokens"])
        for row in rows
    ]


@pytest.mark.slow
def test_what_a_provider_answered_is_replayed_with_its_numbers_and_refused_for_other_requests(tmp_path: Path) -> None:
    recordings, live, again, other = (tmp_path / name for name in ("recordings", "live", "again", "other"))
    with provider("It is 8.") as server:
        recorded = run_benchmark(
            live, *AGENT, *LIVE, "--goal", "addition", "--record", str(recordings), **key_to(server)
        )
    assert recorded.returncode == 0, recorded.stderr
    assert f"Recorded: 1 attempt is in {recordings}" in recorded.stdout
    replayed = run_benchmark(again, *AGENT, "--model", f"replay:{recordings}", "--goal", "addition")
    assert replayed.returncode == 0, replayed.stderr
    assert tokens_in(again) == tokens_in(live) == [("addition", "pass", None, 1_000, 100)]
    model = results_in(again)["provenance"]["model"]
    assert "(openai-chat:gpt-5-mini), recorded 20" in model
    assert "replay of" in (again / "RESULTS.md").read_text()

    polite = ("--agent", "tests.benchmarks.own_agents:polite")
    stale = run_benchmark(other, *polite, "--model", f"replay:{recordings}", "--goal", "addition")
    assert stale.returncode == 3
    assert tokens_in(other)[0][1:3] == ("error", "stale_transcript")
    assert f"--record {recordings}" in stale.stderr


@pytest.mark.slow
def test_what_may_be_spent_is_not_passed_and_the_run_goes_on_with_more(tmp_path: Path) -> None:
    goals = ("--tier", "simple")
    with provider("It is 8.") as server:
        stopped = run_benchmark(tmp_path, *AGENT, *LIVE, *goals, "--max-cost", str(COST_USD * 1.5), **key_to(server))
        assert len(server.bodies) == 1
        assert stopped.returncode == 3
        assert [row[:3] for row in tokens_in(tmp_path)] == [
            ("addition", "pass", None),
            ("weekday", "error", "cost_limit"),
        ]
        assert "Spent: $0.00045 of $0.00068; another call might have passed that" in stopped.stdout
        more = ("--max-cost", "1", "--resume", "--retry-errors")
        done = run_benchmark(tmp_path, *AGENT, *LIVE, *goals, *more, **key_to(server))
    assert len(server.bodies) == 3
    assert done.returncode == 1
    assert [row[:2] for row in tokens_in(tmp_path)] == [("addition", "pass"), ("weekday", "fail"), ("marathon", "fail")]


@pytest.mark.slow
def test_a_provider_that_fails_moves_no_score_and_every_try_counts(tmp_path: Path) -> None:
    with provider(Failing(429, {"Retry-After": "0"}), "It is 8.", Failing(401)) as server:
        done = run_benchmark(tmp_path, *AGENT, *LIVE, "--goal", "addition", "--repeat", "2", **key_to(server))
    assert done.returncode == 3
    results = results_in(tmp_path)
    first, second = results["goals"][0]["attempts"]
    assert (first["verdict"], first["metrics"]["api_calls"], first["metrics"]["failed_api_calls"]) == ("pass", 2, 1)
    assert (second["verdict"], second["cause"]) == ("error", "model_error")
    assert results["statistics"]["all"]["pass_rate"]["n"] == 1
    assert results["statistics"]["all"]["pass_rate"]["share"] == 1.0


def test_a_model_without_a_price_is_refused_where_there_is_a_limit(tmp_path: Path) -> None:
    with provider("It is 8.") as server:
        model = ("--model", "openai-chat:nobody-knows")
        done = run_benchmark(tmp_path, *AGENT, *model, "--goal", "addition", "--max-cost", "1", **key_to(server))
        assert server.bodies == []
    assert done.returncode == 4
    assert "--allow-unpriced" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_the_shipped_recording_answers_as_the_local_model_did(tmp_path: Path) -> None:
    done = run_benchmark(tmp_path, "--model", "replay", "--tier", "simple")
    assert done.returncode == 1
    assert [row[:3] for row in tokens_in(tmp_path)] == [
        ("addition", "pass", None),
        ("weekday", "pass", None),
        ("marathon", "fail", None),
    ]
    assert "2 of 3 goals passed and 1 failed (marathon)." in done.stdout
    assert "Baseline: not compared, it is of model 'scripted'" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--max-cost", "free"), "--max-cost must be an amount of US dollars above 0, such as 0.50, got 'free'"),
        (("--max-cost", "nan"), "got 'nan'"),
        (("--max-cost", "0"), "got '0'"),
        (("--allow-unpriced",), "--allow-unpriced is for a run with a limit; use it with --max-cost"),
        (("--record", "here"), "--record is for models that answer of themselves, got --model 'scripted'"),
    ],
    ids=" ".join,
)
def test_options_that_make_no_sense_are_refused(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    arguments = tuple(str(tmp_path / "recordings") if argument == "here" else argument for argument in arguments)
    done = run_benchmark(tmp_path / "out", *arguments)
    assert (done.returncode, done.stdout) == (4, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
