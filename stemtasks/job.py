"""What one task is to make, as plain data, so that it can be written as JSON and run elsewhere."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Job:
    """What one task is to make.

    ``inputs`` and ``outputs`` are paths by role, ``parts`` the effects, generators and the like that the stage calls:
    by name such as ``effects/delay``, the reference by which they are imported. ``limits`` decide whether the outputs
    are right and not what they are; ``where`` is the place in the spec that a user would look at.
    """

    task: str
    stage: str
    inputs: dict[str, str]
    outputs: dict[str, str]
    params: dict[str, Any]
    limits: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)
    where: str = ""


def canonical(value: Any) -> str:
    """Return plain data as JSON, the same text for the same data whatever the order of its keys."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
