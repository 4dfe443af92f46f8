"""System calls of a build that change something, found by strace and made to fail by it, one at a time."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass

from tests.project import Project, Run

CALLS = (
    "open,openat,creat,write,writev,pwrite64,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,"
    "mkdir,mkdirat,rmdir,truncate,ftruncate,fallocate,fsync,fdatasync,copy_file_range,sendfile,chmod,fchmod,fchmodat,"
    "utimensat,ioctl"
)
WRITING = ("write", "writev", "pwrite64")
OF_A_FILE = (*WRITING, "ftruncate", "fallocate", "fsync", "fdatasync", "copy_file_range", "sendfile", "fchmod", "ioctl")
"""Calls on a file that is open already: nobody is refused leave by them any more."""
FREEING = ("unlink", "unlinkat", "rmdir")
FAULTS = {
    "killed": "signal=KILL",
    "ENOSPC": "error=ENOSPC",
    "EIO": "error=EIO",
    "EACCES": "error=EACCES",
    "short": "retval=0",
}
"""What is injected, by name; a short write is one that wrote nothing and says so."""
IMPOSSIBLE = {"ENOSPC": FREEING, "EACCES": OF_A_FILE}
HANG_SECONDS = 60
LINE = re.compile(r"^(\d+) +(\w+)\((.*)$")


@dataclass(frozen=True)
class Call:
    """The so-manieth call of a name by the build's main thread, and what strace says of it."""

    name: str
    number: int
    shown: str

    def faults(self) -> list[str]:
        """Return the faults that such a call can have."""
        possible = [fault for fault in FAULTS if self.name not in IMPOSSIBLE.get(fault, ())]
        return possible if self.name in WRITING else [fault for fault in possible if fault != "short"]


def unusable() -> str:
    """Return why this machine cannot inject faults, or nothing."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    options = ["-f", "--seccomp-bpf", "-o", os.devnull, "-e", "inject=mkdir:error=EIO"]
    probe = ["strace", *options, "mkdir", "/tmp/never-made"]
    done = subprocess.run(probe, capture_output=True, text=True, check=False)
    return "" if "Input/output error" in done.stderr else "this machine lets strace inject nothing"


def calls(project: Project, *command: str) -> tuple[Run, list[Call]]:
    """Run a command and return the calls of it that change something in ``build/``, in order."""
    run, log = _traced(project, command, "--seccomp-bpf", "-e", f"trace={CALLS}")
    main = log[0][0]
    counts: Counter[str] = Counter()
    found = []
    for process, name, rest in log:
        if process == main:
            counts[name] += 1
            if _changes(project, name, rest):
                found.append(Call(name, counts[name], _shown(project, name, rest)))
    return run, found


def injected(project: Project, call: Call, fault: str, *command: str) -> tuple[Run, str]:
    """Run a command in which a call has a fault; return what that call was this time, or nothing if it was another."""
    inject = f"inject={call.name}:{FAULTS[fault]}:when={call.number}"
    # with a filter in the kernel strace is quicker, but delivers no signals
    filtered = () if fault == "killed" else ("--seccomp-bpf",)
    run, log = _traced(project, command, *filtered, "-e", f"trace={call.name}", "-e", inject)
    main = log[0][0]
    own = [(name, rest) for process, name, rest in log if process == main]
    hit = own[call.number - 1] if len(own) >= call.number else ("", "")
    return run, _shown(project, *hit) if _changes(project, *hit) else ""


def _traced(project: Project, command: tuple[str, ...], *options: str) -> tuple[Run, list[tuple[str, str, str]]]:
    path = project.folder.with_name(f"{project.folder.name}.strace")
    strace = ["strace", "-f", "-y", "-qq", "-o", str(path), *options]
    done = subprocess.run(
        [*strace, sys.executable, "-m", "doit", *command],
        cwd=project.folder,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    found = [LINE.match(line) for line in path.read_text(errors="replace").splitlines()]
    path.unlink()
    run = Run(done.returncode, done.stdout.decode(), done.stderr.decode())
    return run, [(match[1], match[2], match[3]) for match in found if match]


def _changes(project: Project, name: str, rest: str) -> bool:
    """Return whether a call changes something in a project's ``build/``."""
    if '"build' not in rest and f"<{project.folder}/build" not in rest:
        return False
    if name.startswith("open"):
        return any(flag in rest for flag in ("O_WRONLY", "O_RDWR", "O_CREAT"))
    return name != "ioctl" or "FICLONE" in rest


def _shown(project: Project, name: str, rest: str) -> str:
    """Return a call for a person: its name and the paths that it is about."""
    paths = re.findall(rf'<{re.escape(str(project.folder))}/([^>]*)>|"(build[^"]*)"', rest)
    return f"{name} {' '.join(dict.fromkeys(a or b for a, b in paths))}"
