"""How many bytes a song's files take, and whether the disk has room for those that are still to be made."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterable, Iterator

from stemtasks import plugins
from stemtasks.action.forecast import Forecast, forecast
from stemtasks.action.pipeline import Spec, all_jobs
from stemtasks.action.tree import Tree
from stemtasks.errors import StemtasksError
from stemtasks.paths import BUILD, DRAFT_PREFIX, STAGES_OF_DRAFTS
from stemtasks.spec.album import Album
from stemtasks.spec.broken import Broken
from stemtasks.spec.deliveries import Delivery, Form, converted, master_subtype, own_master
from stemtasks.spec.song import Song
from stemtasks.timeline import clock

BYTES = {"FLOAT": 4, "PCM_24": 3, "PCM_16": 2}
MP3_BYTES = 0.5
"""A sample, at 320 kbit/s and 44,100 Hz in stereo."""
WRITES = ("run", "fetch")
"""What is restored from the local store shares its bytes."""
MOST_FACTS_CHARACTERS = 1 << 16


def without_room(specs: list[Spec], tree: Tree) -> tuple[list[Spec], list[Broken]]:
    """Return the songs and albums whose files fit on the disk, each by itself, and those whose files do not."""
    free = shutil.disk_usage(BUILD if BUILD.exists() else ".").free
    fitting: list[Spec] = []
    broken: list[Broken] = []
    for spec in specs:
        line = _too_large(spec, tree, free) if isinstance(spec, Song) else _album_too_large(spec, tree, free)
        if line is None:
            fitting.append(spec)
        else:
            broken.append(Broken.of(spec, line))
    return fitting, broken


def _album_too_large(album: Album, tree: Tree, free: int) -> str | None:
    """Return the line for an album whose own files do not fit, or None."""
    sizes = sizes_of_album(album)
    if sum(sizes.values()) > free:
        # what its songs write is not in the sizes
        jobs = all_jobs([*(track.song for track in album.tracks), album])
        missing = sum(sizes.get(each.task, 0) for each in forecast(jobs, tree) if each.what in WRITES)
        if missing > free:
            return (
                f"{album.path}: its files would take {size(missing)} more, {BUILD}/ has {size(free)} free; free some "
                "space"
            )
    return None


def _too_large(song: Song, tree: Tree, free: int) -> str | None:
    """Return the line for a song whose files do not fit, or None."""
    frames = target_frames(song)
    if frames is None or _most(song, frames) <= free:
        return None
    sizes = sizes_of(song, frames)
    if sum(sizes.values()) > free:
        # only now, since it looks at every file: what is there, or comes from the local store, takes no more
        missing = sum(sizes.get(each.task, 0) for each in forecast(all_jobs([song]), tree) if each.what in WRITES)
        if missing > free:
            rate, stems = song.song.sample_rate, len(song.stems)
            return (
                f"{song.path}: its files would take {size(missing)} more ({clock(frames / rate * 1000)} at {rate} Hz, "
                f"{stems} stem{'s' if stems != 1 else ''}), {BUILD}/ has {size(free)} free; free some space, or "
                "shorten the song, lower its sample_rate or its subtype"
            )
    return None


def target_frames(song: Song) -> int | None:
    """Return the frames of the target: the spec's, those last measured, or what the reference's header says."""
    rate, table = song.song.sample_rate, song.reference
    if table.duration is not None:
        return round(song.seconds(table.duration) * rate)
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, ArithmeticError, RecursionError):
        with open(song.product("reference.json"), encoding="utf-8") as file:
            facts = json.loads(file.read(MOST_FACTS_CHARACTERS))
        return int(facts["frames"] * rate / facts["sample_rate"])
    if table.file is None:
        return None
    with (
        contextlib.suppress(StemtasksError),
        plugins.load("stemtasks.audio.source:Source")(song.input(table.file)) as source,
    ):
        return int(source.frames * rate / source.sample_rate)
    return None


def sizes_of(song: Song, frames: int) -> dict[str, int]:
    """Return about how many bytes each task of a song writes, by the task's name."""
    table, sizes = song.song, dict[str, int]()
    delivered = (frames + round(table.tail_seconds * table.sample_rate)) * table.channels
    for stem in song.stems:
        duration = stem.table.duration
        own = frames if duration is None else round(song.seconds(duration) * table.sample_rate)
        channels = stem.table.channels or table.channels
        # what was rendered to the target's length is aligned as it is, and shares its bytes
        is_aligned = own == frames and "timeline" in stem.generator.wants
        sizes[f"stem:{song.name}/{stem.name}"] = own * channels * BYTES["FLOAT"]
        sizes[f"align:{song.name}/{stem.name}"] = 0 if is_aligned else frames * channels * BYTES["FLOAT"]
        sizes[f"process:{song.name}/{stem.name}"] = delivered * BYTES[table.subtype]
    for group in song.groups:
        sizes[f"group:{song.name}/{group.name}"] = delivered * BYTES[table.subtype]
    if song.master_effects:
        sizes[f"premaster:{song.name}"] = delivered * BYTES["FLOAT"]
    sizes[f"mix:{song.name}"] = delivered * BYTES["FLOAT"]
    sizes[f"master:{song.name}"] = delivered * BYTES[table.subtype]
    if not song.deliveries:
        sizes[f"archive:{song.name}"] = (
            delivered * BYTES[table.subtype] * (len(song.delivered(song.groups_delivered)) + 1)
        )
    for delivery in song.deliveries:
        sizes |= _sizes_of_delivery(song, delivery, delivered)
    if song.is_draft:
        kept = {task: size for task, size in sizes.items() if task.partition(":")[0] in STAGES_OF_DRAFTS}
        return {f"{DRAFT_PREFIX}{task}": size for task, size in kept.items()}
    return sizes


def _sizes_of_delivery(song: Song, delivery: Delivery, delivered: int) -> dict[str, int]:
    """Return the same of a delivery's tasks, ``delivered`` being the samples of a file of the song."""
    sizes, total = dict[str, int](), 0
    for each in converted(song, [delivery]):
        sizes[f"convert:{delivery.called(song, each.name)}"] = _bytes_of(song, each.form, delivered)
    for part, form in delivery.forms.items():
        total += _bytes_of(song, form, delivered) * (len(song.delivered(delivery.groups)) if part == "stems" else 1)
    if own_master(song, delivery):
        form = Form("wav", master_subtype(song, delivery), delivery.forms["master"].sample_rate)
        sizes[f"master:{delivery.called(song, delivery.name)}"] = _bytes_of(song, form, delivered)
    return sizes | {f"archive:{delivery.called(song, delivery.name)}": total}


def _bytes_of(song: Song, form: Form, delivered: int) -> int:
    samples = delivered * form.sample_rate / song.song.sample_rate
    return round(samples * BYTES[form.subtype] if form.subtype in BYTES else samples * MP3_BYTES)


def sizes_of_album(album: Album) -> dict[str, int]:
    """Return about how many bytes each task of an album writes, by the task's name; not those of its songs."""
    sizes, total = dict[str, int](), 0
    for track in album.tracks:
        song, table = track.song, track.song.song
        frames = target_frames(song)
        if frames is not None:
            delivered = (frames + round(table.tail_seconds * table.sample_rate)) * table.channels
            sizes |= _sizes_of_delivery(song, track.delivery, delivered)
            total += sizes.pop(f"archive:{track.delivery.called(song, track.delivery.name)}")
    return sizes | {f"album:{album.name}": total}


def expected(forecasts: Iterable[Forecast], specs: Iterable[Spec], tree: Tree) -> Iterator[str]:
    """Yield how many bytes would be written, and how long it takes by what is recorded of the tasks that would run."""
    sizes: dict[str, int] = {}
    for spec in specs:
        if isinstance(spec, Song):
            frames = target_frames(spec)
            sizes |= {} if frames is None else sizes_of(spec, frames)
        else:
            sizes |= sizes_of_album(spec)
    writing = [each.task for each in forecasts if each.what in WRITES]
    if writing:
        yield f"about {size(sum(sizes.get(task, 0) for task in writing))} to write"
    running = [each.task for each in forecasts if each.what == "run"]
    if running:
        taken = [seconds for task in running if (seconds := _seconds(tree, task)) is not None]
        unknown = len(running) - len(taken)
        if taken:
            yield f"{sum(taken):.1f} s of work, as long as it took before"
        if unknown:
            yield f"{unknown} task{'s were' if unknown != 1 else ' was'} never run, which may take any time"


def _seconds(tree: Tree, task: str) -> float | None:
    """Return how long a task took when it was last run, as its record says."""
    record = tree.records.get("tasks", task)
    seconds = record.get("seconds") if isinstance(record, dict) else None
    return seconds if isinstance(seconds, float) and seconds >= 0 else None


def _most(song: Song, frames: int) -> int:
    """Return more bytes than a song's files take, without looking at its stems; a stem may be longer than the song."""
    durations = [song.seconds(stem.table.duration) for stem in song.stems if stem.table.duration is not None]
    longest = max(
        [frames + song.song.tail_seconds * song.song.sample_rate, *(d * song.song.sample_rate for d in durations)]
    )
    most = longest * 2 * BYTES["FLOAT"] * (4 * len(song.stems) + 2 * len(song.groups) + 4)
    for delivery in song.deliveries:
        faster = max(form.sample_rate for form in delivery.forms.values()) / song.song.sample_rate
        # each file as it is converted and as it is zipped, and what the master is made of
        most += longest * faster * 2 * BYTES["FLOAT"] * (2 * len(song.strips) + 6)
    return round(most)


def size(count: int) -> str:
    """Return a number of bytes as a person reads it."""
    for unit, factor in (("TB", 1e12), ("GB", 1e9)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count / 1e6:.1f} MB"
