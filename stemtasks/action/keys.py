"""What one task is to make, and the key that it has: a digest of all that decides its output."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import Any

from stemtasks import sources
from stemtasks.action.digests import Digests
from stemtasks.cache.digest import Digest
from stemtasks.errors import AudioError


@dataclass(frozen=True)
class Job:
    """What one task is to make, as plain data.

    ``inputs`` and ``outputs`` are paths by role, ``modules`` the code that decides the output,
    ``where`` the place in the spec that a user would look at.
    """

    task: str
    stage: str
    inputs: dict[str, str]
    outputs: dict[str, str]
    params: dict[str, Any]
    limits: dict[str, Any] = field(default_factory=dict)
    modules: frozenset[str] = frozenset()
    where: str = ""


def canonical(value: Any) -> str:
    """Return plain data as JSON, the same text for the same data whatever the order of its keys."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def input_digests(job: Job, known: Digests) -> dict[str, Digest]:
    """Return the digest of every input; raises ``AudioError`` naming one that is missing."""
    digests = {}
    for role, path in job.inputs.items():
        digest = known.of(path)
        if digest is None:
            what = "is not a file" if os.path.lexists(path) else "no such file"
            raise AudioError(f"{path}: {what}; correct the path or put the file there")
        digests[role] = digest
    return digests


def content_of(job: Job, inputs: dict[str, Digest]) -> dict[str, Any]:
    """Return what a key is made of: the stage, its parameters, its inputs' contents, and a digest of the code."""
    return {
        "stage": job.stage,
        "params": job.params,
        "inputs": {role: digest.sha256 for role, digest in inputs.items()},
        "outputs": sorted(job.outputs),
        "sources": sources.digest(job.modules),
    }


def key_of(job: Job, inputs: dict[str, Digest]) -> str:
    """Return sha256 over what decides a job's output."""
    return hashlib.sha256(canonical(content_of(job, inputs)).encode()).hexdigest()


def limits_digest(job: Job) -> str:
    """Return a digest of the limits that a job's output is held to."""
    return hashlib.sha256(canonical(job.limits).encode()).hexdigest()
