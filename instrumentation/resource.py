"""The resource: what is said about the process that emits spans."""

import importlib.metadata
import socket
from collections.abc import Mapping, Sequence
from urllib.parse import unquote

from opentelemetry.sdk.resources import HOST_NAME, SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.util.types import AttributeValue

from nanoagent.redaction.redactor import redacted, redacted_items


def resource_of(service_name: str, attributes: Mapping[str, AttributeValue], env: Mapping[str, str]) -> Resource:
    """The resource: ours, then what the SDK detects, then what the environment says, then what the caller says."""
    detected = Resource.create()
    said = {**detected.attributes, **_said_resource(env)}
    if not str(said[SERVICE_NAME]).strip() or str(said[SERVICE_NAME]).startswith("unknown_service"):
        del said[SERVICE_NAME]
    ours = {SERVICE_NAME: service_name, HOST_NAME: socket.gethostname(), **_version()}
    whole = {**ours, **said, **attributes}
    return Resource({key: _seen(value) for key, value in whole.items()}, detected.schema_url)


def _seen(value: AttributeValue) -> AttributeValue:
    """What may be seen of it: the resource stands beside every span."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, Sequence):
        texts = [item for item in value if isinstance(item, str)]
        return redacted_items(texts) if len(texts) == len(value) else value
    return value


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
