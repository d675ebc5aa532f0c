"""What cannot work where attempts are made in other processes: refused before any work starts."""

from collections.abc import Mapping

from benchmarks.request import Request
from instrumentation.metrics.selection import METRICS_VARIABLE, PROMETHEUS, metric_exporters_in
from instrumentation.selection import CONSOLE, EXPORTER_VARIABLE, FILE, exporters_in
from nanoagent.errors import ConfigurationError


def check(request: Request, env: Mapping[str, str]) -> None:
    """Refuse what needs one process for all attempts.

    Args:
        request: What is asked for.
        env: The environment variables.

    Raises:
        ConfigurationError: There is something; the message says the way out.
    """
    if request.max_cost_usd is not None:
        raise _together("--max-cost", "each process would spend it anew", "limit the spending at the provider")
    if request.record is not None:
        raise _together("--record", "answers are kept by one process", "record without --engine ray")
    if request.verify:
        raise _together("--verify", "other processes send the traces", "compare stored ones with `nanoagent verify`")
    exporters = exporters_in(env)
    if CONSOLE in exporters:
        raise _together(f"{EXPORTER_VARIABLE}=console", "nobody sees the workers' consoles", "take jaeger or otlp")
    if FILE in exporters and request.ray_address is not None:
        way_out = "take jaeger or otlp; kept-traces.jsonl has the traces of the first attempts all the same"
        raise _together(f"{EXPORTER_VARIABLE}=file", "each machine of a cluster would have a file of its own", way_out)
    for name in metric_exporters_in(env):
        if name in (CONSOLE, PROMETHEUS):
            why = "nobody knows where the workers are"
            raise _together(f"{METRICS_VARIABLE}={name}", why, "take otlp")


def _together(option: str, why: str, way_out: str) -> ConfigurationError:
    return ConfigurationError(f"--engine ray cannot be used with {option}: {why}; {way_out}, or leave out --engine")
