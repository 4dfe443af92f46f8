"""Mounting what only one process sees: small disks, folders that cannot be written."""

from __future__ import annotations

import shutil
import subprocess

import pytest

UNSHARE = ["unshare", "--user", "--map-root-user", "--mount"]
IN_OWN_MOUNTS = """
import ctypes, os, subprocess, sys
def unshare(mounts):
    users, groups = os.getuid(), os.getgid()
    if ctypes.CDLL(None, use_errno=True).unshare(0x10020000):  # CLONE_NEWUSER, CLONE_NEWNS
        raise OSError(ctypes.get_errno(), "unshare")
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {users} 1"), ("gid_map", f"0 {groups} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    subprocess.run(["sh", "-ec", f"mount --make-rprivate /; {mounts}"], check=True)
def doit(*arguments):
    from doit.__main__ import main
    sys.argv[1:] = arguments
    main()
"""
"""Code with which a process that is forked off does for itself what ``UNSHARE`` does for a new one, and is doit."""
HERE_READ_ONLY = f"""{IN_OWN_MOUNTS}
unshare('mount --bind "$PWD" "$PWD"; mount -o remount,bind,ro "$PWD"')
os.chdir(os.getcwd())
"""
"""The same, which takes from it the leave to write in its folder."""


def can_mount() -> bool:
    """Return whether this machine lets this user mount something in a name space of its own."""
    probe = [*UNSHARE, "sh", "-c", "mount -t tmpfs -o size=1m none /mnt"]
    return (
        shutil.which("unshare") is not None and not subprocess.run(probe, capture_output=True, check=False).returncode
    )


needs_mounts = pytest.mark.skipif(not can_mount(), reason="this machine lets this user mount nothing")
