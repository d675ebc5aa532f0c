"""Ray as far as it is needed: a cluster on this machine or one that is there, processes in it, and what goes wrong."""

import contextlib
import logging
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.formats import first_line, quoted
from nanoagent.errors import ConfigurationError

ANSWER_S: Final = 5.0
"""So long a cluster may take to answer at all."""
_HEALTH: Final = "/grpc.health.v1.Health/Check"
_ROOT: Final = Path(__file__).parents[2]
_OURS: Final = ("nanoagent", "instrumentation", "benchmarks")
_NOT_SHIPPED: Final = (".?*", "__pycache__", "*.pyc", "node_modules", "/out", "/build", "/dist")
"""Hidden files above all: what stands in them may be secret."""
_CONNECTING: Final = (
    "Python and ray must be of the same versions as here, this machine must be a node of the cluster, as by "
    "`ray start --address=A`, and RAY_AUTH_MODE and RAY_AUTH_TOKEN must be what they are there"
)
_OBJECT_STORE_BYTES: Final = 80 * 2**20
"""Near to the least that Ray takes: rows are small."""
_SETTINGS: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # It would start each worker by `uv run` in a copy of the current directory, were this process started so.
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    # It is given no GPUs, and hides none from whatever is benchmarked.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # It would print the end of a log on stdout whenever a node is lost.
    "RAY_DEDUP_LOGS": "1",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",
}


def load_ray(*, is_own: bool) -> Any:
    """The package, which sends nobody any statistics. Its settings are read when it is imported.

    Args:
        is_own: Whether a cluster is to be started that is this process's own, for nobody else to use.

    Raises:
        ConfigurationError: It is not installed.
    """
    os.environ.update(_SETTINGS)
    if is_own:
        os.environ.pop("RAY_ADDRESS", None)
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    else:
        os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "2")  # seconds, about; what answers by then is there
        # Without its head Ray would end this process after a minute, without a word.
        os.environ.setdefault("RAY_gcs_rpc_server_reconnect_timeout_s", "600")
    try:
        import ray
    except ImportError as error:
        raise ConfigurationError(
            f"--engine ray needs the package ray, got {first_line(error)}: install nanoagent[ray], such as by "
            "`uv run --extra ray python benchmarks/run_benchmarks.py --engine ray`"
        ) from error
    return ray


class Cluster:
    """A cluster that this process is connected to, until it is closed.

    Raises:
        ConfigurationError: There is none, or it cannot be used.
    """

    def __init__(self, address: str | None, *, processors: int, shipped: Path | None) -> None:
        """Start a cluster on this machine, or connect to one.

        Args:
            address: Of the one that is there; `None` starts one that ends with this process.
            processors: How many this machine's may use.
            shipped: The directory of which the workers of another cluster get a copy, beside the packages of ours.
        """
        self.ray: Final = load_ray(is_own=address is None)
        self.address: Final = address
        self._processors = processors
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL, "configure_logging": True}
        self._files: Path | None = None
        try:
            with _signals_kept():
                if address is None:
                    self._start(processors, options)
                else:
                    self._connect(address, shipped, options)
        except BaseException as error:
            self.close(keep_files=isinstance(error, ConfigurationError))
            raise

    @property
    def free_processors(self) -> int:
        """How many nobody uses; of a cluster that was started here all of them."""
        if self.address is None:
            return self._processors
        return int(self.ray.available_resources().get("CPU", 0))

    @property
    def doors(self) -> str:
        """What this machine's cluster opens on the network, in words."""
        [node] = self.ray.nodes()
        place = node["NodeManagerAddress"]
        gcs = self.ray.get_runtime_context().gcs_address.rpartition(":")[2]
        ports = ", ".join(map(str, (gcs, node["NodeManagerPort"], node["ObjectManagerPort"])))
        guarded = os.environ.get("RAY_AUTH_MODE", "").lower() == "token"
        guard = "and answers nobody without this run's token" if guarded else "and runs the code of whoever asks"
        return (
            f"Ray listens on every interface of this machine ({place}) while this runs, {guard}: ports {ports} and one "
            "a worker; let no firewall pass them on"
        )

    def worker(self, kind: type, arguments: Sequence[Any], *, concurrency: int) -> Any:
        """Ask for a process in which an object of this class lives, with a processor of its own."""
        options = {"num_cpus": 1, "max_concurrency": concurrency, "scheduling_strategy": "SPREAD"}
        return self.ray.remote(kind).options(**options).remote(*arguments)

    def answers(self) -> bool:
        """Whether its head does, soon."""
        import grpc  # type: ignore[import-untyped]

        try:
            _ask(self.ray.get_runtime_context().gcs_address)
        except grpc.RpcError:
            return False
        return True

    @property
    def logs(self) -> Path | None:
        """Where the logs are of a cluster that was started here."""
        return self._files and self._files / "session_latest" / "logs"

    def close(self, *, keep_files: bool = False) -> None:
        """Leave the cluster; one that was started here ends, and its files are removed.

        Args:
            keep_files: Whether they are kept, for whoever wants to read its logs.
        """
        with contextlib.suppress(Exception):
            self.ray.shutdown()
        if self._files is not None and not keep_files:
            shutil.rmtree(self._files, ignore_errors=True)

    def _start(self, processors: int, options: Mapping[str, Any]) -> None:
        paths = (str(_ROOT), os.environ.get("PYTHONPATH", ""))
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))  # of the workers
        try:
            # Not in Ray's own place: there the files of each run would stay. The names of sockets must be short.
            self._files = Path(tempfile.mkdtemp(prefix="ray-", dir=os.environ.get("RAY_TMPDIR", "/tmp")))  # noqa: S108
            self.ray.init(
                "local",
                num_cpus=processors,
                include_dashboard=False,
                object_store_memory=_OBJECT_STORE_BYTES,
                _temp_dir=str(self._files),
                **options,
            )
        except Exception as error:  # whatever keeps Ray from starting
            raise ConfigurationError(
                f"--engine ray must be able to start Ray on this machine, got {said(error)}; see "
                f"{self.logs or 'RAY_TMPDIR'}, or name a cluster with --ray-address"
            ) from error

    def _connect(self, address: str, shipped: Path | None, options: Mapping[str, Any]) -> None:
        _check_answers(address)
        environment: dict[str, Any] = {
            "py_modules": [str(_ROOT / name) for name in _OURS],
            "excludes": list(_NOT_SHIPPED),
        }
        if shipped is not None:
            environment["working_dir"] = str(shipped)
        try:
            self.ray.init(address, runtime_env=environment, **options)
        except Exception as error:  # of another version, of no token, of a directory that is too large
            raise unusable(address, said(error), _CONNECTING) from error


def unusable(address: str, why: str, way_out: str) -> ConfigurationError:
    """Why a cluster is refused."""
    return ConfigurationError(
        f"--ray-address must be of a cluster that can be used, got {quoted(address)}: {why}; {way_out}"
    )


def _check_answers(address: str) -> None:
    """Find out soon whether anybody is there: Ray itself tries for minutes."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or "/" in host:
        raise ConfigurationError(
            f"--ray-address must be HOST:PORT, or auto for the cluster that this machine is a node of, got "
            f"{quoted(address)}; `ray start --head` says it"
        )
    import grpc

    try:
        _ask(address)
    except grpc.RpcError as error:
        raise ConfigurationError(
            f"--ray-address must be of a cluster that answers, got {quoted(address)}: {error.code().name.lower()}: "
            f"{first_line(error.details())}; start it with `ray start --head`, or leave out --ray-address for one "
            "on this machine"
        ) from error


def _ask(address: str) -> None:
    """Ask what every gRPC server is asked.

    Raises:
        RpcError: Nobody has answered.
    """
    if os.environ.get("RAY_USE_TLS", "0").lower() in ("1", "true"):
        return  # with certificates that are Ray's affair
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    import grpc

    # As Ray connects: a proxy of the environment is for what is outside.
    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        channel.unary_unary(_HEALTH)(b"", timeout=ANSWER_S)


def said(error: Exception) -> str:
    """What an error says, on one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """Keep the handlers of signals, of which Ray replaces one; meanwhile a SIGTERM is what it is before and after."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    except SystemExit:  # what Ray's handler raises
        raise KeyboardInterrupt from None
    finally:
        with contextlib.suppress(ValueError):  # in another thread than the main one nothing was replaced
            for number, handler in before.items():
                signal.signal(number, handler)
