"""Files of shards put together: a union of their attempts, from which everything is counted anew.

An attempt that several files have counts once, where they say the same of it but for times and ids. Of a shard that was
made twice the file that was begun first counts, of those that came to their end where there is one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Final

from benchmarks.formats import quoted
from benchmarks.results.canonical import canonical_attempt
from benchmarks.results.reading import ShardFile
from benchmarks.results.results import Attempt, Part, Provenance, Results, results_of
from benchmarks.results.sameness import OF_SHARDS, Difference, differences
from benchmarks.results.verification import Verification
from benchmarks.sharding import Key, Shard, keys_of
from nanoagent.errors import ConfigurationError

_RULE: Final = "merge needs shards of one benchmark"


def merged(named: Sequence[ShardFile]) -> Results:
    """The results of all of them, which are the same in whatever order they are named.

    Args:
        named: One or more.

    Raises:
        ConfigurationError: They are of different benchmarks, or say different things of an attempt.
    """
    files = sorted(named, key=_place)
    first = files[0].attempts
    plan = keys_of(first.goals, first.provenance.repeat)
    for file in files:
        _check_same(files[0], file)
        _check_dealt(file, plan)
    counted = counted_files(files)
    results = results_of(_provenance(counted), first.goals, _union(files))
    return replace(results, verification=_verification(counted, results))


def counted_files(named: Sequence[ShardFile]) -> list[ShardFile]:
    """The files that attempts are taken from: of a shard that came to its end one, which has all; else each."""
    files = sorted(named, key=_place)
    ended: dict[Shard, ShardFile] = {}
    for file in files:
        if file.end is not None:
            ended.setdefault(file.shard, file)
    return [file for file in files if ended.get(file.shard, file) is file]


def _place(file: ShardFile) -> tuple[int, bool, str, str]:
    """By shard; files of one shard by whether they came to their end, and by when they were begun."""
    source = file.attempts.provenance
    return file.shard.number, file.end is None, source.started_at, source.session_id


def _check_same(first: ShardFile, file: ShardFile) -> None:
    before, now = first.attempts, file.attempts
    found = [
        *([] if first.shard.of == file.shard.of else [_other_number(first, file)]),
        *differences(before.provenance, before.goals, now.provenance, now.goals, more=OF_SHARDS),
    ]
    if found:
        what, was, is_now = found[0]
        raise ConfigurationError(
            f"{_RULE}, got {what} {quoted(is_now)} in {quoted(str(file.path))} where {quoted(str(first.path))} has "
            f"{quoted(was)}; merge each benchmark alone"
        )


def _other_number(first: ShardFile, file: ShardFile) -> Difference:
    return Difference("the number of shards", str(first.shard.of), str(file.shard.of))


def _check_dealt(file: ShardFile, plan: Sequence[Key]) -> None:
    """Refuse a file with attempts that its shard does not make, or without some though it came to its end."""
    attempts = file.attempts.attempts
    dealt = set(file.shard.share_of(plan))
    made = {(attempt.goal_id, attempt.number) for attempt in attempts}
    for key in sorted(made - dealt):
        raise ConfigurationError(
            f"{_RULE}, got attempt {key[1]:,} of {key[0]} in {quoted(str(file.path))}, which {file.shard.text} does "
            "not make; make the shard again"
        )
    if file.end is not None and (file.end.attempts != len(attempts) or dealt - made):
        raise ConfigurationError(
            f"{_RULE}, got {quoted(str(file.path))} with {len(attempts):,} attempts, and its end says that "
            f"{file.end.attempts:,} are made; make the shard again, or go on with it with --resume"
        )


def _union(files: Sequence[ShardFile]) -> list[Attempt]:
    found: dict[Key, tuple[Attempt, ShardFile]] = {}
    for file in files:
        for attempt in file.attempts.attempts:
            before, origin = found.setdefault((attempt.goal_id, attempt.number), (attempt, file))
            if before is not attempt and _canonical(before) != _canonical(attempt):
                raise ConfigurationError(
                    f"merge needs shards that agree, got attempt {attempt.number:,} of {attempt.goal_id} in "
                    f"{quoted(str(origin.path))} and another one in {quoted(str(file.path))}; leave one of them out"
                )
    return [attempt for attempt, _ in found.values()]


def _canonical(attempt: Attempt) -> Mapping[str, object]:
    return canonical_attempt(attempt.to_dict())


def _provenance(files: Sequence[ShardFile]) -> Provenance:
    """What the shards have in common, and which they are."""
    parts = tuple(part for file in files for part in _parts(file))
    sessions = dict.fromkeys(part.session_id for part in parts)
    ends = [part.ended_at for part in parts]
    return replace(
        files[0].attempts.provenance,
        session_id=sha256(" ".join(sessions).encode()).hexdigest()[:12],
        started_at=min(part.started_at for part in parts),
        ended_at=None if None in ends else max(filter(None, ends)),
        shard=None,
        parts=parts,
    )


def _parts(file: ShardFile) -> list[Part]:
    """A file that came to no end has none of its parts ended."""
    end = file.end
    source = file.attempts.provenance
    return [replace(part, ended_at=(part.ended_at or end.ended_at) if end else None) for part in source.all_parts]


def _verification(files: Sequence[ShardFile], results: Results) -> Verification | None:
    """What came of reading the traces back in those shards that did."""
    found = [file.end.verification for file in files if file.end and file.end.verification]
    if not found:
        return None
    places = {key: place for place, key in enumerate((goal.id, one.number) for goal, one in results.attempts)}
    findings = [finding for one in found for finding in one.findings]
    return Verification(
        sources=tuple(dict.fromkeys(source for one in found for source in one.sources)),
        runs=sum(one.runs for one in found),
        findings=tuple(sorted(findings, key=lambda finding: places[finding.goal_id, finding.attempt])),
    )
