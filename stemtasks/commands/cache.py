"""``stemtasks cache``: what the stores hold, whether it is whole, keeping it small, and sending and fetching."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from stemtasks.action.circles import read_buildable
from stemtasks.action.forecast import in_order
from stemtasks.action.keys import input_digests, key_of
from stemtasks.action.pipeline import all_jobs
from stemtasks.action.tree import Tree, local_store
from stemtasks.cache import collect, settings
from stemtasks.cache.digest import Digest
from stemtasks.cache.shared import Shared
from stemtasks.cache.store import Store
from stemtasks.errors import CacheError, Mistakes, SpecError, StemtasksError
from stemtasks.job import Job
from stemtasks.paths import SPEC, STATE

LOST = "the local store has lost them; run 'doit -s -a TASK'"


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands to the parser."""
    cache = commands.add_parser("cache", help="look after the local store, and share what was built")
    actions = cache.add_subparsers(required=True, metavar="ACTION")
    stats = actions.add_parser("stats", help="show what the stores hold")
    stats.set_defaults(run=_stats)
    verify = actions.add_parser("verify", help="read every blob of the local store and say which are bad")
    verify.add_argument("--repair", action="store_true", help="remove the bad ones; builds make or fetch them again")
    verify.set_defaults(run=_verify)
    gc = actions.add_parser("gc", help="remove the least recently used, never what the current build uses")
    gc.add_argument("--max-gb", type=float, help="the cap, if not the settings'")
    gc.set_defaults(run=_gc)
    push = actions.add_parser("push", help="send everything the current build uses to the shared store")
    push.add_argument("--force", action="store_true", help="send also what is there already")
    push.set_defaults(run=_push)
    pull = actions.add_parser("pull", help="fetch everything the next build needs into the local store")
    pull.set_defaults(run=_pull)
    over = actions.add_parser("replace", help="overwrite a task's bad entry in the shared store with this tree's")
    over.add_argument("task", nargs="+", help="such as master:demo; run 'doit -s -a TASK' first to make it anew")
    over.set_defaults(run=_replace)


def _check_folder() -> None:
    if not Path("dodo.py").is_file():
        raise CacheError("no dodo.py here; go to the folder of the songs and run it there")


def _tree() -> Tree:
    """Return the tree in this folder."""
    _check_folder()
    return Tree(STATE, settings=settings.load())


def _shared(tree: Tree, writes: bool = False) -> Shared:
    if tree.shared is None:
        raise CacheError("no shared store is set; name one in STEMTASKS_CACHE, or as [cache] shared in stemtasks.toml")
    if writes and not tree.shared.writable:
        raise CacheError("the shared store's mode is 'read'; set STEMTASKS_CACHE_MODE=readwrite")
    return tree.shared


def _stats(parsed: argparse.Namespace) -> None:  # noqa: ARG001 - a command's form
    """Print a line a store."""
    tree = _tree()
    found = collect.survey(tree.store)
    used = tree.records.keys() & found.entries.keys()
    needed = {digest for key in used for digest in collect.blobs_of(found.entries[key][1])}
    held = sum(found.blobs[digest].st_size for digest in needed & found.blobs.keys())
    cap = tree.settings.cache.max_gb
    print(
        f"local   {tree.store.folder}: {len(found.blobs)} blobs, {len(found.entries)} entries, "
        f"{_size(found.bytes)} of {cap:g} GB; the current build uses {_size(held)}"
    )
    shared = tree.shared
    if shared is None:
        print("shared  none")
        return
    signed = "signed" if tree.settings.signing_key else "not signed"
    counts = shared.counted()
    held_there = "not reachable" if counts is None else f"{counts[0]} blobs, {counts[1]} entries, {_size(counts[2])}"
    print(f"shared  {shared.address}: {held_there}; {tree.settings.cache.mode}, {signed}")


def _verify(parsed: argparse.Namespace) -> None:
    """Print what is bad; it is an error unless it was repaired."""
    _check_folder()
    store = local_store(STATE, settings.load())
    lines = collect.damaged(store, parsed.repair)
    print("\n".join([*lines, f"{store.folder}: {len(lines)} bad" + (", removed" if lines and parsed.repair else "")]))
    if lines and not parsed.repair:
        raise CacheError(f"{store.folder}: is damaged; no build uses what is bad, 'verify --repair' removes it")


def _gc(parsed: argparse.Namespace) -> None:
    tree = _tree()
    cap = tree.settings.cache.max_gb if parsed.max_gb is None else parsed.max_gb
    if not cap >= 0:
        raise SpecError(f"--max-gb: {cap:g} is not 0 or more")
    removed, left = collect.collect(tree.store, cap * collect.GIGABYTE, tree.keys_in_use())
    over = "; the current build uses more than the cap" if left > cap * collect.GIGABYTE else ""
    print(f"{tree.store.folder}: removed {_size(removed)}, {_size(left)} left of {cap:g} GB{over}")


def _push(parsed: argparse.Namespace) -> None:
    """Send what the records' keys lead to."""
    tree = _tree()
    _send(tree, {task: row["key"] for task, row in tree.records.tasks().items()}, parsed.force)


def _replace(parsed: argparse.Namespace) -> None:
    """Send single tasks' entries and blobs over what is there."""
    tree = _tree()
    rows = tree.records.tasks()
    for task in parsed.task:
        if task not in rows:
            raise CacheError(f"{task}: has not been built here; run 'doit {task}' first")
    _send(tree, {task: rows[task]["key"] for task in parsed.task}, force=True)


def _send(tree: Tree, keys: dict[str, str], force: bool) -> None:
    shared = _shared(tree, writes=True)
    begun = {task: shared.push(key, tree.store, replace=force) for task, key in keys.items()}
    failed = sorted(task for task, upload in begun.items() if upload is None or not shared.arrived(upload))
    lines = shared.finish()
    if failed:
        lost = [task for task in failed if not _is_kept(tree.store, keys[task])]
        why = lines[0].removeprefix("WARNING: ") if lines and not lost else LOST
        named = ", ".join((lost or failed)[:3])
        raise CacheError(f"{len(lost or failed)} of {len(keys)} tasks were not sent ({named} ...): {why}")
    print(f"{shared.address}: {len(keys)} tasks are there")


def _is_kept(store: Store, key: str) -> bool:
    entry = store.entry(key)
    return entry is not None and store.holds(entry, frozenset(entry["outputs"]))


def _pull(parsed: argparse.Namespace) -> None:  # noqa: ARG001
    """Fetch what the spec's keys lead to, as far as entries are known; nothing in ``build/`` changes."""
    tree = _tree()
    shared = _shared(tree)
    have, missing, known = 0, 0, dict[str, Digest]()
    specs, broken = read_buildable(SPEC)
    for job in in_order(all_jobs(specs)):
        try:
            key = _planned_key(job, tree, known)
        except StemtasksError:
            key = None
        entry = key and tree.store.entry(key)
        if key and not (entry and tree.store.holds(entry, frozenset(entry["outputs"]))):
            entry = tree.store.entry(key) if shared.pull(key, tree.store) else None
        if not entry:
            missing += 1
            continue
        have += 1
        made = {role: Digest(**digest) for role, digest in entry["outputs"].items()}
        known |= {path: made[role] for role, path in job.outputs.items() if role in made}
    for line in shared.finish():
        print(line)
    print(f"{tree.store.folder}: has {have} of {have + missing} tasks; run doit")
    Mistakes(mistake for each in broken for mistake in each.mistakes).settle()


def _planned_key(job: Job, tree: Tree, known: dict[str, Digest]) -> str:
    """Return the key a job will have, its inputs being those of the entries before it, or files that are no output."""
    made = {role: known[path] for role, path in job.inputs.items() if path in known}
    rest = {role: path for role, path in job.inputs.items() if role not in made}
    if any(Path(path).is_relative_to(STATE.parent) for path in rest.values()):
        raise CacheError(f"{job.task}: is made of what is not known yet")
    return key_of(job, made | input_digests(replace(job, inputs=rest), tree.digests))


def _size(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
