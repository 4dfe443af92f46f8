"""Two processes that fork for each run that ``tests/starts.py`` asks of them: they have imported what a build imports.

It is run as a program, with the numbers of two sockets. What is asked for on the first has imported this package too;
on the second only the libraries, for runs that have another copy of this package, or are Dask's. An order is JSON, and
four files: standard input, output and error of the run, and a socket that is told the number of the new process, and
then how that ended.

A run must not be able to tell: it is forked off while there is one thread, modules that do something when they are
imported are left to it, and what others have noted of their import is noted anew.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import sys
import threading
import time
from types import ModuleType
from typing import Any

LIBRARIES = (
    *("cloudpickle", "doit.doit_cmd", "doit.tools", "numpy", "rich.progress", "scipy.fft", "scipy.optimize"),
    *("scipy.special", "soundfile", "soxr", "xxhash"),
    *("concurrent.futures.thread", "html.parser", "http.server", "sqlite3", "ssl", "tomllib", "xml.etree.ElementTree"),
)
LATE = ("encodings.utf_8_sig", "numpy.fft", "numpy.ma", "numpy.random")
"""What numpy and doit import when it is first used."""
LEFT_TO_RUNS = (
    "stemtasks.commands.stoppable",  # takes over signals
    "stemtasks.graph",  # imports it, as the next two do
    "stemtasks.executors",
    "stemtasks.watch.building",
    "stemtasks.cli",  # the program itself
)
ORDER_BYTES = 1 << 20

kept: list[Any] = []
"""Closed when they are collected, by numbers that in a new process are other files': so they are not collected."""


def import_libraries() -> None:
    """Import what a build imports that is not of this package."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as this package does before numpy
    for name in (*LIBRARIES, *LATE):
        importlib.import_module(name)
    insist_on_one_thread()


def insist_on_one_thread() -> None:
    """Raise an exception if an import has started a thread: a process with threads is not to be forked."""
    if len(os.listdir("/proc/self/task")) > 1:
        raise RuntimeError("an import has started a thread, and a process with threads is not to be forked")


def import_all() -> None:
    """Import what a build imports, and what else of this package is slow to import."""
    import stemtasks

    for module in pkgutil.walk_packages(stemtasks.__path__, "stemtasks."):
        if module.name not in LEFT_TO_RUNS and not module.name.startswith("stemtasks.template"):
            importlib.import_module(module.name)
    look_at_sources()
    work_out_tables()
    insist_on_one_thread()
    if imported := sys.modules.keys() & set(LEFT_TO_RUNS):
        raise RuntimeError(f"other modules import {sorted(imported)}: leave those to the runs too")


def look_at_sources() -> None:
    """Find what there is to find in the sources of this package, which runs would find each anew."""
    from stemtasks import sources
    from stemtasks.spec import parts, schema
    from stemtasks.spec.tables import ALBUM_TABLES, TABLES

    stages = [parts.stage(name, what) for name in parts.stages() for what in ("run", "verify")]
    sources.reached_from(frozenset([*stages, *(name for name in sys.modules if name.startswith("stemtasks."))]))
    sources.recall(sources.learnt())
    for table in {*TABLES.values(), *ALBUM_TABLES.values()}:
        schema.of_table(table)
    for kind in parts.KINDS:
        for name in parts.ours(kind):
            schema.of(kind, name)
    # what is so in this folder, and with what is installed beside it
    for found in (parts._of_project, parts._installed, parts.names, sources._is_local, sources._home):
        found.cache_clear()


def work_out_tables() -> None:
    """Work out tables that follow from nothing, or from the sample rate of the tests' songs."""
    from stemtasks.audio import true_peak
    from stemtasks.dsp import notes

    true_peak._meters()
    for sample_rate in (8_000, 9_000):
        notes._atoms(sample_rate)


def serve(orders: socket.socket) -> dict[str, Any] | None:
    """Fork for each order, and return it in the new process; return when there is nobody left to give one."""
    waiting = selectors.DefaultSelector()
    waiting.register(orders, selectors.EVENT_READ)
    kept.extend((orders, waiting))
    while True:
        for key, _ in waiting.select():
            if key.fileobj is not orders:
                waiting.unregister(key.fileobj)
                os.close(key.fd)
                number, report = key.data
                tell(report, os.waitpid(number, 0)[1])
                report.close()
                continue
            text, files, *_ = socket.recv_fds(orders, ORDER_BYTES, 4)
            if not text:
                return None
            order = json.loads(text)
            if missing := [name for name in order["import"] if name not in sys.modules]:
                for name in missing:
                    importlib.import_module(name)
                insist_on_one_thread()
            if not (number := os.fork()):
                take(files)
                return order
            for file in files[:3]:
                os.close(file)
            report = socket.socket(fileno=files[3])
            tell(report, number)
            waiting.register(os.pidfd_open(number), selectors.EVENT_READ, (number, report))


def tell(report: socket.socket, number: int) -> None:
    """Say a number to whoever asked for a run, who may be gone."""
    with contextlib.suppress(OSError):
        report.send(str(number).encode())


def take(files: list[int]) -> None:
    """Have a run's own files, and no others."""
    for number, file in enumerate(files[:3]):
        os.dup2(file, number)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))


def become(order: dict[str, Any]) -> None:
    """Be as Python is when it has just begun to carry out an order."""
    if order["session"]:
        os.setsid()
    if not order["waits for disks"]:
        os.fsync = not_waited_for
    os.umask(order["umask"])
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in order["ignored"]:
        signal.signal(number, signal.SIG_IGN)
    if order["unbuffered"]:
        sys.stdout.reconfigure(line_buffering=True, write_through=True)
    sys.argv = [order["how"], *order["arguments"]]
    sys.path[:] = dict.fromkeys([*order["path"], *sys.path])
    sys.path.insert(0, os.getcwd() if order["how"] == "-m" else "")
    sys.modules["__main__"] = ModuleType("__main__")
    if "stemtasks" in sys.modules:
        as_if_imported_now()
    else:
        os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as numpy, which is there, was imported
    if "dask.config" in sys.modules:
        sys.modules["dask.config"].refresh()
    if order["path"]:
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module("sitecustomize")  # as Python does


def not_waited_for(file: Any) -> None:
    """Raise what is raised for a file that is not open."""
    os.fstat(file if isinstance(file, int) else file.fileno())


def as_if_imported_now() -> None:
    """Note anew what modules of this package note when they are imported."""
    from stemtasks import seen
    from stemtasks.commands import note, task

    note.FOLDERS_OF_IMPORTS = tuple(sys.path)
    seen.BEGUN_NS = time.monotonic_ns()
    task.PROCESS = os.getpid()


def carry_out(order: dict[str, Any]) -> None:
    """Run a module, or code, as its own process would, and end this one.

    What ends in any other way than by an exit code is left to Python.
    """
    code: object = None
    try:
        if order["how"] == "-m":
            runpy._run_module_as_main(order["what"])
        else:
            exec(compile(order["what"], "<string>", "exec"), sys.modules["__main__"].__dict__)
    except SystemExit as said:
        code = said.code
        if not isinstance(code, int | None):
            raise
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stderr.flush()
    with contextlib.suppress(OSError):  # which Python says when it ends
        sys.stdout.flush()
        os._exit((code or 0) & 0xFF)
    sys.exit(code)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    del sys.path[0]
    import_libraries()
    whole, bare = (socket.socket(fileno=int(number)) for number in sys.argv[1:])
    if other := os.fork():
        bare.close()
        import_all()
    else:
        whole.close()
    gc.collect()
    gc.freeze()
    given = serve(whole if other else bare)
    if given is None:
        if other:
            os.waitpid(other, 0)
        os._exit(0)
    become(given)
    carry_out(given)
