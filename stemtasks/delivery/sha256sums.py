"""Checksums of all files before it, in the form that ``sha256sum -c`` reads."""

from __future__ import annotations

from collections.abc import Iterator

from stemtasks.delivery.handover import Handover

NAME = "SHA256SUMS"


def names() -> list[str]:
    """Return the names of the files that it writes."""
    return [NAME]


def sha256sums(handover: Handover) -> Iterator[tuple[str, bytes]]:
    """Yield ``SHA256SUMS``: a line for each file that stands before it in the archive."""
    lines = (f"{digest}  {name}\n" for name, digest in handover.sha256.items())
    yield NAME, "".join(lines).encode()
