"""What a provider is to answer in a case, and the ledger of what it did answer: the truth about the case."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the provider answers to one request."""

    text: str = "done"
    calls: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    """The tools that it asks for, with their arguments; the text is then left out."""
    input: int = 0
    """All input tokens, cached ones included."""
    output: int = 0
    """All output tokens, reasoning included."""
    cached: int = 0
    written: int = 0
    reasoning: int = 0
    status: int = 200
    repeated: bool = False
    """Whether the client's own library repeats the request by itself: then it is no model call of its own."""
    no_tools: frozenset[str] = frozenset()
    """Names in `calls` that are no tools of the user's, as an output tool or a handoff."""
    delay_s: float = 0.0
    """How long the provider thinks before it answers."""
    unread: bool = False
    """Whether the caller has gone before the answer came."""


class Served(NamedTuple):
    """One request that was answered."""

    model: str
    reply: Reply


@dataclass
class Ledger:
    """What really happened in a case."""

    served: list[Served] = field(default_factory=list)
    failed_tool_calls: int = 0
    """The tools themselves note it here before they raise."""

    def answered(self) -> list[Served]:
        """The calls that came back with an answer."""
        return [one for one in self.served if one.reply.status == 200 and not one.reply.unread]

    def totals(self) -> dict[str, Any]:
        """The totals of the case, as the manifest names them."""
        calls = [one.reply for one in self.served if not one.reply.repeated]
        answered = [one.reply for one in self.answered()]
        tools = Counter(name for reply in answered for name, _ in reply.calls if name not in reply.no_tools)
        return {
            "model_calls": len(calls),
            "failed_calls": sum(reply.status != 200 for reply in calls),
            "cancelled_calls": sum(reply.unread for reply in calls),
            "calls_with_unknown_usage": len(calls) - len(answered),
            "input_tokens": sum(reply.input for reply in answered),
            "output_tokens": sum(reply.output for reply in answered),
            "cache_read_tokens": sum(reply.cached for reply in answered),
            "cache_write_tokens": sum(reply.written for reply in answered),
            "reasoning_tokens": sum(reply.reasoning for reply in answered),
            "tool_calls": sum(tools.values()),
            "failed_tool_calls": self.failed_tool_calls,
            "tools": dict(tools),
            "cost_usd": None,
        }
