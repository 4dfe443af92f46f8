"""Restoring from the stores, against building, and against copying the same bytes through obstore alone."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.s3_servers import BUCKET, Server

COPY = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import obstore
from obstore.store import from_url
store = from_url(sys.argv[1], client_options={"allow_http": True})
folder = Path(sys.argv[2])
def copy(name):
    with open(folder / name.rpartition("/")[2], "wb", buffering=0) as file:
        for piece in obstore.get(store, name).stream(1 << 20):
            file.write(piece)
names = [file["path"] for batch in obstore.list(store, prefix="blobs") for file in batch]
with ThreadPoolExecutor(4) as pool:
    list(pool.map(copy, names))
"""


def from_the_local_store(demo: Path, count: int, measured: Callable[..., Any], paired: Any, row: Any) -> None:
    """Restore the demo, all of its products being gone, against building it from nothing."""
    doit = [sys.executable, "-m", "doit"]

    def restoring() -> Any:
        shutil.rmtree(demo / "build" / "demo")
        return measured(doit, demo)

    def building() -> Any:
        place = demo.with_name("demo-anew")
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(demo, place, ignore=shutil.ignore_patterns("build"))
        return measured(doit, place)

    us, them = paired(count, restoring, building)
    for what, ours, theirs in (("wall", us.wall, them.wall), ("CPU", us.cpu, them.cpu)):
        ratio = f"{ours / theirs:.3f}"
        row(
            f"the demo from the local store, {what}", f"{ours:.2f} s", f"{theirs:.2f} s", ratio, "<= 0.1 of building it"
        )


def from_a_bucket(folder: Path, demo: Path, count: int, measured: Callable[..., Any], paired: Any, row: Any) -> None:
    """Restore the demo into a fresh clone from rclone's server on loopback, against obstore copying the same blobs."""
    server = Server("rclone", folder / "s3").start()
    env = {**server.environment(), "STEMTASKS_CACHE": f"s3://{BUCKET}"}
    before = dict(os.environ)
    os.environ.update(env)
    doit, place, copies = [sys.executable, "-m", "doit"], folder / "clone", folder / "copies"
    try:
        measured([sys.executable, "-m", "stemtasks.cli", "cache", "push"], demo)
        megabytes = sum(path.stat().st_size for path in (folder / "s3" / BUCKET / "blobs").glob("*/*")) / 1e6

        def restoring() -> Any:
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(demo, place, ignore=shutil.ignore_patterns("build"))
            return measured(doit, place)

        def copying() -> Any:
            shutil.rmtree(copies, ignore_errors=True)
            copies.mkdir()
            return measured([sys.executable, "-c", COPY, f"s3://{BUCKET}", str(copies)], folder)

        us, them = paired(count, restoring, copying)
    finally:
        server.stop()
        os.environ.clear()
        os.environ.update(before)
    row(
        f"the demo from a loopback S3 store, {megabytes:.0f} MB",
        f"{megabytes / us.wall:.0f} MB/s",
        f"{megabytes / them.wall:.0f} MB/s",
        f"{them.wall / us.wall:.2f}",
        ">= 0.5 of obstore alone",
    )
