"""An album's archive: its songs' masters in the order of the tracks, a manifest, a track sheet, a cue sheet, checksums.

How loud the songs are together and which is the quietest and the loudest is measured on the files that are delivered.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

from stemtasks.audio.facts import Facts, as_json, read_facts, write_facts
from stemtasks.audio.together import measure_together
from stemtasks.delivery.album_names import track_names
from stemtasks.delivery.album_sheets import cue_sheet, sheet
from stemtasks.delivery.checks import header_disagreements
from stemtasks.delivery.dressing import Dressed, dressed_of
from stemtasks.delivery.handover import Handover
from stemtasks.delivery.names import folder_name, song_field
from stemtasks.delivery.sha256sums import sha256sums
from stemtasks.delivery.storing import stored
from stemtasks.errors import VerificationError

SCHEMA_VERSION = 1


def write_album(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Write ``outputs["archive"]``, and its contents as its facts.

    ``inputs`` are ``master/SONG`` and ``facts/SONG`` of each of ``params["tracks"]``; ``params["sha256"]`` has their
    digests. Raises VerificationError, before a byte is written, where a file is not the one that was measured.
    """
    songs = [track["song"] for track in params["tracks"]]
    facts = {song: read_facts(inputs[f"facts/{song}"]) for song in songs}
    wrong = [
        f"{song}: {phrase}" for song in songs for phrase in header_disagreements(inputs[f"master/{song}"], facts[song])
    ]
    if wrong:
        raise VerificationError("nothing is delivered: " + "; ".join(wrong))
    names = track_names(params)
    contents = _contents(params, facts, names, measure_together([inputs[f"master/{song}"] for song in songs]))
    folder = folder_name(params | {"song": params["album"]})
    sources = {name: inputs[f"master/{song}"] for name, song in zip(names, songs, strict=True)}
    dressed = {track["name"]: _dressed(sources[track["name"]], track, contents) for track in contents["tracks"]}
    with stored(outputs["archive"], folder) as archive:
        own = archive.copy(sources, contents["frames"], dressed)
        for track, path in zip(contents["tracks"], sources.values(), strict=True):
            as_it_is = {"sha256": params["sha256"][f"master/{track['song']}"], "bytes": path.stat().st_size}
            track.update(own.get(track["name"], as_it_is))
        digests = {track["name"]: track["sha256"] for track in contents["tracks"]}
        title = song_field(params | {"song": params["album"]})
        written = {
            "manifest.json": as_json(contents).encode(),
            "TrackSheet.txt": sheet(contents).encode(),
            f"{title}.cue": cue_sheet(contents).encode(),
        }
        digests |= {name: sha256(content).hexdigest() for name, content in written.items()}
        for name, content in [*written.items(), *sha256sums(Handover(contents, digests))]:
            archive.write(name, content)
    write_facts(outputs["facts"], contents)


def _dressed(path: Path, track: dict[str, Any], contents: dict[str, Any]) -> Dressed | None:
    """Return the tags of a track, where its file has any: those of its song, and its place on this album."""
    tags = track["tags"] | {"album": contents["title"], "track": track["number"]}
    return dressed_of(
        path, {"role": "master", "measurements": track["measurements"]}, {"song": track | {"tags": tags}}, []
    )


def _contents(params: dict[str, Any], facts: dict[str, Facts], names: list[str], lufs: float | None) -> dict[str, Any]:
    """Return what the archive holds, as plain data."""
    heard = {song: measured["lufs"] for song, measured in facts.items() if measured["lufs"] is not None}
    # of two that are as loud, the one that comes first
    quietest, loudest = (which(heard, key=heard.__getitem__) if heard else None for which in (min, max))
    spread = heard[loudest] - heard[quietest] if quietest is not None and loudest is not None else None
    tracks, frames = [], 0
    for number, (track, name) in enumerate(zip(params["tracks"], names, strict=True), 1):
        measured = facts[track["song"]]
        start_s = round(frames / params["sample_rate"], 6)
        frames += measured["frames"]
        tracks.append({"number": number, "name": name, "start_s": start_s, **track, "measurements": measured})
    return {
        "schema_version": SCHEMA_VERSION,
        "album": params["album"],
        "title": params["title"],
        "artist": params["artist"],
        "upc": params["upc"],
        "sample_rate": params["sample_rate"],
        "channels": tracks[0]["measurements"]["channels"],
        "subtype": params["subtype"],
        "format": params["format"],
        "loudness_lufs": params["loudness_lufs"],
        "gain": params["gain"],
        "frames": frames,
        "duration_s": round(frames / params["sample_rate"], 6),
        "lufs": lufs,
        "true_peak_dbtp": max(measured["true_peak_dbtp"] for measured in facts.values()),
        "quietest": quietest,
        "loudest": loudest,
        "loudness_spread_lu": None if spread is None else round(spread, 3),
        "tracks": tracks,
    }
