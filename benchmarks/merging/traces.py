"""The traces that were kept with shards, put together."""

from collections.abc import Sequence

from benchmarks.merging.files import traces_beside
from benchmarks.results.reading import ShardFile
from benchmarks.results.results import Results
from benchmarks.results.traces_file import kept_lines
from benchmarks.running.traces import MAX_ATTEMPTS, KeptTraces


def kept_traces(files: Sequence[ShardFile], results: Results) -> KeptTraces:
    """The traces of merged results: as many as one run keeps, those of first attempts before those of second ones.

    Args:
        files: Where the results come from.
        results: The merged ones.
    """
    kept = KeptTraces()
    for number in range(1, min(results.provenance.repeat, MAX_ATTEMPTS) + 1):
        attempts = {one.trace_id: one for _, one in results.attempts if one.number == number and one.trace_id}
        for file in files:
            for trace_id, line in kept_lines(traces_beside(file), attempts).items():
                kept.arrived(trace_id, line)
                kept.ended(attempts[trace_id])
    return kept
