"""The tracer of every span of ours."""

import importlib.metadata
from functools import cache
from weakref import WeakKeyDictionary

from opentelemetry.trace import Tracer, TracerProvider, get_tracer_provider

from nanoagent.tracing import names

_tracers: WeakKeyDictionary[TracerProvider, Tracer] = WeakKeyDictionary()


def tracer_of(provider: TracerProvider | None) -> Tracer:
    """Our tracer of a provider; making one takes longer than starting a span."""
    provider = provider or get_tracer_provider()
    try:
        tracer = _tracers.get(provider)
        if tracer is None:
            tracer = _tracers[provider] = provider.get_tracer(names.SCOPE_NAME, _version(), names.SCHEMA_URL)
    except TypeError:  # a provider that cannot be referred to weakly
        return provider.get_tracer(names.SCOPE_NAME, _version(), names.SCHEMA_URL)
    return tracer


@cache
def _version() -> str:
    try:
        return importlib.metadata.version(names.SCOPE_NAME)
    except importlib.metadata.PackageNotFoundError:
        return ""
