"""Checksums of all files before it, in the form that ``sha256sum -c`` reads."""

from __future__ import annotations

from collections.abc import Iterator

from stemtasks.delivery.handover import Handover


def sha256sums(handover: Handover) -> Iterator[tuple[str, bytes]]:
    """Yield ``SHA256SUMS``: a line for each file that stands before it in the archive."""
    lines = (f"{digest}  {name}\n" for name, digest in handover.sha256.items())
    yield "SHA256SUMS", "".join(lines).encode()
