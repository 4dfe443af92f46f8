"""Album: the songs' masters checked against each other, then one zip of them in the order of the tracks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemtasks.audio.facts import level
from stemtasks.audio.limits import failures
from stemtasks.delivery.album_names import album_archive_name
from stemtasks.job import Job
from stemtasks.timeline import clock

if TYPE_CHECKING:
    from stemtasks.spec.album import Album


def job(album: Album) -> Job:
    """Return what the album is made of: a master a song, its own or the one that the album asks for."""
    inputs: dict[str, str] = {}
    limits: dict[str, dict[str, Any]] = {}
    for track in album.tracks:
        name, song = track.song.name, track.song
        inputs |= {f"master/{name}": track.file["audio"], f"facts/{name}": track.file["facts"]}
        limits[name] = song.delivered_limits(track.delivery, "master")
    table, form = album.table, album.tracks[0].form
    params = {
        "album": album.name,
        "title": album.title,
        "artist": album.artist,
        "upc": table.upc,
        "sample_rate": form.sample_rate,
        "subtype": form.subtype,
        "format": form.format,
        "loudness_lufs": album.loudness_lufs,
        "gain": table.gain if album.loudness_lufs is not None else None,
        "tracks": [
            {
                "song": track.song.name,
                "title": track.song.title,
                "artist": track.song.song.artist or None,
                "isrc": track.song.tags.get("isrc"),
                "bpm": track.song.song.bpm,
                "key": track.song.song.key,
                "tags": track.song.tags,
                "ceiling_dbtp": track.song.ceiling_of(track.delivery),
            }
            for track in album.tracks
        ],
    }
    return Job(
        task=f"album:{album.name}",
        stage="album",
        inputs=inputs,
        outputs={"archive": album.product(album_archive_name(params)), "facts": album.product("album.json")},
        params=params,
        limits={
            "songs": limits,
            "loudness_lufs": album.loudness_lufs if album.has_gain else None,
            "loudness_tolerance_lu": table.loudness_tolerance_lu,
            "loudness_spread_lu": table.loudness_spread_lu,
        },
        where=album.where,
    )


def run(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Write the zip, and what it holds as its facts."""
    from stemtasks.delivery.album_archive import write_album

    write_album(inputs, outputs, params)


def verify(facts: dict[str, Any], limits: dict[str, Any]) -> list[str]:
    """Return what is outside the limits: of a track, a phrase that starts with its song, or of all of them together."""
    found = []
    for track in facts["tracks"]:
        held, measured = limits["songs"][track["song"]], track["measurements"]
        phrases = failures(measured, held)
        if measured["true_peak_dbtp"] > held["ceiling_dbtp"]:
            phrases.append(f"true peak is {measured['true_peak_dbtp']} dBTP, the ceiling is {held['ceiling_dbtp']}")
        found += [f"{track['song']}: {phrase}" for phrase in phrases]
    return found + _loudness_failures(facts, limits)


def _loudness_failures(facts: dict[str, Any], limits: dict[str, Any]) -> list[str]:
    found = []
    lufs, wanted, tolerance = facts["lufs"], limits["loudness_lufs"], limits["loudness_tolerance_lu"]
    if wanted is not None and (lufs is None or abs(lufs - wanted) > tolerance):
        found.append(
            f"its songs are at {level(lufs, 'LUFS')} together, {wanted} +-{tolerance} is asked: raise "
            "loudness_tolerance_lu"
        )
    spread, most = facts["loudness_spread_lu"], limits["loudness_spread_lu"]
    if most is not None and spread is not None and spread > most:
        quietest, loudest = (_said(facts, which) for which in ("quietest", "loudest"))
        found.append(
            f"from {quietest} to {loudest} are {spread:.1f} LU, {most:g} are allowed: set [master] loudness_lufs of "
            f'both closer, raise loudness_spread_lu, or write gain = "song" and a loudness_lufs'
        )
    return found


def _said(facts: dict[str, Any], which: str) -> str:
    """Return the quietest or the loudest song as a person reads it: 'dusk (-16.2 LUFS)'."""
    track = next(track for track in facts["tracks"] if track["song"] == facts[which])
    return f"{track['song']} ({level(track['measurements']['lufs'], 'LUFS')})"


def summary(facts: dict[str, Any]) -> str:
    """Return how much the album is, how loud, and its quietest and its loudest song."""
    count = len(facts["tracks"])
    said = [f"{count} track{'s' if count != 1 else ''}", clock(facts["duration_s"] * 1000)]
    said += [level(facts["lufs"], "LUFS"), level(facts["true_peak_dbtp"], "dBTP")]
    if count > 1 and facts["quietest"] is not None:
        said.append(f"quietest {_said(facts, 'quietest')}, loudest {_said(facts, 'loudest')}")
    return ", ".join([*said, f"{sum(track['bytes'] for track in facts['tracks']) / 1e6:.1f} MB, all checks passed"])
