"""Where jobs run when not in doit's own threads: the worker's side of any executor, and worker processes.

An executor is chosen in ``dodo.py``: ``run_in(processes)``, or any function that returns one, such as
``run_in(Client("tcp://scheduler:8786").get_executor)`` for a Dask cluster that sees the same files.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from stemtasks import loading, plugins
from stemtasks.progress import process_groups
from stemtasks.spec import parts

# Before any sound is imported, here and in a worker. Tasks run side by side, so that one that takes all cores waits
# for the others; and a matrix product cut up among a machine's cores would not give the same bytes on one with more.
os.environ["OPENBLAS_NUM_THREADS"] = "1"


def run_stage(stage: str, inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Run a stage by name; all arguments are plain data, so that an executor can carry them elsewhere."""
    loading.Finder.ours = True  # also in a worker, which has no dodo.py
    for reference in params.get("parts", {}).values():
        loading.follow(reference)
    plugins.load(parts.stage(stage, "run"))(inputs, outputs, params)


def processes() -> Executor:
    """Return a new worker process that takes one job at a time; a thread of doit has one, so none fails for another."""
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415 - 50 ms that a build without it does not need

    context = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
    return ProcessPoolExecutor(1, mp_context=context, initializer=_follow_parent)


def attempt(stage: str, inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> Exception | None:
    """Run a stage in a worker and return what it raised, so that all that is raised is about the worker itself."""
    try:
        run_stage(stage, inputs, outputs, params)
    except Exception as error:
        error.add_note(traceback.format_exc())
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            return RuntimeError(traceback.format_exc())
        return error
    return None


def _follow_parent() -> None:
    """End a worker when its parent ends, however that comes; Ctrl-C is the parent's to answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    for group in list(process_groups):
        with contextlib.suppress(OSError):
            os.killpg(group, signal.SIGKILL)
    os._exit(1)
