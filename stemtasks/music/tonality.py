"""How notes fit a key: against its scale, and against the same scale on every other tonic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stemtasks.music.pitch import SCALES, Key, parse_key

TONIC, FIFTH, THIRD, OTHER = 1.0, 0.8, 0.7, 0.5
"""What notes of a scale weigh, others being 0. In C. Krumhansl's profiles (1990) notes outside the scale weigh nearly
as much as its leading note, and the keys a fifth away are hard to tell."""


KINDS = (("major", SCALES["major"]), ("minor", SCALES["minor"]))
TONICS = {
    3: ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B"),
    4: ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"),
}
"""As keys are mostly written, by the semitones of the scale's third."""


@dataclass(frozen=True)
class Fit:
    """How well a key fits: ``margin`` is its correlation less that of the best other tonic, ``best`` the best key."""

    margin: float
    best: str


def share(chroma: Sequence[float], key: Key) -> float:
    """Return the share of a chroma (12 numbers, C first, of sum 1) that lies on the notes of a key."""
    return sum(chroma[(key.tonic + step) % 12] for step in key.scale)


def fit(chroma: Sequence[float], name: str) -> Fit:
    """Return how well the named key fits a chroma, against the same scale on the eleven other tonics.

    A major key that is heard as its relative minor fits: the notes are the same. One that is heard as its parallel
    minor does not, since the major scale a minor third above has those notes.
    """
    key = parse_key(name)
    values = [_correlation(chroma, _profile(Key(tonic, key.scale))) for tonic in range(12)]
    others = [value for tonic, value in enumerate(values) if tonic != key.tonic]
    best = values.index(max(values))
    scale = name.strip().split(" ", 1)[1]
    return Fit(values[key.tonic] - max(others), name if best == key.tonic else f"{TONICS[key.scale[2]][best]} {scale}")


@dataclass(frozen=True)
class Found:
    """The best key, its correlation less that of the best key with other notes, and the key of the same notes."""

    key: str
    margin: float
    relative: str
    relative_margin: float


def best_key(chroma: Sequence[float]) -> Found:
    """Return the major or minor key that fits a chroma best.

    Its relative has the same notes, and is told from it by their weights alone: ``relative_margin`` says how well.
    """
    keys = {f"{TONICS[scale[2]][tonic]} {name}": Key(tonic, scale) for name, scale in KINDS for tonic in range(12)}
    values = {name: _correlation(chroma, _profile(key)) for name, key in keys.items()}
    best = max(values, key=lambda name: values[name])
    relative = next(name for name in keys if name != best and _notes(keys[name]) == _notes(keys[best]))
    others = max(value for name, value in values.items() if name not in (best, relative))
    return Found(best, values[best] - others, relative, values[best] - values[relative])


def _notes(key: Key) -> frozenset[int]:
    return frozenset((key.tonic + step) % 12 for step in key.scale)


def _profile(key: Key) -> list[float]:
    weights = dict.fromkeys(key.scale, OTHER) | {key.scale[2]: THIRD, key.scale[4]: FIFTH, 0: TONIC}
    return [weights.get((note - key.tonic) % 12, 0.0) for note in range(12)]


def _correlation(a: Sequence[float], b: Sequence[float]) -> float:
    """Return Pearson's correlation, 0 where one of both is flat."""
    mean_a, mean_b = sum(a) / len(a), sum(b) / len(b)
    pairs = [(x - mean_a, y - mean_b) for x, y in zip(a, b, strict=True)]
    energy = sum(x * x for x, _ in pairs) * sum(y * y for _, y in pairs)
    return sum(x * y for x, y in pairs) / energy**0.5 if energy > 0.0 else 0.0
