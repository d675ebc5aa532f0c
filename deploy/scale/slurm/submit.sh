#!/usr/bin/env bash
# Runs a benchmark in eight shards and merges them, from a checkout in which `uv sync` has made .venv:
#
#   MODEL=openai:gpt-5-mini REPEAT=10 deploy/scale/slurm/submit.sh results/nightly-1
#
# Every run needs a directory of its own; in that of an earlier run this goes on with it.
set -euo pipefail
scripts="$(cd "$(dirname "$0")" && pwd)"
RESULTS="$(realpath -m "${1:?say where results go: submit.sh DIRECTORY}")"
export RESULTS

# Of several clusters the name comes with the number: 4711;cluster.
shards="$(sbatch --parsable "$scripts/shards.sbatch")"
# However the shards end: of one that is lost merge says so.
merge="$(sbatch --parsable --dependency="afterany:${shards%%;*}" "$scripts/merge.sbatch")"
echo "shards ${shards%%;*}, then merge ${merge%%;*}, in $RESULTS"
