"""The resource: what is said about the process that emits spans."""

import importlib.metadata
import socket
from collections.abc import Mapping
from urllib.parse import unquote

from opentelemetry.sdk.resources import HOST_NAME, SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.util.types import AttributeValue

from instrumentation.otlp.outgoing import seen


def resource_of(service_name: str, attributes: Mapping[str, AttributeValue], env: Mapping[str, str]) -> Resource:
    """The resource: ours, then what the SDK detects, then what the environment says, then what the caller says."""
    detected = Resource.create()
    said = {**detected.attributes, **_said_resource(env)}
    if not str(said[SERVICE_NAME]).strip() or str(said[SERVICE_NAME]).startswith("unknown_service"):
        del said[SERVICE_NAME]
    ours = {SERVICE_NAME: service_name, HOST_NAME: socket.gethostname(), **_version()}
    # It stands beside every span.
    return Resource(seen({**ours, **said, **attributes}), detected.schema_url)


def _said_resource(env: Mapping[str, str]) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in env.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","))
    said = {key.strip(): unquote(value.strip()) for key, equals, value in pairs if equals}
    if env.get("OTEL_SERVICE_NAME", "").strip():
        said[SERVICE_NAME] = env["OTEL_SERVICE_NAME"]
    return said


def _version() -> dict[str, str]:
    try:
        return {SERVICE_VERSION: importlib.metadata.version("nanoagent")}
    except importlib.metadata.PackageNotFoundError:
        return {}
