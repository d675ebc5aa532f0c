"""`nanoagent resend`: spans that wait on disk go to their receiver."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from instrumentation.commands.output import Output
from instrumentation.commands.speaking import Listing, Speaker
from instrumentation.delivery.notices import Explainer
from instrumentation.exits import Ended, ExitCode, worst
from instrumentation.spooling.leftovers import UNREADABLE_SUFFIX
from instrumentation.spooling.resending import Resender, Resent, files_in, outlet_in
from instrumentation.spooling.spool import spool_directory
from nanoagent.texts import plural


def resend_spools(paths: Sequence[Path]) -> None:
    """Write a line for each file on stdout, and one for all; what is wrong on stderr.

    Args:
        paths: Files, and directories of spools; where there are none, the spool directory of the environment.

    Raises:
        Ended: Something is left.
        ConfigurationError: A path or a setting cannot be used.
    """
    outlet = outlet_in(os.environ)
    output, directory = Output(), spool_directory(os.environ)
    files = files_in(paths) if paths else files_in([directory] if directory.exists() else [])
    if not files:
        output.write_text(f"nothing to send in {', '.join(map(str, paths or [directory]))}")
        return
    with Speaker() as speaker:
        problems = Listing(speaker, "problems")
        resender = Resender(outlet, refused=Explainer(outlet, speaker.say).refused, tell=problems.add)
        all_resent = []
        for path in files:
            resent = resender.resend(path, speaker.progress(str(path)))
            all_resent.append(resent)
            speaker.hide_progress()
            output.write_text(_line(resent))
        problems.end()
        resender.shut_down()
    output.write_text(_total(all_resent))
    if (code := worst(map(_code, all_resent))) is not ExitCode.OK:
        raise Ended(code)


def _line(resent: Resent) -> str:
    if resent.in_use:
        return f"{resent.path}: in use by a process that writes or sends it: left alone"
    if resent.error is not None:
        sent = plural(resent.sent, "span")
        return f"{resent.path}: sent {sent}, but the file cannot be used ({resent.error}): it is as it was"
    line = f"{resent.path}: {_counts([resent])}"
    if resent.unreadable_lines:
        place = f"moved to {resent.path.name}{UNREADABLE_SUFFIX}" if resent.is_spool else "skipped"
        line += f"; {plural(resent.unreadable_lines, 'line')} without spans {place}"
    return line if resent.is_spool else f"{line}; it is no spool, and stays as it is"


def _total(all_resent: Sequence[Resent]) -> str:
    in_use = sum(resent.in_use for resent in all_resent)
    as_it_was = sum(resent.error is not None for resent in all_resent)
    line = f"total of {plural(len(all_resent), 'file')}: {_counts(all_resent)}"
    line += f"; {in_use:,} in use" if in_use else ""
    return line + (f"; {as_it_was:,} that cannot be used" if as_it_was else "")


def _counts(all_resent: Iterable[Resent]) -> str:
    spans = sent = 0
    for resent in all_resent:
        spans, sent = spans + resent.spans, sent + resent.sent
    return f"sent {sent:,} of {plural(spans, 'span')}, left {spans - sent:,}"


def _code(resent: Resent) -> ExitCode:
    if resent.error is not None:
        return ExitCode.UNUSABLE
    return ExitCode.INCONCLUSIVE if resent.left or resent.unreadable_lines else ExitCode.OK
