"""A handover of two stems and a master, as the archive gives it to its delivery formats, for tests to change."""

from __future__ import annotations

from typing import Any

from stemtasks.delivery.contents import CONTRACT
from stemtasks.delivery.handover import Handover

RATE = 48000


def stem(title: str, gain_db: float = 0.0) -> dict[str, Any]:
    name = f"Demo_{title.capitalize()}_48k_24b.wav"
    return {"role": "stem", "title": title, "name": name, "mix_gain_db": gain_db}


def section(name: str, start_bar: float, start_s: float) -> dict[str, Any]:
    return {"name": name, "start_bar": start_bar, "start_frame": round(start_s * RATE), "key": None}


def handover(*stems: dict[str, Any], sections: list[dict[str, Any]] | None = None, **song: Any) -> Handover:
    """Return 10 s at 120 quarter notes a minute, two bars of intro, then the verse, unless ``song`` says otherwise."""
    files = list(stems or (stem("bass", -6.0), stem("drums", 3.5)))
    said = {
        "title": "Demo",
        "artist": None,
        "bpm": 120.0,
        "time_signature": "4/4",
        "sample_rate": RATE,
        "channels": 2,
        "delivered_frames": 10 * RATE,
    }
    contents = {
        "song": said | song,
        "sections": [section("intro", 1.0, 0.0), section("verse", 3.0, 4.0)] if sections is None else sections,
        "contract": CONTRACT,
        "files": [*files, {"role": "master", "name": "Demo_Master_48k_24b.wav"}],
        "made_by": {"stemtasks": "sources 0123456789ab"},
    }
    return Handover(contents, {file["name"]: "0" * 64 for file in contents["files"]})
