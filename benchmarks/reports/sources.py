"""Where numbers come from: model and provenance, as every report names them."""

from collections.abc import Mapping
from typing import Final

from benchmarks.reports.shards import shards_text
from benchmarks.results.results import Provenance, Results
from instrumentation.rendering.quantities import UNKNOWN

SCRIPTED: Final = "scripted"
"""The model that answers by rules."""
_MARKS: Final[Mapping[str, str]] = {SCRIPTED: "rules", "local": "a small language model on the machine that measured"}
"""What models are whose names do not say it, by the part of a name before a colon."""
SCRIPTED_NOTE: Final = (
    "The scripted model answers by rules. These results measure the framework: its prompts, its loop, its tools and "
    "what they cost in tokens. They make no claim about any model's intelligence."
)
TOKEN_COUNTS: Final[Mapping[str, str]] = {
    "counted": "counted by a tokenizer",
    "approximate": "approximate",
    "provider": "the provider's",
}


def model_text(source: Provenance) -> str:
    """The model with what it is: nobody is to take rules, or a recording, for a model that was asked."""
    mark = _MARKS.get(source.model.partition(":")[0])
    return f"{source.model} ({mark})" if mark else source.model


def measured_subject(source: Provenance) -> str:
    """What was measured, in a sentence: the name of an agent says what it is."""
    return model_text(source) if source.agent else f"model {model_text(source)}"


def provenance_facts(results: Results) -> dict[str, str]:
    """What was measured, on what; a dash for what is not known."""
    source = results.provenance
    shards = shards_text(source)
    facts = {
        "Session": source.session_id,
        **({} if shards is None else {"Sessions of the shards": shards}),
        "Commit": source.commit,
        "Changed files": {True: "yes", False: "no", None: None}[source.dirty],
        "Model": model_text(source),
        "Token counts": TOKEN_COUNTS.get(source.token_source, source.token_source),
        "Goals": source.goals_file or "the benchmark's own",
        "Attempts": f"{source.repeat:,} of each goal",
        "Concurrency": f"{source.concurrency:,}",
        **({} if source.engine is None else {"Engine": source.engine}),
        "Selection": _selection(source),
        "Machine": "; ".join(dict.fromkeys(_machine(part.machine) for part in source.all_parts)),
        "Packages": ", ".join(f"{name} {version or UNKNOWN}" for name, version in source.packages.items()),
    }
    return {name: value or UNKNOWN for name, value in facts.items()}


def _machine(facts: Mapping[str, str | int | None]) -> str:
    return ", ".join(f"{key} {value}" for key, value in facts.items())


def _selection(source: Provenance) -> str:
    chosen = [f"{key} {value}" for key, values in source.settings.items() for value in values]
    return ", ".join(chosen) or "all goals"
