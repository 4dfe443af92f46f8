"""What holds for every effect, generator, strategy and delivery format, tried on a second of audio.

A law is a function of a ``Trial`` that returns whether it holds; its name says what. The tests hold the parts of this
package to them, ``stemtasks laws`` a project's own.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stemtasks.audio.blocks import Block, Stream
from stemtasks.audio.source import Source
from stemtasks.audio.wav import write_wav
from stemtasks.delivery.contents import contents_of
from stemtasks.delivery.handover import Handover
from stemtasks.errors import AudioError
from stemtasks.plugins import call
from stemtasks.timeline import Section, Timeline

RATE = 48_000
FRAMES = 6000
SOFT = 10 ** (-60 / 20)


@dataclass(frozen=True)
class Trial:
    """A part with arguments to be tried with, and a folder for scratch files."""

    reference: str
    arguments: dict[str, Any]
    folder: Path

    def effect(self, audio: Block, cuts: tuple[int, ...] = ()) -> Block:
        """Return what an effect makes of audio that comes in blocks, cut at some frames."""
        stream = Stream(RATE, audio.shape[1], len(audio), self.folder)
        blocks = iter([block for block in np.split(audio, cuts) if len(block)])
        made = list(call(self.reference, blocks, stream, arguments=self.arguments, offered=_offered(len(audio))))
        return np.concatenate(made) if made else np.empty((0, audio.shape[1]))

    def generator(self, channels: int) -> Block:
        """Return what a generator renders in a stem of ``FRAMES`` frames."""
        stream = Stream(RATE, channels, FRAMES, self.folder)
        made = list(call(self.reference, stream, arguments=self.arguments, offered=_offered(FRAMES)))
        return np.concatenate(made) if made else np.empty((0, channels))

    def strategy(self, frames: int) -> Block:
        """Return a second of noise fitted to so many frames."""
        path = self.folder / "stem.wav"
        write_wav(path, iter([_noise(RATE)]), RATE, 2)
        with Source(path) as source:
            stream = Stream(RATE, 2, source.frames, self.folder)
            made = call(
                self.reference,
                source,
                frames,
                stream,
                arguments=self.arguments,
                offered=_offered(frames) | {"bpm": None},
            )
            return np.concatenate(list(made.blocks))

    def delivery(self) -> list[tuple[str, bytes]]:
        """Return the files that a delivery format writes for a song of one stem."""
        return list(call(self.reference, _handover(), arguments=self.arguments, offered={}))


def _offered(frames: int) -> dict[str, Any]:
    sections = (Section("all", 0, frames, 0.0, frames / RATE * 2.0, "G major"),)
    return {
        "timeline": Timeline(RATE, frames, 0, 120.0, 4.0, "4/4", "G major", sections),
        "seed": 5,
        "kind": None,
        "noted": {},
    }


def _noise(frames: int = FRAMES, channels: int = 2) -> Block:
    return np.random.default_rng(0).standard_normal((frames, channels)) * 0.2


def _handover() -> Handover:
    facts = {"frames": FRAMES, "peak_dbfs": -6.0, "rms_dbfs": -12.0}
    master = facts | {"lufs": -14.0, "true_peak_dbtp": -1.1, "lra_lu": 3.0}
    stem = {"title": "Bass", "generator": "tone", "arguments": {}, "align": {"strategy": "none"}, "effects": []}
    params = {
        "song": "demo",
        "title": "Demo",
        "artist": "Nobody",
        "sample_rate": RATE,
        "channels": 2,
        "subtype": "PCM_24",
        "stems": {"bass": stem | {"gain_db": 0.0, "pan": 0.0}},
        "gains_db": {"bass": -3.0},
        "loudness_lufs": -14.0,
        "ceiling_dbtp": -1.0,
        "made_by": {"stemtasks": "sources 0"},
    }
    names = {"stems/bass": "Demo_Bass_48k_24b.wav", "master": "Demo_Master_48k_24b.wav"}
    digests = {name: {"sha256": "0" * 64, "bytes": 100} for name in names.values()}
    timeline = _offered(FRAMES)["timeline"]
    handed = contents_of({"bass": facts}, master, master, timeline, params, names, digests)
    return Handover(handed, dict.fromkeys(digests, "0" * 64))


def blocks_give_the_bits_of_the_whole(trial: Trial) -> bool:
    """Return whether it decides nothing where blocks end."""
    return np.array_equal(trial.effect(_noise(), (1, 7, 4096, 5000)), trial.effect(_noise()))


def blocks_of_one_frame_give_the_bits_of_the_whole(trial: Trial) -> bool:
    """Return whether blocks may be as short as they can be."""
    return np.array_equal(trial.effect(_noise(300), tuple(range(1, 300))), trial.effect(_noise(300)))


def two_runs_give_the_same_bits(trial: Trial) -> bool:
    """Return whether nothing is drawn from a clock or kept from the run before."""
    return np.array_equal(trial.effect(_noise()), trial.effect(_noise()))


def the_input_is_left_as_it_was(trial: Trial) -> bool:
    """Return whether blocks are not changed, which may be somebody else's too."""
    audio = _noise()
    trial.effect(audio)
    return np.array_equal(audio, _noise())


def silence_stays_silent(trial: Trial) -> bool:
    """Return whether nothing comes of nothing."""
    return not trial.effect(np.zeros((3000, 2))).any()


def no_frames_in_no_frames_out(trial: Trial) -> bool:
    """Return whether an empty stem stays one."""
    return len(trial.effect(np.empty((0, 2)))) == 0


def all_frames_come_out_finite(trial: Trial) -> bool:
    """Return whether as many frames come out as go in, or more, and all are numbers, however few there are."""
    made = [(frames, trial.effect(_noise(frames))) for frames in (1, 2, 7, 40, FRAMES)]
    return all(len(out) >= frames and out.shape[1] == 2 and bool(np.isfinite(out).all()) for frames, out in made)


def the_tail_ends_softly(trial: Trial) -> bool:
    """Return whether what rings on is followed until it cannot be heard."""
    out = trial.effect(_noise())
    return len(out) == FRAMES or bool(np.abs(out[-1]).max() < SOFT)


def no_scratch_file_is_left(trial: Trial) -> bool:
    """Return whether what was needed for a while is removed."""
    trial.effect(_noise())
    return not list(trial.folder.iterdir())


def two_renderings_give_the_same_bits(trial: Trial) -> bool:
    """Return whether the same parameters and the same seed are the same sound."""
    return np.array_equal(trial.generator(2), trial.generator(2))


def the_length_asked_for_comes_out_finite(trial: Trial) -> bool:
    """Return whether mono and stereo have the frames that the stem asks for."""
    made = [(channels, trial.generator(channels)) for channels in (1, 2)]
    return all(out.shape == (FRAMES, channels) and bool(np.isfinite(out).all()) for channels, out in made)


def the_target_is_met_or_refused(trial: Trial) -> bool:
    """Return whether a stem has exactly the target's frames, the same each time, or a line says why not."""
    for frames in (RATE // 2, RATE, 3 * RATE + 1):
        try:
            made = trial.strategy(frames)
        except AudioError:
            continue
        if len(made) != frames or not np.array_equal(made, trial.strategy(frames)):
            return False
    return True


def two_deliveries_are_the_same_bytes(trial: Trial) -> bool:
    """Return whether nothing in a file is of the clock or the machine."""
    return trial.delivery() == trial.delivery()


def files_have_plain_names_of_their_own(trial: Trial) -> bool:
    """Return whether a name is no path, and none is given twice."""
    names = [name for name, _ in trial.delivery()]
    return len(names) == len(set(names)) and all(name == Path(name).name and name.isprintable() for name in names)


LAWS: dict[str, tuple[Callable[[Trial], bool], ...]] = {
    "effects": (
        blocks_give_the_bits_of_the_whole,
        blocks_of_one_frame_give_the_bits_of_the_whole,
        two_runs_give_the_same_bits,
        the_input_is_left_as_it_was,
        silence_stays_silent,
        no_frames_in_no_frames_out,
        all_frames_come_out_finite,
        the_tail_ends_softly,
        no_scratch_file_is_left,
    ),
    "generators": (two_renderings_give_the_same_bits, the_length_asked_for_comes_out_finite),
    "strategies": (the_target_is_met_or_refused,),
    "delivery": (two_deliveries_are_the_same_bytes, files_have_plain_names_of_their_own),
}


def tried(kind: str, reference: str, arguments: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """Yield each law of a kind in words, and whether it holds for a part."""
    for law in LAWS[kind]:
        with tempfile.TemporaryDirectory() as folder:
            yield law.__name__.replace("_", " "), law(Trial(reference, arguments, Path(folder)))
