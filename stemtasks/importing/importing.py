"""What a person asks to import, told apart: a folder of recordings, or a session; and what comes of it as text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stemtasks.errors import SpecError
from stemtasks.importing.dawproject import read_dawproject
from stemtasks.importing.enclosed import ENCLOSED, enclose
from stemtasks.importing.folder import look
from stemtasks.importing.of_session import propose_session
from stemtasks.importing.otio import read_otio
from stemtasks.importing.proposal import Tell
from stemtasks.importing.proposing import propose
from stemtasks.importing.rpp import read_rpp
from stemtasks.importing.session import Session
from stemtasks.importing.spec_text import spec_text
from stemtasks.importing.told import told

READERS = {"rpp": read_rpp, "dawproject": read_dawproject, "otio": read_otio}


@dataclass(frozen=True)
class Imported:
    """The text of a spec, what there is to say of it, and how many stems it has."""

    text: str
    lines: list[str]
    stems: int


def imported(given: Path, name: str, spec_folder: Path, tell: Tell) -> Imported:
    """Return the spec of a song made of a folder or of a session's file."""
    lines = []
    if given.is_dir():
        found = look(given)
        if not found.sessions:
            proposal = propose(name, _title(given), given, found, tell)
            return Imported(spec_text(proposal, spec_folder), list(told(proposal)), len(proposal.stems))
        if len(found.sessions) > 1:
            listed = ", ".join(found.sessions[:4]) + (", ..." if len(found.sessions) > 4 else "")
            raise SpecError(f"{given}: holds {len(found.sessions)} sessions ({listed}); name one of them")
        given = given / found.sessions[0]
        lines.append(f"{given} is a session: its tracks become the stems (move it away to take the recordings alone)")
    session = read_session(given)
    enclose(session, spec_folder / ENCLOSED / name)
    proposal = propose_session(name, _title(given), session, tell)
    return Imported(spec_text(proposal, spec_folder), lines + list(told(proposal)), len(proposal.stems))


def read_session(path: Path) -> Session:
    """Return the session of a file, whose ending says what it is."""
    reader = READERS.get(path.suffix.lower().removeprefix("."))
    if reader is None:
        known = ", ".join(f".{each}" for each in READERS)
        raise SpecError(f"{path}: is a file, and no session ({known}); name the folder that it lies in")
    return reader(path)


def _title(given: Path) -> str:
    there = given.resolve()
    return (there.name if there.is_dir() else there.stem).replace("_", " ").strip()
