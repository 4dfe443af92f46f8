"""``stemtasks import``: a folder of recordings, or another program's session, becomes the spec of a song."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from stemtasks import plugins
from stemtasks.commands import beginning, check
from stemtasks.errors import SpecError
from stemtasks.paths import SPEC
from stemtasks.spec.albums import FOLDER
from stemtasks.spec.names import Names, check_song_name
from stemtasks.spec.toml import spec_files


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("import", help="propose a song of a folder of recordings, or of a session")
    parser.add_argument("folder", help="the folder, or a session: .rpp, .dawproject or .otio")
    parser.add_argument("--name", help="what to call the song; the folder's name if not given")
    parser.set_defaults(run=_import)


def _import(parsed: argparse.Namespace) -> int:
    """Propose a song, write its spec, and say what was found and what to do next."""
    if not parsed.folder:
        raise SpecError("the folder's name is empty; name the folder of your recordings: 'stemtasks import takes'")
    given = Path(parsed.folder)
    name, path = _name(given, parsed.name)
    with plugins.load("stemtasks.importing.showing:showing")() as tell:
        found = plugins.load("stemtasks.importing.importing:imported")(given, name, SPEC, tell)
    made = beginning.begin(Path(), {name: found.text})
    if made:
        print(f"this folder is a project now: {', '.join(made)}")
    for line in found.lines:
        print(line)
    mistakes, remarks, _ = check.said([name])
    for line in [*mistakes, *(f"NOTE: {line}" for line in remarks)]:
        print(line)
    print(f"{path}: a song of {found.stems} stem{'s' if found.stems != 1 else ''}; read it, then run doit")
    return 1 if mistakes else 0


def _name(given: Path, asked: str | None) -> tuple[str, Path]:
    """Return what the song is called, and where its spec will lie; a name that is taken is a SpecError."""
    try:
        if not os.path.lexists(given):
            raise SpecError(f"{given}: is not there; name the folder of your recordings")
        there = given.resolve()
    except (OSError, ValueError) as error:
        raise SpecError(f"{given}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if asked is None:
        plain = os.fsencode(there.stem if there.is_file() else there.name).decode("utf-8", "replace")
        asked = plugins.load("stemtasks.importing.naming:song_name")(plain.replace("\ufffd", " "))
        if not asked:
            raise SpecError(f"{given}: its name is none for a song; give one with --name")
    check_song_name(asked, "--name", "give another name")
    path = SPEC / f"{asked}.toml"
    if os.path.lexists(path):
        raise SpecError(f"{path}: is there already, and is not overwritten; give another name with --name")
    Names([*spec_files(SPEC), *spec_files(SPEC / FOLDER)]).add(path, "another song or album has the name")
    return asked, path
