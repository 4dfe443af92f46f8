"""What a build would do and why, in a person's words, without doing anything.

A task that would be restored has outputs that are known before, so what follows it can be told too. So has one that
would run as it did before, to make again what is lost. One that would run otherwise has not, and what follows it runs
unless its bytes come out the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from stemtasks import sources
from stemtasks.action.keys import code_of, content_of, key_of, limits_digest
from stemtasks.action.perform import intact
from stemtasks.action.tree import Tree
from stemtasks.cache.digest import Digest
from stemtasks.errors import StemtasksError
from stemtasks.job import Job, canonical

What = Literal["up to date", "verify", "restore", "fetch", "run", "fail"]
"""``restore`` is from the local store, ``fetch`` from the shared one."""
SONG_KEYS = ("sample_rate", "subtype", "dither", "tail_seconds", "bpm", "time_signature", "key", "sections")

MOST_SOURCES = 8
"""More than these are another release, and are counted."""


@dataclass(frozen=True)
class Forecast:
    """What would become of one task, and the reasons, a phrase each."""

    task: str
    what: What
    reasons: list[str] = field(default_factory=list)


def forecast(jobs: Iterable[Job], tree: Tree) -> list[Forecast]:
    """Return what a build of ``jobs`` would do, in the order in which each comes after what it needs."""
    ordered = in_order(jobs)
    makers = {path: job.task for job in ordered for path in job.outputs.values()}
    future: dict[str, Digest | None] = {}
    return [_forecast(job, tree, makers, future) for job in ordered]


def in_order(jobs: Iterable[Job]) -> list[Job]:
    """Return jobs so that each comes after those that make its inputs."""
    jobs = list(jobs)
    makers = {path: job for job in jobs for path in job.outputs.values()}
    done: dict[str, Job] = {}
    begun: set[str] = set()
    waiting = jobs[::-1]
    while waiting:
        job = waiting[-1]
        if job.task in begun:
            done.setdefault(job.task, waiting.pop())
        else:
            begun.add(job.task)
            before = [makers[path] for path in job.inputs.values() if path in makers]
            waiting += [other for other in before[::-1] if other.task not in begun]
    return list(done.values())


def _forecast(job: Job, tree: Tree, makers: dict[str, str], future: dict[str, Digest | None]) -> Forecast:
    future.update(dict.fromkeys(job.outputs.values()))
    unknown = sorted({makers[path] for path in job.inputs.values() if path in future and future[path] is None})
    if unknown:
        making = "makes its input again" if len(unknown) == 1 else "make its inputs again"
        return Forecast(job.task, "run", [f"{', '.join(unknown)} {making}"])
    inputs: dict[str, Digest] = {}
    for role, path in job.inputs.items():
        try:
            digest = future[path] if path in future else tree.digests.of(path)
        except StemtasksError as error:
            return Forecast(job.task, "fail", [str(error)])
        if digest is None:
            return Forecast(job.task, "fail", [f"input {path} is not there"])
        inputs[role] = digest
    key = key_of(job, inputs)
    record = tree.records.get("tasks", job.task)
    whole = isinstance(record, dict) and intact(job, tree, record)
    if isinstance(record, dict) and whole and record["key"] == key:
        future.update({path: Digest(*record["outputs"][role]) for role, path in job.outputs.items()})
        if record["limits"] == limits_digest(job):
            return Forecast(job.task, "up to date")
        return Forecast(job.task, "verify", list(_limit_changes(job, record)))
    reasons = list(_reasons(job, tree, inputs, record, makers))
    entry = tree.store.entry(key)
    if entry is not None and tree.store.holds(entry, frozenset(job.outputs)):
        future.update({path: Digest(**entry["outputs"][role]) for role, path in job.outputs.items()})
        return Forecast(job.task, "restore", reasons)
    offered = tree.shared.offers(key, frozenset(job.outputs)) if tree.shared else None
    if offered is not None:
        future.update({path: Digest(**offered["outputs"][role]) for role, path in job.outputs.items()})
        return Forecast(job.task, "fetch", reasons)
    # what was made of the same is known, and is made again
    if isinstance(record, dict) and record["key"] == key and record["outputs"].keys() == job.outputs.keys():
        future.update({path: Digest(*record["outputs"][role]) for role, path in job.outputs.items()})
    elif entry is not None and entry["outputs"].keys() == job.outputs.keys():
        future.update({path: Digest(**entry["outputs"][role]) for role, path in job.outputs.items()})
    return Forecast(job.task, "run", reasons)


def _reasons(job: Job, tree: Tree, inputs: dict[str, Digest], record: Any, makers: dict[str, str]) -> Iterator[str]:
    """Yield what differs between the record and what would be made now."""
    if not isinstance(record, dict) or "content" not in record:
        yield "there is no record of it"
        return
    # as they are written down: a tuple is a list there
    yield from changes(job, tree, record["content"], json.loads(canonical(content_of(job, inputs))), makers)
    for role, path in job.outputs.items():
        recorded = record["outputs"].get(role)
        if record["paths"].get(role) != path:
            yield f"its target is now {path}"
        elif (found := tree.digests.of(path)) is None:
            yield f"target {path} is missing"
        elif recorded != list(found):
            yield f"target {path} was overwritten"


def changes(job: Job, tree: Tree, before: dict[str, Any], now: dict[str, Any], makers: dict[str, str]) -> Iterator[str]:
    """Yield what differs between two contents (``keys.content_of``) of a job, a phrase each."""
    yield from _changes(before["params"], now["params"], _table(job))
    for role, path in job.inputs.items():
        if before["inputs"].get(role) != now["inputs"].get(role):
            made = f" (made by {makers[path]})" if path in makers else ""
            yield f"input {path} {'changed' if role in before['inputs'] else 'is new'}{made}"
    yield from (f"input '{role}' is gone" for role in before["inputs"] if role not in now["inputs"])
    yield from _source_changes(tree.records.get("sources", before["sources"]) or {}, sources.deciding(code_of(job)))


def _limit_changes(job: Job, record: dict[str, Any]) -> Iterator[str]:
    before, now = record.get("content", {}).get("limits", {}), json.loads(canonical(job.limits))
    changes = list(_changes(before, now, "verify"))
    yield from changes or ["how it is held against its limits changed"]


def _table(job: Job) -> str:
    """Return the table of the spec that a job's parameters come from."""
    return job.where.partition(": ")[2]


def _changes(before: Any, now: Any, table: str) -> Iterator[str]:
    """Yield the keys whose values differ, by their place in the spec."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted({*before, *now}):
            if key in before and key in now:
                yield from _changes(before[key], now[key], _joined(table, key))
            else:
                yield f"{_joined(table, key)} {'removed' if key in before else 'added'}"
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for index, (old, new) in enumerate(zip(before, now, strict=True)):
            yield from _changes(old, new, f"{table}[{index}]")
    elif before != now:
        yield f"{table or 'song'} {_shown(before)} -> {_shown(now)}"


def _joined(table: str, key: str) -> str:
    if key == "arguments":  # the spec writes them beside the name
        return table
    if key in SONG_KEYS and "[" not in table:
        return f"song.{key}"
    return f"{table}.{key}" if table else key


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"{len(value)} entries" if len(value) != 1 else "1 entry"
    if isinstance(value, dict):
        return "a table"
    text = f"{value:g}" if isinstance(value, float) else "none" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _source_changes(before: dict[str, str], now: dict[str, str]) -> Iterator[str]:
    """Yield the libraries whose versions differ, and the sources, or their number where another release has others."""
    changed = [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
    sources = [name for name in changed if _is_source(name)]
    for name in changed:
        if not _is_source(name):
            yield f"library {name} {before.get(name, 'none')} -> {now.get(name, 'none')}"
        elif len(sources) <= MOST_SOURCES:
            how = "added" if name not in before else "removed" if name not in now else "changed"
            yield f"source {name} {how}"
    if len(sources) > MOST_SOURCES:
        yield f"{len(sources)} sources changed, {', '.join(sources[:2])} ..."


def _is_source(name: str) -> bool:
    return ".py" in name or name.startswith("stemtasks")
