"""The manifests for Kubernetes, read by its own API rules and run by its own Job controller, but for containers."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.results.canonical import canonical
from instrumentation.exits import ExitCode
from tests.builds import go_built
from tests.commands import ROOT, results_in, run_benchmark
from tests.required import required

MODULE = Path(__file__).parent / "kubernetes"
MANIFESTS = ROOT / "deploy" / "scale" / "kubernetes"
RUN_TIMEOUT_S = 300.0

Kubernetes = Callable[..., str]


@pytest.fixture(scope="session")
def kubernetes(tmp_path_factory: pytest.TempPathFactory) -> Kubernetes:
    """Runs the program of main.go: what it prints; a `ValueError` with what it complains of."""
    program = tmp_path_factory.mktemp("kubernetes") / "kubernetes"
    required(lambda: go_built(MODULE, program))

    def run(*arguments: str, **env: str) -> str:
        command, whole = [str(program), *arguments], {**os.environ, **env}
        # As in the image, in the directory of the checkout.
        done = subprocess.run(
            command, capture_output=True, check=False, cwd=ROOT, env=whole, text=True, timeout=RUN_TIMEOUT_S
        )
        if done.returncode != 0:
            raise ValueError(done.stderr)
        return done.stdout

    return run


def with_python(directory: Path, script: str) -> str:
    """A PATH on which `python` is this shell script."""
    python = directory / "programs" / "python"
    python.parent.mkdir()
    python.write_text(f"#!/bin/sh\n{script}")
    python.chmod(0o755)
    return f"{python.parent}{os.pathsep}{os.environ['PATH']}"


def codes(ended: dict[str, Any]) -> dict[str, list[int]]:
    """With which exit codes the pods of each shard ended, in their order."""
    by_index: dict[str, list[int]] = {}
    for pod in ended["pods"]:
        by_index.setdefault(pod["index"], []).append(pod["code"])
    return dict(sorted(by_index.items()))


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("volume.yaml", "PersistentVolumeClaim nanoagent-results"),
        ("shards.yaml", "Job nightly-1-shards"),
        ("merge.yaml", "Job nightly-1-merge"),
    ],
)
def test_a_cluster_takes_the_manifest(kubernetes: Kubernetes, file: str, kind: str) -> None:
    assert kubernetes("check", str(MANIFESTS / file)) == f"{kind}\n"


def test_every_manifest_is_checked() -> None:
    assert {path.name for path in MANIFESTS.iterdir()} == {"volume.yaml", "shards.yaml", "merge.yaml"}


@pytest.mark.parametrize(
    ("file", "right", "wrong", "complaint"),
    [
        ("shards.yaml", "completionMode: Indexed", "completionMode: Index", 'Unsupported value: "Index"'),
        ("shards.yaml", "  completionMode: Indexed\n", "", "backoffLimitPerIndex: .* requires indexed"),
        (
            "shards.yaml",
            "backoffLimitPerIndex: 5",
            "backoffLimitPerIndexes: 5",
            "unknown field .*backoffLimitPerIndexes",
        ),
        ("shards.yaml", "  backoffLimitPerIndex: 5\n", "", "FailIndex.* requires.*backoffLimitPerIndex"),
        ("shards.yaml", "completions: 8", 'completions: "8"', "cannot unmarshal string"),
        ("shards.yaml", "restartPolicy: Never", "restartPolicy: OnFailure", "restartPolicy: Invalid value"),
        (
            "shards.yaml",
            "podReplacementPolicy: Failed",
            "podReplacementPolicy: TerminatingOrFailed",
            "Unsupported value",
        ),
        ("shards.yaml", "values: [1, 2, 3]", "values: [3, 2, 1]", "must be ordered"),
        ("shards.yaml", "containerName: shard", "containerName: shards", "must be one of the container"),
        ("shards.yaml", "{name: results, mountPath: /results}", "{name: result, mountPath: /results}", "Not found"),
        ("shards.yaml", "memory: 1Gi", "memory: 1GiB", "quantities must match"),
        ("shards.yaml", "memory: 1Gi", "memory: 256Mi", "must be less than or equal to memory limit"),
        ("shards.yaml", "runAsNonRoot: true", "runAsNonRoot: false", "not restricted"),
        ("shards.yaml", "runAsUser: 10001", "runAsUser: 0", "not restricted"),
        ("shards.yaml", "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true", "not restricted"),
        ("shards.yaml", "drop: [ALL]", "drop: [NET_RAW]", "not restricted"),
        ("shards.yaml", "type: RuntimeDefault", "type: Unconfined", "not restricted"),
        ("merge.yaml", "action: FailJob", "action: FailIndex", "backoffLimitPerIndex"),
        ("volume.yaml", "ReadWriteMany", "ReadWriteEverywhere", "Unsupported value"),
        ("volume.yaml", "storage: 10Gi", "storage: -10Gi", "must be greater than"),
    ],
)
def test_a_cluster_refuses_what_it_does_not_understand(
    kubernetes: Kubernetes, tmp_path: Path, file: str, right: str, wrong: str, complaint: str
) -> None:
    text = (MANIFESTS / file).read_text()
    assert right in text
    (tmp_path / file).write_text(text.replace(right, wrong, 1))
    with pytest.raises(ValueError, match=complaint):
        kubernetes("check", str(tmp_path / file))


def test_a_shard_is_run_again_after_a_kill_or_a_crash_and_not_after_a_verdict(
    kubernetes: Kubernetes, tmp_path: Path
) -> None:
    path = with_python(
        tmp_path,
        """
        tries=$(cat "$RESULTS.$JOB_COMPLETION_INDEX" 2> /dev/null || echo 0)
        echo $((tries + 1)) > "$RESULTS.$JOB_COMPLETION_INDEX"
        case $JOB_COMPLETION_INDEX in
          1 | 2 | 3) exit "$JOB_COMPLETION_INDEX" ;;
          4) [ "$tries" -ge 1 ] || kill -KILL $$ ;;
          5) [ "$tries" -ge 7 ] || exit 130 ;;
          6) exit 4 ;;
        esac
        """,
    )
    ended = json.loads(kubernetes("run", str(MANIFESTS / "shards.yaml"), str(tmp_path / "volumes"), PATH=path))
    # A node that is drained costs no try, however often; bad input has five more.
    assert codes(ended) == {
        "0": [0],
        "1": [1],
        "2": [2],
        "3": [3],
        "4": [137, 0],
        "5": [130] * 7 + [0],
        "6": [4] * 6,
        "7": [0],
    }
    assert (ended["ended"], ended["completed"], ended["failed"]) == ("Failed", "0,4,5,7", "1-3,6")


@pytest.mark.parametrize(("code", "tries"), [(0, 1), (1, 1), (2, 1), (3, 1), (4, 1), (137, 3)])
def test_a_merge_is_run_again_only_after_a_kill(kubernetes: Kubernetes, tmp_path: Path, code: int, tries: int) -> None:
    path = with_python(tmp_path, f"exit {code}\n")
    ended = json.loads(kubernetes("run", str(MANIFESTS / "merge.yaml"), str(tmp_path / "volumes"), PATH=path))
    assert [pod["code"] for pod in ended["pods"]] == [code] * tries
    assert ended["ended"] == ("Complete" if code == 0 else "Failed")


def test_a_run_of_which_a_pod_is_killed_gives_what_a_run_without_shards_gives(
    kubernetes: Kubernetes, tmp_path: Path
) -> None:
    # The first pod of the second shard is killed once it has made two attempts.
    path = with_python(
        tmp_path,
        f"""
        if [ "${{JOB_COMPLETION_INDEX:-}}" != 1 ] || [ -e "$RESULTS.killed" ]; then
          exec "{sys.executable}" "$@"
        fi
        "{sys.executable}" "$@" &
        while [ "$(wc -l < "$RESULTS/attempts.2-of-3.jsonl" || echo 0)" -lt 3 ]; do sleep 0.01; done 2> /dev/null
        kill -KILL $!
        touch "$RESULTS.killed"
        kill -KILL $$
        """,
    )
    three = re.sub(r"(?m)(completions: |SHARDS, value: \")8", r"\g<1>3", (MANIFESTS / "shards.yaml").read_text())
    (tmp_path / "shards.yaml").write_text(three)
    volumes = str(tmp_path / "volumes")

    # Without git, as nobody may change the checkout while a benchmark goes on.
    env = {"GIT_DIR": os.devnull, "PATH": path}
    shards = json.loads(kubernetes("run", str(tmp_path / "shards.yaml"), volumes, **env))
    merge = json.loads(kubernetes("run", str(MANIFESTS / "merge.yaml"), volumes, **env))
    whole = run_benchmark(tmp_path / "whole", "--concurrency", "4", OTEL_EXPORTER="none", GIT_DIR=os.devnull)

    assert (shards["ended"], codes(shards)) == ("Complete", {"0": [0], "1": [137, 0], "2": [0]})
    assert (merge["ended"], whole.returncode) == ("Complete", ExitCode.OK)
    merged = results_in(tmp_path / "volumes" / "results" / "nightly-1" / "merged")
    assert canonical(merged) == canonical(results_in(tmp_path / "whole"))
