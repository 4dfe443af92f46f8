"""What a delivery format is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Handover:
    """What is handed over, for a format to write from.

    ``contents`` is plain data on the song and each of its files (``contents.py``, and ``archive.json`` beside the
    archive); ``sha256`` has the digest of every file that is in the archive by now, by name, in order.
    A format is a function of its file's name that takes a ``Handover`` and its own parameters by name, and yields
    files as (name, bytes): the same bytes for the same contents.
    """

    contents: dict[str, Any]
    sha256: dict[str, str]
