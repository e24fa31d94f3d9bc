"""`tcpnet-server doctor`: what may keep a hub from running well, and what to do about it."""

import argparse
import json
import os
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator
from io import TextIOWrapper
from typing import TYPE_CHECKING, Final

from tcpnet import text
from tcpnet.errors import ConfigError

if TYPE_CHECKING:
    from tcpnet.config import Settings
    from tcpnet.server.operation.doctor import Finding

STATUSES: Final = """exit status: that of the worst
  0  all is well
  1  there are warnings
  2  something is wrong, the settings maybe"""

_SHOWN: Final = ("ok", "warning", "FAILURE")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Let the command take what it needs to know."""
    parser.epilog = STATUSES
    parser.add_argument(
        "--uplink",
        metavar="HOST[:PORT]",
        default="",
        help="see whether this site can be reached (443); without it nothing is connected to",
    )


def run(given: Namespace, settings: Callable[[], "Settings"]) -> int:
    """Print what is found, one line each; the exit status. `settings` may raise ConfigError."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    worst = 0
    for finding in _findings(given, settings):
        worst = max(worst, finding.level)
        for line in _lines(finding, as_json="json" in given):
            try:
                print(line, flush=True)
            except BrokenPipeError:  # `doctor | head`; what is left to write goes nowhere
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return worst


def _findings(given: Namespace, settings: Callable[[], "Settings"]) -> Iterable["Finding"]:
    from tcpnet.server.operation import doctor

    try:
        read = settings()
    except ConfigError as error:
        advice = (
            "mend this first: all else depends on it (docs/tcpnet.example.toml has all settings)"
        )
        return [doctor.Finding("settings", doctor.Level.FAILURE, str(error), advice)]
    return doctor.examine(read, now=time.time(), uplink=given.uplink)


def _lines(finding: "Finding", *, as_json: bool) -> Iterator[str]:
    shown = _SHOWN[finding.level]
    if as_json:
        yield json.dumps(
            {
                "about": finding.about,
                "level": shown.lower(),
                "words": finding.words,
                "advice": finding.advice,
            }
        )
        return
    yield f"{shown:8} {finding.about:13} {text.clean(finding.words)}"
    if finding.advice:
        yield f"{'':22} -> {finding.advice}"
