"""What may be watched: the songs with their reports, or their drafts."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from stemtasks.paths import BUILD, DRAFT_PREFIX
from stemtasks.paths import DRAFTS as DRAFTS_FOLDER


class Kind(NamedTuple):
    """What a watch builds and shows."""

    title: str
    """Of the list of songs."""
    folder: Path
    """What is served lies in it: ``SONG/FILE``."""
    page: str
    """A song's page, which the list leads to."""
    prefix: str
    """How the name of a file begins that is served."""
    variables: tuple[str, ...]
    """Of doit's command line."""


REPORTS = Kind("Songs", BUILD, "report.html", "", ())
DRAFTS = Kind("Drafts", DRAFTS_FOLDER, "draft.html", DRAFT_PREFIX, ("draft=true",))
