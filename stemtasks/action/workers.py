"""Where jobs run when not in doit's own threads: the worker's side of any executor, and worker processes.

An executor is chosen in ``dodo.py``: ``run_in(processes)``, or any function that returns one (``docs/workers.md``).
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import pickle
import platform
import signal
import sys
import threading
import traceback
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from stemtasks import loading, plugins, sources
from stemtasks.errors import WorkerError
from stemtasks.progress import process_groups
from stemtasks.spec import parts

# Before any sound is imported, here and in a worker. Tasks run side by side, so that one that takes all cores waits
# for the others; and a matrix product cut up among a machine's cores would not give the same bytes on one with more.
TOO_LATE_FOR_ONE_THREAD = "numpy" in sys.modules and os.environ.get("OPENBLAS_NUM_THREADS") != "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"

MOST_NAMED = 4
"""More files and libraries than these are counted: a worker with another release differs in many."""


def run_stage(stage: str, inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Run a stage by name; all arguments are plain data, so that an executor can carry them elsewhere."""
    loading.Finder.ours = True  # also in a worker, which has no dodo.py
    for reference in params.get("parts", {}).values():
        loading.follow(reference)
    plugins.load(parts.stage(stage, "run"))(inputs, outputs, params)
    if "draft" in params.get("parts", {}):
        plugins.load(params["parts"]["draft"])(outputs["audio"])


def processes() -> Executor:
    """Return a new worker process that takes one job at a time; a thread of doit has one, so none fails for another."""
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415 - 50 ms that a build without it does not need

    context = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
    executor = ProcessPoolExecutor(1, mp_context=context, initializer=_follow_parent)
    if os.name == "posix":  # Ctrl-C waits until the process can leave it to its parent
        before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
        try:
            executor.submit(os.getpid)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return executor


def attempt(order: str) -> str | Exception:
    """Carry out an order of ``workplace.py``, a JSON text, in a folder of this attempt's own, and return its name.

    What is raised is returned, so that all that an executor raises is about the worker itself. A worker that would
    make something else than the key says refuses: ``WorkerError``.
    """
    try:
        said = json.loads(order)
        if any(name.startswith(f"{plugins.PARTS}.") for name in said["code"]) and os.getcwd() not in sys.path:
            sys.path.insert(0, os.getcwd())  # as doit does: parts import what lies beside dodo.py
        if refusal := _refusal(said):
            raise WorkerError(f"process {os.getpid()} on {platform.node()} {refusal}, and run doit again")
        folder = Path(said["folder"], os.urandom(8).hex())
        folder.mkdir()
        inputs = {role: Path(path) for role, (path, *_) in said["inputs"].items()}
        outputs = {role: folder / name for role, name in said["outputs"].items()}
        run_stage(said["stage"], inputs, outputs, said["params"])
    except Exception as error:
        error.add_note(traceback.format_exc())
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            return RuntimeError(traceback.format_exc())
        return error
    return folder.name


def stamp(path: str | Path) -> tuple[int, int]:
    """Return a file's size in bytes and its time in whole seconds, which all file systems have; -1 where there is none.

    It is opened for that: what a network file system remembers of it is asked for anew then.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return -1, -1
    status = os.fstat(descriptor)
    os.close(descriptor)
    return status.st_size, status.st_mtime_ns // 1_000_000_000


def _refusal(order: dict[str, Any]) -> str:
    """Return what here is not as in the build that sent an order, and what to do, or nothing."""
    here, there = sources.deciding(frozenset(order["code"])), order["deciding"]
    if here != there:
        return (
            f"has other code than this build: {_differences(here, there)}; give it the same, "
            "start it again in the folder of dodo.py"
        )
    if TOO_LATE_FOR_ONE_THREAD:
        return "imported numpy before stemtasks could give it one thread; start it with OPENBLAS_NUM_THREADS=1"
    if not os.path.isdir(order["folder"]):
        return f"does not see {order['folder']}; mount the song's folder there at the same path"
    for path, *seen in order["inputs"].values():
        if list(stamp(path)) != seen:
            return f"sees another file than this build as {path}, or none; mount the same files at the same paths"
    return ""


def _differences(here: dict[str, str], there: dict[str, str]) -> str:
    """Return the names of sources that differ, and the versions of libraries."""
    names = [name for name in sorted({*here, *there}) if here.get(name) != there.get(name)]
    listed = [
        name if ".py" in name else f"{name} {here.get(name, 'none')} in place of {there.get(name, 'none')}"
        for name in names[:MOST_NAMED]
    ]
    return ", ".join(listed) + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")


def _follow_parent() -> None:
    """End a worker when its parent ends, however that comes; Ctrl-C is the parent's to answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if os.name == "posix":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT,))
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    for group in list(process_groups):
        with contextlib.suppress(OSError):
            os.killpg(group, signal.SIGKILL)
    os._exit(1)
