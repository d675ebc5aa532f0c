"""Behaviours: what a collector does with a request, of spans or of metrics, over either protocol.

Each is a function of an `Exchange`, so a test can have one of its own.
"""

from collections.abc import Callable

from instrumentation.testing.exchange import TOO_LARGE, Exchange, Refusal

Behaviour = Callable[[Exchange], None]
"""Does with a request what the collector is to do."""


def healthy(exchange: Exchange) -> None:
    """Take everything at once."""
    exchange.take()


def never_answers(exchange: Exchange) -> None:
    """Read the request, and hang."""
    exchange.request()
    exchange.wait(None)


def slow(seconds: float) -> Behaviour:
    """Take everything, and answer late; a sender that has gone by then was not told."""

    def behave(exchange: Exchange) -> None:
        exchange.request()
        exchange.wait(seconds)
        exchange.take()

    return behave


def refuses(refusal: Refusal, *, times: int | None = None) -> Behaviour:
    """Refuse the first requests of spans and the first of metrics, or all."""

    def behave(exchange: Exchange) -> None:
        if times is None or exchange.number <= times:
            exchange.refuse(refusal)
        else:
            exchange.take()

    return behave


def refuses_more_than(most_bytes: int, refusal: Refusal = TOO_LARGE) -> Behaviour:
    """Refuse requests that are longer than this, uncompressed."""

    def behave(exchange: Exchange) -> None:
        if exchange.request().ByteSize() > most_bytes:
            exchange.refuse(refusal)
        else:
            exchange.take()

    return behave


def takes_all_but(rejected: int) -> Behaviour:
    """Answer that so many of the spans or points were not taken; which is not said."""
    return lambda exchange: exchange.take(rejected)


def resets_before_answering(exchange: Exchange) -> None:
    """Take everything, and break off every other time instead of saying so, beginning with the first."""
    if exchange.number % 2:
        exchange.collector.take(exchange.request())
        exchange.reset()
    else:
        exchange.take()
