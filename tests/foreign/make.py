"""Make the trace files of other producers anew, by running their real libraries on a fake provider, offline.

    uv run --no-project python tests/foreign/make.py            # all of them
    uv run --no-project python tests/foreign/make.py logfire    # those of `producers/with_logfire.py`

Every producer has an environment of its own, which uv builds outside of the tree from the versions at the head of its
script: they need other versions than this project does. Totals come from what the fake provider answered, never from
the spans. Files in the manifest that no script here makes stay as they are.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SCRIPTS = HERE / "producers"
MANIFEST = HERE / "manifest.json"


def main(names: list[str]) -> int:
    """Make the files of some producers, of all where none is named."""
    wanted = names or sorted(path.stem.removeprefix("with_") for path in SCRIPTS.glob("with_*.py"))
    manifest = json.loads(MANIFEST.read_text())
    with tempfile.TemporaryDirectory() as folder:
        for name in wanted:
            print(f"{name} ...", flush=True)
            script = SCRIPTS / f"with_{name}.py"
            subprocess.run(["uv", "run", "--quiet", "--no-project", "--script", script, folder], check=True)
        for path in Path(folder).glob("*.jsonl"):
            shutil.copy(path, HERE / path.name)
        made = [json.loads(path.read_text()) for path in Path(folder).glob("*.entry.json")]
    manifest["files"] = _merged(manifest["files"], made)
    MANIFEST.write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")
    print(f"{len(made)} files made; the manifest has {len(manifest['files'])}")
    return 0


def _merged(old: list[dict[str, Any]], made: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries by the names of their files, those just made in place of the ones before."""
    entries = {entry["file"]: entry for entry in (*old, *made)}
    return [entries[file] for file in sorted(entries)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
