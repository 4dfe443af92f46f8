"""The key of a job: a digest of all that decides what it makes; and one of what decides whether that is right."""

from __future__ import annotations

import hashlib
import os
from typing import Any

from stemtasks import sources
from stemtasks.action.digests import Digests
from stemtasks.cache.digest import Digest
from stemtasks.errors import AudioError
from stemtasks.job import Job, canonical
from stemtasks.spec import parts


def code_of(job: Job) -> frozenset[str]:
    """Return the code that decides what a job makes: its stage's ``run``, and the parts that it calls."""
    modules = (reference.partition(":")[0] for reference in job.parts.values())
    return frozenset([parts.stage(job.stage, "run"), *modules])


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
        "sources": sources.digest(code_of(job)),
    }


def key_of(job: Job, inputs: dict[str, Digest]) -> str:
    """Return sha256 over what decides a job's output."""
    return hashlib.sha256(canonical(content_of(job, inputs)).encode()).hexdigest()


def limits_digest(job: Job) -> str:
    """Return a digest of the limits that a job's output is held to, and of the code that does it."""
    verified_by = sources.digest(frozenset([parts.stage(job.stage, "verify")]))
    return hashlib.sha256(f"{verified_by} {canonical(job.limits)}".encode()).hexdigest()
