"""Names of an album's archive and its files: those of a song's, each with its track's number first."""

from __future__ import annotations

from typing import Any

from stemtasks.delivery.names import archive_name, field, file_depth, rate_label


def album_archive_name(params: dict[str, Any]) -> str:
    """Return the archive's file name without a folder: ``FirstLight_48k_24bit.zip``.

    ``params`` has ``album``, ``title``, ``sample_rate`` in Hz, ``subtype``.
    """
    return archive_name({**params, "song": params["album"]})


def track_names(params: dict[str, Any]) -> list[str]:
    """Return the name of each track's file, in their order: ``01_Dawn_48k_24b.wav``."""
    form = f"{rate_label(params['sample_rate'])}_{file_depth(params['subtype'])}.{params['format']}"
    return [f"{place:02}_{field(track['title'], 'Song')}_{form}" for place, track in enumerate(params["tracks"], 1)]
