"""File systems in image files that can be copied, as a power loss would leave them, while they are mounted."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

OUTER_BYTES = 8 << 30
INNER_BYTES = 400 << 20
ROOM_BYTES = 4 << 30
"""For what is written to them by a build and its copies; images have holes."""


@dataclass(frozen=True)
class Kind:
    """How a file system is made, mounted and looked after when the power is back."""

    make: str
    options: str = "loop"
    check: str = ""


KINDS = {
    "ext4 ordered": Kind("mkfs.ext4 -qF", "loop,data=ordered"),
    "ext4 writeback": Kind("mkfs.ext4 -qF", "loop,data=writeback"),
    "ext4 writeback, allocating at once": Kind("mkfs.ext4 -qF", "loop,data=writeback,nodelalloc,commit=1"),
    "ext4 without a journal": Kind("mkfs.ext4 -qF -O ^has_journal", check="e2fsck -fy"),
    "xfs": Kind("mkfs.xfs -qf", "loop,nouuid"),
    "btrfs": Kind("mkfs.btrfs -qf"),
}


def run(command: str, *arguments: str | Path, allowed: int = 0) -> None:
    """Run a system's command; its failure, past an exit code that is allowed, is the test's."""
    done = subprocess.run([*command.split(), *arguments], capture_output=True, text=True, check=False)
    if done.returncode > allowed:
        raise RuntimeError(f"{command}: {done.stdout}{done.stderr}")


def unmount(folder: Path) -> None:
    """Unmount a folder; who has just read a file of it may keep it for a moment."""
    for _ in range(250):
        with contextlib.suppress(RuntimeError):
            return run("umount", folder)
        time.sleep(0.02)
    return run("umount", folder)


class Disk:
    """A file system in an image, mounted at ``folder``; its image lies where a copy is made in no time."""

    def __init__(self, kind: str, place: Path) -> None:
        self.kind, self.place = KINDS[kind], place
        self.folder = place / "mounted"
        self.folder.mkdir()
        self.image = place / "outer" / "disk"
        self.copies = 0
        with open(self.image, "wb") as file:
            file.truncate(INNER_BYTES)
        run(self.kind.make, self.image)

    def copy(self) -> Path:
        """Return a copy of the image as it is at this moment: what would be left if the power were lost."""
        self.copies += 1
        copy = self.image.with_name(f"copy-{self.copies}")
        run("cp --reflink=always", self.image, copy)
        return copy

    @contextmanager
    def mounted(self, image: Path) -> Iterator[Path]:
        """Mount an image, which replays its journal."""
        run(f"mount -o {self.kind.options}", image, self.folder)
        try:
            yield self.folder
        finally:
            unmount(self.folder)

    def mend(self, image: Path) -> None:
        """Do what a system does before it mounts a disk whose power was lost."""
        if self.kind.check:
            run(self.kind.check, image, allowed=2)


def _quickest() -> Path | None:
    """Return where images lie best: in memory, if there is room, so that this machine's own disk has no part in it."""
    memory = Path("/dev/shm")
    return memory if memory.is_dir() and shutil.disk_usage(memory).free > ROOM_BYTES else None


@contextmanager
def disk(kind: str) -> Iterator[Disk]:
    """Make a disk, and remove it in the end."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="power-", dir=_quickest())))
        outer = place / "outer"
        outer.mkdir()
        with open(place / "image", "wb") as file:
            file.truncate(OUTER_BYTES)
        run("mkfs.xfs -qf -m reflink=1", place / "image")
        run("mount -o loop", place / "image", outer)
        stack.callback(unmount, outer)
        yield Disk(kind, place)


@cache
def unusable(kind: str = "xfs") -> str:
    """Return why this machine cannot try a kind, or nothing."""
    if os.name == "nt" or not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "only root can mount images"
    for program in ("mkfs.xfs", KINDS[kind].make.split()[0], "mount", "losetup"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    try:
        with disk(kind) as tried, tried.mounted(tried.image):
            tried.copy()
    except (OSError, RuntimeError) as error:
        return f"this machine lets no one mount an image: {' '.join(str(error).split())}"
    return ""
