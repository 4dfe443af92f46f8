"""What a person asks to import, told apart: a folder of recordings, or a session; and what comes of it as text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stemtasks.errors import SpecError
from stemtasks.importing.folder import look
from stemtasks.importing.proposal import Tell
from stemtasks.importing.proposing import propose
from stemtasks.importing.spec_text import spec_text
from stemtasks.importing.told import told


@dataclass(frozen=True)
class Imported:
    """The text of a spec, what there is to say of it, and how many stems it has."""

    text: str
    lines: list[str]
    stems: int


def imported(given: Path, name: str, spec_folder: Path, tell: Tell) -> Imported:
    """Return the spec of a song made of a folder or of a session's file."""
    if not given.is_dir():
        raise SpecError(f"{given}: is a file; name the folder that it lies in")
    found = look(given)
    proposal = propose(name, _title(given), given, found, tell)
    return Imported(spec_text(proposal, spec_folder), list(told(proposal)), len(proposal.stems))


def _title(given: Path) -> str:
    return given.resolve().name.replace("_", " ").strip()
