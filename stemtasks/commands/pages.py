"""What a build leaves for a person who looks: ``index.html`` over all songs, ``SONG/build.html`` of its last changes.

They are made of records and facts, at the end of a build that did anything. Nothing is built from them.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stemtasks import plugins
from stemtasks.action.forecast import changes
from stemtasks.commands.project import broken, songs, tree
from stemtasks.commands.reporter import Result
from stemtasks.commands.task import Build
from stemtasks.job import Job
from stemtasks.paths import BUILD
from stemtasks.spec.song import Song

INDEX, PAGE = BUILD / "index.html", "build.html"
PAGES = "stemtasks.report.history"
"""Loaded where a build did anything: it needs numpy."""
ROWS = "songs"
"""The table of records that has each song's row of the index."""
EMPTY: dict[str, Any] = {
    "name": "",
    "title": "",
    "bpm": None,
    "key": None,
    "seconds": None,
    "checks": 0,
    "passed": 0,
    "report": False,
    "failed": [],
    "counts": {},
    "took_s": 0.0,
    "archives": [],
}
"""A row of which nothing is known; ``lufs`` and ``true_peak_dbtp`` are those of a master."""


def pages_of(named: Iterable[str]) -> set[str]:
    """Return the paths of the pages of some songs."""
    return {(BUILD / name / PAGE).as_posix() for name in named}


def remove(named: Iterable[str]) -> None:
    """Remove the index, and the pages of some songs, which would say what is not so any more."""
    for path in (INDEX, *map(Path, pages_of(named))):
        with contextlib.suppress(OSError):
            path.unlink()


def write(results: list[Result], builds: dict[str, Build]) -> None:
    """Write the pages of the songs that a build did anything for, and the index."""
    done = {_song(result.task) for result in results if result.how != "up to date"}
    known = {song.name: song for song in songs()}
    gone = set(tree().records.names(ROWS)) - known.keys() - {each.name for each in broken()}
    if INDEX.exists() and not done and not gone:
        return
    done |= {name for name in known if not os.path.exists(BUILD / name / PAGE)}
    for name in gone:
        tree().records.drop(ROWS, name)
    try:
        for name in sorted(done & known.keys()):
            _write_song(known[name], results, builds)
        rows = [row for name in known if _is_row(row := tree().records.get(ROWS, name))]
        rows += [_broken_row(each.name, each.line) for each in broken()]
        _replace(INDEX, plugins.load(f"{PAGES}:index_page")(sorted(rows, key=lambda row: row["name"])))
    except OSError as error:
        remove(done)
        sys.stderr.write(f"WARNING: {INDEX}: cannot be written ({error.strerror}); what was built is right\n")


def _write_song(song: Song, results: list[Result], builds: dict[str, Build]) -> None:
    own = {name: build for name, build in builds.items() if _song(name) == song.name}
    result_of = {result.task: result for result in results}
    makers = {path: name for name, build in own.items() for path in build.job.outputs.values()}
    made: list[dict[str, Any]] = []
    reports: tuple[str | None, str | None] = None, None
    for name, build in own.items():
        record, result = tree().records.get("tasks", name), result_of.get(name)
        if not isinstance(record, dict):
            continue
        before = build.before if isinstance(build.before, dict) and build.before.get("key") != record["key"] else None
        reasons = () if before is None else _reasons(build.job, before, record, makers)
        if build.job.stage == "report":
            reports = _kept(before, "page"), _read(build.job.outputs["page"])
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
    row = _row(song, own, [result_of[name] for name in own if name in result_of])
    tree().records.put(ROWS, song.name, row)
    _replace(BUILD / song.name / PAGE, plugins.load(f"{PAGES}:song_page")(row, made, *reports))


def _reasons(job: Job, before: Any, record: Any, makers: dict[str, str]) -> tuple[str, ...]:
    """Return what differs between two records; one that another version wrote, or nobody, says nothing."""
    try:
        content = json.loads(json.dumps(record["content"]))
        return tuple(changes(job, tree(), before["content"], content, makers)) or ("its sources",)
    except (AttributeError, KeyError, TypeError):
        return ()


def _row(song: Song, builds: dict[str, Build], results: list[Result]) -> dict[str, Any]:
    """Return what the index says of a song: its figures, what failed, and how its tasks came out."""
    jobs: dict[str, Job] = {name: build.job for name, build in builds.items()}

    def facts(task: str) -> dict[str, Any]:
        recorded = task in jobs and isinstance(tree().records.get("tasks", task), dict)
        return _facts(_read(jobs[task].outputs["facts"])) if recorded else {}

    timing, master, report = (facts(f"{stage}:{song.name}") for stage in ("timing", "master", "report"))
    frames, rate = timing.get("frames"), timing.get("sample_rate")
    found: dict[str, Any] = {
        "name": song.name,
        "title": song.title,
        "bpm": song.song.bpm,
        "key": song.song.key,
        "seconds": frames / rate if frames and rate else None,
        **{name: master[name] for name in ("lufs", "true_peak_dbtp") if name in master},
        "checks": report.get("checks", 0),
        "passed": report.get("passed", 0),
        "report": bool(report),
        "failed": [result.said for result in results if result.how in ("failed", "error")],
        "counts": dict(Counter(result.how for result in results)),
        "took_s": round(sum(result.seconds for result in results), 3),
        "archives": [
            Path(job.outputs["archive"]).name
            for name, job in jobs.items()
            if job.stage == "archive" and os.path.exists(job.outputs["archive"])
        ],
    }
    return EMPTY | found


def _broken_row(name: str, line: str) -> dict[str, Any]:
    return {**EMPTY, "name": name, "title": name, "failed": [line]}


def _is_row(row: Any) -> bool:
    """Return whether a record's row is one: another version may have written it."""
    return isinstance(row, dict) and row.keys() >= EMPTY.keys()


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


def _song(task: str) -> str:
    return task.partition(":")[2].partition("/")[0]


def _replace(path: Path, page: str) -> None:
    """Give a page its name when it is whole; read-only, as all that is made here."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.write_text(page, encoding="utf-8", newline="\n")
    new.chmod(0o444)
    os.replace(new, path)
