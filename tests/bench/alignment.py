"""Recordings made three and seven times as long: ours, ffmpeg's aloop and acrossfade, and the baseline script.

Drum loops are given cut by 26 ms too, as bounced files often are. ``beats`` is the share of the recording's strong
onsets that are heard, within 15 ms, where they belong in each repetition. ``worst``, ``median`` and ``over 1 dB`` are
the change of level at seams, below the quieter or above the louder of both parts. ``flux`` is the median and the
highest rise of the spectrum at a seam, as a percentile of the rises in stretches as long of the recording itself.
``again`` is the highest correlation of what was added with itself one piece later, ``own`` that of the recording with
itself at any distance from 0.5 s on: medians, and how many of the extensions pass their own.

PyMusicLooper's points are repeated with nothing between them, as a player does, where the program is on ``PATH`` or
named by ``STEMTASKS_PYMUSICLOOPER``; it takes seconds a recording. The baseline's function is run from where its script
is (``STEMTASKS_BASELINE``). Rows of what is not there are left out.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import soundfile

from stemtasks.audio.listening import onsets
from stemtasks.audio.source import Source
from stemtasks.audio.wav import write_wav
from stemtasks.dsp import overlap as dsp
from tests.bench.limiters import RECORDINGS
from tests.bench.measuring import ROOT
from tests.made_stems import as_wav, fitted_file
from tests.repetition import flux_percentiles, own_repetition, repetition
from tests.strategies.test_crossfade import SUSTAINED
from tests.strategies.test_loop import DRUM_LOOPS

TIMES, CUT_MS, NEAR_SECONDS, OVERLAP_SECONDS = (3, 7), 26, 0.015, 0.5
SEAM_SECONDS = 0.05
BASELINE = Path(os.environ.get("STEMTASKS_BASELINE", ROOT.parent / "shared" / "baseline" / "seed_workflow.py"))
HEADINGS = ("beats", "worst", "median", "over 1 dB", "flux", "again", "own", "passed", "speed")


@dataclass
class Figures:
    """What one recording came to: seconds of audio and of work, and the figures of its seams."""

    audio_s: float
    taken_s: float
    kept: float | None = None
    changes_db: list[float] = field(default_factory=list)
    flux: list[float] = field(default_factory=list)
    again: float | None = None
    own: float | None = None


def table() -> None:
    """Print a row a kind of material and tool."""
    if not RECORDINGS.is_dir():
        print("(the recordings are not beside this checkout: set STEMTASKS_RECORDINGS)")
        return
    has_seed = BASELINE.is_file()
    if not has_seed:
        print("(the baseline script is not beside this checkout: its rows are left out; set STEMTASKS_BASELINE)")
    print(f"{'what':26} {'tool':18}" + "".join(f"{heading:>10}" for heading in HEADINGS))
    loops = {"ours": our_loop, "ffmpeg aloop": their_loop} | ({"the baseline's loop": seed_loop} if has_seed else {})
    for what, cut_ms in (("drum loops", 0), (f"drum loops, {CUT_MS} ms short", CUT_MS)):
        for tool, make in loops.items():
            row(what, tool, [make(name, times, cut_ms) for name in DRUM_LOOPS for times in TIMES])
    fades = {"ours": our_crossfade, "ffmpeg acrossfade": their_crossfade}
    fades |= {"the baseline's crossfade": seed_crossfade} if has_seed else {}
    if looper() is None:
        print("(PyMusicLooper is not on PATH: its row is left out; set STEMTASKS_PYMUSICLOOPER)")
    else:
        fades |= {"PyMusicLooper": looper_points}
    for tool, extend in fades.items():
        row("sustained recordings", tool, [extend(name, times) for name in SUSTAINED for times in TIMES])


def looper() -> str | None:
    """Return the program that finds loop points, if there is one."""
    return os.environ.get("STEMTASKS_PYMUSICLOOPER") or shutil.which("pymusiclooper")


def row(what: str, tool: str, figures: list[Figures]) -> None:
    """Print what all recordings of a kind came to."""
    kept = [each.kept for each in figures if each.kept is not None]
    changes = np.array([change for each in figures for change in each.changes_db])
    flux = np.array([percentile for each in figures for percentile in each.flux])
    pairs = [(each.again, each.own) for each in figures if each.again is not None and each.own is not None]
    again, own = np.median(np.array(pairs), axis=0) if pairs else (0.0, 0.0)
    cells = [
        f"{np.mean(kept):.0%}" if kept else "",
        *(
            (f"{changes.max():.2f}", f"{np.median(changes):.2f}", f"{(changes > 1).mean():.0%}")
            if len(changes)
            else [""] * 3
        ),
        f"{np.median(flux):.0f}/{flux.max():.0f}" if len(flux) else "",
        *((f"{again:.2f}", f"{own:.2f}", f"{sum(a > o for a, o in pairs)}/{len(pairs)}") if pairs else [""] * 3),
        f"{sum(each.audio_s for each in figures) / sum(each.taken_s for each in figures):.0f}x",
    ]
    print(f"{what:26} {tool:18}" + "".join(f"{cell:>10}" for cell in cells), flush=True)


def our_loop(name: str, times: int, cut_ms: float) -> Figures:
    """Loop by the song's tempo, which is the recording's."""
    bpm, beats = DRUM_LOOPS[name]
    with tempfile.TemporaryDirectory() as folder:
        path, rate, wanted = _short(f"loops/{name}", folder, cut_ms)
        period = beats * 60.0 * rate / bpm
        began = time.perf_counter()
        made = fitted_file(path, "loop", round(times * period), folder, song_bpm=bpm)
        taken = time.perf_counter() - began
        return Figures(
            len(made.audio) / rate,
            taken,
            _kept(made.audio, rate, wanted, period / rate, times),
            [max(seam.get("dip_db", 0.0), seam.get("rise_db", 0.0)) for seam in made.seams["seam_list"]],
            _flux(made.audio, path, [(seam["frame"], seam["overlap_frames"]) for seam in made.seams["seam_list"]]),
        )


def their_loop(name: str, times: int, cut_ms: float) -> Figures:
    """Repeat the file; its own length is the only grid that aloop knows."""
    bpm, beats = DRUM_LOOPS[name]
    with tempfile.TemporaryDirectory() as folder:
        path, rate, wanted = _short(f"loops/{name}", folder, cut_ms)
        with Source(path) as source:
            frames = source.frames
        began = time.perf_counter()
        made = _ffmpeg(["-i", str(path), "-af", f"aloop=loop={times - 1}:size={frames}"], Path(folder))
        taken = time.perf_counter() - began
        flux = _flux(made, path, [(at * frames, 0) for at in range(1, times)])
        return Figures(len(made) / rate, taken, _kept(made, rate, wanted, beats * 60.0 / bpm, times), flux=flux)


def seed_loop(name: str, times: int, cut_ms: float) -> Figures:
    """Repeat the file with the baseline's fades between; it takes mono."""
    bpm, beats = DRUM_LOOPS[name]
    with tempfile.TemporaryDirectory() as folder:
        path, rate, wanted = _short(f"loops/{name}", folder, cut_ms)
        whole, made, taken = _seed(path, "loop", times)
        joints = range(len(whole), len(made) - len(whole) // 2, len(whole))
        flux = _flux(made, path, [(at, 0) for at in joints])
        kept = _kept(made, rate, wanted, beats * 60.0 / bpm, times)
        return Figures(len(made) / rate, taken, kept, [_butt(made, whole, whole, at, rate) for at in joints], flux)


def our_crossfade(name: str, times: int) -> Figures:
    """Extend by ``crossfade``."""
    with tempfile.TemporaryDirectory() as folder:
        path, rate = as_wav(RECORDINGS / name, folder)
        with Source(path) as source:
            whole = source.read(0, source.frames)
        began = time.perf_counter()
        made = fitted_file(path, "crossfade", times * len(whole), folder)
        taken = time.perf_counter() - began
        seams = [(seam["frame"], seam["overlap_frames"]) for seam in made.seams["seam_list"]]
        changes = [max(seam["dip_db"], seam["rise_db"]) for seam in made.seams["seam_list"]]
        return _extended(made.audio, whole, rate, taken, seams, changes, path)


def their_crossfade(name: str, times: int) -> Figures:
    """Chain the file with itself by acrossfade, half a second each (a fifth of the file at most)."""
    with tempfile.TemporaryDirectory() as folder:
        path, rate = as_wav(RECORDINGS / name, folder)
        with Source(path) as source:
            whole = source.read(0, source.frames)
        overlap = round(min(OVERLAP_SECONDS, len(whole) / rate / 5) * rate)
        chain, last = [], "[0]"
        for at in range(1, times):
            chain.append(f"{last}[{at}]acrossfade=ns={overlap}:c1=qsin:c2=qsin[m{at}]")
            last = f"[m{at}]"
        inputs = [argument for _ in range(times) for argument in ("-i", str(path))]
        began = time.perf_counter()
        made = _ffmpeg([*inputs, "-filter_complex", ";".join(chain), "-map", last], Path(folder))
        taken = time.perf_counter() - began
        seams = [(at * (len(whole) - overlap), overlap) for at in range(1, times)]
        going, coming, window = whole[-overlap:], whole[:overlap], round(SEAM_SECONDS * rate)
        changes = [max(dsp.level_change(made[at : at + overlap], going, coming, window)) for at, _ in seams]
        return _extended(made, whole, rate, taken, seams, changes, path)


def seed_crossfade(name: str, times: int) -> Figures:
    """Extend as the seed does: by its last part, again and again."""
    with tempfile.TemporaryDirectory() as folder:
        path, rate = as_wav(RECORDINGS / name, folder)
        whole, made, taken = _seed(path, "crossfade", times)
        part = int(min((times - 1) * len(whole) / rate * 0.3, 2.0) * rate)
        part = len(whole) // 4 if part >= len(whole) // 2 else part
        joints = range(len(whole), len(made) - part // 2, part)
        changes = [_butt(made, whole, whole[-part:], at, rate) for at in joints]
        return _extended(made, whole, rate, taken, [(at, 0) for at in joints], changes, path)


def looper_points(name: str, times: int) -> Figures:
    """Repeat what lies between the points that PyMusicLooper finds."""
    with tempfile.TemporaryDirectory() as folder:
        path, rate = as_wav(RECORDINGS / name, folder)
        with Source(path) as source:
            whole = source.read(0, source.frames)
        start, stop, taken = _points(RECORDINGS / name)
        part = whole[start:stop]
        count = (times * len(whole) - stop) // len(part) + 1
        made = np.concatenate((whole[:stop], *[part] * count))[: times * len(whole)]
        joints = range(stop, len(made) - len(part) // 2, len(part))
        changes = [_butt(made, whole[:stop], part, at, rate) for at in joints]
        return _extended(made, whole, rate, taken, [(at, 0) for at in joints], changes, path)


@cache
def _points(path: Path) -> tuple[int, int, float]:
    """Return the frames between which the program would loop, or all where it finds none, and the seconds it took."""
    command = [str(looper()), "export-points", "--path", str(path), "--export-to", "stdout"]
    began = time.perf_counter()
    said = subprocess.run([*command, "--min-loop-duration", "0.5"], check=False, capture_output=True, text=True).stdout
    taken = time.perf_counter() - began
    found = [re.search(rf"LOOP_{end}: (\d+)", said) for end in ("START", "END")]
    with Source(path) as source:
        first, last = (at and int(at.group(1)) for at in found)
        return first or 0, last or source.frames, taken


def _extended(
    made: np.ndarray,
    whole: np.ndarray,
    rate: int,
    taken: float,
    seams: list[tuple[int, int]],
    changes: list[float],
    path: Path,
) -> Figures:
    frames = [frame for frame, _ in seams]
    again = repetition(made[frames[0] : frames[-1]], rate, np.diff(frames) / rate) if len(frames) > 2 else None
    return Figures(len(made) / rate, taken, None, changes, _flux(made, path, seams), again, own_repetition(whole, rate))


def _flux(made: np.ndarray, path: Path, seams: list[tuple[int, int]]) -> list[float]:
    with Source(path) as source:
        return flux_percentiles(made, source.read(0, source.frames), source.sample_rate, seams)


def _butt(made: np.ndarray, going: np.ndarray, coming: np.ndarray, at: int, rate: int) -> float:
    """Return the change of level in the 50 ms on either side of a joint without an overlap."""
    near = min(round(SEAM_SECONDS * rate), len(made) - at)
    sounding = made[at - near : at + near]
    parts = np.concatenate((going[-near:], coming[:near]))
    return max(dsp.level_change(sounding, parts, parts, round(0.02 * rate)))


@cache
def _seeds_function() -> Any:
    """Return the baseline's function that extends a stem, out of its script, which does all its work when imported."""
    script = ast.parse(BASELINE.read_text(encoding="utf-8"))
    wanted = [node for node in script.body if getattr(node, "name", "") == "align_stem_duration"]
    names: dict[str, Any] = {"np": np, "sf": soundfile, "os": os}
    exec(compile(ast.Module(wanted, []), str(BASELINE), "exec"), names)
    return names["align_stem_duration"]


def _seed(path: Path, strategy: str, times: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the recording in mono, what the seed makes of it, and how long that took."""
    with Source(path) as source:
        rate, whole = source.sample_rate, source.read(0, source.frames).mean(axis=1, keepdims=True)
    mono, made = path.with_suffix(".mono.wav"), path.with_suffix(".seed.wav")
    write_wav(mono, iter([whole]), rate, 1)
    began = time.perf_counter()
    said = _seeds_function()(str(mono), str(made), times * len(whole) / rate, strategy=strategy)
    taken = time.perf_counter() - began
    assert said["success"], said
    with Source(made) as source:
        return whole, source.read(0, source.frames), taken


def _short(name: str, folder: str, cut_ms: float) -> tuple[Path, int, np.ndarray]:
    """Return a recording's path, rate, and the times of its strong onsets before it was cut."""
    path, rate = as_wav(RECORDINGS / name, folder)
    with Source(path) as source:
        wanted = onsets(source).strong()
        kept = source.read(0, source.frames - round(cut_ms * rate / 1000))
    write_wav(path, iter([kept]), rate, kept.shape[1])
    return path, rate, wanted


def _kept(made: np.ndarray, rate: int, wanted: np.ndarray, period_s: float, times: int) -> float:
    """Return the share of onsets that are heard where they belong."""
    with tempfile.TemporaryDirectory() as folder:
        write_wav(Path(folder) / "made.wav", iter([made]), rate, made.shape[1])
        with Source(Path(folder) / "made.wav") as source:
            heard = onsets(source)
            found, seconds = heard.strong(), heard.seconds
    expected = np.concatenate([wanted + repetition * period_s for repetition in range(times)])
    expected = expected[expected < seconds - 0.05]
    return float(np.mean([np.abs(found - at).min(initial=9.0) <= NEAR_SECONDS for at in expected]))


def _ffmpeg(arguments: list[str], folder: Path) -> np.ndarray:
    output = folder / "theirs.wav"
    program = imageio_ffmpeg.get_ffmpeg_exe()
    subprocess.run([program, "-v", "error", "-y", *arguments, "-c:a", "pcm_f32le", str(output)], check=True)
    with Source(output) as source:
        return source.read(0, source.frames)
