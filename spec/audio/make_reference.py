"""Write guide.ogg, the demo's reference: its drums and bass as the spec has them, dry, in one channel."""

import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import soundfile

from stemtasks import plugins
from stemtasks.audio.blocks import Blocks, Stream
from stemtasks.stages.timing import timeline_of
from stemtasks.timeline import Timeline, frames_of_beats

HERE = Path(__file__).parent
GAINS = {"drums": 0.7, "bass": 0.5}
HIGHEST_HZ = 2500.0  # what is above costs Vorbis as many bytes again, and a guide does not need it
BEATS_PER_BAR = 4
NOT_THE_GENERATORS = {"generator", "kind", "channels", "effects", "gain_db", "level_dbfs"}


def timeline(song: dict[str, Any], sections: list[dict[str, Any]], sample_rate: int) -> Timeline:
    """Return the timeline that the sections make by themselves."""
    placed = [{"key": None, **section, "beats": section["bars"] * BEATS_PER_BAR} for section in sections]
    params = {
        "sample_rate": sample_rate,
        "tail_seconds": 0.0,
        "bpm": song["bpm"],
        "beats_per_bar": BEATS_PER_BAR,
        "time_signature": "4/4",
        "key": song["key"],
        "sections": placed,
    }
    beats = sum(section["beats"] for section in placed)
    return timeline_of(frames_of_beats(beats, song["bpm"], sample_rate), params)


def stem(table: dict[str, Any], stream: Stream, along: Timeline) -> Blocks:
    """Return a stem of the spec, as its generator plays it."""
    arguments = {name: value for name, value in table.items() if name not in NOT_THE_GENERATORS}
    blocks: Blocks = plugins.load("stems", table["generator"])(stream, timeline=along, seed=0, **arguments)
    return blocks


def main() -> None:
    """Mix the guide and write it as Vorbis at its lowest quality."""
    spec = tomllib.loads((HERE.parent / "demo.toml").read_text(encoding="utf-8"))
    along = timeline(spec["song"], spec["sections"], spec["song"].get("sample_rate", 48000))
    path = HERE / "guide.ogg"
    # the samples are the same each time; libsndfile draws a new serial number for the Ogg stream
    with (
        TemporaryDirectory() as scratch,
        soundfile.SoundFile(path, "w", along.sample_rate, 1, "VORBIS", format="OGG", compression_level=1.0) as file,
    ):
        stream = Stream(along.sample_rate, 1, along.frames, Path(scratch))
        parts = [stem(spec["stems"][name], stream, along) for name in GAINS]
        mixed = (
            sum(block * gain for block, gain in zip(blocks, GAINS.values(), strict=True))
            for blocks in zip(*parts, strict=True)
        )
        for block in plugins.load("effects", "lowpass")(mixed, stream, cutoff_hz=HIGHEST_HZ, order=8):
            file.write(block[: along.frames - file.tell()])
    print(f"{path}: {along.frames} frames at {along.sample_rate} Hz, {path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
