"""The parts of the package as a job carries them."""

from __future__ import annotations

from stemtasks.spec import parts

REFERENCES = {f"{kind}/{name}": part.reference for kind in parts.KINDS for name, part in parts.ours(kind).items()}
