"""The account of a destination: what became of every span that ended."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class DeliveryReport:
    """What became of the spans that ended, at one destination.

    `ended_spans` is counted as spans end, the others as something becomes of them; they add up:
    ended = exported + spooled + dropped + sampled out + pending.
    """

    destination: str
    """The exporter's name: file, jaeger or otlp."""
    ended_spans: int = 0
    """All that ended while the destination was open, and those that ended later and were dropped."""
    exported_spans: int = 0
    """The receiver said that it has them."""
    spooled_spans: int = 0
    """They did not arrive, and wait on disk for `nanoagent resend`; a few may have arrived after all."""
    dropped_spans: int = 0
    """Lost: they did not arrive, and the spool could not take them; or they ended after the shutdown."""
    sampled_out_spans: int = 0
    """The sampler let them be counted and not exported."""
    pending_spans: int = 0
    """They wait, or are under way."""
    shortened_spans: int = 0
    """Of the exported ones, those whose long texts the receiver did not take whole."""
    last_reason: str | None = None
    """Why spans did not arrive, in a few words of ours; `None` while they did."""
    spool: str | None = None
    """The file that the spooled ones are in."""

    @property
    def missing_spans(self) -> int:
        """Spans that should have arrived and have not, as far as is known."""
        return self.spooled_spans + self.dropped_spans + self.pending_spans


@dataclass(slots=True)
class Account:
    """Counts for one destination, whose lock guards them. Each is of `DeliveryReport`."""

    ended: int = 0
    exported: int = 0
    spooled: int = 0
    dropped: int = 0
    sampled_out: int = 0
    shortened: int = 0
    last_reason: str | None = None
    spool: str | None = None

    @property
    def settled(self) -> int:
        """Spans that something became of."""
        return self.exported + self.spooled + self.dropped + self.sampled_out

    def report(self, destination: str, *, pending: int) -> DeliveryReport:
        """The counts so far; `pending` are those that are held at the moment."""
        return DeliveryReport(
            destination=destination,
            ended_spans=self.ended,
            exported_spans=self.exported,
            spooled_spans=self.spooled,
            dropped_spans=self.dropped,
            sampled_out_spans=self.sampled_out,
            pending_spans=pending,
            shortened_spans=self.shortened,
            last_reason=self.last_reason,
            spool=self.spool,
        )
