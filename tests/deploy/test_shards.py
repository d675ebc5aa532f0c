"""The manifests that run a benchmark in shards: each shard once, its exit code read rightly, all of them merged."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.results.canonical import canonical
from instrumentation.exits import ExitCode
from tests.commands import BENCHMARK, ROOT, results_in, run_benchmark
from tests.deploy.conftest import Check

SCALE = ROOT / "deploy" / "scale"
WORKFLOW = SCALE / "github" / "benchmark.yml"
SHARDS = range(1, 9)

Engine = Callable[[int, Mapping[str, str]], subprocess.CompletedProcess[str]]
"""Runs what an engine runs: a shard, or with 0 the merge; with such an environment."""


def ran(command: Sequence[str], env: Mapping[str, str], *, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a command of a manifest, as in a checkout."""
    whole = {**os.environ, **env}
    return subprocess.run(command, cwd=cwd, env=whole, capture_output=True, text=True, check=False, timeout=120)


def job(name: str) -> dict[str, Any]:
    """What a Job of Kubernetes is to be."""
    spec: dict[str, Any] = yaml.safe_load((SCALE / "kubernetes" / f"{name}.yaml").read_text())["spec"]
    return spec


def told(container: Mapping[str, Any]) -> dict[str, str]:
    """The environment of a container, without its secrets."""
    return {one["name"]: one["value"] for one in container["env"] if "value" in one}


def kubernetes(shard: int, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    (container,) = job("shards" if shard else "merge")["template"]["spec"]["containers"]
    index = {"JOB_COMPLETION_INDEX": str(shard - 1)}
    return ran([*container["command"], *container["args"]], {**told(container), **index, **env})


def slurm(shard: int, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    script = SCALE / "slurm" / ("shards.sbatch" if shard else "merge.sbatch")
    return ran(["bash", str(script)], {"SLURM_ARRAY_TASK_ID": str(shard), **env})


def github(
    shard: int, env: Mapping[str, str], *, of: int = len(SHARDS), cwd: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    workflow = yaml.safe_load(WORKFLOW.read_text())
    known = {"matrix.shard": str(shard), "strategy.job-total": str(of), "secrets.OPENAI_API_KEY": ""}
    known |= {"inputs.model || 'scripted'": "scripted", "inputs.repeat || '1'": "1"}

    def evaluated(variables: Mapping[str, str]) -> dict[str, str]:
        return {
            name: re.sub(r"\$\{\{ (.*?) \}\}", lambda found: known[found[1]], value)
            for name, value in variables.items()
        }

    (step,) = [one for one in workflow["jobs"]["shard" if shard else "merge"]["steps"] if "run" in one]
    # As GitHub does where a step names no shell.
    given = evaluated(workflow["env"] | step.get("env", {}))
    return ran(["bash", "-e", "-c", step["run"]], {**given, **env}, cwd=cwd)


ENGINES: dict[str, Engine] = {"kubernetes": kubernetes, "slurm": slurm, "github": github}

each_engine = pytest.mark.parametrize("engine", ENGINES)


@pytest.fixture
def recorded(tmp_path: Path) -> dict[str, str]:
    """An environment in which the programs that manifests start only say what they are told, and end with $CODE."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("python", "uv"):
        (programs / name).write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nexit "$CODE"\n')
    (programs / "srun").write_text('#!/bin/sh\nexec "$@"\n')
    for program in programs.iterdir():
        program.chmod(0o755)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "CODE": "0", "PYTHON": "python", "RESULTS": str(tmp_path / "with a space")}


def without_uv(words: Sequence[str]) -> list[str]:
    """The words of a command that `uv run python` or `python` was told."""
    return list(words[2:] if words[:2] == ["run", "python"] else words)


@each_engine
def test_each_shard_is_run_with_its_number_and_nothing_else_differs(engine: str, recorded: dict[str, str]) -> None:
    said = [without_uv(ENGINES[engine](shard, recorded).stdout.splitlines()) for shard in SHARDS]
    results = ["results"] if engine == "github" else [recorded["RESULTS"], "--resume"]
    settings = ["--model", "scripted", "--repeat", "1", "--concurrency", "4"]
    assert said == [[BENCHMARK, *settings, "--shard", f"{shard}/8", "--output", *results] for shard in SHARDS]


@each_engine
def test_the_merge_reads_where_shards_write(engine: str, recorded: dict[str, str]) -> None:
    results = recorded["RESULTS"]
    where = ["shards", "--output", "results"] if engine == "github" else [results, "--output", f"{results}/merged"]
    assert without_uv(ENGINES[engine](0, recorded).stdout.splitlines()) == [BENCHMARK, "merge", *where]


@pytest.mark.parametrize("engine", ["slurm", "github"])
@pytest.mark.parametrize("code", [0, 1, 2, 3])
def test_a_shard_whose_goals_failed_is_done(engine: str, code: int, recorded: dict[str, str]) -> None:
    assert ENGINES[engine](1, recorded | {"CODE": str(code)}).returncode == 0


@pytest.mark.parametrize("engine", ["slurm", "github"])
@pytest.mark.parametrize("code", [4, 130, 137])
def test_a_shard_that_did_not_get_to_its_end_has_failed(engine: str, code: int, recorded: dict[str, str]) -> None:
    assert ENGINES[engine](1, recorded | {"CODE": str(code)}).returncode != 0


@each_engine
@pytest.mark.parametrize("code", [0, 1, 3, 4])
def test_the_merge_ends_as_the_run_does(engine: str, code: int, recorded: dict[str, str]) -> None:
    assert ENGINES[engine](0, recorded | {"CODE": str(code)}).returncode == code


def test_every_engine_says_the_same_number_of_shards_everywhere() -> None:
    (container,) = job("shards")["template"]["spec"]["containers"]
    assert (job("shards")["completions"], told(container)["SHARDS"]) == (8, "8")
    script = (SCALE / "slurm" / "shards.sbatch").read_text()
    assert "#SBATCH --array=1-8\n" in script
    assert "${SHARDS:=8}" in script
    assert yaml.safe_load(WORKFLOW.read_text())["jobs"]["shard"]["strategy"]["matrix"]["shard"] == list(SHARDS)


def test_the_jobs_of_one_run_share_its_name_its_image_and_its_volume() -> None:
    texts = [(SCALE / "kubernetes" / f"{name}.yaml").read_text() for name in ("shards", "merge")]
    assert {len(re.findall("nightly-1", re.sub(r"(?m)^#.*", "", text))) for text in texts} == {2}
    containers = [job(name)["template"]["spec"]["containers"][0] for name in ("shards", "merge")]
    assert len({container["image"] for container in containers}) == 1
    assert len({told(container)["RESULTS"] for container in containers}) == 1
    volume = yaml.safe_load((SCALE / "kubernetes" / "volume.yaml").read_text())["metadata"]["name"]
    for name in ("shards", "merge"):
        claims = [
            one["persistentVolumeClaim"] for one in job(name)["template"]["spec"]["volumes"] if "emptyDir" not in one
        ]
        assert claims == [{"claimName": volume}]


def test_slurm_merges_after_all_shards_however_they_end(tmp_path: Path, recorded: dict[str, str]) -> None:
    sbatch = Path(recorded["PATH"].split(os.pathsep)[0]) / "sbatch"
    sbatch.write_text('#!/bin/sh\necho "$RESULTS $*" >> "$SAID"\necho "4711;east"\n')
    sbatch.chmod(0o755)
    results, said = tmp_path / "results", tmp_path / "said"
    scripts = SCALE / "slurm"
    done = ran([str(scripts / "submit.sh"), str(results)], recorded | {"SAID": str(said)})
    assert (done.returncode, done.stdout) == (0, f"shards 4711, then merge 4711, in {results}\n")
    assert said.read_text().splitlines() == [
        f"{results} --parsable {scripts / 'shards.sbatch'}",
        f"{results} --parsable --dependency=afterany:4711 {scripts / 'merge.sbatch'}",
    ]


def test_slurm_wants_to_know_where_results_go(recorded: dict[str, str]) -> None:
    assert "say where results go" in ran([str(SCALE / "slurm" / "submit.sh")], recorded).stderr
    del recorded["RESULTS"]
    for number in (1, 0):
        done = slurm(number, recorded)
        assert (done.returncode != 0, done.stdout) == (True, "")
        assert "use submit.sh" in done.stderr


def test_githubs_rules_take_the_workflow(check: Check) -> None:
    assert check("workflow", str(WORKFLOW)) == ""


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ("    needs: shard\n", "    need: shard\n", 'unexpected key "need"'),
        ("    needs: shard\n", "    needs: shards\n", 'needs job "shards" which does not exist'),
        ("matrix.shard }}/", "matrix.shards }}/", 'property "shards" is not defined'),
        ("strategy.job-total", "strategies.job-total", 'undefined variable "strategies"'),
        ("inputs.model ||", "inputs.models ||", 'property "models" is not defined'),
        ('cron: "17 2 * * *"', 'cron: "17 2 * *"', "invalid CRON"),
        ("fail-fast: false", "fail-fast: never", "fail-fast"),
        ("if: always()", "if: alway()", "undefined function"),
        ("runs-on: ubuntu-24.04", "runs-on: ubuntu-24.4", "label .* is unknown"),
    ],
)
def test_githubs_rules_refuse_what_they_do_not_know(
    check: Check, tmp_path: Path, right: str, wrong: str, complaint: str
) -> None:
    assert right in WORKFLOW.read_text()
    (tmp_path / "benchmark.yml").write_text(WORKFLOW.read_text().replace(right, wrong, 1))
    with pytest.raises(ValueError, match=complaint):
        check("workflow", str(tmp_path / "benchmark.yml"))


def test_the_workflow_may_read_alone_and_its_actions_are_pinned_to_a_full_version() -> None:
    workflow = yaml.safe_load(WORKFLOW.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    used = [step["uses"] for one in workflow["jobs"].values() for step in one["steps"] if "uses" in step]
    assert [action for action in used if not re.fullmatch(r"[\w-]+/[\w-]+@v\d+\.\d+\.\d+", action)] == []


@pytest.mark.slow
def test_the_workflow_gives_what_a_run_without_shards_gives_and_names_a_shard_that_is_missing(tmp_path: Path) -> None:
    uv = tmp_path / "programs" / "uv"
    uv.parent.mkdir()
    # Two goals are enough.
    goals = "--goal addition --goal weekday"
    uv.write_text(f'#!/bin/sh\nshift 2\n[ "$2" = merge ] || set -- "$@" {goals}\nexec "{sys.executable}" "$@"\n')
    uv.chmod(0o755)
    # Without git, as nobody may change the checkout while a benchmark goes on.
    env = {"OTEL_EXPORTER": "none", "GIT_DIR": os.devnull}
    path = f"{uv.parent}{os.pathsep}{os.environ['PATH']}"
    downloaded = tmp_path / "merge" / "shards"
    downloaded.mkdir(parents=True)
    (tmp_path / "merge" / "benchmarks").symlink_to(ROOT / "benchmarks")

    ended = []
    for shard in (1, 2):
        runner = tmp_path / f"runner {shard}"
        runner.mkdir()
        (runner / "benchmarks").symlink_to(ROOT / "benchmarks")
        ended.append(github(shard, {**env, "PATH": path}, of=2, cwd=runner).returncode)
        shutil.copytree(runner / "results", downloaded, dirs_exist_ok=True)
        ended.append(github(0, {**env, "PATH": path}, cwd=tmp_path / "merge").returncode)
    whole = run_benchmark(tmp_path / "whole", *goals.split(), "--concurrency", "4", **env)

    assert ended == [0, ExitCode.INCONCLUSIVE, 0, whole.returncode]
    merged = results_in(tmp_path / "merge" / "results")
    assert canonical(merged) == canonical(results_in(tmp_path / "whole"))


def test_what_a_shard_made_is_kept_and_merged_whatever_became_of_it() -> None:
    jobs = yaml.safe_load(WORKFLOW.read_text())["jobs"]
    assert jobs["shard"]["strategy"]["fail-fast"] is False
    kept = [step["if"] for one in jobs.values() for step in one["steps"] if "upload-artifact" in step.get("uses", "")]
    assert [*kept, jobs["merge"]["if"]] == ["always()"] * 3


def test_docker_reads_the_dockerfile(check: Check) -> None:
    instructions = check("dockerfile", str(SCALE / "Dockerfile")).splitlines()
    # Nobody of importance, told as by Ctrl-C, with the commit of the checkout at hand.
    assert {"USER 10001:10001", "STOPSIGNAL SIGINT", "COPY . ."} <= set(instructions)
    (container,) = job("shards")["template"]["spec"]["containers"]
    user = job("shards")["template"]["spec"]["securityContext"]
    assert f"USER {user['runAsUser']}:{user['runAsGroup']}" in instructions
    assert container["args"][0].startswith("exec python benchmarks/run_benchmarks.py ")


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ("STOPSIGNAL SIGINT", "STOPSIGNALS SIGINT", "unknown instruction: STOPSIGNALS"),
        ("WORKDIR /app", "WORKDIR", "WORKDIR requires exactly one argument"),
        ("COPY . .", "COPY .", "COPY requires at least two arguments"),
    ],
)
def test_docker_refuses_what_it_does_not_understand(
    check: Check, tmp_path: Path, right: str, wrong: str, complaint: str
) -> None:
    text = (SCALE / "Dockerfile").read_text()
    assert right in text
    (tmp_path / "Dockerfile").write_text(text.replace(right, wrong, 1))
    with pytest.raises(ValueError, match=complaint):
        check("dockerfile", str(tmp_path / "Dockerfile"))


def test_the_image_lacks_what_git_ignores_and_nothing_else() -> None:
    ignored = (SCALE / "Dockerfile.dockerignore").read_text().splitlines()
    tracked = ran(["git", "ls-files", "-ci", *(f"--exclude={line.removeprefix('**/')}" for line in ignored)], {})
    assert (tracked.returncode, tracked.stdout) == (0, "")
