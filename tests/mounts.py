"""Mounting what only one process sees: small disks, folders that cannot be written."""

from __future__ import annotations

import shutil
import subprocess

import pytest

UNSHARE = ["unshare", "--user", "--map-root-user", "--mount"]


def can_mount() -> bool:
    """Return whether this machine lets this user mount something in a name space of its own."""
    probe = [*UNSHARE, "sh", "-c", "mount -t tmpfs -o size=1m none /mnt"]
    return (
        shutil.which("unshare") is not None and not subprocess.run(probe, capture_output=True, check=False).returncode
    )


needs_mounts = pytest.mark.skipif(not can_mount(), reason="this machine lets this user mount nothing")
