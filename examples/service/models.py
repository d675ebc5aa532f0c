"""The models that answer: those that are set, each asked again when its provider cannot answer for the moment."""

import dataclasses
import inspect
import logging
from typing import Any, Final

import httpx2
from pydantic_ai.models import Model, create_async_httpx2_client, infer_model
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.providers import Provider, infer_provider, infer_provider_class
from pydantic_ai.retries import AsyncHTTPX2TenacityTransport, RetryConfig, wait_retry_after
from pydantic_ai.settings import ModelSettings as RequestSettings
from pydantic_ai.settings import merge_model_settings
from tenacity import RetryCallState, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from benchmarks.scripted.model import NAME, ScriptedModel
from nanoagent import ModelConfigurationError, ModelSettings

_logger = logging.getLogger(__name__)

MAX_REQUESTS: Final = 5
"""Of one model call: the first one, and those after a refusal."""
MAX_WAIT_S: Final = 60.0
"""What a provider asks for beyond that is not waited for."""
PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
"""The statuses with which a provider refuses what it may answer a little later."""


def models_set(client: httpx2.AsyncClient) -> ModelSettings:
    """The models that the environment names, asked through this client; where it names none, one that follows rules.

    Raises:
        ModelConfigurationError: A role has no model, or its model cannot be built.
    """
    named = ModelSettings.from_env()
    if named == ModelSettings():
        return ModelSettings(model=ScriptedModel())
    names = {field.name: getattr(named, field.name) for field in dataclasses.fields(named)}
    models = ModelSettings(**{role: _model(str(name), client) for role, name in names.items() if name is not None})
    models.resolve()
    return models


def patient_client() -> httpx2.AsyncClient:
    """A client for the requests of providers, which makes those again that are refused for the moment.

    It waits as long as `Retry-After` says, else longer from time to time. All of it is within one model call, in the
    trace as in the numbers.
    """
    transport = AsyncHTTPX2TenacityTransport(
        RetryConfig(
            # No others: a request that was sent and not answered may be worked on, and paid for.
            retry=retry_if_exception_type((httpx2.HTTPStatusError, httpx2.ConnectError, httpx2.ConnectTimeout)),
            wait=wait_retry_after(wait_random_exponential(multiplier=0.5, max=30), max_wait=MAX_WAIT_S),
            stop=stop_after_attempt(MAX_REQUESTS),
            before_sleep=_tell,
            reraise=True,
        ),
        validate_response=_refuse_passing,
    )
    return create_async_httpx2_client(transport=transport)


def _model(name: str, client: httpx2.AsyncClient) -> Model:
    if name == NAME:
        return ScriptedModel()

    def provider(provider_name: str) -> Provider[Any]:
        if provider_name.startswith("gateway/"):
            return infer_provider(provider_name)
        kind: Any = infer_provider_class(provider_name)
        takes_client = "http_client" in inspect.signature(kind).parameters
        made: Provider[Any] = kind(http_client=client) if takes_client else infer_provider(provider_name)
        return made

    try:
        model = infer_model(name, provider)
    except Exception as error:  # each provider's own client raises its own kind when a key is missing
        raise ModelConfigurationError(f"the model {name!r} cannot be used: {error}") from error
    return model if "max_retries" in model.unsupported_settings else _AskedOnce(model)


class _AskedOnce(WrapperModel):
    """Leaves it to the transport to ask again: the provider's own client would do so each time that this gives up."""

    @property
    def settings(self) -> RequestSettings | None:
        return merge_model_settings(self.wrapped.settings, RequestSettings(max_retries=0))


def _refuse_passing(response: httpx2.Response) -> None:
    if response.status_code in PASSING:
        response.raise_for_status()


def _tell(state: RetryCallState) -> None:
    """Say that a call waits; no span and no number does."""
    error = state.outcome.exception() if state.outcome else None
    why = error.response.status_code if isinstance(error, httpx2.HTTPStatusError) else type(error).__name__
    _logger.warning("a provider cannot answer for the moment (%s): asked again in %.1f s", why, state.upcoming_sleep)
