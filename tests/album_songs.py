"""Three small songs and their album, that tests build."""

from __future__ import annotations

from pathlib import Path

from tests.pipeline import tasks_of

RATE = 22_050
SONG = """
[song]
title = "{title}"
artist = "Ada"
bpm = 120
sample_rate = 22050
subtype = "PCM_24"

[reference]
duration = {seconds}

[stems.drums]
generator = "drums"
[stems.drums.patterns.default]
kick = "x..."
snare = "..x."

[stems.tone]
generator = "tone"
note = "{note}"
gain_db = -12

[master]
loudness_lufs = {lufs}
"""
SONGS = {
    "dawn": {"title": "Dawn", "seconds": 3, "note": "A3", "lufs": -16},
    "dusk": {"title": "Dusk", "seconds": 4, "note": "C3", "lufs": -20},
    "noon": {"title": "High Noon", "seconds": 2, "note": "E4", "lufs": -14},
}
ORDER = ("dusk", "noon", "dawn")
ALBUM = """
[album]
title = "First Light"
songs = ["dusk", "noon", "dawn"]
loudness_lufs = -18
"""
OF_SONGS = sorted(task for song in SONGS for task in tasks_of(song, ["drums", "tone"]))
OF_ALBUM = ["album:light", "level:light", *(f"master:light/{song}" for song in sorted(SONGS))]


def write_songs(folder: Path) -> None:
    """Write the three songs."""
    for name, said in SONGS.items():
        (folder / f"{name}.toml").write_text(SONG.format(**said), encoding="utf-8")


def write_album(folder: Path, text: str = ALBUM, name: str = "light") -> Path:
    """Write an album beside the songs of a folder."""
    path = folder / "albums" / f"{name}.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
