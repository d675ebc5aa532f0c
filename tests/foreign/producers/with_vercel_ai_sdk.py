# /// script
# requires-python = ">=3.11,<3.13"
# dependencies = ["opentelemetry-exporter-otlp-json-file==0.66b1"]
# ///
"""The Vercel AI SDK, by the names that it writes now and by those that it wrote until version 6. Needs Node and npm."""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from ledger import Reply
from provider import FakeProvider
from recording import Recording

HERE = Path(__file__).parent / "vercel_ai_sdk"
ASKS = Reply(input=100, output=20, cached=40, reasoning=7, calls=(("add", {"a": 1, "b": 2}),))
ASKS_TWICE = Reply(input=100, output=20, cached=40, reasoning=7, calls=(("add", {"a": 1, "b": 2}), ("boom", {})))
DELEGATES = Reply(input=120, output=22, reasoning=3, calls=(("delegate", {}),))
ANSWER = Reply(input=150, output=30, cached=100)
CASES = {
    "tools": ("two tools of which one fails", (ASKS_TWICE, ANSWER)),
    "failed": ("500, repeated by the SDK itself, 500", (Reply(status=500, repeated=True), Reply(status=500))),
    "delegate": ("a tool that runs a second agent", (DELEGATES, Reply(input=70, output=15), ANSWER)),
    "streamed": ("one tool, both calls streamed", (ASKS, ANSWER)),
}

provider = FakeProvider()
versions = json.loads((HERE / "package.json").read_text())["dependencies"]
recording = Recording(provider)

with tempfile.TemporaryDirectory() as folder:
    for name in ("package.json", "cases.mjs"):
        shutil.copy(HERE / name, folder)
    subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund"], cwd=folder, check=True)
    for names in ("current", "legacy"):
        recording.begin_other(
            "vercel_ai_sdk" if names == "current" else "vercel_ai_sdk_legacy",
            f"ai {versions['ai']}, @ai-sdk/otel {versions['@ai-sdk/otel']}, {names} names",
        )
        no_reasoning = {"reasoning_tokens": 0, "why": "it writes no reasoning tokens"} if names == "current" else None
        for kind, (note, replies) in CASES.items():
            provider.play(*replies)
            command = ["node", "cases.mjs", provider.url, "spans.json", names, kind]
            subprocess.run(command, cwd=folder, check=True)
            if kind == "tools":
                provider.ledger.failed_tool_calls = 1  # the tool lives in the other process, and always fails
            written = (Path(folder) / "spans.json").read_text()
            recording.save_text(kind, note, written, readable_from_file=no_reasoning)
