"""Every message that names a way out which a spec can take: how to come by it, and what its words say to change."""

from __future__ import annotations

import shutil
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile

from tests.spec.test_stamps import bext, written

RATE = 8000
HEAD = """
[song]
bpm = 120
sample_rate = 8000
channels = 1
[reference]
duration = 2
[master]
loudness_lufs = "off"
"""
FILE = '[stems.a]\ngenerator = "file"\nfile = "{}"\n'
TONE = '[stems.a]\ngenerator = "tone"\n'
SYNTH = '[stems.a]\ngenerator = "synth"\n[stems.a.patterns]\ndefault = "1 . 5 ."\n'
DRUMS = '[stems.a]\ngenerator = "drums"\n[stems.a.patterns.default]\nkick = "x..."\n'
COMMAND = f"""[stems.a]
generator = "command"
command = ["{sys.executable}", "{{input}}", "{{output}}"]
inputs = ["render.py"]
"""
NO_TEMPO = ("bpm = 120\n", "")


def sine(seconds: float, hertz: float = 200.0, level: float = 0.3) -> np.ndarray:
    return level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)


def noise(seconds: float, level: float = 0.1, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, level, round(seconds * RATE))


def hits(bpm: float, beats: int, per_beat: int = 1) -> np.ndarray:
    """Return short bursts on the beat."""
    x = np.zeros(round(beats * 60 / bpm * RATE))
    burst = noise(0.05, 0.5) * np.exp(-np.arange(round(0.05 * RATE)) / 80)
    for index in range(beats * per_beat):
        at = round(index / per_beat * 60 / bpm * RATE)
        x[at : at + len(burst)] += burst[: len(x) - at]
    return x


def save(path: Path, x: np.ndarray, rate: int = RATE) -> None:
    soundfile.write(path, x, rate, subtype="FLOAT")


def riff(up: int = 0) -> np.ndarray:
    """Return four seconds of G B D F#, an eighth each, so many semitones higher."""
    x, time = np.zeros(4 * RATE), np.arange(round(0.2375 * RATE)) / RATE
    for eighth in range(16):
        hertz = 196.0 * 2 ** (((0, 4, 7, 11)[eighth % 4] + up) / 12)
        note = sum(0.3 * 0.6**k * np.sin(2 * np.pi * k * hertz * time) for k in (1, 2, 3, 4))
        x[eighth * RATE // 4 :][: len(time)] += np.exp(-8 * time) * note
    return x


def late(x: np.ndarray, ms: float) -> np.ndarray:
    return np.concatenate([np.zeros(round(ms / 1000 * RATE)), x])[: len(x)]


def changed(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """Return what writes another recording with its bytes changed."""
    return lambda path: path.write_bytes(change(path.with_name(name).read_bytes()))


def channels(
    count: int, mask: int | None = None, ambisonic: bool = False, chna: tuple[str, ...] = ()
) -> Callable[[Path], None]:
    """Return what writes a recording of so many channels, with what declares its speakers if anything does."""

    def write(path: Path) -> None:
        x = (noise(2 * count).reshape(-1, count) * 32767).astype("<i2")
        form = struct.pack(
            "<HHIIHH", 0xFFFE if mask is not None or ambisonic else 1, count, RATE, RATE * 2 * count, 2 * count, 16
        )
        if mask is not None or ambisonic:
            kind = "01000000210 7d311864 4c8c1ca000000" if ambisonic else "0100000000001000800000aa00389b71"
            form += struct.pack("<HHI", 22, 16, mask or 0) + bytes.fromhex(kind.replace(" ", ""))
        tracks = b"".join(
            struct.pack("<H12s14s11sx", number, b"ATU", track.encode(), b"") for number, track in enumerate(chna, 1)
        )
        bodies = ((b"fmt ", form), (b"data", x.tobytes()), *([(b"chna", bytes(4) + tracks)] if chna else []))
        chunks = b"".join(name + struct.pack("<I", len(body)) + body for name, body in bodies)
        path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)

    return write


def broken(x: np.ndarray, at: int) -> np.ndarray:
    x = x.copy()
    x[at] = np.nan
    return x


def shaped(*parts: tuple[float, float]) -> np.ndarray:
    """Return noise of a level for so many seconds each."""
    return np.concatenate([noise(seconds, level, seed) for seed, (seconds, level) in enumerate(parts)])


REFERENCE = noise(16, 0.1, 7)
RECORDINGS: dict[str, np.ndarray | Callable[[Path], None]] = {
    "take.wav": noise(2),
    "other.wav": noise(2, seed=9),
    "take.raw": lambda path: shutil.copy(path.with_name("take.wav"), path),
    "cut.wav": changed("take.wav", lambda whole: whole[:-2000]),
    "joined.wav": changed("take.wav", lambda whole: whole + whole),
    "miscounted.wav": changed("take.wav", lambda whole: whole.replace(*(struct.pack("<I", n) for n in (64_000, 600)))),
    "text.wav": lambda path: path.write_text("no audio"),
    "bare.snd": lambda path: path.write_bytes(bytes(4000)),
    "ages.wav": noise(31),
    "short.wav": noise(1),
    "long.wav": noise(3),
    "hit.wav": noise(0.2),
    "click.wav": noise(0.002),
    "dc.wav": noise(2) - noise(2).mean() + 0.05,
    "short_dc.wav": noise(0.25) + 0.3,
    "soft.wav": noise(2, 0.0004),
    "softer.wav": noise(2, 0.00001),
    "silent.wav": np.zeros(2 * RATE),
    "clipped.wav": np.clip(sine(2, 200, 3.0), -1, 1),
    "hot.wav": sine(2, 200, 1.4),
    "nan.wav": broken(noise(3), 20_000),
    "odd.wav": sine(1.5, 201),
    "ending.wav": noise(0.96),
    "rising.wav": shaped((0.3, 0.001), (1.7, 0.3)),
    "at97.wav": hits(97, 8, 2) + noise(4.949, 0.02, 3)[: len(hits(97, 8, 2))],
    "late97.wav": late(hits(97, 8, 2), 40),
    "at120.wav": hits(120, 8, 2),
    "late120.wav": late(hits(120, 8, 2), 40),
    "riff.wav": riff(),
    "riff_up.wav": riff(1),
    "four.wav": channels(4, 0x3),
    "quad.wav": channels(4, 0x33),
    "objects.wav": channels(4, chna=("AT_00031001_01",) * 4),
    "unnamed.wav": channels(4, chna=("AT_00011001_01",) * 4),
    "nine.wav": channels(9),
    "above.wav": channels(3, 0x7000),
    "ambisonic.wav": channels(4, ambisonic=True),
    "stereo.wav": channels(2),
    "wide.wav": 0.7 * noise(2, seed=3)[:, None] + noise(2, seed=4)[:, None] * [1, -1],
    "ref.wav": REFERENCE,
    "late.wav": np.concatenate([noise(0.04, 0.1, 9), REFERENCE])[: len(REFERENCE)],
    "drifting.wav": np.interp(np.arange(len(REFERENCE)) * (1 - 4e-4), np.arange(len(REFERENCE)), REFERENCE),
    "inverted.wav": -REFERENCE,
    "another.wav": noise(16, 0.1, 8),
    "at10.wav": lambda path: written(path, bext(10 * 3600 * RATE), frames=RATE),
    "at10_and_a_half.wav": lambda path: written(path, bext(10 * 3600 * RATE + RATE // 2), frames=RATE),
    "at23.wav": lambda path: written(path, bext(23 * 3600 * RATE), frames=RATE),
    "render.py": lambda path: path.write_text(RENDER),
    "slow.py": lambda path: path.write_text("import time\ntime.sleep(0.2)\n" + RENDER),
    "sub/render.py": lambda path: path.write_text(RENDER),
    "shell.sh": lambda path: path.write_text('#!/bin/sh\nstemtasks_helper "$1"\n'),
}
RENDER = f"""
import math, struct, sys, wave
with wave.open(sys.argv[-1] if sys.argv[-1].endswith(".wav") else sys.argv[1], "wb") as file:
    file.setparams((1, 2, {RATE}, 0, "NONE", ""))
    file.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(i / 5))) for i in range({2 * RATE})))
"""


New = str | Callable[..., str]


@dataclass(frozen=True)
class Way:
    """What to change in the spec: pairs of old and new.

    In the new ``{0}`` is what ``read`` finds in the message that was said, or a function is given that. ``then`` is of
    what may be wrong next, which only reads on now.
    """

    edits: tuple[tuple[str, New], ...]
    read: str = ""
    then: str = ""


def way(*edits: tuple[str, New], read: str = "", then: str = "") -> Way:
    return Way(edits, read, then)


def allowed(value: str, read: str = r"verify\.(\w+)") -> Way:
    """Return the way to allow it in the whole song."""
    return way(("[master]", f"[verify]\n{value}\n[master]"), read=read)


def more(text: str, read: str = "", stem: str = "a", after: str = "") -> Way:
    """Return the way to write one more line into a stem's table."""
    old = after or f"[stems.{stem}]\n"
    return way((old, f"{old}{text}\n"), read=read)


@dataclass(frozen=True)
class Case:
    """A spec, what it is told, and by the remedy's words as they stand in the source, how to follow them."""

    name: str
    spec: str
    said: str
    ways: dict[str, Way]
    last: str = "process"
    """The last stage that is asked."""


def file(name: str, *lines: str) -> str:
    return HEAD + FILE.format(name) + "\n".join(lines) + "\n"


LIMITS = [
    Case(
        "sides that cancel",
        HEAD.replace("channels = 1", "channels = 2") + FILE.format("wide.wav") + "[verify]\nstereo_correlation = 0\n",
        "its left and right correlate by -0.3",
        {
            'narrow it with effects = [{ name = "width", width = 0.5 }]': more("{0}", r"it with (effects = .*?), or"),
            "allow it with verify.{}": way(("stereo_correlation = 0", "{0} = -1"), read=r"verify\.(\w+)"),
        },
    ),
    Case(
        "DC",
        file("dc.wav"),
        "its DC offset is 0.0500",
        {
            'remove it with mend = [{ name = "highpass", cutoff_hz = 10, phase = "zero" }]': more(
                "{0}", r"remove it with (mend = .*?), or"
            ),
            "allow it with verify.{}": allowed("{0} = 0.5"),
        },
    ),
    Case(
        "DC of what is too short for a filter",
        file("short_dc.wav", 'align = "zero_pad"'),
        "its DC offset is 0.29",
        {"record or export it again": way(("short_dc.wav", "hit.wav"))},
    ),
    Case(
        "DC that was made here",
        file("dc.wav", "verify.dc_offset = 0.1"),
        "mix: its DC offset",
        {
            "change what makes it": more('effects = [{ name = "highpass", cutoff_hz = 20, phase = "zero" }]'),
            "allow it with verify.{}": way(
                ("verify.dc_offset = 0.1", ""),
                ("[master]", "[verify]\n{0} = 0.5\n[master]"),
                read=r"verify\.(dc_offset)",
            ),
        },
    ),
    Case(
        "what is made soft",
        HEAD + TONE + "gain_db = -80\n",
        "it is silent: -9",
        {
            "change what makes it": way(("gain_db = -80", "gain_db = -20")),
            "allow it with verify.{}": allowed("{0} = -100"),
        },
    ),
    Case(
        "soft",
        file("soft.wav"),
        "it is silent: -67",
        {
            'make it louder with mend = [{ name = "gain", gain_db = {} }]': more(
                "{0}", r"make it louder with (mend = .*?), or"
            ),
            "allow it with verify.{}": allowed("{0} = -100"),
        },
    ),
    Case(
        "softer than a gain reaches",
        file("softer.wav", "verify.silence_dbfs = -50"),
        "it is silent: -100",
        {"record or export it again": way(("softer.wav", "take.wav"), ("-50", "-60"))},
    ),
    Case(
        "nothing",
        file("silent.wav") + TONE.replace(".a]", ".b]"),
        "it is silent: -200",
        {
            "record or export it again": way(("silent.wav", "take.wav")),
            "leave it out": way((FILE.format("silent.wav"), "")),
        },
    ),
    Case(
        "clipped",
        file("clipped.wav"),
        "of it is clipped",
        {
            "record or export it again": way(("clipped.wav", "take.wav")),
            "allow it with verify.{}": way(
                ("[master]", "[verify]\n{0} = 1\n[master]"), read=r"verify\.(clipping_ratio)"
            ),
        },
    ),
    Case(
        "duration",
        file("short.wav", "duration = 1.5"),
        "its 'duration' says",
        {
            "correct the duration": way(("duration = 1.5", "duration = {0}"), read=r"it lasts ([\d.]+) s"),
            "or the recording": way(("short.wav", "odd.wav")),
        },
    ),
    Case(
        "over full scale in PCM",
        file("hot.wav").replace("bpm", 'subtype = "PCM_16"\nbpm'),
        "clips",
        {
            "lower {} by {} dB": more("gain_db = -{0}", r"lower gain_db by ([\d.]+) dB"),
            "use FLOAT": way(("PCM_16", "FLOAT")),
        },
    ),
    Case(
        "a mix too hot for float",
        HEAD
        + TONE
        + "gain_db = 40\n"
        + TONE.replace(".a]", ".b]")
        + 'note = "C4"\n[mix]\ngain_db = 0\ngains_db.b = 48\n',
        "too hot for 32-bit float",
        {
            "lower mix.gain_db by {} dB": way(
                ("gain_db = 0\n", "gain_db = -{0}\n"), read=r"lower mix.gain_db by (\d+) dB"
            ),
            "or what is too loud in it": way(("gain_db = 40\n", ""), ("gains_db.b = 48\n", "")),
        },
    ),
    Case(
        "a loudness that the peaks forbid",
        HEAD.replace('"off"', "-5.0") + FILE.format("at97.wav") + 'align = "truncate"\n',
        "leave no room under",
        {
            "lower loudness_lufs by {} dB": way(
                ("= -5.0", lambda by: f"= {-5.0 - float(by)}"), read=r"lower loudness_lufs by ([\d.]+) dB"
            )
        },
    ),
    Case(
        "a loudness that the peaks just forbid",
        HEAD.replace('"off"', "-12.0\nceiling_dbtp = -2") + FILE.format("at97.wav") + 'align = "truncate"\n',
        "leave no room under",
        {
            "raise ceiling_dbtp": way(("ceiling_dbtp = -2", "ceiling_dbtp = 0")),
            "tame the peaks of the stems": more('effects = [{ name = "saturation", drive_db = 9 }]'),
        },
    ),
    Case(
        "no loudness",
        HEAD.replace("duration = 2", "duration = 0.3").replace('"off"', "-14") + TONE,
        "its loudness cannot be measured",
        {'give loudness_lufs = "off"': way(("loudness_lufs = -14", "{0}"), read='give (loudness_lufs = "off")')},
    ),
    Case(
        "a reference that is too short",
        file("take.wav").replace("duration = 2", 'file = "short.wav"\nmin_duration = 1.5').replace("take", "short"),
        "and min_duration is 1.5 s",
        {
            "use a longer recording": way(('file = "short.wav"\nmin', 'file = "take.wav"\nmin')),
            "lower min_duration": way(("min_duration = 1.5", "min_duration = 1")),
        },
    ),
]

SYNC = HEAD.replace("duration = 2", 'file = "ref.wav"')
IN_TIME = [
    Case(
        name,
        SYNC.replace("[master]", f"[verify]\n{limit}\n[master]") + FILE.format(f"{name}.wav") + 'align = "none"\n',
        said,
        {
            "correct the stem with align = { sync = true }": way(
                ('align = "none"', "{0}"), read=r"(align = \{ sync = true \})"
            ),
            "allow it with verify.{}": way((limit, wider), read=r"verify\.(\w+(?: = 'any')?)"),
        },
    )
    for name, said, limit, wider in (
        ("late", "it is 40.00 ms behind the reference", "sync_offset_ms = 10", "{0} = 50"),
        ("drifting", "it drifts by ", "sync_drift_ms = 3", "{0} = 50"),
        ("inverted", "its polarity is the reference's inverted", 'polarity = "same"', "{0}"),
    )
] + [
    Case(
        "not found",
        SYNC + FILE.format("another.wav") + "align = { sync = true }\n",
        "it is not found in the reference for sure",
        {
            "leave out sync": way(("{ sync = true }", '"none"')),
            "place it by hand": way(("{ sync = true }", '"none"\nduration_seconds = 15\noffset_seconds = 1')),
        },
    ),
    Case(
        "made late by its effects",
        SYNC + FILE.format("ref.wav") + 'effects = [{ name = "delay", time_ms = 40, feedback = 0, mix = 1 }]\n',
        "after its effects it is 40.00 ms behind the reference",
        {
            "change its effects": way((", mix = 1", ", mix = 0.3")),
            "allow it with verify.{}": allowed("{0} = 50"),
        },
    ),
    Case(
        "a mix that is late",
        SYNC + FILE.format("late.wav") + 'align = "none"\nverify.sync_offset_ms = 50\n',
        "mix: it is 40.00 ms behind the reference",
        {
            "correct its stems with align = { sync = true }": way(
                ('align = "none"', "{0}"), read=r"correct its stems with (align = \{ sync = true \})"
            ),
            "allow it with verify.{}": allowed("{0} = 50"),
        },
    ),
]

LONG = "are longer than the target's"
STRATEGIES = [
    Case(
        "a crossfade of what is too long",
        file("long.wav", 'align = "crossfade"'),
        LONG,
        {"use the strategy truncate": way(("crossfade", "truncate"))},
    ),
    Case(
        "a pad of what is too long",
        file("long.wav", 'align = "zero_pad"'),
        LONG,
        {"use the strategy truncate": way(("zero_pad", "truncate"))},
    ),
    Case(
        "a loop of what is too long",
        file("long.wav", 'align = "loop"'),
        LONG,
        {
            "use the strategy truncate": way(('"loop"', '"truncate"')),
            "give the loop a region (start_seconds, end_seconds)": way(
                ('"loop"', '{ strategy = "loop", {0} = 0.5, {1} = 1.5 }'), read=r"\((start_seconds), (end_seconds)\)"
            ),
        },
    ),
    Case(
        "a loop of less than a beat",
        file("hit.wav", 'align = "loop"'),
        "are less than one beat at 120 bpm",
        {
            "give length_beats = 1 to repeat it on every beat": way(
                ('"loop"', '{ strategy = "loop", {0} }'), read=r"give (length_beats = 1)"
            ),
            "use the strategy crossfade": way(('"loop"', '"{0}"'), read="strategy (crossfade)"),
            "zero_pad": way(('"loop"', '"{0}"'), read="or (zero_pad)"),
        },
    ),
    *(
        Case(
            f"a region given twice ({one})",
            file("short.wav", f'align = {{ strategy = "loop", {one} = {value}, {other} = {beats} }}'),
            f"{one} and {other} are both given",
            {"keep one of them": way((f"{one} = {value}, ", ""))},
        )
        for one, value, other, beats in (
            ("start_seconds", 0.0, "start_beats", 0),
            ("end_seconds", 0.5, "length_beats", 1),
        )
    ),
    *(
        Case(
            f"beats without a tempo ({kept})",
            file("short.wav", 'align = { strategy = "loop", start_beats = 0, length_beats = 2 }').replace(*NO_TEMPO),
            "start_beats and length_beats need a tempo",
            {words: followed},
        )
        for kept, words, followed in (
            ("bpm", "give the stem's bpm", more("bpm = 120")),
            (
                "seconds",
                "use seconds",
                way(("start_beats = 0, length_beats = 2", "start_seconds = 0, end_seconds = 1")),
            ),
        )
    ),
    Case(
        "an end before the start",
        file("short.wav", 'align = { strategy = "loop", start_seconds = 0.5, end_seconds = 0.25 }'),
        "which is not after the start",
        {"give a later end": way(("0.25", "1.0"))},
    ),
    *(
        Case(
            f"a start behind the end ({given})",
            file("short.wav", f'align = {{ strategy = "loop", {given} }}'),
            "the loop starts at",
            {"give an earlier start_seconds or start_beats": way((given, earlier))},
        )
        for given, earlier in (("start_seconds = 3", "start_seconds = 0"), ("start_beats = 8", "start_beats = 0"))
    ),
    Case(
        "none of what is short",
        file("short.wav", 'align = "none"'),
        "and the strategy none allows",
        {
            "use {} or auto": way(('"none"', '"{0}"'), read="use (zero_pad), loop, crossfade or auto"),
            "zero_pad, loop, crossfade": way(('"none"', '"{0}"'), read="use zero_pad, (loop), crossfade or auto"),
        },
    ),
    Case(
        "none of what is short, other ways",
        file("short.wav", 'align = "none"'),
        "and the strategy none allows",
        {
            "zero_pad, loop, crossfade": way(('"none"', '"{0}"'), read="use zero_pad, loop, (crossfade) or auto"),
            "use {} or auto": way(('"none"', '"{0}"'), read="or (auto)"),
            "render it at the target's length": way(("short.wav", "take.wav")),
        },
    ),
    Case(
        "none of what is long",
        file("long.wav", 'align = "none"'),
        "and the strategy none allows",
        {"use {} or auto": way(('"none"', '"{0}"'), read="use (truncate) or auto")},
    ),
    *(
        Case(
            f"a cut of what is short ({name})",
            file("short.wav", 'align = "truncate"'),
            "are shorter than the target's",
            {"use zero_pad, loop, crossfade or auto": way(('"truncate"', '"{0}"'), read=f"({name})")},
        )
        for name in ("zero_pad", "loop", "crossfade", "auto")
    ),
    Case(
        "silence is not repeated",
        file("silent.wav", "verify.silence_dbfs = -200", 'align = "crossfade"', "duration_seconds = 1"),
        "it is silent throughout",
        {
            "export it again": way(("silent.wav", "take.wav")),
            "leave it out": way(
                (FILE.format("silent.wav"), TONE),
                ("verify.silence_dbfs = -200\n", ""),
                ('align = "crossfade"\n', ""),
                ("duration_seconds = 1\n", ""),
            ),
        },
    ),
    Case(
        "too short to be fitted",
        file("click.wav", 'align = "zero_pad"'),
        "are too short to be fitted",
        {"export the whole part again": way(("click.wav", "hit.wav"))},
    ),
    Case(
        "stretched too much",
        file("at97.wav", "bpm = 48.5", 'align = "stretch"').replace("= 2\n", "= 8\n"),
        "from 48.5 to 120 bpm it would become 0.404 times as long",
        {
            "give the stem's bpm nearer to the song's (its half or double is the same beat)": way(("= 48.5", "= 97")),
            "use loop": way(("stretch", "loop")),
        },
    ),
    Case(
        "stretched too far",
        file("hit.wav", 'align = "stretch"'),
        "0.200 s would become 2.000 s, 10 times as long",
        {
            "give the bpm of the stem and of the song to stretch to the tempo": more("bpm = 120"),
            "use auto": way(("stretch", "auto")),
        },
    ),
    Case(
        "stretched too far without a tempo",
        file("hit.wav", 'align = "stretch"').replace(*NO_TEMPO),
        "0.200 s would become 2.000 s, 10 times as long",
        {
            "give the bpm of the stem and of the song to stretch to the tempo": way(
                ("[song]\n", "[song]\nbpm = 90\n"), ("[stems.a]\n", "[stems.a]\nbpm = 100\n")
            ),
            "use auto": way(("stretch", "auto")),
        },
    ),
]

SEAMS = [
    Case(
        "a dip",
        file("ending.wav", 'align = { strategy = "loop", start_beats = 0, length_beats = 2 }'),
        "the level falls by",
        {
            "give another loop region": way(("length_beats = 2", "length_beats = 1")),
            "another strategy": way(('{ strategy = "loop", start_beats = 0, length_beats = 2 }', '"zero_pad"')),
        },
    ),
    Case(
        "a jump",
        file(
            "odd.wav",
            'align = { strategy = "loop", start_seconds = 0.00125, end_seconds = 0.50125, overlap_ms = 0 }',
            "verify.seam_jump = 1.5",
        ),
        "the waveform jumps",
        {
            "give a longer overlap_ms": way(("overlap_ms = 0", "overlap_ms = 50")),
            "another loop region": way(
                ("start_seconds = 0.00125, end_seconds = 0.50125", "start_beats = 0, length_beats = 2")
            ),
        },
    ),
    Case(
        "off the beat",
        file("short.wav", 'align = { strategy = "loop", end_seconds = 0.8 }'),
        "off the beat",
        {
            "give the stem's own bpm": more("bpm = 75"),
            "a region of whole beats (start_beats, length_beats)": way(
                ("end_seconds = 0.8", "{0} = 0, {1} = 1"), read=r"\((start_beats), (length_beats)\)"
            ),
        },
    ),
    Case(
        "another level",
        file(
            "rising.wav", 'align = { strategy = "loop", start_seconds = 0, end_seconds = 1.5, overlap_ms = 200 }'
        ).replace("= 2\n", "= 4\n"),
        "the level is another by",
        {
            "give a longer overlap_ms": way(("overlap_ms = 200", "overlap_ms = 700")),
            "another strategy": way(
                ('{ strategy = "loop", start_seconds = 0, end_seconds = 1.5, overlap_ms = 200 }', '"zero_pad"')
            ),
        },
    ),
    Case(
        "another tempo",
        file("at97.wav", 'align = "loop"').replace("= 2\n", "= 12\n"),
        "its onsets do not go with 120 bpm",
        {
            "give the stem bpm = {}": more("{0}", r"give the stem (bpm = [\d.]+) "),
            '(and align = "stretch" where it is to follow the song)': way(
                ('align = "loop"', "{0}\n{1}"), read=r'give the stem (bpm = [\d.]+) \(and (align = "stretch")'
            ),
            'use align = "crossfade"': way(('align = "loop"', "{0}"), read=r'use (align = "crossfade")'),
            "allow it with verify.tempo_fit = 0": more("{0}", r"(verify\.tempo_fit = 0)"),
        },
    ),
    Case(
        "off its own beat",
        file("at97.wav", 'align = "loop"', "bpm = 100", "verify.tempo_fit = 0").replace("= 2\n", "= 8\n"),
        "off its own beat",
        {
            "give the stem bpm = {}": way(("bpm = 100", "{0}"), read=r"give the stem (bpm = [\d.]+),"),
            "allow it with verify.{}": more("verify.{0} = 1000", r"verify\.(seam_onset_error_ms)"),
        },
    ),
    Case(
        "a region in seconds off its own beat",
        file("at97.wav", 'align = { strategy = "loop", end_seconds = 2.4 }', "bpm = 100").replace("= 2\n", "= 8\n"),
        "off its own beat",
        {
            "give the stem's own bpm and a region of whole beats (start_beats, length_beats)": way(
                ("bpm = 100", "bpm = 97"),
                ("end_seconds = 2.4", "{0} = 0, {1} = 4"),
                read=r"\((start_beats), (length_beats)\)",
            ),
            "allow it with verify.{}": more("verify.{0} = 1000", r"verify\.(seam_onset_error_ms)"),
        },
    ),
    Case(
        "a region beside its first beat",
        file("late97.wav", 'align = "loop"', "bpm = 97").replace("= 2\n", "= 8\n"),
        "its onsets begin 39.82 ms off the grid",
        {
            "begin the {} where its first beat is heard (start_seconds{})": way(
                ('"loop"', '{ strategy = "loop", {0} }'), read=r"begin the region .* \((start_seconds = [\d.]+)\)"
            ),
            "allow it with verify.{}": more("verify.{0} = 100", r"verify\.(seam_onset_offset_ms)"),
        },
    ),
    Case(
        "a stretched recording beside its first beat",
        file("late97.wav", 'align = "stretch"', "bpm = 97").replace("= 2\n", "= 8\n"),
        "its onsets begin 31.44 ms off the grid",
        {
            "begin the {} where its first beat is heard (start_seconds{})": more(
                "{0}", r"begin the recording .* \((start_seconds = [\d.]+)\)"
            ),
            "allow it with verify.{}": more("verify.{0} = 100", r"verify\.(seam_onset_offset_ms)"),
        },
    ),
]

WRITTEN = HEAD.replace("duration = 2", "duration = 4")
AS_WRITTEN = [
    Case(
        f"another key ({limit})",
        WRITTEN.replace("bpm", 'key = "G major"\nbpm').replace("[master]", f"[verify]\n{limit} = {least}\n[master]")
        + FILE.format("riff_up.wav"),
        "(it sounds like Ab major)",
        {
            "transpose or replace what plays there": way(("riff_up.wav", "riff.wav")),
            "correct song.key": way(("G major", "Ab major")),
            "the section's key": way(
                ("[stems.a]", '[[sections]]\nname = "all"\nfill = true\n{0} = "Ab major"\n[stems.a]'),
                read="section's (key)",
            ),
            "allow it with verify.{}": way((f"{limit} = {least}", "{0} = -1"), read=rf"verify\.({limit})")
            if limit == "key_margin"
            else way((f"{limit} = {least}", "{0} = 0.5"), read=rf"verify\.({limit})"),
        },
    )
    for limit, least in (("in_key", "0.6"), ("key_margin", "0.0"))
] + [
    Case(
        name,
        WRITTEN.replace("[master]", "[verify]\nonset_error_ms = 15\n[master]") + FILE.format(recording),
        "ms off the grid in the median",
        {
            words: followed,
            "allow it with verify.onset_error_ms": way(("onset_error_ms = 15", "{0} = 50"), read=r"verify\.(\w+)"),
        },
    )
    for name, recording, words, followed in (
        ("late on the grid", "late120.wav", "move what plays there", more("start_seconds = 0.04")),
        ("on another grid", "at97.wav", "correct song.bpm", way(("bpm = 120", "bpm = 97"))),
    )
]

SECTIONS = '[[sections]]\nname = "verse"\nbars = 2\n[[sections]]\nname = "end"\nbars = 1\n'
STARTS = '[[sections]]\nname = "a"\nbeats = 1\n[[sections]]\nname = "b"\nstart = 1.0\n'
GROUPS = '[stems.b]\ngenerator = "tone"\n[groups.x]\nstems = ["a"]\n[groups.y]\nstems = ["b"]\n'
SONGS = [
    Case(
        "sections apart",
        HEAD + STARTS + TONE,
        "section 'b' starts at 0:01.000, 'a' before it ends at 0:00.500",
        {
            "give one section the time between": way(("beats = 1", "beats = 2")),
            "correct the start": way(("start = 1.0", "start = 0.5")),
        },
    ),
    Case(
        "a section that starts behind the song",
        HEAD + STARTS.replace("beats = 1", "start = 0").replace("1.0", "3.0") + TONE,
        "which is not between",
        {"correct the start": way(("start = 3.0", "start = 1.0"))},
    ),
    Case(
        "a section without an end",
        HEAD + STARTS.replace("beats = 1", "start = 0").replace("start = 1.0", "fill = true") + TONE,
        "section 'b': give it a start",
        {
            "give it a start": way(("fill = true", "start = 1.0")),
            "the section before it a length": way(("start = 0", "beats = 2"), ("fill = true", "start = 1.0")),
        },
    ),
    Case(
        "a last section that does not reach the end",
        HEAD + STARTS.replace("beats = 1", "beats = 2") + "bars = 0.25\n" + TONE,
        "section 'b' ends at 0:01.500",
        {
            "change its length": way(("bars = 0.25", "beats = 2")),
            "give it a start instead": way(("bars = 0.25\n", "")),
        },
    ),
    Case(
        "in two groups",
        HEAD + TONE + GROUPS.replace('["b"]', '["a", "b"]'),
        "'a' is in group 'x' too",
        {"keep it in one": way(('["a", "b"]', '["b"]'), ('stems = ["a"]\n', 'stems = ["a"]\nsend = { to = "y" }\n'))},
    ),
    Case(
        "twice in a group",
        HEAD + TONE + GROUPS.replace('["b"]', '["b", "b"]'),
        "'b' is there twice",
        {"remove one": way(('["b", "b"]', '["b"]'))},
    ),
    Case(
        "a group called as a stem",
        HEAD + TONE + GROUPS.replace("groups.x", "groups.a"),
        "a stem has the name 'a' too",
        {"rename one": way(("groups.a", "groups.x"))},
    ),
    Case(
        "a group of nothing",
        HEAD + TONE + GROUPS + "[groups.z]\n",
        "it has no sound",
        {
            "give it stems": way(("[groups.z]\n", '[groups.z]\nstems = ["x"]\n')),
            "send something to it": way(("[groups.x]\n", '[groups.x]\nsend = { to = "z" }\n')),
            "remove it": way(("[groups.z]\n", "")),
        },
    ),
    Case(
        "a group of itself",
        HEAD + TONE + GROUPS.replace('["b"]', '["b", "x"]\nsend = { to = "x" }'),
        "it is made of itself",
        {"take out one of these ways": way(('\nsend = { to = "x" }', ""))},
    ),
    Case(
        "sections that do not fill the target",
        HEAD + SECTIONS + TONE,
        "bars are too many",
        {
            "change the sections": way(('[[sections]]\nname = "end"\nbars = 1\n', ""), ("bars = 2", "bars = 1")),
            "the bpm": way(("bpm = 120", "bpm = 360")),
            "mark one section 'fill = true'": way(
                ("bars = 2\n", "beats = 1\n"), ("bars = 1\n", "{0}\n"), read="'(fill = true)'"
            ),
        },
    ),
    Case(
        "nothing left to fill",
        HEAD + SECTIONS.replace("bars = 1", "fill = true") + TONE,
        "nothing is left for the section",
        {
            "shorten another section": way(("bars = 2", "bars = 0.5")),
            "remove it": way(('[[sections]]\nname = "end"\nfill = true\n', ""), ("bars = 2", "bars = 1")),
        },
    ),
    Case(
        "two that fill",
        HEAD + SECTIONS.replace("bars = 2", "fill = true").replace("bars = 1", "fill = true") + TONE,
        "only one may be marked 'fill = true'",
        {"'fill = true'": way(('name = "end"\nfill = true', 'name = "end"\nbeats = 1'))},
    ),
    Case(
        "a section of two lengths",
        HEAD + SECTIONS.replace("bars = 2\n", "bars = 0.5\nbeats = 3\n").replace("bars = 1", "beats = 1") + TONE,
        "give one of 'bars', 'beats' or 'fill = true'",
        {
            "give one of 'bars', 'beats' or 'fill = true'": way(
                ("bars = 0.5\nbeats = 3\n", "{0}\n"), read="'(fill = true)'"
            )
        },
    ),
    Case(
        "a section without a length",
        HEAD + SECTIONS.replace("bars = 2\n", "") + TONE,
        "give 'bars', 'beats', 'start' or 'fill = true'",
        {
            "give 'bars', 'beats', 'start' or 'fill = true'": way(
                ('name = "verse"\n', 'name = "verse"\n{0}\n'), ("bars = 1", "beats = 1"), read="'(fill = true)'"
            )
        },
    ),
    Case(
        "a section of no length",
        HEAD + SECTIONS.replace("bars = 2", "bars = 0").replace("bars = 1", "fill = true") + TONE,
        "its length is 0",
        {
            "give it a length": way(("bars = 0", "beats = 1")),
            "remove it": way(('[[sections]]\nname = "verse"\nbars = 0\n', "")),
        },
    ),
    Case(
        "a table where sections are a list",
        HEAD + '[sections]\nname = "a"\n' + TONE,
        "sections: expected a table",
        {
            "write {}": way(
                ("[sections]", "{0}"), ('name = "a"', 'name = "a"\nfill = true'), read=r"write (\[\[sections\]\])"
            )
        },
    ),
    Case(
        "a section that is no table",
        "sections = [1]\n" + HEAD + TONE,
        "sections[0]: expected a table",
        {
            "write [[sections]]": way(
                ("sections = [1]\n", ""),
                ("[stems.a]", '{0}\nname = "a"\nfill = true\n[stems.a]'),
                read=r"write (\[\[sections\]\])",
            )
        },
    ),
    Case(
        "a stem that is no table",
        "stems.a = 1\n" + HEAD,
        "stems.a: expected a table",
        {
            "write [{}]": way(
                ("stems.a = 1\n", ""), ("[master]", '{0}\ngenerator = "tone"\n[master]'), read=r"write (\[stems\.a\])"
            )
        },
    ),
    Case(
        "neither file nor duration",
        (HEAD + TONE).replace("duration = 2\n", ""),
        "give one of 'file', 'duration' or 'stem'",
        {
            "give one of 'file', 'duration' or 'stem'": way(
                ("[reference]\n", "[reference]\n{0} = 2\n"), read="'(duration)'"
            )
        },
    ),
    Case(
        "both file and duration",
        (HEAD + TONE).replace("duration = 2\n", 'duration = 2\nfile = "take.wav"\n'),
        "give one of 'file', 'duration' or 'stem'",
        {"give one of 'file', 'duration' or 'stem'": way(("duration = 2\n", ""))},
    ),
    Case(
        "as long as what is as long as the song",
        (HEAD + TONE).replace("duration = 2\n", 'stem = "a"\n'),
        "'a' is as long as the song",
        {
            "name a recording": way((TONE, FILE.format("take.wav"))),
            "give 'duration' instead": way(('stem = "a"\n', "{0} = 2\n"), read="give '(duration)' instead"),
        },
    ),
    Case(
        "a table twice",
        HEAD + TONE + "[mix]\n[mix]\n",
        "is not TOML",
        {
            "write one of them": way(("[mix]\n[mix]\n", "[mix]\n")),
            "[[{}]] for each where it is a list": way(("[mix]\n[mix]\n", "[mix]\n")),
        },
    ),
    Case(
        "a stem named as what failed",
        HEAD + '[stems."a.rejected"]\ngenerator = "tone"\n',
        "may not end with '.rejected'",
        {"rename it": way(("a.rejected", "a"))},
    ),
    Case(
        "two names that are one on some disks",
        HEAD + TONE + TONE.replace(".a]", ".A]"),
        "stems: two have the name",
        {"rename one": way((".A]", ".b]"))},
    ),
    Case(
        "sync without a reference",
        HEAD + FILE.format("take.wav") + "align = { sync = true }\n",
        "there is nothing to be in time with",
        {
            "give reference.file": way(("duration = 2", 'file = "ref.wav"'), ('"take.wav"', '"ref.wav"')),
            "leave it out": way(("{ sync = true }", '"auto"')),
        },
    ),
    Case(
        "mend of what is made here",
        HEAD + TONE + 'mend = [{ name = "gain", gain_db = 1 }]\n',
        "there is nothing to mend",
        {"use effects": way(("mend =", "{0} ="), read="use (effects)")},
    ),
    Case(
        "a cutoff above half the rate",
        HEAD + TONE + 'effects = [{ name = "lowpass", cutoff_hz = 5000 }]\n',
        "is not below half the sample rate",
        {
            "lower it": way(("5000", "3999")),
            "raise song.sample_rate": way(("sample_rate = 8000", "sample_rate = 48000")),
        },
    ),
    Case(
        "a date inside patterns",
        HEAD + SYNTH.replace('"1 . 5 ."', "2001-01-01"),
        "is a date or time",
        {"write it in quotes": way(("2001-01-01", '"{0}"'), read="([0-9-]+) is a date", then="not a step")},
    ),
    Case(
        "beats without a tempo",
        (HEAD + TONE + 'duration = "1 bar"\n').replace(*NO_TEMPO),
        "needs song.bpm",
        {"needs song.bpm": way(("[song]\n", "[song]\n{0} = 120\n"), read=r"needs song\.(bpm)")},
    ),
    Case(
        "sections without a tempo",
        (HEAD + SECTIONS.replace("bars = 2\n", "beats = 1\n").replace("bars = 1", "beats = 3") + TONE).replace(
            *NO_TEMPO
        ),
        "sections in bars or beats need song.bpm",
        {"need song.bpm": way(("[song]\n", "[song]\n{0} = 120\n"), read=r"need song\.(bpm)")},
    ),
]

CHANGING = HEAD + SECTIONS.replace("bars = 2", "bars = 0.5").replace("bars = 1", "fill = true") + TONE
AUTOMATION = [
    Case(
        "neither points nor sections, or both",
        CHANGING + 'gain_db = { points = [["verse", 0]], sections = { verse = 0 } }\n',
        "give either 'points' or 'sections'",
        {"give either 'points' or 'sections'": way(('points = [["verse", 0]], ', ""), read="'(sections)'")},
    ),
    Case(
        "what is not for points",
        CHANGING + 'gain_db = { points = [["verse", 0]], ramp_ms = 5 }\n',
        'ramp_ms: is for sections and for curve = "step"',
        {"leave it out": way((", ramp_ms = 5", ""))},
    ),
    Case(
        "a point of one thing",
        CHANGING + 'gain_db = { points = ["verse"] }\n',
        "is no point",
        {"write [place, value], such as ['chorus', 0.5]": way(('["verse"]', '[["verse", 0.5]]'))},
    ),
    Case(
        "no points",
        CHANGING + "gain_db = { points = [] }\n",
        "is empty",
        {"write [[place, value], ...]": way(("[] }", '[["verse", 0.5]] }'))},
    ),
    Case(
        "points out of order",
        CHANGING + 'gain_db = { points = [["end", 0], ["verse", -3]] }\n',
        "does not come after 'end'",
        {"put points in the order of the song": way(('["end", 0], ["verse", -3]', '["verse", -3], ["end", 0]'))},
    ),
    Case(
        "a section without a value",
        CHANGING + 'effects = [{ name = "lowpass", cutoff_hz = { sections = { verse = 900 } } }]\n',
        "end has no value",
        {
            "name all sections, or give 'default'": way(
                ("{ verse = 900 }", "{ verse = 900 }, {0} = 3000"), read="'(default)'"
            ),
        },
    ),
    Case(
        "too much at once",
        CHANGING
        + 'effects = [{ name = "delay", beats = { points = [[0, 0.5], [1, 1]] }, mix = { points = [[0, 0], [1, 1]] }, '
        "feedback = { points = [[0, 0.1], [1, 0.2]] } }]\n",
        "all change along the song",
        {"give the others one value": way(("{ points = [[0, 0.1], [1, 0.2]] }", "0.1"))},
    ),
    Case(
        "a whole number that changes",
        CHANGING + 'effects = [{ name = "lowpass", cutoff_hz = 900, order = { points = [[0, 2]] } }]\n',
        "cannot change along the song",
        {"give it one value: {}": way(("{ points = [[0, 2]] }", "2"))},
    ),
    Case(
        "a fader that changes",
        CHANGING + "[mix]\ngains_db.a = { points = [[0, -2], [1, 0]] }\n",
        "a fader stays where it is",
        {
            "let {}.{}.gain_db change instead": way(
                ("[mix]\ngains_db.a = { points = [[0, -2], [1, 0]] }\n", ""),
                ("[stems.a]\n", "[stems.a]\n{0} = { points = [[0, -2], [1, 0]] }\n"),
                read=r"let stems\.a\.(gain_db) change",
            )
        },
    ),
    Case(
        "what mends and changes",
        HEAD + FILE.format("take.wav") + 'mend = [{ name = "gain", gain_db = { points = [[0, -2], [1, 0]] } }]\n',
        "where the stem has no place yet",
        {"use effects": way(("mend =", "{0} ="), read="use (effects)")},
    ),
]

PARTS = [
    Case(
        "bands crossed",
        HEAD + TONE + 'effects = [{ name = "bandpass", low_hz = 900, high_hz = 200 }]\n',
        "is not below high_hz",
        {
            "swap": way(("low_hz = 900, high_hz = 200", "low_hz = 200, high_hz = 900")),
            "move them apart": way(("high_hz = 200", "high_hz = 2000")),
        },
    ),
    Case(
        "ping-pong in mono",
        HEAD + TONE + 'effects = [{ name = "delay", beats = 1, ping_pong = true }]\n',
        "ping_pong needs 2 channels",
        {"leave ping_pong out": way((", ping_pong = true", ""))},
    ),
    Case(
        "width in mono",
        HEAD + TONE + 'effects = [{ name = "width", width = 2 }]\n',
        "width: needs 2 channels",
        {"leave the effect out": way(('effects = [{ name = "width", width = 2 }]\n', ""))},
    ),
    Case(
        "pan in mono", HEAD + TONE + "pan = 0.5\n", "needs a stereo song", {"leave pan out": way(("pan = 0.5\n", ""))}
    ),
    Case(
        "an auto-pan in mono",
        HEAD + TONE + 'effects = [{ name = "auto_pan" }]\n',
        "auto_pan: needs 2 channels",
        {"leave the effect out": way(('effects = [{ name = "auto_pan" }]\n', ""))},
    ),
    Case(
        "a sweep from above to below",
        HEAD + TONE + 'effects = [{ name = "phaser", low_hz = 900, high_hz = 200 }]\n',
        "is above high_hz",
        {"swap them": way(("low_hz = 900, high_hz = 200", "low_hz = 200, high_hz = 900"))},
    ),
    Case(
        "a period in beats without a tempo",
        (HEAD + TONE + 'effects = [{ name = "tremolo", rate_beats = 1 }]\n').replace(*NO_TEMPO),
        "rate_beats needs the song's bpm",
        {
            "set it": way(("[song]\n", "[song]\nbpm = 100\n")),
            "give rate_hz": way(("rate_beats = 1", "{0} = 2"), read="give (rate_hz)"),
        },
    ),
    Case(
        "a period that is too short",
        HEAD + TONE + 'effects = [{ name = "chorus", rate_beats = 0.04 }]\n',
        "at most 40 Hz is allowed",
        {"raise rate_beats": way(("rate_beats = 0.04", "rate_beats = 0.05"))},
    ),
    Case(
        "a rate said twice",
        HEAD + TONE + 'effects = [{ name = "flanger", rate_beats = 1, rate_hz = 3 }]\n',
        "give either rate_hz or rate_beats",
        {"give either rate_hz or rate_beats, found both": way((", rate_hz = 3", ""))},
    ),
    *(
        Case(
            f"an impulse response that is none: {name}",
            HEAD + TONE + f'effects = [{{ name = "convolution", file = "{name}" }}]\n',
            said,
            {words: way((name, "hit.wav"))},
        )
        for name, said, words in (
            ("nine.wav", "an impulse response of 9 channels", "export it with one of these"),
            ("ages.wav", "at most 30 s can be kept in memory", "export it shorter"),
            ("silent.wav", "an impulse response that is silent", "export it again"),
            ("nan.wav", "an impulse response with samples that are NaN", "export it again"),
        )
    ),
    Case(
        "a delay in beats without a tempo",
        (HEAD + TONE + 'effects = [{ name = "delay", beats = 1 }]\n').replace(*NO_TEMPO),
        "beats needs the song's bpm",
        {
            "set it": way(("[song]\n", "[song]\nbpm = 100\n")),
            "give time_ms": way(("beats = 1", "{0} = 250"), read="give (time_ms)"),
        },
    ),
    Case(
        "a delay that is none",
        HEAD + TONE + 'effects = [{ name = "delay", beats = 0.001 }]\n',
        "are less than 1 ms",
        {"raise beats": way(("beats = 0.001", "beats = 0.01"))},
    ),
    Case(
        "a delay that is too long",
        HEAD + TONE + 'effects = [{ name = "delay", beats = 100 }]\n',
        "between echoes can be kept",
        {"lower beats": way(("beats = 100", "beats = 4"))},
    ),
    Case(
        "a delay said twice",
        HEAD + TONE + 'effects = [{ name = "delay", beats = 1, time_ms = 3 }]\n',
        "give either beats or time_ms",
        {"give either beats or time_ms, found {}": way((", time_ms = 3", ""))},
    ),
    Case(
        "a side-chain that two filters leave nothing of",
        HEAD + TONE + 'effects = [{ name = "compressor", sidechain_highpass_hz = 900, sidechain_lowpass_hz = 200 }]\n',
        "so that nothing is left to listen to",
        {"lower the one or raise the other": way(("sidechain_highpass_hz = 900", "sidechain_highpass_hz = 90"))},
    ),
    Case(
        "a de-esser's band that the sample rate does not have",
        HEAD + TONE + 'effects = [{ name = "deesser" }]\n',
        "frequency_hz 5500 is not below half the sample rate",
        {"lower it": way(('"deesser"', '"deesser", frequency_hz = 3000'))},
    ),
    Case(
        "crossovers that do not rise",
        HEAD + TONE + 'effects = [{ name = "multiband_compressor", crossovers_hz = [900, 200] }]\n',
        "crossovers_hz: found 900, 200",
        {"give one to three that rise": way(("[900, 200]", "[200, 900]"))},
    ),
    Case(
        "values of bands that there are not",
        HEAD + TONE + 'effects = [{ name = "multiband_compressor", ratios = [2, 3] }]\n',
        "ratios: has 2 values for 3 bands",
        {"give one for all, or {}": way(("[2, 3]", "[2, 3, 4]"))},
    ),
    Case(
        "drums without a tempo",
        (HEAD + DRUMS).replace(*NO_TEMPO),
        "drums need song.bpm",
        {
            "set song.bpm": way(("[song]\n", "[song]\n{0} = 120\n"), read=r"set song\.(bpm)"),
            "use the generator 'file'": way((DRUMS, FILE.format("take.wav"))),
        },
    ),
    Case(
        "a swing without pairs",
        HEAD + DRUMS.replace('"drums"', '"drums"\nswing = 0.6\nsteps_per_beat = 3'),
        "has no pairs",
        {
            "use an even steps_per_beat": way(("steps_per_beat = 3", "steps_per_beat = 4")),
            "swing = 0.5": way(("swing = 0.6", "{0}"), read="or (swing = 0.5)"),
        },
    ),
    Case(
        "synth without a tempo",
        (HEAD + SYNTH).replace('"1 . 5 ."', '"A2"').replace(*NO_TEMPO),
        "synth: patterns need a tempo",
        {"set song.bpm": way(("[song]\n", "[song]\n{0} = 120\n"), read=r"set song\.(bpm)")},
    ),
    Case(
        "too many notes at once",
        HEAD + SYNTH.replace('"synth"', '"synth"\nrelease_ms = 20000\nsteps_per_beat = 32').replace("1 . 5 .", "A2"),
        "notes at once",
        {
            "shorten release_ms": way(("release_ms = 20000", "release_ms = 20")),
            "lower steps_per_beat": way(("steps_per_beat = 32", "steps_per_beat = 1")),
        },
    ),
    Case(
        "too many steps",
        HEAD + SYNTH.replace('"1 . 5 ."', '"' + "A2*64 " * 2000 + '"'),
        "more than",
        {"let the pattern repeat instead": way(("A2*64 " * 2000, "A2 A3"))},
    ),
    Case(
        "a step too high",
        HEAD + SYNTH.replace("1 . 5 .", "A7''"),
        "change its octave marks or octave",
        {"change its octave marks or octave": way(("A7''", "A4"))},
    ),
    Case(
        "a degree too high",
        HEAD.replace("bpm", 'key = "A minor"\nbpm')
        + SYNTH.replace("1 . 5 .", "1").replace('"synth"', '"synth"\noctave = 9'),
        "change its octave marks or octave",
        {"change its octave marks or octave": way(("octave = 9", "octave = 3"))},
    ),
    Case(
        "repeated beats without a tempo",
        (HEAD + TONE + "every_beats = 1\n").replace(*NO_TEMPO),
        "every_beats and length_beats need a tempo",
        {
            "set song.bpm": way(("[song]\n", "[song]\n{0} = 120\n"), read=r"set song\.(bpm)"),
            "leave them out for one long note": way(("every_beats = 1\n", "")),
        },
    ),
    Case(
        "a note of nothing",
        HEAD + TONE + "every_beats = 0.001\n",
        "are less than 1 ms",
        {"make it longer": way(("every_beats = 0.001", "every_beats = 1"))},
    ),
    Case(
        "an empty pattern",
        HEAD + SYNTH.replace("1 . 5 .", " "),
        "the pattern is empty",
        {"write '.' for silence": way(('default = " "', 'default = "{0} A2"'), read=r"write '(\.)' for silence")},
    ),
    Case(
        "degrees without a key",
        HEAD + SYNTH,
        "degrees and chords need a key",
        {
            "set song.key": way(("[song]\n", '[song]\n{0} = "A minor"\n'), read=r"set song\.(key)"),
            "the section's key": way(
                ("[stems.a]", '[[sections]]\nname = "s"\nfill = true\n{0} = "A minor"\n[stems.a]'),
                read="section's (key)",
            ),
            "write notes (G2)": way(("1 . 5 .", "{0}"), read=r"write notes \((\w+)\)"),
        },
    ),
    Case(
        "no rows at all",
        HEAD + DRUMS.replace('[stems.a.patterns.default]\nkick = "x..."', "patterns = {}"),
        "patterns: empty",
        {
            "write a table of rows for at least one of: {}": way(
                ("patterns = {}", 'patterns.{0} = { kick = "x" }'), read="at least one of: (default)"
            )
        },
    ),
    Case(
        "a table that is none",
        HEAD + DRUMS.replace('[stems.a.patterns.default]\nkick = "x..."', 'patterns.default = "x"'),
        "is not a table of rows",
        {
            'write for example {kick = "x...x..."}': way(
                ('patterns.default = "x"', "patterns.default = {0}"), read=r'for example (\{kick = ".*?"\})'
            )
        },
    ),
    Case(
        "a row that is none",
        HEAD + DRUMS.replace('"x..."', "7"),
        "is not a row of steps",
        {'write for example "x...x..."': way(("kick = 7", "kick = {0}"), read=r'for example ("x\S+")')},
    ),
    Case(
        "a row without steps",
        HEAD + DRUMS.replace('"x..."', '"x..."\nsnare = "  "'),
        "a row without steps",
        {
            'write "." for silence': way(('"  "', "{0}"), read=r'write ("\.") for'),
            "remove the row": way(('snare = "  "\n', "")),
        },
    ),
    Case(
        "a fill that is no table",
        HEAD + DRUMS + "fill = 3\nfill_every_bars = 1\n",
        ".fill: 3 is not a table of rows",
        {
            'write for example {snare = "xxxx"}': way(
                ("fill = 3", "fill = {0}"), read=r'for example (\{snare = ".*?"\})'
            )
        },
    ),
    Case(
        "no fill to play",
        HEAD + DRUMS + "fill_every_bars = 1\n",
        "there is no fill to play",
        {
            "add the table {}.fill": way(
                ("fill_every_bars = 1\n", 'fill_every_bars = 1\n[stems.a.{0}]\nsnare = "x"\n'),
                read=r"add the table (\S+?),",
            ),
            "remove it": way(("fill_every_bars = 1\n", "")),
        },
    ),
]

FILES = [
    Case(
        "a name that says another format",
        file("take.raw"),
        "cannot be read as audio under this name",
        {
            "give it a plain name that ends in its format, such as take.wav": way(
                ("take.raw", "{0}"), read=r"such as (take\.wav)"
            )
        },
    ),
    *(
        Case(f"{name} and again", file(name), said, dict.fromkeys(words, way((name, "take.wav"))))
        for name, said, words in (
            (
                "cut.wav",
                "cut short: its header claims 64000 bytes of audio, 62000 are there",
                ["copy or export it again"],
            ),
            ("joined.wav", "several recordings are joined in it", ["separate them", "export it as one"]),
            ("miscounted.wav", "its header says less than the file holds", ["repair the header", "export it again"]),
            ("text.wav", "cannot be read as audio (", ["export it again as one of them"]),
            ("bare.snd", "no header that says its rate and form", ["export it again as WAV"]),
        )
    ),
    Case(
        "no such channel of one",
        file("take.wav", "only_channel = 2"),
        "only_channel asks for number 2",
        {"leave it out": way(("only_channel = 2\n", ""))},
    ),
    Case(
        "no such channel",
        file("stereo.wav", "only_channel = 5"),
        "only_channel asks for number 5",
        {"choose 1 to {}": way(("only_channel = 5", "only_channel = {0}"), read=r"choose 1 to (\d+)")},
    ),
    Case(
        "too many channels",
        file("nine.wav"),
        "can become 1 or 2",
        {
            "choose one with only_channel": more("{0} = 9", "choose one with (only_channel)"),
            "export it with the song's channels": way(("nine.wav", "take.wav")),
        },
    ),
    *(
        Case(
            name,
            file(name),
            said,
            {
                "choose one channel with only_channel": more("{0} = 1", "choose one channel with (only_channel)"),
                words: way((name, again)),
            },
        )
        for name, said, words, again in (
            ("four.wav", "its channel mask 0x3 names 2 speakers for 4 channels", "repair the header", "quad.wav"),
            ("above.wav", "cannot fold down", "mix it to stereo", "stereo.wav"),
            ("ambisonic.wav", "is ambisonic", "decode it to stereo", "stereo.wav"),
            ("objects.wav", "is made of objects by its chna chunk", "render it to stereo", "stereo.wav"),
            ("unnamed.wav", "names no common speaker for channel 1", "mix it to stereo", "stereo.wav"),
        )
    ),
    Case(
        "no number",
        file("nan.wav", 'align = "auto"'),
        "is NaN or infinite",
        {
            "cut around it with start_seconds and duration_seconds": more(
                "{0} = 0\n{1} = 2", "with (start_seconds) and (duration_seconds)"
            ),
            "export it again": way(("nan.wav", "long.wav")),
        },
    ),
    Case(
        "begun behind the end",
        file("take.wav", "start_seconds = 2"),
        "start_seconds is 2, but",
        {"begin before its end": way(("start_seconds = 2", "start_seconds = 0.5"))},
    ),
    Case(
        "less than a frame",
        file("take.wav", "duration_seconds = 0.00001"),
        "less than a frame",
        {"leave it out to take all": way(("duration_seconds = 0.00001\n", ""))},
    ),
    Case(
        "more than there is",
        file("take.wav", "start_seconds = 1", "duration_seconds = 2"),
        "start_seconds + duration_seconds is 3",
        {
            "take less": way(("duration_seconds = 2", "duration_seconds = 1")),
            "leave duration_seconds out to take it to its end": way(("duration_seconds = 2\n", "")),
        },
    ),
    Case(
        "no stamp",
        file("take.wav", 'start = "stamp"'),
        "has no start stamp",
        {
            "leave out start": way(('start = "stamp"\n', "")),
            "give offset_seconds": way(
                ('start = "stamp"', "{0} = 0.1\nduration_seconds = 1"), read="give (offset_seconds)"
            ),
        },
    ),
    Case(
        "twelve hours apart",
        file("at10.wav") + FILE.format("at23.wav").replace(".a]", ".b]") + 'start = "stamp"\nalign = "zero_pad"\n',
        "more than 12 hours are between them",
        {
            'give one of them start = "file"': way(('start = "stamp"', "{0}"), read='(start = "file")'),
            "place it with offset_seconds": way(
                ('start = "stamp"', 'start = "file"\n{0} = 0.25'), read="with (offset_seconds)"
            ),
        },
    ),
    Case(
        "stamps that differ",
        file("at10.wav") + FILE.format("at10_and_a_half.wav").replace(".a]", ".b]") + 'align = "zero_pad"\n',
        "and both begin with the song",
        {
            'place it with start = "stamp"': way(
                ('align = "zero_pad"', 'align = "zero_pad"\n{0}'), read='place it with (start = "stamp")'
            ),
            'say that it is right with start = "file"': way(
                ('align = "zero_pad"', 'align = "zero_pad"\n{0}'), read='right with (start = "file")'
            ),
        },
    ),
]

COMMANDS = [
    Case(
        "no tempo to fill in",
        (HEAD + COMMAND.replace('"{output}"]', '"{bpm}", "{output}"]')).replace(*NO_TEMPO),
        "the song has no bpm",
        {"write song.bpm": way(("[song]\n", "[song]\n{0} = 120\n"), read=r"write song\.(bpm)")},
    ),
    Case(
        "no input",
        HEAD + COMMAND.replace('inputs = ["render.py"]\n', ""),
        "{input} is the first of the inputs, and there are none",
        {"list the files it reads in inputs": more('{0} = ["render.py"]', "in (inputs)")},
    ),
    Case(
        "no inputs",
        HEAD + COMMAND.replace('"{input}"', '"{inputs}"').replace('inputs = ["render.py"]\n', ""),
        "{inputs} are the inputs, and there are none",
        {"list at least one file": more('inputs = ["render.py"]')},
    ),
    Case(
        "no such program",
        HEAD + COMMAND.replace(sys.executable, "no-such-program"),
        "no such program on PATH",
        {"write its absolute path": way(("no-such-program", sys.executable))},
    ),
    Case(
        "a folder",
        HEAD + COMMAND.replace(sys.executable, str(Path(sys.executable).parent)),
        "is a folder",
        {"write the program that is in it": way((f'"{Path(sys.executable).parent}"', f'"{sys.executable}"'))},
    ),
    Case(
        "no such file",
        HEAD + COMMAND.replace(sys.executable, "/no/such/program"),
        "no such program; write the absolute path",
        {"write the absolute path of one that is there": way(("/no/such/program", sys.executable))},
    ),
    Case(
        "a script by its path",
        HEAD
        + COMMAND.replace(f'"{sys.executable}", "{{input}}"', '"sub/render.py"').replace(
            'inputs = ["render.py"]\n', ""
        ),
        "a program is found by name on PATH or by absolute path",
        {
            "list a script of your own in inputs and run it as {input}": way(
                ('command = ["sub/render.py", ', '{0} = ["executable.py"]\ncommand = ["{1}", '),
                read=r"in (inputs) and run it as (\{input\})",
            )
        },
    ),
    Case(
        "not its PATH",
        HEAD + COMMAND.replace(sys.executable, "/bin/sh").replace("render.py", "shell.sh"),
        "exit code 127",
        {'write environment = ["PATH"] to hand on yours': more("{0}", r'write (environment = \["PATH"\])')},
    ),
    Case(
        "too slow",
        HEAD + COMMAND.replace("render.py", "slow.py") + "timeout_seconds = 0.1\n",
        "not finished after 0.1 s",
        {"raise timeout_seconds if it needs longer": way(("timeout_seconds = 0.1", "timeout_seconds = 20"))},
    ),
    Case(
        "no command",
        HEAD + '[stems.a]\ngenerator = "command"\ncommand = []\ninputs = ["render.py"]\n',
        "is empty; name the program first",
        {"name the program first, then its arguments": way(("[]", f'["{sys.executable}", "{{input}}", "{{output}}"]'))},
    ),
    Case(
        "no output",
        HEAD + COMMAND.replace(', "{output}"', ""),
        "no argument holds {output}",
        {"add it where the program wants it": way(('"{input}"]', '"{input}", "{0}"]'), read=r"holds (\{output\})")},
    ),
    Case(
        "a NUL",
        HEAD + COMMAND.replace('"{output}"', '"{output}", "\\u0000"'),
        "holds a NUL character",
        {"remove it": way((', "\\u0000"', ""))},
    ),
    Case(
        "a brace",
        HEAD + COMMAND.replace('"{output}"', '"{", "{output}"'),
        "a literal brace is doubled",
        {"is doubled: {{ or }}": way(('"{",', '"{0}",'), read=r"doubled: (\{\{) or")},
    ),
    Case(
        "another placeholder",
        HEAD + COMMAND.replace('"{output}"', '"{rate}", "{output}"'),
        "unknown placeholder {rate}",
        {"is doubled: {{ or }}": way(('"{rate}"', '"{{rate}}"'))},
    ),
    Case(
        "inputs inside an argument",
        HEAD + COMMAND.replace('"{output}"', '"in={inputs}", "{output}"'),
        "must be one by itself",
        {"by itself": way(('"in={inputs}"', '"{inputs}"'))},
    ),
    Case(
        "the signing key",
        HEAD + COMMAND + 'environment = ["STEMTASKS_CACHE_KEY"]\n',
        "signs what this build trusts",
        {"remove it": way(('environment = ["STEMTASKS_CACHE_KEY"]\n', ""))},
    ),
    Case(
        "a pattern in build",
        HEAD + COMMAND.replace('["render.py"]', '["render.py", "../build"]'),
        "where files come and go",
        {"name each file": way((', "../build"', ""))},
    ),
]

X = "[deliveries.x]\n"
DELIVERIES = [
    Case(
        "a delivery with nothing in it",
        HEAD + TONE + X + "stems = false\nmaster = false\n",
        "nothing is in it",
        {
            "give it stems, mix, master or previews": way(("stems = false", "stems = true")),
            "leave the table out": way((f"{X}stems = false\nmaster = false\n", "")),
        },
    ),
    Case(
        "a format of a program that is not named",
        HEAD + TONE + X + 'stems = false\nmaster = { format = "command", ending = "m4a" }\n',
        "needs encode and decode",
        {"write all three": way(('"m4a"', '"m4a", encode = ["a", "{output}"], decode = ["b", "{output}"]'))},
    ),
    Case(
        "a program of no format",
        HEAD + TONE + X + 'stems = false\nmaster = { ending = "m4a" }\n',
        "are of format 'command'",
        {
            "leave them out": way(('ending = "m4a"', "")),
            "write that": way(
                (
                    'ending = "m4a"',
                    'format = "command", ending = "m4a", encode = ["a", "{output}"], decode = ["b", "{output}"]',
                )
            ),
        },
    ),
    Case(
        "a date of no calendar",
        HEAD + TONE + '[tags]\ndate = "26.11.2026"\n',
        "tags.date",
        {"write '2026' or '2026-11-26'": way(("26.11.2026", "{0}"), read=r"or '([0-9-]+)'")},
    ),
    Case(
        "a loudness of no master",
        HEAD + TONE + X + "master = false\nloudness_lufs = -16\n",
        "it has no master",
        {
            "leave {} out": way(("loudness_lufs = -16\n", "")),
            "write master = true": way(("master = false", "{0}"), read=r"write (master = true)"),
        },
    ),
    Case(
        "MP3 at a rate that it has not",
        HEAD + TONE + X + 'sample_rate = 96000\nmaster = { format = "mp3" }\n',
        "MP3 has no 96000 Hz",
        {"give the delivery a sample_rate of these": way(("96000", "{0}"), read=r", (\d+); give")},
    ),
    Case(
        "FLAC in float",
        HEAD + TONE + X + 'stems = { format = "flac", subtype = "FLOAT" }\n',
        "FLAC holds no FLOAT",
        {
            "write PCM_24": way(('"FLOAT"', '"{0}"'), read="write (PCM_24)"),
            "or PCM_16": way(('"FLOAT"', '"{0}"'), read="or (PCM_16)"),
            "format = 'wav'": way(('format = "flac"', "{0}"), read="or (format = 'wav')"),
        },
    ),
    Case(
        "two deliveries of one archive",
        HEAD + TONE + '[deliveries."my x"]\n[deliveries.myX]\n',
        "its archive would be",
        {"rename one": way((".myX]", ".y]"))},
    ),
    Case(
        "over full scale as it is delivered",
        file("hot.wav") + X + 'stems = { subtype = "PCM_16" }\n',
        "PCM_16 clips",
        {
            "lower {} by {} dB": more("gain_db = -{0}", r"lower gain_db by ([\d.]+) dB"),
            'deliver it as { format = "wav", subtype = "FLOAT" }': way(
                ('{ subtype = "PCM_16" }', "{0}"), read=r"deliver it as (\{.*?\})"
            ),
        },
        last="convert",
    ),
]

MATCH = '[mix]\nmatch = "reference"\n'
CLIPS = HEAD + '[stems.a]\ngenerator = "clips"\nclips = [{}]\n'
EDITED = HEAD + '[stems.a]\ngenerator = "edited"\nfile = "take.wav"\nedits = [{}]\n'


def clip(name: str, *lines: str) -> str:
    return CLIPS.replace("{}", ", ".join([f'{{ file = "{name}"', *lines]) + " }")


def edit(*edits: str) -> str:
    return EDITED.replace("{}", ", ".join(edits))


LEVELS = [
    Case(
        "a match without a rough mix",
        file("take.wav") + MATCH,
        "there is no rough mix",
        {
            "give reference.file": way(("duration = 2", 'file = "take.wav"')),
            "leave out {}": way((MATCH, "")),
        },
    ),
    Case(
        "a match with other music",
        file("take.wav").replace("duration = 2", 'file = "other.wav"') + MATCH,
        "too little of the reference",
        {
            "give reference.file a mix of these stems, in time with them": way(("other.wav", "take.wav")),
            "leave out match and level": way((MATCH, "")),
        },
        last="match",
    ),
    Case(
        "a match of more stems than there can be",
        HEAD.replace("duration = 2", 'file = "take.wav"')
        + "".join(TONE.replace(".a]", f".s{number}]") for number in range(129))
        + MATCH,
        "more than can be told apart",
        {"leave out {}": way((MATCH, ""))},
        last="reference",
    ),
    Case(
        "two levels for one stem",
        file("take.wav", "loudness_lufs = -20", "gain_db = -3"),
        "both say how loud it is",
        {
            "leave out gain_db": way(("gain_db = -3\n", "")),
            "turn it with mix.gains_db.{}": way(("gain_db = -3\n", "[mix]\ngains_db.a = -3\n")),
        },
    ),
    Case(
        "a loudness of what is too short for one",
        file("take.wav", 'align = "truncate"', "loudness_lufs = -20").replace("duration = 2", "duration = 0.3"),
        "cannot be measured",
        {"leave out loudness_lufs": way(("loudness_lufs = -20\n", ""))},
    ),
    Case(
        "a loudness over full scale in PCM",
        file("take.wav", "loudness_lufs = -5").replace("bpm", 'subtype = "PCM_16"\nbpm'),
        "clips",
        {
            "lower {} by {} dB": way(
                ("loudness_lufs = -5\n", lambda by: f"loudness_lufs = {-5 - float(by)}\n"),
                read=r"lower loudness_lufs by ([\d.]+) dB",
            ),
        },
    ),
]

PIECES = [
    Case(
        "no clip",
        CLIPS.replace("{}", ""),
        "clips: there is none",
        {"give at least one": way(("[]", '[{ file = "take.wav" }]'))},
    ),
    Case(
        "a clip of nothing",
        CLIPS.replace("{}", "{ at = 0 }"),
        "a.clips[0]: give either",
        {"give either 'file' or 'stem', which is what it is a piece of": way(("at = 0", 'file = "take.wav"'))},
    ),
    Case(
        "a clip that begins behind its recording",
        clip("take.wav", "from = 3"),
        "clips[0].from: 0:03.000 is not in it",
        {"begin before its end": way(("from = 3", "from = 1"))},
    ),
    Case(
        "a clip that is longer than its recording",
        clip("take.wav", "from = 1", "length = 2"),
        "clips[0].length: it would end at",
        {"take less": way(("length = 2", "length = 1")), "or leave it out": way((", length = 2", ""))},
    ),
    Case(
        "a clip without a frame",
        clip("take.wav", "length = 0"),
        "clips[0].length: is less than a frame",
        {"leave it out to take all": way((", length = 0", ""))},
    ),
    Case(
        "a clip that ends before it begins",
        clip("take.wav", "at = 1", "repeat_until = 0.5"),
        "clips[0].repeat_until: 0:00.500 is not after its start",
        {"give a later place": way(("0.5", "1.5"))},
    ),
    Case(
        "a fade that is longer than its clip",
        clip("take.wav", "fade_in = 3"),
        "clips[0].fade_in: is longer than the clip",
        {"give at most its length": way(("fade_in = 3", "fade_in = 2"))},
    ),
    Case(
        "a clip behind the stem's duration",
        clip("take.wav") + "duration = 1\n",
        "clips[0]: it ends at 0:02.000, after the stem's duration",
        {
            "take less of it": way(('take.wav"', 'take.wav", length = 1')),
            "give a longer duration": way(("duration = 1\n", "duration = 2\n")),
        },
    ),
    Case(
        "a clip with what is no number",
        clip("nan.wav"),
        "is NaN or infinite",
        {"take another part of it": way(('nan.wav"', 'nan.wav", length = 2'))},
    ),
    Case(
        "a join that jumps",
        clip("odd.wav", 'length = 0.50125 }, { file = "odd.wav"', "from = 0.00125") + "overlap_ms = 0\n",
        "at the join at 0.501 s the waveform jumps",
        {
            "give a longer overlap_ms": way(("overlap_ms = 0", "overlap_ms = 20")),
            "or join it elsewhere": way(("from = 0.00125", "from = 0.50125")),
            "allow it with verify.{}": allowed("{0} = 100"),
        },
    ),
    Case(
        "an edit behind the recording",
        edit('{ do = "cut", from = 1, to = 3 }'),
        "edits[0].to: 0:03.000 is not in it",
        {"give a time in it": way(("to = 3", "to = 1.5"))},
    ),
    Case(
        "an edit of nothing",
        edit('{ do = "silence", from = 1, to = 1 }'),
        "edits[0].to: 0:01.000 is not after its start",
        {"give a later time": way(("to = 1", "to = 1.5"))},
    ),
    Case(
        "a copy of more than there is",
        edit('{ do = "replace", from = 0, to = 1, with = 1.5 }'),
        "edits[0].with: the copy would end at 0:02.500",
        {"begin it earlier": way(("1.5", "1"))},
    ),
    Case(
        "edits over each other",
        edit('{ do = "cut", from = 0, to = 1 }', '{ do = "reverse", from = 0.5, to = 1.5 }'),
        "edits[1]: it begins at 0:00.500, inside edits[0]",
        {"have them not overlap": way(("from = 0.5", "from = 1"))},
    ),
    Case(
        "an insert inside an edit",
        edit('{ do = "reverse", from = 0, to = 1 }', '{ do = "insert", at = 0.5, from = 1, to = 1.5 }'),
        "edits[1].at: 0:00.500 lies inside edits[0]",
        {"put it at one of its ends": way(("at = 0.5", "at = 1"))},
    ),
    Case(
        "a cut of all",
        edit('{ do = "cut", from = 0, to = 2 }'),
        "edits: they cut all of the recording",
        {"leave some of it": way(("to = 2", "to = 1"))},
    ),
]

CASES = [
    *(replace(case, last="archive") for case in (*LIMITS, *IN_TIME, *AS_WRITTEN)),
    *STRATEGIES,
    *SEAMS,
    *SONGS,
    *AUTOMATION,
    *PARTS,
    *FILES,
    *COMMANDS,
    *DELIVERIES,
    *LEVELS,
    *PIECES,
]

TYPED = (
    "'doit -s -a {}' makes it anew{}",
    "'stemtasks cache replace {}' sends it",
    "'doit check' says all",
    "'doit help {}' shows what may be said",
    "'doit info TASK' and 'doit why TASK' say what is known of a task",
    "'doit list --all' shows the names",
    "'stemtasks cache push' sends them",
    "'openssl rand -hex 32' makes a good one",
    "'verify --repair' removes it",
    "a plain type or a name of stemtasks.units as its annotation",
    "correct the path",
    "run doit without draft=true for that, or 'doit draft=true master' to listen to the draft",
    "write one of them",
    "give 1 or more",
    "give it a default",
    "give the song a name: 'stemtasks new my-song'",
    "go to the folder of the songs and run it there",
    "have one of them read another file",
    "keep it in another folder\n",
    "leave the option out",
    "lower its sample_rate or its subtype",
    "make it executable (chmod +x)",
    "name one in STEMTASKS_CACHE, or as [cache] shared in stemtasks.toml",
    "go into the environment, options into [cache] options",
    "name one that is not there yet, or write another song into spec/ of a project that is",
    "pip install 'stemtasks[remote]'",
    "pip install 'stemtasks[stretch]'",
    "put the file there",
    "rename the file",
    "run 'doit -s -a TASK'",
    "run 'doit {}' first",
    "run doit without -s to mend it",
    "save it as UTF-8",
    "set STEMTASKS_CACHE_MODE=readwrite",
    "shorten the song",
    "take it out of spec/",
    "use a folder, file://, s3://, gs:// or az://",
    "use threads ('doit -P thread')",
    "write [cache]",
    "write a plain value as its default",
    "write {}/my-song.toml, or run 'stemtasks new my-song'",
)
"""What the tests beside the table follow, in files, settings and commands."""

IN_ALBUMS = "spec/test_albums.py::test_a_mistake_is_one_line_and_what_it_says_mends_it"
OF_ALBUMS = "test_albums.py::test_without_a_loudness_the_songs_own_masters_are_checked_and_too_far_apart_is_one_line"
NAMED = "test_deliveries.py::test_a_format_of_ones_own_is_in_a_folder_once_it_names_its_files"
PLACES = "test_positions.py::test_what_is_no_place_is_one_line_that_says_what_is_one"
IN_A_FILE = "spec/test_edit_files.py::test_a_wrong_file_is_one_line_with_its_place"
IMPORTED = "importing/test_ways_out.py::test_what_an_import_asks_for_helps"
SESSIONS = "another program writes it"
ELSEWHERE = {
    "name mix:SONG": "test_groups.py::test_what_cannot_be_listened_to_is_one_line",
    "name the folder of your recordings: 'stemtasks import takes'": IMPORTED,
    "name the folder of your recordings": IMPORTED,
    "name the folder that it lies in": IMPORTED,
    "name a folder that does": IMPORTED,
    "name a folder of one song": "importing/test_ways_out.py::test_a_folder_of_a_thousand_songs_is_refused",
    "give another name with --name": "importing/test_ways_out.py::test_a_name_that_is_taken_or_none_can_be_given",
    "give one with --name": "importing/test_ways_out.py::test_a_name_that_is_taken_or_none_can_be_given",
    "give another name": "importing/test_ways_out.py::test_a_name_that_is_taken_or_none_can_be_given",
    "name one of them": (
        "importing/test_dawproject.py::test_two_sessions_in_a_folder_are_asked_about_and_one_is_taken"
    ),
    "move it away": "importing/test_ways_out.py::test_audio_that_is_in_the_way_can_be_moved",
    'mend = [{ name = "highpass", cutoff_hz = 10, phase = "zero" }] would take it out': (
        "importing/test_ways_out.py::test_what_is_said_of_dc_takes_it_out"
    ),
    "change what is not right, and run 'doit'": "importing/test_ways_out.py::test_what_is_not_sure_can_be_made_so",
    "take that away where it is right": "importing/test_ways_out.py::test_what_is_not_sure_can_be_made_so",
    "read it, then run doit": "importing/test_builds.py::test_nine_tracks_and_their_mix_build_at_once",
    "write seconds, or text such as {}": PLACES,
    "write '1.1' for the song's start": PLACES,
    "leave one out": "test_groups.py::test_what_cannot_be_listened_to_is_one_line",
    "remove what is too much, or put quotes around a cell that holds the separator": IN_A_FILE,
    "correct its quotes": IN_A_FILE,
    "remove one": IN_A_FILE,
    "name a shorter list": IN_A_FILE,
    "write a function names() beside it": NAMED,
    "copy the dodo.py that 'stemtasks new NAME' writes": (
        "test_deliveries.py::test_a_stage_that_an_older_dodo_file_has_not_is_named_as_such_and_is_there_in_a_new_one"
    ),
    "container = 'zip'": NAMED,
    "give loudness_lufs, or leave gain out": IN_ALBUMS,
    "name the songs in the order of their tracks": IN_ALBUMS,
    "take one out": IN_ALBUMS,
    "give the album a {}": "spec/test_albums.py::test_songs_in_other_forms_need_one_that_the_album_says",
    "give all songs the same channels": "spec/test_albums.py::test_mono_and_stereo_are_no_album",
    "move the table to spec/albums/NAME.toml": (
        "spec/test_albums.py::test_an_album_among_the_songs_is_told_where_to_go"
    ),
    "raise loudness_tolerance_lu": (
        "test_albums.py::test_an_album_that_is_off_its_loudness_is_one_line_and_may_be_allowed"
    ),
    "set [master] loudness_lufs of both closer": OF_ALBUMS,
    "raise loudness_spread_lu": OF_ALBUMS,
    'write gain = "song" and a loudness_lufs': OF_ALBUMS,
    "lower loudness_lufs or deliver it as flac": (
        "stages/test_convert.py::test_an_mp3_that_cannot_be_as_loud_as_asked_can_be_softer_or_a_flac"
    ),
    "build it again": "test_build.py::test_damaged_targets_are_made_right_again_and_nothing_else_runs",
    "close what writes it and run doit again": (
        "test_failures.py::test_an_input_that_changes_while_its_task_runs_fails_it_and_the_next_build_is_right"
    ),
    "free some space": (
        "test_failures.py::test_a_full_or_read_only_disk_is_one_line_and_with_room_the_next_build_is_right"
    ),
    "run this in a song's folder": "watch/test_watching.py::test_what_cannot_be_done_is_one_line_with_a_way_out",
    "leave it out, and a free one is found": (
        "watch/test_watching.py::test_what_cannot_be_done_is_one_line_with_a_way_out"
    ),
    "name another file": "test_draft.py::test_no_song_is_made_of_a_draft_or_called_so",
    "leave the name out": "spec/test_json_schema.py::test_the_schema_is_of_a_whole_song",
    "leave it out, or use -r json": (
        "commands/test_results.py::test_what_a_reporter_of_doits_own_does_not_write_is_refused"
    ),
    "make the folder writable": (
        "test_failures.py::test_a_full_or_read_only_disk_is_one_line_and_with_room_the_next_build_is_right"
    ),
    "name a smaller folder": "spec/test_outside.py::test_more_files_than_anybody_needs_are_a_mistake",
    "run doit": "commands/test_cache.py::test_push_then_pull_fills_a_fresh_clones_local_store_before_anything_is_built",
    "run doit again": "test_cluster.py::test_a_job_that_kills_its_workers_is_one_line_and_the_next_build_is_right",
    "run doit again to go on": (
        "test_failures.py::test_a_stopped_build_goes_on_where_it_was_also_if_its_input_is_reverted"
    ),
    "run doit again when it has ended, or without --no-wait to wait for it": (
        "commands/test_lock.py::test_a_second_build_says_for_whom_it_waits_and_then_has_nothing_to_do"
    ),
    "start it with OPENBLAS_NUM_THREADS=1": (
        "action/test_workers.py::test_numpy_that_is_there_before_stemtasks_has_threads_of_its_own"
    ),
}
"""What a test elsewhere follows."""

BY_HAND = "only who calls the stages without the build's tasks comes here: these make such files again by themselves"
SYSTEM = "it is for the system, or who runs it, to change"
OUTSIDE = {
    "render it as a file of its own": SESSIONS,
    "render it as a file": SESSIONS,
    "render them as a file": SESSIONS,
    "save it from Reaper as .rpp": SESSIONS,
    "save the session again": SESSIONS,
    "export the timeline itself": SESSIONS,
    "export it as WAV or FLAC": "what cannot be read is to be exported as what can",
    "export it as WAV": "the recording is to be exported once more, as those of the other messages are",
    "separate what was joined": "as of what is joined in a WAV, which is followed",
    "have it wait for that{}": "the program is to be changed",
    "look for a filter or a feedback that grows without bound": "no effect of ours grows without bound",
    "lower {} by {} dB, or raise ceiling_dbtp": "no master that the limiter makes is over its ceiling",
    "use another reference": "one that is shorter than a day",
    "export it with 1 or as many as the song": BY_HAND,
    "make the stem again at the song's rate": BY_HAND,
    "process both for the same song": BY_HAND,
    "process it for this song": BY_HAND,
    "let patterns repeat instead": "the same as of one pattern, which is followed",
    "use 'doit run'": "no command of doit is known that comes here",
    "allow this user to read it": SYSTEM,
    "allow this user to read them, and free some space for temporary files": SYSTEM,
    "check the credentials": SYSTEM,
    "correct it": "a file of settings of a million characters",
    "free some space or remove the file, then run doit again: finished work is found through the store": SYSTEM,
    "give it the same, start it again in the folder of dodo.py": SYSTEM,
    "install it": SYSTEM,
    "install its package again": SYSTEM,
    "make its folder writable": SYSTEM,
    "make its folder writable, then run doit clean again": SYSTEM,
    "mount the same files at the same paths": SYSTEM,
    "mount the song's folder there at the same path": SYSTEM,
    "process {} on {} {}, and run doit again": SYSTEM,
    "set it to text": SYSTEM,
    "and set the service's own environment variable": SYSTEM,
    "start it, or change run_in(...) in dodo.py": SYSTEM,
    "uninstall it": SYSTEM,
}
"""What names only an action outside of a song and its commands, and why no test can follow it."""

HELP = {
    "create table if not exists {} (name text primary key, body text, mark text) without rowid",
    "make a folder with a song to start from",
    "build on every save, and show the reports, which update by themselves",
    "look after the local store, and share what was built",
    "read every blob of the local store and say which are bad",
    "remove the bad ones; builds make or fetch them again",
    "remove the least recently used, never what the current build uses",
    "fetch everything the next build needs into the local store",
    "run 'doit -s -a TASK' first to make it anew",
    "say all that is wrong with all songs, without making sound",
    "say what would run, and why",
    "list what would run, be restored or fetched, be verified anew, or is up to date",
    "make its inputs again",
    "stretch needs python-stretch",
    "process {} on {}, since {}: {}\n",
    "wait for it]",
    "begin or end with a dot or a space",
    "make this share (0 to 1) of what is up to date or restored once more and compare, for stemtasks [default: %(default)s]",  # noqa: E501
    "say only what failed, and the last line, for stemtasks",
    "write the results to this file too, as CI servers read them (JUnit's XML), for stemtasks",
    ", which is where the target duration comes from",
}
"""What begins like a remedy and is none: help, SQL, and what a build says of itself."""
