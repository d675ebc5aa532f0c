"""Exit codes: the same meaning in every command of the project."""

import signal
import sys
from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Any, Final, NoReturn

from nanoagent.errors import ConfigurationError
from nanoagent.redaction.redactor import redacted


class ExitCode(IntEnum):
    """What a command's exit code says."""

    OK = 0
    FAILED = 1
    """A criterion failed, a run failed, or numbers differ."""
    REGRESSION = 2
    INCONCLUSIVE = 3
    """Incomplete, inconclusive, or a verdict `error`."""
    UNUSABLE = 4
    """Usage error, bad input, or a crash."""
    INTERRUPTED = 130


_PRECEDENCE: Final = (
    ExitCode.INTERRUPTED,
    ExitCode.UNUSABLE,
    ExitCode.REGRESSION,
    ExitCode.FAILED,
    ExitCode.INCONCLUSIVE,
    ExitCode.OK,
)
_CLI_USAGE_ERROR: Final = 2
"""What a command-line library exits with on a usage error; with us that is a regression."""


class Ended(Exception):  # noqa: N818 - a way to end, not an error
    """A command has ended with this exit code, and has said what there is to say."""

    def __init__(self, code: ExitCode) -> None:
        super().__init__(code.name)
        self.code = code


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """The code to exit with where several hold."""
    return min(codes, key=_PRECEDENCE.index, default=ExitCode.OK)


def run_command(app: Callable[[], Any]) -> NoReturn:
    """Run a command-line application to its end, and exit with a code of the table; a SIGTERM is a Ctrl-C."""
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        app()
    except Ended as ended:
        if ended.code is ExitCode.INTERRUPTED:  # another Ctrl-C would end the process by the signal, without a code
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.exit(ended.code)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print("interrupted", file=sys.stderr)  # noqa: T201 - this is the terminal's edge
        sys.exit(ExitCode.INTERRUPTED)
    except ConfigurationError as error:
        from instrumentation.rendering.visible import visible_lines

        print(visible_lines(f"error: {redacted(str(error))}"), file=sys.stderr)  # noqa: T201
        sys.exit(ExitCode.UNUSABLE)
    except SystemExit as exit_:
        if exit_.code == ExitCode.INTERRUPTED:
            print("interrupted", file=sys.stderr)  # noqa: T201
        sys.exit(ExitCode.UNUSABLE if exit_.code == _CLI_USAGE_ERROR else exit_.code)
    except Exception as error:
        from instrumentation.rendering.visible import visible_lines
        from nanoagent.tracing.failures import redacted_traceback

        print(visible_lines(redacted_traceback(error)), end="", file=sys.stderr)  # noqa: T201
        sys.exit(ExitCode.UNUSABLE)
    sys.exit(ExitCode.OK)
