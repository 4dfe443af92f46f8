"""A Dask scheduler and workers on loopback, each a process of its own, given what a person would give them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests import starts
from tests.project import Project, Run

QUIET = {
    "DASK_DISTRIBUTED__DIAGNOSTICS__NVML": "False",
    "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "2",
    "OPENBLAS_NUM_THREADS": "1",  # as Dask's nanny sets it
}
MODULES = ("dask.cli", "distributed", "distributed.cli.dask_scheduler", "distributed.cli.dask_worker")
HANG_SECONDS = 200
GUIDE = Path(__file__).parents[1] / "docs/workers.md"


class Cluster:
    """A scheduler, and the workers that have been started."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "scheduler.json"
        self.folder = folder
        self.workers: list[subprocess.Popen[bytes]] = []
        self.scheduler = self._started("scheduler", "--port", "0", "--idle-timeout", "300 s")

    def _started(
        self, program: str, *arguments: str, env: dict[str, str] | None = None, folder: Path | None = None
    ) -> subprocess.Popen[bytes]:
        common = ["--scheduler-file", str(self.file), "--host", "127.0.0.1", "--no-dashboard"]
        with (self.folder / "log").open("ab") as log:
            return starts.started(
                [sys.executable, "-m", "dask", program, *common, *arguments],
                cwd=folder or self.folder,
                env={**os.environ, **QUIET, "DASK_TEMPORARY_DIRECTORY": str(self.folder), **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def address(self) -> str:
        """Return where the scheduler listens, once it does."""
        deadline = time.monotonic() + 30
        while not self.file.exists() or not self.file.read_text():
            assert self.scheduler.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return str(json.loads(self.file.read_text())["address"])

    def worker(self, project: Project, env: dict[str, str] | None = None, *more: str) -> subprocess.Popen[bytes]:
        """Start a worker in a project's folder, which takes one job at a time."""
        # where the tests themselves are killed, the scheduler ends when nothing is asked of it, and they end with it
        options = ["--nthreads", "1", "--no-nanny", "--death-timeout", "30", "--memory-limit", "0"]
        self.workers.append(self._started("worker", *options, *more, env=env, folder=project.folder))
        return self.workers[-1]

    def replace_the_dead(self, project: Project, env: dict[str, str]) -> int:
        """Start a worker for each that has ended, and return how many had."""
        dead = [worker for worker in self.workers if worker.poll() is not None]
        for worker in dead:
            self.workers.remove(worker)
            self.worker(project, env)
        return len(dead)

    def build(self, project: Project, env: dict[str, str], *tasks: str) -> tuple[Run, int]:
        """Run doit with a new worker for each that dies, and return how many did."""
        process, died = project.start(*tasks), 0
        deadline = time.monotonic() + HANG_SECONDS
        try:
            while process.poll() is None:
                died += self.replace_the_dead(project, env)
                assert time.monotonic() < deadline, (self.folder / "log").read_text()
                time.sleep(0.02)
        finally:
            process.kill()
            out, err = process.communicate()
        return Run(process.returncode, out.decode(), err.decode()), died + self.replace_the_dead(project, env)

    def lose_all(self) -> None:
        """Have the scheduler take all workers for lost, as it does with one that it has not heard of for minutes."""
        code = (
            "import sys; from distributed import Client\n"
            "async def lose(dask_scheduler):\n"
            "    for address in list(dask_scheduler.workers):\n"
            "        await dask_scheduler.remove_worker(address, stimulus_id='lost', close=False)\n"
            "Client(scheduler_file=sys.argv[1]).run_on_scheduler(lose)\n"
        )
        starts.run([sys.executable, "-c", code, str(self.file)], check=True)

    def dismiss(self) -> None:
        """End all workers."""
        while self.workers:
            _end(self.workers.pop())

    def end(self) -> None:
        """End every process."""
        self.dismiss()
        _end(self.scheduler)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def join(project: Project, cluster: Cluster) -> None:
    """Have a project's jobs run in a cluster, as the guide says."""
    (code,) = re.findall(r"```python\n(from functools.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert code.count("tcp://HOST:8786") == 1
    with (project.folder / "dodo.py").open("a") as file:
        file.write("\n" + code.replace("tcp://HOST:8786", cluster.address()))


@contextlib.contextmanager
def clustered(folder: Path) -> Iterator[Cluster]:
    """Give a cluster without workers, and end all of its processes however this ends."""
    with starts.importing(*MODULES):
        cluster = Cluster(folder)
        try:
            yield cluster
        finally:
            cluster.end()
