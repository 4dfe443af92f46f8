"""Recordings made three and seven times as long: ours, and ffmpeg's aloop and acrossfade.

Drum loops are given cut by 26 ms too, as bounced files often are. ``beats`` is the share of the recording's strong
onsets that are heard, within 15 ms, where they belong in each repetition. ``seams`` are the worst and the median
change of level at seams, below the quieter or above the louder of both parts, in dB, and the share of seams over 1 dB.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path

import imageio_ffmpeg
import numpy as np

from stemtasks.audio.listening import onsets
from stemtasks.audio.source import Source
from stemtasks.audio.wav import write_wav
from stemtasks.dsp import overlap as dsp
from tests.bench.limiters import RECORDINGS
from tests.made_stems import as_wav, fitted_file
from tests.strategies.test_crossfade import SUSTAINED
from tests.strategies.test_loop import DRUM_LOOPS

TIMES, CUT_MS, NEAR_SECONDS, OVERLAP_SECONDS = (3, 7), 26, 0.015, 0.5


def table() -> None:
    """Print a row a kind of material and tool."""
    if not RECORDINGS.is_dir():
        print("(the recordings are not beside this checkout: set STEMTASKS_RECORDINGS)")
        return
    print(f"{'what':36} {'tool':18} {'beats':>6} {'worst':>6} {'median':>7} {'over 1 dB':>10} {'speed':>7}")
    for what, cut_ms in (("drum loops", 0), (f"drum loops, {CUT_MS} ms short", CUT_MS)):
        for tool, make in {"ours": our_loop, "ffmpeg aloop": their_loop}.items():
            row(what, tool, [make(name, times, cut_ms) for name in DRUM_LOOPS for times in TIMES])
    for tool, make in {"ours": our_crossfade, "ffmpeg acrossfade": their_crossfade}.items():
        row("sustained recordings", tool, [make(name, times) for name in SUSTAINED for times in TIMES])


Figures = tuple[float | None, list[float], float, float]  # beats kept, level changes in dB, seconds of audio, seconds


def row(what: str, tool: str, figures: list[Figures]) -> None:
    """Print what all recordings of a kind came to."""
    beats = [kept for kept, *_ in figures if kept is not None]
    changes = [change for _, changes, *_ in figures for change in changes] or [0.0]
    speed = sum(audio for *_, audio, _ in figures) / sum(taken for *_, taken in figures)
    kept = f"{np.mean(beats):.0%}" if beats else ""
    over = np.mean(np.array(changes) > 1.0)
    print(f"{what:36} {tool:18} {kept:>6} {max(changes):6.2f} {np.median(changes):7.2f} {over:10.0%} {speed:6.0f}x")


def our_loop(name: str, times: int, cut_ms: float) -> Figures:
    """Loop by the song's tempo, which is the recording's."""
    bpm, beats = DRUM_LOOPS[name]
    with tempfile.TemporaryDirectory() as folder:
        path, rate, wanted = _short(f"loops/{name}", folder, cut_ms)
        period = beats * 60.0 * rate / bpm
        began = time.perf_counter()
        made = fitted_file(path, "loop", round(times * period), folder, song_bpm=bpm)
        taken = time.perf_counter() - began
        changes = [max(seam.get("dip_db", 0.0), seam.get("rise_db", 0.0)) for seam in made.seams["seam_list"]]
        return _kept(made.audio, rate, wanted, period / rate, times), changes, len(made.audio) / rate, taken


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
        return _kept(made, rate, wanted, beats * 60.0 / bpm, times), [], len(made) / rate, taken


def our_crossfade(name: str, times: int) -> Figures:
    """Extend by ``crossfade``."""
    with tempfile.TemporaryDirectory() as folder:
        path, rate = as_wav(RECORDINGS / name, folder)
        with Source(path) as source:
            frames = source.frames * times
        began = time.perf_counter()
        made = fitted_file(path, "crossfade", frames, folder)
        taken = time.perf_counter() - began
        changes = [max(seam["dip_db"], seam["rise_db"]) for seam in made.seams["seam_list"]]
        return None, changes, frames / rate, taken


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
        changes = []
        for at in range(1, times):
            start = at * (len(whole) - overlap)
            changes.append(
                max(
                    dsp.level_change(
                        made[start : start + overlap], whole[-overlap:], whole[:overlap], round(0.05 * rate)
                    )
                )
            )
        return None, changes, len(made) / rate, taken


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
