"""``stemtasks watch``: what may be said to it; all that it needs is imported when it runs."""

from __future__ import annotations

import argparse
from typing import Any

from stemtasks import plugins
from stemtasks.watch.kinds import DRAFTS, REPORTS


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("watch", help="build on every save, and show the reports, which update by themselves")
    parser.add_argument("--port", type=int, default=0, help="the port of 127.0.0.1 to serve at [default: a free one]")
    parser.add_argument(
        "--draft",
        dest="kind",
        action="store_const",
        const=DRAFTS,
        default=REPORTS,
        help="the same with drafts, and a page of players for each",
    )
    parser.set_defaults(run=_watch)


def _watch(parsed: argparse.Namespace) -> Any:
    return plugins.load("stemtasks.watch.watching:watch")(parsed.port, parsed.kind)
