"""What a build leaves for a person who looks: ``index.html`` over all songs, and a page a song of its last build.

They are made of records and facts at the end of a build, and nothing is built from them. The index is the same for the
same songs, however they were built; a page of a last build is state. A draft has none, and leaves those of the real
build as they are.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from stemtasks import durable, plugins
from stemtasks.action.forecast import changes
from stemtasks.action.pipeline import Spec
from stemtasks.commands import variables
from stemtasks.commands.project import broken, specs, tree
from stemtasks.commands.reporter import Result
from stemtasks.commands.task import Build
from stemtasks.errors import CacheError, one_line
from stemtasks.job import Job
from stemtasks.paths import BUILD, LAST_BUILDS
from stemtasks.spec.song import Song

Of = TypeVar("Of")
INDEX = BUILD / "index.html"
ROWS = "songs"
"""The table of records that has each song's and album's row of the index."""
EMPTY: dict[str, Any] = {
    "name": "",
    "title": "",
    "bpm": None,
    "key": None,
    "seconds": None,
    "checks": 0,
    "passed": 0,
    "report": False,
    "failed": {},
    "archives": [],
    "was_built": False,
}
"""A row of which nothing is known; ``failed`` has lines by task, ``lufs`` and ``true_peak_dbtp`` are those of a master,
or of an album."""


def index() -> list[str]:
    """Return the path of the index, where there is to be one."""
    return [] if variables.is_draft() else [str(INDEX)]


def remove(named: Iterable[str]) -> None:
    """Remove the index, and the pages of some songs, which would say what is not so any more."""
    for path in (*index(), *(map(_page, named) if index() else ())):
        with contextlib.suppress(OSError):
            os.unlink(path)


def remove_of_gone(kept: set[str]) -> None:
    """Remove the pages of songs and albums that are not there any more, and the index, which has them."""
    gone = [name for name in tree().records.names(ROWS) if name not in kept]
    with contextlib.suppress(CacheError):
        for name in gone:
            tree().records.drop(ROWS, name)
    if gone:
        remove(gone)


def write(results: list[Result], builds: dict[str, Build]) -> None:
    """Write the pages of the songs and albums that a build did anything for, and the index where it is another."""
    if variables.is_draft():
        return
    known = {spec.name: spec for spec in specs()}
    done = {_song(result.task) for result in results if result.how != "up to date"} & known.keys()
    own_builds, own_results = _by_song(builds), _by_song({each.task: each for each in results})
    rows = [_broken_row(each.name, each.line) for each in broken()]
    try:
        for name, spec in known.items():
            own = own_results.get(name, {}), own_builds.get(name, {})
            row = tree().records.get(ROWS, name)
            if name in done or not _is_row(row) or row["failed"]:
                row = {**_row(spec, own[1]), "failed": _failed(row, *own)}
                tree().records.put(ROWS, name, row)
            rows.append(row)
            if name in done or not _page(name).exists():
                _write_page(spec, row, *own)
        index = plugins.load("stemtasks.report.index:index_page")(sorted(rows, key=lambda row: row["name"]))
        if _read(INDEX) != index:
            _replace(INDEX, index)
            durable.sync(BUILD)
    except (OSError, CacheError) as error:
        remove(done)
        said = error.strerror if isinstance(error, OSError) else one_line(str(error))
        sys.stderr.write(f"WARNING: {INDEX}: cannot be written ({said}); what was built is right\n")


def _write_page(spec: Spec, row: dict[str, Any], results: dict[str, Result], builds: dict[str, Build]) -> None:
    makers = {path: name for name, build in builds.items() for path in build.job.outputs.values()}
    made: list[dict[str, Any]] = []
    reports: tuple[str | None, str | None] = None, None
    for name, build in builds.items():
        record, result = tree().records.get("tasks", name), results.get(name)
        if not isinstance(record, dict):
            continue
        before = build.before if isinstance(build.before, dict) and build.before.get("key") != record["key"] else None
        reasons = () if before is None else _reasons(build.job, before, record, makers)
        if build.job.stage == "report" and (old := _kept(before, "page")) is not None:
            reports = old, _read(build.job.outputs["page"])
        made.append(
            {
                "task": name,
                "key": record["key"],
                "how": "-" if result is None else result.how,
                "took_s": 0.0 if result is None else result.seconds,
                "seconds": record["seconds"],
                "summary": record["summary"],
                "reasons": reasons,
                "before": _facts(_kept(before, "facts")),
                "after": _facts(_read(build.job.outputs["facts"])) if reasons else {},
            }
        )
    _replace(_page(spec.name), plugins.load("stemtasks.report.history:song_page")(row, made, *reports))


def _page(name: str) -> Path:
    return LAST_BUILDS / f"{name}.html"


def _reasons(job: Job, before: Any, record: Any, makers: dict[str, str]) -> tuple[str, ...]:
    """Return what differs between two records; one that another version wrote, or nobody, says nothing."""
    try:
        content = json.loads(json.dumps(record["content"]))
        return tuple(changes(job, tree(), before["content"], content, makers)) or ("its sources",)
    except (AttributeError, KeyError, TypeError):
        return ()


def _failed(row: Any, results: dict[str, Result], builds: dict[str, Build]) -> dict[str, str]:
    """Return what failed: in this build, or as a row has it in one before, and was not made since."""
    before = row["failed"] if _is_row(row) else {}
    left = [task for task in before if task in builds and task not in results]
    failed = {task: before[task] for task in left if tree().records.get("tasks", task) is None}
    return failed | {task: each.said for task, each in results.items() if each.how in ("failed", "error")}


def _row(spec: Spec, builds: dict[str, Build]) -> dict[str, Any]:
    """Return what the index says of what is there of a song or an album."""
    jobs: dict[str, Job] = {name: build.job for name, build in builds.items()}

    def facts(stage: str) -> dict[str, Any]:
        task = f"{stage}:{spec.name}"
        recorded = task in jobs and isinstance(tree().records.get("tasks", task), dict)
        return _facts(_read(jobs[task].outputs["facts"])) if recorded else {}

    if isinstance(spec, Song):
        timing, whole, report = facts("timing"), facts("master"), facts("report")
        frames, rate = timing.get("frames"), timing.get("sample_rate")
        found = {
            "bpm": spec.song.bpm,
            "key": spec.song.key,
            "seconds": frames / rate if frames and rate else None,
            "checks": report.get("checks", 0),
            "passed": report.get("passed", 0),
            "report": bool(report),
        }
    else:
        whole = facts("album")
        found = {"seconds": whole.get("duration_s")}
    archives = (job.outputs["archive"] for job in jobs.values() if "archive" in job.outputs)
    return {
        **EMPTY,
        **found,
        "name": spec.name,
        "title": spec.title,
        **{name: whole[name] for name in ("lufs", "true_peak_dbtp") if name in whole},
        "archives": [Path(path).name for path in archives if os.path.exists(path)],
        "was_built": True,
    }


def _broken_row(name: str, line: str) -> dict[str, Any]:
    return {**EMPTY, "name": name, "title": name, "failed": {"": line}}


def _is_row(row: Any) -> bool:
    """Return whether a record's row is one: another version may have written it."""
    return isinstance(row, dict) and row.keys() >= EMPTY.keys() and isinstance(row["failed"], dict)


def _kept(record: Any, role: str) -> str | None:
    """Return a file that a record had, as far as the store still has it."""
    if not isinstance(record, dict) or role not in record.get("outputs", {}):
        return None
    return _read(tree().store.blob_path(record["outputs"][role][2]))


def _read(path: str | Path) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeError):
        return None


def _facts(content: str | None) -> dict[str, Any]:
    found: Any = {}
    with contextlib.suppress(ValueError):
        found = json.loads(content or "{}")
    return found if isinstance(found, dict) else {}


def _by_song(named: dict[str, Of]) -> dict[str, dict[str, Of]]:
    """Return what is named by tasks, by their song or album and the task."""
    found: dict[str, dict[str, Of]] = {}
    for task, each in named.items():
        found.setdefault(_song(task), {})[task] = each
    return found


def _song(task: str) -> str:
    return task.partition(":")[2].partition("/")[0]


def _replace(path: Path, page: str) -> None:
    """Give a page its name when it is whole and on the disk; read-only, as all that is made here."""
    LAST_BUILDS.mkdir(parents=True, exist_ok=True)
    new = LAST_BUILDS / f"{path.name}.new"
    try:
        new.write_text(page, encoding="utf-8", newline="\n")
        new.chmod(0o444)
        durable.sync(new)
        os.replace(new, path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
