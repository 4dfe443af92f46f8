"""The faders, pans and polarities of a mix, from its stems and the mix itself.

The model: sum = level(time) * tone(frequency) * the sum of gain * stem, a gain for each stem and channel that is not
negative, a polarity for each stem. ``level`` and ``tone`` are what a master did to all of it (compressor, limiter,
equaliser). Each of the three is least squares while the others stand still, in turns.

Cells (``dsp/cells.py``) are weighted by what is left of them, so that a loud bass does not decide for all, and what the
stems cannot explain counts little: P. Holland, R. Welsch, 'Robust regression using iteratively reweighted
least-squares', Communications in Statistics A6, 1977; the weights are Cauchy's. Gains: C. Lawson, R. Hanson, 'Solving
Least Squares Problems', 1974, ch. 23. Errors: H. White, 'A heteroskedasticity-consistent covariance matrix
estimator', Econometrica 48, 1980, over windows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from stemtasks.dsp.cells import Cells

Values = NDArray[np.float64]

TURNS = 200
SETTLED = 1e-4
"""Of each gain: turns that change less are the last; a tone and the gains of stems in few bands settle slowly."""
SETTLED_TURNS = 6
"""Polarities are looked for in these first turns, then they stand."""
MODEL_ERROR = 0.01
"""Of a cell's power: no cell is trusted further, since no master is a level and a tone alone."""
FLOOR = 1e-6
"""Of a band's mean power: what is softer says nothing."""
RIDGE = 1e-6
UNHEARD = 1e-3
"""Of what the stems have in a band: a sum that has less of it was filtered, and the band says nothing of gains."""
MOST_DB = 24.0
"""What a master does to a band or to a window is within this."""
ALIKE = (1e-5, 1e-2)
"""Stems are not told apart where less than this share of their power is not the other's: the first of a clean sum, the
second of one of which a quarter of a per cent or more is left over."""
TOGETHER = 1e-3
"""How firmly those are held at one gain, of their power."""
ONE_SIDED = 1e-4
"""Of a stem's power: a channel that has less of it has no gain of its own."""
STEEPEST = 1.3
"""Radians by which a band may be turned: an equaliser's phase, not another polarity."""
_DB = 20.0 / np.log(10.0)


@dataclass(frozen=True)
class Faders:
    """What was found.

    ``gains`` has the shape (channels, stems), negative where a polarity is inverted, ``errors`` its standard errors.
    ``tone`` (complex, by band) is 0 dB in the middle, ``level_db`` (by window) on average. ``residual``, ``modelled``
    and ``measured`` are powers by window, band and channel: of what is left, of the sum of gain * stem, and of what is
    looked for; ``powers`` are those of the stems, shape (channels, stems). ``independence`` is the share of each
    stem's power that the others cannot stand for; ``alike`` are the stems that are held at one gain.
    """

    gains: Values
    errors: Values
    tone: NDArray[np.complex128]
    level_db: Values
    residual: Values
    modelled: Values
    measured: Values
    powers: Values
    independence: Values
    alike: tuple[tuple[int, ...], ...]


def faders_of(cells: Cells) -> Faders:
    """Return the gains whose sum is nearest to what the cells are of."""
    return _Turns(cells).found()


class _Turns:
    """The state of the search between its turns."""

    def __init__(self, cells: Cells) -> None:
        self.cells = cells
        windows, bands, channels, stems = cells.cross.shape
        self.tone_db, self.turned, self.level_db = np.zeros(bands), np.zeros(bands), np.zeros(windows)
        self.band_power = cells.power.mean(axis=(0, 2)) + 1e-30
        self.expected = _expected(cells)
        self.is_heard = heard_bands(cells.power, self.expected)[:, None]
        self.weights: Values = self.is_heard / (cells.power + self.expected + FLOOR * self.band_power[:, None])
        self.unclear = ALIKE[1]
        self.signs, self.gains = np.ones(stems), np.zeros((channels, stems))
        self.alike: tuple[tuple[int, ...], ...] = ()
        self.gram, self.cross = self._normal()
        self.yy, self.yr = np.zeros(cells.power.shape), np.zeros(cells.power.shape, dtype=np.complex128)

    def found(self) -> Faders:
        """Take all turns, and return where they ended."""
        for turn in range(TURNS):
            self.gram, self.cross = self._normal()
            self.alike = groups_alike(self.gram.sum(axis=0), self.unclear)
            before = self.gains.copy()
            self._solve(turn < SETTLED_TURNS)
            self._sum()
            if turn >= 2:  # a tone of stems at first gains would explain their faders
                self._tone()
                self._level()
            residual = self._residual()
            left = float(residual.sum()) / max(float(self.cells.power.sum()), 1e-30)
            self.unclear = float(np.clip(4.0 * left, *ALIKE))
            known = residual + MODEL_ERROR * self.cells.power + FLOOR * self.band_power[:, None]
            self.weights = self.is_heard / known
            if turn >= SETTLED_TURNS and np.all(np.abs(self.gains - before) <= SETTLED * np.abs(self.gains)):
                break
        errors = self._errors()
        gains, errors = one_sided(self.gains, errors, self.gram)
        tone = 10 ** (self.tone_db / 20) * np.exp(1j * self.turned)
        independence = independence_of(self.gram.sum(axis=0))
        powers = self.cells.gram.diagonal(axis1=3, axis2=4).sum(axis=(0, 1), dtype=np.float64)
        return Faders(
            gains,
            errors,
            tone,
            self.level_db,
            residual,
            self.yy,
            self.cells.power,
            powers,
            independence,
            self.alike,
        )

    @property
    def _factor(self) -> Values:
        """Level times tone, shape (windows, bands)."""
        factor: Values = 10 ** ((self.level_db[:, None] + self.tone_db) / 20)
        return factor

    def _normal(self) -> tuple[Values, Values]:
        """Return the normal equations, shapes (channels, stems, stems) and (channels, stems)."""
        channels, stems = self.cells.cross.shape[2:]
        gram, cross = np.zeros((channels, stems, stems)), np.zeros((channels, stems))
        factor, back = self._factor, np.exp(-1j * self.turned)
        for window, weights in enumerate(self.weights):  # a window at a time, as float64
            weighted = weights * factor[window][:, None]
            for channel in range(channels):
                of_gram = self.cells.gram[window, :, channel].astype(np.float64)
                gram[channel] += np.tensordot(weighted[:, channel] * factor[window], of_gram, axes=1)
                cross[channel] += ((weighted[:, channel] * back) @ self.cells.cross[window, :, channel]).real
        return gram, cross

    def _solve(self, polarities_are_open: bool) -> None:
        power = self.gram.sum(axis=0).diagonal()
        held = self.gram + _together(self.alike, self.gram.sum(axis=0))
        if polarities_are_open:
            free = np.array([_free(*each) for each in zip(held, self.cross, strict=True)])
            weight = self.gram.diagonal(axis1=1, axis2=2)
            self.signs = np.where((free * weight).sum(axis=0) < 0.0, -1.0, 1.0)
        for channel, (gram, cross) in enumerate(zip(held, self.cross, strict=True)):
            turned = gram * np.outer(self.signs, self.signs)
            self.gains[channel] = self.signs * _not_negative(turned, cross * self.signs)
        self.gains[:, power <= 0.0] = 0.0

    def _sum(self) -> None:
        """Note the power of the sum at these gains, and its cross power with what is looked for."""
        for window in range(len(self.yy)):
            for channel, gains in enumerate(self.gains):
                gram = self.cells.gram[window, :, channel].astype(np.float64)
                self.yy[window, :, channel] = np.maximum((gram @ gains) @ gains, 0.0)
                self.yr[window, :, channel] = self.cells.cross[window, :, channel] @ gains

    def _tone(self) -> None:
        """Find what a master did to each band: smooth over bands, and 0 dB where nothing says otherwise.

        It is 0 dB in the middle too: of the median, which a lossy encoder's missing top does not move.
        """
        level = 10 ** (self.level_db / 20)[:, None, None]
        met = (self.weights * level * self.yr).sum(axis=(0, 2))
        power = (self.weights * level**2 * self.yy).sum(axis=(0, 2))
        angle = np.angle(met)
        self.turned = np.clip(angle, -STEEPEST, STEEPEST)
        found_db = _ratio_db(np.abs(met) * np.cos(angle - self.turned), power)
        bands = len(power)
        sure = power / max(float(power.max()), 1e-30)
        bend = np.diff(np.eye(bands), 2, axis=0)
        tone_db = np.linalg.solve(np.diag(sure) + 1e-3 * np.eye(bands) + 1.5e-2 * bend.T @ bend, sure * found_db)
        heard = sure > 1e-3
        self.tone_db = tone_db - (float(np.median(tone_db[heard])) if heard.any() else 0.0)

    def _level(self) -> None:
        """Find what a master did to each window: 0 dB where nothing says otherwise, and on average."""
        tone = 10 ** (self.tone_db / 20)[:, None]
        met = (self.weights * tone * (self.yr * np.exp(-1j * self.turned)[:, None]).real).sum(axis=(1, 2))
        power = (self.weights * tone**2 * self.yy).sum(axis=(1, 2))
        sure = power / max(float(power.mean()), 1e-30)
        level_db = sure / (sure + 0.05) * _ratio_db(met, power)
        self.level_db = level_db - np.average(level_db, weights=sure + 1e-9)

    def _residual(self) -> Values:
        factor = self._factor[:, :, None]
        met = (self.yr * np.exp(-1j * self.turned)[:, None]).real
        residual: Values = np.maximum(self.cells.power - 2.0 * factor * met + factor**2 * self.yy, 0.0)
        return residual

    def _errors(self) -> Values:
        """Return the standard errors of the gains, from how much each window would change them."""
        errors = np.zeros_like(self.gains)
        factor, back = self._factor, np.exp(-1j * self.turned)
        for channel, gains in enumerate(self.gains):
            scores = []
            for window, weights in enumerate(self.weights[:, :, channel]):
                wanted = (back[:, None] * self.cells.cross[window, :, channel]).real
                left = wanted - factor[window][:, None] * (self.cells.gram[window, :, channel].astype(float) @ gains)
                scores.append((weights * factor[window]) @ left)
            spread = np.array(scores).T @ np.array(scores)
            inverse = np.linalg.pinv(self.gram[channel], rcond=1e-9, hermitian=True)
            errors[channel] = np.sqrt(np.maximum((inverse @ spread @ inverse).diagonal(), 0.0))
        return errors


def _expected(cells: Cells) -> Values:
    """Return the stems' power in each cell at one gain, that which brings bands to the sum's power in the middle."""
    stems = cells.gram.diagonal(axis1=3, axis2=4).sum(axis=3, dtype=np.float64)
    of_stems, of_sum = stems.sum(axis=(0, 2)), cells.power.sum(axis=(0, 2))
    both = (of_stems > 0.0) & (of_sum > 0.0)
    ratio = float(np.median(of_sum[both] / of_stems[both])) if both.any() else 0.0
    expected: Values = ratio * stems
    return expected


def heard_bands(power: Values, expected: Values) -> NDArray[np.bool_]:
    """Return which bands the sum has, as far as the stems have them: a lossy encoder leaves nothing of the highest."""
    heard: NDArray[np.bool_] = power.sum(axis=(0, 2)) > UNHEARD * expected.sum(axis=(0, 2))
    return heard


def groups_alike(gram: Values, unclear: float) -> tuple[tuple[int, ...], ...]:
    """Return the stems that resemble one another so much that only their sum is known, in groups of two or more.

    In each pair less than ``unclear`` of a stem's power is not the other's.
    """
    power = gram.diagonal()
    scale = np.sqrt(np.outer(power, power))
    near = np.abs(gram) > np.sqrt(1.0 - unclear) * np.where(scale > 0.0, scale, np.inf)
    group = np.arange(len(power))
    for one, other in np.argwhere(np.triu(near, 1)):
        group[group == group[other]] = group[one]
    found = [tuple(np.flatnonzero(group == number).tolist()) for number in np.unique(group)]
    return tuple(sorted(members for members in found if len(members) > 1))


def independence_of(gram: Values) -> Values:
    """Return the share of each stem's power that no sum of the others has: 1 of what is alone, 0 of what is silent."""
    power = gram.diagonal().copy()
    scale = 1.0 / np.sqrt(np.where(power > 0.0, power, 1.0))
    normed = gram * np.outer(scale, scale) + RIDGE * np.eye(len(power))
    share: Values = np.where(power > 0.0, 1.0 / np.linalg.inv(normed).diagonal(), 0.0)
    return np.clip(share, 0.0, 1.0)


def one_sided(gains: Values, errors: Values, gram: Values) -> tuple[Values, Values]:
    """Return the gains where a channel that has nothing of a stem takes the other channel's."""
    power = gram.diagonal(axis1=1, axis2=2)
    most = power.argmax(axis=0)
    nothing = power < ONE_SIDED * power.max(axis=0)
    stems = np.arange(gains.shape[1])
    return np.where(nothing, gains[most, stems], gains), np.where(nothing, errors[most, stems], errors)


def _together(alike: tuple[tuple[int, ...], ...], gram: Values) -> Values:
    """Return what holds stems that are alike at one gain: the distance of each pair, squared, of their power."""
    held = np.zeros_like(gram)
    for members in alike:
        for place, one in enumerate(members):
            for other in members[place + 1 :]:
                firmly = TOGETHER * min(gram[one, one], gram[other, other])
                sign = 1.0 if gram[one, other] > 0.0 else -1.0
                held[[one, other], [one, other]] += firmly
                held[[one, other], [other, one]] -= firmly * sign
    return held


def _normed(gram: Values) -> tuple[Values, Values]:
    """Return the equations with powers of one, a little of each added, and the scale of the unknowns."""
    power = gram.diagonal()
    scale = 1.0 / np.sqrt(np.where(power > 0.0, power, 1.0))
    return gram * np.outer(scale, scale) + RIDGE * np.eye(len(power)), scale


def _free(gram: Values, cross: Values) -> Values:
    normed, scale = _normed(gram)
    solved: Values = scale * np.linalg.solve(normed, scale * cross)
    return solved


def _not_negative(gram: Values, cross: Values) -> Values:
    normed, scale = _normed(gram)
    values, vectors = np.linalg.eigh(normed)
    roots = np.sqrt(np.maximum(values, RIDGE))
    solved: Values = scale * nnls(roots[:, None] * vectors.T, (vectors.T @ (scale * cross)) / roots)[0]
    return solved


def _ratio_db(met: Values, power: Values) -> Values:
    ratio = np.maximum(met, 1e-30) / np.maximum(power, 1e-30)
    found: Values = np.clip(_DB * np.log(ratio), -MOST_DB, MOST_DB)
    return found
