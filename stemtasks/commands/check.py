"""``doit check`` and ``stemtasks check``: all mistakes of all songs and albums, without making sound or writing."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from doit.cmd_base import Command

from stemtasks import plugins
from stemtasks.action.circles import read_buildable
from stemtasks.action.pipeline import Spec
from stemtasks.cache import settings
from stemtasks.commands.selection import Speaking
from stemtasks.errors import Mistakes, SpecError, StemtasksError, unknown
from stemtasks.paths import SPEC
from stemtasks.spec.broken import Broken
from stemtasks.spec.song import Song


class Check(Speaking, Command):  # type: ignore[misc]  # doit has no types
    """``doit check``."""

    doc_purpose = "say all that is wrong with all songs, without making sound"
    doc_usage = ""
    doc_description = None

    def execute(self, opt_values: Any, pos_args: list[str]) -> int:
        """Print what there is to say, in the folder that was asked for."""
        if folder := opt_values.get("cwdPath"):
            os.chdir(folder)
        return say(pos_args)


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("check", help="say all that is wrong with all songs, without making sound")
    parser.add_argument("song", nargs="*", help="only these, by name")
    parser.set_defaults(run=lambda parsed: say(parsed.song))


def say(names: list[str]) -> int:
    """Print a line a mistake, and how many there are; return 0, or 1 where there are any."""
    sys.dont_write_bytecode = True  # of a project's own parts either
    mistakes, remarks, counts = said(names)
    for line in [*mistakes, *(f"NOTE: {line}" for line in remarks)]:
        sys.stdout.write(f"{line}\n")
    found = "no mistakes" if not mistakes else "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    looked = [f"{count} {what}{'s' if count != 1 else ''}" for what, count in counts.items() if count or what == "song"]
    sys.stdout.write(f"{', '.join(looked)}, {found}\n")
    return 1 if mistakes else 0


def said(names: list[str]) -> tuple[list[str], list[str], dict[str, int]]:
    """Return all mistakes, all remarks, and how many songs and albums were looked at."""
    check = plugins.load("stemtasks.action.check:check")  # only now: it needs what reads headers
    mistakes, remarks = Mistakes(), list[str]()
    specs: list[Spec] = []
    broken: list[Broken] = []
    try:
        settings.load()
    except StemtasksError as error:
        mistakes += error.mistakes if isinstance(error, SpecError) else [str(error)]
    with mistakes:
        specs, broken = read_buildable(SPEC)
    wrong = {each.name: list(each.mistakes) for each in broken}
    read = {spec.name: spec for spec in specs}
    known = sorted({*wrong, *read})
    mistakes += [unknown("song", name, known) for name in names if name not in known]
    asked = [name for name in known if not names or name in names]
    for name in asked:
        mistakes += wrong.get(name, ())
        spec = read.get(name)
        if isinstance(spec, Song):  # an album is whole when its file is read and its songs are
            found = check(spec)
            mistakes += found.mistakes
            remarks += found.remarks
    albums = {spec.name for spec in specs if not isinstance(spec, Song)}
    albums |= {each.name for each in broken if each.is_album}
    count = sum(name in albums for name in asked)
    return mistakes, remarks, {"song": len(asked) - count, "album": count}
