"""The manifest: all that is known of the song and its files, for programs."""

from __future__ import annotations

from collections.abc import Iterator

from stemtasks.audio.facts import as_json
from stemtasks.delivery.handover import Handover

NAME = "manifest.json"


def names() -> list[str]:
    """Return the names of the files that it writes."""
    return [NAME]


def manifest(handover: Handover) -> Iterator[tuple[str, bytes]]:
    """Yield ``manifest.json``: of every file what it is, what it measures and what made it."""
    yield NAME, as_json(handover.contents).encode()
